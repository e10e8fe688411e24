"""libingest-query as other programs have it: against NumPy through ctypes, what it exports, and how it is installed."""

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

from query_store import BUILD, DTYPES, SANITIZED, T0, Store, program, samples

SOURCE = os.environ["INGEST_SOURCE"]
LIBRARY = os.path.join(BUILD, "query", "libingest-query.so")
HEADER = os.path.join(SOURCE, "query", "include", "ingest_query.h")
ENOENT, EAGAIN, EINVAL, ESTALE = 2, 11, 22, 116


class Snapshot(ctypes.Structure):
    _fields_ = [("first", ctypes.c_uint64), ("count", ctypes.c_uint64), ("durable", ctypes.c_uint64),
                ("last_time_ns", ctypes.c_int64)]


class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_char_p), ("is_regular", ctypes.c_int),
                ("rank", ctypes.c_uint), ("dims", ctypes.c_uint32 * 4), ("elements", ctypes.c_uint64),
                ("sample_bytes", ctypes.c_uint64), ("capacity", ctypes.c_uint64), ("unit", ctypes.c_char_p),
                ("description", ctypes.c_char_p)]


class Statistics(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("first", "count", "missing")] + [
        (name, ctypes.c_double) for name in ("mean", "var", "std", "min", "max", "sum", "rms")]


class Rules(ctypes.Structure):
    _fields_ = [("ddof", ctypes.c_uint), ("propagate_nan", ctypes.c_int), ("min_count", ctypes.c_uint64)]


class Window(ctypes.Structure):
    _fields_ = [("rows", ctypes.c_uint64), ("span_ns", ctypes.c_int64)]


class Reduction(ctypes.Structure):
    _fields_ = [("windows", ctypes.c_uint64), ("above", ctypes.c_uint64), ("largest", ctypes.c_double)]


PIECE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t,
                         ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.POINTER(ctypes.c_double)))


class Series:
    def __init__(self, library, store, name):
        self.library, self.handle = library, ctypes.c_void_p()
        self.error = ctypes.create_string_buffer(512)
        self.result = library.ingest_series_open(store.encode(), name.encode(), ctypes.byref(self.handle), self.error)

    def __enter__(self):
        assert self.result == 0, self.error.value
        self.look()
        return self

    def __exit__(self, *_):
        self.library.ingest_series_close(self.handle)

    def look(self):
        self.snapshot = Snapshot()
        return self.library.ingest_series_snapshot(self.handle, ctypes.byref(self.snapshot))

    def statistics(self, first, to, element=0, rules=None):
        found = Statistics()
        result = self.library.ingest_series_statistics(
            self.handle, ctypes.c_uint64(first), ctypes.c_uint64(to), ctypes.c_uint64(element),
            ctypes.byref(rules) if rules else None, ctypes.byref(found))
        return found if result == 0 else result

    def reduce(self, first, to, rows, threshold, element=0, rules=None):
        found = Reduction()
        result = self.library.ingest_series_reduce(
            self.handle, ctypes.c_uint64(first), ctypes.c_uint64(to), ctypes.c_uint64(element), ctypes.c_uint64(rows),
            ctypes.byref(rules) if rules else None, ctypes.c_double(threshold), ctypes.byref(found))
        return found if result == 0 else result

    def rolling(self, first, to, window, names, element=0, rules=None, stop_after=None):
        rows, times, columns = [], [], []

        def take(_, begin, count, stamps, values):
            rows.extend(range(begin, begin + count))
            times.extend(stamps[:count])
            columns.append(np.array([values[k][:count] for k in range(names.count(",") + 1)]))
            return 7 if stop_after is not None and len(rows) >= stop_after else 0

        result = self.library.ingest_series_rolling(
            self.handle, ctypes.c_uint64(first), ctypes.c_uint64(to), ctypes.c_uint64(element), ctypes.byref(window),
            names.encode(), ctypes.byref(rules) if rules else None, PIECE(take), None)
        return result, rows, times, np.concatenate(columns, axis=1) if columns else None


@unittest.skipIf(SANITIZED, "Python is no sanitized program; the example is run instead")
class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = ctypes.CDLL(LIBRARY)
        cls.store = Store()
        cls.times = T0 + np.cumsum(np.random.default_rng(3).integers(1, 2 * 10**9, 20000))
        cls.data = {}
        for dtype in DTYPES:
            cls.data[dtype] = samples(dtype, 3000)
            cls.store.add(dtype, cls.data[dtype], cls.times[:3000])
        cls.long = np.random.default_rng(4).normal(1e6, 1, 20000)
        cls.long[[5, 7000, 19999]] = np.nan
        cls.store.add("long", cls.long, cls.times)
        cls.store.add("vector", np.arange(6000.0).reshape(1000, 3, 2), cls.times[:1000])
        cls.store.add("ring", np.arange(5000.0), cls.times[:5000], capacity=700)
        cls.store.add("lapped", np.arange(5000.0), cls.times[:5000], capacity=700)

    @classmethod
    def tearDownClass(cls):
        cls.store.close()

    def open(self, name):
        return Series(self.library, self.store.path, name)

    def test_info_and_copies(self):
        with self.open("vector") as series:
            info = Info()
            self.library.ingest_series_info(series.handle, ctypes.byref(info))
            self.assertEqual((info.name, info.dtype, info.is_regular, info.rank, list(info.dims), info.elements),
                             (b"vector", b"f8", 0, 2, [3, 2, 0, 0], 6))
            values, times = np.zeros((10, 3, 2)), np.zeros(10, "i8")
            first = ctypes.c_uint64()
            self.assertEqual(self.library.ingest_series_copy(
                series.handle, ctypes.c_uint64(20), ctypes.c_uint64(30), values.ctypes.data_as(ctypes.c_void_p),
                times.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)), ctypes.byref(first)), 0)
            self.assertEqual(first.value, 20)
            np.testing.assert_array_equal(values, np.arange(6000.0).reshape(1000, 3, 2)[20:30])
            np.testing.assert_array_equal(times, self.times[20:30])
            row = ctypes.c_uint64()
            self.assertEqual(self.library.ingest_series_find_time(
                series.handle, ctypes.c_int64(int(self.times[77])), ctypes.byref(row)), 0)
            self.assertEqual(row.value, 77)
            self.assertEqual(series.statistics(0, 1000, 5).max, 5999)
            self.assertEqual(series.statistics(0, 1000, 6), -EINVAL)
            self.assertEqual(series.statistics(0, 1001), -EINVAL)

    def test_statistics_of_every_dtype(self):
        for dtype, data in self.data.items():
            with self.open(dtype) as series, self.subTest(dtype):
                self.assertEqual((series.snapshot.first, series.snapshot.count), (0, 3000))
                found, want = series.statistics(10, 2990), data[10:2990].astype("longdouble")
                self.assertEqual((found.first, found.count, found.missing), (10, 2980, 0))
                np.testing.assert_allclose(
                    [found.mean, found.var, found.min, found.max, found.sum, found.rms],
                    np.array([want.mean(), want.var(), want.min(), want.max(), want.sum(), np.sqrt((want**2).mean())], "f8"),
                    rtol=1e-12)

    def test_long_ranges_and_nan(self):
        with self.open("long") as series:
            for first, to in ((0, 20000), (1, 19999), (4000, 12345), (7000, 7001), (300, 300)):
                found = series.statistics(first, to, rules=Rules(ddof=1))
                want = self.long[first:to]
                want = want[~np.isnan(want)].astype("longdouble")
                self.assertEqual((found.count, found.missing), (len(want), to - first - len(want)))
                if len(want) > 1:
                    np.testing.assert_allclose([found.mean, found.var], [float(want.mean()), float(want.var(ddof=1))], rtol=1e-12)
                else:
                    self.assertTrue(np.isnan(found.mean) or len(want) == 1)
            self.assertTrue(np.isnan(series.statistics(0, 100, rules=Rules(propagate_nan=1)).mean))
            fractions = np.array([0, 0.5, 0.95, 1.0])
            found = np.zeros(4)
            self.assertEqual(self.library.ingest_series_quantiles(
                series.handle, ctypes.c_uint64(0), ctypes.c_uint64(20000), ctypes.c_uint64(0),
                fractions.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(4), found.ctypes.data_as(ctypes.c_void_p)), 0)
            np.testing.assert_allclose(found, np.nanquantile(self.long, fractions), rtol=1e-15)

    def test_rolling_by_rows(self):
        with self.open("f8") as series:
            data = self.data["f8"]
            for width in (1, 20, 200, 3000, 3001):
                result, rows, times, columns = series.rolling(0, 3000, Window(rows=width), "mean,max")
                self.assertEqual((result, rows), (0, list(range(width - 1, 3000))))
                np.testing.assert_array_equal(times, self.times[width - 1 : 3000])
                if width <= 3000:
                    windows = np.lib.stride_tricks.sliding_window_view(data, width)
                    np.testing.assert_array_equal(columns[1], windows.max(axis=1))
                    scale = np.sqrt((windows.astype("longdouble") ** 2).mean(axis=1)).astype("f8")
                    self.assertLess(np.max(np.abs(columns[0] - windows.astype("longdouble").mean(axis=1)) / scale), 1e-14)

    def test_reduced(self):
        """As the variances that are written out; windows across chunks, with NaN, of every dtype and of an element."""
        cases = [(dtype, 0, 3000, rows, 0) for dtype in DTYPES for rows in (1, 20, 500)]
        cases += [("long", 1, 19998, rows, 0) for rows in (79, 80, 4097, 12000)]
        cases += [("vector", 0, 1000, 100, 4), ("lapped", 4300, 5000, 200, 0)]
        for name, first, to, rows, element in cases:
            with self.open(name) as series:
                for rules in (None, Rules(ddof=1), Rules(propagate_nan=1)):
                    result, _, _, columns = series.rolling(first, to, Window(rows=rows), "var", element, rules)
                    self.assertEqual(result, 0, name)
                    wanted = columns[0][~np.isnan(columns[0])]
                    threshold = np.quantile(wanted, 0.7) * (1 + 1e-9) if len(wanted) else 0
                    found = series.reduce(first, to, rows, threshold, element, rules)
                    said = (name, rows, rules and rules.ddof)
                    self.assertEqual(found.windows, to - first - rows + 1, said)
                    np.testing.assert_allclose(found.largest, wanted.max() if len(wanted) else 0, rtol=1e-12, err_msg=str(said))
                    self.assertEqual(found.above, np.count_nonzero(wanted > threshold), said)

    def test_reduced_of_nothing(self):
        with self.open("long") as series:
            self.assertEqual(series.reduce(0, 10, 11, 0).windows, 0)
            self.assertEqual(series.reduce(7, 7, 1, 0).windows, 0)
            for first, to, rows, element, rules in ((0, 10, 0, 0, None), (0, 20001, 5, 0, None), (0, 10, 5, 1, None),
                                                    (0, 10, 5, 0, Rules(min_count=1))):
                self.assertEqual(series.reduce(first, to, rows, 0, element, rules), -EINVAL, (first, to, rows))

    def test_rolling_by_time(self):
        with self.open("long") as series:
            span = 30 * 10**9
            result, rows, times, columns = series.rolling(100, 9000, Window(span_ns=span), "count,var")
            self.assertEqual(result, 0)
            stamps = self.times[100:9000]
            wanted = [i for i in range(100, 9000) if self.times[i] >= stamps[0] + span]
            self.assertEqual(rows, wanted)
            for at in list(range(0, len(rows), 97)) + [len(rows) - 1]:
                inside = self.long[100 + np.searchsorted(stamps, times[at] - span, "right") : rows[at] + 1]
                inside = inside[~np.isnan(inside)]
                self.assertEqual(columns[0][at], len(inside))
                np.testing.assert_allclose(columns[1][at], float(inside.astype("longdouble").var()), rtol=1e-12, atol=1e-300)

    def test_a_callback_stops_it(self):
        with self.open("long") as series:
            result, rows, _, _ = series.rolling(0, 20000, Window(rows=2), "mean", stop_after=1)
            self.assertEqual(result, 7)
            self.assertLess(len(rows), 20000)

    def test_what_is_refused(self):
        with self.open("f8") as series:
            for window, names in ((Window(), "mean"), (Window(1, 1), "mean"), (Window(0, -1), "mean"), (Window(5), "meen"),
                                  (Window(5), ""), (Window(5), "mean,")):
                self.assertEqual(series.rolling(0, 3000, window, names)[0], -EINVAL, (window.rows, names))
        missing = self.open("nothing")
        self.assertEqual(missing.result, -ENOENT)
        self.assertIn(b"nothing", missing.error.value)
        nowhere = Series(self.library, "/nonexistent", "f8")
        self.assertEqual(nowhere.result, -ENOENT)
        self.assertIn(b"/nonexistent", nowhere.error.value)

    def test_a_ring_that_goes_on(self):
        with self.open("ring") as series:
            before = series.snapshot.first
            self.assertEqual((before, series.snapshot.count), (4300, 5000))
            self.store.append("ring", np.arange(5000.0, 5300.0), self.times[5000:5300])
            found = series.statistics(4300, 5000)
            self.assertGreaterEqual(found.first, 4600)
            self.assertEqual((found.min, found.max), (found.first, 4999))
            result, rows, _, columns = series.rolling(4300, 5000, Window(rows=10), "min")
            self.assertEqual((result, rows[0]), (0, found.first + 9))
            np.testing.assert_array_equal(columns[0], np.array(rows) - 9)
            self.assertEqual(series.look(), 0)
            self.assertEqual(series.snapshot.count, 5300)

    def test_power_was_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "store")
            shutil.copytree(self.store.path, copy)
            with open(os.path.join(copy, "STATE"), "r+") as file:
                file.write("recovering" + " " * 100)
            due = Series(self.library, copy, "f8")
            self.assertEqual(due.result, -EAGAIN)
            self.assertIn(b"recovery is due", due.error.value)


class Binary(unittest.TestCase):
    def declared(self):
        with open(HEADER) as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        return set(re.findall(r"INGEST_QUERY_API[^;{]*?\b(ingest_\w+)\s*\(", text))

    @unittest.skipIf(SANITIZED, "a sanitizer exports its own")
    def test_it_exports_what_the_header_declares(self):
        lines = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True).stdout.splitlines()
        self.assertEqual({line.split()[2].split("@")[0] for line in lines}, self.declared())
        dynamic = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True).stdout
        self.assertIn("[libingest-query.so.0]", dynamic)
        self.assertLessEqual(set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)),
                             {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"})

    def test_the_example(self):
        example = os.path.join(BUILD, "examples", "query_c")
        store = Store()
        self.addCleanup(store.close)
        data = np.random.default_rng(5).normal(size=10000)
        store.add("noise", data, T0 + np.arange(10000) * 1000)
        done = subprocess.run([example, store.path, "noise", "200"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        words = done.stdout.split()
        self.assertEqual(words[::2], ["mean", "var", "largest"])
        largest = np.lib.stride_tricks.sliding_window_view(data, 200).var(axis=1).max()
        np.testing.assert_allclose([float(word) for word in words[1::2]], [data.mean(), data.var(), largest], rtol=1e-12)
        done = subprocess.run([example, store.path, "nothing", "200"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (66, ""))
        self.assertIn("nothing", done.stderr)

    def test_the_header_is_for_cxx_too(self):
        compiler = shutil.which("c++") or shutil.which("g++")
        if compiler is None:
            self.skipTest("no C++ compiler is here")
        done = subprocess.run([compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c++", HEADER],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_program_is_built_with_pkg_config(self):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if SANITIZED or compiler is None or not shutil.which("pkg-config"):
            self.skipTest("needs an ordinary build, a compiler and pkg-config")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cmake", "--install", os.path.join(BUILD, "query"), "--prefix", folder + "/first"], check=True,
                           stdout=subprocess.DEVNULL)
            os.rename(folder + "/first", folder + "/moved")
            found = [os.path.join(path, name) for path, _, names in os.walk(folder + "/moved") for name in names]
            packages = next(os.path.dirname(path) for path in found if path.endswith("ingest-query.pc"))
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "ingest-query"], capture_output=True, text=True,
                                   check=True, env=dict(os.environ, PKG_CONFIG_PATH=packages)).stdout
            subprocess.run([compiler, "-Wall", "-Wextra", "-Werror", os.path.join(SOURCE, "examples", "query_c.c"), "-o",
                            folder + "/query_c", *flags.split(), "-lm"], check=True)
            library = os.path.dirname(next(path for path in found if path.endswith("libingest-query.so.0")))
            done = subprocess.run([folder + "/query_c"], env=dict(os.environ, LD_LIBRARY_PATH=library))
            self.assertEqual(done.returncode, 64)


if __name__ == "__main__":
    assert program("make_store")
    unittest.main()
