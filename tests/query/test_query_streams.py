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
        self.limited("resample", "long", "--every", "2ms", "--wide", "--fill", "previous", "--format", "npy")

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


class Jobs(QueryTest):
    """Several threads put out what one does."""

    @classmethod
    def make(cls, store):
        random = np.random.default_rng(13)
        for i in range(40):
            # Some are so long that others wait for them.
            count = 60_000 if i in (3, 17) else int(random.integers(1, 3000))
            store.add("s/%02d" % i, random.standard_normal(count).astype(("f4", "f8")[i % 2]), T0 + np.arange(count) * 10**8)
        for i in (0, 20, 21, 39):
            store.add("bad/%02d" % i, np.arange(10.0), T0 + np.arange(10))
            store.add("bad/%02d+" % i, np.arange(10.0), T0 + np.arange(10))
            os.truncate(os.path.join(store.path, "series", "bad", "%02d" % i, "values.npy"), 4096)

    def same(self, *arguments, code=0):
        runs = [self.run_query(*arguments, "--jobs", jobs) for jobs in (1, 2, 3, 60)]
        for run in runs:
            self.assertEqual((run.returncode, run.stderr, run.stdout), (code, runs[0].stderr, runs[0].stdout), arguments)
        return runs[0]

    def test_order(self):
        for form in ("table", "csv", "json"):
            for command in (["stats"], ["rolling", "--window", "50"], ["resample", "--every", "7s"], ["dump", "--last", "900"]):
                with self.subTest(format=form, command=command):
                    names = [line for line in self.same(*command, "s/*", "--format", form).stdout.splitlines()]
                    self.assertGreaterEqual(len(names), 40)
        array = os.path.join(self.store.path, "x.npy")
        stats = self.same("stats", "s/*", "--format", "npy", "-o", array)
        self.assertEqual((stats.stdout, np.load(array).shape), (b"", (40, 9)))
        os.unlink(array)

    def test_long_output(self):
        """More than is held back for a job whose turn it is."""
        run = self.same("dump", "s/03", "s/17", "s/0*", "--format", "json")
        self.assertGreater(len(run.stdout), 4 << 20)
        rows = self.same("dump", "s/03", "s/17", "--format", "table").stdout.count(b"\n")
        self.assertEqual(rows, 120_001)

    def test_damage_of_some(self):
        for command in (["stats"], ["rolling", "--window", "2"], ["resample", "--every", "1s"], ["dump"]):
            run = self.same(*command, "bad/*", "--format", "csv", code=65)
            self.assertEqual([line.split(": ")[1].split("/")[-2] for line in run.stderr.decode().splitlines()],
                             ["00", "20", "21", "39"], run.stderr)
            self.assertEqual(sorted({line.split(b",")[0] for line in run.stdout.splitlines()[1:]}),
                             [b"bad/%02d+" % i for i in (0, 20, 21, 39)])

    def test_a_name_that_is_wrong(self):
        for command in (["stats"], ["dump"]):
            run = self.same(*command, "s/01", "nowhere", "s/02", "--format", "csv", code=66)
            self.assertIn(b'no series "nowhere"', run.stderr)

    def test_closed_pipe(self):
        command = [program("ingest-query"), "--store", self.store.path, "dump", "s/*", "--jobs", "4", "--format", "csv"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdout.readline()
        run.stdout.close()
        errors = run.stderr.read()
        run.stderr.close()
        self.assertEqual((run.wait(120), errors), (0, b""))

    def test_numbers_that_are_none(self):
        for value in ("0", "-1", "x", "", "1025"):
            self.refused(64, "--jobs", "stats", "s/*", "--jobs", value)
        self.refused(64, "does not take --jobs", "ls", "--jobs", "2")


if __name__ == "__main__":
    unittest.main()
