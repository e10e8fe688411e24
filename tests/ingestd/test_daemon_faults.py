"""Faults of the system around the daemon: its clock, its memory, its mappings, a disk without room for a journal."""

import os
import resource
import subprocess
import time
import unittest

import numpy as np
from ingest_daemon import BUILD, PATIENCE_S, SANITIZED, Daemon, wait_for
from ingest_wire import *

T0 = 1_700_000_000 * 10**9
HOUR = 3600 * 10**9
LIBRARY = os.path.join(BUILD, "tests", "ingestd", "libdisk_faults.so")


@unittest.skipIf(SANITIZED, "the sanitizer's own library must be the first one, and takes all addresses")
class Faults(unittest.TestCase):
    def daemon(self, fault, config=""):
        daemon = Daemon(config)
        self.addCleanup(daemon.close)
        self.switch = os.path.join(daemon.folder, "fault")
        daemon.environment.update(LD_PRELOAD=LIBRARY, DISK_FAULT=fault, DISK_FAULT_WHILE=self.switch)
        return daemon

    def switch_on(self, text=""):
        with open(self.switch + ".new", "w") as file:
            file.write(text)
        os.rename(self.switch + ".new", self.switch)

    def switch_off(self):
        os.unlink(self.switch)

    def batch(self, sequence, name="a", **clock):
        return encode_batch([block(name, "f8", [float(sequence)], **clock)], session=1, sequence=sequence)

    def test_no_room_for_the_journal(self):
        daemon = self.daemon("journal-space")
        self.switch_on()
        daemon.launch()
        self.assertEqual(daemon.process.wait(PATIENCE_S), 74)
        self.assertRegex(daemon.log(), "error: .*journal.*No space left on device")
        self.switch_off()
        daemon.start()
        self.assertEqual(daemon.req().ask(self.batch(1, period_ps=10**9, t0_ns=T0)).code, OK)

    def test_the_clock_steps_forward(self):
        daemon = self.daemon("clock")
        daemon.start()
        client = daemon.req()
        now = time.time_ns()
        self.assertEqual(client.ask(self.batch(1, times_ns=[now])).code, OK)
        self.switch_on(str(10 * HOUR))
        # What would have been refused is within max_future now, and arrives at the time that the clock says.
        self.assertEqual(client.ask(self.batch(2, times_ns=[now + 10 * HOUR])).code, OK)
        self.assertEqual(client.ask(self.batch(3, name="b")).code, OK)
        self.assertGreater(daemon.times("b")[-1], now + 10 * HOUR)
        # And steps back: stamps of the time that it is are behind the newest one of the series, so they are late; what
        # arrives goes on behind the last; and what seems to be of the future waits until the clock has caught up.
        self.switch_off()
        reply = client.ask(self.batch(4, times_ns=[now + 1]))
        self.assertEqual((reply.code, reply.stored), (TIME_ORDER, 4))
        self.assertEqual(daemon.count("a"), 2)
        before = int(daemon.times("b")[-1])
        self.assertEqual(client.ask(self.batch(5, name="b")).code, OK)
        self.assertEqual(int(daemon.times("b")[-1]), before + 1)
        reply = client.ask(self.batch(6, times_ns=[now + 10 * HOUR + 10**9]))
        self.assertEqual((reply.code, reply.stored), (BUSY, 5))
        self.assertRegex(daemon.log(), "warning: .*clock")
        self.switch_on(str(10 * HOUR))
        self.assertEqual(client.ask(self.batch(6, times_ns=[now + 10 * HOUR + 10**9])).code, OK)
        self.assertEqual(daemon.count("a"), 3)

    def test_a_stamp_of_the_future(self):
        daemon = self.daemon("clock")
        daemon.start()
        client = daemon.req()
        now = time.time_ns()
        reply = client.ask(self.batch(1, times_ns=[now + 2 * HOUR]))
        self.assertEqual((reply.code, reply.stored), (TIME_FUTURE, 1))

    def test_no_memory_at_the_start(self):
        # The journal of a store in use is read whole.
        daemon = self.daemon("none", "[checkpoint]\njournal_bytes = 128MiB\n")
        daemon.start()
        self.assertEqual(daemon.req().ask(self.batch(1, period_ps=10**9, t0_ns=T0)).code, OK)
        daemon.kill()
        with open(daemon.log_path, "ab") as log:
            done = subprocess.run(daemon.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=PATIENCE_S,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (120 << 20, 120 << 20)))
        self.assertEqual(done.returncode, 75, daemon.log())
        self.assertRegex(daemon.log(), "error: .*Cannot allocate memory; give the daemon more memory")
        daemon.start()
        np.testing.assert_array_equal(daemon.values("a"), [1.0])

    def test_no_mappings(self):
        daemon = self.daemon("maps")
        daemon.start()
        client = daemon.req()
        self.assertEqual(client.ask(self.batch(1, period_ps=10**9, t0_ns=T0)).code, OK)
        self.switch_on()
        reply = client.ask(self.batch(2, name="b", period_ps=10**9, t0_ns=T0))
        self.assertEqual((reply.code, reply.stored), (BUSY, 1))
        # What is mapped goes on.
        self.assertEqual(client.ask(self.batch(2, period_ps=10**9, t0_ns=T0 + 10**12)).code, OK)
        self.assertRegex(daemon.log(), "warning: .*\\bb\\b.*Cannot allocate memory")
        self.switch_off()
        wait_for(lambda: client.ask(self.batch(3, name="b", period_ps=10**9, t0_ns=T0)).code == OK, "b is written again")
        np.testing.assert_array_equal(daemon.values("b"), [3.0])
        np.testing.assert_array_equal(daemon.values("a"), [1.0, 2.0])


if __name__ == "__main__":
    unittest.main()
