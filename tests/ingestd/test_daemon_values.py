"""What is stored, read back by NumPy: dtypes, shapes, clocks, the rules of time, line protocol, PULL."""

import socket
import unittest

import numpy as np
from ingest_daemon import Daemon, free_port, now_ns, wait_for
from ingest_wire import *

T0 = 1_700_000_000 * 10**9
DTYPES = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class Values(unittest.TestCase):
    config = "[series.clamp]\nmatch = clamp/**\nlate = clamp\n[series.all]\nmatch = **\ncapacity = 5000\n"

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.config, routers=2, pulls=2).start()
        cls.addClassCleanup(cls.daemon.close)

    def setUp(self):
        self.client = self.daemon.req()

    def append(self, *blocks, code=OK):
        reply = self.client.ask(encode_batch(list(blocks)))
        self.assertEqual(reply.code_name, code_name(code), reply.text)
        return reply

    def test_every_dtype_and_rank(self):
        random = np.random.default_rng(1)
        for dtype in DTYPES:
            for dims in ((), (3,), (2, 3), (2, 1, 3), (2, 2, 1, 2)):
                name = "kind/%s/rank%d" % (dtype, len(dims))
                size = 40 * int(np.prod(dims, dtype=int)) * int(dtype[1])
                values = np.frombuffer(random.bytes(size), "<" + dtype).reshape(40, *dims)
                self.append(block(name, dtype, values[:25], dims=dims, t0_ns=T0, period_ps=10**9))
                self.append(block(name, dtype, values[25:], dims=dims, t0_ns=T0 + 25 * 10**6, period_ps=10**9))
                stored = self.daemon.values(name)
                self.assertEqual((stored.dtype, stored.shape), (values.dtype, values.shape))
                self.assertEqual(stored.tobytes(), values.tobytes(), name)
                self.assertEqual(len(self.daemon.runs(name)), 1)

    def test_clock_0_is_stamped_on_arrival(self):
        before = now_ns()
        for value in range(50):
            self.append(block("clock/arrival", "f4", [value], clock=ARRIVAL))
        times = self.daemon.times("clock/arrival")
        self.assertTrue(np.all(np.diff(times) > 0))
        self.assertTrue(before <= times[0] and times[-1] <= now_ns())
        np.testing.assert_array_equal(self.daemon.values("clock/arrival"), np.arange(50, dtype="f4"))

    def test_clock_1_is_computed(self):
        period_ps = 3_333_333_333
        for first in (0, 700, 1500):
            self.append(block("clock/regular", "i4", np.arange(first, first + 500, dtype="i4"),
                              t0_ns=T0 + first * period_ps // 1000, period_ps=period_ps))
        indices = np.concatenate([np.arange(first, first + 500) for first in (0, 700, 1500)])
        np.testing.assert_array_equal(self.daemon.values("clock/regular"), indices)
        runs = self.daemon.runs("clock/regular")
        np.testing.assert_array_equal(runs, [[0, T0, period_ps], [500, T0 + 700 * period_ps // 1000, period_ps],
                                             [1000, T0 + 1500 * period_ps // 1000, period_ps]])
        self.assertEqual(self.daemon.times("clock/regular")[499], T0 + 499 * period_ps // 1000)

    def test_clock_1_without_a_clock_of_its_own(self):
        before = now_ns()
        self.append(block("clock/none", "f8", np.arange(100.0), clock=REGULAR, t0_ns=T0_ARRIVAL, period_ps=10**9))
        times = self.daemon.times("clock/none")
        self.assertTrue(before <= times[-1] <= now_ns())
        np.testing.assert_array_equal(np.diff(times), 10**6)

    def test_clock_2_is_as_sent(self):
        times = T0 + np.cumsum(np.random.default_rng(2).integers(1, 10**9, 300))
        self.append(block("clock/explicit", "u2", np.arange(300, dtype="u2"), times_ns=times))
        np.testing.assert_array_equal(self.daemon.times("clock/explicit"), times)
        self.assertEqual(self.daemon.head("clock/explicit", "clock"), 2)

    def test_clock_3_is_that_of_the_block_before(self):
        times = [T0 + 5, T0 + 9, T0 + 10]
        self.append(block("scan/a", "f8", [1, 2, 3], times_ns=times),
                    block("scan/b", "i2", [4, 5, 6], clock=PREVIOUS),
                    block("scan/c", "f4", [7, 8, 9], clock=PREVIOUS))
        for name in ("scan/a", "scan/b", "scan/c"):
            np.testing.assert_array_equal(self.daemon.times(name), times)
        self.append(block("scan/regular", "f8", [1, 2], t0_ns=T0, period_ps=10**12),
                    block("scan/follows", "f8", [1, 2], clock=PREVIOUS))
        np.testing.assert_array_equal(self.daemon.times("scan/follows"), [T0, T0 + 10**9])
        self.assertEqual(self.daemon.head("scan/follows", "clock"), 2)

    def test_a_regular_block_for_an_explicit_series(self):
        self.append(block("mixed", "f8", [1], times_ns=[T0]))
        self.append(block("mixed", "f8", [2, 3, 4], t0_ns=T0 + 10, period_ps=7_000_000))
        np.testing.assert_array_equal(self.daemon.times("mixed"), [T0, T0 + 10, T0 + 7010, T0 + 14010])

    def test_jitter_continues_a_run_and_a_gap_begins_one(self):
        period_ps, step = 10**10, 10**8  # 10 ms; 10 samples a block
        for number, off in enumerate((0, 15 * 10**6, -15 * 10**6, 19 * 10**6)):
            self.append(block("time/jitter", "f8", [number] * 10, t0_ns=T0 + number * step + off, period_ps=period_ps))
        self.assertEqual(len(self.daemon.runs("time/jitter")), 1)
        self.assertEqual(self.daemon.times("time/jitter")[-1], T0 + 39 * 10**7)
        self.append(block("time/jitter", "f8", [9] * 10, t0_ns=T0 + 4 * step + 25 * 10**6, period_ps=period_ps))
        runs = self.daemon.runs("time/jitter")
        np.testing.assert_array_equal(runs[1], [40, T0 + 4 * step + 25 * 10**6, period_ps])
        self.append(block("time/jitter", "f8", [9], t0_ns=T0 + 5 * step + 25 * 10**6, period_ps=2 * period_ps))
        self.assertEqual(len(self.daemon.runs("time/jitter")), 3, "another period is another run")

    def test_an_overlap_is_squeezed_and_nothing_is_dropped(self):
        self.append(block("time/squeeze", "f8", np.zeros(100), t0_ns=T0, period_ps=10**10))
        t0 = T0 + 900 * 10**6  # 90 ms too early, ends after the last
        self.append(block("time/squeeze", "f8", np.ones(100), t0_ns=t0, period_ps=10**10))
        times = self.daemon.times("time/squeeze")
        self.assertEqual(len(times), 200)
        self.assertTrue(np.all(np.diff(times) > 0))
        self.assertTrue(T0 + 990 * 10**6 < times[100])
        self.assertLessEqual(times[-1], t0 + 990 * 10**6)

    def test_late_samples_are_dropped_and_counted(self):
        self.append(block("time/late", "f8", [1, 2], times_ns=[T0, T0 + 100]))
        reply = self.append(block("time/late", "f8", [8, 9, 3, 9, 4], times_ns=[T0 + 50, T0 + 100, T0 + 200, T0 + 150,
                                                                               T0 + 300]))
        self.assertEqual(reply.late_samples, 3)
        np.testing.assert_array_equal(self.daemon.values("time/late"), [1, 2, 3, 4])
        self.append(block("time/late", "f8", [7], times_ns=[T0 - 10**12]), code=TIME_ORDER)

    def test_late_samples_are_clamped_where_the_rule_says_so(self):
        self.append(block("clamp/explicit", "f8", [1, 2], times_ns=[T0, T0 + 100]))
        before = self.daemon.status("clamped")
        reply = self.append(block("clamp/explicit", "f8", [3, 4, 5], times_ns=[T0 - 50, T0 + 100, T0 + 200]))
        self.assertEqual(reply.late_samples, 0)
        np.testing.assert_array_equal(self.daemon.times("clamp/explicit"), [T0, T0 + 100, T0 + 101, T0 + 102, T0 + 200])
        np.testing.assert_array_equal(self.daemon.values("clamp/explicit"), [1, 2, 3, 4, 5])
        self.assertEqual(self.daemon.status("clamped") - before, 2)
        self.append(block("clamp/regular", "f8", [1, 2], t0_ns=T0, period_ps=10**12))
        self.append(block("clamp/regular", "f8", [3, 4], t0_ns=T0 - 60 * 10**9, period_ps=10**12))
        np.testing.assert_array_equal(self.daemon.times("clamp/regular"), T0 + np.arange(4) * 10**9)

    def test_a_ring_keeps_the_newest(self):
        total = 0
        for _ in range(40):
            values = np.arange(total, total + 311, dtype="i8")
            self.append(block("ring", "i8", values, t0_ns=T0 + total * 10**6, period_ps=10**9))
            total += 311
        np.testing.assert_array_equal(self.daemon.values("ring"), np.arange(total - 5000, total))
        self.assertEqual(self.daemon.head("ring", "capacity"), 5000)
        self.assertEqual(self.daemon.count("ring"), total)
        self.assertEqual(np.load(self.daemon.series_folder("ring") + "/values.npy", mmap_mode="r").shape, (5000,))

    def test_line_protocol(self):
        reply = self.client.ask(b"# a comment\n"
                                b"weather,station=north,floor=2 temp=21.5,count=3i,total=7u,open=t,note=\"x y\" %d\n"
                                b"weather,floor=2,station=north temp=22.5 %d\n"
                                b"odd\\ one,k=\xc3\xa4 v=-1e3\n" % (T0, T0 + 10))
        self.assertEqual(reply.code, OK, reply.text)
        self.assertIn("1 string field", reply.text)
        self.assertEqual((reply.session, reply.sequence), (0, 0))
        for field, dtype, values in (("temp", "f8", [21.5, 22.5]), ("count", "i8", [3]), ("total", "u8", [7]),
                                     ("open", "u1", [1])):
            stored = self.daemon.values("weather/floor=2/station=north/" + field)
            self.assertEqual(stored.dtype.str[1:], dtype)
            np.testing.assert_array_equal(stored, values)
        np.testing.assert_array_equal(self.daemon.times("weather/floor=2/station=north/temp"), [T0, T0 + 10])
        np.testing.assert_array_equal(self.daemon.values("odd%20one/k=%C3%A4/v"), [-1000])
        self.assertLess(abs(int(self.daemon.times("odd%20one/k=%C3%A4/v")[0]) - now_ns()), 60 * 10**9)

    def test_line_protocol_with_bad_lines(self):
        reply = self.client.ask(b"lines good=1 %d\nthis is not one\nlines good=2 %d\nlines\n" % (T0, T0 + 1))
        self.assertEqual((reply.code, reply.refused_blocks), (MALFORMED, 2))
        self.assertIn("line 2", reply.text)
        np.testing.assert_array_equal(self.daemon.values("lines/good"), [1, 2])
        reply = self.client.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(reply.code, MALFORMED)
        self.assertEqual(self.client.ask(b"lines good=3i %d" % (T0 + 2)).code, TYPE_MISMATCH)

    def test_pull_takes_gaps_and_drops_duplicates(self):
        push = self.daemon.push()
        for sequence in (3, 4, 9, 9, 4, 12, 3, 20):
            push.send(encode_batch([block("pull/a", "i4", [sequence], t0_ns=T0 + sequence * 10**9, period_ps=10**9)],
                                   session=0xfeed, sequence=sequence))
        self.daemon.wait_count("pull/a", 5)
        np.testing.assert_array_equal(self.daemon.values("pull/a"), [3, 4, 9, 12, 20])
        push.send(b"pull/text v=1 %d" % T0)
        push.send(b"", b"junk")
        push.send(encode_batch([block("pull/b", "f8", [1], clock=ARRIVAL)]))
        self.daemon.wait_count("pull/b", 1)
        wait_for(lambda: self.daemon.has("pull/text/v") or self.daemon.has("pull%2Ftext/v"), "text on PULL")

    def test_two_endpoints_of_each_kind(self):
        for number, endpoint in enumerate(self.daemon.routers):
            client = self.daemon.req(endpoint)
            self.assertEqual(client.ask(encode_batch([block("ends/router", "i4", [number], clock=ARRIVAL)])).code, OK)
        for number, endpoint in enumerate(self.daemon.pulls):
            self.daemon.push(endpoint).send(encode_batch([block("ends/pull", "i4", [number], clock=ARRIVAL)]))
            self.daemon.wait_count("ends/pull", number + 1)
        np.testing.assert_array_equal(self.daemon.values("ends/router"), [0, 1])
        np.testing.assert_array_equal(self.daemon.values("ends/pull"), [0, 1])


class Grow(unittest.TestCase):
    def test_a_growing_series_keeps_all(self):
        with Daemon("[series.grow]\nmatch = **\nmode = grow\n") as daemon:
            client, total = daemon.req(), 0
            for size in (1, 8, 1, 90, 1000, 1, 5000, 3):
                values = np.arange(total, total + size, dtype="f4")
                reply = client.ask(encode_batch([block("g", "f4", values, t0_ns=T0 + total * 10**6, period_ps=10**9)]))
                self.assertEqual(reply.code, OK, reply.text)
                total += size
                np.testing.assert_array_equal(daemon.values("g"), np.arange(total))
            self.assertEqual(daemon.head("g", "capacity"), 0)


class Tcp(unittest.TestCase):
    def test_tcp_endpoints(self):
        with Daemon(tcp=True) as daemon:
            self.assertEqual(daemon.req().hello(1).code, OK)
            daemon.push().send(encode_batch([block("t", "f8", [1], clock=ARRIVAL)]))
            daemon.wait_count("t", 1)

    def test_ipv6(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 here")
        daemon = Daemon()
        self.addCleanup(daemon.close)
        daemon.routers = ["tcp://[::1]:%d" % free_port()]
        daemon.configure()
        daemon.start()
        self.assertEqual(daemon.req(daemon.routers[0]).hello(1).code, OK)


if __name__ == "__main__":
    unittest.main()
