"""tail --follow beside a live writer, and readers of rings that are overwritten under them."""

import csv
import os
import queue
import signal
import subprocess
import threading
import time
import unittest

import numpy as np
from query_store import SANITIZED, T0, Store, program

PATIENCE_S = 120 if SANITIZED else 60


class Follower:
    """A running `tail --follow` or the like; its lines as they come."""

    def __init__(self, store, *arguments, command="tail"):
        command = [program("ingest-query"), command, "--follow", "--format", "csv", "--time", "ns", "--store", store.path]
        self.run = subprocess.Popen(command + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.errors = queue.Queue(), queue.Queue()
        self.threads = [threading.Thread(target=self.read, args=pair)
                        for pair in ((self.run.stdout, self.lines), (self.run.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))
        stream.close()

    def take(self, count):
        return [next(csv.reader([self.lines.get(timeout=PATIENCE_S)])) for _ in range(count)]

    def stop(self, number=signal.SIGINT):
        self.run.send_signal(number)
        code = self.run.wait(PATIENCE_S)
        for thread in self.threads:
            thread.join()
        return code


class Follow(unittest.TestCase):
    def setUp(self):
        self.store = Store()
        self.followers = []

    def tearDown(self):
        for follower in self.followers:
            if follower.run.poll() is None:
                follower.stop(signal.SIGKILL)
        self.store.close()

    def follow(self, *arguments, **options):
        self.followers.append(Follower(self.store, *arguments, **options))
        return self.followers[-1]

    def test_ends_when_nobody_reads(self):
        self.store.add("a", np.arange(3.0), T0 + np.arange(3))
        command = [program("ingest-query"), "tail", "--follow", "a", "--store", self.store.path]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdout.readline()
        run.stdout.close()
        errors = run.stderr.read()
        run.stderr.close()
        self.assertEqual((run.wait(PATIENCE_S), errors), (0, b""))

    def test_samples_as_they_arrive(self):
        self.store.add("a", np.arange(5.0), T0 + np.arange(5))
        follower = self.follow("a", "-n", "2")
        self.assertEqual(follower.take(3), [["time", "value"], [str(T0 + 3), "3"], [str(T0 + 4), "4"]])
        for i in range(5, 400, 50):  # a growing series: its files are extended under the reader
            begin = time.monotonic()
            self.store.append("a", np.arange(i, i + 50.0), T0 + np.arange(i, i + 50))
            self.assertEqual(follower.take(50), [[str(T0 + k), str(k)] for k in range(i, i + 50)])
            self.assertLess(time.monotonic() - begin, PATIENCE_S / 4)
        self.assertEqual(follower.stop(), 0)
        self.assertTrue(follower.errors.empty() and follower.lines.empty())

    def test_a_series_without_samples(self):
        self.store.create("e", "i4", clock="regular", capacity=100, period_ps=10**9)
        follower = self.follow("e")
        self.assertEqual(follower.take(1), [["time", "value"]])
        self.store.append_regular("e", np.arange(3, dtype="i4"), T0, 10**9)
        self.assertEqual(follower.take(3), [[str(T0 + k * 10**6), str(k)] for k in range(3)])
        self.assertEqual(follower.stop(signal.SIGTERM), 0)

    def test_several_series(self):
        for name in "ab":
            self.store.add(name, np.arange(1.0), [T0])
        follower = self.follow("?")
        self.assertEqual(follower.take(3), [["series", "time", "value"], ["a", str(T0), "0"], ["b", str(T0), "0"]])
        self.store.append("b", np.array([7.0]), [T0 + 1])
        self.assertEqual(follower.take(1), [["b", str(T0 + 1), "7"]])
        self.assertEqual(follower.stop(), 0)

    def test_a_lapped_ring_says_how_many_were_missed(self):
        self.store.add("r", np.arange(10.0), T0 + np.arange(10), capacity=100)
        follower = self.follow("r", "-n", "0")
        follower.take(1)
        os.kill(follower.run.pid, signal.SIGSTOP)
        for i in range(10, 510, 50):
            self.store.append("r", np.arange(i, i + 50.0), T0 + np.arange(i, i + 50))
        os.kill(follower.run.pid, signal.SIGCONT)
        rows = follower.take(100)
        self.assertEqual([float(row[1]) for row in rows], list(range(410, 510)))
        self.assertIn("400 rows were overwritten", follower.errors.get(timeout=PATIENCE_S))
        self.assertEqual(follower.stop(), 0)

    def test_a_new_writer(self):
        self.store.add("a", np.arange(5.0), T0 + np.arange(5))
        follower = self.follow("a", "-n", "1")
        follower.take(2)
        self.store.stop()
        self.store.start()  # changes the epoch with the first append
        self.store.append("a", np.array([5.0]), [T0 + 5])
        self.assertEqual(follower.take(1), [[str(T0 + 5), "5"]])
        self.store.tell("delete a")
        self.store.add("a", np.arange(2.0), T0 + np.arange(2))
        self.assertEqual(follower.take(2), [[str(T0), "0"], [str(T0 + 1), "1"]])
        self.assertIn("made anew", follower.errors.get(timeout=PATIENCE_S))
        self.assertEqual(follower.stop(), 0)

    def rolling(self, *arguments):
        """What `rolling` says of all that is there."""
        run = subprocess.run([program("ingest-query"), "rolling", "--store", self.store.path, "--format", "csv", "--time", "ns",
                              *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        return list(csv.reader(run.stdout.splitlines()))

    def test_windows_go_on(self):
        random = np.random.default_rng(31)
        values = random.standard_normal(3000) * 10.0 ** random.integers(-5, 9, 3000)
        times = T0 + np.cumsum(random.integers(1, 10**9, 3000))
        cases = (["--window", "7"], ["--window", "400", "--stat", "var,min,p90", "--step", "3"], ["--window", "20s", "--step", "2"],
                 ["--window", "5s", "--weight", "time"])
        self.store.add("a", values[:50], times[:50])
        followers = [self.follow("a", *case, command="rolling") for case in cases]
        for begin, end in ((50, 51), (51, 390), (390, 420), (420, 2999), (2999, 3000)):
            self.store.append("a", values[begin:end], times[begin:end])
            if begin == 51:
                time.sleep(0.2)
        for case, follower in zip(cases, followers):
            wanted = self.rolling("a", *case)
            self.assertGreater(len(wanted), 800)
            rows = follower.take(len(wanted))
            self.assertEqual([row[0] for row in rows], [row[0] for row in wanted], case)
            # Sums over spans of time are grouped by the pieces that samples come in; of a number of samples the last digit may
            # depend on them (stats_moments.h says how far), and what is only picked out does not.
            table, right = ([[float(cell) for cell in row[1:]] for row in all_rows[1:]] for all_rows in (rows, wanted))
            for name, column, expected in zip(wanted[0][1:], np.array(table).T, np.array(right).T):
                spans = case[1].endswith("s")
                bound = 1e-9 if spans else 0 if name in ("min", "max", "p90", "count", "missing") else 1e-13
                slack = 0 if spans or name != "mean" else 1e-14 * np.abs(values).max()
                np.testing.assert_allclose(column, expected, rtol=bound, atol=slack, err_msg=name)
            self.assertEqual(follower.stop(), 0)
            self.assertTrue(follower.errors.empty() and follower.lines.empty())

    def test_windows_of_several_series(self):
        for name in "ab":
            self.store.add(name, np.arange(2.0), T0 + np.arange(2))
        follower = self.follow("?", "--window", "2", "--stat", "sum", command="rolling")
        self.assertEqual(follower.take(3), [["series", "time", "sum"], ["a", str(T0 + 1), "1"], ["b", str(T0 + 1), "1"]])
        self.store.append("b", np.array([7.0]), [T0 + 2])
        self.assertEqual(follower.take(1), [["b", str(T0 + 2), "8"]])
        self.assertEqual(follower.stop(signal.SIGTERM), 0)

    def test_windows_begin_anew_where_rows_are_missing(self):
        self.store.add("r", np.arange(10.0), T0 + np.arange(10), capacity=100)
        follower = self.follow("r", "--window", "4", "--stat", "sum", "--last", "3", command="rolling")
        follower.take(1)
        os.kill(follower.run.pid, signal.SIGSTOP)
        for i in range(10, 510, 50):
            self.store.append("r", np.arange(i, i + 50.0), T0 + np.arange(i, i + 50))
        os.kill(follower.run.pid, signal.SIGCONT)
        rows = follower.take(97)
        self.assertEqual([row[0] for row in rows], [str(T0 + k) for k in range(413, 510)])
        self.assertEqual([float(row[1]) for row in rows], [4 * k - 6 for k in range(413, 510)])
        errors = [follower.errors.get(timeout=PATIENCE_S) for _ in range(2)]
        self.assertTrue(any("r: the windows begin anew" in line for line in errors), errors)
        self.assertTrue(any("400 rows were overwritten" in line for line in errors), errors)
        self.store.tell("delete r")
        self.store.add("r", np.arange(5.0), T0 + np.arange(5))
        self.assertEqual(follower.take(2), [[str(T0 + 3), "6"], [str(T0 + 4), "10"]])
        errors = [follower.errors.get(timeout=PATIENCE_S) for _ in range(2)]
        self.assertIn("made anew", errors[0])
        self.assertIn("windows begin anew", errors[1])
        self.assertEqual(follower.stop(), 0)

    def test_an_interrupt_in_the_middle_of_what_is_there(self):
        self.store.create("long", "f8", clock="regular", period_ps=10**6)
        self.store.append_regular("long", np.zeros(1_000_000), T0, 10**6)
        command = [program("ingest-query"), "rolling", "long", "--window", "2", "--follow", "--store", self.store.path]
        run = subprocess.Popen(command, stdout=subprocess.PIPE)
        run.stdout.readline()
        run.send_signal(signal.SIGINT)
        rows = run.stdout.read().count(b"\n")
        run.stdout.close()
        self.assertEqual(run.wait(PATIENCE_S), 0)
        self.assertLess(rows, 999_000)

    def test_nothing_false_from_a_ring_that_is_overwritten(self):
        """Every row that is kept is right while a writer laps the ring; what is lost is counted."""
        self.store.create("r", "i8", clock="explicit", capacity=4000)
        stop = threading.Event()

        def write():
            at = 0
            while not stop.is_set():
                numbers = np.arange(at, at + 500)
                self.store.append("r", numbers, T0 + numbers * 10)
                at += 500

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(30):
                run = subprocess.run([program("ingest-query"), "dump", "r", "--format", "csv", "--time", "ns", "--store",
                                      self.store.path], capture_output=True, text=True, timeout=PATIENCE_S)
                self.assertEqual(run.returncode, 0, run.stderr)
                rows = list(csv.reader(run.stdout.splitlines()))[1:]
                numbers = np.array([int(row[1]) for row in rows])
                self.assertEqual([int(row[0]) for row in rows], (T0 + numbers * 10).tolist())
                self.assertTrue((np.diff(numbers) >= 1).all())
                for line in run.stderr.splitlines():
                    self.assertIn("rows were overwritten", line)
        finally:
            stop.set()
            writer.join()

    def test_no_window_spans_what_was_overwritten(self):
        self.store.create("w", "i8", clock="explicit", capacity=400_000)
        written = 0
        for over in ("time", "elements"):
            written = self.append_numbers("w", written, 400_000)
            first = written - 400_000
            command = [program("ingest-query"), "rolling", "w", "--window", "50", "--over", over, "--stat", "min,max,count",
                       "--format", "csv", "--time", "ns", "--store", self.store.path]
            run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            lines = [run.stdout.readline() for _ in range(2)]
            # The pipe is full by now, and of the rows behind what is in it most go.
            written = self.append_numbers("w", written, 300_000)
            output, errors = run.stdout.read(), run.stderr.read()
            self.assertEqual(run.wait(PATIENCE_S), 0, errors)
            run.stdout.close()
            run.stderr.close()
            self.assertIn("rows were overwritten", errors)
            rows = np.array([[int(cell) for cell in line.split(",")] for line in lines[1:] + output.splitlines()])
            self.assertEqual(rows[[0, -1], 2].tolist(), [first + 49, first + 399_999])
            self.assertTrue((rows[:, 2] - rows[:, 1] == 49).all())
            self.assertTrue((rows[:, 3] == 50).all())
            self.assertEqual((np.diff(rows[:, 2]) != 1).sum(), 1)

    def append_numbers(self, name, first, count):
        numbers = np.arange(first, first + count)
        self.store.append(name, numbers, T0 + numbers * 10)
        return first + count


if __name__ == "__main__":
    unittest.main()
