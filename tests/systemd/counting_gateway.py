"""What the checks of the service send: numbers that count up, so that the rows tell what was lost, doubled or out of order."""
import time

import numpy as np
import zmq

import ingest_wire as wire
from ingest_daemon import Client

ENDPOINT = "tcp://127.0.0.1:5570"
BATCH_SAMPLES = 10
BIG_SAMPLES = 300000


class Gateway:
    """A session that keeps each batch until it is durable and resends from where the daemon stands. Sample i of its
    series is the number i."""

    WINDOW = 64

    def __init__(self, name, session):
        self.name, self.session = name, session
        self.client = Client(zmq.DEALER, ENDPOINT)
        self.client.socket.linger = 0
        self.stored = self.durable = self.sent = 0
        self.heard_s = time.monotonic()

    def _send(self, sequence):
        first = (sequence - 1) * BATCH_SAMPLES
        block = wire.block(self.name, "f8", [float(i) for i in range(first, first + BATCH_SAMPLES)],
                           t0_ns=10**18 + first * 10**6, period_ps=10**9)
        self.client.send(wire.encode_batch([block], session=self.session, sequence=sequence))
        self.sent = sequence

    def _receive(self, wait_ms):
        while self.client.socket.poll(wait_ms):
            reply = wire.decode_reply(self.client.socket.recv())
            assert reply.code in (wire.OK, wire.GAP, wire.BUSY), reply
            self.stored, self.heard_s, wait_ms = reply.stored, time.monotonic(), 0
            self.durable = max(self.durable, reply.durable)
            if reply.code == wire.GAP:
                self.sent = reply.stored

    def turn(self, target):
        """Sends what fits and hears what has come."""
        if self.sent < target and self.sent - self.stored < self.WINDOW:
            self._send(self.sent + 1)
        self._receive(0 if self.sent < target and self.sent - self.stored < self.WINDOW else 20)
        if time.monotonic() - self.heard_s > 0.5:
            self.sent, self.heard_s = self.durable, time.monotonic()

    def push(self, target, seconds=90):
        """Until the batches up to `target` are durable."""
        deadline = time.monotonic() + seconds
        while self.durable < target:
            assert time.monotonic() < deadline, "stored %d, durable %d of %d" % (self.stored, self.durable, target)
            self.turn(target)

    def close(self):
        self.client.close()


def big_batch(sequence):
    """Batches that fill a disk soon; sample i is the number i."""
    first = (sequence - 1) * BIG_SAMPLES
    block = wire.block("grow/big", "f8", np.arange(first, first + BIG_SAMPLES, dtype="f8"), t0_ns=10**18 + first * 1000,
                       period_ps=10**6)
    return wire.encode_batch([block], session=9, sequence=sequence, flags=wire.FLAG_WAIT)
