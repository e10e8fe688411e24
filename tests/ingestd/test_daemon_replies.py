"""What is answered, when, how often and to whom: docs/protocol.md, "Reply" and "Sessions"."""

import os
import time
import unittest

import numpy as np
from ingest_daemon import SANITIZED, Daemon, wait_for
from ingest_wire import *


def batch(session, sequence, name="a/b", values=(1.0,), flags=0, t0_ns=None):
    """One regular block whose times follow from the sequence."""
    t0_ns = 10**18 + sequence * 10**9 if t0_ns is None else t0_ns
    return encode_batch([block(name, "f8", list(values), t0_ns=t0_ns, period_ps=10**9)], session=session,
                        sequence=sequence, flags=flags)


class Hello(unittest.TestCase):
    def test_raises_and_never_lowers(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            reply = client.hello(5, 1)
            self.assertEqual((reply.code, reply.session, reply.sequence, reply.stored, reply.durable), (OK, 5, 0, 0, 0))
            self.assertEqual(reply.frame_bytes_max, 4 << 20)
            self.assertGreaterEqual(reply.credit_batches, 2)
            self.assertGreaterEqual(reply.credit_kib, 4096)
            reply = client.hello(5, 100)
            self.assertEqual((reply.stored, reply.durable), (99, 99))
            reply = client.hello(5, 7)
            self.assertEqual((reply.stored, reply.durable), (99, 99))
            client.send(batch(5, 100))
            self.assertEqual(client.until(lambda r: r.stored == 100, "batch 100").code, OK)

    def test_a_bad_one_consumes_nothing(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            for bad in (encode_hello(5, 1, "x" * 65), encode_batch([], session=5, sequence=1, flags=2)):
                client.send(bad)
                reply = client.receive()
                self.assertNotEqual(reply.code, OK)
                self.assertEqual((reply.session, reply.sequence, reply.stored), (5, 0, 0))
            client.send(batch(5, 1))
            client.until(lambda r: r.code == OK and r.stored == 1, "batch 1")
            self.assertEqual(daemon.count("a/b"), 1)

    def test_on_pull_is_not_answered_but_counts(self):
        with Daemon() as daemon:
            push, client = daemon.push(), daemon.dealer()
            push.send(encode_hello(5, 41, "silent"))
            wait_for(lambda: client.hello(5, 1).stored == 40, "the HELLO on PULL")


class Cumulative(unittest.TestCase):
    def test_at_the_latest_every_sixteen(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            client.hello(1)
            for sequence in range(1, 501):
                client.send(batch(1, sequence))
            stored = 0
            while stored < 500:
                reply = client.receive()
                self.assertEqual((reply.code, reply.sequence, reply.session), (OK, 0, 1))
                self.assertLessEqual(reply.stored - stored, 16)
                self.assertGreaterEqual(reply.stored, stored)
                self.assertLessEqual(reply.durable, reply.stored)
                stored = reply.stored
            np.testing.assert_array_equal(daemon.values("a/b"), np.ones(500))

    def test_durable_is_told_without_asking(self):
        with Daemon("[flush]\ninterval = 50ms\n") as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1))
            first = client.receive()
            self.assertEqual(first.stored, 1)
            self.assertEqual(client.until(lambda r: r.durable == 1, "durable").stored, 1)
            self.assertEqual(client.receive_all(0.3), [], "nothing moved, nothing is said")
            self.assertEqual(daemon.head("a/b", "durable"), 1)

    def test_a_refused_batch_becomes_durable_too(self):
        with Daemon("[flush]\ninterval = 50ms\n") as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1, name="bad name"))
            self.assertEqual(client.receive().code, BAD_NAME)
            client.until(lambda r: r.durable == 1, "durable")

    def test_goes_to_the_latest_connection(self):
        with Daemon("[flush]\ninterval = 200ms\n") as daemon:
            old, new = daemon.dealer(), daemon.dealer()
            old.hello(1)
            old.send(batch(1, 1))
            old.until(lambda r: r.stored == 1, "stored")
            new.hello(1)
            new.until(lambda r: r.durable == 1, "durable on the new connection")
            new.send(batch(1, 2))
            new.until(lambda r: r.durable == 2, "durable on the new connection")
            self.assertFalse([r for r in old.receive_all() if r.stored == 2])

    def test_a_duplicate_is_acknowledged_and_not_applied(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1))
            client.until(lambda r: r.stored == 1, "stored")
            client.receive_all(1.3)
            client.send(batch(1, 1))
            reply = client.receive()
            self.assertEqual((reply.code, reply.stored), (OK, 1))
            self.assertEqual(daemon.count("a/b"), 1)
            self.assertEqual(daemon.status("duplicates"), 1)


class Crowd(unittest.TestCase):
    """A series notes sixteen sessions, and lets one go only when it is durable."""

    def test_more_sessions_than_a_series_notes(self):
        with Daemon("[flush]\ninterval = 1h\n") as daemon:
            client, push = daemon.dealer(), daemon.push()
            for session in range(1, 41):
                client.send(batch(session, 1, "crowded", t0_ns=10**18 + session * 10**9))
                reply = client.until(lambda r: r.session == session, "an answer to session %d" % session)
                self.assertEqual((reply.code, reply.stored), (OK, 1), reply.text)
            self.assertEqual(daemon.count("crowded"), 40)
            for session in range(41, 81):  # nobody would be told to send these again
                push.send(batch(session, 1, "crowded", t0_ns=10**18 + session * 10**9))
            wait_for(lambda: daemon.count("crowded") == 80, "eighty batches")
            # What was made durable to make room was whole batches, and the newest ones are known.
            client.send(batch(80, 1, "crowded", t0_ns=10**18 + 100 * 10**9))
            client.until(lambda r: r.session == 80 and r.stored == 1, "the duplicate")
            self.assertEqual(daemon.count("crowded"), 80)


class Requests(unittest.TestCase):
    def test_req_gets_exactly_one_reply(self):
        with Daemon("[flush]\ninterval = 50ms\n") as daemon:
            client = daemon.req()
            self.assertEqual(client.hello(1).stored, 0)
            for sequence in range(1, 101):
                reply = client.ask(batch(1, sequence))
                self.assertEqual((reply.code, reply.sequence, reply.stored), (OK, sequence, sequence))
            reply = client.ask(batch(1, 50))
            self.assertEqual((reply.code, reply.sequence, reply.stored), (OK, 50, 100))
            for sequence in (300, 301):
                reply = client.ask(batch(1, sequence))
                self.assertEqual((reply.code, reply.sequence, reply.stored), (GAP, sequence, 100))

    def test_the_delimiter_is_returned_and_nothing_else_comes(self):
        with Daemon("[flush]\ninterval = 50ms\n") as daemon:
            client = daemon.dealer()
            for sequence in range(1, 6):
                client.send(b"", batch(1, sequence))
            replies = []
            while client.socket.poll(500):
                frames = client.socket.recv_multipart()
                self.assertEqual(len(frames), 2)
                self.assertEqual(frames[0], b"")
                replies.append(decode_reply(frames[1]))
            self.assertEqual([r.sequence for r in replies], [1, 2, 3, 4, 5])

    def test_without_a_session_each_batch_is_answered_alone(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            for number in range(40):
                client.send(batch(0, 0, name="bad name" if number == 7 else "a/b", t0_ns=10**18 + number * 10**9))
            replies = [client.receive() for _ in range(40)]
            self.assertEqual([r.code for r in replies], [BAD_NAME if n == 7 else OK for n in range(40)])
            for reply in replies:
                self.assertEqual((reply.session, reply.sequence, reply.stored, reply.durable), (0, 0, 0, 0))
            self.assertEqual(client.receive_all(), [])


@unittest.skipIf(SANITIZED, "the sanitizer's own library must be the first one")
class Interrupted(unittest.TestCase):
    """An answer whose last part was interrupted is ended: else the next one would go to the same gateway, behind its name."""

    def test_each_gets_its_own(self):
        daemon = Daemon()
        preloaded = os.path.join(os.environ["INGEST_BUILD"], "tests", "ingestd", "libinterrupted_send.so")
        daemon.environment["LD_PRELOAD"] = preloaded
        with daemon:
            clients = [daemon.dealer() for _ in range(3)]
            for round_ in range(1, 6):
                for session, client in enumerate(clients, 1):
                    client.send(batch(session, round_, "s/%d" % session))
                for session, client in enumerate(clients, 1):
                    reply = client.until(lambda r: r.stored == round_, "batch %d" % round_)
                    self.assertEqual((reply.session, reply.code), (session, OK))


class Wait(unittest.TestCase):
    """With an hour between ticks only a demanded one can answer."""

    CONFIG = "[flush]\ninterval = 1h\n"

    def test_req_is_answered_when_durable(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.req()
            for sequence in range(1, 21):
                reply = client.ask(batch(1, sequence, flags=FLAG_WAIT))
                self.assertEqual((reply.code, reply.sequence, reply.stored, reply.durable),
                                 (OK, sequence, sequence, sequence))
                self.assertEqual(daemon.head("a/b", "durable"), sequence)
            reply = client.ask(batch(1, 3, flags=FLAG_WAIT))
            self.assertEqual((reply.code, reply.sequence, reply.durable), (OK, 3, 20))

    def test_dealer_gets_a_reply_about_each(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.dealer()
            client.hello(1)
            for sequence in range(1, 31):
                client.send(batch(1, sequence, flags=FLAG_WAIT))
            seen = []
            while len(seen) < 30:
                reply = client.receive()
                self.assertEqual(reply.code, OK)
                self.assertGreaterEqual(reply.durable, reply.sequence)
                seen += [reply.sequence] if reply.sequence else []
            self.assertEqual(seen, list(range(1, 31)))
            # Group commit: they did not take a tick each.
            self.assertLess(daemon.status("flush_ticks"), 30)

    def test_a_batch_before_it_becomes_durable_with_it(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1))
            self.assertEqual(client.until(lambda r: r.stored == 1, "stored").durable, 0)
            self.assertEqual(client.receive_all(), [], "durable must not move by itself")
            client.send(batch(1, 2, flags=FLAG_WAIT))
            reply = client.receive()
            self.assertEqual((reply.sequence, reply.stored, reply.durable), (2, 2, 2))

    def test_a_duplicate_that_is_not_durable_yet(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1))
            client.until(lambda r: r.stored == 1, "stored")
            client.send(batch(1, 1, flags=FLAG_WAIT))
            self.assertEqual(client.until(lambda r: r.sequence == 1, "the answer").durable, 1)

    def test_without_a_session(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.req()
            self.assertEqual(client.ask(batch(0, 0, flags=FLAG_WAIT)).code, OK)
            self.assertEqual(daemon.head("a/b", "durable"), 1)

    def test_a_refusal_for_good_waits_too(self):
        with Daemon(self.CONFIG) as daemon:
            client = daemon.req()
            reply = client.ask(batch(1, 1, name="bad name", flags=FLAG_WAIT))
            self.assertEqual((reply.code, reply.sequence, reply.durable), (BAD_NAME, 1, 1))
            self.assertIn("bad name", reply.text)
            reply = client.ask(batch(1, 9, flags=FLAG_WAIT))
            self.assertEqual((reply.code, reply.stored), (GAP, 1))


class Gaps(unittest.TestCase):
    def test_is_told_once_and_then_once_a_second(self):
        with Daemon("[flush]\ninterval = 1h\n") as daemon:
            client = daemon.dealer()
            client.hello(1)
            client.send(batch(1, 1))
            client.until(lambda r: r.stored == 1, "stored")
            for sequence in range(3, 40):
                client.send(batch(1, sequence))
            replies = client.receive_all(0.3)
            self.assertEqual([(r.code, r.sequence, r.stored) for r in replies], [(GAP, 3, 1)])
            time.sleep(1.0)
            client.send(batch(1, 5))
            client.send(batch(1, 6))
            replies = client.receive_all(0.3)
            self.assertEqual([(r.code, r.sequence, r.stored) for r in replies], [(GAP, 5, 1)])
            for sequence in range(2, 40):
                client.send(batch(1, sequence))
            client.until(lambda r: r.stored == 39, "all is there after the resend")
            self.assertEqual(daemon.count("a/b"), 39)
            # A new gap is told at once, however soon.
            client.send(batch(1, 41))
            self.assertEqual(client.until(lambda r: r.code == GAP, "the new gap").sequence, 41)

    def test_an_unknown_session_may_begin_at_one_only(self):
        with Daemon() as daemon:
            client = daemon.dealer()
            reply = client.ask(batch(77, 5))
            self.assertEqual((reply.code, reply.session, reply.stored), (GAP, 77, 0))
            self.assertEqual(client.hello(77, 5).stored, 4)
            client.send(batch(77, 5))
            client.until(lambda r: r.stored == 5, "after HELLO")
            client.send(batch(78, 1))
            client.until(lambda r: r.session == 78 and r.stored == 1, "a session that begins at 1")


class Credit(unittest.TestCase):
    def test_is_shared_among_the_sessions(self):
        with Daemon(listen={"max_batch": "1MiB"}) as daemon:
            client = daemon.dealer()
            alone = client.hello(1)
            self.assertEqual((alone.credit_batches, alone.frame_bytes_max), (1024, 1 << 20))
            self.assertEqual(alone.credit_kib, 256 << 10)
            for session in range(2, 401):
                client.hello(session)
            shared = wait_for(lambda: (lambda r: r if r.credit_batches < 1024 else None)(client.hello(1)), "a share")
            self.assertEqual(shared.credit_batches, 65536 // 400)
            self.assertEqual(shared.credit_kib, 1024, "never less than the largest batch")


if __name__ == "__main__":
    unittest.main()
