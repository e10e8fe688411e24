"""NumPy reads a growing series in a loop, by mapping and by reading, while another process grows it many times over."""

import os
import subprocess
import tempfile
import time
import unittest

import numpy as np

TOOL = os.path.join(os.environ["INGEST_BUILD"], "tests", "store", "grow_tool")
SANITIZED = "INGEST_SANITIZED" in os.environ
ROWS = 300_000 if SANITIZED else 6_000_000
T0_NS = 1_700_000_000_000_000_000
HEAD_COUNT, HEAD_ROWS, HEAD_RUNS_COUNT = 16, 18, 19


def row_times(begin, end):
    index = np.arange(begin, end)
    return T0_NS + index * 1000 + index // 1000 * 7


def grow_rows(rows):
    """Members of the family 9, 19, 39, 79, 99, 199, ..."""
    text = str(rows + 1)
    return text[0] in "1248" and set(text[1:]) <= {"0"} and rows >= 9


class Grow(unittest.TestCase):
    def check(self, clock):
        with tempfile.TemporaryDirectory() as store:
            folder = os.path.join(store, "series", "grow", "x")
            head_path = os.path.join(folder, "head.npy")
            values_path = os.path.join(folder, "values.npy")
            times_path = os.path.join(folder, "times.npy" if clock == "explicit" else "runs.npy")
            writer = subprocess.Popen([TOOL, store, "grow/x", clock, str(ROWS)])
            try:
                deadline = time.monotonic() + 60
                while not os.path.exists(head_path):
                    self.assertLess(time.monotonic(), deadline)
                head = np.load(head_path, mmap_mode="r")
                shapes, looks, last, previous = set(), 0, False, 0
                while not last:
                    last = writer.poll() is not None  # one more look when it has ended
                    count = int(head[HEAD_COUNT])
                    self.assertGreaterEqual(count, previous)
                    mapped = np.load(values_path, mmap_mode="r")
                    self.assertGreaterEqual(len(mapped), count)
                    self.assertTrue(grow_rows(len(mapped)), len(mapped))
                    self.assertEqual(mapped.shape[1:], (2,))
                    shapes.add(len(mapped))
                    # What is new since the last look, and some of what is old.
                    for begin, end in ((max(0, min(previous, count - 1000)), count), (count // 3, count // 3 + 50)):
                        end = min(end, count)
                        index = np.arange(begin, end, dtype=float)
                        wanted = np.stack([2 * index, 2 * index + 1], axis=1)
                        self.assertTrue(np.array_equal(mapped[begin:end], wanted), (begin, end))
                        if clock == "explicit":
                            times = np.load(times_path, mmap_mode="r")
                            self.assertTrue(np.array_equal(times[begin:end], row_times(begin, end)), (begin, end))
                    if clock == "regular":
                        runs_count = int(head[HEAD_RUNS_COUNT])
                        runs = np.load(times_path, mmap_mode="r")[:runs_count]
                        self.assertEqual(len(runs), runs_count)
                        self.assertTrue(np.array_equal(runs[:, 0], np.arange(runs_count) * 1000))
                        self.assertTrue(np.array_equal(runs[:, 1], row_times(0, runs_count * 1000)[::1000]))
                        self.assertTrue((runs[:, 2] == 1_000_000).all())
                    if looks % 8 == 0 or last:
                        self.assertTrue(np.array_equal(np.load(values_path)[:count, 0], 2.0 * np.arange(count)))
                        np.load(times_path)
                    previous = count
                    looks += 1
                    self.assertLess(time.monotonic(), deadline)
                self.assertEqual(writer.returncode, 0)
                self.assertEqual(count, ROWS)
                self.assertGreater(looks, 20)
                self.assertGreater(len(shapes), 8, shapes)
                if clock == "regular":
                    self.assertEqual(int(head[HEAD_RUNS_COUNT]), ROWS // 1000)
            finally:
                writer.kill()
                writer.wait()

    def test_explicit(self):
        self.check("explicit")

    def test_regular(self):
        self.check("regular")


if __name__ == "__main__":
    unittest.main()
