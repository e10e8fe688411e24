"""stats, rolling and resample against NumPy in long double, for every dtype and many shapes, windows and buckets."""

import datetime
import fractions
import io
import unittest
import zoneinfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from query_store import DTYPES, T0, QueryTest, iso, samples

NAMES = "mean,var,std,min,max,sum,rms,count,missing".split(",")


def statistics(windows, ddof=0, propagate=False):
    """Statistics over the last axis, in NAMES' order, as long double."""
    x = windows.astype(np.longdouble)
    missing = np.isnan(x)
    count = (~missing).sum(-1)
    with np.errstate(all="ignore"):
        total = np.nansum(x, -1)
        mean = np.where(count > 0, total / count, np.nan)
        var = np.where(count > ddof, np.nansum((x - mean[..., None]) ** 2, -1) / (count - ddof), np.nan)
        var = np.where(np.isfinite(mean), var, np.nan)
        low = np.where(count > 0, np.where(missing, np.inf, x).min(-1), np.nan)
        high = np.where(count > 0, np.where(missing, -np.inf, x).max(-1), np.nan)
        rms = np.where(count > 0, np.sqrt(np.nansum(x * x, -1) / count), np.nan)
    results = [mean, var, np.sqrt(var), low, high, total, rms]
    if propagate:
        results = [np.where(missing.any(-1), np.nan, result) for result in results]
        count = count + missing.sum(-1)
    return np.stack(results + [count, missing.sum(-1)], -1)


class Statistics(QueryTest):
    @classmethod
    def make(cls, store):
        cls.values, cls.times = {}, {}
        for i, dtype in enumerate(DTYPES):
            shape = [(), (3,), (2, 2)][i % 3]
            values = samples(dtype, 3000, shape, seed=i)
            if dtype == "f8":
                values = np.random.default_rng(5).normal(1e9, 1, values.shape)
            if dtype == "f4":
                values = np.random.default_rng(5).normal(5, 1, values.shape).astype("f4")
            cls.put(store, "all/" + dtype, values, T0 + np.cumsum(np.random.default_rng(i).integers(1, 10**7, 3000)))
        holes = np.random.default_rng(9).normal(size=3000)
        holes[::17], holes[100:140], holes[500], holes[900] = np.nan, np.nan, np.inf, -np.inf
        cls.put(store, "holes", holes, T0 + np.arange(3000) * 10**6)
        spike = np.full(3000, 0.1)
        spike[:1000] = np.cos(np.arange(1000))
        spike[500] = 1e12
        cls.put(store, "spike", spike, T0 + np.arange(3000) * 10**6)
        # Four days of hours around both changes of the clock in Berlin.
        hours = [np.arange(96) * 3600 * 10**9 + start for start in (1_711_666_800 * 10**9, 1_729_810_800 * 10**9)]
        cls.put(store, "days", np.arange(192.0), np.concatenate(hours))

    @classmethod
    def put(cls, store, name, values, times):
        cls.values[name], cls.times[name] = values, times
        store.add(name, values, times)

    def check(self, got, want, what):
        """Shapes, NaN, infinities, and 1e-14 of relative error (of the rms for a mean or a sum; 1e-13 of a variance)."""
        self.assertEqual(got.shape, want.shape, what)
        want64 = want.astype(float)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want64), what)
        finite = np.isfinite(want64)
        np.testing.assert_array_equal(got[~finite], want64[~finite], what)
        scale = np.abs(want)
        scale[..., 0] = scale[..., 6]
        scale[..., 1:3] *= 10
        scale[..., 5] = np.where(scale[..., 7] > 0, scale[..., 6] * scale[..., 7], 0)
        with np.errstate(invalid="ignore"):
            self.assertTrue((np.abs(got - want)[finite] <= 1e-14 * scale[finite]).all(), what)

    def matrix(self, rows, columns):
        """Rows of dicts or texts as (rows, elements, statistics)."""
        numbers = np.array([[float(x) for x in row] for row in rows]).reshape(len(rows), columns)
        return numbers.reshape(len(rows), len(NAMES), -1).swapaxes(1, 2)

    def test_stats(self):
        for name, values in self.values.items():
            for ddof, nan in ((0, "skip"), (1, "propagate")):
                header, rows = self.csv("stats", name, "--ddof", ddof, "--nan", nan)
                flat = values.reshape(len(values), -1)
                labels = [""] if values.ndim == 1 else ["[%d]" % i for i in range(flat.shape[1])]
                self.assertEqual(header, ["series"] + [n + e for n in NAMES for e in labels] + ["first_time", "last_time"])
                self.assertEqual((rows[0][0], rows[0][-2:]), (name, [iso(int(self.times[name][i])) for i in (0, -1)]))
                got = self.matrix([rows[0][1:-2]], len(header) - 3)
                self.check(got, statistics(flat.T[None], ddof, nan == "propagate"), name)

    def test_integers_are_exact(self):
        for dtype in ("i8", "u8"):
            for i, column in enumerate(self.values["all/" + dtype].reshape(3000, -1).T.tolist()):
                row = self.json("stats", "all/" + dtype, "--ddof", 1)[0]
                element = "[%d]" % i if len(row) > 12 else ""
                mean = fractions.Fraction(sum(column), 3000)
                var = sum((x - mean) ** 2 for x in column) / 2999
                self.assertEqual([row[name + element] for name in ("sum", "min", "max", "mean", "var", "count")],
                                 [sum(column), min(column), max(column), float(mean), float(var), 3000])

    def test_stats_of_several(self):
        rows = self.json("stats", "holes", "spike", "--stat", "count,missing", "--last", "100ms")
        self.assertEqual([(row["series"], row["count"], row["missing"]) for row in rows],
                         [("holes", 94, 6), ("spike", 100, 0)])
        self.assertEqual(list(rows[0]), ["series", "count", "missing", "first_time", "last_time"])
        self.assertEqual(np.load(io.BytesIO(self.query(
            "stats", "holes", "spike", "--stat", "count,missing", "--last", "100ms", "--format", "npy"))).tolist(),
            [[94, 6], [100, 0]])

    def test_rolling_over_rows(self):
        for name, values in self.values.items():
            flat = values.reshape(len(values), -1)
            for window in (1, 2, 63, min(200, len(values)), len(values)):
                got, times = self.npy("rolling", name, "--window", window, "--stat", ",".join(NAMES), "--ddof", 1)
                want = statistics(sliding_window_view(flat, window, 0), 1)
                self.assertEqual(times.tolist(), self.times[name][window - 1 :].tolist())
                got = got.reshape(len(times), len(NAMES), -1).swapaxes(1, 2)
                self.check(got, want, (name, window))
            self.assertEqual(self.csv("rolling", name, "--window", len(values) + 1)[1], [])

    def test_rolling_propagates(self):
        got, _ = self.npy("rolling", "holes", "--window", 20, "--stat", ",".join(NAMES), "--nan", "propagate")
        self.check(got, statistics(sliding_window_view(self.values["holes"], 20), 0, True), "holes")

    def test_rolling_over_time(self):
        for name in ("all/f8", "all/i4", "holes"):
            flat, times = self.values[name].reshape(3000, -1), self.times[name]
            for text, span in (("50ms", 50_000_000), ("1s", 10**9), ("1ns", 1)):
                got, got_times = self.npy("rolling", name, "--window", text, "--stat", ",".join(NAMES))
                keep = np.flatnonzero(times >= times[0] + span)
                self.assertEqual(got_times.tolist(), times[keep].tolist())
                begin = np.searchsorted(times, times[keep] - span, "right")
                want = np.stack([statistics(flat[a : b + 1].T) for a, b in zip(begin, keep)])
                self.check(got.reshape(len(keep), len(NAMES), -1).swapaxes(1, 2), want, (name, text))

    PERCENTILES = {"median": 50, "p0": 0, "p12.5": 12.5, "p95": 95, "p100": 100}

    def check_percentiles(self, got, sets, what):
        """`got`: (rows, percentiles); `sets`: one array of samples a row."""
        want = np.array([np.percentile(x[~np.isnan(x)].astype(float), list(self.PERCENTILES.values()))
                         if (x == x).any() else [np.nan] * 5 for x in sets])
        scale = np.array([np.nanmax(np.abs(x.astype(float))) if (x == x).any() else 0 for x in sets])[:, None]
        self.assertEqual(got.shape, want.shape, what)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), what)
        self.assertTrue((np.abs(got - want) <= 4e-16 * scale)[~np.isnan(want)].all(), what)

    def test_percentiles(self):
        stat = ("--stat", ",".join(self.PERCENTILES))
        for name in ("all/f4", "all/i2", "all/u8", "holes"):
            rows = 450 if name == "holes" else 3000  # no infinities
            flat = self.values[name][:rows].reshape(rows, -1)
            times = self.times[name][:rows]
            options = ("--first", rows) + stat
            if flat.shape[1] > 1:
                options += ("--element", 1)
                flat = flat[:, 1:2]
            column = flat[:, 0]
            got = np.load(io.BytesIO(self.query("stats", name, *options, "--format", "npy")))
            self.check_percentiles(got, [column], name)
            for window in (1, 2, 200, rows):
                got, _ = self.npy("rolling", name, "--window", window, *options)
                self.check_percentiles(got, sliding_window_view(column, window), (name, window))
            got, got_times = self.npy("rolling", name, "--window", "100ms", *options)
            ends = np.searchsorted(times, got_times)
            begins = np.searchsorted(times, got_times - 10**8, "right")
            self.check_percentiles(got, [column[a : b + 1] for a, b in zip(begins, ends)], (name, "100ms"))
            got, got_times = self.npy("resample", name, "--every", "200ms", *options)
            starts = times // (2 * 10**8) * (2 * 10**8)
            self.check_percentiles(got, [column[starts == t] for t in got_times], (name, "resample"))

    def test_too_few_samples(self):
        """Results of fewer samples than --min-count are NaN, but for their number."""
        stat = ("--stat", "mean,var,sum,min,median,count")
        for name, options in (("holes", ("--window", 20)), ("all/i8", ("--window", "40ms", "--element", 0))):
            every, _ = self.npy("rolling", name, *options, *stat)
            some, _ = self.npy("rolling", name, *options, *stat, "--min-count", 8)
            enough = every[:, -1] >= 8
            self.assertTrue(enough.any() and not enough.all())
            np.testing.assert_array_equal(some[enough], every[enough])
            self.assertTrue(np.isnan(some[~enough, :-1]).all())
            np.testing.assert_array_equal(some[:, -1], every[:, -1])
        row = self.json("stats", "holes", "--stat", "mean,median,count", "--first", 10, "--min-count", 10)[0]
        self.assertEqual((row["mean"], row["median"], row["count"]), (None, None, 9))
        rows = self.json("rolling", "all/i8", "--window", "40ms", "--element", 0, "--stat", "max,count", "--min-count", 8)
        self.assertTrue(all((row["max[0]"] is None) == (row["count[0]"] < 8) for row in rows))

    def held(self, column, times, low, high):
        """Mean, variance, std and rms of a signal that holds its values, from time `low` to `high`."""
        begin = max(np.searchsorted(times, low, "right") - 1, 0)
        edges = np.append(np.clip(times[begin:], low, high), high)
        weights = np.diff(edges).astype(float)
        x = column[begin:].astype(np.longdouble)
        weights = np.where(np.isnan(x), 0, weights)
        x = np.where(weights > 0, x, 0)
        if weights.sum() == 0:
            return [np.nan] * 4
        base = x[weights > 0][0]
        offset = (weights * (x - base)).sum() / weights.sum()
        var = (weights * (x - base - offset) ** 2).sum() / weights.sum()
        mean = base + offset
        return [mean, var, var ** 0.5, (mean * mean + var) ** 0.5]

    def check_held(self, got, want, what):
        want = np.array(want, dtype=float)
        self.assertEqual(got.shape, want.shape, what)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), what)
        scale = np.stack([want[:, 3], want[:, 1], want[:, 2], want[:, 3]], 1)
        self.assertTrue((np.abs(got - want) <= 1e-13 * scale)[~np.isnan(want)].all(), what)

    def test_weight_of_time(self):
        options = ("--weight", "time", "--stat", "mean,var,std,rms")
        for name, rows in (("all/f8", 3000), ("all/i4", 3000), ("all/u1", 1000), ("holes", 450)):
            column = self.values[name].reshape(3000, -1)[:rows, 0]
            times = self.times[name][:rows]
            chosen = options + ("--first", rows) + (("--element", 0) if self.values[name].ndim > 1 else ())
            got = np.load(io.BytesIO(self.query("stats", name, *chosen, "--format", "npy")))
            self.check_held(got, [self.held(column, times, times[0], times[-1])], name)
            for window in (1, 2, 100):
                got, _ = self.npy("rolling", name, "--window", window, *chosen)
                ends = range(window - 1, rows)
                self.check_held(got, [self.held(column[: i + 1], times[: i + 1], times[i + 1 - window], times[i])
                                      for i in ends], (name, window))
            for text, span in (("3ms", 3 * 10**6), ("77ms", 77 * 10**6)):
                got, got_times = self.npy("rolling", name, "--window", text, *chosen)
                ends = np.searchsorted(times, got_times)
                self.check_held(got, [self.held(column[: i + 1], times[: i + 1], times[i] - span, times[i]) for i in ends],
                                (name, text))
            got, got_times = self.npy("resample", name, "--every", "50ms", *chosen)
            every = 50 * 10**6
            want = [self.held(column, times, max(t, times[0]), min(t + every, times[-1])) for t in got_times]
            self.check_held(got, want, (name, "resample"))
        self.refused(64, "--ddof", "stats", "holes", "--weight", "time", "--ddof", "1")
        self.refused(64, "--min-count", "stats", "holes", "--weight", "time", "--min-count", "1")

    def test_constant_windows_are_exact(self):
        rows = self.json("rolling", "spike", "--window", "100", "--from", iso(T0 + 990 * 10**6))
        self.assertEqual({(row["mean"], row["var"]) for row in rows[110:]}, {(0.1, 0.0)})
        self.assertTrue(all(row["var"] >= 0 for row in self.json("rolling", "spike", "--window", "7")))

    def test_window_lies_inside_the_range(self):
        _, rows = self.csv("rolling", "spike", "--window", "10", "--last", "12")
        self.assertEqual(len(rows), 3)

    def test_step(self):
        _, every = self.csv("rolling", "holes", "--window", "10")
        _, some = self.csv("rolling", "holes", "--window", "10", "--step", "7")
        self.assertEqual(some, every[::7])
        self.assertEqual(self.csv("rolling", "holes", "--window", "10")[0], ["time", "mean", "var"])

    def check_buckets(self, name, starts, *options, **settings):
        """`starts`: the bucket of each row."""
        got, got_times = self.npy("resample", name, "--stat", ",".join(NAMES), *options, **settings)
        flat = self.values[name].reshape(len(starts), -1)
        firsts = np.unique(starts)
        self.assertEqual(got_times.tolist(), firsts.tolist())
        want = np.stack([statistics(flat[starts == start].T) for start in firsts])
        self.check(got.reshape(len(firsts), len(NAMES), -1).swapaxes(1, 2), want, (name, options))

    def test_resample(self):
        for name in ("all/f4", "all/f8", "all/i2", "all/u8", "holes"):
            for text, every in (("1s", 10**9), ("7ms", 7 * 10**6), ("1h", 3600 * 10**9)):
                self.check_buckets(name, self.times[name] // every * every, "--every", text)

    def local_starts(self, zone, start_of):
        zone = zoneinfo.ZoneInfo(zone)
        starts = []
        for t in self.times["days"].tolist():
            day = start_of(datetime.datetime.fromtimestamp(t // 10**9, zone).date())
            starts.append(int(datetime.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 10**9)
        return np.array(starts)

    def test_days_and_weeks_in_the_zone(self):
        monday = lambda day: day - datetime.timedelta(day.weekday())
        for zone in ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"):
            environment = {"TZ": zone}
            self.check_buckets("days", self.local_starts(zone, lambda day: day), "--every", "1d", environment=environment)
            self.check_buckets("days", self.local_starts(zone, monday), "--every", "1w", environment=environment)
            self.check_buckets("days", self.local_starts("UTC", monday), "--every", "7d", "--utc", environment=environment)
            hour = 3600 * 10**9
            self.check_buckets("days", self.times["days"] // (6 * hour) * (6 * hour), "--every", "6h", environment=environment)
        counts = [row["count"] for row in self.json("resample", "days", "--every", "1d", "--stat", "count",
                                                    environment={"TZ": "Europe/Berlin"})]
        self.assertEqual(counts, [24, 24, 23, 24, 1, 23, 24, 25, 24])


if __name__ == "__main__":
    unittest.main()
