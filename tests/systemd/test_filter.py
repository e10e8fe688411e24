"""The daemon does its work under the unit's system call filter: it binds, creates series, grows, reloads and stops."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import ingest_wire as wire
import unit_file
from ingest_daemon import Daemon, free_port, now_ns

EXECUTE = [sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "filtered_exec.py")]


class FilteredDaemon(Daemon):
    def command(self, *arguments):
        return EXECUTE + super().command(*arguments)


# The leak checker traces the process, which the filter forbids; leaks are looked for by other tests.
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Filter(unittest.TestCase):
    def test_filter_forbids(self):
        """The harness itself: what is not in the list fails."""
        program = "import os; os.setpriority(os.PRIO_PROCESS, 0, 5)"
        done = subprocess.run(EXECUTE + [sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("PermissionError", done.stderr)

    def test_both_traps_abort(self):
        """What the unit must not say is what kills libzmq: each line taken out, and a bind aborts."""
        program = ("import zmq; s = zmq.Context().socket(zmq.ROUTER); s.bind('tcp://127.0.0.1:%d')" % free_port())
        command = EXECUTE + [sys.executable, "-c", program]
        self.assertEqual(subprocess.run(command, timeout=60).returncode, 0)
        for line in (r"(?m)^SystemCallFilter=sched_setscheduler\n", r"(?<=AF_INET6) AF_NETLINK"):
            changed, count = re.subn(line, "", unit_file.text())
            self.assertEqual(count, 1, line)
            with tempfile.TemporaryDirectory(prefix="ingest-test-") as folder:
                os.mkdir(os.path.join(folder, "systemd"))
                with open(os.path.join(folder, "systemd", "ingestd.service"), "w", encoding="utf-8") as file:
                    file.write(changed)
                done = subprocess.run(command, env=dict(os.environ, INGEST_BUILD=folder), timeout=60,
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, -signal.SIGABRT, done.stderr)

    def test_daemon_works(self):
        rules = "[series.g]\nmatch = grow/**\nmode = grow\n[series.p]\nmatch = ring/**\ncapacity = 5000\npreallocate = yes\n"
        with FilteredDaemon(rules, tcp=True, environment=ENVIRONMENT) as daemon:
            client = daemon.req()
            start = now_ns() - 10**10
            for batch in range(5):
                blocks = [wire.block("grow/a", "f8", [float(i) for i in range(1000)],
                                     times_ns=range(start + batch * 1000, start + batch * 1000 + 1000)),
                          wire.block("ring/b", "f4", [1.0] * 2000, clock=wire.REGULAR,
                                     t0_ns=start + batch * 2000 * 10**5, period_ps=10**8)]
                reply = client.ask(wire.encode_batch(blocks, flags=wire.FLAG_WAIT))
                self.assertEqual(reply.code, wire.OK, reply)
            self.assertEqual(daemon.count("grow/a"), 5000)
            self.assertEqual(daemon.count("ring/b"), 10000)
            daemon.reload(rules)
            self.assertEqual(daemon.stop(), 0, daemon.log())


if __name__ == "__main__":
    if subprocess.run(EXECUTE + ["/bin/true"], timeout=60).returncode == 77:
        sys.exit(77)
    unittest.main()
