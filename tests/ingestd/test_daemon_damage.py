"""A store with every kind of file, as a daemon leaves it: ingest-query verify finds no damage beside the daemon, after its stop and
after a kill, and then each byte that is changed on purpose.

    test_daemon_damage.py [SEED]      a failure prints its seed"""

import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import unittest

import numpy as np
from ingest_daemon import HEAD, Daemon, program, wait_for
from ingest_wire import *

SEED = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else random.randrange(1 << 32)
T0 = 1_700_000_000 * 10**9
HEADER = 4096
CONFIG = ("[series.grow]\nmatch = grow/**\nmode = grow\nunit = K\n[series.all]\nmatch = **\ncapacity = 4000\n"
          "[flush]\ninterval = 20ms\n[checkpoint]\njournal_bytes = 1MiB\n")
NAMES = ["grow/explicit", "grow/regular", "ring/explicit", "ring/regular"]


class Damage(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(CONFIG)
        self.store = self.daemon.store
        self.luck = random.Random(SEED)

    def tearDown(self):
        self.daemon.close()

    def fill(self, first=0, batches=50, rows=120):
        client = self.daemon.dealer()
        client.hello(9, first + 1, b"plant")
        for i in range(first, first + batches):
            at = i * rows
            values = np.arange(at, at + rows, dtype="f8")
            times = T0 + np.arange(at, at + rows) * 10**6
            blocks = [block(name, "f8", values, times_ns=times) if name.endswith("explicit") else
                      block(name, "f8", values, t0_ns=int(times[0]), period_ps=10**9) for name in NAMES]
            client.ask(encode_batch(blocks, session=9, sequence=i + 1, flags=FLAG_WAIT))

    def verify(self):
        done = subprocess.run([program("ingest-query"), "--store", self.store, "verify"], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def expect_sound(self, when):
        code, out, errors = self.verify()
        self.assertEqual((code, out), (0, ""), (when, errors))

    def expect_found(self, what):
        code, out, errors = self.verify()
        self.assertTrue(code == 1 and out, "seed %d: %s: exit %d, %s" % (SEED, what, code, out + errors))
        return out

    def change(self, path, at, new):
        with open(path, "r+b") as file:
            file.seek(at)
            before = file.read(len(new))
            file.seek(at)
            file.write(new)
        return before

    def test_nothing_is_wrong_beside_a_daemon_and_behind_it(self):
        self.daemon.start()
        for lap in range(3):
            self.fill(lap * 20, 20)
            self.expect_sound("beside the daemon")
            self.daemon.stop(signal.SIGKILL if lap % 2 == 0 else signal.SIGTERM)
            self.expect_sound("after its end")
            self.daemon.start()

    def test_a_pipe_in_a_files_place_holds_nobody_up(self):
        self.daemon.start()
        self.fill()
        series = ["series/ring/explicit/" + file for file in os.listdir(self.store + "/series/ring/explicit")]
        meta = ["series/grow/explicit/meta.ini"]
        store = [os.path.basename(path) for path in glob.glob(self.store + "/*") if not path.endswith("/series")]
        self.assertTrue(len(series) > 3 and len(store) > 4, (series, store))
        self.daemon.stop()
        sound = self.daemon.folder + "/sound"
        shutil.copytree(self.store, sound)
        for file in sorted(series + meta + store + ["series/grow/regular/runs.npy"]):
            with self.subTest(file):
                # A daemon has it open: its stop must end, and the next start end or go on, and say why.
                shutil.rmtree(self.store)
                shutil.copytree(sound, self.store)
                self.daemon.start()
                self.fill(50, 1)
                path = os.path.join(self.store, file)
                if os.path.exists(path):
                    os.unlink(path)
                os.mkfifo(path)
                log_at = len(self.daemon.log())
                self.assertIn(self.daemon.stop(seconds=20), (0, 74) if file.startswith("journal") else (0,))
                self.daemon.launch()
                wait_for(lambda: self.daemon.process.poll() is not None or "started version" in self.daemon.log()[log_at:],
                         "it starts or ends", 20)
                if self.daemon.process.poll() is None:
                    self.assertEqual(self.daemon.stop(seconds=20), 0)
                else:
                    self.assertEqual(self.daemon.process.returncode, 74)
                    self.assertRegex(self.daemon.log()[log_at:], r"error: cannot open the store: .*is no regular file")
                    self.daemon.process = None
                if file.endswith("/times.npy") or file.endswith("/head.npy") or file.endswith("meta.ini"):
                    self.assertIn(file + ": not a regular file", self.verify()[1])

    def places(self):
        """(file, byte): what is written there something else says too."""
        found = [("STATE", self.luck.randrange(128)), ("status.npy", self.luck.randrange(HEADER)),
                 ("gateways.npy", self.luck.randrange(HEADER))]
        for path in glob.glob(self.store + "/journal-*"):
            with open(path, "rb") as file:
                header = file.read(64)
            if header[:4] == b"IJR1" and int.from_bytes(header[32:40], "little") == int(path.rsplit("-", 1)[1]):
                found += [(os.path.basename(path), self.luck.randrange(int.from_bytes(header[8:12], "little")))
                          for _ in range(6)]
        words = [HEAD[word] for word in ("magic", "version", "id", "capacity", "sample_bytes", "dtype", "rank", "clock",
                                         "created_ns", "count", "rows", "runs_count", "last_time_ns", "durable")]
        for path in glob.glob(self.store + "/series/**/*.npy", recursive=True):
            name = os.path.relpath(path, self.store)
            found.append((name, self.luck.randrange(HEADER)))
            if name.endswith("head.npy"):
                found += [(name, HEADER + 8 * self.luck.choice(words) + self.luck.randrange(8)) for _ in range(4)]
                # The session's sequence, above what the journal says of it.
                found.append((name, HEADER + 8 * (HEAD["sessions"] + 1) + self.luck.randrange(2, 8)))
            elif "summary-" in name:  # of the last block: those of blocks that a ring overwrote are not looked at
                block = int(self.daemon.head(name.split("/", 1)[1].rsplit("/", 1)[0], "summarised")) // 1024 - 1
                slots = (os.path.getsize(path) - HEADER) // 48
                if name.endswith("summary-0.npy") and block >= 0:
                    found.append((name, HEADER + block % slots * 48 + 7))
        return found

    def test_each_byte_that_is_changed_is_found(self):
        self.daemon.start()
        self.fill()
        self.daemon.stop(signal.SIGTERM)
        self.expect_sound("before")
        for name, at in self.places():
            path = os.path.join(self.store, name)
            with open(path, "rb") as file:
                file.seek(at)
                before = file.read(1)[0]
            self.change(path, at, bytes([before ^ self.luck.randrange(1, 256)]))
            self.expect_found("%s, byte %d" % (name, at))
            self.change(path, at, bytes([before]))
        for name in ("STATE", "status.npy", "gateways.npy", "series/grow/explicit/summary-0.npy",
                     "series/ring/regular/runs.npy"):
            path = os.path.join(self.store, name)
            shutil.copy(path, self.store + "/../kept")
            with open(path, "r+b") as file:
                file.truncate(self.luck.randrange(100))
            out = self.expect_found(name + ", cut")
            self.assertIn(os.path.basename(name), out)
            shutil.copy(self.store + "/../kept", path)
        with open(self.store + "/series/grow/regular/meta.ini", "ab") as file:
            file.write(b"\0")
        self.assertIn("meta.ini", self.expect_found("meta.ini, a zero"))


if __name__ == "__main__":
    print("seed %d" % SEED)
    unittest.main()
