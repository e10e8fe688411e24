"""ls, info, dump and tail: what was written comes out again, in every format, dtype, shape, clock, mode and range."""

import os
import subprocess
import tempfile
import unittest

import numpy as np
from query_store import DTYPES, T0, QueryTest, iso, program, samples

SHAPES = [(), (3,), (2, 3), (1, 2, 3), (2, 1, 1, 2)]


class Values(QueryTest):
    @classmethod
    def make(cls, store):
        cls.values, cls.times = {}, {}
        for i, dtype in enumerate(DTYPES):
            name, shape = "all/" + dtype, SHAPES[i % len(SHAPES)]
            cls.values[name] = samples(dtype, 2500, shape, seed=i)
            cls.times[name] = T0 + np.cumsum(np.random.default_rng(i).integers(1, 10**9, 2500))
            store.add(name, cls.values[name], cls.times[name])
        special = np.array([0.1, -0.0, 5, 1e22, np.nan, np.inf, -np.inf, 5e-324, 1.7976931348623157e308, 1 / 3])
        for dtype in ("f4", "f8"):
            with np.errstate(over="ignore"):
                cls.values["special/" + dtype] = special.astype(dtype)
            cls.times["special/" + dtype] = T0 + np.arange(10)
            store.add("special/" + dtype, cls.values["special/" + dtype], cls.times["special/" + dtype])

    def check_bits(self, got, want):
        self.assertEqual(got.astype(want.dtype).tobytes(), want.tobytes())

    def test_csv_reads_back_to_the_same_bits(self):
        for name, want in self.values.items():
            header, rows = self.csv("dump", name)
            flat = want.reshape(len(want), -1)
            names = ["value"] if want.ndim == 1 else ["value[%d]" % i for i in range(flat.shape[1])]
            self.assertEqual(header, ["time"] + names)
            self.assertEqual([row[0] for row in rows], [iso(int(t)) for t in self.times[name]])
            kind = float if want.dtype.kind == "f" else int
            with np.errstate(over="ignore"):
                got = np.array([[kind(x) for x in row[1:]] for row in rows], dtype=object).astype(want.dtype)
            nan = np.isnan(flat) if want.dtype.kind == "f" else np.zeros(flat.shape, bool)
            self.assertTrue((np.isnan(got[nan].astype(float))).all())
            self.check_bits(got[~nan], flat[~nan])

    def test_floats_are_as_short_as_they_can_be(self):
        self.assertEqual([row[1] for row in self.csv("dump", "special/f8")[1]],
                         ["0.1", "-0", "5", "1e+22", "nan", "inf", "-inf", "4.94065645841247e-324",
                          "1.7976931348623157e+308", "0.3333333333333333"])
        self.assertEqual([row[1] for row in self.csv("dump", "special/f4", "--first", "3")[1]], ["0.1", "-0", "5"])

    def test_json(self):
        for name, want in self.values.items():
            flat = want.reshape(len(want), -1)
            rows = self.json("dump", name)
            self.assertEqual([row["time"] for row in rows], self.times[name].tolist())
            for row, values in zip(rows, flat):
                got = list(row.values())[1:]
                for x, y in zip(got, values):
                    if want.dtype.kind == "f" and not np.isfinite(y):
                        self.assertIsNone(x)
                    else:
                        self.assertIs(type(x), float if want.dtype.kind == "f" else int)
                        self.check_bits(np.array(x), np.array(y))

    def test_npy_keeps_dtype_and_shape(self):
        for name, want in self.values.items():
            got, times = self.npy("dump", name)
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
            self.check_bits(got, want)
            self.assertEqual((times.dtype, times.tolist()), (np.dtype("<i8"), self.times[name].tolist()))

    def test_npy_through_a_pipe(self):
        from io import BytesIO
        got = np.load(BytesIO(self.query("dump", "all/f8", "--format", "npy")))
        self.check_bits(got, self.values["all/f8"])
        empty = np.load(BytesIO(self.query("dump", "all/f8", "--format", "npy", "--first", "0")))
        self.assertEqual(empty.shape, (0,) + self.values["all/f8"].shape[1:])

    def test_elements(self):
        want = self.values["all/i1"]  # (2, 3)
        self.assertEqual(want.shape[1:], (2, 3))
        header, rows = self.csv("dump", "all/i1", "--element", "5,0")
        self.assertEqual(header, ["time", "value[5]", "value[0]"])
        self.assertEqual([[int(x) for x in row[1:]] for row in rows], want.reshape(-1, 6)[:, [5, 0]].tolist())
        got, _ = self.npy("dump", "all/i1", "--element", "5,0")
        self.assertEqual(got.tolist(), want.reshape(-1, 6)[:, [5, 0]].tolist())
        self.refused(64, "has 6", "dump", "all/i1", "--element", "6")

    def test_several_series(self):
        header, rows = self.csv("dump", "special/*", "--last", "2")
        self.assertEqual(header, ["series", "time", "value"])
        self.assertEqual([row[0] for row in rows], ["special/f4"] * 2 + ["special/f8"] * 2)
        header, rows = self.csv("dump", "special/f4", "special/f4")
        self.assertEqual(header, ["time", "value"])
        self.refused(64, "npy is for one series", "dump", "special/*", "--format", "npy")

    def test_different_shapes_together(self):
        header, rows = self.csv("dump", "all/f4", "all/f8", "--last", "1")
        self.assertEqual(header, ["series", "time", "value", "value[0]", "value[1]", "value[2]"])
        self.assertEqual(rows[0][3:], ["", "", ""])
        self.assertEqual(rows[1][2], "")
        self.assertEqual([list(row) for row in self.json("dump", "all/f4", "all/f8", "--last", "1")],
                         [["series", "time", "value"], ["series", "time", "value[0]", "value[1]", "value[2]"]])

    def test_table(self):
        lines = self.query("dump", "special/f8", "--first", "3").decode().splitlines()
        self.assertEqual(lines[0].split(), ["time", "value"])
        self.assertEqual([line.split()[1] for line in lines[1:]], ["0.1", "-0", "5"])
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertNotIn("\033", "".join(lines))

    def test_time_forms(self):
        self.assertEqual(self.csv("dump", "special/f8", "--time", "ns", "--first", "1")[1][0][0], str(T0))
        self.assertEqual(self.json("dump", "special/f8", "--time", "iso", "--first", "1")[0]["time"], iso(T0))

    def test_tail(self):
        for name in ("all/u8", "all/f8"):
            _, rows = self.csv("tail", name)
            _, want = self.csv("dump", name, "--last", "10")
            self.assertEqual(rows, want)
            self.assertEqual(len(rows), 10)
        self.assertEqual(len(self.csv("tail", "-n3", "all/u8")[1]), 3)
        self.assertEqual(len(self.csv("tail", "all/u8", "--lines=0")[1]), 0)
        self.assertEqual(len(self.csv("tail", "all/u8", "-n", "100000")[1]), 2500)

    def test_ls(self):
        header, rows = self.csv("ls")
        self.assertEqual(header, "series dtype shape clock mode capacity count first_time last_time unit".split())
        self.assertEqual([row[0] for row in rows], sorted(self.values))
        for row in rows:
            times = self.times[row[0]]
            self.assertEqual(row[1:], [row[0].split("/")[1], str(self.values[row[0]].shape[1:]), "explicit", "grow", "0",
                                       str(len(times)), iso(int(times[0])), iso(int(times[-1])), '°C, "outside"'])
        self.assertEqual([row["series"] for row in self.json("ls", "special/*")], ["special/f4", "special/f8"])
        self.assertEqual(self.csv("ls", "nothing/*")[1], [])
        self.refused(66, "", "info", "nothing/*")

    def test_info(self):
        text = self.query("info", "all/f4").decode()
        for word in ("all/f4", "description   made for a test", "numpy", "values.npy"):
            self.assertIn(word, text)
        facts = self.json("info", "all/*")
        self.assertEqual([fact["series"] for fact in facts], ["all/" + dtype for dtype in DTYPES])
        fact = facts[1]
        self.assertEqual((fact["shape"], fact["count"], fact["last_time"]), ("(3,)", 2500, int(self.times["all/f8"][-1])))
        self.assertEqual(fact["files"][1]["bytes"], os.path.getsize(self.store.path + "/series/all/f8/values.npy"))
        self.check_bits(eval(fact["numpy"], {"np": np}), self.values["all/f8"])

    def test_output_file(self):
        path = os.path.join(self.store.path, "out.csv")
        with open(path, "w") as file:
            file.write("old")
        os.chmod(path, 0o640)
        self.assertEqual(self.query("ls", "-o", path, "--format", "csv"), b"")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), self.query("ls", "--format", "csv"))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        os.unlink(path)
        self.refused(66, "", "dump", "all/f4", "nowhere", "-o", path)
        self.assertFalse(os.path.exists(path))
        self.refused(1, "cannot write", "ls", "-o", os.path.join(self.store.path, "no/such/folder"))
        self.refused(1, "cannot write", "ls", "-o", self.store.path)

    def test_full_device_is_an_error(self):
        self.refused(1, "No space left", "dump", "all/f8", "-o", "/dev/full")

    def test_closed_pipe_is_silent(self):
        command = [program("ingest-query"), "dump", "all/**", "--format", "csv", "--store", self.store.path]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdout.readline()
        run.stdout.close()
        errors = run.stderr.read()
        run.stderr.close()
        self.assertEqual((run.wait(30), errors), (0, b""))

    def test_links_are_followed(self):
        with tempfile.TemporaryDirectory() as folder:
            target, link = os.path.join(folder, "target"), os.path.join(folder, "link")
            open(target, "w").close()
            os.symlink("target", link)
            expected = self.query("dump", "all/i4", "--format", "csv")
            self.query("dump", "all/i4", "--format", "csv", "-o", link)
            self.assertEqual(os.readlink(link), "target")
            with open(target, "rb") as file:
                self.assertEqual(file.read(), expected)
            self.assertEqual(sorted(os.listdir(folder)), ["link", "target"])

    def test_names_of_standard_output(self):
        expected = self.query("dump", "all/i4", "--format", "csv")
        for name in ("-", "/proc/self/fd/1"):
            with tempfile.NamedTemporaryFile() as file:
                file.write(b"before\n")
                file.flush()
                command = [program("ingest-query"), "dump", "all/i4", "--format", "csv", "-o", name, "--store",
                           self.store.path]
                subprocess.run(command, stdout=file, check=True)
                with open(file.name, "rb") as again:
                    self.assertEqual(again.read(), b"before\n" + expected)


class Rings(QueryTest):
    """Lapped rings of both clocks, and runs."""

    @classmethod
    def make(cls, store):
        cls.values = np.arange(2345, dtype="i4")
        cls.times = T0 + np.arange(2345) * 1000
        store.add("ring/explicit", cls.values, cls.times, capacity=1000)
        store.create("ring/regular", "i4", clock="regular", capacity=1000, period_ps=1_000_500)
        cls.regular = []
        at = 0
        for run, count in enumerate((500, 700, 1000, 145)):
            t0 = T0 + run * 10**10
            store.append_regular("ring/regular", cls.values[at : at + count], t0, 1_000_500)
            cls.regular += [t0 + i * 1_000_500 // 1000 for i in range(count)]
            at += count
        store.create("empty", "f8", clock="regular", capacity=10, period_ps=10**9)

    def test_what_is_left_of_a_lapped_ring(self):
        for name, times in (("ring/explicit", self.times), ("ring/regular", np.array(self.regular))):
            values, got_times = self.npy("dump", name)
            self.assertEqual(values.tolist(), self.values[-1000:].tolist())
            self.assertEqual(got_times.tolist(), times[-1000:].tolist())
            fact = self.json("info", name)[0]
            self.assertEqual((fact["count"], fact["first_row"], fact["rows"]), (2345, 1345, 1000))
            self.assertEqual(eval(fact["numpy"], {"np": np}).tolist(), self.values[-1000:].tolist())

    def test_ranges(self):
        times = np.array(self.regular)
        lo, hi = int(times[1500]), int(times[2300])

        def rows(*options):
            return self.npy("dump", "ring/regular", *options)[0].tolist()

        self.assertEqual(rows("--from", iso(lo), "--to", iso(hi)), list(range(1500, 2300)))
        self.assertEqual(rows("--from", iso(lo + 1)), list(range(1501, 2345)))
        self.assertEqual(rows("--to", "@%d.%09d" % divmod(hi, 10**9)), list(range(1345, 2300)))
        self.assertEqual(rows("--last", "7"), list(range(2338, 2345)))
        self.assertEqual(rows("--to", iso(hi), "--last", "7"), list(range(2293, 2300)))
        self.assertEqual(rows("--from", iso(lo), "--to", iso(hi), "--last", "7"), list(range(2293, 2300)))
        self.assertEqual(rows("--from", iso(hi), "--last", "1000"), list(range(2300, 2345)))
        self.assertEqual(rows("--first", "5"), list(range(1345, 1350)))
        self.assertEqual(rows("--from", iso(lo), "--first", "5"), list(range(1500, 1505)))
        self.assertEqual(rows("--last", "10us"), [i for i in range(1345, 2345) if times[i] > times[-1] - 10_000])
        # Rows of this series are 1 us apart: (t - 10 us, t] holds ten.
        self.assertEqual(self.npy("dump", "ring/explicit", "--last", "10us")[0].tolist(), list(range(2335, 2345)))
        self.assertEqual(self.npy("dump", "ring/explicit", "--last", "10001ns")[0].tolist(), list(range(2334, 2345)))
        self.assertEqual(rows("--from", "2000-01-01", "--to", "now"), list(range(1345, 2345)))
        self.assertEqual(rows("--from", "-1h"), [])

    def test_empty_ranges_are_a_header(self):
        for command in (["dump"], ["stats"], ["rolling", "--window", "3"], ["resample", "--every", "1s"]):
            for name, options in (("ring/regular", ["--from", "-1h"]), ("ring/regular", ["--last", "0"]),
                                  ("ring/regular", ["--from", "2030-01-01", "--to", "2020-01-01"]), ("empty", [])):
                header, rows = self.csv(command[0], name, *command[1:], *options)
                self.assertEqual(rows, [])
                self.assertIn(header[0], ("time", "series"))
        self.assertEqual(self.csv("tail", "empty")[1], [])
        row = dict(zip(*map(list, (self.csv("ls", "empty")[0], self.csv("ls", "empty")[1][0]))))
        self.assertEqual((row["count"], row["first_time"], row["capacity"], row["mode"]), ("0", "", "10", "ring"))
        self.assertIsNone(self.json("ls", "empty")[0]["last_time"])

    def test_local_zone(self):
        zone = {"TZ": "Europe/Berlin"}  # T0 is 23:13:20 there
        command = ["dump", "ring/explicit", "--time", "ns", "--format", "csv"]
        for text, options, first in (("2023-11-14 23:13:20.002", [], 2000), ("2023-11-14 22:13:20.002", ["--utc"], 2000)):
            lines = self.query(*command, "--from", text, *options, environment=zone).decode().splitlines()
            self.assertEqual(int(lines[1].split(",")[0]), max(T0 + first * 1000, int(self.times[-1000])))


if __name__ == "__main__":
    unittest.main()
