"""Every file of a store that was closed cleanly is damaged at random: bytes flipped, cut, deleted. What matters must be found.

    test_query_damage.py [SEED [ROUNDS]]      a failure prints its seed"""

import glob
import os
import random
import shutil
import sys
import unittest

import numpy as np
from query_store import T0, CopiedStoreTest

HEADER = 4096
SEED = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else random.randrange(1 << 32)
ROUNDS = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 150
# Words of head.npy that nothing else says: last update, epoch, and the frontier of a ring; and what is left of a session
# that is gone.
UNSAID = {17, 21, 43} | {word for word in range(64, 128) if word % 4 != 0}


class Damage(CopiedStoreTest):
    @classmethod
    def make(cls, store):
        store.add("grow/a", np.arange(500.0), T0 + np.arange(500) * 10**6)
        store.add("ring/a", np.arange(300.0), T0 + np.arange(300) * 10**6, capacity=200)
        store.create("ring/b", "f4", (), "regular", 500, 10**9)
        store.create("grow/b", "i2", (2,), "regular", 0, 10**9)
        for i in range(6):
            store.append_regular("ring/b", np.zeros(100, "f4"), T0 + i * 10**9, 10**9)
            store.append_regular("grow/b", np.zeros((100, 2), "i2"), T0 + i * 10**9, 10**9)
        store.create("empty", "i2")

    def setUp(self):
        super().setUp()
        self.luck = random.Random(SEED)

    def journal(self):
        """The file in use and the length of its snapshot."""
        for path in glob.glob(self.path + "/journal-*"):
            with open(path, "rb") as file:
                header = file.read(64)
            if header[:4] == b"IJR1" and int.from_bytes(header[32:40], "little") == int(path.rsplit("-", 1)[1]):
                return path, int.from_bytes(header[8:12], "little")
        raise AssertionError("no journal")

    def expect_found(self, what):
        result = self.run_query("verify", store=self.path)
        if result.returncode != 1 or not result.stdout:
            self.fail("seed %d: %s was not found: %s" % (SEED, what, (result.returncode, result.stdout, result.stderr)))

    def expect_sound(self):
        result = self.run_query("verify", store=self.path)
        self.assertEqual((result.returncode, result.stdout), (0, b""), "seed %d" % SEED)

    def places(self):
        """(file, byte) pairs at which any change must be found."""
        path, length = self.journal()
        head_words = [word for word in range(512) if word not in UNSAID]
        files = []
        for file in glob.glob(self.path + "/series/**/*.npy", recursive=True):
            files.append((file, lambda: self.luck.randrange(HEADER)))
            if file.endswith("head.npy"):
                files.append((file, lambda: HEADER + 8 * self.luck.choice(head_words) + self.luck.randrange(8)))
            if file.endswith("grow/a/times.npy"):
                files.append((file, lambda: HEADER + 8 * self.luck.randrange(1, 500) + self.luck.randrange(3, 8)))
        files.append((path, lambda: self.luck.randrange(length)))
        files.append((self.path + "/STATE", lambda: self.luck.randrange(128)))
        return [(file, at()) for file, at in files]

    def test_bytes(self):
        done = 0
        while done < ROUNDS:
            for file, at in self.luck.sample(self.places(), 5):
                flip = self.luck.randrange(1, 256)
                with open(file, "r+b") as whole:
                    whole.seek(at)
                    before = whole.read(1)
                    whole.seek(at)
                    whole.write(bytes([before[0] ^ flip]))
                self.expect_found("%s, byte %d, ^ 0x%02x" % (os.path.relpath(file, self.path), at, flip))
                with open(file, "r+b") as whole:
                    whole.seek(at)
                    whole.write(before)
                done += 1
        self.expect_sound()

    def test_files_that_are_cut(self):
        path, length = self.journal()
        cuts = [(file, self.luck.randrange(os.path.getsize(file)))
                for file in glob.glob(self.path + "/series/**/*.npy", recursive=True)]
        cuts += [(path, self.luck.randrange(length)), (self.path + "/STATE", self.luck.randrange(128)),
                 (self.path + "/STATE", 0), (path, 0)]
        for file, size in cuts:
            shutil.copy(file, self.folder + "/kept")
            os.truncate(file, size)
            self.expect_found("%s, cut to %d bytes" % (os.path.relpath(file, self.path), size))
            shutil.copy(self.folder + "/kept", file)
        self.expect_sound()

    def test_what_a_kill_leaves_is_a_note(self):
        """Creations and deletions that were cut short; the same files without a head are damage where the journal has the series."""
        made = self.path + "/series/made/b"
        os.makedirs(made)
        for file in ("values.npy", "times.npy", ".head.npy.new"):
            shutil.copy(self.path + "/series/grow/a/values.npy", os.path.join(made, file))
        shutil.copy(self.path + "/series/ring/a/head.npy", self.path + "/series/ring/a/.head.npy.new")
        result = self.run_query("verify", store=self.path)
        self.assertEqual((result.returncode, result.stdout), (0, b""))
        notes = [line for line in result.stderr.decode().splitlines() if "note: series/" in line]
        self.assertEqual(len(notes), 6, result.stderr)  # four files and the two folders
        self.assertIn("no damage", result.stderr.decode())
        open(made + "/foreign", "w").close()
        self.expect_found("a file that is no series'")
        os.unlink(made + "/foreign")
        os.unlink(self.path + "/series/ring/a/head.npy")
        result = self.run_query("verify", store=self.path)
        found = [line.split(":")[0] for line in result.stdout.decode().splitlines()]
        self.assertEqual(result.returncode, 1)
        self.assertIn("series/ring/a/head.npy", found)
        self.assertIn("series/ring/a/values.npy", found)
        self.assertFalse([file for file in found if file.startswith("series/made")], found)
        for journal in glob.glob(self.path + "/journal-*"):
            os.unlink(journal)
        self.expect_found("a folder without a head, and no journal")

    def test_files_that_are_gone(self):
        files = glob.glob(self.path + "/series/**/*.npy", recursive=True) + [self.path + "/STATE", self.journal()[0]]
        for file in files:
            os.rename(file, self.folder + "/kept")
            self.expect_found("%s, deleted" % os.path.relpath(file, self.path))
            os.rename(self.folder + "/kept", file)
        shutil.move(self.path + "/series/ring", self.folder + "/ring")
        self.expect_found("series/ring, deleted")
        shutil.move(self.folder + "/ring", self.path + "/series/ring")
        shutil.copytree(self.path + "/series/ring/a", self.path + "/series/ring/c")
        self.expect_found("series/ring/c, a copy")
        shutil.rmtree(self.path + "/series/ring/c")
        self.expect_sound()


if __name__ == "__main__":
    print("seed %d, %d rounds" % (SEED, ROUNDS))
    unittest.main()
