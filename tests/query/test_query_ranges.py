"""Statistics, buckets and pictures of random ranges from block summaries: against NumPy in long double, and against the same
command where the summaries are not to be had and every row is read. INGEST_SEED replays a seed that a failure names."""

import fractions
import glob
import json
import os
import threading
import unittest

import numpy as np
from query_store import DTYPES, T0, QueryTest, samples
from test_query_statistics import NAMES, statistics

SEED = int(os.environ.get("INGEST_SEED", 1))
STEP = 1_000_000  # ns between rows
ROWS = 45_000
RING = 30_011
CHOSEN = "mean,var,min,max,sum,count,missing"


def at(row):
    time_ns = T0 + int(row) * STEP
    return "@%d.%09d" % (time_ns // 10**9, time_ns % 10**9)


class Ranges(QueryTest):
    @classmethod
    def make(cls, store):
        random = np.random.default_rng(SEED)
        cls.values = {}
        for i, dtype in enumerate(DTYPES):
            for mode, capacity in (("grow", 0), ("ring", RING)):
                shape = [(), (3,), (2, 2), (17,)][(i + (mode == "ring")) % 4]
                values = samples(dtype, ROWS, shape, seed=SEED + i)
                if dtype == "f8":
                    values = random.normal(1e9, 1, values.shape)
                cls.put(store, "%s/%s" % (mode, dtype), values, capacity)
        holes = random.normal(size=ROWS)
        holes[random.integers(0, ROWS, 3000)] = np.nan
        holes[20_000:24_000] = np.nan
        cls.put(store, "grow/holes", holes)
        infinite = random.normal(size=(ROWS, 2)).astype("f4")
        infinite[random.integers(0, ROWS, 9), 0] = np.inf
        infinite[random.integers(0, ROWS, 5), 1] = -np.inf
        infinite[random.integers(0, ROWS, 2), :] = np.nan, np.inf
        cls.put(store, "grow/infinite", infinite)
        spike = np.full(ROWS, 0.1)
        spike[: ROWS // 2] = np.cos(np.arange(ROWS // 2))
        spike[ROWS // 3] = 1e12
        cls.put(store, "ring/spike", spike, RING)
        whole = random.integers(-(2**36), 2**36, ROWS).astype("f8")
        whole[random.integers(0, ROWS, 50)] = np.nan
        cls.put(store, "grow/whole", whole)
        cls.put(store, "grow/small", random.integers(-(2**52), 2**52, ROWS))
        cls.put(store, "long/f4", random.normal(5, 1, 5_000_000).astype("f4"))

    @classmethod
    def put(cls, store, name, values, capacity=0):
        """Blocks of all lengths; the last rows come when nobody summarises."""
        cls.values[name] = values
        store.create(name, values.dtype.str[1:], values.shape[1:], "regular", capacity, STEP * 1000)
        random = np.random.default_rng(SEED)
        done = 0
        while done < len(values):
            count = min(len(values) - done, int(random.integers(1, 7000 if len(values) == ROWS else 300_000)))
            store.append_regular(name, values[done : done + count], T0 + done * STEP, STEP * 1000)
            done += count

    def ranges(self, low, high, count):
        random = np.random.default_rng(SEED + low + high)
        for _ in range(count):
            kind = random.integers(0, 4)
            a, b = np.sort(random.integers(low, high + 1, 2))
            if kind == 0:
                a = a // 1024 * 1024
            if kind == 1:
                b = max(a, b // 16384 * 16384)
            if kind == 2:
                b = min(high, a + 3000 + int(random.integers(0, 3000)))
            yield int(max(a, low)), int(b)
        yield low, high

    def check(self, got, values, what):
        """One row of JSON against NumPy: count, missing, minimum and maximum are the same, integers' sums and sums of whole
        numbers too, mean and variance within their bounds."""
        flat = values.reshape(len(values), -1)
        want = statistics(flat.T[None])[0]
        for e in range(flat.shape[1]):
            suffix = "" if values.ndim == 1 else "[%d]" % e
            reference = dict(zip(NAMES, want[e]))
            result = {name: got[name + suffix] for name in CHOSEN.split(",")}
            for name in ("count", "missing"):
                self.assertEqual(result[name], int(reference[name]), (what, name))
            finite = np.isfinite(reference["sum"])
            if values.dtype.kind != "f":
                column = flat[:, e].tolist()
                mean = fractions.Fraction(sum(column), len(column))
                self.assertEqual([result[n] for n in ("sum", "min", "max", "mean")],
                                 [sum(column), min(column), max(column), float(mean)], what)
                self.assertLessEqual(abs(result["var"] - reference["var"]), 1e-15 * reference["var"], what)
                continue
            for name in ("min", "max"):
                expected = float(reference[name])
                self.assertEqual(result[name], expected if np.isfinite(expected) else None, (what, name))
            if not finite or reference["count"] == 0:
                self.assertIsNone(result["mean"], what)
                self.assertIsNone(result["var"], what)
                continue
            rms = reference["rms"]
            self.assertLessEqual(abs(result["mean"] - reference["mean"]), 1e-14 * rms, what)
            self.assertLessEqual(abs(result["sum"] - reference["sum"]), 1e-14 * rms * reference["count"], what)
            # The variance of equal samples is 0 here, and what rounding leaves in NumPy.
            self.assertLessEqual(abs(result["var"] - reference["var"]), 1e-13 * reference["var"] + 1e-36 * rms**2, what)
            if what[0] == "grow/whole":
                self.assertEqual(result["sum"], int(reference["sum"]), what)

    def compare(self, pattern, low, high, count):
        for a, b in self.ranges(low, high, count):
            rows = self.json("stats", pattern, "--from", at(a), "--to", at(b), "--stat", CHOSEN)
            if a == b:
                self.assertEqual(rows, [])
            for row in rows:
                name = row["series"]
                self.assertEqual((row["first_time"], row["last_time"]), (T0 + a * STEP, T0 + (b - 1) * STEP))
                self.check(row, self.values[name][a:b], (name, a, b, "seed %d" % SEED))

    def test_stats_of_grown_series(self):
        self.compare("grow/*", 0, ROWS, 25)

    def test_stats_of_rings(self):
        self.compare("ring/*", ROWS - RING, ROWS, 25)

    def test_stats_of_a_long_series(self):
        self.compare("long/f4", 0, 5_000_000, 6)

    def without_summaries(self, *arguments):
        files = glob.glob(os.path.join(self.store.path, "series", "**", "summary-*.npy"), recursive=True)
        self.assertGreater(len(files), 20)
        for path in files:
            os.rename(path, path + ".away")
        try:
            return self.query(*arguments)
        finally:
            for path in files:
                os.rename(path + ".away", path)

    def test_the_same_as_from_the_rows(self):
        exact = ("--stat", "count,missing,min,max")
        for arguments in (("stats", "**", *exact), ("stats", "ring/*", "--last", "20000", *exact),
                          ("stats", "grow/infinite", "--stat", "mean,sum,rms,missing,max", "--element", "1,0"),
                          ("resample", "grow/f4", "--every", "7001ms", *exact), ("resample", "ring/*", "--every", "10s", *exact),
                          ("resample", "grow/holes", "grow/infinite", "--every", "9s", "--nan", "propagate", *exact),
                          ("resample", "grow/i1", "grow/i8", "grow/u4", "--every", "11s", "--stat", "sum,mean,count"),
                          ("resample", "long/f4", "--every", "1h", *exact)):
            for form in ("csv", "json"):
                self.assertEqual(self.query(*arguments, "--format", form), self.without_summaries(*arguments, "--format", form),
                                 (arguments, "seed %d" % SEED))

    def test_pictures_are_the_same(self):
        for name in ("long/f4", "grow/holes", "grow/infinite", "ring/i4"):
            arguments = ("plot", name, "--utc", "--width", "100", "--element", "0")
            arguments = arguments if self.values[name].ndim > 1 else arguments[:-2]
            self.assertEqual(self.query(*arguments), self.without_summaries(*arguments), name)

    def test_resample(self):
        every = 8000
        for name in ("long/f4", "grow/f8", "grow/i2", "ring/spike"):
            values = self.values[name]
            first = 0 if name[0] != "r" else ROWS - RING
            every = 8000 if len(values) == ROWS else 1_000_000
            rows = self.json("resample", name, "--every", "%dms" % every, "--stat", CHOSEN)
            for row in rows:
                start = (row["time"] - T0) // STEP
                a, b = max(start, first), min(start + every, len(values))
                self.check(row, values[a:b], (name, a, b, "seed %d" % SEED))
            self.assertEqual(sum(row["count" if values.ndim == 1 else "count[0]"] for row in rows), len(values) - first)

    def test_what_summaries_cannot_say_is_read(self):
        column = self.values["grow/u8"].reshape(ROWS, -1)[:, 0]
        row = self.json("stats", "grow/u8", "--element", "0", "--stat", "max,min,median,count")[0]
        suffix = "" if self.values["grow/u8"].ndim == 1 else "[0]"
        self.assertEqual([row[n + suffix] for n in ("max", "min")], [int(column.max()), int(column.min())])
        weighted = self.json("stats", "grow/small", "--weight", "time", "--stat", "mean")[0]["mean"]
        want = self.values["grow/small"][:-1].astype(np.longdouble).mean()
        self.assertLessEqual(abs(weighted - want), 1e-13 * 2**52)

    def test_they_are_what_is_read(self):
        """A record that says something else shows in exactly the ranges that hold its block."""
        path = os.path.join(self.store.path, "series", "grow", "small", "summary-0.npy")
        records = np.load(path, mmap_mode="r+")
        true = float(records[5, 4])
        records[5, 4] = 2.0**52 + 5
        try:
            for a, b, shown in ((4 * 1024, 9 * 1024, True), (5 * 1024 + 1, 12 * 1024, False), (0, 5 * 1024 + 1023, False)):
                got = self.json("stats", "grow/small", "--from", at(a), "--to", at(b), "--stat", "max")[0]["max"]
                self.assertEqual(got == 2**52 + 5, shown, (a, b))
            # What has to look at each row does not ask it.
            self.assertNotEqual(self.json("stats", "grow/small", "--stat", "max,median")[0]["max"], 2**52 + 5)
        finally:
            records[5, 4] = true

    def test_rows_that_nobody_has_summarised(self):
        self.store.stop()
        self.store.start(summaries=False)
        old = self.values["grow/f8"]
        more = samples("f8", 30_000, old.shape[1:], seed=SEED)
        self.store.append_regular("grow/f8", more, T0 + ROWS * STEP, STEP * 1000)
        values = np.concatenate([old, more])
        for a, b in ((0, ROWS + 30_000), (100, ROWS + 7), (ROWS + 1, ROWS + 29_000), (30_000, ROWS + 20_000)):
            row = self.json("stats", "grow/f8", "--from", at(a), "--to", at(b), "--stat", CHOSEN)[0]
            self.check(row, values[a:b], ("grow/f8", a, b, "seed %d" % SEED))

    def test_a_ring_that_is_overwritten(self):
        """Row i holds i and stands at time i: whatever range is told of, all that is said of it fits together."""
        capacity, block = 40_000, 2_500
        self.store.stop()
        self.store.start()
        self.store.create("live", "f8", (), "regular", capacity, STEP * 1000)
        stop = threading.Event()
        appended = [0]

        def write():
            while not stop.is_set():
                at_row = appended[0]
                self.store.append_regular("live", np.arange(at_row, at_row + block, dtype="f8"), T0 + at_row * STEP, STEP * 1000)
                appended[0] += block

        writer = threading.Thread(target=write)
        writer.start()
        try:
            while appended[0] < 2 * capacity:
                self.assertTrue(writer.is_alive())
            shown = 0
            for i in range(60):
                command = ["stats", "live"] if i % 2 else ["resample", "live", "--every", "7s"]
                result = self.run_query(*command, "--stat", "count,min,max,mean,sum,var,missing", "--format", "json")
                self.assertEqual(result.returncode, 0, result.stderr)
                for row in map(json.loads, result.stdout.splitlines()):
                    count, low, high = row["count"], int(row["min"]), int(row["max"])
                    if b"overwritten" in result.stderr and count <= high - low:
                        continue  # what was lost, and is told, leaves a hole
                    self.assertEqual((high - low + 1, row["missing"]), (count, 0), (row, result.stderr))
                    self.assertEqual((row["mean"], row["sum"]), ((low + high) / 2, (low + high) * count // 2), row)
                    self.assertLessEqual(abs(row["var"] - (count**2 - 1) / 12), 1e-13 * row["var"] + 1e-9, row)
                    if i % 2:
                        self.assertEqual((row["first_time"], row["last_time"]), (T0 + low * STEP, T0 + high * STEP))
                    shown += count > 4096
            self.assertGreater(shown, 30)
        finally:
            stop.set()
            writer.join()


if __name__ == "__main__":
    unittest.main()
