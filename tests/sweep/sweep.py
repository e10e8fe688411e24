"""sweep.py - each system call of a daemon's scripted life failed, and the daemon killed, at its N-th call.

    sweep.py [--sample N] [--seconds N] [--jobs N] [--seed N] [--phase P] [--call C] [--point PHASE:CALL:FAULT:N]
             [--list] [-v]

Phases: `fresh` (first start), `life` (appends, growth, laps, flushes, SIGHUP), `stop`, `again` (start after a kill),
`rename`, `delete`. A point is one fault in one phase; without --sample all of them are tried. After each fault the
daemon goes on and answers rightly, or ends with a documented exit code and a sentence; then a daemon without faults
starts, the gateway sends again what was not durable, and every row that was acknowledged is there once, in order.

Faults are injected by strace, which counts calls for each thread. What libzmq does about its own failing calls is to
abort: those ends are counted apart, and have to lose nothing either. Exit 77 where strace cannot trace."""

import argparse
import collections
import concurrent.futures
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ingest_daemon
import sweep_script as script
from sweep_script import Trouble

# The errors that each call can have.
FAULTS = {
    "openat": "EMFILE ENOSPC EACCES EIO ENOMEM", "read": "EIO EINTR", "pread64": "EIO EINTR",
    "write": "EIO ENOSPC EINTR", "pwrite64": "EIO ENOSPC EINTR", "fdatasync": "EIO ENOSPC EINTR", "fsync": "EIO EINTR",
    "syncfs": "EIO", "ftruncate": "EIO ENOSPC EINTR", "fallocate": "ENOSPC EIO EINTR EOPNOTSUPP", "mmap": "ENOMEM",
    "munmap": "ENOMEM", "mprotect": "ENOMEM", "brk": "ENOMEM", "madvise": "ENOMEM EFAULT EAGAIN EINVAL",
    "renameat": "EIO ENOSPC EACCES", "linkat": "EIO ENOSPC EMLINK", "unlinkat": "EIO EACCES", "unlink": "EACCES",
    "mkdirat": "EIO ENOSPC EACCES", "getdents64": "EIO", "newfstatat": "EIO EACCES", "fstat": "EIO", "statfs": "EIO",
    "fstatfs": "EIO", "lseek": "EIO", "fcntl": "ENOLCK", "access": "EACCES", "poll": "EINTR ENOMEM",
    "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM", "epoll_wait": "EINTR", "eventfd2": "EMFILE",
    "signalfd4": "EMFILE", "timerfd_create": "EMFILE", "clone3": "EAGAIN", "clone": "EAGAIN", "socket": "EMFILE",
    "bind": "EADDRINUSE EACCES", "listen": "EADDRINUSE", "accept4": "EMFILE ECONNABORTED", "getsockopt": "ENOBUFS",
    "connect": "ECONNREFUSED", "sendto": "EAGAIN ECONNRESET EPIPE", "recvfrom": "EAGAIN ECONNRESET EINTR",
    "sendmsg": "ECONNREFUSED", "prlimit64": "EPERM", "setrlimit": "EPERM", "sched_setaffinity": "EINVAL",
    "fadvise64": "EINVAL", "sync_file_range": "EIO", "pwritev": "EIO ENOSPC", "rename": "EIO", "mlock": "EAGAIN",
}
KILL = "KILL"
EXITS = (66, 71, 73, 74, 75, 78)
PHASES = ("fresh", "life", "stop", "again", "rename", "delete")
PATIENCE_S = 60

Point = collections.namedtuple("Point", "phase call fault number")


def point_text(point):
    return ":".join(map(str, point))


def can_trace():
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(["strace", "-D", "-f", "-o", "/dev/null", "true"], capture_output=True)
    return done.returncode == 0


class Tracer:
    """strace, before a command or on a process that runs already."""

    def __init__(self, folder, point=None):
        self.log = os.path.join(folder, "trace")
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.options = ["strace", "-f", "-q", "-o", self.log]
        if point is not None:
            # The kernel's brk() fails by changing nothing.
            what = "signal=KILL" if point.fault == KILL else "retval=0" if point.call == "brk" else "error=" + point.fault
            self.options += ["-e", "trace=" + point.call,
                             "-e", "inject=%s:%s:when=%d" % (point.call, what, point.number)]

    def prefix(self):
        """The traced process is our child, and strace its stranger."""
        return self.options[:1] + ["-D"] + self.options[1:]

    def attach(self, pid):
        process = subprocess.Popen(self.options[:2] + self.options[3:] + ["-p", str(pid)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        if " attached" not in line:
            process.kill()
            raise RuntimeError("strace: " + line)
        return process


class Life:
    """One store from its first daemon to its last check."""

    def __init__(self, point=None, is_traced=False):
        self.point = point
        self.is_traced = is_traced or point is not None
        self.folder = tempfile.mkdtemp(prefix="ingest-test-")
        self.daemon = ingest_daemon.Daemon(script.CONFIG, folder=self.folder, pulls=0)
        self.store = self.daemon.store
        self.gateway = script.Gateway(self.daemon.router)
        self.attached = None
        self.end = "goes on"
        self.renamed = {}

    def close(self):
        self.gateway.close()
        if self.attached is not None:
            self.attached.kill()
            self.attached.wait()
            self.attached.stderr.close()
        self.daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the daemon ----

    def is_alive(self):
        return self.daemon.process is not None and self.daemon.process.poll() is None

    def start(self, is_traced=False):
        """True when it runs; False when it ended, as a traced one may."""
        self.daemon.launch = lambda: self.launch(is_traced)
        try:
            self.daemon.start()
        except AssertionError as error:
            if self.is_alive():
                raise Trouble("does not come up: %s" % error) from None
            return False
        self.gateway.connect()
        return True

    def launch(self, is_traced):
        command = self.daemon.command()
        if is_traced:
            command = Tracer(self.folder, self.point).prefix() + command
        self.run_at = os.path.getsize(self.daemon.log_path) if os.path.exists(self.daemon.log_path) else 0
        with open(self.daemon.log_path, "ab") as log:
            self.daemon.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.daemon._numbers.append(self.daemon.process.pid)

    def send(self, last):
        return self.gateway.send_until(last, self.is_alive, PATIENCE_S)

    def ask_to_stop(self):
        """Ends the daemon; false when it had ended by itself."""
        self.daemon.process.send_signal(signal.SIGTERM)
        try:
            return self.daemon.process.wait(PATIENCE_S) == 0
        except subprocess.TimeoutExpired:
            self.daemon.process.kill()
            self.daemon.process.wait()
            raise Trouble("hangs when it should stop") from None

    def run_log(self):
        with open(self.daemon.log_path, errors="replace") as log:
            log.seek(self.run_at)
            return log.read()

    # ---- how it ended ----

    def judge(self, code, said):
        """What a process under a fault may come to; a Trouble for anything else."""
        if code == -signal.SIGKILL and self.point.fault == KILL:
            return "killed"
        if code == -signal.SIGABRT and re.search(r"\(\S*src/\w+\.[ch]pp:\d+\)", said):
            return "libzmq aborts"
        if code in EXITS and ": error: " in said:
            return "exit %d" % code
        raise Trouble("ends with %d and says: %s" % (code, said[-2000:]))

    def ended(self):
        self.end = self.judge(self.daemon.process.wait(PATIENCE_S), self.run_log())

    # ---- phases ----

    def fresh(self):
        if not self.start(self.is_traced) or not self.send(6) or not self.ask_to_stop():
            self.ended()

    def trace_now(self):
        if self.is_traced:
            self.attached = Tracer(self.folder, self.point).attach(self.daemon.process.pid)

    def life(self):
        assert self.start() and self.send(4)
        self.trace_now()
        if not self.send(14):
            return self.ended()
        self.daemon.process.send_signal(signal.SIGHUP)
        if not self.send(30) or not self.send(script.BATCHES):
            return self.ended()
        if not self.ask_to_stop():
            self.ended()

    def stop(self):
        assert self.start() and self.send(20)
        self.trace_now()
        if not self.is_alive() or not self.ask_to_stop():
            self.ended()

    def kill_one(self):
        """Leaves what a killed daemon leaves: batches stored, some of them not durable."""
        assert self.start() and self.send(20)
        for n in range(21, 30):
            self.gateway.socket.send(script.make_batch(n))
        deadline = time.monotonic() + PATIENCE_S
        while self.gateway.stored < 25 and time.monotonic() < deadline:
            if self.gateway.socket.poll(100):
                self.gateway.take(self.gateway.socket.recv())
        self.daemon.kill()

    def again(self):
        self.kill_one()
        if not self.start(self.is_traced) or not self.send(36) or not self.ask_to_stop():
            self.ended()

    def admin(self, *arguments):
        """A command on a store without a daemon, under the fault; once more if that ended it."""
        assert self.start() and self.send(20) and self.ask_to_stop()
        command = self.daemon.command(*arguments)
        tracer = Tracer(self.folder, self.point).prefix() if self.is_traced else []
        done = subprocess.run(tracer + command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        if done.returncode == 0:
            return
        self.end = self.judge(done.returncode, done.stderr)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        # 66: the first time got so far that there is no such series any more.
        if done.returncode not in (0, 66):
            raise Trouble("again: exit %d: %s" % (done.returncode, done.stderr))

    def rename(self):
        self.renamed = {"sweep/grow": "other/place/grow"}
        self.admin("--rename", "sweep/grow", "other/place/grow")
        if os.path.exists(os.path.join(self.store, "series", "sweep/grow/head.npy")):
            raise Trouble("renamed, and still there")
        self.check_renamed()

    def check_renamed(self):
        rows = [int(value) for value in ingest_daemon.read_rows(self.store, "other/place/grow")]
        if rows != list(range(sum(script.batch_rows(n)["sweep/grow"] for n in range(1, 21)))):
            raise Trouble("the renamed series holds %s" % rows)

    def delete(self):
        self.renamed = {"sweep/shape": None}
        self.admin("--delete", "sweep/shape")
        if os.path.exists(os.path.join(self.store, "series", "sweep/shape/head.npy")):
            raise Trouble("deleted, and still there")

    # ---- afterwards ----

    def settle(self):
        """A daemon without faults: all comes right."""
        if self.attached is not None:
            self.attached.kill()
            self.attached.wait()
        acknowledged = self.gateway.stored_highest
        if not self.is_powerless():
            script.check_store(self.store, acknowledged, self.gateway.refused, self.renamed)
        if not self.start():
            raise Trouble("the next daemon ends with %d: %s" % (self.daemon.process.returncode, self.run_log()))
        if not self.send(script.BATCHES) or not self.ask_to_stop():
            raise Trouble("the next daemon ends: %s" % self.run_log())
        script.check_store(self.store, script.BATCHES, self.gateway.refused, self.renamed, self.is_powerless())
        if self.renamed.get("sweep/grow"):
            self.check_renamed()
        verified = subprocess.run([ingest_daemon.program("ingest-query"), "--store", self.store, "verify"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        if verified.returncode != 0:
            raise Trouble("verify: exit %d: %s" % (verified.returncode, verified.stdout + verified.stderr))

    def is_powerless(self):
        """After a failed sync what is stored and not durable may go; the gateway has it."""
        return self.end == "exit 74"

    def run(self):
        getattr(self, self.point.phase)()
        self.settle()


def count_calls(phase):
    """How often each call can be failed in a phase: {call: (first, last)}."""
    life = Life(Point(phase, None, None, 0))
    life.point, life.is_traced = None, True
    try:
        getattr(life, phase)()
        if life.attached is not None:
            life.attached.kill()
            life.attached.wait()
        first, counts = {}, collections.Counter()
        is_main, main = phase in ("life", "stop"), None
        with open(os.path.join(life.folder, "trace"), errors="replace") as trace:
            for line in trace:
                match = re.match(r"(\d+) +(\w+)\(", line)
                if match is None:
                    continue
                thread, call = match.groups()
                main = main or thread
                counts[thread, call] += 1
                if not is_main and life.daemon.config_path in line and call == "openat":
                    # Before this the dynamic loader worked, whose failures are not ours.
                    is_main = True
                    first = {name: count + 1 for (_, name), count in counts.items()}
    finally:
        life.close()
    last = collections.Counter()
    for (_, call), count in counts.items():
        last[call] = max(last[call], count)
    return {call: (first.get(call, 1), last[call]) for call in last if call in FAULTS}


def all_points(phases):
    for phase in phases:
        for call, (first, last) in sorted(count_calls(phase).items()):
            for number in range(first, last + 1):
                for fault in FAULTS[call].split() + [KILL]:
                    yield Point(phase, call, fault, number)


class Totals:
    def __init__(self, options):
        self.options = options
        self.began = time.monotonic()
        self.ends = collections.Counter()
        self.refused = self.failures = 0

    def is_late(self):
        return self.options.seconds and time.monotonic() - self.began > self.options.seconds

    def try_point(self, point):
        if self.is_late():
            return
        life = Life(point)
        try:
            life.run()
        except Trouble as trouble:
            log = life.daemon.log() if os.path.exists(life.daemon.log_path) else ""
            self.ends["FAILED"] += 1
            self.failures += 1
            print("FAILED --point %s: %s\n--- log\n%s" % (point_text(point), trouble, log[-2500:]), flush=True)
            return
        finally:
            life.close()
        self.ends[life.end] += 1
        replies = life.gateway.refused.values()
        self.refused += len(replies)
        if self.options.v:
            print("%-44s %s %s" % (point_text(point), life.end, " ".join(sorted({reply.text for reply in replies}))),
                  flush=True)

    def report(self, point_count):
        print("sweep: %d of %d points, seed %d: %s; %d batches refused for good; %d failures; "
              "%.0f s"
              % (sum(self.ends.values()), point_count, self.options.seed,
                 ", ".join("%s %d" % pair for pair in self.ends.most_common()), self.refused, self.failures,
                 time.monotonic() - self.began))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phase", action="append", choices=PHASES)
    parser.add_argument("--call", action="append", choices=sorted(FAULTS))
    parser.add_argument("--point", action="append")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    if ingest_daemon.SANITIZED:
        print("skipped: sanitizers make system calls of their own")
        return 77
    if not can_trace():
        print("skipped: strace is not there, or may not trace (apt-get install strace; ptrace is needed)")
        return 77
    if options.point:
        points = [Point(phase, call, fault, int(number))
                  for phase, call, fault, number in (text.split(":") for text in options.point)]
    else:
        points = [point for point in all_points(options.phase or PHASES)
                  if not options.call or point.call in options.call]
        random.Random(options.seed).shuffle(points)
    if options.list:
        print("\n".join(map(point_text, sorted(points))))
        return 0
    totals = Totals(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in pool.map(totals.try_point, points[:options.sample] if options.sample else points):
            assert done is None
    totals.report(len(points))
    return 1 if totals.failures else 0


if __name__ == "__main__":
    sys.exit(main())
