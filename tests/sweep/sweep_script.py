"""The scripted life of a sweep: a gateway that sends the same batches each time, and what the store must hold then.
Every value is its row's planned index, so that a row that is missing, false or there twice shows by itself."""

import time

import ingest_daemon as daemon
import ingest_wire as wire
import numpy as np
import zmq

T0_NS = 1_700_000_000 * 10**9
SESSION = 0x5eed5eed
BATCHES = 48
QUIET_S = 0.25
SILENCE_S = 1.5

CONFIG = """
[flush]
interval = 10ms
[log]
level = info
[series.rings]
match = sweep/ring
capacity = 20
[series.arrival]
match = sweep/arrival
capacity = 8
[series.new]
match = sweep/new/*
capacity = 10
[series.grow]
match = **
mode = grow
"""

CAPACITY = {"sweep/ring": 20, "sweep/arrival": 8}
NEW_CAPACITY = 10


def batch_rows(n):
    """Series and rows of batch n."""
    rows = {"sweep/ring": 1 + n % 4, "sweep/grow": 2 + n % 3}
    if n % 2 == 0:
        rows["sweep/shape"] = 1 + n % 5
    if n % 3 == 0:
        rows["sweep/arrival"] = 1
    if n % 8 == 0:
        rows["sweep/new/%d" % (n // 16)] = 2
    return rows


def capacity(name):
    return NEW_CAPACITY if name.startswith("sweep/new/") else CAPACITY.get(name, 0)


def first_rows():
    """For each batch from 1, the planned index of its first row in each of its series."""
    first, totals = [None], {}
    for n in range(1, BATCHES + 1):
        first.append({name: totals.get(name, 0) for name in batch_rows(n)})
        for name, rows in batch_rows(n).items():
            totals[name] = totals.get(name, 0) + rows
    return first, totals


FIRST, TOTALS = first_rows()


def explicit_times(index):
    return T0_NS + index * 1000


def make_batch(n):
    blocks = []
    for name, rows in batch_rows(n).items():
        first = FIRST[n][name]
        index = np.arange(first, first + rows)
        if name == "sweep/ring":
            blocks.append(wire.block(name, "f8", index, t0_ns=T0_NS + first * 10**6, period_ps=10**9))
        elif name == "sweep/shape":
            blocks.append(wire.block(name, "f4", np.repeat(index, 3), t0_ns=T0_NS + first * 10**6, period_ps=10**9,
                                     dims=(3,)))
        elif name == "sweep/arrival":
            blocks.append(wire.block(name, "u4", index))
        else:
            blocks.append(wire.block(name, "i8" if name == "sweep/grow" else "u2", index,
                                     times_ns=explicit_times(index)))
    return wire.encode_batch(blocks, session=SESSION, sequence=n)


class Trouble(Exception):
    """What no fault may bring about."""


class Gateway:
    """Keeps every batch until it is durable, over all daemons of a store."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.durable = 0  # never falls
        self.stored = 0
        self.stored_highest = 0
        self.refused = {}  # batch: reply, refused for good
        self.socket = None

    def connect(self):
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.RECONNECT_IVL, 2)
        self.socket.connect(self.endpoint)
        self.stored = self.durable
        self.next = None  # nothing is sent before the answer to HELLO
        self.heard_s = 0
        self.silent_s = time.monotonic()

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def take(self, frame):
        reply = wire.decode_reply(frame)
        self.heard_s = self.silent_s = time.monotonic()
        if reply.session != SESSION:
            raise Trouble("a reply to another session: %s" % (reply,))
        if reply.durable < self.durable or reply.durable > reply.stored or reply.stored > BATCHES:
            raise Trouble("durable was %d; %s" % (self.durable, reply))
        if reply.code not in (wire.OK, wire.GAP, wire.BUSY, wire.STORE_FULL):
            self.refused[reply.sequence] = reply
        if self.next is None or reply.stored < self.stored or reply.code in (wire.GAP, wire.BUSY, wire.STORE_FULL):
            self.next = reply.stored + 1
        self.stored, self.durable = reply.stored, reply.durable
        self.stored_highest = max(self.stored_highest, self.stored)

    def send_until(self, last, is_alive, seconds):
        """Sends and resends until batch `last` is durable: True. False when the daemon is gone."""
        deadline = time.monotonic() + seconds
        while self.durable < last:
            if time.monotonic() > deadline:
                raise Trouble("hangs: durable %d, stored %d of %d" % (self.durable, self.stored, last))
            while self.socket.poll(5):
                self.take(self.socket.recv())
            if not is_alive():
                while self.socket.poll(20):
                    self.take(self.socket.recv())
                return False
            while self.next is not None and self.next <= min(last, self.stored + 16):
                self.socket.send(make_batch(self.next))
                self.next += 1
            if time.monotonic() - self.silent_s > SILENCE_S:
                # libzmq writes no more to a connection that was once broken, and waits for the peer to go.
                self.connect()
            if time.monotonic() - self.heard_s > QUIET_S:
                self.heard_s = time.monotonic()
                self.socket.send(wire.encode_hello(SESSION, self.durable + 1, "sweep"))
                self.next = None
        return True


def missing_allowed(name, refused):
    """Planned indexes of a series that may be missing: those of batches that were refused for good."""
    return {index for n in refused if name in batch_rows(n)
            for index in range(FIRST[n][name], FIRST[n][name] + batch_rows(n)[name])}


def check_series(store, name, last, refused, has_reserve):
    """All rows of the batches up to `last` are there once, in order; of later ones a few may be. `has_reserve`: of a
    ring the oldest rows may be hidden, as after a power cut."""
    planned = sum(batch_rows(n).get(name, 0) for n in range(1, last + 1))
    absent = missing_allowed(name, refused)
    try:
        count = daemon.head_word(store, name, "count")
    except FileNotFoundError:
        if planned - len(absent) > 0:
            raise Trouble("%s is not there, and %d of its rows were acknowledged" % (name, planned)) from None
        return
    values = daemon.read_rows(store, name)
    got = [int(value) for value in (values if values.ndim == 1 else values[:, 0])]
    if values.ndim == 2 and not (values == values[:, :1]).all():
        raise Trouble("%s: a torn row" % name)
    if count + len(absent) < planned or count > TOTALS[name]:
        raise Trouble("%s: %d rows, of %d that were acknowledged" % (name, count, planned))
    if any(b <= a for a, b in zip(got, got[1:])):
        raise Trouble("%s: not in order, or twice: %s" % (name, got))
    begin = got[0] if capacity(name) and got else planned if capacity(name) and has_reserve else 0
    lost = [index for index in range(begin, planned) if index not in got and index not in absent]
    if lost or (got and got[-1] >= TOTALS[name]):
        raise Trouble("%s: lost %s; there are %s" % (name, lost, got))
    stamps = daemon.read_times(store, name)
    if name == "sweep/grow" and [int(t) for t in stamps] != [explicit_times(index) for index in got]:
        raise Trouble("%s: wrong times" % name)
    if any(int(b) <= int(a) for a, b in zip(stamps, stamps[1:])):
        raise Trouble("%s: times do not increase" % name)


def check_store(store, last, refused, renamed, has_reserve=False):
    for name in TOTALS:
        if name not in renamed:
            check_series(store, name, last, refused, has_reserve)
