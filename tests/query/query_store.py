"""A store filled by the product's own writer (make_store), and ingest-query run on it. Built programs are looked for in
$INGEST_BUILD."""

import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

BUILD = os.environ.get("INGEST_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build")
SANITIZED = bool(os.environ.get("INGEST_SANITIZED"))
DTYPES = ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
T0 = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z


def program(name):
    for folder in ("query", "tests/query", "."):
        path = os.path.join(BUILD, folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(name)


class Store:
    """A store with a writer of its own, which lives until close(). It keeps block summaries."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="ingest-query-test-")
        self.start()

    def start(self, summaries=True):
        self.summaries = summaries  # made of what is appended
        self.writer = subprocess.Popen([program("make_store"), self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.expect_ok()

    def expect_ok(self):
        line = self.writer.stdout.readline().decode()
        if line != "ok\n":
            raise AssertionError("make_store: " + line)

    def tell(self, line, *arrays):
        self.writer.stdin.write(line.encode() + b"\n" + b"".join(array.tobytes() for array in arrays))
        self.writer.stdin.flush()
        self.expect_ok()

    def create(self, name, dtype, shape=(), clock="explicit", capacity=0, period_ps=0):
        dims = ",".join(map(str, shape)) or "-"
        self.tell("create %s %s %s %s %d %d" % (name, dtype, dims, clock, capacity, period_ps))

    def append(self, name, values, times):
        self.tell("append %s %d explicit" % (name, len(values)), np.asarray(times, "<i8"), np.ascontiguousarray(values))
        if self.summaries:
            self.tell("catch-up")

    def append_regular(self, name, values, t0_ns, period_ps):
        self.tell("append %s %d regular %d %d" % (name, len(values), t0_ns, period_ps), np.ascontiguousarray(values))
        if self.summaries:
            self.tell("catch-up")

    def add(self, name, values, times, capacity=0):
        """A whole explicit series."""
        values = np.asarray(values)
        self.create(name, values.dtype.str[1:], values.shape[1:], capacity=capacity)
        step = capacity if 0 < capacity < 1000 else 1000
        for i in range(0, len(values), step):
            self.append(name, values[i : i + step], times[i : i + step])

    def stop(self):
        self.writer.stdin.close()
        self.writer.wait(30)
        self.writer.stdout.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.path)


class QueryTest(unittest.TestCase):
    """Tests on one store, made by make(store) once."""

    @classmethod
    def setUpClass(cls):
        cls.store = Store()
        cls.make(cls.store)

    @classmethod
    def tearDownClass(cls):
        cls.store.close()

    def run_query(self, *arguments, store=None, environment=None, **options):
        command = [program("ingest-query"), "--store", store or self.store.path, *map(str, arguments)]
        settings = dict(os.environ, TZ="UTC")
        settings.update(environment or {})
        settings.pop("INGESTD_STORE", None)
        return subprocess.run(command, capture_output=True, env=settings, timeout=60, **options)

    def query(self, *arguments, **options):
        """Standard output of a run that must succeed and say nothing."""
        result = self.run_query(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""), arguments)
        return result.stdout

    def refused(self, code, message, *arguments, **options):
        """A run that must fail with this code, a message that holds these words, and nothing on standard output."""
        result = self.run_query(*arguments, **options)
        errors = result.stderr.decode()
        self.assertEqual(result.returncode, code, (arguments, errors))
        self.assertIn(message, errors)
        self.assertTrue(errors.startswith("ingest-query: "), errors)
        self.assertEqual(result.stdout, b"")

    def csv(self, *arguments, **options):
        """(names of columns, rows of texts)"""
        rows = list(csv.reader(io.StringIO(self.query(*arguments, "--format", "csv", **options).decode())))
        return rows[0], rows[1:]

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.query(*arguments, "--format", "json", **options).splitlines()]

    def npy(self, *arguments, **options):
        """(array, times), both from files."""
        with tempfile.TemporaryDirectory() as folder:
            array, times = os.path.join(folder, "a.npy"), os.path.join(folder, "t.npy")
            self.query(*arguments, "--format", "npy", "-o", array, "--times", times, **options)
            self.assertEqual(sorted(os.listdir(folder)), ["a.npy", "t.npy"])
            return np.load(array), np.load(times)


class CopiedStoreTest(QueryTest):
    """Tests that each have a copy of the store, which is closed, at self.path; self.folder goes with it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store.stop()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.store.path)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ingest-query-copy-")
        self.path = os.path.join(self.folder, "store")
        shutil.copytree(self.store.path, self.path)

    def tearDown(self):
        shutil.rmtree(self.folder)


def iso(ns):
    return "%s.%09dZ" % (np.datetime64(ns // 10**9, "s"), ns % 10**9)


def samples(dtype, count, shape=(), seed=1):
    """Samples over the whole range of a dtype; floats of all magnitudes."""
    random = np.random.default_rng(seed)
    size = (count,) + tuple(shape)
    if dtype[0] == "f":
        return (random.standard_normal(size) * 10.0 ** random.integers(-20, 20, size)).astype(dtype)
    info = np.iinfo(dtype)
    return random.integers(info.min, info.max, size, dtype=dtype, endpoint=True)
