"""The least gateway that loses nothing, on a plain DEALER socket."""

import time

import numpy as np
from ingest_wire import *

T0 = 1_700_000_000 * 10**9


class Resender:
    """The least gateway that loses nothing: keeps each batch until it is durable, sends again from stored + 1, asks when
    nothing was heard for long: what its last socket still delivers takes the answers with it."""

    QUIET_S = 5

    def __init__(self, daemon, session, names, size):
        self.daemon, self.session, self.names, self.size = daemon, session, names, size
        self.kept, self.next, self.sent, self.durable, self.client = {}, 1, 0, 0, None
        self.connect()

    def connect(self):
        if self.client is not None:
            self.client.close()
        self.client = self.daemon.dealer()
        self.ask()

    def ask(self):
        self.client.send(encode_hello(self.session, min(self.kept, default=self.next), "resender"))
        self.sent = None  # until the answer
        self.heard = time.monotonic()

    def make(self, count):
        for _ in range(count):
            first = (self.next - 1) * self.size
            values = np.arange(first, first + self.size, dtype="f8")
            self.kept[self.next] = encode_batch(
                [block(name, "f8", values + offset, t0_ns=T0 + first * 10**6, period_ps=10**9)
                 for offset, name in enumerate(self.names)], session=self.session, sequence=self.next)
            self.next += 1

    def step(self, timeout_ms):
        """Reads answers, sends what may be sent."""
        while self.client.socket.poll(timeout_ms):
            reply = decode_reply(self.client.socket.recv())
            self.heard = time.monotonic()
            assert reply.code in (OK, GAP), reply
            assert reply.durable <= reply.stored
            for sequence in [s for s in self.kept if s <= reply.durable]:
                del self.kept[sequence]
            self.durable = max(self.durable, reply.durable)
            if reply.code == GAP or self.sent is None:
                self.sent = reply.stored
            timeout_ms = 0
        if self.kept and time.monotonic() > self.heard + self.QUIET_S:
            self.ask()
        while self.sent is not None and self.sent + 1 in self.kept:
            self.client.send(self.kept[self.sent + 1])
            self.sent += 1
