"""NumPy's memmap as the second implementation of mapped arrays: what one stores, the other sees, in every mode."""

import errno
import itertools
import os
import signal
import subprocess
import tempfile
import unittest
import warnings

import numpy as np
from numpy.lib import format as npy_format

TOOL = os.path.join(os.environ["INGEST_BUILD"], "tests", "store", "mapped_array_tool")
DTYPES = ["|b1"] + [order + kind for kind in ("f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8") for order in "<>"]
DTYPES += ["|i1", "|u1"]
SHAPES = [(), (0,), (7,), (5, 3), (0, 4), (3, 0), (4, 3, 2), (2, 3, 4, 5), (1, 2, 1, 2, 1, 2, 1, 3)]


class MappedArray(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.random = np.random.default_rng(20)

    def path(self, name="a"):
        return os.path.join(self.folder.name, name)

    def command(self, mode, kind, path, dtype="-", order="C", offset=0, dims=None, operations=()):
        dims = "-" if not dims else ",".join(map(str, dims))
        return [TOOL, mode, kind, path, dtype, order, str(offset), dims, *map(str, operations)]

    def run_tool(self, *arguments, **options):
        """(first line, what follows)"""
        run = subprocess.run(self.command(*arguments, **options), stdout=subprocess.PIPE, timeout=60)
        self.assertEqual(run.returncode, 0, run.stdout[:300])
        line, _, rest = run.stdout.partition(b"\n")
        return line.decode(), rest

    def refused(self, error, words, *arguments, **options):
        run = subprocess.run(self.command(*arguments, **options), stdout=subprocess.PIPE, timeout=60)
        number, _, text = run.stdout.decode().partition(" ")
        self.assertEqual(run.returncode, 1, text)
        self.assertIn(errno.errorcode[int(number)], error.split(), text)
        self.assertIn(words, text)
        self.assertIn(self.folder.name, text)

    def array(self, dtype, shape, order="C"):
        size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        values = np.frombuffer(self.random.bytes(size), dtype if dtype != "|b1" else "u1").reshape(shape)
        return np.asarray((values & 1).astype(bool) if dtype == "|b1" else values, order=order)

    def line(self, array, offset, trailing=0):
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        descr = np.lib.format.dtype_to_descr(array.dtype)
        return " ".join(map(str, ["ok", descr, order, offset, trailing, *array.shape]))

    def test_we_read_numpys_files(self):
        for dtype, shape, order in itertools.product(DTYPES, SHAPES, "CF"):
            array = self.array(dtype, shape, order)
            for version in ((1, 0), (2, 0), (3, 0)):
                with open(self.path(), "wb") as file, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    npy_format.write_array(file, array, version=version)
                offset = os.path.getsize(self.path()) - array.nbytes
                line, data = self.run_tool("r", "npy", self.path(), operations=["get"])
                self.assertEqual(line, self.line(array, offset))
                self.assertEqual(data, array.tobytes("A"))
                if version == (1, 0):
                    continue
                break

    def test_numpy_reads_ours(self):
        for dtype, shape, order in itertools.product(DTYPES, SHAPES[1:], "CF"):
            array = self.array(dtype, shape, order)
            order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
            size, itemsize = array.size, array.itemsize
            stores = [x for i in range(size) for x in ("set", i, i % 2 if dtype == "|b1" else i % 251)]
            data = b"".join(bytes([i % 2 if dtype == "|b1" else i % 251]) * itemsize for i in range(size))
            want = np.frombuffer(data, dtype).reshape(shape, order=order)
            self.run_tool("w+", "npy", self.path(), dtype=dtype, order=order, dims=shape, operations=stores + ["flush"])
            got = np.load(self.path(), mmap_mode="r" if size else None)
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
            self.assertEqual(got.tobytes(), want.tobytes())
            for offset in (0, 5, 2048, 4096 + 13):
                if not size:
                    continue
                self.run_tool("w+", "raw", self.path("raw"), dtype=dtype, order=order, offset=offset, dims=shape,
                              operations=stores)
                self.assertEqual(os.path.getsize(self.path("raw")), offset + len(data))
                got = np.memmap(self.path("raw"), dtype, "r", offset, shape, order)
                self.assertEqual(got.tobytes(), want.tobytes())

    def test_raw_files_at_any_offset(self):
        data = self.random.bytes(70_000)
        with open(self.path(), "wb") as file:
            file.write(data)
        for offset in (0, 1, 128, 2048, 4095, 4096, 8191, 65_536):
            line, got = self.run_tool("r", "raw", self.path(), dtype=">u4", order="F", offset=offset, dims=(9, 100),
                                      operations=["get"])
            self.assertEqual(line, "ok >u4 F %d %d 9 100" % (offset, 70_000 - offset - 3600))
            self.assertEqual(got, data[offset : offset + 3600])
        line, got = self.run_tool("r", "raw", self.path(), dtype="float64", offset=16, dims=("rest", 4),
                                  operations=["get"])
        self.assertEqual((line, got), ("ok <f8 C 16 0 %d 4" % ((70_000 - 16) // 32), data[16:]))

    def test_read_write(self):
        np.save(self.path(), np.arange(12, dtype=">i4").reshape(3, 4))
        path = self.path() + ".npy"
        before = os.stat(path)
        self.run_tool("r+", "npy", path, operations=["set", 5, 0, "flush"])
        want = np.arange(12)
        want[5] = 0
        self.assertEqual(np.load(path).ravel().tolist(), want.tolist())
        self.assertEqual((os.stat(path).st_ino, os.stat(path).st_size), (before.st_ino, before.st_size))
        ours = np.memmap(path, ">i4", "r+", offset=before.st_size - 48, shape=(3, 4))
        ours[2, 3] = -9
        ours.flush()
        self.assertEqual(np.frombuffer(self.run_tool("r", "npy", path, operations=["get"])[1], ">i4")[11], -9)

    def test_copy_on_write_leaves_the_file_alone(self):
        with open(self.path(), "wb") as file:
            file.write(bytes(10_000))
        os.chmod(self.path(), 0o444)
        _, data = self.run_tool("c", "raw", self.path(), dtype="u2", offset=3, dims=(100,),
                                operations=["set", 0, 7, "set", 99, 8, "flush", "get"])
        want = bytearray(200)
        want[:2], want[-2:] = b"\7\7", b"\10\10"
        self.assertEqual(data, bytes(want))
        with open(self.path(), "rb") as file:
            self.assertEqual(file.read(), bytes(10_000))

    @unittest.skipIf(os.environ.get("INGEST_SANITIZED"), "a sanitizer would report the fault that is looked for")
    def test_reading_refuses_to_store(self):
        np.save(self.path("a.npy"), np.zeros(100))
        run = subprocess.run(self.command("r", "npy", self.path("a.npy"), operations=["set", 0, 1]),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        self.assertEqual(run.returncode, -signal.SIGSEGV)
        self.assertEqual(np.load(self.path("a.npy")).sum(), 0)

    def talk(self, *arguments, **options):
        process = subprocess.Popen(self.command(*arguments, **options), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertTrue(process.stdout.readline().startswith(b"ok"))
        return process

    def test_several_processes_on_one_file(self):
        np.save(self.path("a.npy"), np.zeros(1000, "u1"))
        reader = self.talk("r", "npy", self.path("a.npy"), operations=["wait", "get"])
        copy = self.talk("c", "npy", self.path("a.npy"), operations=["set", 1, 99, "wait", "get"])
        writers = [self.talk("r+", "npy", self.path("a.npy"), operations=["wait", "set", 2 + i, 3 + i]) for i in range(3)]
        ours = np.load(self.path("a.npy"), mmap_mode="r+")
        ours[0] = 1
        for process in (*writers, reader, copy):
            self.addCleanup(process.stdout.close)
        for writer in writers:
            writer.communicate(b"\n", timeout=60)
            self.assertEqual(writer.returncode, 0)
        self.assertEqual(ours[:6].tolist(), [1, 0, 3, 4, 5, 0])
        self.assertEqual(list(reader.communicate(b"\n", timeout=60)[0][:6]), [1, 0, 3, 4, 5, 0])
        self.assertEqual(list(copy.communicate(b"\n", timeout=60)[0][1:2]), [99])

    def test_a_new_file_leaves_the_old_one_to_its_readers(self):
        np.save(self.path("a.npy"), np.full(5000, 7))
        reader = self.talk("r", "npy", self.path("a.npy"), operations=["wait", "get"])
        old = np.load(self.path("a.npy"), mmap_mode="r")
        self.run_tool("w+", "npy", self.path("a.npy"), dtype="u1", dims=(3,), operations=["set", 1, 1])
        self.assertEqual(np.load(self.path("a.npy")).tolist(), [0, 1, 0])
        self.assertEqual(int(old.sum()), 35_000)
        self.assertEqual(np.frombuffer(reader.communicate(b"\n", timeout=60)[0], "i8").sum(), 35_000)
        self.assertEqual(reader.returncode, 0)
        self.assertEqual(os.listdir(self.folder.name), ["a.npy"])

    def test_a_file_that_is_cut(self):
        for mode, size in itertools.product(("r", "r+", "c"), (0, 4096, 39_000)):
            with open(self.path(), "wb") as file:
                file.write(b"\1" * 40_000)
            process = self.talk(mode, "raw", self.path(), dtype="f8", dims=(5000,), operations=["wait", "get"])
            os.truncate(self.path(), size)
            out, _ = process.communicate(b"\n", timeout=60)
            process.stdout.close()
            self.assertEqual(process.returncode, 1)
            self.assertIn(b"%d %s was cut" % (errno.EFAULT, self.path().encode()), out)

    def test_what_does_not_fit_is_an_error(self):
        np.save(self.path("a.npy"), np.zeros((30, 4), "f4"))
        npy = self.path("a.npy")
        for options in (dict(dtype="f8", dims=(30, 4)), dict(dtype=">f4", dims=(30, 4)), dict(dtype="f4", dims=(4, 30)),
                        dict(dtype="f4", dims=(120,)), dict(dtype="f4", dims=(30, 4), order="F")):
            self.refused("EPROTOTYPE", "its header says <f4 (30, 4)", "r", "npy", npy, **options)
        self.run_tool("r", "npy", npy, dtype="f4", dims=(30, 4))
        os.truncate(npy, os.path.getsize(npy) - 1)
        for mode in ("r", "r+", "c"):
            self.refused("ENODATA", "<f4 (30, 4) from byte 128 on takes 608", mode, "npy", npy)
        os.truncate(npy, 100)
        self.refused("ENODATA", "ends within", "r", "npy", npy)
        raw = self.path("raw")
        with open(raw, "wb") as file:
            file.write(bytes(1001))
        for mode in ("r", "r+", "c"):
            self.refused("ENODATA", "has 1001 bytes", mode, "raw", raw, dtype="f4", dims=(251,))
            self.refused("ENODATA", "whole number of rows", mode, "raw", raw, dtype="f4", dims=("rest",))
            self.refused("ENODATA", "would begin at 1002", mode, "raw", raw, dtype="u1", offset=1002, dims=("rest",))
            self.refused("EBADMSG", "no .npy file", mode, "npy", raw)
            self.refused("ENOENT", "cannot open", mode, "raw", self.path("none"), dtype="f4", dims=(1,))
            self.assertEqual(os.path.getsize(raw), 1001)
        self.refused("EINVAL", "no file is as long", "r", "raw", raw, dtype="f4", dims=(2**62, 2**62))
        self.refused("EINVAL", "no file is as long", "r", "raw", raw, dtype="f4", offset=2**63, dims=(1,))
        self.refused("EINVAL", "at most 8 dim", "r", "raw", raw, dtype="c16", dims=(1,))
        self.refused("EINVAL", "cannot be counted", "r", "raw", raw, dtype="f4", dims=("rest", 0))
        self.refused("EINVAL", "not a regular file", "r", "raw", self.folder.name, dtype="f4", dims=(1,))
        self.refused("EINVAL", "no shape", "w+", "npy", self.path("new"))
        self.refused("EINVAL", "no file is as long", "w+", "raw", self.path("new"), dtype="f4", dims=("rest",))
        self.refused("EFBIG ENOSPC", "cannot make", "w+", "raw", self.path("new"), dtype="f4", dims=(2**60,))
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["a.npy", "raw"])
        for dtype in ("<f2", "<c8", "S5", "<M8[ns]", [("a", "<f4")]):
            np.save(npy, np.zeros(3, dtype))
            self.refused("ENOTSUP", "astype", "r", "npy", npy)


if __name__ == "__main__":
    unittest.main()
