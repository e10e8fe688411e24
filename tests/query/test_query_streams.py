"""Output streams: what long ranges cost in memory, and arrays that are written many rows at a time."""

import os
import resource
import subprocess
import tempfile
import unittest

import numpy as np
from query_store import SANITIZED, T0, QueryTest, program

LONG = 2_000_000
LIMIT_BYTES = 14 << 20  # LONG float64 are 16 MB


class Memory(QueryTest):
    """A process whose private memory may not grow to that of the range."""

    @classmethod
    def make(cls, store):
        random = np.random.default_rng(11)
        cls.values = random.standard_normal(LONG)
        store.create("long", "f8", clock="regular", period_ps=1_000_000_000)
        for i in range(0, LONG, 100_000):
            store.append_regular("long", cls.values[i : i + 100_000], T0 + i * 1_000_000, 1_000_000_000)

    @unittest.skipIf(SANITIZED, "sanitizers need more memory than is allowed here")
    def limited(self, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))

        with tempfile.TemporaryDirectory() as folder:
            command = [program("ingest-query"), "--store", self.store.path, *arguments, "-o", os.path.join(folder, "out.svg")]
            run = subprocess.run(command, capture_output=True, timeout=300, preexec_fn=limit)
            self.assertEqual((run.returncode, run.stderr.decode()), (0, ""), arguments)
            return os.path.getsize(os.path.join(folder, "out.svg"))

    def test_limit_is_one(self):
        """The largest window that fits does, and one that needs the whole range does not."""
        self.limited("rolling", "long", "--window", "100000", "--step", "100000", "--format", "csv")
        result = subprocess.run(
            [program("ingest-query"), "--store", self.store.path, "rolling", "long", "--window", str(LONG)], capture_output=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES)), timeout=300)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"out of memory", result.stderr)

    def test_rolling(self):
        self.assertEqual(self.limited("rolling", "long", "--window", "200", "--format", "npy"), 4096 + (LONG - 199) * 16)
        self.limited("rolling", "long", "--window", "1s", "--step", "1000", "--stat", "mean,min,p95,count", "--format", "csv")

    def test_resample(self):
        self.limited("resample", "long", "--every", "2ms", "--stat", "mean,max", "--format", "csv")

    def test_dump(self):
        self.assertEqual(self.limited("dump", "long", "--format", "npy"), 4096 + LONG * 8)
        self.limited("dump", "long", "--format", "json")

    def test_plot(self):
        self.limited("plot", "long")
        self.limited("plot", "long", "--rolling", "200", "--stat", "var")

    def test_stats(self):
        self.limited("stats", "long", "--stat", "mean,var,p99")


class Arrays(QueryTest):
    """Rows of arrays that are put out in one piece are the rows of the other formats."""

    @classmethod
    def make(cls, store):
        random = np.random.default_rng(12)
        cls.times = T0 + np.cumsum(random.integers(1, 4, 50_000)) * 1_000_000_000
        store.add("real", random.standard_normal(50_000).astype("<f4"), cls.times)
        store.add("whole", random.integers(-100, 100, (20_000, 2)).astype("<i4"), cls.times[:20_000])

    def check(self, name, *arguments):
        lines = self.json("rolling", name, *arguments)
        rows, times = self.npy("rolling", name, *arguments)
        expected = np.array([list(line.values())[1:] for line in lines], "<f8")
        np.testing.assert_array_equal(rows, expected.reshape(len(lines), -1))
        self.assertEqual([line["time"] for line in lines], list(times))
        alone = self.array_alone("rolling", name, *arguments)
        self.assertEqual(alone.tobytes(), rows.tobytes())
        return rows

    def array_alone(self, *arguments):
        """Without --times."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.npy")
            self.query(*arguments, "--format", "npy", "-o", path)
            return np.load(path)

    def test_windows_of_rows(self):
        for step in (1, 7, 16384, 40_000, 2**64 - 1):
            rows = self.check("real", "--window", "200", "--step", step)
            self.assertEqual(len(rows), -(-(50_000 - 199) // step))

    def test_windows_of_time(self):
        for step in (1, 1000, 2**63):
            self.check("real", "--window", "100s", "--step", step)

    def test_whole_numbers_and_elements(self):
        self.check("whole", "--window", "3", "--stat", "sum,count,mean")
        self.check("whole", "--window", "50", "--element", "1", "--stat", "max,p50")

    def test_weighted(self):
        self.check("real", "--window", "20", "--weight", "time", "--step", "3")

    def test_dump(self):
        values = self.array_alone("dump", "real")
        rows, times = self.npy("dump", "real")
        self.assertEqual(values.tobytes(), rows.tobytes())
        np.testing.assert_array_equal(times, self.times)


if __name__ == "__main__":
    unittest.main()
