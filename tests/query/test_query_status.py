"""status, beside a real daemon."""

import csv
import io
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

import numpy as np
from ingest_daemon import Daemon, program, wait_for
from ingest_wire import block, encode_batch

T0 = 1_700_000_000 * 10**9
PULSE = "[flush]\ninterval = 50ms\n"


class Status(unittest.TestCase):
    def status(self, store, *arguments):
        """(exit code, lines of standard output, standard error)"""
        result = subprocess.run([program("ingest-query"), "--store", store, "status", *arguments],
                                capture_output=True, timeout=60, env=dict(os.environ, TZ="UTC"))
        return result.returncode, result.stdout.decode().splitlines(), result.stderr.decode()

    def rows(self, store, *arguments):
        code, lines, errors = self.status(store, "--format", "csv", *arguments)
        self.assertEqual(errors, "")
        table = list(csv.reader(io.StringIO("\n".join(lines))))
        self.assertEqual(table[0], ["name", "value"])
        return code, table[1:]

    def send(self, daemon, name):
        client = daemon.dealer()
        frame = line_protocol(name)
        client.send(frame)
        client.receive()

    def test_gateways(self):
        with Daemon(PULSE) as daemon:
            first, second = daemon.dealer(), daemon.dealer()
            first.hello(0xabc, name="pump house")
            second.hello(7)
            for sequence in (1, 2, 3):
                t0_ns = T0 if sequence == 2 else T0 + sequence * 10**12  # the second one comes late
                second.send(encode_batch([block("a", "f8", [1.0], t0_ns=t0_ns, period_ps=10**9)], session=7, sequence=sequence))
            second.until(lambda reply: reply.durable == 3, "durable")

            def table():
                code, lines, errors = self.status(daemon.store, "--gateways", "--format", "csv")
                self.assertEqual((code, errors), (0, ""))
                return {row["session"]: row for row in csv.DictReader(lines)}
            wait_for(lambda: table().get("0000000000000007", {}).get("durable") == "3")
            rows = table()
            self.assertEqual(rows["0000000000000abc"]["name"], "pump house")
            row = rows["0000000000000007"]
            self.assertEqual((row["stored"], row["late"], row["refused"]), ("3", "1", "1"))
            self.assertNotEqual(row["address"], "")
            self.assertLess(abs(np.datetime64(row["last_seen"].rstrip("Z"), "ns").astype("i8") / 1e9 - time.time()), 60)
            self.assertEqual(self.status(daemon.store, "--gateways", "--max-age", "5m", "a")[0], 64)
            array = np.load(os.path.join(daemon.store, "gateways.npy"), mmap_mode="r")
            self.assertEqual((array.shape, array.dtype), ((1024, 32), np.int64))
            on_disk = daemon.status("written_bytes") > 0  # and not in the memory of a tmpfs
            text = "\n".join(self.status(daemon.store)[1])
            self.assertRegex(text, r"written +.* that became durable" + r": [\d.]+ bytes a byte" * on_disk)
            self.assertRegex(text, r"start +a new store")

    def test_healthy_and_then_stopped(self):
        with Daemon(PULSE) as daemon:
            self.send(daemon, "plant")
            wait_for(lambda: daemon.status("series") == 1 and daemon.status("samples") == 1)
            code, lines, errors = self.status(daemon.store)
            self.assertEqual((code, errors), (0, ""), lines)
            text = "\n".join(lines)
            self.assertIn("running, pid %d" % daemon.process.pid, text)
            self.assertRegex(text, r"health +healthy")
            self.assertRegex(text, r"refused +none")
            self.assertRegex(text, r"series +1,")

            code, rows = self.rows(daemon.store)
            values = dict(rows)
            self.assertEqual(code, 0)
            self.assertEqual((values["healthy"], values["running"]), ("1", "1"))
            self.assertEqual(values["pid"], str(daemon.process.pid))
            self.assertEqual(values["samples"], "1")
            self.assertEqual(int(values["started_ns"]), daemon.status("started_ns"))
            self.assertIn("refused_bad_name", values)

            code, lines, _ = self.status(daemon.store, "--format", "json")
            objects = [json.loads(line) for line in lines]
            self.assertIn({"name": "healthy", "value": 1}, objects)
            self.assertTrue(all(sorted(entry) == ["name", "value"] for entry in objects))

            daemon.stop()
            code, lines, _ = self.status(daemon.store)
            self.assertEqual(code, 1)
            self.assertIn("not running", "\n".join(lines))
            code, rows = self.rows(daemon.store)
            self.assertEqual((code, dict(rows)["healthy"], dict(rows)["running"]), (1, "0", "0"))
            self.assertIn(["problem", "ingestd is not running"], rows)

    def test_killed(self):
        with Daemon(PULSE) as daemon:
            daemon.kill()
            code, lines, _ = self.status(daemon.store)
            self.assertEqual(code, 1)
            self.assertIn("not running", "\n".join(lines))

    def test_refusals_are_told_by_code(self):
        with Daemon(PULSE) as daemon:
            client = daemon.dealer()
            client.send(b"\x93IB\x01 and nothing else")
            client.receive()
            wait_for(lambda: daemon.refused(2) == 1)
            code, lines, _ = self.status(daemon.store)
            self.assertEqual(code, 0)
            self.assertRegex("\n".join(lines), r"refused +checksum 1")

    def test_stuck(self):
        with Daemon(PULSE) as daemon:
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                self.assertEqual(self.status(daemon.store)[0], 0)
                wait_for(lambda: self.status(daemon.store)[0] == 1, "the daemon is found stuck", 30)
                text = "\n".join(self.status(daemon.store)[1])
                self.assertIn("no sign of life", text)
                wait_for(lambda: "flusher is stuck" in "\n".join(self.status(daemon.store)[1]), "the flusher too", 30)
            finally:
                daemon.process.send_signal(signal.SIGCONT)
            wait_for(lambda: self.status(daemon.store)[0] == 0, "the daemon goes on")

    def words(self, store, **changes):
        """Writes words into status.npy, as a daemon in that state would."""
        array = np.load(os.path.join(store, "status.npy"), mmap_mode="r+")
        for index, value in changes.items():
            array[int(index[1:])] = value
        array.flush()

    def test_a_stuck_flusher_and_damage_by_the_words_alone(self):
        # A daemon that stands still does not write over what we write.
        with Daemon(PULSE) as daemon:
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                now = time.time_ns()
                self.words(daemon.store, w4=now, w3=now - 3600 * 10**9, w7=now - 40 * 10**9, w6=10**9)
                code, lines, _ = self.status(daemon.store)
                self.assertEqual(code, 1)
                self.assertIn("flusher is stuck: no tick has ended for 40 s", "\n".join(lines))
                # Five intervals of ten seconds are not over.
                self.words(daemon.store, w4=time.time_ns(), w6=10 * 10**9)
                self.assertEqual(self.status(daemon.store)[0], 0)
                self.words(daemon.store, w4=time.time_ns(), w27=2)
                code, lines, _ = self.status(daemon.store)
                self.assertEqual(code, 1)
                self.assertIn("damage: 2 series refuse samples", "\n".join(lines))
                self.words(daemon.store, w4=time.time_ns(), w27=0, w5=1)
                self.assertEqual(self.status(daemon.store)[0], 1)
                self.words(daemon.store, w4=time.time_ns(), w5=2)
                self.assertEqual(self.status(daemon.store)[0], 0)
            finally:
                daemon.process.send_signal(signal.SIGCONT)

    def test_max_age(self):
        with Daemon(PULSE) as daemon:
            self.send(daemon, "old")
            time.sleep(12)
            self.send(daemon, "new")
            wait_for(lambda: daemon.has("new/value") and daemon.count("new/value") == 1)
            self.assertEqual(self.status(daemon.store, "--max-age", "5m", "**")[0], 0)
            code, lines, _ = self.status(daemon.store, "--max-age", "10s", "**")
            stale = [line for line in lines if line.startswith("stale")]
            self.assertEqual((code, len(stale)), (1, 1), lines)
            self.assertIn("old/value", stale[0])
            code, rows = self.rows(daemon.store, "--max-age", "10s", "**")
            self.assertEqual([row for row in rows if row[0] == "stale"], [["stale", "old/value"]])
            self.assertEqual(dict(rows)["healthy"], "0")
            self.assertEqual(self.status(daemon.store, "--max-age", "10s", "old/*")[0], 1)
            code, lines, errors = self.status(daemon.store, "--max-age", "5m", "nix/*")
            self.assertEqual((code, lines), (66, []))
            self.assertIn("nix/*", errors)
            self.assertEqual(self.status(daemon.store, "--max-age", "5m", "nix")[0], 66)
            self.assertEqual(self.status(daemon.store, "--max-age", "5m")[0], 64)
            self.assertEqual(self.status(daemon.store, "--max-age", "soon", "**")[0], 64)
            self.assertEqual(self.status(daemon.store, "new/value")[0], 64)

    def test_no_store(self):
        with tempfile.TemporaryDirectory() as folder:
            code, lines, errors = self.status(os.path.join(folder, "nowhere"))
            self.assertEqual((code, lines), (66, []))
            self.assertIn("nowhere", errors)
            code, lines, _ = self.status(folder)
            self.assertEqual(code, 1)
            self.assertIn("not running", "\n".join(lines))


def line_protocol(name):
    return b"%s value=1.5\n" % name.encode()


if __name__ == "__main__":
    unittest.main()
