"""plot, as an operator runs it."""

import os
import pty
import re
import select
import struct
import subprocess
import fcntl
import tempfile
import termios
import time
import unittest
import xml.etree.ElementTree as xml

import numpy as np
from query_store import T0, QueryTest, program

HOUR = 3_600_000_000_000
MS = 1_000_000
SVG = "{http://www.w3.org/2000/svg}"


def dots(line):
    """Braille cells of a line with any dot in them."""
    return [character for character in line if "\u2801" <= character <= "\u28ff"]


def points(path):
    """All (x, y) of a path that has only M and L with both numbers."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


class Plot(QueryTest):
    @classmethod
    def make(cls, store):
        spike = np.full(1_000_000, 10.0, "f4")
        spike[::2] = 11
        spike[654321] = 90
        store.create("plant/spike", "f4", (), "regular", 0, 1_000_000_000)
        for i in range(0, len(spike), 200_000):
            store.append_regular("plant/spike", spike[i : i + 200_000], T0 + i * MS, 1_000_000_000)
        times = T0 + np.arange(300) * HOUR
        store.add("plant/acc", np.arange(900.0).reshape(300, 3), times)
        store.add("odd/nan", np.full(10, np.nan), times[:10])
        holes = np.sin(np.arange(300.0))
        holes[100:150] = np.nan
        holes[200] = np.inf
        store.add("odd/holes", holes, times)
        store.add("odd/one", np.array([3.0]), times[:1])
        store.create("odd/empty", "f8")
        store.add("odd/wide", np.zeros((4, 9)), times[:4])
        for i in range(9):
            store.add("many/s%d" % i, np.arange(5) + i, times[:5])

    def plot(self, *arguments, **options):
        return self.query("plot", *arguments, **options).decode().split("\n")

    def svg(self, *arguments):
        """(root, text) of a written file."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.svg")
            self.assertEqual(self.query("plot", *arguments, "-o", path), b"")
            self.assertEqual(os.listdir(folder), ["x.svg"])
            with open(path, encoding="utf-8") as file:
                text = file.read()
            return xml.fromstring(text), text

    def line_points(self, root, name="line"):
        return [points(path.get("d")) for path in root.iter(SVG + "path") if path.get("class") == name]

    # ---- terminal ----

    def test_a_spike_of_one_sample_in_a_million_is_seen(self):
        lines = self.plot("plant/spike", "--width", 80, "--height", 20)
        self.assertIn("plant/spike", lines[0])
        self.assertIn("°C", lines[0])
        self.assertEqual(len(lines), 21)  # 20 lines and what follows the last line feed
        self.assertLessEqual(max(map(len, lines)), 80)
        rows = [line for line in lines if "│" in line or "┤" in line]
        self.assertEqual(len(rows), 16)
        # The spike is alone in the upper rows, at one place; the values fill the lowest.
        high = [index for index, line in enumerate(rows[:12]) if dots(line)]
        self.assertGreaterEqual(len(high), 10)
        columns = {line.index(dots(line)[0]) for line in rows[:12] if dots(line)}
        self.assertEqual(len(columns), 1)
        axis = rows[0].index("│") + 1
        place = (columns.pop() - axis) / (80 - axis)
        self.assertAlmostEqual(place, 0.654321, delta=0.02)

    def test_the_axes_say_values_and_times(self):
        text = "\n".join(self.plot("plant/acc", "--element", 0, "--utc"))
        for words in ["800", "400", "Nov 20", "2023", "UTC"]:
            self.assertIn(words, text)
        text = "\n".join(self.plot("plant/acc", "--element", 0, environment={"TZ": "XYZ-5"}))
        self.assertIn("XYZ", text)
        self.assertIn("60", "\n".join(self.plot("plant/spike", "--height", 20)))

    def test_gaps_stay_empty(self):
        lines = self.plot("odd/holes", "--width", 100, "--height", 12)
        rows = [line.ljust(100) for line in lines if "│" in line or "┤" in line]
        axis = rows[0].index("│" if "│" in rows[0] else "┤") + 1
        width = 100 - axis
        filled = [any(row[axis + i] != " " for row in rows) for i in range(width)]
        middle = filled[int(width * 0.36) : int(width * 0.48)]
        self.assertFalse(any(middle))
        self.assertTrue(all(filled[: int(width * 0.30)]))
        self.assertTrue(all(filled[int(width * 0.52) : int(width * 0.64)]))

    def test_several_series_have_a_legend(self):
        lines = self.plot("many/s0", "many/s1", "many/s2", "--width", 60)
        self.assertEqual(lines[1], "1 many/s0   2 many/s1   3 many/s2")
        ends = [line.rstrip()[-1] for line in lines[2:] if ("│" in line or "┤" in line) and line.rstrip()[-1] in "123"]
        self.assertEqual(ends, ["3", "2", "1"])

    def test_elements_are_lines_of_their_own(self):
        self.assertEqual(self.plot("plant/acc")[1], "1 [0]   2 [1]   3 [2]")
        self.assertIn("[2]", self.plot("plant/acc", "--element", 2)[0])
        self.assertEqual(self.plot("plant/acc", "--element", "2,0")[1], "1 [2]   2 [0]")

    def test_rolling(self):
        title = self.plot("plant/spike", "--rolling", 200, "--stat", "var", "--last", 5000)[0]
        self.assertIn("²", title)
        self.assertIn("var over 200 samples", title)
        self.assertIn("mean over 10 ms", self.plot("plant/spike", "--rolling", "10ms", "--last", 5000)[0])
        lines = self.plot("plant/spike", "--rolling", 200, "--stat", "min,max", "--last", 5000)
        self.assertEqual(lines[1], "1 min   2 max")

    def test_rolling_is_what_rolling_prints(self):
        root, _ = self.svg("plant/acc", "--element", 1, "--rolling", 10, "--stat", "mean")
        _, rows = self.csv("rolling", "plant/acc", "--element", 1, "--window", 10, "--stat", "mean")
        drawn = self.line_points(root)[0]
        self.assertEqual(len(drawn), len(rows))
        # Straight from the first to the last, as the values are.
        ys = np.array([y for _, y in drawn])
        values = np.array([float(row[1]) for row in rows])
        slope, offset = np.polyfit(values, ys, 1)
        self.assertLess(slope, 0)
        np.testing.assert_allclose(ys, slope * values + offset, atol=0.06)

    def test_ascii(self):
        text = self.query("plot", "plant/spike", "--ascii")
        self.assertTrue(text.isascii())
        self.assertIn(b"+", text)
        # A pipe gets UTF-8 whatever the locale.
        self.assertFalse(self.query("plot", "plant/spike", environment={"LC_ALL": "C"}).isascii())

    def test_width_from_the_environment(self):
        lines = self.plot("plant/spike", environment={"COLUMNS": "50"})
        self.assertEqual(max(map(len, lines)), 50)
        for wrong in ["x", "", "-3", "0", "99999999999999999999"]:
            lines = self.plot("plant/spike", environment={"COLUMNS": wrong})
            self.assertEqual(max(map(len, lines)), 80)

    # ---- what is not there ----

    def test_nothing_to_plot_is_said_and_no_failure(self):
        for arguments, words in [
            (["odd/empty"], "odd/empty: no samples in this range"),
            (["plant/spike", "--from", "2100-01-01"], "no samples in this range"),
            (["odd/nan"], "no finite value"),
            (["odd/holes", "--rolling", 1000], "no full window"),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                result = self.run_query("plot", *arguments)
                self.assertEqual((result.returncode, result.stdout), (0, b""), arguments)
                self.assertIn(words, result.stderr.decode())
                result = self.run_query("plot", *arguments, "-o", os.path.join(folder, "x.svg"))
                self.assertEqual((result.returncode, os.listdir(folder)), (0, []))

    def test_one_empty_series_does_not_hide_the_others(self):
        result = self.run_query("plot", "odd/empty", "odd/one")
        self.assertEqual(result.returncode, 0)
        self.assertIn("odd/empty: no samples", result.stderr.decode())
        self.assertTrue(dots(result.stdout.decode()))

    def test_one_sample(self):
        lines = self.plot("odd/one", "--height", 10)
        self.assertEqual(sum(len(dots(line)) for line in lines), 1)
        root, text = self.svg("odd/one")
        self.assertNotIn("nan", text)
        self.assertEqual(len(self.line_points(root, "dots")[0]), 1)

    def test_mistakes(self):
        self.refused(66, "no series", "plot", "nix")
        self.refused(66, "no series matches", "plot", "nix/*")
        self.refused(64, "at most 8 lines, and these are 9 series", "plot", "many/*")
        self.refused(64, "at most 8 lines", "plot", "odd/wide")
        self.refused(64, "at most 8 lines", "plot", "plant/acc", "--rolling", 5, "--stat", "min,max,mean")
        self.refused(64, "one for each statistic of each of 5 series", "plot", *("many/s%d" % i for i in range(5)),
                     "--rolling", 2, "--stat", "min,max")
        self.refused(64, ".svg", "plot", "plant/spike", "-o", "x.png")
        self.refused(64, ".svg", "plot", "plant/spike", "-o", ".svg")
        self.refused(64, "--ascii", "plot", "plant/spike", "-o", "x.svg", "--ascii")
        self.refused(64, "--stat only with --rolling", "plot", "plant/spike", "--stat", "var")
        self.refused(64, "from 20 to 2000", "plot", "plant/spike", "--width", 19)
        self.refused(64, "from 6 to 500", "plot", "plant/spike", "--height", 5)
        self.refused(64, "from 240 to 20000", "plot", "plant/spike", "-o", "x.svg", "--width", 100)
        self.refused(64, "--height", "plot", "plant/spike", "--height", "tall")
        self.refused(64, "element", "plot", "plant/acc", "--element", 3)

    # ---- SVG ----

    def test_svg_is_small_sound_and_keeps_the_spike(self):
        root, text = self.svg("plant/spike")
        self.assertEqual(root.tag, SVG + "svg")
        self.assertEqual(root.get("viewBox"), "0 0 960 400")
        self.assertIn("prefers-color-scheme", text)
        self.assertLess(len(text), 40_000)
        texts = ["".join(node.itertext()) for node in root.iter(SVG + "text")]
        for words in ["plant/spike", "22:20", "2023-11-14", "80", '°C, "outside"']:
            self.assertIn(words, texts)
        band, line = self.line_points(root, "band")[0], self.line_points(root)[0]
        self.assertLessEqual(len(band) + len(line), 2 * 960)
        # One point of the band is far above all others.
        heights = sorted(y for _, y in band)
        self.assertLess(heights[0], 100)
        self.assertGreater(heights[1], 250)
        x = min(band, key=lambda point: point[1])[0]
        first, last = min(line)[0], max(line)[0]
        self.assertAlmostEqual((x - first) / (last - first), 0.654321, delta=0.003)

    def test_svg_is_the_same_every_time(self):
        self.assertEqual(self.svg("plant/acc", "--utc")[1], self.svg("plant/acc", "--utc")[1])

    def test_svg_size_and_legend(self):
        root, _ = self.svg("plant/acc", "--width", 500, "--height", 300)
        self.assertEqual(root.get("viewBox"), "0 0 500 300")
        self.assertEqual(len(self.line_points(root)), 3)
        texts = ["".join(node.itertext()) for node in root.iter(SVG + "text")]
        self.assertTrue({"[0]", "[1]", "[2]"} <= set(texts))

    def test_svg_gaps(self):
        root, text = self.svg("odd/holes")
        path = next(path.get("d") for path in root.iter(SVG + "path") if path.get("class") == "line")
        self.assertEqual(path.count("M"), 3)  # before, between and after what is missing

    # ---- on a terminal ----

    def on_terminal(self, *arguments, columns=100, lines=40, **environment):
        """What the program shows on a terminal of that size."""
        try:
            master, slave = pty.openpty()
        except OSError as error:
            self.skipTest("no terminal can be made here: %s" % error)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        settings = dict(os.environ, TZ="UTC", TERM="xterm-256color", **environment)
        for name in ("NO_COLOR", "COLUMNS"):
            if name not in environment:
                settings.pop(name, None)
        process = subprocess.Popen([program("ingest-query"), "--store", self.store.path, *map(str, arguments)],
                                   stdout=slave, stderr=slave, stdin=slave, env=settings)
        os.close(slave)
        output = b""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and select.select([master], [], [], 30)[0]:
            try:
                output += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
        os.close(master)
        self.assertEqual(process.wait(30), 0)
        return output.decode()

    def test_a_terminal_gets_its_width_and_colours(self):
        text = self.on_terminal("plot", "plant/acc", LC_ALL="C.UTF-8")
        self.assertIn("\033[38;5;", text)
        plain = re.sub("\033\\[[0-9;]*m", "", text).replace("\r", "").split("\n")
        self.assertEqual(max(map(len, plain)), 100)
        self.assertEqual(len(plain), 25)
        self.assertNotIn("\033", self.on_terminal("plot", "plant/acc", LC_ALL="C.UTF-8", NO_COLOR="1"))
        self.assertLessEqual(len(self.on_terminal("plot", "plant/acc", LC_ALL="C.UTF-8", lines=12).split("\n")), 11)

    def test_a_terminal_without_utf8_gets_ascii(self):
        self.assertTrue(self.on_terminal("plot", "plant/acc", LC_ALL="C").isascii())
        self.assertFalse(self.on_terminal("plot", "plant/acc", LC_ALL="C.UTF-8").isascii())


if __name__ == "__main__":
    unittest.main()
