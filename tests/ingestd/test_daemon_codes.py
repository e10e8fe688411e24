"""Each code of a reply: how it comes about, whether the sequence is consumed, what is stored, what the log says."""

import os
import unittest

import numpy as np
from ingest_daemon import Daemon, now_ns
from ingest_wire import *

HOUR_NS = 3600 * 10**9
T0 = 10**18


def scalar(name, value=1.0, t0_ns=T0, dtype="f8", **options):
    return block(name, dtype, [value], t0_ns=t0_ns, period_ps=10**9, **options)


class Code(unittest.TestCase):
    """A daemon and one session; expect() sends the next batch and checks its reply."""

    config = ""
    options = {}

    def setUp(self):
        self.daemon = Daemon(self.config, **self.options).start()
        self.addCleanup(self.daemon.close)
        self.client = self.daemon.dealer()
        self.client.name = b"gate-7"
        self.client.hello(9)
        self.sequence = 0

    def ask(self, blocks, sequence, **options):
        self.client.send(blocks if isinstance(blocks, bytes) else
                         encode_batch(blocks, session=9, sequence=sequence, **options))
        return self.client.until(lambda r: r.sequence == sequence or (r.code == OK and r.stored >= sequence),
                                 "a reply to batch %d" % sequence)

    def expect(self, code, blocks, refused=1, text="", series=None, **options):
        """A permanent code: the sequence is consumed. One that asks for a resend: it is not."""
        self.sequence += 1
        before = self.daemon.refused(code)
        reply = self.ask(blocks, self.sequence, **options)
        self.assertEqual((reply.code_name, reply.session), (code_name(code), 9))
        self.assertIn(text, reply.text)
        if code != OK:
            self.assertEqual(reply.sequence, self.sequence)
            self.assertEqual(reply.refused_blocks, refused)
            self.assertEqual(self.daemon.refused(code), before + 1)
            self.assertTrue(reply.text)
            if self.daemon.refused(code) > 10:
                return self._consume(code, reply)  # the log has had its ten lines of that kind
            line = [l for l in self.daemon.log().splitlines() if "refused code=%s " % code_name(code) in l][-1]
            self.assertIn('gateway="gate-7"', line)
            self.assertIn("session=0000000000000009 sequence=%d " % self.sequence, line)
            self.assertIn('reason="', line)
            if series is not None:
                self.assertIn('series="%s"' % series, line)
        return self._consume(code, reply)

    def _consume(self, code, reply):
        consumed = code not in (CHECKSUM, GAP, STORE_FULL, BUSY)
        if not consumed:
            self.sequence -= 1
        self.assertEqual(reply.stored, self.sequence)
        return reply


class Permanent(Code):
    config = "[series.small]\nmatch = small/**\ncapacity = 10\n"
    options = dict(listen={"max_batch": "64KiB"})

    def test_0_ok(self):
        self.expect(OK, [scalar("a")])
        self.assertEqual(self.daemon.count("a"), 1)

    def test_1_malformed_blocks(self):
        self.expect(OK, [scalar("p/good")])
        for number, bad in enumerate([
                block("p/x", "f8", [], t0_ns=T0, period_ps=10**9),                   # no sample
                block("p/x", "f8", [1.0], clock=REGULAR, t0_ns=T0, period_ps=0),     # no period
                block("p/x", "f8", [1.0], clock=REGULAR, t0_ns=T0, period_ps=-5),
                block("p/x", "f8", [1.0, 2.0], clock=REGULAR, t0_ns=T0, period_ps=999),
                block("p/x", "f8", [1.0, 2.0], clock=ARRIVAL),                       # arrival is one sample
                block("p/x", "f8", [1.0], clock=PREVIOUS, count=1),                  # nothing before it
                scalar("p/x", count=2),
                scalar("p/x", dims=(0,), count=1),
                scalar("p/x", rank=5)]):
            with self.subTest(number):
                self.expect(MALFORMED, [bad, scalar("p/good", t0_ns=T0 + (number + 1) * 10**9)], series=None)
        self.assertEqual(self.daemon.count("p/good"), 10, "the good blocks are applied")
        self.assertFalse(self.daemon.has("p/x"))

    def test_1_malformed_frames(self):
        whole = encode_batch([scalar("a")], session=9, sequence=1)
        self.expect(MALFORMED, encode_batch([scalar("a")], session=9, sequence=1, frame_bytes=len(whole) + 8),
                    refused=0)
        self.expect(MALFORMED, encode_batch([scalar("a"), b"\0" * 8], session=9, sequence=2, block_count=1), refused=0)
        self.expect(MALFORMED, encode_batch([scalar("a", block_bytes=8)], session=9, sequence=3), refused=0)
        self.assertFalse(self.daemon.has("a"))

    def test_1_two_blocks_of_one_series(self):
        self.expect(MALFORMED, [scalar("new"), scalar("other"), scalar("new", t0_ns=T0 + 10**9)], refused=3,
                    text="series new: two blocks", series="new")
        self.assertFalse(self.daemon.has("new") or self.daemon.has("other"), "nothing of it is applied")
        self.expect(OK, [scalar("new"), scalar("other")])
        self.expect(MALFORMED, [scalar("new", t0_ns=T0 + 10**9), scalar("third"), scalar("new", t0_ns=T0 + 10**9)],
                    refused=3, text="series new: two blocks", series="new")
        self.assertFalse(self.daemon.has("third"))
        self.assertEqual(self.daemon.count("new"), 1)
        many = [scalar("small/%d" % i) for i in range(300)]
        self.expect(MALFORMED, many + [scalar("small/150")], refused=301)
        self.expect(OK, many)

    def test_1_a_session_without_a_sequence(self):
        self.client.send(encode_batch([scalar("a")], session=9, sequence=0))
        reply = self.client.receive()
        self.assertEqual((reply.code, reply.sequence, reply.stored), (MALFORMED, 0, 0))
        self.assertFalse(self.daemon.has("a"))

    def test_1_messages_of_other_shapes(self):
        frame = encode_batch([scalar("a")])
        for parts in ([frame, frame], [frame, b""], [b"", frame, frame], [b"", b"", frame], [b""], [b"", b""]):
            with self.subTest(len(parts)):
                self.client.send(*parts)
                parts_back = self.client.socket.recv_multipart() if self.client.socket.poll(5000) else []
                self.assertTrue(parts_back, "no reply")
                reply = decode_reply(parts_back[-1])
                self.assertEqual((reply.code, reply.session, reply.sequence), (MALFORMED, 0, 0))
        self.assertFalse(self.daemon.has("a"))
        self.expect(OK, [scalar("b")])

    def test_3_unknown_flags_and_clocks(self):
        self.expect(VERSION, [scalar("a")], flags=0x8000, refused=0)
        line = [line for line in self.daemon.log().split("\n") if "code=VERSION" in line][-1]
        self.assertNotIn("blocks=", line, "no block was looked at")
        self.expect(VERSION, [block("a", "f8", [1.0], clock=4), scalar("b")])
        self.expect(VERSION, [scalar("a", flags=1), scalar("b", t0_ns=T0 + 10**9)])
        self.assertFalse(self.daemon.has("a"))
        self.assertEqual(self.daemon.count("b"), 2)

    def test_4_too_large_a_frame(self):
        values = np.zeros(9000)
        self.expect(TOO_LARGE, [block("big", "f8", values, t0_ns=T0, period_ps=10**9)], text="max_batch")
        self.assertFalse(self.daemon.has("big"))
        self.client.send(b"big v=1 1\n" * 7000)
        self.assertEqual(self.client.until(lambda r: r.code != OK, "text").code, TOO_LARGE)
        # With a small limit too, a batch as others send it is answered and does not jam its stream.
        self.expect(TOO_LARGE, [block("big", "f8", np.zeros(1 << 20), t0_ns=T0, period_ps=10**9)], text="max_batch")
        # Far too large a frame ends its connection, and nothing else.
        self.client.send(b"\x93IB" + b"\0" * (17 << 20))
        other = self.daemon.dealer()
        self.assertEqual(other.hello(10).code, OK)
        self.expect(OK, [scalar("c")])

    def test_4_a_block_longer_than_its_ring(self):
        self.expect(TOO_LARGE, [block("small/a", "f8", np.zeros(11), t0_ns=T0, period_ps=10**9), scalar("b")],
                    text="ring of 10")
        self.expect(OK, [block("small/a", "f8", np.arange(10.0), t0_ns=T0, period_ps=10**9)])
        np.testing.assert_array_equal(self.daemon.values("small/a"), np.arange(10.0))
        self.assertEqual(self.daemon.count("b"), 1)

    def test_a_refused_block_makes_no_series(self):
        before_time = -2**63
        self.expect(TOO_LARGE, [block("small/a", "f8", np.zeros(11), times_ns=np.arange(11) + T0)], text="ring of 10")
        self.expect(TIME_ORDER, [block("small/a", "f8", [1], times_ns=[before_time])], series="small/a")
        # Of a batch in which others are good it is late, and counted.
        reply = self.expect(OK, [block("small/a", "f8", [1, 2], times_ns=[before_time] * 2), scalar("b")])
        self.assertEqual(reply.late_samples, 3)
        self.assertEqual(os.listdir(self.daemon.store + "/series"), ["b"])
        # So the type is still to be chosen; and what is kept of a block in part is enough.
        self.expect(OK, [block("small/a", "i4", [1, 2], times_ns=[before_time, T0])])
        self.assertEqual((self.daemon.count("small/a"), self.daemon.times("small/a").tolist()), (1, [T0]))

    def test_5_bad_names(self):
        for name in ("", "/a", "a/", "a//b", ".hidden", "a/-b", "~x", "a b", "a.npy", "x/y.ini", "ä", "a\0b",
                     "n" * 256, "/".join("abcdefghijklmnopq"), "../../etc/passwd", "a\nb"):
            with self.subTest(name):
                reply = self.expect(BAD_NAME, [scalar(name), scalar("good", t0_ns=T0 + self.sequence * 10**9)])
                self.assertNotIn("\n", reply.text)
        self.assertEqual(self.daemon.count("good"), 16)
        self.expect(OK, [scalar("n" * 255)])

    def test_6_type_mismatch(self):
        self.expect(OK, [scalar("s"), block("v", "f4", np.zeros((2, 3), "f4"), dims=(3,), t0_ns=T0, period_ps=10**9),
                         block("e", "f8", [1.0], times_ns=[T0])])
        later = T0 + HOUR_NS
        for bad, text in ((scalar("s", 1, later, "i4"), "f8"),
                          (block("s", "f8", [1.0], dims=(1,), t0_ns=later, period_ps=10**9), "f8"),
                          (block("s", "f8", [1.0], times_ns=[later]), "explicit"),
                          (block("s", "f8", [1.0], clock=ARRIVAL), "explicit"),
                          (block("v", "f4", np.zeros((1, 4), "f4"), dims=(4,), t0_ns=later, period_ps=10**9), "(3,)"),
                          (block("v", "f4", np.zeros((1, 3), "f4"), dims=(1, 3), t0_ns=later, period_ps=10**9), "(3,)"),
                          (block("s", b"f2", b"12345678", t0_ns=later, period_ps=10**9, count=1), "")):
            with self.subTest(text):
                self.expect(TYPE_MISMATCH, [bad], text=text)
        self.assertEqual([self.daemon.count(n) for n in "sve"], [1, 2, 1])
        self.expect(OK, [scalar("e", 2.0, later)], text="")
        np.testing.assert_array_equal(self.daemon.times("e"), [T0, later])

    def test_7_the_whole_batch_is_late(self):
        self.expect(OK, [block("a", "f8", [1, 2], times_ns=[T0, T0 + 10]), block("b", "f8", [1], times_ns=[T0])])
        reply = self.expect(TIME_ORDER, [block("a", "f8", [8, 9], times_ns=[T0, T0 + 10]),
                                         block("b", "f8", [9], times_ns=[T0 - 5])], refused=2,
                            text="series a: no sample", series="a")
        self.assertEqual(reply.late_samples, 3)
        # Some of it late is no refusal: it is counted.
        reply = self.expect(OK, [block("a", "f8", [8, 3], times_ns=[T0 + 10, T0 + 11])])
        self.assertEqual(reply.late_samples, 4)
        np.testing.assert_array_equal(self.daemon.values("a"), [1, 2, 3])
        self.assertEqual(self.daemon.status("late"), 4)

    def test_8_too_far_ahead(self):
        now = now_ns()
        ahead = now + HOUR_NS + 60 * 10**9
        self.expect(TIME_FUTURE, [scalar("a", t0_ns=ahead), scalar("b", t0_ns=now)], text="1 h", series="a")
        self.expect(TIME_FUTURE, [block("c", "f8", [1, 2], times_ns=[now, ahead])])
        self.expect(TIME_FUTURE, [block("c", "f8", [1, 2, 3], times_ns=[now, ahead, now + 1])])
        self.expect(TIME_FUTURE, [block("d", "f8", np.zeros(7300), t0_ns=now, period_ps=10**12)])
        self.assertFalse(any(self.daemon.has(name) for name in "acd"))
        self.assertEqual(self.daemon.count("b"), 1)
        self.expect(OK, [scalar("a", t0_ns=now + HOUR_NS - 60 * 10**9)])

    def test_13_no_rule_and_no_room(self):
        self.daemon.reload("[series.no]\nmatch = forbidden/**\nmode = refuse\n"
                           "[series.month]\nmatch = month/**\ncapacity = 30d\n"
                           "[series.huge]\nmatch = huge/**\ncapacity = 1TiB\n", store=dict(max_bytes="100MiB"))
        self.expect(NO_ROOM, [scalar("forbidden/a"), scalar("b")], text="[series.no]", series="forbidden/a")
        self.expect(NO_ROOM, [block("month/a", "f8", [1], times_ns=[T0])], text="[series.month]")
        self.expect(NO_ROOM, [scalar("huge/a")], text="raise max_bytes")
        self.assertEqual(self.daemon.count("b"), 1)
        self.assertFalse(any(self.daemon.has(n) for n in ("forbidden/a", "month/a", "huge/a")))

    def test_13_too_many_series(self):
        self.daemon.reload(store=dict(max_series="2"))
        self.expect(NO_ROOM, [scalar("a"), scalar("b"), scalar("c"), scalar("d")], refused=2, series="c",
                    text="max_series")
        self.assertTrue(self.daemon.has("a") and self.daemon.has("b"))

    def test_13_says_what_to_do_in_the_room_there_is(self):
        self.daemon.reload("[series.no]\nmatch = no/**\nmode = refuse\n[series.huge]\nmatch = huge/**\ncapacity = 1000TiB\n"
                           "[series.month]\nmatch = month/**\ncapacity = 30d\n", store=dict(max_bytes="100MiB"))
        for folder, remedy in (("no", "or change the rule"), ("huge", "or raise max_bytes"),
                               ("month", "give this kind of series samples or bytes")):
            for name in (folder + "/a", folder + "/" + "x" * (254 - len(folder))):
                with self.subTest(name):
                    # A time is a capacity only where the clock is regular.
                    reply = self.expect(NO_ROOM, [block(name, "f8", [1], times_ns=[T0])])
                    self.assertEqual(reply.text.count(name), 1, reply.text)
                    self.assertTrue(reply.text.endswith(remedy), reply.text)

    def test_13_a_damaged_series(self):
        self.expect(OK, [scalar("broken"), scalar("sound")])
        self.daemon.stop()
        with open(self.daemon.series_folder("broken") + "/head.npy", "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 64)
        self.daemon.start()
        self.client.hello(9)
        reply = self.expect(NO_ROOM, [scalar("broken", t0_ns=T0 + 10**9), scalar("sound", t0_ns=T0 + 10**9)])
        self.assertIn("damaged", reply.text)
        self.assertEqual(self.daemon.count("sound"), 2)
        self.assertEqual(self.daemon.status("series_broken"), 1)


class AskedAgain(Code):
    """Codes that ask for a resend: the sequence is not consumed, and the same batch is taken when it can be."""

    config = "[series.grow]\nmatch = grow/**\nmode = grow\n[clock]\nmax_future = 10h\n"

    def test_2_checksum(self):
        good = encode_batch([scalar("a")], session=9, sequence=1)
        bad = bytearray(good)
        bad[-1] ^= 1
        self.client.send(bad)
        reply = self.client.receive()
        self.assertEqual((reply.code, reply.session, reply.sequence, reply.stored), (CHECKSUM, 0, 0, 0))
        self.assertFalse(self.daemon.has("a"))
        self.expect(OK, good)
        self.expect(OK, [scalar("a", t0_ns=T0 + 10**9)], crc=False)
        self.assertEqual(self.daemon.count("a"), 2, "a batch without a checksum is taken")

    def test_3_unknown_version(self):
        self.client.send(encode_batch([scalar("a")], session=9, sequence=1, version=2))
        reply = self.client.receive()
        self.assertEqual((reply.code, reply.session, reply.sequence), (VERSION, 0, 0))
        self.expect(OK, [scalar("a")])

    def test_10_gap(self):
        self.client.send(encode_batch([scalar("a")], session=9, sequence=4))
        reply = self.client.receive()
        self.assertEqual((reply.code, reply.sequence, reply.stored), (GAP, 4, 0))
        self.assertEqual(self.daemon.status("gaps"), 1)
        self.assertIn("refused code=GAP", self.daemon.log())

    def test_11_store_full(self):
        self.daemon.reload(self.config, store=dict(max_bytes="8MiB"))
        chunk = np.arange(100000.0)
        applied = 0
        for number in range(20):
            reply = self.ask([block("grow/a", "f8", chunk, t0_ns=T0 + number * 10**14, period_ps=10**9)],
                             number + 1)
            if reply.code != OK:
                break
            applied += 1
        self.assertEqual(reply.code, STORE_FULL)
        self.assertGreater(applied, 2)
        self.assertEqual((reply.sequence, reply.stored), (applied + 1, applied))
        self.assertEqual(self.daemon.count("grow/a"), applied * 100000)
        # Room is made: the same batch is taken.
        self.daemon.reload(self.config, store=dict(max_bytes="80%"))
        reply = self.ask([block("grow/a", "f8", chunk, t0_ns=T0 + applied * 10**14, period_ps=10**9)], applied + 1)
        self.assertEqual((reply.code, reply.stored), (OK, applied + 1))
        np.testing.assert_array_equal(self.daemon.values("grow/a"), np.tile(chunk, applied + 1))

    def test_11_goes_before_a_permanent_code(self):
        """A gateway that read 5 would forget the batch, and with it the block that found no space."""
        self.expect(OK, [block("grow/a", "f8", np.zeros(100000), t0_ns=T0, period_ps=10**9)])
        self.daemon.reload(self.config, store=dict(min_free="1000TiB"))
        # Already a row's growth away from the next file size: fill it.
        reply = self.ask([scalar("bad name"), block("grow/a", "f8", np.zeros(400000), t0_ns=T0 + 10**15,
                                                    period_ps=10**9)], 2)
        self.assertEqual((reply.code, reply.refused_blocks, reply.stored), (STORE_FULL, 2, 1))

    def test_12_its_own_clock_is_behind(self):
        now = now_ns()
        self.expect(OK, [scalar("ahead", t0_ns=now + 9 * HOUR_NS)])
        self.daemon.reload(self.config.replace("10h", "1h"))
        reply = self.expect(BUSY, [scalar("a", t0_ns=now + 5 * HOUR_NS), scalar("b", t0_ns=now)], refused=2)
        self.assertIn("clock", reply.text)
        self.assertFalse(self.daemon.has("a") or self.daemon.has("b"), "nothing of it is applied")
        self.expect(OK, [scalar("b", t0_ns=now)])
        self.daemon.reload(self.config)
        self.expect(OK, [scalar("a", t0_ns=now + 5 * HOUR_NS)])

    def test_what_follows_a_refusal_is_dropped_in_silence(self):
        now = now_ns()
        self.expect(OK, [scalar("ahead", t0_ns=now + 9 * HOUR_NS)])
        self.daemon.reload(self.config.replace("10h", "1h"))
        self.client.receive_all(1.2)
        for sequence in range(2, 10):
            self.client.send(encode_batch([scalar("a", t0_ns=now + 5 * HOUR_NS)], session=9, sequence=sequence))
        self.assertEqual([(r.code, r.sequence) for r in self.client.receive_all(0.3)], [(BUSY, 2)])


if __name__ == "__main__":
    unittest.main()
