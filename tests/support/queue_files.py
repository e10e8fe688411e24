"""The files of a gateway's queue, read as docs/gateway-queue.md says: a second implementation of the format."""

import os
import struct
import zlib

FILE_HEADER = struct.Struct("<8sIIQQQq16s")
RECORD_HEADER = struct.Struct("<4sIIIQQQQqQQII")
BATCH, MARK, CLOSED = 1, 2, 3


def read_file(path):
    """(header fields, records): each record is (fields of its header by name, frame). Stops at what is not whole."""
    with open(path, "rb") as file:
        data = file.read()
    magic, crc, version, session, first, durable, created_ns, boot_id = FILE_HEADER.unpack_from(data)
    if magic != b"INGESTQ1" or version != 1 or crc != zlib.crc32(data[12:64]):
        raise ValueError("%s: its header is damaged" % path)
    records, at = [], 64
    while at + RECORD_HEADER.size <= len(data):
        (magic, header_crc, frame_bytes, frame_crc, record_session, sequence, previous, record_durable, queued_ns,
         origin_session, origin_sequence, kind, zero) = RECORD_HEADER.unpack_from(data, at)
        expected = zlib.crc32(data[at + 8:at + RECORD_HEADER.size], zlib.crc32(struct.pack("<Q", at)))
        frame = data[at + RECORD_HEADER.size:at + RECORD_HEADER.size + frame_bytes]
        if magic != b"\x93IQR" or header_crc != expected or len(frame) != frame_bytes or frame_crc != zlib.crc32(frame):
            break
        records.append((dict(session=record_session, sequence=sequence, previous=previous, durable=record_durable,
                             queued_ns=queued_ns, origin=(origin_session, origin_sequence), kind=kind, zero=zero), frame))
        at += RECORD_HEADER.size + frame_bytes
    return dict(session=session, first=first, durable=durable, created_ns=created_ns, boot_id=boot_id), records


def read_queue(folder):
    """All records of a queue, in order."""
    names = sorted(name for name in os.listdir(folder) if name.startswith("batches-") and len(name) == 24)
    return [record for name in names for record in read_file(os.path.join(folder, name))[1]]
