"""ingest-send with a queue on disk: daemons that are away, processes that are killed, batches that are refused."""

import os
import random
import signal
import subprocess
import sys
import unittest

import numpy as np

from ingest_daemon import PATIENCE_S, Daemon, program
from send_case import CONFIG, SUMMARY, T0, T0_NS, SendCase

REFUSES_ODD = "[flush]\ninterval = 50ms\n[series.odd]\nmatch = odd/**\nmode = refuse\n"


class Queue(SendCase):
    def setUp(self):
        super().setUp()
        self.queue = os.path.join(self.folder, "queue")

    def send_queued(self, daemon, *arguments, data=b"", expect=0):
        done = self.run_send("--connect", daemon.router, "--queue", self.queue, *arguments, data=data, connect=False)
        self.assertEqual(done.returncode, expect, done.stderr.decode())
        self.stderr = done.stderr.decode()
        return tuple(int(number) for number in SUMMARY.match(done.stdout.decode()).groups())

    def letters(self):
        folder = os.path.join(self.queue, "dead-letters")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def test_a_daemon_that_is_away(self):
        values = np.arange(50_000, dtype="i4")
        path = self.npy(values)
        with Daemon(CONFIG) as daemon:
            daemon.kill()
            arguments = ("--series", "kept", "--rate", "1000", "--t0", T0, "--batch", "100", "--timeout", "300ms")
            self.assertEqual(self.send_queued(daemon, *arguments, path, expect=75), (50_000, 0, 0, 0, 0))
            self.assertIn("no daemon answers", self.stderr)
            self.assertIn("what is in the queue is sent when it is opened again", self.stderr)
            # A second run finds what the first one left, and adds to it.
            more = self.npy(np.arange(100, dtype="i4"), "more.npy")
            self.send_queued(daemon, "--series", "other", "--rate", "1000", "--t0", T0, "--timeout", "300ms", more, expect=75)
            daemon.start()
            self.assertEqual(self.send_queued(daemon, "--drain"), (0, 0, 0, 0, 0))
            np.testing.assert_array_equal(daemon.values("kept"), values)
            np.testing.assert_array_equal(daemon.times("kept"), T0_NS + np.arange(50_000) * 10**6)
            np.testing.assert_array_equal(daemon.values("other"), np.arange(100))
            self.assertEqual(self.send_queued(daemon, "--drain"), (0, 0, 0, 0, 0))
            self.assertEqual(self.send_queued(daemon, "--series", "last", "--rate", "1000", "--t0", T0, more),
                             (100, 100, 100, 0, 0))
            self.assertEqual(daemon.count("kept"), 50_000)
            queued = [name for name in os.listdir(self.queue) if name.startswith("batches-")]
            self.assertLessEqual(len(queued), 2)

    def test_every_source_takes_a_queue(self):
        with Daemon(CONFIG) as daemon:
            lines = b"".join(b"m,t=%d f=%d %d\n" % (i % 2, i, T0_NS + i) for i in range(100))
            self.assertEqual(self.send_queued(daemon, "--lines", data=lines), (100, 100, 100, 0, 0))
            csv = b"time,a,b\n" + b"".join(b"%d,1,2\n" % (T0_NS + i) for i in range(10))
            self.assertEqual(self.send_queued(daemon, "--csv", "--series", "csv", "-", data=csv), (20, 20, 20, 0, 0))
            sent = self.send_queued(daemon, "--cosine", "--series", "wave", "--duration", "300ms")
            self.assertEqual(sent[0], sent[2])
            self.assertEqual(daemon.count("wave"), sent[0])
            sent = self.send_queued(daemon, "--host", "--duration", "300ms", "--rate", "10")
            self.assertEqual(sent[0], sent[2])

    def test_refused_and_sent_again(self):
        """One block of three is refused, then the rule is mended: the refused one alone comes again, once."""
        with Daemon(REFUSES_ODD) as daemon:
            # Without times all are stamped on arrival: what came twice would show.
            lines = b"good f=1\nodd f=2\nfine f=3\n"
            self.assertEqual(self.send_queued(daemon, "--lines", data=lines, expect=1), (3, 2, 2, 0, 1))
            self.assertRegex(self.stderr, "NO_ROOM.*\\[blocks 1\\]")
            self.assertEqual(len(self.letters()), 1)
            # As long as nothing is mended it comes back.
            self.assertEqual(self.send_queued(daemon, "--resend-dead-letters", expect=1), (1, 0, 0, 0, 1))
            self.assertEqual(len(self.letters()), 1)
            daemon.stop()
            daemon.configure(CONFIG)
            daemon.start()
            self.assertEqual(self.send_queued(daemon, "--resend-dead-letters"), (1, 1, 1, 0, 0))
            self.assertEqual(self.letters(), [])
            self.assertEqual([daemon.values(name + "/f").tolist() for name in ("good", "odd", "fine")], [[1], [2], [3]])
            self.assertEqual(self.send_queued(daemon, "--resend-dead-letters"), (0, 0, 0, 0, 0))

    def test_a_type_that_does_not_fit(self):
        """A whole file of the wrong type; the series is deleted and the letters are sent again, in their order."""
        with Daemon(CONFIG) as daemon:
            self.send_queued(daemon, "--series", "s", "--rate", "10", "--t0", T0, self.npy(np.zeros(1, "f8"), "f.npy"))
            values = np.arange(1000, dtype="i4")
            result = self.send_queued(daemon, "--series", "s", "--rate", "1000", "--t0", T0, "--batch", "50",
                                      self.npy(values), expect=1)
            self.assertEqual(result, (1000, 0, 0, 0, 1000))
            self.assertEqual(len(self.letters()), 20)
            daemon.stop()
            subprocess.run([program("ingestd"), "--config", daemon.config_path, "--delete", "s"], check=True, timeout=PATIENCE_S,
                           stdout=subprocess.DEVNULL)
            daemon.start()
            with open(os.path.join(self.queue, "dead-letters", self.letters()[7]), "r+b") as letter:
                letter.seek(100)
                letter.write(b"\xff" * 8)
            result = self.send_queued(daemon, "--resend-dead-letters", expect=1)
            self.assertEqual(result, (950, 950, 950, 0, 0))
            self.assertIn("1 dead letters cannot be sent", self.stderr)
            self.assertEqual(len(self.letters()), 1)
            np.testing.assert_array_equal(daemon.values("s"), np.delete(values, slice(350, 400)))

    def test_killed_at_random(self):
        seed = int(os.environ.get("INGEST_SEED", "0")) or random.randrange(1, 1 << 32)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "queue_kills.py")
        done = subprocess.run([sys.executable, "-B", script, "--seed", str(seed), "--kills", "12"], capture_output=True,
                              timeout=10 * PATIENCE_S)
        self.assertEqual(done.returncode, 0, "%s\n%s" % (done.stdout.decode(), done.stderr.decode()))

    def test_one_process_uses_a_queue(self):
        with Daemon(CONFIG) as daemon:
            first = subprocess.Popen([program("ingest-send"), "--connect", daemon.router, "--queue", self.queue, "--cosine",
                                      "--series", "wave"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                daemon.wait_count("wave", 1)
                done = self.run_send("--connect", daemon.router, "--queue", self.queue, "--drain", connect=False)
                self.assertEqual(done.returncode, 75)
                self.assertIn(b"another process uses it", done.stderr)
                # What was refused can be sent again meanwhile.
                self.send_queued(daemon, "--resend-dead-letters")
            finally:
                first.send_signal(signal.SIGINT)
                first.communicate(timeout=PATIENCE_S)

    def test_a_live_source_fills_the_queue(self):
        """--cosine goes on while the daemon is away from the start, and leaves the rest for later."""
        with Daemon(CONFIG) as daemon:
            daemon.kill()
            sent = self.send_queued(daemon, "--cosine", "--series", "wave", "--rate", "1000", "--duration", "1s", "--timeout",
                                    "300ms", expect=75)[0]
            self.assertEqual(sent, 1000)
            daemon.start()
            self.send_queued(daemon, "--drain")
            self.assertEqual(daemon.count("wave"), 1000)

    def test_a_disk_that_is_full(self):
        """Its files may not grow beyond 100 KiB: that is told, and what was taken arrives."""
        with open(program("ingest-send"), "rb") as file:
            if b"__tsan_init" in file.read():
                self.skipTest("ThreadSanitizer itself writes a large file at the start")
        with Daemon(CONFIG) as daemon:
            daemon.kill()
            path = self.npy(np.arange(200_000, dtype="i4"))
            command = "trap '' XFSZ; ulimit -f %d; exec \"$@\"" % 200
            done = subprocess.run(["/bin/sh", "-c", command, "sh", program("ingest-send"), "--connect", daemon.router, "--queue",
                                   self.queue, "--series", "s", "--rate", "1000", "--t0", T0, "--timeout", "300ms", path],
                                  capture_output=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 74, done.stderr)
            self.assertIn(b"File too large", done.stderr)
            sent = int(SUMMARY.match(done.stdout.decode()).group(1))
            self.assertTrue(0 < sent < 200_000)
            daemon.start()
            self.send_queued(daemon, "--drain")
            np.testing.assert_array_equal(daemon.values("s"), np.arange(sent))

    def test_mistakes(self):
        self.fails(64, "--queue DIR is missing", "--drain")
        self.fails(64, "--queue DIR is missing", "--resend-dead-letters")
        self.fails(64, "--queue DIR is missing", "--queue-size", "1MiB", "--cosine")
        self.fails(64, "--queue-size 1KiB", "--queue", self.queue, "--queue-size", "1KiB", "--cosine")
        self.fails(64, "give one of them", "--queue", self.queue, "--drain", "--cosine")
        self.fails(64, "read no file", "--queue", self.queue, "--drain", "a.npy")
        self.fails(66, "parent folder", "--queue", self.queue + "/no/no", "--drain")
        self.fails(66, "no such queue", "--queue", self.queue, "--resend-dead-letters")
        self.fails(66, "not a folder", "--queue", "/dev/null", "--drain")


if __name__ == "__main__":
    unittest.main()
