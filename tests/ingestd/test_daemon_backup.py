"""Backups of a store in use, and what becomes of them: restored under gateways that go on, moved, copied the wrong way; and
a store of the version before the journal."""

import os
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
from gateway_resend import T0, Resender
from ingest_daemon import HEAD, Daemon, program, read_rows, wait_for
from ingest_wire import *

RING = "[series.all]\nmatch = **\ncapacity = 200000\n"
FLUSH = RING + "[flush]\ninterval = 20ms\n"


def query(*arguments):
    done = subprocess.run([program("ingest-query"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120)
    return done.returncode, done.stdout, done.stderr


def replace(daemon, folder):
    """The daemon's store by another folder."""
    shutil.rmtree(daemon.store)
    os.rename(folder, daemon.store)


class Gateways:
    """Resenders that each write two series, and what must be in them."""

    def __init__(self, daemon, count, size=10):
        self.daemon = daemon
        self.all = [Resender(daemon, 100 + n, ["plant/%d/a" % n, "plant/%d/b" % n], size) for n in range(count)]

    def step(self, seconds, make=True):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for gateway in self.all:
                if make and len(gateway.kept) < 60:
                    gateway.make(5)
                gateway.step(1)

    def connect(self):
        for gateway in self.all:
            gateway.connect()

    def drain(self):
        for gateway in self.all:
            gateway.make(3)
        wait_for(lambda: [g.step(10) for g in self.all] and not any(g.kept for g in self.all), "all is durable", 60)

    def batches(self, gateway, name):
        """The numbers of the batches in a series, each of which must be whole."""
        offset = gateway.names.index(name)
        values = read_rows(self.daemon.store, name) - offset
        numbers = (values // gateway.size).astype(int) + 1
        first, counts = np.unique(numbers, return_counts=True)
        if len(values):
            assert np.all(np.diff(values) > 0), "out of order, or twice"
            assert np.all(counts == gateway.size), "a batch in part"
        return set(first.tolist())


class Backup(unittest.TestCase):
    def backup(self, daemon, name="copy"):
        path = os.path.join(daemon.folder, name)
        code, out, error = query("--store", daemon.store, "backup", path)
        self.assertEqual((code, out), (0, ""), error)
        self.assertRegex(error, r"^\d+ series, \d+ rows, [\d.]+ \w+ copied\n$")
        return path

    def restored(self, stop):
        """A backup in the place of the store while gateways hold batches that are not durable."""
        with Daemon(FLUSH) as daemon:
            gateways = Gateways(daemon, 3)
            gateways.step(0.6)
            daemon.configure(RING + "[flush]\ninterval = 1h\n")
            daemon.restart()
            gateways.connect()
            gateways.step(0.6)  # stored, and not durable: held
            copy = self.backup(daemon)
            held_then = [min(gateway.kept) for gateway in gateways.all]
            in_copy = [gateways_in(copy, gateway) for gateway in gateways.all]
            self.assertTrue(any(last >= first for last, first in zip(in_copy, held_then)), "nothing held was copied")
            gateways.step(0.3)
            held = [set(gateway.kept) for gateway in gateways.all]
            daemon.stop(stop)
            replace(daemon, copy)
            daemon.configure(FLUSH)
            daemon.start()
            self.assertNotIn("recovered from", daemon.log())
            gateways.connect()
            gateways.step(0.5)
            gateways.drain()
            for gateway, last, kept in zip(gateways.all, in_copy, held):
                for name in gateway.names:
                    there = gateways.batches(gateway, name)
                    self.assertLessEqual(set(range(1, last + 1)), there, name)
                    self.assertLessEqual(kept, there, name)
                    self.assertIn(gateway.next - 1, there)

    def test_restored_under_gateways_after_a_kill(self):
        self.restored(signal.SIGKILL)

    def test_restored_under_gateways_after_a_stop(self):
        self.restored(signal.SIGTERM)

    def test_restored_under_the_library(self):
        """ingest-send, which is libingest-gateway, does not notice but for the rows that it was told are durable."""
        with Daemon(FLUSH) as daemon:
            path = os.path.join(daemon.folder, "values.npy")
            np.save(path, np.arange(3000.0))
            sender = subprocess.Popen([program("ingest-send"), "--connect", daemon.router, "--series", "lib/a", "--rate",
                                       "1000", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
            try:
                daemon.wait_count("lib/a", 300)
                copy = self.backup(daemon)
                copied = len(read_rows(copy, "lib/a"))
                daemon.stop()
                lost_from = daemon.count("lib/a")
                replace(daemon, copy)
                daemon.start()
                output, _ = sender.communicate(timeout=90)
                self.assertEqual(sender.returncode, 0, output)
            finally:
                sender.kill()
                sender.wait()
            values = daemon.values("lib/a")
            self.assertTrue(np.all(np.diff(values) > 0))
            expected = set(range(copied)) | set(range(lost_from, 3000))
            self.assertLessEqual(expected, set(values.astype(int).tolist()))

    def test_it_starts_cleanly_and_verifies(self):
        with Daemon(FLUSH) as daemon:
            gateways = Gateways(daemon, 2)
            gateways.step(0.3)
            copies = [self.backup(daemon, "copy%d" % i) for i in range(2)]
            for copy in copies:
                self.assertEqual(query("--store", copy, "verify")[:2], (0, ""))
                with open(os.path.join(copy, "STATE")) as file:
                    self.assertEqual(file.read().split(), ["clean"])
                self.assertEqual(sorted(os.listdir(copy)), ["LOCK", "STATE", "series"])
            gateways.drain()
            daemon.stop()
            shutil.copytree(daemon.store, os.path.join(daemon.folder, "before"))
            replace(daemon, copies[0])
            code, _, error = daemon.run("--delete", "plant/0/*")
            self.assertEqual(code, 0, error)

    def test_usage_and_places(self):
        with Daemon(FLUSH) as daemon:
            daemon.dealer().ask(encode_batch([block("a", "f8", [1.0], times_ns=[T0])], session=1, sequence=1))
            store = ("--store", daemon.store)
            self.assertEqual(query(*store, "backup")[0], 64)
            self.assertEqual(query(*store, "backup", "x", "y")[0], 64)
            self.assertEqual(query("--store", daemon.folder + "/no", "backup", daemon.folder + "/x")[0], 66)
            self.assertFalse(os.path.exists(daemon.folder + "/x"))
            code, _, error = query(*store, "backup", daemon.folder)
            self.assertEqual(code, 73)
            self.assertIn("not empty", error)
            self.assertEqual(query(*store, "backup", daemon.store + "/series/b")[0], 73)
            self.assertEqual(query(*store, "backup", daemon.config_path)[0], 73)

    def test_a_damaged_series_is_named_and_left_out(self):
        with Daemon(FLUSH) as daemon:
            client = daemon.dealer()
            for n, name in enumerate(["a", "b"], 1):
                client.ask(encode_batch([block(name, "f8", [1.0], times_ns=[T0])], session=1, sequence=n, flags=FLAG_WAIT))
            daemon.stop()
            os.truncate(os.path.join(daemon.series_folder("a"), "values.npy"), 100)
            copy = os.path.join(daemon.folder, "copy")
            code, _, error = query("--store", daemon.store, "backup", copy)
            self.assertEqual(code, 1)
            self.assertRegex(error, r"not copied: .*series/a/values.npy: ")
            self.assertIn("1 series could not be", error)
            self.assertEqual(query("--store", copy, "ls", "--format", "csv")[1].split("\n")[1].split(",")[0], "b")

    def test_a_full_disk(self):
        """A half backup is no store: neither the daemon nor a query takes it."""
        with Daemon(FLUSH) as daemon:
            daemon.dealer().ask(encode_batch([block("a", "f8", np.arange(50000.0), t0_ns=T0, period_ps=10**9)], session=1,
                                             sequence=1, flags=FLAG_WAIT))
            small = os.path.join(daemon.folder, "small")
            os.mkdir(small)
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", small], capture_output=True)
            if done.returncode != 0:
                self.skipTest("no file system can be mounted here")
            try:
                copy = os.path.join(small, "copy")
                code, _, error = query("--store", daemon.store, "backup", copy)
                self.assertEqual(code, 1)
                self.assertIn("No space left on device", error)
                self.assertIn("no daemon takes it", error)
                self.assertEqual(query("--store", copy, "ls")[0], 75)
                done = subprocess.run([program("ingestd"), "--store", copy], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 74)
                self.assertIn("recovery is due", done.stderr)
            finally:
                subprocess.run(["umount", small], check=True)


def gateways_in(store, gateway):
    """The last batch of a gateway in a copy of the store."""
    return int(read_rows(store, gateway.names[0])[-1]) // gateway.size + 1


class OtherPlaces(unittest.TestCase):
    def filled(self, daemon):
        client = daemon.dealer()
        client.ask(encode_batch([block("a", "f8", np.arange(100.0), t0_ns=T0, period_ps=10**9),
                                 block("b", "i4", [1, 2, 3], times_ns=[T0, T0 + 5, T0 + 9])], session=5, sequence=1,
                                flags=FLAG_WAIT))
        return client

    def test_a_plain_copy_of_a_live_store_is_recovered(self):
        with Daemon(FLUSH) as daemon:
            self.filled(daemon)
            subprocess.run(["cp", "-a", daemon.store, daemon.folder + "/plain"], check=True)
            code, _, error = query("--store", daemon.folder + "/plain", "ls")
            self.assertEqual(code, 75)
            self.assertIn("copy of a store that was in use", error)
            daemon.stop()
            replace(daemon, daemon.folder + "/plain")
            daemon.start()
            self.assertRegex(daemon.log(), r"recovered from the journal \(it is a copy of a store that was in use\)")
            self.assertEqual(daemon.values("a").tolist(), list(range(100)))
            self.assertEqual(daemon.values("b").tolist(), [1, 2, 3])

    def test_a_stopped_store_is_moved(self):
        with Daemon(FLUSH) as daemon:
            client = self.filled(daemon)
            daemon.stop()
            subprocess.run(["cp", "-a", daemon.store, daemon.folder + "/moved"], check=True)
            self.assertEqual(query("--store", daemon.folder + "/moved", "verify")[:2], (0, ""))
            replace(daemon, daemon.folder + "/moved")
            daemon.start()
            self.assertNotIn("recovered", daemon.log())
            # The journal came along: the session is known.
            reply = client.ask(encode_batch([block("b", "i4", [4], times_ns=[T0 + 20])], session=5, sequence=2))
            self.assertEqual((reply.code, reply.stored), (OK, 2))
            self.assertEqual(daemon.values("b").tolist(), [1, 2, 3, 4])

    def test_a_store_of_the_version_before_the_journal(self):
        """No STATE, no journal; a ring that has wrapped, an append that was cut, a session. Written here, byte by byte."""
        with Daemon(FLUSH) as daemon:
            daemon.stop()
            shutil.rmtree(daemon.store)
            os.makedirs(daemon.store + "/series")
            rows = np.arange(150)
            values = np.zeros(100)
            values[rows % 100] = rows
            times = np.zeros(100, np.int64)
            times[rows % 100] = T0 + rows * 1000
            write_series(daemon.store, "old/ring", values, dict(times=times), id=7, capacity=100, clock=2, count=150,
                         frontier=170, rows=100, last_time_ns=T0 + 149000, durable=120,
                         sessions=[(5, 9, 150, 8), (6, 3, 170, 2)])
            runs = np.zeros((1999, 3), np.int64)
            runs[:2] = (0, T0, 10**12), (30, T0 + 10**12, 10**12)
            grown = np.zeros(99, "f8")
            grown[:50] = np.arange(50)
            write_series(daemon.store, "old/grow", grown, dict(runs=runs), grows=True, id=8, capacity=0, clock=1, count=50,
                         frontier=52, rows=99, runs_count=2, last_time_ns=T0 + 10**12 + 19 * 10**9, durable=50)
            self.assertEqual(query("--store", daemon.store, "verify")[:2], (0, ""))
            daemon.start()
            self.assertEqual(daemon.values("old/ring").tolist(), list(range(70, 150)))
            self.assertEqual(daemon.values("old/grow").tolist(), list(range(50)))
            client = daemon.dealer()
            client.hello(5, 9)
            reply = client.ask(encode_batch([block("old/ring", "f8", [-1.0], times_ns=[T0 + 10**9])], session=5, sequence=9))
            self.assertEqual((reply.code, reply.stored), (OK, 9))
            client.ask(encode_batch([block("old/ring", "f8", [150.0], times_ns=[T0 + 10**9])], session=5, sequence=10,
                                    flags=FLAG_WAIT))
            client.hello(6, 3)
            client.ask(encode_batch([block("old/ring", "f8", [151.0], times_ns=[T0 + 2 * 10**9])], session=6, sequence=3,
                                    flags=FLAG_WAIT))
            self.assertEqual(daemon.values("old/ring").tolist(), list(range(70, 152)))
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(query("--store", daemon.store, "verify")[:2], (0, ""))


def write_npy(path, array, width=None):
    """As format.md has it: version 1.0, padded to 4096 bytes, the rows of a growing file blank-padded on the left."""
    dims = [str(dim) for dim in array.shape]
    if width:
        dims[0] = dims[0].rjust(width)
    shape = "(%s)" % (dims[0] + "," if len(dims) == 1 else ", ".join(dims))
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (array.dtype.str, shape)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + (4086).to_bytes(2, "little") + text.ljust(4085).encode() + b"\n")
        file.write(array.tobytes())


def write_series(store, name, values, stamps, grows=False, sessions=(), **words):
    folder = os.path.join(store, "series", name)
    os.makedirs(folder)
    for file, array in dict(stamps, values=values).items():
        write_npy(os.path.join(folder, file + ".npy"), array, 20 if grows else None)
    head = np.zeros(512, np.int64)
    fixed = dict(magic=int.from_bytes(b"INGESTD1", "little"), version=1, sample_bytes=values.dtype.itemsize,
                 dtype=int.from_bytes(values.dtype.str[1:].encode(), "little"), created_ns=T0, epoch=1)
    for word, value in dict(fixed, **words).items():
        head[HEAD[word]] = value
    for slot, entry in enumerate(sessions):
        head[HEAD["sessions"] + 4 * slot:][:4] = entry
    write_npy(os.path.join(folder, "head.npy"), head)


if __name__ == "__main__":
    unittest.main()
