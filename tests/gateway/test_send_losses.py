"""ingest-send with a daemon that is killed, away, stopped or full: every sample once, and an end."""

import os
import signal
import subprocess
import time
import unittest

import numpy as np

from ingest_daemon import PATIENCE_S, Daemon, program, wait_for
from send_case import CONFIG, SUMMARY, T0, T0_NS, SendCase, read_file


class Losses(SendCase):
    def sender(self, *arguments, **options):
        process = subprocess.Popen([program("ingest-send"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def test_three_kills_lose_and_double_nothing(self):
        count = 200_000
        path = self.npy(np.arange(count, dtype="i4"))
        with Daemon(CONFIG) as daemon:
            sender = self.sender("--connect", daemon.router, "--series", "kept", "--rate", "1000", "--t0", T0, "--batch",
                                 "50", path, stdin=subprocess.DEVNULL)
            for part in (0.1, 0.4, 0.7):
                wait_for(lambda: daemon.count("kept") > part * count, "%g of the samples" % part, 3 * PATIENCE_S)
                daemon.kill()
                daemon.start()
            out, error = sender.communicate(timeout=3 * PATIENCE_S)
            self.assertEqual((sender.returncode, out), (0, b"sent %d, stored %d, durable %d, late 0, refused 0\n"
                                                        % (count, count, count)), error)
            np.testing.assert_array_equal(daemon.values("kept"), np.arange(count))
            np.testing.assert_array_equal(daemon.times("kept"), T0_NS + np.arange(count) * 10**6)

    def test_a_daemon_that_is_away_for_a_while(self):
        with Daemon(CONFIG) as daemon:
            sender = self.sender("--connect", daemon.router, "--series", "live", "--cosine", "--rate", "1000", "--batch",
                                 "100", "--duration", "4s", "--timeout", "500ms", stdin=subprocess.DEVNULL)
            daemon.wait_count("live", 100)
            daemon.stop()
            time.sleep(1.5)
            daemon.start()
            out, error = sender.communicate(timeout=PATIENCE_S)
            self.assertEqual((sender.returncode, error), (0, b""))
            self.assertEqual(out, b"sent 4000, stored 4000, durable 4000, late 0, refused 0\n")
            self.assertEqual(daemon.count("live"), 4000)
            self.assertEqual(len(daemon.runs("live")), 1)

    def test_a_file_is_given_up(self):
        with Daemon(CONFIG) as daemon:
            sender = self.sender("--connect", daemon.router, "--series", "gone", "--rate", "1000", "--t0", T0, "--batch",
                                 "10", "--timeout", "500ms", self.npy(np.zeros(2_000_000)), stdin=subprocess.DEVNULL)
            daemon.wait_count("gone", 45_000)  # more than the window of 4096 batches: replies have come
            daemon.kill()
            out, error = sender.communicate(timeout=PATIENCE_S)
            self.assertEqual(sender.returncode, 75, error)
            self.assertIn(b"does not answer any more", error)
            sent, stored, durable, _, _ = map(int, SUMMARY.match(out.decode()).groups())
            # With a full window all that was sent may be stored by then, but not be durable.
            self.assertTrue(0 < stored <= sent < 2_000_000 and durable < sent, out)

    def test_back_pressure_bounds_memory(self):
        """A stopped daemon takes nothing: the sender waits with a bounded window, and goes on when the daemon does."""
        with Daemon(CONFIG) as daemon:
            sender = self.sender("--connect", daemon.router, "--series", "slow", "--rate", "1000000", "--t0", T0, "--dtype",
                                 "f8", "--timeout", "20s", "-", stdin=subprocess.PIPE)
            piece = np.arange(125_000, dtype="f8").tobytes()
            sender.stdin.write(piece)
            sender.stdin.flush()
            daemon.wait_count("slow", 1)
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                os.set_blocking(sender.stdin.fileno(), False)
                written = len(piece)
                deadline = time.monotonic() + 3
                while time.monotonic() < deadline and written < 200_000_000:
                    n = sender.stdin.raw.write(piece) if hasattr(sender.stdin, "raw") else sender.stdin.write(piece)
                    written += n or 0
                    time.sleep(0 if n else 0.01)
                self.assertLess(written, 100_000_000)
                resident = int(read_file("/proc/%d/statm" % sender.pid).split()[1]) * os.sysconf("SC_PAGESIZE")
                if not os.environ.get("INGEST_SANITIZED"):
                    self.assertLess(resident, 120_000_000)
            finally:
                daemon.process.send_signal(signal.SIGCONT)
            os.set_blocking(sender.stdin.fileno(), True)
            out, error = sender.communicate(bytes(-written % 8), timeout=3 * PATIENCE_S)
            self.assertEqual(sender.returncode, 0, error)
            self.assertEqual(daemon.count("slow"), (written + 7) // 8)

    def test_a_full_store_is_waited_for_and_then_given_up(self):
        with Daemon(CONFIG, store=dict(max_bytes="32MiB")) as daemon:
            path = self.npy(np.zeros(8_000_000))
            done = self.run_send("--connect", daemon.router, "--series", "full", "--rate", "1000", "--t0", T0, "--timeout",
                                 "2s", "--batch", "20000", path, connect=False)
            text = done.stderr.decode()
            self.assertIn(done.returncode, (1, 75), text)
            self.assertRegex(text, "STORE_FULL|NO_ROOM")


if __name__ == "__main__":
    unittest.main()
