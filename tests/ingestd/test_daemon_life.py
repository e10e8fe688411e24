"""The daemon's life: kill and restart, a stop that loses nothing, reload, the service manager, the lock."""

import os
import pathlib
import random
import signal
import socket
import time
import unittest

import numpy as np
import zmq
from gateway_resend import T0, Resender
from ingest_daemon import STATUS, Daemon, now_ns, read_status, wait_for
from ingest_wire import *

RING = "[series.all]\nmatch = **\ncapacity = 200000\n"


class ExactlyOnce(unittest.TestCase):
    def test_over_kill_and_resend(self):
        names = ["once/%d" % i for i in range(7)]
        with Daemon(RING + "[flush]\ninterval = 20ms\n") as daemon:
            gateways = [Resender(daemon, 1000 + number, [n + "/%d" % number for n in names], 100) for number in (0, 1)]
            luck = random.Random(4)
            for _ in range(6):
                deadline = time.monotonic() + luck.uniform(0.05, 0.4)
                while time.monotonic() < deadline:
                    for gateway in gateways:
                        if len(gateway.kept) < 40 and gateway.next < 1500:
                            gateway.make(10)
                        gateway.step(1)
                daemon.kill()
                daemon.start()
                for gateway in gateways:
                    gateway.connect()
            for gateway in gateways:
                gateway.make(5)
            wait_for(lambda: [g.step(10) for g in gateways] and not any(g.kept for g in gateways), "all is durable")
            for number, gateway in enumerate(gateways):
                self.assertGreater(gateway.next, 20)
                expected = np.arange((gateway.next - 1) * 100, dtype="f8")
                for offset, name in enumerate(names):
                    np.testing.assert_array_equal(daemon.values(name + "/%d" % number), expected + offset)
                    self.assertTrue(np.all(np.diff(daemon.times(name + "/%d" % number)) > 0))

    def test_a_killed_daemon_keeps_what_it_stored(self):
        with Daemon(RING + "[flush]\ninterval = 1h\n") as daemon:
            client = daemon.dealer()
            client.hello(5)
            for sequence in range(1, 101):
                client.send(encode_batch([block("kept", "i4", [sequence], t0_ns=T0 + sequence * 10**9, period_ps=10**12)],
                                         session=5, sequence=sequence))
            client.until(lambda r: r.stored == 100, "stored")
            daemon.kill()
            daemon.start()
            np.testing.assert_array_equal(daemon.values("kept"), np.arange(1, 101))
            self.assertEqual(daemon.head("kept", "durable"), 100, "synced before the daemon speaks")
            reply = daemon.dealer().hello(5)
            self.assertEqual((reply.stored, reply.durable), (0, 0), "what the journal had")
            # The whole of it again: nothing is stored twice.
            again = daemon.dealer()
            again.hello(5)
            for sequence in range(1, 111):
                again.send(encode_batch([block("kept", "i4", [sequence], t0_ns=T0 + sequence * 10**9, period_ps=10**12)],
                                        session=5, sequence=sequence))
            again.until(lambda r: r.stored == 110, "stored")
            np.testing.assert_array_equal(daemon.values("kept"), np.arange(1, 111))


class Stop(unittest.TestCase):
    def test_drains_what_has_arrived(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how), Daemon(RING + "[flush]\ninterval = 1h\n") as daemon:
                client, push = daemon.dealer(), daemon.push()
                client.hello(1)
                push.send(encode_batch([block("pushed", "i4", [0], t0_ns=T0, period_ps=10**12)]))
                daemon.wait_count("pushed", 1)
                daemon.process.send_signal(signal.SIGSTOP)  # nothing is read before the stop is asked for
                for number in range(1, 2001):
                    client.send(encode_batch([block("dealt", "i4", [number], t0_ns=T0 + number * 10**9, period_ps=10**12)],
                                             session=1, sequence=number))
                    push.send(encode_batch([block("pushed", "i4", [number], t0_ns=T0 + number * 10**9,
                                                  period_ps=10**12)]))
                time.sleep(0.05)
                daemon.process.send_signal(how)
                daemon.process.send_signal(signal.SIGCONT)
                self.assertEqual(daemon.process.wait(20), 0)
                np.testing.assert_array_equal(daemon.values("dealt"), np.arange(1, 2001))
                np.testing.assert_array_equal(daemon.values("pushed"), np.arange(0, 2001))
                self.assertEqual(daemon.head("dealt", "durable"), 2000)
                self.assertEqual(client.until(lambda r: r.durable == 2000, "the last word").stored, 2000)
                words = read_status(daemon.store)
                self.assertEqual(words[STATUS["state"]], 0)
                self.assertIn("stopped batches=4001 samples=4001 refused=0", daemon.log())
                self.assertFalse(os.path.exists(daemon.router[len("ipc://"):]), "the socket's file is gone")

    def test_ends_although_a_sender_never_stops(self):
        with Daemon(RING) as daemon:
            push = daemon.push()
            push.socket.sndtimeo = 10
            frame = encode_batch([block("flood", "f8", np.zeros(1000), clock=REGULAR, t0_ns=T0_ARRIVAL, period_ps=1000)])
            daemon.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            while daemon.process.poll() is None and time.monotonic() - began < 20:
                try:
                    push.socket.send(frame)
                except zmq.Again:
                    pass
            self.assertEqual(daemon.process.poll(), 0)
            self.assertLess(time.monotonic() - began, 15)

    def test_ends_soon_under_a_steady_load(self):
        """What had arrived is taken; what goes on arriving is not waited for."""
        with Daemon(RING) as daemon:
            push = daemon.push()
            frame = encode_batch([block("steady", "f8", [1.0], clock=ARRIVAL)])
            for _ in range(100):
                push.socket.send(frame)
            daemon.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            while daemon.process.poll() is None and time.monotonic() - began < 20:
                push.socket.send(frame, zmq.NOBLOCK)
                time.sleep(0.001)
            self.assertEqual(daemon.process.poll(), 0)
            self.assertLess(time.monotonic() - began, 4, "and not the five seconds that a flood may take")
            self.assertGreaterEqual(daemon.count("steady"), 100)

    def test_a_wait_is_answered_at_the_stop(self):
        with Daemon(RING + "[flush]\ninterval = 1h\n") as daemon:
            client = daemon.dealer()
            client.send(encode_batch([block("a", "f8", [1], clock=ARRIVAL)], flags=FLAG_WAIT))
            wait_for(lambda: daemon.count("a"), "stored")
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(client.receive().code, OK)


class Reload(unittest.TestCase):
    def test_takes_over_what_it_can(self):
        with Daemon("[flush]\ninterval = 1h\n") as daemon:
            client = daemon.req()
            client.ask(encode_batch([block("old/a", "f8", [1], clock=ARRIVAL)]))
            time.sleep(0.2)
            self.assertEqual(daemon.head("old/a", "durable"), 0)
            daemon.reload("[flush]\ninterval = 20ms\n[clock]\nmax_future = 1m\n[log]\nlevel = debug\n"
                          "[series.new]\nmatch = new/**\ncapacity = 77\n[series.old]\nmatch = old/**\nlate = clamp\n")
            wait_for(lambda: daemon.head("old/a", "durable") == 1, "the new interval")
            self.assertEqual(daemon.status("flush_interval_ns"), 20 * 10**6)
            self.assertIn("is in force", daemon.log())
            client.ask(encode_batch([block("new/a", "f8", [1], clock=ARRIVAL)]))
            self.assertEqual(daemon.head("new/a", "capacity"), 77)
            reply = client.ask(encode_batch([block("new/b", "f8", [1], times_ns=[now_ns() + 120 * 10**9])]))
            self.assertEqual(reply.code, TIME_FUTURE)
            reply = client.ask(encode_batch([block("old/a", "f8", [2], times_ns=[T0])]))
            self.assertEqual(reply.code, OK, "an existing series follows its new rule")
            client.hello(3, 1, b"seen at level debug")
            self.assertIn("seen at level debug", daemon.log())

    def test_a_mistake_changes_nothing_and_each_is_named(self):
        with Daemon("[flush]\ninterval = 1h\n[series.a]\nmatch = a/**\ncapacity = 50\n") as daemon:
            daemon.reload("[flush]\ninterval = soon\n[clock]\nmax_futur = 1h\n[series.b]\nmatch = a//b\n")
            log = daemon.log()
            self.assertIn("stays in force", log)
            self.assertRegex(log, r"error: .*ingestd\.ini:\d+: \[flush\] interval: ")
            self.assertRegex(log, r"error: .*ingestd\.ini:\d+: \[clock\] max_futur: ")
            daemon.reload("[series.b]\nmatch = a//b\n")
            self.assertRegex(daemon.log(), r"error: .*ingestd\.ini:\d+: \[series\.b\] match: 'a//b'")
            self.assertEqual(daemon.status("flush_interval_ns"), 3600 * 10**9)
            daemon.req().ask(encode_batch([block("a/b", "f8", [1], clock=ARRIVAL)]))
            self.assertEqual(daemon.head("a/b", "capacity"), 50)

    def test_rows_go_into_the_journal_below_direct_bytes(self):
        """direct_bytes as it is at the start, and as a reload has it."""
        def is_in_journal(daemon, number, series):
            values = np.full(2000, number)
            reply = daemon.req().ask(encode_batch([block(series, "f8", values, t0_ns=T0, period_ps=10**9)], flags=FLAG_WAIT))
            self.assertEqual(reply.code, OK, reply.text)
            journals = [path.read_bytes() for path in pathlib.Path(daemon.store).glob("journal-*")]
            self.assertTrue(journals)
            return any(values.tobytes() in journal for journal in journals)

        with Daemon("[flush]\ninterval = 20ms\n") as daemon:
            self.assertTrue(is_in_journal(daemon, 3.25, "small"))
            daemon.reload("[flush]\ninterval = 20ms\ndirect_bytes = 4KiB\n")
            self.assertFalse(is_in_journal(daemon, 4.25, "large"))
            daemon.kill()
            daemon.start()
            self.assertFalse(is_in_journal(daemon, 5.25, "larger"))
            self.assertEqual(daemon.head("large", "durable"), 2000)

    def test_what_needs_a_restart_is_said(self):
        with Daemon() as daemon:
            daemon.reload(listen={"max_batch": "8MiB"})
            self.assertRegex(daemon.log(), r"warning: reload: \[listen\] max_batch: needs a restart")
            self.assertEqual(daemon.req().hello(1).frame_bytes_max, 4 << 20)
            daemon.reload(listen={"max_batch": "4MiB"})
            self.assertEqual(daemon.log().count("needs a restart"), 1)
            store, daemon.store = daemon.store, daemon.folder + "/no/such/folder"
            daemon.reload("[flush]\ninterval = 33ms\n")
            daemon.store = store
            self.assertRegex(daemon.log(), r"warning: reload: \[store\] path: needs a restart")
            self.assertEqual(daemon.status("flush_interval_ns"), 33 * 10**6, "the rest is taken over")

    def test_a_rule_that_disagrees_is_a_warning(self):
        with Daemon("[series.a]\nmatch = a/**\ncapacity = 50\n") as daemon:
            client = daemon.req()
            client.ask(encode_batch([block("a/b", "f8", [1], clock=ARRIVAL)]))
            daemon.reload("[series.a]\nmatch = a/**\ncapacity = 60\n")
            self.assertIn("series a/b: mode or capacity of rule [series.a]", daemon.log())
            self.assertEqual(client.ask(encode_batch([block("a/b", "f8", [2], clock=ARRIVAL)])).code, OK)
            self.assertEqual(daemon.head("a/b", "capacity"), 50)
            daemon.restart()
            before = daemon.log().count("mode or capacity of rule")
            client = daemon.req()
            for value in (3, 4):
                client.ask(encode_batch([block("a/b", "f8", [value], clock=ARRIVAL)]))
            self.assertEqual(daemon.log().count("mode or capacity of rule"), before + 1, "once a series")


class ServiceManager(unittest.TestCase):
    def listen(self, daemon, abstract):
        path = os.path.join(daemon.folder, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind("\0" + path if abstract else path)
        manager.settimeout(20)
        return manager, ("@" + path if abstract else path)

    def expect(self, manager, start):
        while True:
            message = manager.recv(4096).decode()
            if message.startswith(start):
                return message
            self.assertRegex(message, "^(WATCHDOG=1|STATUS=)", "what comes between")

    def test_is_told_everything(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                daemon = Daemon()
                self.addCleanup(daemon.close)
                manager, address = self.listen(daemon, abstract)
                daemon.environment.update(NOTIFY_SOCKET=address, WATCHDOG_USEC="200000")
                daemon.start()
                self.assertIn("\nSTATUS=", self.expect(manager, "READY=1"))
                began = time.monotonic()
                for _ in range(5):
                    self.expect(manager, "WATCHDOG=1")
                self.assertLess(time.monotonic() - began, 2, "pings at half of the watchdog's time")
                daemon.process.send_signal(signal.SIGHUP)
                message = self.expect(manager, "RELOADING=1")
                usec = int(message.split("MONOTONIC_USEC=")[1])
                self.assertLess(abs(usec - time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000), 10**7)
                self.expect(manager, "READY=1")
                daemon.process.send_signal(signal.SIGTERM)
                self.expect(manager, "STOPPING=1")
                self.assertEqual(daemon.process.wait(20), 0)

    def test_status_tells_what_comes_in(self):
        daemon = Daemon()
        self.addCleanup(daemon.close)
        manager, address = self.listen(daemon, False)
        daemon.environment.update(NOTIFY_SOCKET=address)
        daemon.start()
        self.expect(manager, "READY=1")
        client = daemon.req()
        client.hello(1)
        client.ask(encode_batch([block("a", "f8", np.zeros(1000), t0_ns=T0, period_ps=10**9)], session=1, sequence=1))
        text = self.expect(manager, "STATUS=")
        self.assertRegex(text, r"^STATUS=1 series, 1 gateways, \d+ samples/s, .* reserved$")

    def test_priorities_in_the_journal(self):
        with Daemon(environment=dict(JOURNAL_STREAM="8:1")) as daemon:
            daemon.req().ask(encode_batch([block("bad name", "f8", [1], clock=ARRIVAL)]))
            lines = daemon.log().splitlines()
            self.assertTrue(lines[0].startswith("<6>started version="), lines[0])
            self.assertTrue(any(line.startswith("<4>refused code=BAD_NAME ") for line in lines))


class Lock(unittest.TestCase):
    def test_one_daemon_a_store(self):
        with Daemon() as daemon:
            code, _, errors = daemon.run()
            self.assertEqual(code, 75)
            self.assertIn(daemon.store, errors)
            self.assertEqual(daemon.req().hello(1).code, OK, "the first one still has its endpoints")
            for arguments in (("--delete", "**"), ("--rename", "a", "b")):
                self.assertEqual(daemon.run(*arguments)[0], 75)

    def test_a_listening_endpoint_is_not_taken_away(self):
        with Daemon() as daemon:
            other = Daemon(folder=daemon.folder)
            other.store = os.path.join(daemon.folder, "other")
            other.configure()
            code, _, errors = other.run()
            self.assertEqual(code, 75)
            self.assertIn("cannot listen on " + daemon.router, errors)
            self.assertEqual(daemon.req().hello(1).code, OK)


class Start(unittest.TestCase):
    def test_many_series_start_fast_and_idle_small(self):
        with Daemon("[series.all]\nmatch = **\ncapacity = 8\n[flush]\ninterval = 1h\n") as daemon:
            client = daemon.req()
            for first in range(0, 2000, 500):
                reply = client.ask(encode_batch([block("many/%d" % i, "f4", [1], clock=ARRIVAL)
                                                 for i in range(first, first + 500)]))
                self.assertEqual(reply.code, OK, reply.text)
            self.assertEqual(daemon.stop(), 0)
            began = time.monotonic()
            daemon.start()
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(daemon.status("series"), 2000)
            self.assertEqual(daemon.status("series_mapped"), 0)
            self.assertEqual(len(daemon.log().splitlines()), 4, "no line for each series")


if __name__ == "__main__":
    unittest.main()
