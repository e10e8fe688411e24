"""resample --fill and --wide against joins made from the buckets of each series."""

import os
import unittest

import numpy as np
from query_store import T0, QueryTest

SECOND = 10**9


class Wide(QueryTest):
    @classmethod
    def make(cls, store):
        random = np.random.default_rng(21)
        cls.store_times = {}
        for name, dtype, shape, begin in (("p/a", "f4", (), 0), ("p/b", "i4", (), 40), ("p/c", "f8", (2,), -30), ("q", "f8", (), 500)):
            # Pauses of all lengths, from within a bucket to many of them.
            gaps = random.choice([1, 2, 3, 50, 700], 300, p=[0.4, 0.3, 0.2, 0.07, 0.03]) * SECOND + random.integers(0, SECOND, 300)
            times = T0 + begin * SECOND + np.cumsum(gaps)
            values = (random.standard_normal((300,) + shape) * 100).astype(dtype)
            store.add(name, values, times)
            cls.store_times[name] = times
        store.add("days", np.arange(4.0), np.array([1698444000, 1698530400, 1698620400, 1698879600]) * SECOND)

    def buckets(self, name, *arguments):
        """{start: {column: value}} of one series, with what has no bucket left out."""
        return {row.pop("time"): row for row in self.json("resample", name, *arguments)}

    def joined(self, names, every, fill, begin=None, end=None, *arguments):
        """The same side by side: what --wide must say."""
        each = {name: self.buckets(name, "--every", "%ds" % every, *arguments) for name in names}
        starts = sorted(set().union(*each.values()))
        if fill != "none" and starts:
            step = every * SECOND
            first = min(starts[0], begin // step * step if begin is not None else starts[0])
            last = max(starts[-1], (end - 1) // step * step if end is not None else starts[-1])
            starts = range(first, last + 1, step)
        rows, held = [], {}
        for start in starts:
            row = {"time": start}
            for name in names:
                if start in each[name]:
                    held[name] = each[name][start]
                some = next(iter(each[name].values()))
                values = each[name].get(start, held.get(name) if fill == "previous" else None)
                single = len({key.split("[")[0] for key in some}) == 1
                for key in some:
                    stat, bracket, element = key.partition("[")
                    row[name + ("" if single else ":" + stat) + bracket + element] = values[key] if values else None
            rows.append(row)
        return rows

    def test_join(self):
        names = ["p/a", "p/b", "p/c"]
        for fill in ("none", "null", "previous"):
            for stat in ("mean", "min,count", "mean,p50"):
                with self.subTest(fill=fill, stat=stat):
                    rows = self.json("resample", "p/*", "--wide", "--every", "7s", "--fill", fill, "--stat", stat)
                    self.assertEqual(rows, self.joined(names, 7, fill, None, None, "--stat", stat))
                    self.assertGreater(len(rows), 100)

    def test_none_is_the_default(self):
        self.assertEqual(self.query("resample", "p/*", "--wide", "--every", "7s"),
                         self.query("resample", "p/*", "--wide", "--every", "7s", "--fill", "none"))
        self.assertEqual(self.query("resample", "q", "--every", "7s"), self.query("resample", "q", "--every", "7s", "--fill", "none"))

    def test_csv_and_npy(self):
        arguments = ["resample", "p/a", "p/b", "--wide", "--every", "60s", "--fill", "null", "--stat", "max"]
        wanted = self.joined(["p/a", "p/b"], 60, "null", None, None, "--stat", "max")
        names, rows = self.csv(*arguments, "--time", "ns")
        self.assertEqual(names, ["time", "p/a", "p/b"])
        texts = [[row["time"], *("" if row[name] is None else row[name] for name in names[1:])] for row in wanted]
        self.assertEqual([[float(text) if text else "" for text in row] for row in rows], texts)
        array, times = self.npy(*arguments)
        self.assertEqual(list(times), [row["time"] for row in wanted])
        np.testing.assert_array_equal(array, np.array([[row["p/a"], row["p/b"]] for row in wanted], "f8"))
        self.assertTrue(np.isnan(array).any())

    def test_the_range_is_filled_to_its_ends(self):
        begin, end = int(self.store_times["p/a"][0]) - 100 * SECOND, int(self.store_times["p/a"][40]) + 333 * SECOND
        cut = ["--from", "@%d.%09d" % divmod(begin, SECOND), "--to", "@%d.%09d" % divmod(end, SECOND)]
        for fill in ("none", "null", "previous"):
            with self.subTest(fill=fill):
                rows = self.json("resample", "p/a", "p/c", "--wide", "--every", "30s", "--fill", fill, "--stat", "mean", *cut)
                self.assertEqual(rows, self.joined(["p/a", "p/c"], 30, fill, begin, end, "--stat", "mean", *cut))
        self.assertEqual(self.csv("resample", "p/a", "--wide", "--every", "1s", "--fill", "null", "--from", "@1", "--to", "@100")[1], [])
        self.assertEqual(self.csv("resample", "p/a", "--every", "1s", "--fill", "null", "--from", "@1", "--to", "@100")[1], [])

    def test_fill_of_one_after_the_other(self):
        for fill in ("null", "previous"):
            rows = self.json("resample", "p/a", "q", "--every", "20s", "--fill", fill, "--stat", "mean,sum")
            wanted = [{"series": name, **{key.split(":")[-1]: value for key, value in row.items()}}
                      for name in ("p/a", "q") for row in self.joined([name], 20, fill, None, None, "--stat", "mean,sum")]
            self.assertEqual(rows, wanted)

    def test_days_where_the_clock_changes(self):
        zone = {"TZ": "Europe/Berlin"}
        for extra in ([], ["--wide"]):
            rows = self.json("resample", "days", "--every", "1d", "--fill", "null", "--stat", "sum", *extra, environment=zone)
            # 28 October to 2 November 2023, by midnights in Berlin; the 29th has 25 hours.
            hours = np.array([row["time"] // SECOND for row in rows]) - rows[0]["time"] // SECOND
            self.assertEqual(list(hours // 3600), [0, 24, 49, 73, 97, 121])
            self.assertEqual([list(row.values())[-1] for row in rows], [0, 1, 2, None, None, 3])

    def test_damage_of_one(self):
        store = type(self.store)()
        try:
            for name in ("a", "b", "c"):
                store.add(name, np.arange(5.0), T0 + np.arange(5))
            os.truncate(store.path + "/series/b/values.npy", 4100)
            result = self.run_query("resample", "*", "--wide", "--every", "1h", "--stat", "sum", "--format", "csv", store=store.path)
            self.assertEqual((result.returncode, result.stdout.decode().splitlines()[0]), (65, "time,a,c"))
            self.assertIn("b/values.npy", result.stderr.decode())
            self.refused(66, "no series", "resample", "a", "x", "--wide", "--every", "1h", store=store.path)
        finally:
            store.close()

    def test_what_does_not_go(self):
        self.refused(64, "--fill", "resample", "q", "--every", "1s", "--fill", "linear")
        self.refused(64, "--fill", "resample", "q", "--every", "1s", "--fill", "")
        self.refused(64, "--wide and --jobs", "resample", "q", "--every", "1s", "--wide", "--jobs", "2")
        for option in (["--wide"], ["--fill", "null"]):
            self.refused(64, "--over elements", "resample", "q", "--every", "1s", "--over", "elements", *option)
        self.refused(64, "does not take --wide", "rolling", "q", "--window", "2", "--wide")


if __name__ == "__main__":
    unittest.main()
