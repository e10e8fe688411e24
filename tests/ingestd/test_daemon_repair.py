"""ingestd --repair: each kind of damage to a store, what is kept of it, and that the daemon starts afterwards. What was kept
is right: values are numbered, so that a row in another's place is seen."""

import glob
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
from ingest_daemon import HEAD, Daemon, program, read_head, read_rows, read_times
from ingest_wire import *

T0 = 1_700_000_000 * 10**9
CONFIG = ("[series.grow]\nmatch = grow/**\nmode = grow\n[series.all]\nmatch = **\ncapacity = 1000\n"
          "[flush]\ninterval = 20ms\n[checkpoint]\njournal_bytes = 1MiB\n")
NAMES = ["grow/explicit", "grow/regular", "ring/explicit", "ring/regular"]
ROWS, BATCH = 1700, 100  # the rings have wrapped


def fill(daemon, first=0, rows=ROWS, wait=True):
    client = daemon.dealer()
    client.hello(9, first // BATCH + 1)
    for at in range(first, first + rows, BATCH):
        values = np.arange(at, at + BATCH, dtype="f8")
        blocks = []
        for name in NAMES:
            if name.endswith("explicit"):
                blocks.append(block(name, "f8", values, times_ns=T0 + np.arange(at, at + BATCH) * 10**6))
            else:
                blocks.append(block(name, "f8", values, t0_ns=T0 + at * 10**6, period_ps=10**9))
        client.ask(encode_batch(blocks, session=9, sequence=at // BATCH + 1, flags=FLAG_WAIT if wait else 0))


def damage(path, at, data=b"\xa5"):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


class Repair(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(CONFIG)

    def tearDown(self):
        self.daemon.close()

    def made(self, state="clean", rows=ROWS):
        """A store that is clean, of a killed daemon, or that lost its power."""
        self.daemon.start()
        fill(self.daemon, rows=rows)
        self.daemon.stop(signal.SIGTERM if state == "clean" else signal.SIGKILL)
        if state == "power":
            self.state("running 00000000-0000-0000-0000-000000000000 1 2")
        return self.daemon.store

    def state(self, text):
        with open(os.path.join(self.daemon.store, "STATE"), "w") as file:
            file.write(text.ljust(127) + "\n")

    def journal(self):
        """The journal file in use."""
        def number(path):
            with open(path, "rb") as file:
                header = file.read(64)
            return int.from_bytes(header[32:40], "little") if header[:4] == b"IJR1" else 0
        return max((path for path in glob.glob(self.daemon.store + "/journal-*")
                    if number(path) == int(path.rsplit("-", 1)[1])), key=number)

    def records(self, path):
        """Offsets of the records of a journal file."""
        with open(path, "rb") as file:
            data = file.read()
        first, at, found = data[16:24], 0, []
        while data[at:at + 4] == b"IJR1" and data[at + 16:at + 24] == first:
            found.append(at)
            at += -(-int.from_bytes(data[at + 8:at + 12], "little") // 4096) * 4096
        return found

    def series(self, name, file=""):
        return os.path.join(self.daemon.store, "series", name, file)

    def repair(self, code=0):
        result, out, error = self.daemon.run("--repair")
        self.assertEqual(result, code, out + error)
        return out.splitlines()

    def check(self, kept):
        """Twice changes nothing; it is sound; the daemon starts and takes the next; `kept`: name -> rows (first, count)."""
        self.assertEqual(self.repair(), ["nothing to repair"])
        done = subprocess.run([program("ingest-query"), "--store", self.daemon.store, "verify"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        for name in NAMES:
            self.assertEqual(os.path.exists(self.series(name, "head.npy")), name in kept, name)
        for name, (first, count) in kept.items():
            self.assertEqual(read_rows(self.daemon.store, name).tolist(), list(range(first, count)), name)
            if count and first < count:
                times = read_times(self.daemon.store, name)[-(count - first):]
                self.assertEqual(times.tolist(), [T0 + i * 10**6 for i in range(first, count)], name)
        self.daemon.start()
        fill(self.daemon, first=5000, rows=BATCH)
        for name, (first, count) in kept.items():
            self.assertEqual(self.daemon.values(name)[-BATCH:].tolist(), list(range(5000, 5000 + BATCH)), name)
        self.assertEqual(self.daemon.stop(), 0)

    ALL = {name: (700 if name.startswith("ring") else 0, ROWS) for name in NAMES}

    def test_nothing(self):
        for state in ("clean", "killed"):
            self.made(state, ROWS)
            self.assertEqual(self.repair(), ["nothing to repair"])
            self.check(self.ALL)
            shutil.rmtree(self.daemon.store)

    def test_not_while_a_daemon_runs_and_not_without_a_store(self):
        self.repair(66)
        self.assertFalse(os.path.exists(self.daemon.store))
        self.daemon.start()
        self.repair(75)

    def test_an_array_is_missing_or_short(self):
        store = self.made()
        os.unlink(self.series("grow/explicit", "times.npy"))
        os.truncate(self.series("ring/regular", "values.npy"), 5000)
        lines = self.repair()
        self.assertEqual(len([line for line in lines if "moved to damaged/" in line]), 2, lines)
        aside = glob.glob(store + "/damaged/*/series/grow/explicit/*")
        # Its summaries, too, where the daemon had the time to make them.
        names = sorted(map(os.path.basename, aside))
        self.assertEqual([name for name in names if not name.startswith("summary-")], ["head.npy", "values.npy"])
        self.check({name: rows for name, rows in self.ALL.items() if name in ("grow/regular", "ring/explicit")})

    def test_a_damaged_head_is_made_again(self):
        for state in ("clean", "killed"):
            with self.subTest(state):
                self.made(state)
                for name in NAMES:
                    damage(self.series(name, "head.npy"), 4096, b"\0" * 4096)
                lines = self.repair()
                self.assertEqual(len([line for line in lines if "head made again" in line]), 4, lines)
                # What an unsynced append may have overwritten is not shown: an eighth of a ring.
                kept = {name: (825 if name.startswith("ring") else 0, ROWS) for name in NAMES}
                self.check(kept)
                shutil.rmtree(self.daemon.store)

    def test_a_head_without_a_journal(self):
        store = self.made()
        for path in glob.glob(store + "/journal-*"):
            os.unlink(path)
        damage(self.series("grow/explicit", "head.npy"), 4096, b"\0" * 8)
        lines = self.repair()
        self.assertTrue(any(line.startswith("series/grow/explicit: moved to") for line in lines), lines)
        self.check({name: rows for name, rows in self.ALL.items() if name != "grow/explicit"})

    def test_runs_that_are_broken(self):
        self.made()
        damage(self.series("grow/regular", "runs.npy"), 4096, b"\xff" * 24)
        lines = self.repair()
        self.assertTrue(any(line.startswith("series/grow/regular: moved to") for line in lines), lines)
        self.check({name: rows for name, rows in self.ALL.items() if name != "grow/regular"})

    def test_state_is_damaged(self):
        self.made("killed")
        self.state("nonsense")
        lines = self.repair()
        self.assertIn("STATE is damaged", lines[0])
        self.check({name: (825 if name.startswith("ring") else 0, ROWS) for name in NAMES})

    def test_the_journal_is_damaged_in_the_middle(self):
        self.made("power")
        path = self.journal()
        records = self.records(path)
        self.assertGreater(len(records), 6)
        damage(path, records[len(records) // 2] + 80, b"\xa5\x5a")
        code, _, error = self.daemon.run("--delete", "none")
        self.assertEqual(code, 74, error)
        lines = self.repair()
        self.assertTrue(any(line.startswith("journal: number") and "damaged at byte" in line for line in lines), lines)
        counts = {name: int(read_head(self.daemon.store, name)[HEAD["count"]]) for name in NAMES}
        self.assertEqual(len(set(counts.values())), 1)
        count = counts["grow/regular"]
        self.assertTrue(0 < count < ROWS and count % BATCH == 0, count)
        # Inline rows stand in the rings again; all that is shown is right.
        self.check({name: (max(0, count - 1000) if name.startswith("ring") else 0, count) for name in NAMES})

    def test_a_ring_behind_a_damaged_journal_shows_what_the_journal_has(self):
        """After a checkpoint the journal has only what came since; later rows may stand in the place of older ones."""
        self.made("clean")
        self.daemon.start()
        fill(self.daemon, ROWS, 800)
        self.daemon.stop(signal.SIGKILL)
        self.state("recovering")
        path = self.journal()
        records = self.records(path)
        damage(path, records[4] + 80, b"\xa5\x5a")
        self.repair()
        head = read_head(self.daemon.store, "ring/explicit")
        count = int(head[HEAD["count"]])
        self.assertTrue(ROWS < count < ROWS + 800, count)
        self.check({name: (ROWS if name.startswith("ring") else 0, count) for name in NAMES})

    def test_power_was_lost_and_there_is_no_journal(self):
        store = self.made("power")
        for path in glob.glob(store + "/journal-*"):
            os.unlink(path)
        # A growing series' last stamps did not reach the disk.
        damage(self.series("grow/explicit", "times.npy"), 4096 + 8 * 1650, b"\0" * 8 * 50)
        lines = self.repair()
        self.assertIn("series/grow/explicit: its own stamps prove 1650 rows; 50 are given up", lines)
        self.assertEqual(len([line for line in lines if "a ring, and no journal says" in line]), 2, lines)
        self.check({"grow/explicit": (0, 1650), "grow/regular": (0, ROWS)})

    def test_a_kill_and_no_journal(self):
        """In the same boot the cache is whole: the heads stand, and nothing is lost."""
        store = self.made("killed")
        for path in glob.glob(store + "/journal-*"):
            os.unlink(path)
        lines = self.repair()
        self.assertEqual([line for line in lines if "series" in line], [], lines)
        self.check(self.ALL)

    def test_a_series_that_the_journal_does_not_know(self):
        """Of one with an older id than the journal's highest nobody knows how much is right: it is kept as far as it proves
        itself, or moved aside. One with a later id was made after the last flush."""
        other = Daemon(CONFIG)
        try:
            other.start()
            fill(other)
            other.stop()
            store = self.made("power")
            for name, new in (("grow/explicit", "grow/older"), ("ring/explicit", "ring/older"), ("grow/explicit", "grow/later")):
                shutil.copytree(os.path.join(other.store, "series", name), os.path.join(store, "series", new))
                head = np.load(self.series(new, "head.npy"), mmap_mode="r+")
                head[HEAD["id"]] = 10**9 if new.endswith("older") else 2**62
                head.flush()
            damage(self.series("grow/older", "times.npy"), 4096 + 8 * 1600, b"\0" * 8 * 100)
        finally:
            other.close()
        lines = self.repair()
        self.assertIn("series/grow/older: its own stamps prove 1600 rows; 100 are given up", lines)
        self.assertEqual(len([line for line in lines if "series/ring/older" in line and "moved to damaged/" in line]), 1, lines)
        self.assertEqual(len([line for line in lines if "series/grow/later" in line and "nothing in it was durable" in line]), 1,
                         lines)
        self.assertFalse(os.path.exists(self.series("ring/older")))
        self.assertFalse(os.path.exists(self.series("grow/later")))
        self.assertEqual(read_rows(self.daemon.store, "grow/older").tolist(), list(range(1600)))
        self.check({name: (825 if name.startswith("ring") else 0, ROWS) for name in NAMES})

    def test_strays(self):
        store = self.made()
        os.makedirs(store + "/series/empty/deep")
        os.makedirs(store + "/series/.hidden")
        for path in ("/series/file", "/series/.hidden/x", "/series/ring/regular/notes.txt"):
            with open(store + path, "w") as file:
                file.write("mine")
        # Beside series/ nothing is astray; a numbered journal is the daemon's.
        os.mkdir(store + "/lost+found")
        beside = ["/notes.txt", "/.hidden", "/journal-notes", "/journal-999", "/lost+found/x"]
        for path in beside:
            with open(store + path, "w") as file:
                file.write("mine")
        lines = self.repair()
        self.assertEqual(len(lines), 5, lines)
        with open(glob.glob(store + "/damaged/*/series/ring/regular/notes.txt")[0]) as file:
            self.assertEqual(file.read(), "mine")
        self.check(self.ALL)
        self.assertEqual([path for path in beside if os.path.exists(store + path)], [path for path in beside if path != "/journal-999"])

    def test_everything_at_once_and_killed_at_any_moment(self):
        """A repair that is killed again and again comes to the same as one that is not."""
        store = self.made("power")
        path = self.journal()
        damage(path, self.records(path)[8] + 80, b"\xa5\x5a")
        os.unlink(self.series("grow/regular", "values.npy"))
        damage(self.series("ring/explicit", "head.npy"), 4096, b"\0" * 4096)
        os.makedirs(store + "/series/.x")
        shutil.copytree(store, self.daemon.folder + "/before")
        self.repair()
        expected = {name: (read_rows(store, name).tolist() if os.path.exists(self.series(name, "head.npy")) else None)
                    for name in NAMES}
        luck = random.Random(3)
        for _ in range(8):
            shutil.rmtree(store)
            shutil.copytree(self.daemon.folder + "/before", store)
            for _ in range(4):
                process = subprocess.Popen(self.daemon.command("--repair"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(luck.uniform(0, 0.03))
                process.kill()
                process.wait()
            self.repair()
            for name in NAMES:
                self.assertEqual(read_rows(store, name).tolist() if os.path.exists(self.series(name, "head.npy")) else None,
                                 expected[name], name)


if __name__ == "__main__":
    unittest.main()
