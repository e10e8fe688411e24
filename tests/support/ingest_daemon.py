"""A real ingestd for a test: its own store, sockets and configuration in a temporary folder, started and ended by
its process number. Built programs are looked for in $INGEST_BUILD.

    with Daemon("[series.all]\\nmatch = **\\ncapacity = 1000\\n") as daemon:
        client = daemon.dealer()
        reply = client.ask(encode_batch([...], session=1, sequence=1))
        values = daemon.values("plant/temp")
"""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import ingest_wire as wire
import numpy as np
import zmq

BUILD = os.environ.get("INGEST_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build")
# Set by tools/with-sanitizer: the folder where each process leaves a sanitizer's report.
SANITIZED = os.environ.get("INGEST_SANITIZED")
PATIENCE_S = 120 if SANITIZED else 60

# Words of head.npy and status.npy, from docs/format.md.
HEAD = dict(magic=0, version=1, id=4, capacity=5, sample_bytes=6, dtype=7, rank=8, dims=9, clock=13, created_ns=14,
            count=16, frontier=17, rows=18, runs_count=19, last_time_ns=20, last_update_ns=21, summarised=22, durable=32,
            epoch=43, sessions=64)
STATUS = dict(pid=2, started_ns=3, heartbeat_ns=4, state=5, flush_interval_ns=6, flush_last_ns=7, flush_ticks=10,
              flush_bytes=11, frames=12, bytes=13, batches=14, blocks=15, samples=16, duplicates=17, late=18,
              clamped=19, strings_skipped=20, replies=21, replies_dropped=22, gaps=23, sessions=24, series=25,
              series_mapped=26, series_broken=27, reserved_bytes=28, budget_bytes=29, free_bytes=30, newest_ns=31,
              written_bytes=44, refused=64, clients=96, handshakes_refused=97, handshakes_failed=98, frames_cut=99)


def program(name):
    """The path of a built program."""
    for folder in (name, "ingestd", "query", "gateway", "."):
        path = os.path.join(BUILD, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("%s is not built in %s" % (name, BUILD))


PORTS_GIVEN = set()


def free_port():
    """A port that nobody listens on just now; another one each time."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in PORTS_GIVEN:
            PORTS_GIVEN.add(port)
            return port


def now_ns():
    return time.time_ns()


def wait_for(condition, what="condition", seconds=PATIENCE_S):
    """Polls until the condition returns something true; returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.005)


# ---- files ----

def read_head(store, name):
    """The live words of a series' head."""
    return np.array(np.load(os.path.join(store, "series", name, "head.npy"), mmap_mode="r"))


def head_word(store, name, word):
    return int(read_head(store, name)[HEAD[word]])


def _unroll(array, first, count):
    """Rows [first, count) of a column whose row i is at i mod its length."""
    return array[np.arange(first, count) % len(array)] if count > first else array[:0]


def read_rows(store, name, column="values"):
    """The rows that are there, oldest first, as the format says: cut at count, a ring unrolled."""
    head = read_head(store, name)
    array = np.load(os.path.join(store, "series", name, column + ".npy"), mmap_mode="r")
    count, capacity = int(head[HEAD["count"]]), int(head[HEAD["capacity"]])
    first = max(0, int(max(count, head[HEAD["frontier"]])) - capacity) if capacity else 0
    return np.array(_unroll(array, first, count))


def read_runs(store, name):
    """(first index, t0 ns, period ps) of the runs that are there."""
    head = read_head(store, name)
    runs = np.load(os.path.join(store, "series", name, "runs.npy"), mmap_mode="r")
    count = int(head[HEAD["runs_count"]])
    return np.array(_unroll(runs, max(0, count - len(runs)), count))


def read_times(store, name):
    """Stamps of the rows that read_rows() gives, for either clock."""
    head = read_head(store, name)
    if int(head[HEAD["clock"]]) == 2:
        return read_rows(store, name, "times")
    count, capacity = int(head[HEAD["count"]]), int(head[HEAD["capacity"]])
    first = max(0, count - capacity) if capacity else 0
    runs = [tuple(int(word) for word in run) for run in read_runs(store, name)]
    times = []
    for number, (run_first, t0_ns, period_ps) in enumerate(runs):
        run_end = runs[number + 1][0] if number + 1 < len(runs) else count
        times += [t0_ns + (index - run_first) * period_ps // 1000 for index in range(max(run_first, first), run_end)]
    return np.array(times, np.int64)


def read_status(store):
    return np.array(np.load(os.path.join(store, "status.npy"), mmap_mode="r"))


# ---- clients ----

class Client:
    """A DEALER, REQ or PUSH socket on one endpoint."""

    def __init__(self, kind, endpoint, name=b"test"):
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.linger = 2000
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self.socket.ipv6 = "[" in endpoint
        self.socket.connect(endpoint)
        self.name = name

    def close(self):
        self.socket.close()

    def send(self, *frames):
        self.socket.send_multipart([bytes(frame) for frame in frames])

    def receive(self, seconds=PATIENCE_S):
        """The next reply; an AssertionError when none comes."""
        if not self.socket.poll(seconds * 1000):
            raise AssertionError("no reply within %g s" % seconds)
        frames = self.socket.recv_multipart()
        assert len(frames) == 1, frames
        return wire.decode_reply(frames[0])

    def receive_all(self, quiet_s=0.2):
        """Every reply until none comes for a while."""
        replies = []
        while self.socket.poll(quiet_s * 1000):
            replies.append(wire.decode_reply(self.socket.recv()))
        return replies

    def ask(self, frame):
        self.send(frame)
        return self.receive()

    def hello(self, session, sequence=1, name=None):
        return self.ask(wire.encode_hello(session, sequence, self.name if name is None else name))

    def until(self, condition, what="a certain reply", seconds=PATIENCE_S):
        """Reads replies until one fulfils the condition; returns that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.socket.poll(50):
                reply = wire.decode_reply(self.socket.recv())
                if condition(reply):
                    return reply
        raise AssertionError("not within %d s: %s" % (seconds, what))


# ---- the daemon ----

class Daemon:
    """Sections of the configuration other than [store] path and [listen] are given as text; keys of those two as
    dictionaries. `tcp` chooses a free port instead of an ipc path. Started by `with` or start()."""

    def __init__(self, config="", store=None, listen=None, tcp=False, routers=1, pulls=1, environment=None,
                 arguments=(), folder=None):
        self._own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="ingest-test-")
        self.store = os.path.join(self.folder, "store")
        self.config_path = os.path.join(self.folder, "ingestd.ini")
        self.log_path = os.path.join(self.folder, "log")
        self.routers = [self._endpoint("router%d" % i, tcp) for i in range(routers)]
        self.pulls = [self._endpoint("pull%d" % i, tcp) for i in range(pulls)]
        self.router = self.routers[0] if self.routers else None
        self.pull = self.pulls[0] if self.pulls else None
        self.environment = dict(environment or {})
        self.arguments = list(arguments)
        self.process = None
        self._numbers = []
        self._clients = []
        self._store_keys = dict(min_free="1MiB")
        self._store_keys.update(store or {})
        self._listen_keys = dict(listen or {})
        self.configure(config)

    def _endpoint(self, label, tcp):
        return "tcp://127.0.0.1:%d" % free_port() if tcp else "ipc://%s/%s" % (self.folder, label)

    def configure(self, config="", store=None, listen=None):
        """Writes the configuration file; reload() or a start takes it over."""
        self._store_keys.update(store or {})
        self._listen_keys.update(listen or {})
        lines = ["[store]", "path = " + self.store]
        lines += ["%s = %s" % pair for pair in self._store_keys.items()]
        lines += ["[listen]", "router = " + " ".join(self.routers)] if self.routers else ["[listen]", "router ="]
        if self.pulls:
            lines.append("pull = " + " ".join(self.pulls))
        lines += ["%s = %s" % pair for pair in self._listen_keys.items()]
        with open(self.config_path, "w") as file:
            if "[checkpoint]" not in config:
                lines += ["[checkpoint]", "journal_bytes = 1MiB"]  # made in no time
            file.write("\n".join(lines) + "\n" + config)

    def command(self, *arguments):
        return [program("ingestd"), "--config", self.config_path, *self.arguments, *arguments]

    def launch(self):
        """Starts the process and does not wait."""
        environment = dict(os.environ, **self.environment)
        environment.pop("NOTIFY_SOCKET", None) if "NOTIFY_SOCKET" not in self.environment else None
        environment.pop("JOURNAL_STREAM", None) if "JOURNAL_STREAM" not in self.environment else None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
        self._numbers.append(self.process.pid)

    def start(self):
        """Starts the process and waits until it runs."""
        self.launch()
        wait_for(self._is_running, "the daemon runs")
        return self

    def _is_running(self):
        if self.process.poll() is not None:
            raise AssertionError("ingestd ended with %s:\n%s" % (self.process.returncode, self.log()))
        try:
            words = read_status(self.store)
        except (OSError, ValueError):
            return False
        return words[STATUS["pid"]] == self.process.pid and words[STATUS["state"]] == 2

    def stop(self, how=signal.SIGTERM, seconds=PATIENCE_S):
        """Ends the daemon and returns its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def restart(self):
        if self.process is not None:
            self.stop()
        return self.start()

    def reload(self, config="", store=None, listen=None):
        """Writes a new configuration, sends SIGHUP and waits until the daemon has said what it made of it."""
        self.configure(config, store, listen)
        before = len(re.findall("reload: .* force$", self.log(), re.M))
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(re.findall("reload: .* force$", self.log(), re.M)) > before, "the reload is over")

    def run(self, *arguments):
        """Runs ingestd to its end with this configuration: (exit code, stdout, stderr)."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        return done.returncode, done.stdout, done.stderr

    def close(self):
        for client in self._clients:
            client.close()
        faults = []
        if self.process is not None:
            if SANITIZED and self.process.poll() is None:
                faults += self._end_clean()
            self.process.kill()
            self.process.wait()
            self.process = None
        for number in self._numbers if SANITIZED else []:
            for path in glob.glob(os.path.join(SANITIZED, "report.*.%d" % number)):
                with open(path, errors="replace") as file:
                    faults.append(file.read())
        if os.path.exists(self.log_path) and ": runtime error: " in self.log():
            faults.append("UndefinedBehaviorSanitizer:\n" + self.log())
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if faults:
            raise AssertionError("\n".join(faults))

    def _end_clean(self):
        """What is wrong with how the daemon ends: leaks are looked for at the end of a process, which a kill skips."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            return ["ingestd did not end within %d s of SIGTERM:\n%s" % (PATIENCE_S, self.log())]
        return [] if code == 0 else ["ingestd ended with %d after SIGTERM:\n%s" % (code, self.log())]

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def _client(self, kind, endpoint):
        client = Client(kind, endpoint)
        self._clients.append(client)
        return client

    def dealer(self, endpoint=None):
        return self._client(zmq.DEALER, endpoint or self.router)

    def req(self, endpoint=None):
        return self._client(zmq.REQ, endpoint or self.router)

    def push(self, endpoint=None):
        return self._client(zmq.PUSH, endpoint or self.pull)

    def series_folder(self, name):
        return os.path.join(self.store, "series", name)

    def has(self, name):
        return os.path.exists(os.path.join(self.series_folder(name), "head.npy"))

    def count(self, name):
        """Samples ever appended; 0 for a series that is not there."""
        return head_word(self.store, name, "count") if self.has(name) else 0

    def wait_count(self, name, count):
        wait_for(lambda: self.count(name) >= count, "%s holds %d samples" % (name, count))

    def head(self, name, word):
        return head_word(self.store, name, word)

    def values(self, name):
        return read_rows(self.store, name)

    def times(self, name):
        return read_times(self.store, name)

    def runs(self, name):
        return read_runs(self.store, name)

    def status(self, word, offset=0):
        return int(read_status(self.store)[STATUS[word] + offset])

    def refused(self, code):
        return self.status("refused", code)
