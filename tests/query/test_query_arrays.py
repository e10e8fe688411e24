"""ingest-query on arrays of any layout that NumPy's memmap opens, against NumPy: every dtype, byte order, order of
elements and offset, slices by NumPy's own rules. INGEST_SEED chooses the cases."""

import io
import itertools
import os
import random
import subprocess
import tempfile
import unittest

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from query_store import DTYPES, QueryTest, iso, program, samples

SEED = int(os.environ.get("INGEST_SEED", "20261123"))
STAT = "mean,var,std,min,max,sum,rms,count,missing"
T0 = 1_700_000_000 * 10**9


def numbers(array, axis=None):
    """The statistics of STAT along an axis, of 80-bit floats."""
    x = np.asarray(array).astype(np.longdouble)
    missing = np.isnan(x)
    count = (~missing).sum(axis)
    with np.errstate(all="ignore"):
        mean = np.nansum(x, axis) / count
        var = np.nansum((x - (mean if axis is None else np.expand_dims(mean, axis))) ** 2, axis) / count
        low, high = (np.where(count > 0, f(np.where(missing, fill, x), axis, initial=fill), np.nan)
                     for f, fill in ((np.min, np.inf), (np.max, -np.inf)))
        sum_, rms = np.nansum(x, axis), np.sqrt(np.nansum(x * x, axis) / count)
    return np.stack([mean, var, np.sqrt(var), low, high, sum_, rms, count, missing.sum(axis)], -1)


class ArrayTest(QueryTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ingest-query-array-")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_query(self, *arguments, **options):
        arguments = [str(a) for a in arguments]
        return subprocess.run([program("ingest-query"), *arguments], capture_output=True, timeout=120,
                              env=dict(os.environ, TZ="UTC"), **options)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def save(self, array, name="a.npy"):
        np.save(self.path(name), array)
        return ("--file", self.path(name))

    def save_raw(self, array, offset, name="raw"):
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        with open(self.path(name), "wb") as file:
            file.write(os.urandom(offset) + array.tobytes(order))
        shape = ",".join(map(str, array.shape)) or "()"
        return ("--file", self.path(name), "--dtype", array.dtype.str, "--shape", shape, "--offset", offset, "--order", order)

    def dump(self, *arguments):
        return np.load(io.BytesIO(self.query("dump", *arguments, "--format", "npy")))

    def number_rows(self, command, *arguments):
        return np.load(io.BytesIO(self.query(command, *arguments, "--format", "npy")))

    def close(self, got, want, what):
        want = np.asarray(want, dtype=float)
        self.assertEqual(got.shape, want.shape, what)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=0, err_msg=str(what))


class Layouts(ArrayTest):
    def random_array(self, rng, dtype, shape):
        values = samples(dtype.lstrip("<>|"), 1, shape, rng.randrange(2**32))[0]
        return np.asarray(values.astype(dtype), order=rng.choice("CF"))

    def random_slices(self, rng, shape):
        """Text, and what it is to NumPy."""
        texts, slices = [], []
        for length in shape[: rng.randint(0, len(shape))]:
            if rng.random() < 0.2 and length > 0:
                at = rng.randrange(-length, length)
                texts.append(str(at))
                slices.append(at)
                continue
            ends = [rng.choice([None, rng.randint(-2 * length - 2, 2 * length + 2)]) for _ in range(2)]
            step = rng.choice([None, 1, 2, 3, -1, -2, 7, -9, 2**62])
            text = ":".join("" if end is None else str(end) for end in ends)
            texts.append(text if step is None else text + ":%d" % step)
            slices.append(slice(*ends, step))
        if rng.random() < 0.3:
            at = rng.randint(0, len(texts))
            texts.insert(at, "...")
            tail = slices[at:]
            slices.insert(at, Ellipsis)
            fixed = []
            # What follows "..." counts from the last axis: choose again with its length.
            for length, old in zip(shape[len(shape) - len(tail):], tail):
                fixed.append(old if isinstance(old, slice) or -length <= old < length else slice(None))
            for k, value in enumerate(fixed):
                if value != tail[k]:
                    texts[at + 1 + k] = ":"
                slices[at + 1 + k] = value
        return ",".join(texts), tuple(slices)

    def test_every_layout_and_slice(self):
        rng = random.Random(SEED)
        dtypes = ["<" + d if d[1] != "1" else "|" + d for d in DTYPES] + [">" + d for d in DTYPES if d[1] != "1"]
        for case in range(120):
            dtype = dtypes[case % len(dtypes)]
            shape = tuple(rng.choice([0, 1, 2, 3, 5, 17, 40]) if case % 10 == 0 else rng.choice([1, 2, 3, 5, 17])
                          for _ in range(rng.randint(0, 4)))
            array = self.random_array(rng, dtype, shape)
            text, slices = self.random_slices(rng, shape)
            raw = rng.random() < 0.5 and array.size
            where = self.save_raw(array, rng.choice([0, 1, 8, 2048, 4095, 5000])) if raw else self.save(array)
            options = where + (("--slice", text) if text else ())
            what = ("INGEST_SEED=%d" % SEED, case, dtype, shape, options)
            part = array[slices]
            want = part.reshape((1,) if part.ndim == 0 else part.shape).astype(part.dtype.newbyteorder("<"))
            got = self.dump(*options)
            self.assertEqual((got.dtype, got.shape, got.tobytes()), (want.dtype, want.shape, want.tobytes()), what)
            if np.prod(want.shape[1:], dtype=int) > 900:
                continue
            if want.size == 0:
                self.assertEqual(self.query("stats", *options, "--format", "csv").count(b"\n"), 1 if len(want) == 0 else 2)
                continue
            # The statistics are those of a plain file with the same part in it, to the last digit.
            plain = self.save(want, "plain.npy")
            length = max(1, len(want) // 2)
            for command in (("stats", "--stat", STAT + ",median"), ("rolling", "--window", length, "--stat", "mean,max"),
                            ("dump",)):
                ours, theirs = (self.query(*command, *source, "--format", "csv").decode().replace(source[1], "X")
                                for source in (options, plain))
                self.assertEqual(ours, theirs, what)
            if want.shape[0] > 1 and want[0].size > 1:
                wanted = [want[0].size - 1, 0]
                got = self.dump(*options, "--element", "%d,%d" % tuple(wanted))
                self.assertEqual(got.tobytes(), want.reshape(len(want), -1)[:, wanted].tobytes(), what)

    def test_large_arrays_in_both_orders(self):
        """More than one chunk, and more than one tile of a transposing copy."""
        rng = np.random.default_rng(SEED)
        for shape, dtype in (((3001, 777), ">f4"), ((70_000, 5, 3), "<i2"), ((41, 300, 501), "<f8")):
            array = rng.standard_normal(shape).astype(dtype) if dtype[1] == "f" else rng.integers(-999, 999, shape, dtype)
            for order in "CF":
                options = self.save_raw(np.asarray(array, order=order), 13)
                got = self.dump(*options)
                self.assertEqual(got.tobytes(), array.astype(array.dtype.newbyteorder("<")).tobytes())
                got = self.dump(*options, "--slice", "1::2,::-3")
                self.assertEqual(got.tobytes(), array[1::2, ::-3].astype(array.dtype.newbyteorder("<")).tobytes())
            os.unlink(self.path("raw"))


class Commands(ArrayTest):
    def test_stats_and_rolling_against_numpy(self):
        rng = np.random.default_rng(SEED)
        for dtype, shape in itertools.product((">f8", "<f4", "<i4", ">u2", "|u1"), ((500,), (200, 7), (50, 3, 2, 2))):
            array = (rng.standard_normal(shape) * 100 + 200).astype(dtype)
            options = self.save(np.asfortranarray(array))
            flat = array.reshape(len(array), -1)
            got = self.number_rows("stats", *options, "--stat", STAT)
            self.close(got.reshape(9, -1).T, numbers(flat, 0), (dtype, shape))
            got = self.number_rows("rolling", *options, "--window", 20, "--stat", STAT)
            want = numbers(sliding_window_view(flat, 20, 0), -1)
            self.close(got.reshape(len(got), 9, -1).swapaxes(1, 2), want, (dtype, shape))

    def test_rows_have_numbers(self):
        options = self.save(np.arange(10.0))
        self.assertEqual(self.csv("dump", *options, "--slice", "2:8:2"), (["index", "value"], [["0", "2"], ["1", "4"], ["2", "6"]]))
        self.assertEqual(self.json("rolling", *options, "--window", 9, "--stat", "mean,max"), [
            {"index": 8, "mean": 4.0, "max": 8.0}, {"index": 9, "mean": 5.0, "max": 9.0}])
        header, rows = self.csv("stats", *options, "--stat", "max", "--first", 4)
        self.assertEqual((header, rows), (["series", "max", "first_index", "last_index"], [[options[1], "3", "0", "3"]]))
        self.assertEqual(self.csv("dump", *options, "--last", 2)[1], [["8", "8"], ["9", "9"]])
        self.assertIn(b"index ", self.query("dump", *options))

    def test_times(self):
        rng = np.random.default_rng(SEED)
        array = rng.standard_normal((1000, 2))
        options = self.save(array)
        period = ("--period", "10ms", "--t0", iso(T0))
        stamps = T0 + np.cumsum(rng.integers(1, 10**8, 1000))
        for dtype in ("<i8", ">i8"):
            np.save(self.path("t.npy"), stamps.astype(dtype))
            for times, given in ((T0 + np.arange(1000) * 10**7, period), (stamps, ("--stamps", self.path("t.npy")))):
                for text, part in (("", slice(None)), ("100:900:3", slice(100, 900, 3))):
                    here = options + given + (("--slice", text) if text else ())
                    values, at = array[part], times[part]
                    self.assertEqual([[r[0], float(r[2])] for r in self.csv("dump", *here)[1]],
                                     [[iso(int(t)), v] for t, v in zip(at, values[:, 1])])
                    cut = (at >= at[20]) & (at < at[200])
                    got = self.dump(*here, "--from", iso(int(at[20])), "--to", iso(int(at[200])))
                    self.assertEqual(got.tobytes(), values[cut].tobytes())
                    got, buckets = self.npy("resample", *here, "--every", "1s", "--stat", "mean,max")
                    starts = at // 10**9 * 10**9
                    self.assertEqual(buckets.tolist(), np.unique(starts).tolist())
                    want = [np.concatenate([values[starts == b].mean(0), values[starts == b].max(0)]) for b in buckets]
                    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
                    got, ends = self.npy("rolling", *here, "--window", "2s", "--stat", "sum", "--element", 1)
                    want = [values[(at > t - 2 * 10**9) & (at <= t), 1].sum() for t in ends]
                    np.testing.assert_allclose(got[:, 0], want, rtol=1e-9, atol=1e-12)
                    row = self.json("stats", *here, "--stat", "count", "--weight", "time", "--last", "1s")[0]
                    self.assertEqual(row["count[0]"], int((at > at[-1] - 10**9).sum()))
                    self.assertEqual(row["last_time"], at[-1])

    def test_plot(self):
        options = self.save(np.sin(np.arange(5000) / 100).astype(">f4"))
        text = self.query("plot", *options, "--height", 8, "--width", 80, "--ascii").decode()
        self.assertIn("\nrow ", text)
        self.assertIn(" 2000 ", text)
        self.assertNotIn("1970", text)
        timed = self.query("plot", *options, "--height", 8, "--width", 80, "--ascii", "--period", "1s").decode()
        self.assertIn("1970", timed)
        same = self.save(np.sin(np.arange(5000) / 100).astype("<f4")[::-1].copy(), "b.npy")
        reverse = self.query("plot", *same, "--height", 8, "--width", 80, "--ascii", "--slice", "::-1").decode()
        self.assertEqual(reverse.replace("b.npy", "a.npy"), text)
        self.query("plot", *options, "-o", self.path("p.svg"), "--rolling", 50, "--stat", "mean,std")
        with open(self.path("p.svg")) as file:
            self.assertIn(">row<", file.read())
        for rows in (1, 2, 3):
            self.assertIn(b"row ", self.query("plot", *options, "--first", rows))

    def test_empty_arrays(self):
        for shape in ((0,), (0, 3), (3, 0)):
            options = self.save(np.zeros(shape))
            self.assertEqual(self.dump(*options).shape, shape)
            rows = self.csv("dump", *options)[1]
            self.assertEqual(len(rows), shape[0])
            self.assertEqual(self.query("rolling", *options, "--window", 2, "--format", "csv").count(b"\n"), max(1, shape[0]))
        options = self.save(np.zeros(10))
        self.assertEqual(self.query("stats", *options, "--slice", "5:5", "--format", "csv").count(b"\n"), 1)


class Over(ArrayTest):
    """Statistics of all elements of a row, of a bucket of rows, of everything."""

    PERCENTILES = ("median", "p95")

    def sets(self, sets):
        rows = []
        for values in sets:
            x = np.asarray(values).ravel()
            there = x[~np.isnan(x)].astype(float)
            quantiles = np.percentile(there, [50, 95]) if there.size else [np.nan] * 2
            rows.append(np.concatenate([numbers(x), quantiles]))
        return np.array(rows)

    def check(self, options, array, what):
        every = STAT + "," + ",".join(self.PERCENTILES)
        buckets = np.arange(len(array)) * 3 // 10
        rows, all_of_it = self.sets(array), self.sets([array])
        of_buckets = self.sets([array[buckets == b] for b in np.unique(buckets)])
        for stat, columns in ((STAT, slice(0, 9)), (every, slice(0, 11))):
            got = self.number_rows("stats", *options, "--over", "elements", "--stat", stat)
            self.close(got, rows[:, columns], what)
            got = self.number_rows("stats", *options, "--over", "all", "--stat", stat)
            self.close(got, all_of_it[:, columns], what)
            got, times = self.npy("resample", *options, "--over", "elements", "--period", "300ms", "--every", "1s", "--stat", stat)
            self.assertEqual(times.tolist(), (np.unique(buckets) * 10**9).tolist())
            self.close(got, of_buckets[:, columns], what)
        self.check_windows(options, array, what)

    def check_windows(self, options, array, what):
        rng = random.Random(SEED + array.size)
        rows, step = min(rng.randint(1, 60), len(array)), rng.randint(1, 3)
        windows = self.sets([array[end - rows:end] for end in range(rows, len(array) + 1, step)])[:, :9]
        rolling = ("rolling", *options, "--over", "elements", "--stat", STAT, "--step", step)
        self.close(self.number_rows(*rolling, "--window", rows), windows, what)
        # With a row each 300 ms, a span holds the rows of it, and the first full one is that long after the first row.
        got, times = self.npy(*rolling, "--period", "300ms", "--window", "%dms" % (300 * rows - 100))
        spans = [array[max(end - rows, 0):end] for end in range(rows + 1, len(array) + 1, step)]
        self.close(got, self.sets(spans)[:, :9] if spans else np.zeros((0, 9)), what)
        self.assertEqual(times.tolist(), [(end - 1) * 300_000_000 for end in range(rows + 1, len(array) + 1, step)])

    def test_windows_follow_an_outlier(self):
        """It leaves no trace in the windows after it; constants have no variance at all; integers are exact."""
        array = np.full((400, 7), 0.1)
        array[37, 3] = 1e17
        got = self.number_rows("rolling", *self.save(array), "--over", "elements", "--window", 20, "--stat", "mean,var,max")
        self.assertEqual(got.shape, (381, 3))
        clean = np.r_[np.arange(0, 18), np.arange(38, 381)]
        self.assertEqual(np.unique(got[clean], axis=0).tolist(), [[0.1, 0, 0.1]])
        self.assertTrue((got[18:38, 2] == 1e17).all())
        array = np.full((60, 3), 2**62 + 1, dtype="i8")
        rows = self.csv("rolling", *self.save(array), "--over", "elements", "--window", 50, "--stat", "sum,max,count")[1]
        self.assertEqual(rows, [[str(49 + i), str(150 * (2**62 + 1)), str(2**62 + 1), "150"] for i in range(11)])

    def test_windows_with_rules(self):
        array = np.arange(24, dtype="f8").reshape(6, 4)
        array[2] = np.nan
        rolling = ("rolling", *self.save(array), "--over", "elements", "--window", 2, "--stat", "mean,count,missing")
        self.assertEqual(self.csv(*rolling)[1], [["1", "3.5", "8", "0"], ["2", "5.5", "4", "4"], ["3", "13.5", "4", "4"],
                                                 ["4", "15.5", "8", "0"], ["5", "19.5", "8", "0"]])
        self.assertEqual([row[1] for row in self.csv(*rolling, "--min-count", 5)[1]], ["3.5", "nan", "nan", "15.5", "19.5"])
        self.assertEqual([row[1] for row in self.csv(*rolling, "--nan", "propagate")[1]], ["3.5", "nan", "nan", "15.5", "19.5"])
        self.assertEqual(self.csv(*rolling, "--element", "0,3", "--last", 3)[1], [["4", "15.5", "4", "0"], ["5", "19.5", "4", "0"]])
        self.assertEqual(self.csv(*rolling[:-3], 7, "--stat", "mean")[1], [])

    def test_small_rows(self):
        rng = np.random.default_rng(SEED)
        for shape, dtype, order in itertools.product(((700,), (90, 3), (50, 3, 2, 5), (4, 17_000)), ("<f4", ">f8", ">i2", "|u1"), "CF"):
            array = (rng.standard_normal(shape) * 50 + 120).astype(dtype)
            if dtype[1] == "f":
                array[rng.random(shape) < 0.1] = np.nan
            self.check(self.save(np.asarray(array, order=order)), array, (shape, dtype, order))

    def test_rows_larger_than_a_chunk(self):
        """Rows in parts, one after the other and in blocks, and of parts of them."""
        rng = np.random.default_rng(SEED)
        for shape, dtype, order in (((5, 300, 601), "<f4", "C"), ((5, 110_000), ">i8", "C"), ((2, 1450, 1460), "<f8", "F"),
                                    ((5, 2_150_000), ">i8", "F")):
            array = (rng.standard_normal(shape) * 50 + 120).astype(dtype)
            options = self.save_raw(np.asarray(array, order=order), 77)
            self.check(options, array, (shape, dtype, order))
            part = (slice(None, None, -1),) * array.ndim
            got = self.number_rows("stats", *options, "--over", "elements", "--slice", "::-1,5:,0" if array.ndim > 2 else "::-1,5:")
            self.close(got, self.sets(array[::-1, 5:, 0] if array.ndim > 2 else array[::-1, 5:])[:, :9], (shape, order))
            got = self.dump(*options, "--slice", ",".join(["::-1"] * array.ndim))
            self.assertEqual(got.tobytes(), array[part].astype(array.dtype.newbyteorder("<")).tobytes())
            os.unlink(self.path("raw"))

    def test_columns(self):
        options = self.save(np.arange(24).reshape(4, 3, 2))
        self.assertEqual(self.csv("stats", *options, "--over", "elements", "--stat", "sum,max", "--last", 2),
                         (["index", "sum", "max"], [["2", "87", "17"], ["3", "123", "23"]]))
        self.assertEqual(self.csv("stats", *options, "--over", "elements", "--stat", "max", "--element", "0,2"),
                         (["index", "max"], [["0", "2"], ["1", "8"], ["2", "14"], ["3", "20"]]))
        self.assertEqual(self.csv("stats", *options, "--over", "all", "--stat", "sum"),
                         (["series", "sum", "first_index", "last_index"], [[options[1], "276", "0", "3"]]))
        same = [self.csv("stats", *options, *over) for over in ((), ("--over", "time"))]
        self.assertEqual(*same)
        got, times = self.npy("stats", *options, "--over", "elements", "--period", "1s", "--stat", "rms")
        self.assertEqual(times.tolist(), [0, 10**9, 2 * 10**9, 3 * 10**9])
        empty = self.save(np.zeros((3, 0)), "b.npy")
        self.assertEqual(self.csv("stats", *empty, "--over", "elements", "--stat", "count,mean"),
                         (["index", "count", "mean"], [["0", "0", "nan"], ["1", "0", "nan"], ["2", "0", "nan"]]))

    def test_plot(self):
        rng = np.random.default_rng(SEED)
        array = rng.standard_normal((300, 40))
        ours = self.query("plot", *self.save(array), "--over", "elements", "--stat", "rms", "--height", 9, "--width", 80).decode()
        plain = self.query("plot", *self.save(np.sqrt((array ** 2).mean(1)), "rms.npy"), "--height", 9, "--width", 80).decode()
        self.assertIn("rms over elements", ours)
        self.assertEqual(ours.splitlines()[1:], plain.splitlines()[1:])
        ours = self.query("plot", *self.save(array), "--over", "elements", "--stat", "rms", "--rolling", 20, "--height", 9, "--width", 80).decode()
        windows = np.sqrt((np.lib.stride_tricks.sliding_window_view(array, 20, 0) ** 2).mean((1, 2)))
        self.assertIn("rms over elements of 20 samples", ours)
        plain = self.query("plot", *self.save(np.r_[np.full(19, np.nan), windows], "rms.npy"), "--height", 9, "--width", 80).decode()
        self.assertEqual([line[8:] for line in ours.splitlines()[1:-1]], [line[8:] for line in plain.splitlines()[1:-1]])

    def test_mistakes(self):
        a = self.save(np.zeros((5, 4)))
        self.refused(64, "--over", "stats", *a, "--over", "axis")
        self.refused(64, "--over all is of stats", "plot", *a, "--over", "all")
        self.refused(64, "--over elements and --weight", "stats", "x", "--over", "elements", "--weight", "time")
        self.refused(64, "--over all is of stats", "rolling", *a, "--over", "all", "--window", 5)
        self.refused(64, "--over elements and --weight", "rolling", "x", "--over", "elements", "--window", 5, "--weight", "time")
        self.refused(64, "--over elements and --follow", "rolling", "x", "--over", "elements", "--window", 5, "--follow")
        self.refused(64, "has no median and percentiles; resample --every D --over elements has them of buckets",
                     "rolling", *a, "--over", "elements", "--window", 5, "--stat", "mean,p95")
        self.refused(64, "does not take --times without --over", "stats", "x", "--times", "t.npy", "--format", "npy")


class OverSeries(QueryTest):
    @classmethod
    def make(cls, store):
        rng = np.random.default_rng(SEED)
        cls.times = T0 + np.arange(500) * 10**8
        cls.values = {"v": rng.standard_normal((500, 3)).astype("f4"), "s": rng.integers(0, 99, 500).astype("i2"),
                      "ring": rng.standard_normal((500, 2, 5)), "large": rng.standard_normal((7, 3, 100_000)).astype("f4")}
        for name, values in cls.values.items():
            if name == "ring":
                store.add(name, values, cls.times, capacity=128)
            elif name == "large":
                store.create(name, "f4", (3, 100_000))
                for i in range(7):
                    store.append(name, values[i : i + 1], cls.times[i : i + 1])
            else:
                store.add(name, values, cls.times)
        cls.values["ring"] = cls.values["ring"][-128:]

    def test_rows_of_samples(self):
        for name, values in self.values.items():
            times = self.times[-128:] if name == "ring" else self.times[: len(values)]
            for stat in ("rms,mean,min,max,count", "rms,mean,min,max,count,median"):
                got, at = self.npy("stats", name, "--over", "elements", "--stat", stat)
                self.assertEqual(at.tolist(), times.tolist())
                x = values.reshape(len(values), -1).astype(float)
                want = np.stack([np.sqrt((x * x).mean(1)), x.mean(1), x.min(1), x.max(1), np.full(len(x), x.shape[1]),
                                 np.median(x, 1)], 1)[:, : stat.count(",") + 1]
                np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
                row = self.json("stats", name, "--over", "all", "--stat", stat)[0]
                self.assertEqual((row["count"], row["max"], row["first_time"]), (x.size, x.max(), times[0]))
                got, at = self.npy("resample", name, "--over", "elements", "--every", "1s", "--stat", stat)
                self.assertEqual(at.tolist(), np.unique(times // 10**9 * 10**9).tolist())
                want = [x[times // 10**9 * 10**9 == t].mean() for t in at]
                np.testing.assert_allclose(got[:, 1], want, rtol=1e-12, atol=1e-13)

    def test_windows_of_samples(self):
        for name, values in self.values.items():
            times = self.times[-128:] if name == "ring" else self.times[: len(values)]
            x = values.reshape(len(values), -1).astype(float)
            for window in ("5", "500ms"):
                got, at = self.npy("rolling", name, "--over", "elements", "--window", window, "--stat", "mean,std,max,count")
                begin = 4 if window == "5" else 5
                self.assertEqual(at.tolist(), times[begin:].tolist())
                sets = [x[end - 4 : end + 1] for end in range(begin, len(x))]
                want = np.array([[part.mean(), part.std(), part.max(), part.size] for part in sets])
                np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)

    def test_several_series(self):
        header, rows = self.csv("stats", "v", "s", "--over", "elements", "--stat", "max", "--last", 2)
        self.assertEqual(header, ["series", "time", "max"])
        self.assertEqual([row[0] for row in rows], ["v", "v", "s", "s"])
        self.assertEqual([float(row[2]) for row in rows[2:]], self.values["s"][-2:].tolist())


class Mistakes(ArrayTest):
    def test_wrong_dtype_shape_or_length_is_an_error_before_any_result(self):
        array = np.arange(12, dtype="f4").reshape(3, 4)
        npy = self.save(array)
        for options in (("--dtype", "f8"), ("--dtype", ">f4"), ("--shape", "4,3"), ("--shape", "12"), ("--order", "F")):
            self.refused(65, "its header says", "stats", *npy, *options)
        self.query("stats", *npy, "--dtype", "float32", "--shape", "-1,4", "--order", "C")
        self.refused(64, "--partial", "stats", *npy, "--partial")
        raw = self.save_raw(array, 100)
        for dtype in ("f8", "i8"):
            self.refused(65, "has 148 bytes", "stats", "--file", raw[1], "--dtype", dtype, "--shape", "3,4", "--offset", 100)
        for dtype in ("i2", "u1"):
            self.refused(65, "more bytes than", "stats", "--file", raw[1], "--dtype", dtype, "--shape", "3,4", "--offset", 100)
        self.refused(65, "has 148 bytes", "dump", "--file", raw[1], "--dtype", "f4", "--shape", "3,4", "--offset", 101)
        self.refused(65, "more bytes than", "dump", "--file", raw[1], "--dtype", "f4", "--shape", "3,3", "--offset", 100)
        got = self.dump("--file", raw[1], "--dtype", "f4", "--shape", "2,2", "--offset", 100, "--partial")
        self.assertEqual(got.tolist(), [[0, 1], [2, 3]])
        self.assertEqual(self.dump("--file", raw[1], "--dtype", "f4", "--offset", 100).tolist(), array.ravel().tolist())
        self.assertEqual(self.dump("--file", raw[1], "--dtype", "f4", "--offset", 100, "--shape", "(-1,4)").tolist(), array.tolist())
        self.refused(65, "whole number of rows", "dump", "--file", raw[1], "--dtype", "f4", "--offset", 99)
        self.refused(65, "no .npy file; of a raw file", "dump", "--file", raw[1])
        # A .npy file is a raw file where --offset says so.
        at = os.path.getsize(npy[1]) - 48
        self.assertEqual(self.dump(*npy, "--offset", at, "--dtype", "f4", "--shape", "12").tolist(), array.ravel().tolist())
        os.truncate(npy[1], at + 47)
        self.refused(65, "has %d bytes" % (at + 47), "stats", *npy)
        os.truncate(npy[1], 50)
        self.refused(65, "ends within", "stats", *npy)
        with open(npy[1], "r+b") as file:
            file.seek(12)
            file.write(b"damage")
        self.refused(65, "ends within", "stats", *npy, "--dtype", "u1")
        np.save(npy[1], np.zeros(3, "c16"))
        self.refused(65, "astype", "stats", *npy)
        self.refused(66, "No such file", "stats", "--file", self.path("none"))
        self.refused(64, "not a regular file", "stats", "--file", self.folder.name)

    def test_options_that_do_not_go_together(self):
        a = self.save(np.zeros((5, 4, 3)))
        self.refused(64, "--file and --store", "stats", *a, "--store", "/x")
        self.refused(64, 'series "x"', "stats", *a, "x")
        for option in (("--slice", "1"), ("--dtype", "f4"), ("--shape", "1"), ("--offset", "1"), ("--order", "C"),
                       ("--partial",), ("--period", "1s"), ("--t0", "now"), ("--stamps", "t")):
            self.refused(64, option[0] + " goes with --file", "stats", "x", *option)
        for option in (("--from", "now"), ("--to", "now"), ("--weight", "time"), ("--last", "1m"), ("--time", "iso")):
            self.refused(64, option[0], "stats", *a, *option)
        self.refused(64, "have no times", "resample", *a, "--every", "1s")
        self.refused(64, "have no times", "rolling", *a, "--window", "1s")
        self.refused(64, "have no times", "dump", *a, "--format", "npy", "--times", "t.npy")
        self.refused(64, "--t0 needs --period", "dump", *a, "--t0", "now")
        self.refused(64, "--stamps and --period", "dump", *a, "--stamps", "t", "--period", "1s")
        self.refused(64, "--stamps and --t0", "dump", *a, "--stamps", "t", "--t0", "now")
        self.refused(64, "backwards", "dump", *a, "--period", "1s", "--slice", "::-1")
        self.refused(64, "of axis 0", "dump", *a, "--period", "1s", "--slice", "2")
        self.refused(64, "2262", "dump", *a, "--period", "36500d")
        self.refused(64, "--offset is of a raw file", "dump", *a, "--offset", "128")
        self.refused(64, "does not take --file", "tail", *a)
        self.refused(64, "--element 12", "dump", *a, "--element", "12")

    def test_values_that_do_not_parse(self):
        a = self.save(np.zeros((5, 4, 3)))
        for option, values in {
            "--slice": ["", "a", "1:2:3:4", "::0", "1,,2", "...,...", "1.5", ":::", "1:2,", ":,:,:,:", "5", "-6", "0,0,0,0",
                        "99999999999999999999"],
            "--dtype": ["", "f2", "c8", "x", "f", "<f3", "float16", "int", "|f4", "S1"],
            "--shape": ["", "a", "1,,2", "1,-1", "-2", "(1", "1,2,3,4,5,6,7,8,9", "1.5"], "--order": ["", "c", "A"],
            "--offset": ["", "-1", "1k"], "--period": ["", "0s", "5"], "--t0": ["", "x"],
        }.items():
            for value in values:
                more = ("--dtype", "f4") if option == "--offset" else ("--period", "1s") if option == "--t0" else ()
                self.refused(64, option, "dump", *a, *more, option, value)

    def test_times_that_do_not_fit(self):
        a = self.save(np.zeros((5, 4)))
        for stamps, words in ((np.arange(4), "4 times for 5 rows"), (np.arange(5.0), "int64"), (np.zeros((5, 1), "i8"), "int64"),
                              (np.array([1, 2, 2, 3, 4]), "row 2 is not later"), (np.array([5, 4, 3, 2, 1]), "row 1 is not later")):
            self.save(stamps, "t.npy")
            self.refused(65, words, "dump", *a, "--stamps", self.path("t.npy"))
        self.refused(66, "No such file", "dump", *a, "--stamps", self.path("none"))

    def test_a_file_that_is_cut_while_it_is_read(self):
        options = self.save(np.zeros(4_000_000))
        run = subprocess.Popen([program("ingest-query"), "dump", *options, "--format", "csv"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        run.stdout.readline()
        os.truncate(options[1], 1_000_000)
        _, errors = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 65, errors)
        self.assertIn(b"was cut", errors)


if __name__ == "__main__":
    unittest.main()
