"""A disk that fails: a failed sync ends the daemon, a full disk is an answer."""

import os
import select
import signal
import socket
import subprocess
import unittest

import numpy as np
from ingest_daemon import BUILD, SANITIZED, Daemon, wait_for
from ingest_wire import *

T0 = 1_700_000_000 * 10**9
LIBRARY = os.path.join(BUILD, "tests", "ingestd", "libdisk_faults.so")


@unittest.skipIf(SANITIZED, "the sanitizer's own library must be the first one")
class Disk(unittest.TestCase):
    def start(self, fault, config, **environment):
        daemon = Daemon(config)
        self.addCleanup(daemon.close)
        self.switch = os.path.join(daemon.folder, "fault")
        daemon.environment.update(LD_PRELOAD=LIBRARY, DISK_FAULT=fault, DISK_FAULT_WHILE=self.switch,
                                  **environment)
        return daemon.start()

    def break_disk(self):
        open(self.switch, "w").close()

    def heal(self):
        os.unlink(self.switch)

    def batch(self, session, sequence, values=(1.0,), flags=0, name="a"):
        return encode_batch([block(name, "f8", list(values), t0_ns=T0 + sequence * 10**12, period_ps=10**9)],
                            session=session, sequence=sequence, flags=flags)

    def test_a_failed_sync_ends_the_daemon(self):
        daemon = self.start("sync", "[flush]\ninterval = 1h\n")
        client = daemon.dealer()
        client.hello(1)
        client.send(self.batch(1, 1, flags=FLAG_WAIT))
        self.assertEqual(client.receive().durable, 1)
        self.break_disk()
        client.send(self.batch(1, 2, flags=FLAG_WAIT))
        self.assertEqual(daemon.process.wait(20), 74)
        self.assertRegex(daemon.log(), "error: cannot make the store durable: .*Input/output error.*stopping")
        self.assertEqual([r for r in client.receive_all() if r.durable > 1], [], "nobody is told that it is durable")
        self.assertEqual(daemon.head("a", "durable"), 1)
        # Nor does a start on such a disk claim anything.
        daemon.launch()
        self.assertEqual(daemon.process.wait(20), 74)
        self.heal()
        daemon.start()
        # What the failed sync left on the disk is unknown: the journal alone is believed, and the gateway sends again.
        # (The record itself may have got there.)
        self.assertIn(daemon.head("a", "count"), (1, 2))
        self.assertEqual(daemon.head("a", "durable"), daemon.head("a", "count"))
        self.assertIn("recovered from the journal", daemon.log())
        client = daemon.dealer()
        client.hello(1)
        client.send(self.batch(1, 2, flags=FLAG_WAIT))
        self.assertEqual(client.receive().durable, 2)

    def test_a_cut_file_costs_its_series_and_no_other(self):
        with Daemon("[flush]\ninterval = 1h\n") as daemon:
            client = daemon.dealer()
            client.hello(1)
            for sequence in range(1, 4):
                blocks = [block(name, "f8", [1.0] * 2000, t0_ns=T0 + sequence * 10**13, period_ps=10**9)
                          for name in ("cut", "whole")]
                if sequence == 2:
                    os.truncate(os.path.join(daemon.store, "series", "cut", "values.npy"), 4096 + 8192)
                client.send(encode_batch(blocks, session=1, sequence=sequence, flags=FLAG_WAIT))
                reply = client.receive()
                self.assertEqual(reply.stored, sequence)
                self.assertEqual(reply.refused_blocks, 0 if sequence == 1 else 1)
                if sequence > 1:
                    self.assertRegex(reply.text, "cut: .*(cut|gone)")
            self.assertEqual(daemon.head("whole", "durable"), 6000)
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.head("whole", "count"), 6000)
            self.assertIn("damaged and take no samples", daemon.log())

    def test_a_file_that_cannot_be_opened_for_now_costs_nothing(self):
        daemon = self.start("rights", "[flush]\ninterval = 1h\n")
        client = daemon.dealer()
        client.hello(1)
        client.send(self.batch(1, 1, flags=FLAG_WAIT))
        client.until(lambda r: r.durable == 1, "durable")
        client.send(self.batch(1, 2))
        wait_for(lambda: daemon.count("a") == 2, "stored")
        daemon.kill()
        self.break_disk()
        daemon.start()
        client = daemon.dealer()
        self.assertEqual(client.hello(1, 2).stored, 1)
        reply = client.ask(self.batch(1, 2))
        self.assertEqual((reply.code, reply.stored), (BUSY, 1))
        self.assertIn("Permission denied", reply.text)
        self.assertEqual(daemon.status("series_broken"), 1)
        self.heal()
        def is_taken():
            client.send(self.batch(1, 2, flags=FLAG_WAIT))
            return client.until(lambda r: r.sequence == 2, "an answer").code == OK
        wait_for(is_taken, "it is read again")
        self.assertEqual((daemon.count("a"), daemon.head("a", "durable")), (2, 2), "it had that batch")
        reply = client.ask(self.batch(1, 3, flags=FLAG_WAIT))
        self.assertEqual((reply.stored, reply.durable), (3, 3))
        wait_for(lambda: daemon.status("series_broken") == 0, "told so")

    def test_a_deletion_that_was_killed_is_finished(self):
        daemon = self.start("kill", "")
        client = daemon.dealer()
        for name in ("a/b", "a/c", "d"):
            self.assertEqual(client.ask(self.batch(0, 0, name=name)).code, OK)
        self.assertEqual(daemon.stop(), 0)
        for then in ("delete", "start"):
            self.break_disk()
            killed = subprocess.run(daemon.command("--delete", "a/*"), env=dict(os.environ, **daemon.environment),
                                    capture_output=True, timeout=60)
            self.assertEqual(killed.returncode, -signal.SIGKILL)
            self.assertTrue(os.path.exists(os.path.join(daemon.store, "series", "a")))
            self.heal()
            if then == "delete":
                code, out, _ = daemon.run("--delete", "a/*")
                self.assertEqual((code, out), (0, "deleted 2 series, of a deletion that was cut short\n"))
            daemon.start()
            if then == "start":
                self.assertIn("deletion that was cut short is finished: series=2", daemon.log())
            self.assertEqual(os.listdir(os.path.join(daemon.store, "series")), ["d"])
            client = daemon.dealer()
            for name in ("a/b", "a/c"):
                self.assertEqual(client.ask(self.batch(0, 0, name=name)).code, OK)
            self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.run("--delete", "x*")[0], 66)

    def test_the_last_sync_counts_too(self):
        daemon = self.start("sync", "[flush]\ninterval = 1h\n")
        client = daemon.req()
        client.ask(self.batch(1, 1))
        self.break_disk()
        self.assertEqual(daemon.stop(), 74)

    def test_a_slow_sync_holds_up_nobody_and_covers_only_what_was_before_it(self):
        daemon = self.start("slow", "[flush]\ninterval = 1h\n")
        client = daemon.dealer()
        client.hello(1)
        client.send(self.batch(1, 1, flags=FLAG_WAIT))
        client.until(lambda r: r.durable == 1, "durable, the series' folders too")
        self.break_disk()
        client.send(self.batch(1, 2, flags=FLAG_WAIT))
        wait_for(lambda: daemon.count("a") == 2, "stored")
        client.send(self.batch(1, 3))
        first = client.receive()
        self.assertEqual((first.sequence, first.stored, first.durable), (0, 3, 1), "stored while the sync runs")
        second = client.receive()
        self.assertEqual((second.sequence, second.stored, second.durable), (2, 3, 2), "3 came after it began")
        self.assertEqual(daemon.head("a", "durable"), 2)

    def test_more_waiting_answers_than_there_is_room_for(self):
        daemon = self.start("slow", "[flush]\ninterval = 1h\n")
        client = daemon.dealer()
        client.hello(1)
        client.send(self.batch(0, 0, flags=FLAG_WAIT))
        client.receive()
        self.break_disk()
        for number in range(1, 4301):
            client.send(encode_batch([block("a", "f8", [1], t0_ns=T0 + number * 10**12, period_ps=10**9)], flags=FLAG_WAIT))
        codes = [client.receive().code for _ in range(4300)]
        self.assertEqual(set(codes), {OK, BUSY})
        self.assertGreaterEqual(codes.count(OK), 4096)
        self.assertEqual(daemon.count("a"), 1 + codes.count(OK), "what was refused was not stored")
        self.assertEqual(daemon.head("a", "durable"), daemon.count("a"))

    def test_a_full_disk_asks_for_a_resend(self):
        daemon = self.start("space", "[series.a]\nmatch = a\nmode = grow\n")
        client = daemon.req()
        self.assertEqual(client.ask(self.batch(1, 1)).code, OK)
        self.break_disk()
        big = np.arange(400000.0)
        reply = client.ask(self.batch(1, 2, big))
        self.assertEqual((reply.code, reply.stored), (STORE_FULL, 1))
        reply = client.ask(self.batch(1, 2, name="new"))
        self.assertEqual((reply.code, reply.stored), (STORE_FULL, 1))
        self.assertEqual(daemon.count("new"), 0)
        self.heal()
        self.assertEqual(client.ask(self.batch(1, 2, big)).code, OK)
        np.testing.assert_array_equal(daemon.values("a"), np.concatenate([[1.0], big]))

    def test_the_watchdog_hears_of_a_long_batch(self):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        address = "\0ingest-test-" + os.urandom(8).hex()
        manager.bind(address)
        manager.setblocking(False)
        daemon = self.start("slow-rename", "[series.all]\nmatch = **\ncapacity = 100\n",
                            NOTIFY_SOCKET="@" + address[1:], WATCHDOG_USEC="200000")
        client = daemon.req()
        client.hello(1)
        self.break_disk()
        while select.select([manager], [], [], 0)[0]:
            manager.recv(4096)
        blocks = [block(f"s{i}", "f8", [1], clock=ARRIVAL) for i in range(640)]
        client.send(encode_batch(blocks, session=1, sequence=1))
        pings, beats = 0, {daemon.status("heartbeat_ns")}
        while not client.socket.poll(20):
            while select.select([manager], [], [], 0)[0]:
                pings += manager.recv(4096) == b"WATCHDOG=1"
            beats.add(daemon.status("heartbeat_ns"))
        self.assertEqual(client.receive().code, OK)
        self.assertGreater(pings, 4, "640 series at 5 ms and more each, a ping every 32 of them")
        self.assertGreater(len(beats), 2, "and status sees the heart beat")


if __name__ == "__main__":
    unittest.main()
