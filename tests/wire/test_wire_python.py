"""Our codec and an independent one, in Python, on each other's bytes. Random cases come from a fixed seed."""

import os
import random
import struct
import subprocess
import unittest

import ingest_wire as wire

BATCH, REPLY, LINES = 0, 1, 2
DTYPES = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class Echo:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(os.environ["INGEST_BUILD"], "tests", "wire", "wire_echo")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, data):
        self.process.stdin.write(struct.pack("<II", kind, len(data)) + data)
        self.process.stdin.flush()
        code, length = struct.unpack("<II", self._read(8))
        return code, self._read(length)

    def _read(self, length):
        data = self.process.stdout.read(length)
        assert len(data) == length, "wire_echo has ended"
        return data

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(10)


class WireTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echo = Echo()

    @classmethod
    def tearDownClass(cls):
        assert cls.echo.close() == 0

    def random_blocks(self, rng):
        blocks, count_before = [], None
        for number in range(rng.randint(1, 12)):
            clocks = [wire.ARRIVAL, wire.REGULAR, wire.EXPLICIT] + [wire.PREVIOUS] * (count_before is not None)
            clock = rng.choice(clocks)
            count = 1 if clock == wire.ARRIVAL else count_before if clock == wire.PREVIOUS else rng.randint(1, 9)
            dims = tuple(rng.randint(1, 3) for _ in range(rng.randint(0, 4)))
            dtype = rng.choice(DTYPES)
            size = count * int(dtype[1])
            for dim in dims:
                size *= dim
            regular = clock == wire.REGULAR
            blocks.append(wire.block(
                bytes(rng.choice(b"abc/.=") for _ in range(rng.randint(1, 255))), dtype, rng.randbytes(size),
                clock=clock, count=count, dims=dims,
                t0_ns=rng.choice((0, wire.T0_ARRIVAL, rng.randint(-2**62, 2**62))) if regular else 0,
                period_ps=rng.randint(1, 2**62) if regular else 0,
                times_ns=[rng.randint(-2**63, 2**63 - 1) for _ in range(count)] if clock == wire.EXPLICIT else None))
            count_before = count
        return blocks

    def resolved(self, blocks):
        """Blocks as our decoder gives them: explicit or arrival times of the block before are the block's own."""
        result, source = [], None
        for one in blocks:
            if one.clock == wire.PREVIOUS and source.clock != wire.REGULAR:
                one = one._replace(clock=source.clock, times_ns=source.times_ns)
            elif one.clock != wire.PREVIOUS:
                source = one
            result.append(one)
        return result

    def test_random_batches(self):
        rng = random.Random(1)
        for _ in range(500):
            frame = wire.encode_batch(self.random_blocks(rng), session=rng.getrandbits(64),
                                      sequence=rng.randint(1, 2**64 - 1), flags=rng.randint(0, 1),
                                      crc=rng.random() < 0.5)
            ours = wire.decode_batch(frame)
            code, echoed = self.echo.ask(BATCH, frame)
            self.assertEqual(code, wire.OK, echoed)
            theirs = wire.decode_batch(echoed)
            self.assertNotEqual(theirs.crc, 0)
            self.assertEqual(theirs._replace(crc=0, frame_bytes=0, blocks=[]), ours._replace(
                crc=0, frame_bytes=0, blocks=[]))
            self.assertEqual(theirs.blocks, self.resolved(ours.blocks))

    def test_same_bytes_come_back(self):
        blocks = [wire.block("plant1/boiler/temp", "f4", [1.5, 2.5], t0_ns=5, period_ps=1000),
                  wire.block("x", "u8", 2**64 - 1),
                  wire.block("accel", "i2", [[1, 2, 3], [-1, -2, -3]], dims=(3,), times_ns=[1, 2])]
        frame = wire.encode_batch(blocks, session=77, sequence=1, flags=wire.FLAG_WAIT)
        self.assertEqual(self.echo.ask(BATCH, frame), (wire.OK, frame))

    def test_hello(self):
        for name in ("", "gw", "pumpe-süd", "n" * 64):
            frame = wire.encode_hello(2**64 - 1, 3, name)
            self.assertEqual(self.echo.ask(BATCH, frame), (wire.OK, frame))
        code, reason = self.echo.ask(BATCH, wire.encode_hello(1, 1, "n" * 65))
        self.assertEqual(code, wire.MALFORMED)
        self.assertIn(b"64", reason)

    def test_refusals(self):
        good = wire.block("a", "f4", [1.0])
        for expected, frame in (
                (wire.CHECKSUM, wire.encode_batch([good], crc=123)),
                (wire.VERSION, wire.encode_batch([good], version=2)),
                (wire.VERSION, wire.encode_batch([good], flags=2)),
                (wire.VERSION, wire.encode_batch([wire.block("a", "f4", [1.0], flags=1)])),
                (wire.VERSION, wire.encode_batch([wire.block("a", "f4", [1.0], clock=4)])),
                (wire.MALFORMED, wire.encode_batch([good], frame_bytes=99)),
                (wire.MALFORMED, wire.encode_batch([good], block_count=2)),
                (wire.MALFORMED, wire.encode_batch([good], session=1, sequence=0)),
                (wire.MALFORMED, wire.encode_batch([good, good], block_count=1)),
                (wire.MALFORMED, wire.encode_batch([wire.block("a", "f4", [1.0], clock=wire.PREVIOUS)])),
                (wire.MALFORMED, wire.encode_batch([wire.block("a", "f4", [], clock=wire.REGULAR, period_ps=1)])),
                (wire.MALFORMED, wire.encode_batch([wire.block("a", "f4", [1.0], clock=wire.REGULAR)])),
                (wire.MALFORMED, wire.encode_batch([wire.block("a", "f4", [1.0], extra=b"\0" * 8)])),
                (wire.TYPE_MISMATCH, wire.encode_batch([wire.block("a", b"f2", b"\0\0", count=1)]))):
            self.assertEqual(self.echo.ask(BATCH, frame)[0], expected, frame)

    def test_replies(self):
        rng = random.Random(2)
        for _ in range(200):
            frame = wire.encode_reply(code=rng.randint(0, 20), session=rng.getrandbits(64), sequence=rng.getrandbits(64),
                                      stored=rng.getrandbits(64), durable=rng.getrandbits(64),
                                      credit_batches=rng.getrandbits(32), frame_bytes_max=rng.getrandbits(32),
                                      late_samples=rng.getrandbits(64), refused_blocks=rng.getrandbits(32),
                                      credit_kib=rng.getrandbits(32), text="ß" * rng.randint(0, 200))
            self.assertEqual(self.echo.ask(REPLY, frame), (0, frame))
            self.assertNotEqual(self.echo.ask(REPLY, frame + b"x")[0], 0)

    def test_random_lines(self):
        """What Python makes of the numbers of random lines, and what we make of them."""
        rng = random.Random(3)
        for _ in range(100):
            expected, lines = {}, []
            for _ in range(rng.randint(1, 60)):
                tags = {rng.choice("abc"): rng.choice("xyz") for _ in range(rng.randint(0, 3))}
                fields = {}
                time_ns = rng.randint(-2**63 + 1, 2**63 - 1)
                for _ in range(rng.randint(1, 4)):
                    kind = rng.choice("fdiub")
                    value = {"f": rng.uniform(-1e3, 1e3), "d": struct.unpack("<d", rng.randbytes(8))[0],
                             "i": rng.randint(-2**63, 2**63 - 1), "u": rng.getrandbits(64),
                             "b": rng.random() < 0.5}[kind]
                    if value != value or value in (float("inf"), float("-inf")):
                        continue
                    fields[kind] = value
                if not fields:
                    continue
                text = {"f": repr, "d": repr, "i": "%di".__mod__, "u": "%du".__mod__, "b": str}
                lines.append("m%s %s %d" % ("".join(",%s=%s" % tag for tag in tags.items()),
                                            ",".join("%s=%s" % (k, text[k](v)) for k, v in fields.items()), time_ns))
                for kind, value in fields.items():
                    name = "/".join(["m"] + ["%s=%s" % tag for tag in sorted(tags.items())] + [kind])
                    dtype = {"f": "f8", "d": "f8", "i": "i8", "u": "u8", "b": "u1"}[kind]
                    letter = {"f8": "d", "i8": "q", "u8": "Q", "u1": "B"}[dtype]
                    old = expected.setdefault(name.encode(), (dtype, [], []))
                    old[1].append(time_ns)
                    old[2].append(struct.pack("<" + letter, value))
            bad, frame = self.echo.ask(LINES, "\n".join(lines).encode())
            self.assertEqual(bad, 0)
            got = {b.name: (b.dtype, list(b.times_ns), b.values) for b in wire.decode_batch(frame).blocks}
            self.assertEqual(got, {name: (dtype, times, b"".join(values))
                                   for name, (dtype, times, values) in expected.items()})


if __name__ == "__main__":
    unittest.main()
