"""Block summaries as a daemon keeps them: they appear as samples come, NumPy reads them and finds the same figures, they survive
kill -9 and a clean stop, and are made again where they are lacking."""

import json
import os
import shutil
import subprocess
import unittest

import numpy as np
from ingest_daemon import HEAD, Daemon, head_word, program, wait_for
from ingest_wire import *

BLOCK = 1024
CONFIG = """[series.ring]
match = ring/**
capacity = 40000
[series.all]
match = **
mode = grow
[flush]
interval = 50ms
"""
T0 = 1_700_000_000_000_000_000


class Sender:
    def __init__(self, daemon, name, dtype, dims=()):
        self.daemon, self.name, self.dtype, self.dims = daemon, name, dtype, dims
        self.random = np.random.default_rng(5)
        self.rows = np.empty((0, *dims), "<" + dtype)

    def send(self, batches, size=999):
        push = self.daemon.push()
        for _ in range(batches):
            rows = self.random.normal(1e6 if self.dtype == "f8" else 20, 50, (size, *self.dims)).astype(self.rows.dtype)
            if self.dtype[0] == "f":
                rows[self.random.random(rows.shape) < 0.01] = np.nan
            data = block(self.name, self.dtype.encode(), rows.tobytes(), dims=self.dims, count=size, clock=REGULAR,
                         t0_ns=T0 + len(self.rows) * 1_000_000, period_ps=1_000_000_000)
            push.send(encode_batch([data]))
            self.rows = np.concatenate([self.rows, rows])
            self.daemon.wait_count(self.name, len(self.rows))
        push.close()

    def summarised(self):
        return head_word(self.daemon.store, self.name, "summarised")

    def wait(self):
        wait_for(lambda: self.summarised() == len(self.rows) // BLOCK * BLOCK, "all blocks are summarised")


class Summaries(unittest.TestCase):
    def check(self, sender):
        """Every record that is there, as docs/format.md says which those are. Returns how many."""
        folder = sender.daemon.series_folder(sender.name)
        head = np.load(os.path.join(folder, "head.npy"))
        capacity, summarised = int(head[HEAD["capacity"]]), int(head[HEAD["summarised"]])
        oldest = max(0, int(head[HEAD["frontier"]]) - capacity) if capacity else 0
        records, level = 0, 0
        while (not capacity or capacity >= 2 * BLOCK * 16**level) and summarised // (BLOCK * 16**level):
            rows = BLOCK * 16**level
            array = np.load(os.path.join(folder, "summary-%d.npy" % level), mmap_mode="r")
            self.assertEqual(array.dtype, np.dtype("<f8"))
            self.assertEqual(array.shape[1:], (*sender.dims, 6))
            if capacity:
                self.assertEqual(len(array), -(-capacity // rows) + 1)
            for number in range(-(-oldest // rows), summarised // rows):
                samples = sender.rows[number * rows:(number + 1) * rows].astype(np.float64)
                hi, lo, m2, least, most, count = np.moveaxis(array[number % len(array)], -1, 0)
                np.testing.assert_array_equal(count, np.sum(~np.isnan(samples), axis=0))
                np.testing.assert_array_equal(least, np.nanmin(samples, axis=0))
                np.testing.assert_array_equal(most, np.nanmax(samples, axis=0))
                np.testing.assert_allclose(hi + lo, np.nanmean(samples, axis=0), rtol=1e-12, atol=1e-12)
                np.testing.assert_allclose(m2, np.nanvar(samples, axis=0) * count, rtol=1e-7)
                records += 1
            level += 1
        return records

    def check_info(self, sender):
        """How far it has summaries, and their files."""
        facts = json.loads(self.query(sender.daemon.store, "info", sender.name, "--format", "json"))
        self.assertEqual(facts["summarised"], sender.summarised())
        folder = sender.daemon.series_folder(sender.name)
        self.assertEqual({file["name"]: file["bytes"] for file in facts["files"] if file["name"].startswith("summary-")},
                         {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
                          if name.startswith("summary-")})
        self.assertIn("summary-0.npy ", self.query(sender.daemon.store, "info", sender.name))

    def test_appear_and_survive(self):
        with Daemon(CONFIG) as daemon:
            senders = [Sender(daemon, "ring/a", "f4"), Sender(daemon, "grow/b", "f8"), Sender(daemon, "grow/c", "i2", (3,))]
            for sender in senders:
                sender.send(1)
                self.assertEqual(sender.summarised(), 0)
                sender.send(60)
                sender.wait()
            found = [self.check(sender) for sender in senders]
            self.assertGreater(min(found), 36)
            for sender in senders:
                self.check_info(sender)
            daemon.kill()
            before = [sender.summarised() for sender in senders]
            daemon.start()
            self.assertEqual([sender.summarised() for sender in senders], before)
            for sender in senders:
                sender.send(3)
                sender.wait()
                self.assertGreater(self.check(sender), 36)
            self.query(daemon.store, "verify")
            self.assertEqual(daemon.stop(), 0)
            for sender in senders:
                self.assertGreater(self.check(sender), 36)
            self.query(daemon.store, "verify")

    def query(self, store, *arguments):
        done = subprocess.run([program("ingest-query"), "--store", store, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_backup_and_repair(self):
        """A copy has none and gets them; repair without a journal leaves none that nobody can vouch for."""
        with Daemon(CONFIG) as daemon:
            sender = Sender(daemon, "grow/a", "f8")
            sender.send(20)
            sender.wait()
            copy = os.path.join(daemon.folder, "copy")
            self.query(daemon.store, "backup", copy)
            self.assertEqual(head_word(copy, sender.name, "summarised"), 0)
            self.assertFalse([file for file in os.listdir(os.path.join(copy, "series", sender.name)) if "summary" in file])
            wait_for(lambda: daemon.head(sender.name, "durable") == len(sender.rows), "all is durable")
            daemon.kill()
            with open(os.path.join(daemon.store, "STATE"), "r+") as state:
                state.write("recovering".ljust(127) + "\n")
            for file in os.listdir(daemon.store):
                if file.startswith("journal-"):
                    os.remove(os.path.join(daemon.store, file))
            np.load(os.path.join(daemon.series_folder(sender.name), "summary-0.npy"), mmap_mode="r+")[3] = 7
            code, output, errors = daemon.run("--repair")
            self.assertEqual(code, 0, output + errors)
            self.assertEqual(sender.summarised(), 0)
            for store in (daemon.store, copy):
                if store == copy:
                    daemon.stop()
                    shutil.rmtree(daemon.store)
                    os.rename(copy, daemon.store)
                daemon.start()
                self.assertEqual(daemon.count(sender.name), len(sender.rows))
                sender.wait()
                self.assertEqual(self.check(sender), 19 + 1)
                self.query(daemon.store, "verify")

    def test_are_made_again(self):
        with Daemon(CONFIG) as daemon:
            sender = Sender(daemon, "grow/a", "f4")
            sender.send(70)
            sender.wait()
            found = self.check(sender)
            self.assertEqual(found, 68 + 4)
            daemon.kill()
            # As after a power cut: the journal alone is believed, and no record.
            with open(os.path.join(daemon.store, "STATE"), "r+") as state:
                state.write("recovering".ljust(127) + "\n")
            path = os.path.join(daemon.series_folder(sender.name), "summary-0.npy")
            np.load(path, mmap_mode="r+")[3] = 7
            daemon.start()
            sender.rows = sender.rows[:daemon.count(sender.name)]
            sender.wait()
            self.assertEqual(self.check(sender), len(sender.rows) // BLOCK + len(sender.rows) // BLOCK // 16)
            daemon.stop()
            # A store that was copied without them.
            for level in range(2):
                os.remove(os.path.join(daemon.series_folder(sender.name), "summary-%d.npy" % level))
            daemon.start()
            sender.send(2)
            wait_for(lambda: os.path.exists(path), "they are made again")
            sender.wait()
            self.check(sender)


if __name__ == "__main__":
    unittest.main()
