"""raw_client.py ENDPOINT FOLDER - a gateway of kill_run that shares no code with the project: the wire as
docs/protocol.md has it, the files as NumPy reads them. It sends numbered batches until there is a file FOLDER/finish,
waits until all are durable, and then compares the store FOLDER/store with what it sent. Killed and started again, it
goes on from FOLDER/client.state, which holds its session and what was durable. Exit 0, or a sentence and 1."""

import os
import sys
import time

import ingest_daemon as daemon
import ingest_wire as wire
import numpy as np
import zmq

T0_NS = 1_700_000_000 * 10**9
WINDOW = 48
QUIET_S = 0.03
PATIENCE_S = 120
CAPACITY = 500  # of every ring, from kill_run's configuration
MANY = 10


def rows_before(batch, length):
    """Rows of all batches before this one, where batch n has 1 + n % length of them."""
    whole, rest = divmod(batch, length)
    return whole * length * (length + 1) // 2 + rest * (rest + 1) // 2 - 1


def regular_values(first, count):
    return np.arange(first, first + count) * 0.5


def pair_values(first, count):
    index = np.arange(first, first + count, dtype=np.int32)
    return np.stack([index, -index], axis=1)


def make_batch(session, n):
    blocks = []
    first, count = rows_before(n, 7), 1 + n % 7
    blocks.append(wire.block("raw/regular", "f8", regular_values(first, count), t0_ns=T0_NS + first * 10**6,
                             period_ps=10**9))
    first, count = rows_before(n, 3), 1 + n % 3
    times = [T0_NS + i * 1000 for i in range(first, first + count)]
    blocks.append(wire.block("raw/pairs", "i4", pair_values(first, count), times_ns=times, dims=(2,)))
    blocks.append(wire.block("raw/arrival", "u8", [n - 1]))
    blocks.append(wire.block("raw/new/%d" % (n // 5 % MANY), "u2", [n & 0xffff], times_ns=[T0_NS + n * 1000]))
    return wire.encode_batch(blocks, session=session, sequence=n, crc=n % 2 == 0)


class State:
    """What outlives a kill, mapped: the session, what was durable, and the newest batch ever made. A daemon that was
    killed may hold rows of batches up to that, and not know of them before they come again."""

    def __init__(self, path):
        if not os.path.exists(path):
            np.array([int.from_bytes(os.urandom(7), "little") | 1, 0, 0], np.int64).tofile(path + ".new")
            os.rename(path + ".new", path)
        self.words = np.memmap(path, np.int64, "r+", shape=(3,))

    session = property(lambda self: int(self.words[0]))
    durable = property(lambda self: int(self.words[1]), lambda self, value: self.words.__setitem__(1, value))
    last = property(lambda self: int(self.words[2]), lambda self, value: self.words.__setitem__(2, value))


class Gateway:
    def __init__(self, endpoint, state):
        self.state = state
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.RECONNECT_IVL, 1)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 4)
        self.socket.sndhwm = 4 * WINDOW
        self.socket.connect(endpoint)
        self.stored = state.durable
        self.next = self.stored + 1
        self.credit = 1
        self.heard_s = 0

    def send(self, frame):
        try:
            self.socket.send(frame, zmq.DONTWAIT)
            return True
        except zmq.Again:
            return False

    def take(self, frame):
        reply = wire.decode_reply(frame)
        self.heard_s = time.monotonic()
        assert reply.session == self.state.session, reply
        assert reply.code in (wire.OK, wire.GAP, wire.BUSY), reply
        assert reply.durable >= self.state.durable, ("durable fell", self.state.durable, reply)
        assert reply.durable <= reply.stored, reply
        if reply.stored < self.stored or reply.code != wire.OK or reply.stored >= self.next:
            self.next = reply.stored + 1
        self.stored, self.state.durable, self.credit = reply.stored, reply.durable, reply.credit_batches
        assert reply.stored <= self.state.last, ("stored what was not sent", self.state.last, reply)

    def turn(self, may_make):
        """Reads what has come, and sends what may be sent."""
        while self.socket.poll(1):
            self.take(self.socket.recv())
        end = self.state.last + 1 if may_make else self.state.last
        limit = min(self.stored + min(self.credit, WINDOW), self.state.durable + 4 * WINDOW, end)
        while self.next <= limit:
            self.state.last = max(self.state.last, self.next)
            if not self.send(make_batch(self.state.session, self.next)):
                break
            self.next += 1
        if time.monotonic() - self.heard_s > QUIET_S and self.stored < self.state.last + may_make:
            # Nothing comes: what was sent may be gone with a daemon.
            self.heard_s = time.monotonic()
            if self.send(wire.encode_hello(self.state.session, self.state.durable + 1, "raw")):
                self.next = self.stored + 1


def compare(store, last):
    def same(name, count, values, times):
        rows = min(count, CAPACITY)
        got, stamps = daemon.read_rows(store, name), daemon.read_times(store, name)
        assert daemon.head_word(store, name, "count") == count, (name, daemon.head_word(store, name, "count"), count)
        assert len(got) == rows and np.array_equal(got, values(count - rows, rows)), name
        assert times is None or np.array_equal(stamps, times(count - rows, rows)), name
        assert np.all(np.diff(stamps) > 0), name

    same("raw/regular", rows_before(last + 1, 7), regular_values,
         lambda first, count: T0_NS + np.arange(first, first + count) * 10**6)
    same("raw/pairs", rows_before(last + 1, 3), pair_values,
         lambda first, count: T0_NS + np.arange(first, first + count) * 1000)
    same("raw/arrival", last, lambda first, count: np.arange(first, first + count, dtype=np.uint64), None)
    for k in range(MANY):
        batches = np.array([n for n in range(1, last + 1) if n // 5 % MANY == k])
        if len(batches):
            same("raw/new/%d" % k, len(batches), lambda first, count: (batches[first:first + count] & 0xffff),
                 lambda first, count: T0_NS + batches[first:first + count] * 1000)


def main():
    endpoint, folder = sys.argv[1:]
    finish = os.path.join(folder, "finish")
    state = State(os.path.join(folder, "client.state"))
    gateway = Gateway(endpoint, state)
    while not os.path.exists(finish):
        gateway.turn(True)
        time.sleep(0.001)
    deadline = time.monotonic() + PATIENCE_S
    while state.durable < state.last:
        assert time.monotonic() < deadline, ("not durable", state.last, gateway.stored, state.durable)
        gateway.turn(False)
    compare(os.path.join(folder, "store"), state.last)
    print("raw client: %d batches" % state.last)


main()
