#!/usr/bin/python3
"""ingest-send with a queue, killed at random moments, against a daemon that is killed too: at the end every sample that was
taken is in the store, once and in order. Which were taken, the queue's files tell.

    queue_kills.py --seed N --kills N      with INGEST_BUILD and PYTHONPATH=tests/support, as `make soak` runs it

Prints totals; a failure with its seed."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from ingest_daemon import PATIENCE_S, Daemon, program, read_rows
from queue_files import BATCH, read_queue

CONFIG = """[flush]
interval = 20ms
[series.all]
match = **
mode = grow
"""
T0_S = 1714564800
RATE_HZ = 1000
PERIOD_NS = 10**9 // RATE_HZ


class Failure(Exception):
    pass


def feed(pipe, first, pauses):
    """Writes the numbers from `first` on until the reader is gone."""
    try:
        while True:
            count = pauses.randrange(1, 5000)
            pipe.write(np.arange(first, first + count, dtype="<i4").tobytes())
            pipe.flush()
            first += count
            if pauses.random() < 0.3:
                time.sleep(pauses.random() * 0.02)
    except (BrokenPipeError, ValueError):
        pass


class Run:
    def __init__(self, seed, folder, daemon):
        self.random = random.Random(seed)
        self.daemon = daemon
        self.queue = os.path.join(folder, "queue")
        self.log = open(os.path.join(folder, "log"), "w+b")
        self.session = None
        self.taken = 0  # samples
        self.daemon_kills = 0
        self.gaps = 0

    def sender(self, *arguments, **options):
        return subprocess.Popen([program("ingest-send"), "--connect", self.daemon.router, "--queue", self.queue, *arguments],
                                stderr=self.log, stdout=subprocess.DEVNULL, **options)

    def life(self):
        """One life of ingest-send."""
        t0 = "@%d.%09d" % divmod(T0_S * 10**9 + self.taken * PERIOD_NS, 10**9)
        sender = self.sender("--queue-size", self.random.choice(["64KiB", "512KiB", "256MiB"]), "--queue-sync",
                             self.random.choice(["0", "10ms", "1s"]), "--batch", str(self.random.randrange(1, 3000)), "--series",
                             "s", "--rate", str(RATE_HZ), "--t0", t0, "--dtype", "i4", "-", stdin=subprocess.PIPE)
        feeder = threading.Thread(target=feed, args=(sender.stdin, self.taken, random.Random(self.random.random())), daemon=True)
        feeder.start()
        time.sleep(self.random.random() ** 2 * 0.6)
        if self.random.random() < 0.3 and self.daemon.process is not None:
            self.daemon.kill()
            self.daemon_kills += 1
            time.sleep(self.random.random() * 0.2)
        sender.kill()
        sender.wait()
        feeder.join()
        try:
            sender.stdin.close()
        except BrokenPipeError:
            pass
        if self.daemon.process is None and self.random.random() < 0.7:
            self.daemon.start()
        self.read_queue()

    def read_queue(self):
        if not os.path.isdir(self.queue):
            return
        batches = [(header, frame) for header, frame in read_queue(self.queue) if header["kind"] == BATCH]
        for header, _ in batches:
            self.session = self.session or header["session"]
            if header["session"] != self.session:
                raise Failure("the session changed from %x to %x" % (self.session, header["session"]))
        if not batches:
            # Whatever was taken is durable, and its files are gone.
            if os.path.isdir(os.path.join(self.daemon.store, "series", "s")):
                self.taken = max(self.taken, len(read_rows(self.daemon.store, "s")))
            return
        header, frame = batches[-1]
        self.gaps += header["sequence"] - header["previous"] > 1000
        # One block of one name ("s"), i4 and regular: its values are the last ones of the frame, padded to 8.
        count = int.from_bytes(frame[40:44], "little")
        values = np.frombuffer(frame, "<i4", count, 32 + 32 + 8)
        if not np.array_equal(values, np.arange(values[0], values[0] + count)):
            raise Failure("the newest batch of the queue is not what was sent")
        if values[-1] + 1 < self.taken:
            raise Failure("the queue has forgotten samples that it had: %d, %d before" % (values[-1] + 1, self.taken))
        self.taken = int(values[-1]) + 1

    def finish(self):
        if self.daemon.process is None:
            self.daemon.start()
        drain = self.sender("--drain", "--timeout", "60s", stdin=subprocess.DEVNULL)
        try:
            if drain.wait(10 * PATIENCE_S) != 0:
                raise Failure("--drain ended with %d" % drain.returncode)
        finally:
            drain.kill()
            drain.wait()
        if self.taken == 0:
            return
        values, times = self.daemon.values("s"), self.daemon.times("s")
        if len(values) != self.taken or not np.array_equal(values, np.arange(self.taken)):
            at = next((i for i, value in enumerate(values) if value != i), len(values))
            raise Failure("%d samples of %d are stored; the first one that is wrong is number %d" % (len(values), self.taken, at))
        if not np.array_equal(times, T0_S * 10**9 + np.arange(self.taken) * PERIOD_NS):
            raise Failure("the times are not those that were sent")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    seed = options.seed or random.randrange(1, 1 << 32)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ingest-test-") as folder, Daemon(CONFIG) as daemon:
        run = Run(seed, folder, daemon)
        try:
            for _ in range(options.kills):
                run.life()
            run.finish()
        except Failure as failure:
            run.log.seek(0)
            sys.stderr.write(run.log.read().decode(errors="replace")[-3000:])
            sys.stderr.write("queue_kills.py --seed %d --kills %d: %s\n" % (seed, options.kills, failure))
            return 1
        finally:
            run.log.close()
    print("queue: %d kills of ingest-send, %d of ingestd, %d samples each once and in order, 0 lost, 0 doubled (seed %d, %d s)"
          % (options.kills, run.daemon_kills, run.taken, seed, time.monotonic() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
