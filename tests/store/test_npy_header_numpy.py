"""NumPy as the second implementation of .npy headers: it reads what we write, we read what it writes."""

import itertools
import os
import subprocess
import tempfile
import unittest
import warnings

import numpy as np
from numpy.lib import format as npy_format

TOOL = os.path.join(os.environ["INGEST_BUILD"], "tests", "store", "npy_header_tool")
DTYPES = ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def parse(paths):
    return subprocess.run([TOOL, "parse", *paths], check=True, capture_output=True, text=True).stdout.splitlines()


class NpyHeader(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_numpy_reads_ours(self):
        shapes = [(0,), (5,), (5, 3), (19, 2, 3), (9, 1, 2, 3), (7, 2, 1, 2, 3), ()]
        for number, (dtype, shape, width) in enumerate(itertools.product(DTYPES, shapes, [0, 20])):
            if shape == () and width:
                continue
            path = self.path(f"{number}.npy")
            subprocess.run([TOOL, "write", path, dtype, str(width), *map(str, shape)], check=True)
            self.assertEqual(os.path.getsize(path), 4096)
            values = np.arange(int(np.prod(shape))).astype("<" + dtype).reshape(shape)
            with open(path, "ab") as file:
                file.write(values.tobytes())
            for mode in (None, "r"):
                if mode and 0 in shape:
                    continue  # mmap(2) takes no empty range
                loaded = np.load(path, mmap_mode=mode)
                self.assertEqual(loaded.dtype, np.dtype("<" + dtype))
                self.assertEqual(loaded.shape, shape)
                self.assertTrue(np.array_equal(loaded, values))

    def test_we_read_numpys(self):
        paths, wanted = [], []
        shapes = [(), (0,), (1,), (5,), (5, 3), (2, 3, 4), (1, 2, 3, 4), (1,) * 8]
        for number, (dtype, shape, order, version) in enumerate(
            itertools.product(DTYPES, shapes, "CF", [(1, 0), (2, 0), (3, 0)])
        ):
            array = np.zeros(shape, "<" + dtype, order=order)
            path = self.path(f"{number}.npy")
            with open(path, "wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                npy_format.write_array(file, array, version=version)
            paths.append(path)
            is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
            header_bytes = os.path.getsize(path) - array.nbytes
            wanted.append(" ".join([dtype, "F" if is_fortran else "C", str(header_bytes), *map(str, shape)]))
        self.assertEqual(parse(paths), wanted)

    def test_numpys_other_dtypes_are_told_apart(self):
        dtypes = [">f4", ">i8", "<f2", "<c8", "?", "S5", "U3", "<M8[ns]", "<m8[s]", "V3",
                  [("a", "<f4"), ("b", "<i8", (2, 3))], [("a", [("b", "u1"), ("c", "S3")])],
                  [("ä", "<f4")], np.dtype([("a", "u1"), ("b", "<f8")], align=True),
                  [(("a title", "name"), "<f4")]]
        paths = []
        for number, dtype in enumerate(dtypes):
            paths.append(self.path(f"{number}.npy"))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                np.save(paths[-1], np.zeros(3, dtype))
        paths.append(self.path("deep.npy"))
        np.save(paths[-1], np.zeros((1,) * 9))
        self.assertEqual(parse(paths), ["ENOTSUP"] * len(paths))


if __name__ == "__main__":
    unittest.main()
