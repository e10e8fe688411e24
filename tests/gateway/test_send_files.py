"""ingest-send with a real daemon: .npy, raw numbers and CSV, good and bad."""

import io
import os
import subprocess
import time
import unittest

import numpy as np

from ingest_daemon import PATIENCE_S, program
from send_case import SUMMARY, T0, T0_NS, SendCase, read_file

NAB = os.path.join(os.environ.get("INGEST_SOURCE", "."), "..", "shared", "data", "nab")


class Arrays(SendCase):
    def test_each_dtype_and_shape(self):
        random = np.random.default_rng(1)
        for number, dtype in enumerate("f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split()):
            for shape in ((), (3,), (2, 1, 3, 2)):
                series = "%s/%s/%d" % (self.series, dtype, len(shape))
                count = 700 + number
                array = random.integers(0, 100, (count, *shape)).astype("<" + dtype)
                counts = self.send("--series", series, "--rate", "1000", "--t0", T0, self.npy(array))
                self.assertEqual(counts, (count, count, count, 0, 0))
                got = self.values(series)
                self.assertEqual(got.dtype, array.dtype)
                np.testing.assert_array_equal(got, array)
                np.testing.assert_array_equal(self.times(series), T0_NS + np.arange(count) * 10**6)

    def test_a_rate_without_a_round_period_has_one_run(self):
        count = 100_000
        self.send_series("--rate", "44100", "--t0", T0, self.npy(np.arange(count, dtype="f4")))
        self.assertEqual(len(self.daemon.runs(self.series)), 1)
        period_ps = round(1e12 / 44100)
        np.testing.assert_array_equal(self.times(), [T0_NS + i * period_ps // 1000 for i in range(count)])

    def test_without_t0_a_file_ends_now(self):
        before = time.time_ns()
        self.send_series("--rate", "10", self.npy(np.arange(30_000, dtype="f8")))
        times = self.times()
        self.assertEqual(len(self.daemon.runs(self.series)), 1)
        self.assertTrue(before <= times[-1] <= time.time_ns())
        np.testing.assert_array_equal(np.diff(times), 10**8)

    def test_times(self):
        random = np.random.default_rng(2)
        times = np.cumsum(random.integers(1, 10**9, 12_345)) + T0_NS
        array = self.npy(random.normal(size=12_345))
        for name, stamps in (("ns", times), ("dt", times.view("M8[ns]"))):
            series = self.series + name
            self.send("--series", series, "--times", self.npy(stamps, "t.npy"), array)
            np.testing.assert_array_equal(self.values(series), np.load(array))
            np.testing.assert_array_equal(self.times(series), times)
        seconds = np.arange(12_345).astype("M8[s]")
        self.send("--series", self.series + "s", "--times", self.npy(seconds, "t.npy"), array)
        np.testing.assert_array_equal(self.times(self.series + "s"), np.arange(12_345) * 10**9)

    def test_dtype_converts_exactly_or_not_at_all(self):
        array = np.array([1.0, -2.0, 2.5])
        self.send_series("--rate", "1", "--t0", T0, "--dtype", "f4", self.npy(array))
        self.assertEqual(self.values().dtype, np.dtype("f4"))
        np.testing.assert_array_equal(self.values(), array)
        self.send("--series", self.series + "i", "--rate", "1", "--t0", T0, "--dtype", "i2", self.npy(array[:2]))
        np.testing.assert_array_equal(self.values(self.series + "i"), [1, -2])
        self.fails(65, "sample 2: 2.5 is not a number of --dtype i2", "--series", self.series + "x", "--rate", "1",
                   "--t0", T0, "--dtype", "i2", self.npy(array))

    def test_standard_input(self):
        array = np.arange(5000, dtype="f4").reshape(-1, 2)
        memory = io.BytesIO()
        np.save(memory, array)
        self.send_series("--rate", "10", "--t0", T0, "-", data=memory.getvalue())
        np.testing.assert_array_equal(self.values(), array)
        self.send("--series", self.series + "r", "--rate", "10", "--t0", T0, "--dtype", "f4", "--shape", "2", "-",
                  data=array.tobytes())
        np.testing.assert_array_equal(self.values(self.series + "r"), array)
        self.send("--series", self.series + "f", "--rate", "10", "--t0", T0, "--dtype", "f4",
                  self.write("raw.bin", array.tobytes()))
        np.testing.assert_array_equal(self.values(self.series + "f"), array.ravel())

    def test_a_live_stream_is_sent_on_before_it_ends(self):
        sender = subprocess.Popen([program("ingest-send"), "--connect", self.daemon.router, "--series", self.series,
                                   "--rate", "100", "--dtype", "i4", "-"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            expected = []
            for piece in (b"\1\0\0\0\2\0", b"\0\0\3\0\0\0\4\0\0\0\5"):
                sender.stdin.write(piece)
                sender.stdin.flush()
                expected += [1] if not expected else [2, 3, 4]
                self.daemon.wait_count(self.series, len(expected))
                np.testing.assert_array_equal(self.values(), expected)
            out, error = sender.communicate(b"\0\0\0", timeout=PATIENCE_S)
            self.assertEqual((sender.returncode, out), (0, b"sent 5, stored 5, durable 5, late 0, refused 0\n"), error)
        finally:
            sender.kill()
            sender.wait()
        self.assertLess(abs(time.time_ns() - self.times()[-1]), 10 * 10**9)

    def test_an_empty_array(self):
        self.assertEqual(self.send_series("--rate", "1", self.npy(np.zeros(0))), (0, 0, 0, 0, 0))

    def test_arrays_that_cannot_be_sent(self):
        rate = ("--series", self.series, "--rate", "1", "--t0", T0)
        good = self.npy(np.zeros(5), "good.npy")
        for array, message in ((np.zeros(3, ">f8"), "big-endian"), (np.zeros((3, 2), order="F"), "Fortran"),
                               (np.zeros(3, "f2"), "astype"), (np.zeros(3, "c16"), "astype"),
                               (np.zeros(3, [("a", "f8")]), "structured"), (np.float64(1), "reshape"),
                               (np.zeros((2, 1, 1, 1, 1, 1)), "dimensions"), (np.zeros((2, 0)), "no elements"),
                               (np.zeros(2, "M8[ns]"), "datetime64")):
            with self.subTest(message=message):
                self.fails(65, message, *rate, self.npy(array))
        whole = read_file(good)
        self.fails(65, "cut off: 4 samples of 5", *rate, self.write("cut.npy", whole[:-8]))
        self.fails(65, "middle of a sample", *rate, self.write("cut2.npy", whole[:-3]))
        self.fails(65, "header is cut off", *rate, self.write("cut3.npy", whole[:50]))
        self.fails(65, "too short", *rate, self.write("cut4.npy", whole[:9]))
        self.fails(65, "not a .npy file", *rate, self.write("text.npy", "this is some text"))
        self.fails(65, "middle of a sample", *rate, "--dtype", "f4", "-", data=b"12345")
        self.fails(66, "No such file", *rate, self.path("none.npy"))
        times = ("--series", self.series + "t", "--times")
        self.fails(66, "No such file", *times, self.path("none.npy"), good)
        self.fails(65, "4 times for 5 samples", *times, self.npy(np.arange(4), "t.npy"), good)
        self.fails(65, "int64", *times, self.npy(np.arange(5.0), "t.npy"), good)
        self.fails(65, "NaT", *times, self.npy(np.array(["NaT"] * 5, "M8[s]"), "t.npy"), good)
        self.fails(65, "ends before the samples do", *times, self.npy(np.arange(2), "t.npy"), "--dtype", "f8", "-",
                   data=bytes(40))
        self.fails(65, "raise max_batch", *rate, self.npy(np.zeros((1, 600_000))))

    def test_an_unreadable_file_is_an_input_error(self):
        self.fails(74, "Is a directory", "--series", self.series, "--rate", "1", "--t0", T0, "--dtype", "f4", self.folder)

class Csv(SendCase):
    def test_one_column(self):
        path = self.write("one.csv", "Timestamp,value\n2013-12-02 21:15:00,73.9\n2013-12-02T21:20:00Z,-1e3\n")
        self.assertEqual(self.send_series(path), (2, 2, 2, 0, 0))
        np.testing.assert_array_equal(self.values(), [73.9, -1000])
        np.testing.assert_array_equal(self.times(), [1386018900 * 10**9, 1386019200 * 10**9])

    def test_columns_quotes_and_missing_cells(self):
        text = ('\ufeff"Temp (C)",time,"a ""b"", c"\r\n1,1700000000.5,\r\n"2.5",1700000001,7\r\n\r\n,1700000002,nan\r\n')
        self.assertEqual(self.send_series(self.write("some.csv", text)), (6, 6, 6, 0, 0))
        times = np.array([1700000000_500000000, 1700000001 * 10**9, 1700000002 * 10**9])
        for name, values in (("Temp%20%28C%29", [1, 2.5, np.nan]), ("a%20%22b%22%2C%20c", [np.nan, 7, np.nan])):
            np.testing.assert_array_equal(self.values(self.series + "/" + name), values)
            np.testing.assert_array_equal(self.times(self.series + "/" + name), times)

    def test_integers_leave_out_missing_cells(self):
        text = "t,a,b\n1,1,\n2,,5\n3,3,6\n4,,\n5,5,7\n"
        self.send_series("--dtype", "i2", "--time-column", "T", "--time-unit", "ms", self.write("i.csv", text))
        for name, values, times in (("a", [1, 3, 5], [1, 3, 5]), ("b", [5, 6, 7], [2, 3, 5])):
            self.assertEqual(self.values(self.series + "/" + name).dtype, np.dtype("i2"))
            np.testing.assert_array_equal(self.values(self.series + "/" + name), values)
            np.testing.assert_array_equal(self.times(self.series + "/" + name), np.array(times) * 10**6)

    def test_units_of_times(self):
        for number, (text, unit) in enumerate((("1700000000.25", 0), ("1700000000250", 0), ("1700000000250000", 0),
                                               ("1700000000250000000", 0), ("1700000000250000", "us"))):
            series = "%s/%d" % (self.series, number)
            options = ["--time-unit", unit] if unit else []
            self.send("--series", series, *options, "--csv", "-", data=b"ts,v\n" + text.encode() + b",1")
            np.testing.assert_array_equal(self.times(series), [1700000000_250000000])

    def test_a_regular_clock(self):
        text = b"a,b\n" + b"".join(b"%d,%d\n" % (i, -i) for i in range(5000))
        self.send_series("--csv", "--rate", "100", "--t0", T0, "-", data=text)
        np.testing.assert_array_equal(self.values(self.series + "/b"), -np.arange(5000))
        np.testing.assert_array_equal(self.times(self.series + "/b"), T0_NS + np.arange(5000) * 10**7)
        before = time.time_ns()
        self.send("--series", self.series + "/now", "--rate", "100", self.write("r.csv", text))
        times = self.times(self.series + "/now/a")
        self.assertEqual(len(self.daemon.runs(self.series + "/now/a")), 1)
        self.assertTrue(before <= times[-1] <= time.time_ns())

    def test_many_columns(self):
        columns, rows = 600, 7
        table = np.arange(columns * rows, dtype="f8").reshape(rows, columns)
        text = "time," + ",".join("c%d" % i for i in range(columns)) + "\n"
        text += "".join("%d,%s\n" % (row + 1, ",".join(map(str, table[row]))) for row in range(rows))
        counts = self.send_series(self.write("wide.csv", text))
        self.assertEqual(counts, (columns * rows, columns * rows, columns * rows, 0, 0))
        for column in (0, 1, 255, 256, 599):
            name = "%s/c%d" % (self.series, column)
            np.testing.assert_array_equal(self.values(name), table[:, column])
            np.testing.assert_array_equal(self.times(name), np.arange(1, rows + 1) * 10**9)

    def test_a_million_rows(self):
        rows = 1_000_000
        values = np.random.default_rng(3).normal(size=rows)
        lines = ["%d,%r\n" % (1_600_000_000_000 + i, v) for i, v in enumerate(values.tolist())]
        path = self.write("large.csv", "time,value\n" + "".join(lines))
        began = time.monotonic()
        self.assertEqual(self.send_series(path), (rows, rows, rows, 0, 0))
        self.assertLess(time.monotonic() - began, 30)
        np.testing.assert_array_equal(self.values(), values)
        np.testing.assert_array_equal(self.times(), (1_600_000_000_000 + np.arange(rows)) * 10**6)

    def test_nab(self):
        for name in ("machine_temperature_system_failure", "speed_7578"):
            path = os.path.join(NAB, name + ".csv")
            if not os.path.exists(path):
                self.skipTest("the NAB files are not here")
            table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=None, encoding="ascii")
            stamps = np.array([row[0].replace(" ", "T") for row in table], "M8[ns]").astype("i8")
            later = stamps > np.concatenate(([np.iinfo("i8").min], np.maximum.accumulate(stamps)[:-1]))
            kept = int(later.sum())
            counts = self.send("--series", self.series + "/" + name, path)
            self.assertEqual(counts, (len(table), kept, kept, len(table) - kept, 0))
            np.testing.assert_array_equal(self.times(self.series + "/" + name), stamps[later])
            np.testing.assert_array_equal(self.values(self.series + "/" + name),
                                          np.array([row[1] for row in table])[later])

    def test_mistakes_name_line_and_column(self):
        for number, (text, message, code) in enumerate((
                ("time,v\n1,2\n2,abc\n", "bad.csv:3:3: 'abc' is not a number of dtype f8", 65),
                ("time,v\n1,2\nnoon,3\n", "bad.csv:3:1: 'noon' is not a time", 65),
                ("time,v\n,3\n", "bad.csv:2:1: '' is not a time", 65),
                ("time,v\n1,2,3\n", "bad.csv:2:1: 3 cells, but the header has 2", 65),
                ('time,v\n1,"2\n', "bad.csv:2:3: a quote that is not closed", 65),
                ('time,v\n1,"2"3\n', "bad.csv:2:3: a quote that is not followed by a comma", 65),
                ("time,v,v\n1,2,3\n", "two columns are named 'v'", 65),
                ("time,,v\n1,2,3\n", "1:6: a column without a name", 65),
                ("time\n1\n", "no column beside the time", 65),
                ("", "empty", 65),
                ("a,b\n1,2\n", "--time-column, or give --rate", 64))):
            with self.subTest(text=text):
                series = "%s/%d" % (self.series, number)
                self.fails(code, message, "--series", series, self.write("bad.csv", text))
        bad = self.write("bad.csv", "t,v\n1,300\n")
        self.fails(65, "'300' is not a number of dtype u1", "--series", self.series, "--dtype", "u1", "--time-column",
                   "t", bad)
        self.fails(65, "no column is named 'x'", "--series", self.series, "--time-column", "x", bad)
        self.fails(64, "leave one of them out", "--series", self.series, "--rate", "1",
                   self.write("bad.csv", "time,v\n1,2\n"))
        self.fails(65, "2:1: an empty cell", "--series", self.series, "--rate", "1", "--t0", T0, "--dtype", "i4",
                   self.write("bad.csv", "v,w\n,2\n"))

    def test_text_after_good_rows_is_told_by_line(self):
        path = self.write("bad.csv", "time,v\n" + "".join("%d,1\n" % i for i in range(1, 10001)) + "10001,oops\n")
        done = self.fails(65, "bad.csv:10002:7: 'oops'", "--series", self.series, path)
        sent = int(SUMMARY.match(done.stdout.decode()).group(1))
        self.assertEqual(self.daemon.count(self.series), sent)


if __name__ == "__main__":
    unittest.main()
