#!/usr/bin/python3
"""Writes the seeds of the fuzz targets of the wire, a gateway's queue, the journal, heads and STATE to fuzz/corpus/<target>/, the same
ones each time. They are kept in the repository; this says where they come from. Seeds of other targets are left alone."""

import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "tests", "support"))
import ingest_wire as wire  # noqa: E402

REGULAR = dict(t0_ns=1700000000 * 10**9, period_ps=5 * 10**9)


def batches():
    regular = wire.block("plant1/boiler/temp", "f4", [20.5, 20.75], **REGULAR)
    explicit = wire.block("a/b", "i8", [1, -1, 2], times_ns=[1, 2, 3])
    same_times = wire.block("a/c", "u2", [4, 5, 6], clock=wire.PREVIOUS)
    vector = wire.block("accel", "i2", [1, 2, 3, 4, 5, 6], dims=(3,), times_ns=[7, 8])
    arrival = wire.block("door", "u1", [1])
    yield "regular", wire.encode_batch([regular], session=7, sequence=1)
    yield "explicit", wire.encode_batch([explicit, same_times], crc=False)
    yield "vector", wire.encode_batch([vector], crc=False)
    yield "rank4", wire.encode_batch([wire.block("r", "u1", bytes(24), dims=(1, 2, 3, 4), clock=0, count=1)], crc=False)
    yield "arrival", wire.encode_batch([arrival], flags=wire.FLAG_WAIT)
    yield "no-clock", wire.encode_batch([wire.block("n", "f8", [1.0], clock=wire.REGULAR, t0_ns=wire.T0_ARRIVAL,
                                                    period_ps=1)], crc=False)
    yield "many", wire.encode_batch([regular, explicit, same_times, arrival, same_times], session=1, sequence=2,
                                    crc=False)
    yield "regular-then-same", wire.encode_batch([regular, wire.block("s", "f4", [1, 2], clock=wire.PREVIOUS)],
                                                 crc=False)
    yield "hello", wire.encode_hello(7, 1, "gateway-1")
    yield "version", wire.encode_batch([arrival], version=2)
    yield "cut", wire.encode_batch([regular], crc=False)[:61]


def lines():
    yield "typical", (b"weather,location=us-midwest,season=summer temperature=82.5,humidity=71i,open=true,n=5u "
                      b"1465839830100400200\n")
    yield "escapes", b"wea\\ ther,lo\\,c=a\\=b f\\ g=1,h=\"a \\\"b\\\\\",i=t\n"
    yield "several", b"# comment\r\na f=1 1\r\n\r\nb f=2i 2\na f=3 3\na f=-1.5e-3\n"
    yield "string-lines", b"m s=\"two\nlines\",f=1 5\nm s=\"open\nm f=2 6\n"
    yield "names", b".m,-t=v.npy ~f=1,g.ini=2 1\nm/n,t=\xc3\xa9 f=1\n"
    yield "types", b"m f=1\nm f=1i\nm f=T\nm f=18446744073709551615u\n"
    yield "bad", b"m\nm f\n,t=v f=1\nm f=1 x\nm,t f=1\nm f=nan\nm f=1e999\n"
    yield "numbers", b"m a=+1.,b=.5,c=1E+3,d=5e-324,e=9007199254740993,f=-9223372036854775808i -9223372036854775807\n"


def replies():
    yield "ok", wire.encode_reply(session=7, stored=9, durable=8, credit_batches=16, frame_bytes_max=4 << 20,
                                  credit_kib=4096)
    yield "refusal", wire.encode_reply(code=wire.TYPE_MISMATCH, session=7, sequence=3, stored=3, refused_blocks=1,
                                       text="a/b: the series has \u2018f4\u2019")
    yield "version", wire.encode_reply(version=2)
    yield "cut", wire.encode_reply(text="abc")[:66]
    yield "bytes", b"\xff\xfe\xc3\x28\xe2\x82\xac\xf0\x9f\x98\x80\x00\x1b[2J"


def queues():
    """Files of a queue (docs/gateway-queue.md) and a dead letter."""
    def header(first=1, durable=0):
        rest = struct.pack("<IQQQq16s", 1, 7, first, durable, 1, bytes(range(16)))
        return b"INGESTQ1" + struct.pack("<I", zlib.crc32(rest)) + rest

    def record(at, sequence, previous, frame=b"", kind=1, durable=0):
        rest = struct.pack("<IIQQQQqQQII", len(frame), zlib.crc32(frame), 7, sequence, previous, durable, 5, 0, 0, kind, 0)
        return b"\x93IQR" + struct.pack("<I", zlib.crc32(rest, zlib.crc32(struct.pack("<Q", at)))) + rest + frame

    def file(*records, **fields):
        data = header(**fields)
        for fields in records:
            data += record(len(data), **fields)
        return data

    def letter(text, map_bytes, frame):
        rest = struct.pack("<IQQqqIIII", 1, 7, 3, 1, 2, 6, 1, len(text), len(map_bytes))
        rest += text + bytes(-len(text) % 8) + map_bytes + bytes(-len(map_bytes) % 8) + frame
        return b"INGESTDL" + struct.pack("<I", zlib.crc32(rest)) + rest

    frames = [wire.encode_batch([wire.block("q", "u1", [i], clock=wire.ARRIVAL, count=1)], session=7, sequence=i)
              for i in range(1, 4)]
    batches = [dict(sequence=i + 1, previous=i, frame=frame) for i, frame in enumerate(frames)]
    yield "empty", file()
    yield "three", file(*batches)
    yield "closed", file(*batches, dict(sequence=0, previous=3, kind=3, durable=2))
    yield "marked", file(batches[0], dict(sequence=0, previous=1, kind=2, durable=1), batches[1], durable=0)
    yield "gap", file(batches[0], dict(sequence=9, previous=8, frame=frames[1]))
    yield "torn", file(*batches)[:-9]
    yield "damaged", file(*batches).replace(b"\x93IQR", b"\x93IQS", 1)
    yield "letter", letter(b"series q: no", b"", frames[0])
    yield "letter-in-part", letter(b"series q: no [blocks 0]", b"\x01", frames[0])


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def description(series_id, capacity, dtype, clock, name, dims=()):
    return (struct.pack("<QQq2sBBB", series_id, capacity, 1, dtype.encode(), len(dims), clock, len(name)) +
            struct.pack("<%dI" % len(dims), *dims) + name.encode())


def record(number, items, sessions=(), salt=5):
    """One record of a journal file of number 7, padded; the fuzz target puts the checksum right."""
    body = b"".join(struct.pack("<QQ", *session) for session in sessions) + b"".join(items)
    header = struct.pack("<4sIIIQQQQqII", b"IJR1", 0, 64 + len(body), len(items), salt, number, 7, 9, 1, len(sessions), 1)
    data = header + body
    return data + b"\0" * (-len(data) % 4096)


def journals():
    grow = varint(0) + b"\1" + description(3, 0, "f8", 2, "plant/a") + varint(2) + varint(2) + struct.pack("<2d2q", 1, 2, 3, 4)
    ring = (varint(1) + b"\x1d" + description(4, 100, "i2", 1, "b", (3,)) + varint(1) + varint(1) + varint(1) + varint(1) + b"\x21" +
            b"\1" + struct.pack("<3Q", 8, 2, 1) + bytes(6) + struct.pack("<3q", 0, 5, 1000000))
    snapshot = record(0, [grow, ring], [(8, 1), (9, 300)])
    more = record(1, [varint(0) + b"\0" + varint(300) + varint(1) + bytes(16), varint(1) + b"\4" + varint(4) + varint(3) + varint(1) +
                      varint(0) + bytes(18)], [(8, 2)])
    yield "empty", record(0, [])
    yield "snapshot", snapshot
    yield "records", snapshot + more + record(2, [varint(1) + b"\2"])
    yield "lost", snapshot + bytes(4096) + record(2, [])
    yield "other-salt", snapshot + record(1, [], salt=6)


def heads():
    def words(**values):
        named = dict(magic=0, version=1, id=4, capacity=5, sample_bytes=6, dtype=7, rank=8, dims=9, clock=13, created=14, count=16,
                     frontier=17, rows=18, runs=19, last=20, durable=32, epoch=43, session=64)
        array = [0] * 512
        array[0], array[1] = int.from_bytes(b"INGESTD1", "little"), 1
        for name, value in values.items():
            array[named[name]] = value
        return struct.pack("<512q", *array)
    f8 = int.from_bytes(b"f8", "little")
    yield "grow", words(id=7, sample_bytes=8, dtype=f8, clock=2, count=50, frontier=50, rows=99, durable=40)
    yield "ring", words(id=8, capacity=100, sample_bytes=24, dtype=f8, rank=1, dims=3, clock=1, count=250, frontier=260, rows=100,
                        runs=3, session=77)
    yield "empty", words()


def states():
    yield "clean", b"clean".ljust(127) + b"\n"
    yield "recovering", b"recovering".ljust(127) + b"\n"
    yield "running", b"running 00000000-0000-0000-0000-000000000000 1 2".ljust(127) + b"\n"
    yield "cut", b"runn"


def main():
    for target, seeds in (("batch", batches), ("line_protocol", lines), ("reply", replies), ("queue", queues),
                          ("journal", journals), ("head", heads), ("state", states)):
        folder = os.path.join(HERE, "corpus", target)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds():
            with open(os.path.join(folder, name), "wb") as seed:
                seed.write(data)


if __name__ == "__main__":
    main()
