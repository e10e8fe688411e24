"""The wire format, version 1, written a second time from docs/protocol.md: nothing here comes from the C code, so
that a test which uses it is a second opinion. Needs only struct and zlib; NumPy arrays are taken where given.

    batch = encode_batch([block("plant/temp", "f4", [1.5, 2.5], clock=REGULAR, t0_ns=t, period_ps=10**9)],
                         session=7, sequence=1)
    reply = decode_reply(frame)          # reply.code, reply.code_name, reply.stored, reply.text, ...
"""

import collections
import struct
import zlib

ARRIVAL, REGULAR, EXPLICIT, PREVIOUS = 0, 1, 2, 3
T0_ARRIVAL = -(2**63)
FLAG_WAIT = 1

CODES = ("OK", "MALFORMED", "CHECKSUM", "VERSION", "TOO_LARGE", "BAD_NAME", "TYPE_MISMATCH", "TIME_ORDER",
         "TIME_FUTURE", "NOT_AUTHORISED", "GAP", "STORE_FULL", "BUSY", "NO_ROOM")
for _number, _name in enumerate(CODES):
    globals()[_name] = _number

BATCH_MAGIC = b"\x93IB"
REPLY_MAGIC = b"\x93IR"
BATCH_HEADER = struct.Struct("<3sBIIHHQQ")
BLOCK_HEADER = struct.Struct("<IH2sIBBHqq")
REPLY_HEADER = struct.Struct("<3sBHHQQQQIIQII")
assert (BATCH_HEADER.size, BLOCK_HEADER.size, REPLY_HEADER.size) == (32, 32, 64)

_LETTERS = {"f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
            "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}

Batch = collections.namedtuple("Batch", "version crc frame_bytes flags session sequence blocks peer_name")
Block = collections.namedtuple("Block", "name dtype count clock rank flags t0_ns period_ps dims times_ns values")
Reply = collections.namedtuple("Reply", "version code code_name session sequence stored durable credit_batches "
                                        "frame_bytes_max late_samples refused_blocks credit_kib text")


def code_name(code):
    return CODES[code] if code < len(CODES) else "UNKNOWN"


def pad8(data):
    return data + b"\0" * (-len(data) % 8)


def _flatten(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flatten(value)
        else:
            yield value


def value_bytes(dtype, values):
    """Values as little-endian bytes: from bytes, a NumPy array of that dtype, a number, or (nested) lists."""
    if isinstance(values, (bytes, bytearray, memoryview)):
        return bytes(values)
    if hasattr(values, "astype"):
        return values.astype("<" + dtype).tobytes()
    flat = list(_flatten(values)) if isinstance(values, (list, tuple)) else [values]
    return struct.pack("<%d%s" % (len(flat), _LETTERS[dtype]), *flat)


def block(name, dtype, values, clock=None, t0_ns=0, period_ps=0, times_ns=None, dims=(), count=None,
          flags=0, rank=None, block_bytes=None, name_bytes=None, extra=b""):
    """The bytes of one block. `clock` is EXPLICIT with times_ns, REGULAR with period_ps, else ARRIVAL, unless said.
    count, rank, block_bytes and name_bytes are what fits, unless said; `extra` stands behind the values."""
    if isinstance(name, str):
        name = name.encode()
    data = value_bytes(dtype, values) if not isinstance(dtype, bytes) else bytes(values)
    if clock is None:
        clock = EXPLICIT if times_ns is not None else REGULAR if period_ps else ARRIVAL
    if count is None:
        sample_bytes = int(dtype[1])
        for dim in dims:
            sample_bytes *= dim
        count = len(data) // sample_bytes
    sections = pad8(struct.pack("<%dI" % len(dims), *dims)) + pad8(name)
    if times_ns is not None:
        sections += struct.pack("<%dq" % len(times_ns), *(int(t) for t in times_ns))
    sections += pad8(data) + extra
    header = BLOCK_HEADER.pack(block_bytes if block_bytes is not None else 32 + len(sections),
                               name_bytes if name_bytes is not None else len(name),
                               dtype if isinstance(dtype, bytes) else dtype.encode(), count, clock,
                               rank if rank is not None else len(dims), flags, t0_ns, period_ps)
    return header + sections


def encode_batch(blocks, session=0, sequence=0, flags=0, crc=True, version=1, frame_bytes=None, block_count=None,
                 magic=BATCH_MAGIC):
    """One frame. `crc` is True (right), False (none: 0), or the number to put there."""
    body = b"".join(blocks)
    rest = BATCH_HEADER.pack(magic, version, 0, frame_bytes if frame_bytes is not None else 32 + len(body),
                             block_count if block_count is not None else len(blocks), flags, session,
                             sequence)[8:] + body
    checksum = crc if crc is not True and crc is not False else zlib.crc32(rest) if crc else 0
    return magic + struct.pack("<BI", version, checksum) + rest


def encode_hello(session, sequence, name=b"", **options):
    if isinstance(name, str):
        name = name.encode()
    return encode_batch([name], session=session, sequence=sequence, block_count=0, **options)


def decode_batch(frame):
    """Strict: an AssertionError or struct.error for what is not a whole, right batch."""
    magic, version, crc, frame_bytes, block_count, flags, session, sequence = BATCH_HEADER.unpack_from(frame)
    assert magic == BATCH_MAGIC and frame_bytes == len(frame), "not a batch, or not all of it"
    assert crc == 0 or crc == zlib.crc32(frame[8:]), "checksum"
    if block_count == 0:
        return Batch(version, crc, frame_bytes, flags, session, sequence, [], frame[32:])
    blocks, at = [], 32
    for _ in range(block_count):
        (block_bytes, name_bytes, dtype, count, clock, rank, block_flags, t0_ns,
         period_ps) = BLOCK_HEADER.unpack_from(frame, at)
        assert block_bytes % 8 == 0 and block_bytes >= 32 and at + block_bytes <= len(frame), "block length"
        body, place = frame[at:at + block_bytes], 32

        def section(length):
            nonlocal place
            data = body[place:place + length]
            assert len(data) == length, "section"
            padding = body[place + length:place + length + -length % 8]
            assert padding == b"\0" * (-length % 8), "padding"
            place += length + len(padding)
            return data

        dims = struct.unpack("<%dI" % rank, section(4 * rank))
        name = section(name_bytes)
        times = struct.unpack("<%dq" % count, section(8 * count)) if clock == EXPLICIT else None
        elements = count
        for dim in dims:
            elements *= dim
        values = section(elements * int(dtype[1:2]))
        assert place == block_bytes, "block does not end where its sections end"
        blocks.append(Block(name, dtype.decode(), count, clock, rank, block_flags, t0_ns, period_ps, dims, times,
                            values))
        at += block_bytes
    assert at == len(frame), "bytes behind the last block"
    return Batch(version, crc, frame_bytes, flags, session, sequence, blocks, b"")


def decode_reply(frame):
    (magic, version, code, text_bytes, session, sequence, stored, durable, credit, frame_bytes_max, late, refused,
     credit_kib) = REPLY_HEADER.unpack_from(frame)
    assert magic == REPLY_MAGIC and len(frame) == 64 + text_bytes, "not a reply"
    return Reply(version, code, code_name(code), session, sequence, stored, durable, credit, frame_bytes_max, late,
                 refused, credit_kib, frame[64:].decode("utf-8"))


def encode_reply(code=0, session=0, sequence=0, stored=0, durable=0, credit_batches=0, frame_bytes_max=0,
                 late_samples=0, refused_blocks=0, credit_kib=0, text="", version=1):
    data = text.encode()
    return REPLY_HEADER.pack(REPLY_MAGIC, version, code, len(data), session, sequence, stored, durable,
                             credit_batches, frame_bytes_max, late_samples, refused_blocks, credit_kib) + data
