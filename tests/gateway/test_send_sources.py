"""ingest-send with a real daemon: line protocol, cosine, this host, refusals and the command line."""

import os
import re
import signal
import socket
import subprocess
import time
import unittest

import numpy as np

from ingest_daemon import PATIENCE_S, Daemon, program
from send_case import SUMMARY, T0, SendCase, read_file


class Lines(SendCase):
    def test_a_file_and_standard_input(self):
        text = ("weather,st=%s temp=21.5,n=3i,u=4u,on=t 1700000000000000000\nweather,st=%s temp=22 1700000001000000000\n"
                % (self.series[5:], self.series[5:])).encode()
        base = "weather/st=%s/" % self.series[5:]
        self.assertEqual(self.send("--lines", self.write("lines.txt", text)), (5, 5, 5, 0, 0))
        np.testing.assert_array_equal(self.values(base + "temp"), [21.5, 22])
        np.testing.assert_array_equal(self.times(base + "temp"), [17 * 10**17, 17 * 10**17 + 10**9])
        self.assertEqual([self.values(base + n).dtype.str for n in ("n", "u", "on")], ["<i8", "<u8", "|u1"])
        # Again: all of it is late now.
        counts = self.send("--lines", data=text, expect=1)
        self.assertEqual(counts, (5, 0, 0, 5, 0))
        self.assertIn("TIME_ORDER", self.stderr)

    def test_many_lines_arrive_once(self):
        series = "many,id=%d" % self.serial
        text = "".join("%s v=%di %d\n" % (series, i, i + 1) for i in range(200_000)).encode()
        self.assertEqual(self.send("--lines", "-", data=text)[:3], (200_000,) * 3)
        np.testing.assert_array_equal(self.values("many/id=%d/v" % self.serial), np.arange(200_000))

    def test_lines_without_a_time_are_stamped(self):
        series = "now,id=%d" % self.serial
        before = time.time_ns()
        self.send("--lines", data=("%s v=1\n%s v=2\n%s w=1" % (series, series, series)).encode())
        np.testing.assert_array_equal(self.values("now/id=%d/v" % self.serial), [1, 2])
        for field in "vw":
            times = self.times("now/id=%d/%s" % (self.serial, field))
            self.assertTrue((times >= before).all() and (times <= time.time_ns()).all())

    def test_a_live_stream(self):
        sender = subprocess.Popen([program("ingest-send"), "--connect", self.daemon.router, "--lines"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            sender.stdin.write(b"live,id=%d v=1\n" % self.serial)
            sender.stdin.flush()
            self.daemon.wait_count("live/id=%d/v" % self.serial, 1)
            sender.send_signal(signal.SIGINT)
            out, error = sender.communicate(timeout=PATIENCE_S)
            self.assertEqual((sender.returncode, out), (0, b"sent 1, stored 1, durable 1, late 0, refused 0\n"), error)
        finally:
            sender.kill()
            sender.wait()

    def test_bad_lines_are_told_and_skipped(self):
        series = "mixed,id=%d" % self.serial
        text = "".join("%s v=%d %d\n" % (series, i, i + 1) for i in range(10_000))
        text += "nonsense\n%s v=1 20000\n%s s=\"text\" 20001\n" % (series, series)
        counts = self.send("--lines", data=text.encode(), expect=1)
        self.assertEqual(counts, (10_001, 10_001, 10_001, 0, 1))
        self.assertIn("refused: line 10001: ", self.stderr)
        self.assertIn("1 string field skipped", self.stderr)
        self.fails(65, "a line of more than", "--lines", data=b"x" * 70_000)

    def test_each_bad_line_is_told(self):
        series = "many,id=%d" % self.serial
        text = "".join("%s v=%d %d\n" % (series, i, i + 1) if i % 7 else "bad\n" for i in range(350))
        self.assertEqual(self.send("--lines", data=text.encode(), expect=1), (300, 300, 300, 0, 50))
        for i in range(0, 350, 7):
            self.assertIn("refused: line %d: " % (i + 1), self.stderr)
        self.assertEqual(self.send("--lines", data=b"bad\n" * 1000, expect=1), (0, 0, 0, 0, 1000))
        self.assertEqual(self.stderr.count("refused: line "), 64)
        self.assertIn("refused: 936 more lines after it", self.stderr)

class Sources(SendCase):
    def test_cosine(self):
        counts = self.send_series("--cosine", "--rate", "10000", "--duration", "30s", "--t0", T0)
        self.assertEqual(counts, (300_000, 300_000, 300_000, 0, 0))
        values = self.values()
        self.assertEqual(values.dtype, np.dtype("f4"))
        noise = values - np.cos(2 * np.pi * np.arange(300_000) / 10_000)
        self.assertLess(abs(noise.mean()), 0.001)
        self.assertLess(abs(noise.std() - 0.1), 0.001)
        self.assertLess(abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]), 0.01)
        self.send("--series", self.series + "/again", "--cosine", "--rate", "10000", "--duration", "1s", "--t0", T0)
        np.testing.assert_array_equal(self.values(self.series + "/again"), values[:10_000])
        self.send("--series", self.series + "/other", "--cosine", "--rate", "10000", "--duration", "1s", "--t0", T0,
                  "--seed", "2")
        self.assertFalse((self.values(self.series + "/other") == values[:10_000]).any())

    def test_cosine_keeps_to_the_clock(self):
        before, began = time.time_ns(), time.monotonic()
        self.send_series("--cosine", "--duration", "2s", "--interval", "500ms")
        self.assertGreater(time.monotonic() - began, 1.9)
        self.assertEqual(self.daemon.count(self.series), 10_000)
        times = self.times()
        self.assertTrue(before <= times[0] and times[-1] <= time.time_ns())
        self.assertEqual(len(self.daemon.runs(self.series)), 1)

    def test_host(self):
        counts = self.send_series("--host", "--duration", "2s")
        self.assertEqual(counts[3:], (0, 0))
        names = {}
        base = os.path.join(self.daemon.store, "series", self.series)
        for folder, _, files in os.walk(base):
            if "head.npy" in files:
                names[os.path.relpath(folder, base)] = self.values(os.path.join(self.series, os.path.relpath(folder, base)))
        cores = {"cpu/%s/use" % core for core in re.findall(r"^cpu(\d+) ", read_file("/proc/stat").decode(), re.M)}
        self.assertLessEqual(cores | {"memory/available", "memory/used", "load/1m"}, set(names))
        self.assertEqual(sum(map(len, names.values())), counts[1])
        for name, values in names.items():
            # 100 Hz for two seconds, but for ticks that a busy machine missed.
            self.assertTrue(100 <= len(values) <= 201, (name, len(values)))
            self.assertTrue(np.isfinite(values).all(), name)
        for core in cores:
            self.assertTrue(((names[core] >= 0) & (names[core] <= 100)).all())
        total = int(read_file("/proc/meminfo").split()[1]) * 1024
        np.testing.assert_allclose(names["memory/available"] + names["memory/used"], total)
        spacing = np.diff(self.times(self.series + "/load/1m"))
        self.assertEqual(np.median(spacing), 10**7)

    def test_host_has_its_own_name(self):
        self.send("--host", "--rate", "50", "--interval", "100ms", "--duration", "300ms", "--ack", "stored")
        host = socket.gethostname()
        self.assertTrue(os.path.isdir(os.path.join(self.daemon.store, "series", "host")), host)

    def test_sigint_ends_a_live_source_in_order(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            series = "%s/%d" % (self.series, how)
            sender = subprocess.Popen([program("ingest-send"), "--connect", self.daemon.router, "--series", series,
                                       "--cosine", "--batch", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            self.daemon.wait_count(series, 1)
            sender.send_signal(how)
            out, error = sender.communicate(timeout=PATIENCE_S)
            self.assertEqual((sender.returncode, error), (0, b""))
            sent, stored, durable, late, refused = map(int, SUMMARY.match(out.decode()).groups())
            self.assertEqual((sent, stored, durable, late, refused), (self.daemon.count(series),) * 3 + (0, 0))

class Refusals(SendCase):
    def test_a_type_mismatch(self):
        self.send_series("--rate", "1", "--t0", T0, self.npy(np.zeros(10)))
        counts = self.send_series("--rate", "1", "--t0", "2024-06-01", self.npy(np.zeros(7, "f4")), expect=1)
        self.assertEqual(counts, (7, 0, 0, 0, 7))
        self.assertRegex(self.stderr, "refused: %s: batch 1: TYPE_MISMATCH: ." % self.series)
        self.assertEqual(self.daemon.count(self.series), 10)

    def test_one_column_of_several(self):
        self.send("--series", self.series + "/b", "--rate", "1", "--t0", T0, self.npy(np.zeros(10)))
        counts = self.send_series(self.write("c.csv", "time,a,b\n1,1,1\n2,2,2\n"), expect=1)
        self.assertEqual(counts, (4, 2, 2, 0, 2))
        self.assertIn(self.series + "/b", self.stderr)
        np.testing.assert_array_equal(self.values(self.series + "/a"), [1, 2])

    def test_names_and_times(self):
        for series, options, code in ((".hidden", ("--t0", T0), "BAD_NAME"), ("a//b", ("--t0", T0), "BAD_NAME"),
                                      (self.series, ("--t0", "+2h"), "TIME_FUTURE"),
                                      ("ring/r", ("--t0", T0, "--batch", "2000"), "TOO_LARGE")):
            counts = self.send("--series", series, "--rate", "1000", *options, self.npy(np.zeros(1500, "u1")), expect=1)
            self.assertEqual(counts, (1500, 0, 0, 0, 1500))
            self.assertIn(code, self.stderr)

    def test_late_samples(self):
        path = self.write("a.csv", "time,v\n1,1\n3,3\n2,2\n4,4\n")
        self.assertEqual(self.send_series(path), (4, 3, 3, 1, 0))
        self.assertEqual(self.send_series(path, expect=1), (4, 0, 0, 4, 0))
        self.assertIn("TIME_ORDER", self.stderr)
        np.testing.assert_array_equal(self.values(), [1, 3, 4])

class CommandLine(SendCase):
    def test_usage(self):
        npy = self.npy(np.zeros(3))
        connect = ("--connect", self.daemon.router)
        for message, *arguments in (
                ("nothing to send",), ("nothing to send", *connect, "--series", "x"),
                ("--connect URL is missing", "--series", "x", "--rate", "1", npy),
                ("--series NAME is missing", *connect, "--rate", "1", npy),
                ("give --rate HZ", *connect, "--series", "x", npy),
                ("give one of them", *connect, "--series", "x", "--rate", "1", "--times", npy, npy),
                ("--t0 belongs to --rate", *connect, "--series", "x", "--t0", T0, "--times", npy, npy),
                ("not a value", *connect, "--series", "x", "--rate", "abc", npy),
                ("not a value", *connect, "--series", "x", "--rate", "0", npy),
                ("not a value", *connect, "--series", "x", "--rate", "-5", npy),
                ("not a value", *connect, "--series", "x", "--rate", "nan", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--t0", "2024-02-31", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--dtype", "f2", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--ack", "maybe", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--batch", "0", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--timeout", "5", npy),
                ("not a value", *connect, "--series", "", "--rate", "1", npy),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--dtype", "f4", "--shape", "1,0", "-"),
                ("not a value", *connect, "--series", "x", "--rate", "1", "--dtype", "f4", "--shape", "1,1,1,1,1", "-"),
                ("not a value", *connect, "--series", "x", "--time-unit", "h", "--csv", npy),
                ("not a value", *connect, "--cosine", "--duration", "0s"),
                ("not a value", *connect, "--name", "x" * 65, "--cosine"),
                ("--shape means nothing to .npy", *connect, "--series", "x", "--rate", "1", "--shape", "3", npy),
                ("--time-unit means nothing to .npy", *connect, "--series", "x", "--rate", "1", "--time-unit", "s", npy),
                ("--times means nothing to CSV", *connect, "--series", "x", "--times", npy, "a.csv"),
                ("--series means nothing to --lines", *connect, "--series", "x", "--lines"),
                ("--rate means nothing to --lines", *connect, "--rate", "1", "--lines"),
                ("--duration means nothing to", *connect, "--series", "x", "--rate", "1", "--duration", "1s", npy),
                ("--seed means nothing to --host", *connect, "--seed", "1", "--host"),
                ("--t0 means nothing to --host", *connect, "--t0", T0, "--host"),
                ("--csv means nothing to --lines", *connect, "--csv", "--lines"),
                ("give one of them", *connect, "--host", "--cosine"),
                ("give one of them", *connect, "--cosine", "--batch", "5", "--interval", "1s"),
                ("needs --duration", *connect, "--cosine", "--t0", T0),
                ("up to 1000 Hz", *connect, "--host", "--rate", "5000"),
                ("one FILE at a time", *connect, "--series", "x", "--rate", "1", npy, npy),
                ("read no file", *connect, "--host", npy),
                ("is neither .npy nor .csv", *connect, "--series", "x", "--rate", "1", self.write("a.txt", "x")),
                ("has no transport", "--connect", "nonsense", "--series", "x", "--rate", "1", npy),
                *(("a transport other than tcp and ipc; write tcp://HOST:PORT or ipc:///PATH", "--connect", url, "--cosine")
                  for url in ("udp://127.0.0.1:1", "pgm://127.0.0.1:1", "http://a:80", "inproc://x")),
                ("has a port that is not a number from 1 to 65535", "--connect", "tcp://a:99999", "--cosine"),
                ("has no port", "--connect", "tcp://a", "--cosine"),
                ("an IPv6 address without brackets", "--connect", "tcp://[::1", "--cosine"),
                ("has no absolute path", "--connect", "ipc://x", "--cosine"),
                ("names no host to connect to", "--connect", "tcp://*:5570", "--cosine"),
                ("unknown option --nonsense", *connect, "--nonsense"),
                ("--series needs a value", *connect, "--series")):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.fails(64, message, *arguments, connect=False).stdout[:4] or b"sent", b"sent")

    def test_help_and_version(self):
        for option, text in (("--help", b"usage: ingest-send"), ("--version", b"ingest-send ")):
            done = self.run_send(option, connect=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertTrue(done.stdout.startswith(text))
        done = self.run_send("--help", connect=False)
        for option in ("connect series rate times t0 dtype shape csv lines host cosine time-column time-unit ack batch "
                       "interval duration seed name timeout quiet version help").split():
            self.assertIn(b"--" + option.encode(), done.stdout)

    def run_into(self, stdout, *arguments):
        """With standard output going there; None closes it, and standard input."""
        command = [program("ingest-send"), *arguments]
        close = (lambda: os.closerange(0, 2)) if stdout is None else None
        return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, timeout=PATIENCE_S * 3, preexec_fn=close)

    def test_what_cannot_be_printed_is_told(self):
        send = ("--connect", self.daemon.router, "--series", self.series, "--rate", "1", "--t0", T0, self.npy(np.zeros(3)))
        for arguments in (["--help"], ["--version"], send):
            with self.subTest(arguments=arguments):
                done = self.run_into(None, *arguments)
                self.assertEqual((done.returncode, done.stderr),
                                 (1, b"ingest-send: error: standard output: Bad file descriptor\n"))
                if os.path.exists("/dev/full"):
                    with open("/dev/full", "w") as full:
                        self.assertEqual(self.run_into(full, *arguments).returncode, 1)
        # What was sent is there: only the line about it is not.
        self.assertEqual(self.values().tolist(), [0, 0, 0])

    def test_a_closed_output_is_no_files_number(self):
        queue = self.path("queue")
        done = self.run_into(None, "--connect", "ipc://%s/nobody" % self.folder, "--queue", queue, "--timeout", "300ms",
                             "--series", self.series, "--rate", "1", "--t0", T0, self.npy(np.zeros(3)))
        self.assertEqual(done.returncode, 75)
        for name in os.listdir(queue):
            if os.path.isfile(os.path.join(queue, name)):
                self.assertNotIn(b"sent 3", read_file(os.path.join(queue, name)))

    def test_a_reader_that_went_away(self):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as output:
            done = self.run_into(output, "--connect", self.daemon.router, "--series", self.series, "--rate", "1",
                                 "--t0", T0, self.npy(np.zeros(3)))
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_options_stand_on_either_side(self):
        done = self.run_send(self.npy(np.zeros(3)), "--series", self.series, "--rate=1", "--t0=" + T0, "--quiet")
        self.assertEqual((done.returncode, done.stdout), (0, b"sent 3, stored 3, durable 3, late 0, refused 0\n"))

    def test_the_name_is_told(self):
        self.send_series("--rate", "1", "--t0", T0, "--name", "pump-%d" % self.serial, self.npy(np.zeros(3)))
        self.send_series("--rate", "1", "--t0", T0, "--name", "pump-%d" % self.serial, self.npy(np.zeros(3, "f4")), expect=1)
        self.assertIn("pump-%d" % self.serial, self.daemon.log())

    def test_no_daemon(self):
        began = time.monotonic()
        done = self.fails(75, "no daemon answers", "--connect", "ipc://%s/nobody" % self.folder, "--timeout", "300ms",
                          "--series", "x", "--rate", "1", self.npy(np.zeros(3)), connect=False)
        self.assertEqual(done.stdout, b"sent 0, stored 0, durable 0, late 0, refused 0\n")
        self.assertLess(time.monotonic() - began, 5)

    def test_ack_stored_does_not_wait_for_durable(self):
        with Daemon("[flush]\ninterval = 1h\n[series.all]\nmatch = **\nmode = grow\n") as daemon:
            done = self.run_send("--connect", daemon.router, "--series", "x", "--rate", "1", "--t0", T0, "--ack", "stored",
                                 self.npy(np.zeros(3)), connect=False)
            self.assertEqual((done.returncode, done.stdout), (0, b"sent 3, stored 3, durable 0, late 0, refused 0\n"))


if __name__ == "__main__":
    unittest.main()
