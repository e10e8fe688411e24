#!/usr/bin/env python3
"""A gateway in Python (pyzmq, NumPy): a cosine, kept until it is durable. usage: gateway.py URL SERIES SECONDS"""
import os, struct, sys, time, zlib
import numpy as np, zmq

URL, SERIES, SECONDS = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
SESSION, WINDOW, RESEND = int.from_bytes(os.urandom(8), "little") | 1, 1024, (2, 10, 11, 12)

def frame(sequence, block_count, rest):  # all behind the CRC is under it
    body = struct.pack("<IHHQQ", 32 + len(rest), block_count, 0, SESSION, sequence) + rest
    return b"\x93IB\x01" + struct.pack("<I", zlib.crc32(body)) + body

def block(values, t0_ns, period_ps):
    rest = b"".join(part + bytes(-len(part) % 8) for part in (SERIES, values.astype("<f8").tobytes()))
    return struct.pack("<IH2sIBBHqq", 32 + len(rest), len(SERIES), b"f8", len(values), 1, 0, 0, t0_ns, period_ps) + rest

def connect():
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0), socket.connect(URL)
    socket.send(frame(min(kept, default=pushed + 1), 0, b"gateway.py"))  # HELLO: the oldest that can still be sent
    return socket

kept, pushed, sent, stored, credit = {}, 0, 0, 0, 0  # kept: sequence -> frame, until it is durable
socket, t0_ns, cosine = connect(), time.time_ns() - SECONDS * 10**9, np.cos(np.arange(100) * 2 * np.pi / 100)
while pushed < SECONDS or kept:
    if pushed < SECONDS and len(kept) < WINDOW:
        kept[pushed + 1] = frame(pushed + 1, 1, block(cosine, t0_ns + pushed * 10**9, 10**10))
        pushed += 1
    if not socket.poll(2000):  # silence: what was under way may be lost
        socket.close()
        socket, sent, credit = connect(), stored, 0
    elif struct.unpack_from("<Q", reply := socket.recv(), 8)[0] == SESSION:
        code, before, (stored, durable, credit) = reply[4], stored, struct.unpack_from("<QQI", reply, 24)
        sent = stored if code in RESEND or stored < before else max(sent, stored)
        kept = {sequence: batch for sequence, batch in kept.items() if sequence > durable}
        if code:
            print(code, reply[64:].decode(), file=sys.stderr), time.sleep(code in RESEND)
    while sent < pushed and sent - stored < credit:
        socket.send(kept[sent := sent + 1])
