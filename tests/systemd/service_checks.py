"""The service as it is installed, under a real systemd: make test-systemd (tools/test-systemd). Every check begins with an empty
store and a running service, and prints its name and result; the whole ends within LIMIT_S. Arguments: names of checks."""
import errno
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import unittest

import numpy as np
import zmq
import zmq.auth

import ingest_wire as wire
from counting_gateway import BATCH_SAMPLES, BIG_SAMPLES, ENDPOINT, Gateway, big_batch
from ingest_daemon import Client, read_head, read_rows
from machine import Machine, check_here, wait_for
from machine_root import Unavailable, install, make_root

LIMIT_S = 2400
STORE = "/var/lib/ingestd"
CONFIG = """[store]
min_free = 1MiB
[listen]
router = tcp://127.0.0.1:5570 ipc:///run/ingestd/router
[series.grow]
match = grow/**
mode = grow
"""
DROP_IN = "/run/systemd/system/ingestd.service.d/check.conf"
ERROR, WARNING, INFO = "3", "4", "6"

machine = None


class Service(unittest.TestCase):
    def setUp(self):
        machine.run("systemctl", "stop", "ingestd")
        machine.run("rm", "-rf", os.path.dirname(DROP_IN))
        machine.run("find", STORE, "-mindepth", "1", "-not", "-name", "lost+found", "-delete")
        machine.write("/etc/ingestd/ingestd.ini", CONFIG)
        machine.demand("systemctl", "daemon-reload")
        machine.run("systemctl", "reset-failed", "ingestd")
        self.since_us = time.time_ns() // 1000
        machine.demand("systemctl", "start", "ingestd")

    # ---- helpers ----

    @property
    def store(self):
        return machine.path(STORE)

    def gateway(self, name="grow/a", session=7):
        gateway = Gateway(name, session)
        self.addCleanup(gateway.close)
        return gateway

    def request(self):
        client = Client(zmq.REQ, ENDPOINT)
        client.socket.linger = 0
        self.addCleanup(client.close)
        return client

    def drop_in(self, text):
        machine.write(DROP_IN, "[Service]\n" + text)
        machine.demand("systemctl", "daemon-reload")

    def state(self):
        return "/".join(machine.show("ingestd", "ActiveState", "SubState"))

    def pid(self):
        return int(machine.show("ingestd", "MainPID")[0])

    def command(self):
        """What the unit's process runs by now."""
        try:
            with open(machine.path("/proc/%d/comm" % self.pid()), encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def restarts(self):
        return int(machine.show("ingestd", "NRestarts")[0])

    def wait_restarted(self, count):
        wait_for(lambda: self.restarts() >= count and self.state() == "active/running", "restart %d" % count)

    def messages(self, *arguments):
        return [entry["MESSAGE"] for entry in machine.journal("ingestd", self.since_us, *arguments)]

    def said(self, pattern, *arguments):
        """The first message that the pattern is found in; waits for it."""
        def find():
            return next((text for text in self.messages(*arguments) if re.search(pattern, text)), None)
        return wait_for(find, "the journal has: " + pattern, 30)

    def assert_rows(self, gateway, batches):
        """Every sample once and in order."""
        np.testing.assert_array_equal(read_rows(self.store, gateway.name), np.arange(batches * BATCH_SAMPLES, dtype="f8"))

    def need_disk(self):
        if not machine.has_disk:
            self.skipTest("there is no loop device for a disk of its own")

    def journal_tail(self):
        return "\n".join(self.messages()[-30:])

    # ---- checks ----

    def test_installed_files_are_in_place(self):
        path, user, group = machine.show("ingestd", "FragmentPath", "User", "Group")
        self.assertRegex(path, "^(/usr)?/lib/systemd/system/ingestd.service$")
        self.assertEqual((user, group), ("ingestd", "ingestd"))
        done = machine.run("systemd-analyze", "verify", "--man=no", path)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.assertEqual(machine.demand("stat", "-c", "%U %G %a", STORE).split(), ["ingestd", "ingestd", "750"])
        self.assertEqual(machine.demand("stat", "-c", "%U %G %a", "/run/ingestd").split(), ["ingestd", "ingestd", "750"])

    def test_ready_only_after_recovery(self):
        """A start that cannot finish, since its disk is frozen, is not active and answers nobody."""
        self.need_disk()
        self.drop_in("Restart=no\n")
        gateway = self.gateway()
        gateway.push(50)
        machine.demand("systemctl", "kill", "--signal=KILL", "ingestd")
        wait_for(lambda: self.state() == "failed/failed", "it is dead")
        machine.freeze_disk(True)
        try:
            machine.demand("systemctl", "start", "--no-block", "ingestd")
            wait_for(lambda: self.command() == "ingestd", "it is started")
            time.sleep(3)
            self.assertEqual(self.state(), "activating/start")
            late = self.request()
            late.send(wire.encode_hello(8, 1))
            self.assertEqual(late.socket.poll(1000), 0, "an answer before it is ready")
        finally:
            machine.freeze_disk(False)
        wait_for(lambda: self.state() == "active/running", "it is ready")
        self.assertEqual(late.receive().code, wire.OK)
        self.assert_rows(gateway, 50)
        gateway.push(60)
        self.assert_rows(gateway, 60)

    def test_status_text(self):
        self.assertRegex(machine.show("ingestd", "StatusText")[0], r"\S")
        gateway = self.gateway()
        gateway.push(1)

        def text():
            gateway.turn(1)
            return re.search(r"^1 series, \d+ gateways, .* reserved$", machine.show("ingestd", "StatusText")[0])
        wait_for(text, "systemctl status shows what it does", 30)

    def test_sandbox_leaves_what_the_daemon_reads(self):
        """A script in the unit's place, under everything else that the unit says."""
        machine.demand("systemctl", "stop", "ingestd")
        with open(machine.path(machine.show("ingestd", "FragmentPath")[0]), encoding="utf-8") as file:
            unit = file.read()
        unit = re.sub(r"(?m)^(Type|NotifyAccess|ExecStart|ExecReload|Restart\w*|WatchdogSec|StartLimit\w+)=.*\n", "", unit)
        self.assertIn("\nProtectSystem=", unit)
        unit = unit.replace("[Service]\n", "[Service]\nType=oneshot\nExecStart=/bin/sh %s/probe\n" % STORE)
        machine.write(STORE + "/probe", """cd %s; exec 2>/dev/null
cat /proc/sys/kernel/random/boot_id >boot_id
cat /proc/self/io >io
ls /proc | grep -x 1 >others
id -un >user
grep ^CapEff: /proc/self/status >capabilities
for path in /etc /usr/bin /var/tmp/.. /root /home; do echo >$path/probe && echo $path; done >writable
exit 0
""" % STORE)
        machine.write("/run/systemd/system/ingestd-probe.service", unit)
        machine.demand("systemctl", "daemon-reload")
        machine.demand("systemctl", "start", "ingestd-probe")

        def found(name):
            with open(machine.path(STORE + "/" + name), encoding="utf-8") as file:
                return file.read()
        # A container has a boot id of its own, which a unit for which /proc is mounted anew does not see.
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            self.assertIn(found("boot_id"), (file.read(), machine.demand("cat", "/proc/sys/kernel/random/boot_id")))
        self.assertRegex(found("io"), r"(?m)^write_bytes: \d+$")
        self.assertEqual(found("user"), "ingestd\n")
        self.assertEqual(found("capabilities").split()[1].strip("0"), "")
        self.assertEqual(found("writable"), "", "folders outside the store can be written to")
        self.assertEqual(found("others"), "", "other users' processes can be seen")

    def test_watchdog_is_fed_when_idle(self):
        self.drop_in("WatchdogSec=3\n")
        machine.demand("systemctl", "restart", "ingestd")
        pid = self.pid()
        time.sleep(8)
        self.assertEqual((self.state(), self.pid(), self.restarts()), ("active/running", pid, 0))

    def test_watchdog_restarts_a_stopped_daemon(self):
        self.drop_in("WatchdogSec=3\nLimitCORE=0\n")
        machine.demand("systemctl", "restart", "ingestd")
        gateway = self.gateway()
        gateway.push(50)
        pid = self.pid()
        machine.kill(pid, "STOP")
        self.wait_restarted(1)
        self.assertNotEqual(self.pid(), pid)
        self.said("Watchdog timeout")
        gateway.push(100)
        self.assert_rows(gateway, 100)

    def test_kill_loses_nothing(self):
        """Three kills while two gateways send; one of them is ingest-send."""
        gateway = self.gateway()
        sender = machine.launch("ingest-send", "--connect", ENDPOINT, "--series", "grow/cosine", "--cosine", "--rate",
                                "20000", "--interval", "50ms", "--duration", "14s", "--timeout", "60s", "--quiet")
        self.addCleanup(sender.stdout.close)
        self.addCleanup(sender.kill)
        batches = 0
        for kill in range(1, 4):
            end = time.monotonic() + 2
            while time.monotonic() < end:
                batches += 1
                while gateway.sent < batches:
                    gateway.turn(batches)
            pid = self.pid()
            machine.kill(pid, "KILL")
            wait_for(lambda: self.restarts() >= kill, "restart %d" % kill)
            self.wait_restarted(kill)
            self.assertNotEqual(self.pid(), pid)
            gateway.push(batches)
        self.assert_rows(gateway, batches)
        report = sender.communicate(timeout=120)[0]
        match = re.search(r"sent (\d+), stored (\d+), durable (\d+), late (\d+), refused (\d+)", report)
        self.assertIsNotNone(match, report)
        sent, stored, durable, late, refused = (int(word) for word in match.groups())
        self.assertEqual((sender.returncode, stored, durable, late, refused), (0, sent, sent, 0, 0), report)
        self.assertGreater(sent, 100000)
        self.assertEqual(int(read_head(self.store, "grow/cosine")[16]), sent)
        done = machine.run("ingest-query", "verify")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_reload(self):
        pid = self.pid()
        machine.write("/etc/ingestd/ingestd.ini", CONFIG + "[log]\nlevel = debug\n[series.refused]\nmatch = no/**\nmode = refuse\n")
        machine.demand("systemctl", "reload", "ingestd")
        self.said("reload: /etc/ingestd/ingestd.ini is in force")
        wait_for(lambda: self.state() == "active/running", "the reload is over")
        block = wire.block("no/a", "f8", [1.0])
        self.assertEqual(self.request().ask(wire.encode_batch([block])).code, wire.NO_ROOM)
        machine.write("/etc/ingestd/ingestd.ini", CONFIG + "[store]\nmax_byte = 1GiB\n")
        machine.demand("systemctl", "reload", "ingestd")
        self.said("has mistakes; the configuration before it stays in force", "--priority=err")
        wait_for(lambda: self.state() == "active/running", "the second reload is over")
        self.assertEqual((self.pid(), self.restarts()), (pid, 0))
        self.assertEqual(self.request().ask(wire.encode_batch([block])).code, wire.NO_ROOM)

    def test_wrong_configuration_is_not_restarted(self):
        machine.demand("systemctl", "stop", "ingestd")
        machine.write("/etc/ingestd/ingestd.ini", CONFIG + "[flush]\nintervall = 1s\n")
        self.assertNotEqual(machine.run("systemctl", "start", "ingestd").returncode, 0)
        time.sleep(5)
        self.assertEqual(machine.show("ingestd", "ActiveState", "Result", "ExecMainStatus", "NRestarts"),
                         ["failed", "exit-code", "78", "0"])
        said = self.said("intervall", "--priority=err")
        self.assertIn("/etc/ingestd/ingestd.ini", said)
        machine.write("/etc/ingestd/ingestd.ini", CONFIG)
        machine.demand("systemctl", "start", "ingestd")

    def test_busy_port_is_tried_again(self):
        """What may mend itself is restarted."""
        machine.demand("systemctl", "stop", "ingestd")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 5570))
            other.listen()
            self.assertNotEqual(machine.run("systemctl", "start", "ingestd").returncode, 0)
            wait_for(lambda: self.restarts() >= 1, "it is started again")
            self.said("127.0.0.1:5570", "--priority=err")
        wait_for(lambda: self.state() == "active/running", "it has the port")

    def test_full_disk_is_an_answer(self):
        self.need_disk()
        gateway = self.gateway()
        gateway.push(20)
        pid = self.pid()
        filler = os.path.join(machine.disk, "filler")
        self.addCleanup(machine.run, "sh", "-c", "rm -f %s/filler*" % STORE)
        client = self.request()
        self.assertEqual(client.ask(big_batch(1)).code, wire.OK)
        fill(filler, leave_bytes=10 * BIG_SAMPLES * 8)
        sequence, code = 1, wire.OK
        while code == wire.OK:
            sequence += 1
            self.assertLess(sequence, 50, "the disk is never full")
            code = client.ask(big_batch(sequence)).code
        self.assertEqual(code, wire.STORE_FULL)
        self.assertGreater(sequence, 2)
        fill(filler + "-rest", leave_bytes=0)
        self.assertEqual(client.ask(wire.encode_batch([wire.block("grow/new", "f8", [1.0])])).code, wire.STORE_FULL)
        self.said("refused code=STORE_FULL", "--priority=warning")
        time.sleep(3)
        self.assertEqual((self.state(), self.pid()), ("active/running", pid))
        self.assertEqual(machine.run("ingest-query", "stats", "grow/a").returncode, 0)
        machine.kill(pid, "KILL")
        self.wait_restarted(1)
        self.assert_rows(gateway, 20)
        os.unlink(filler)
        os.unlink(filler + "-rest")
        self.assertEqual(self.request().ask(big_batch(sequence)).code, wire.OK)
        np.testing.assert_array_equal(read_rows(self.store, "grow/big"), np.arange(sequence * BIG_SAMPLES, dtype="f8"))
        gateway.push(40)
        self.assert_rows(gateway, 40)

    def test_log_priorities(self):
        machine.write("/etc/ingestd/ingestd.ini", "[flush]\nx = 1\n")
        machine.demand("systemctl", "reload", "ingestd")
        self.said("has mistakes")
        self.request().ask(wire.encode_batch([wire.block("bad//name", "f8", [1.0])]))
        self.said("refused code=BAD_NAME")
        entries = [entry for entry in machine.journal("ingestd", self.since_us) if entry.get("_COMM") == "ingestd"]
        for pattern, priority in ((r"^started version=", INFO), (r"^refused code=BAD_NAME", WARNING),
                                  (r"has mistakes", ERROR)):
            found = [entry["PRIORITY"] for entry in entries if re.search(pattern, entry["MESSAGE"])]
            self.assertEqual(found, [priority], pattern)
        self.assertEqual([entry["MESSAGE"] for entry in entries if entry["MESSAGE"].startswith("<")], [])
        warnings = "\n".join(self.messages("--priority=warning"))
        self.assertIn("refused code=BAD_NAME", warnings)
        self.assertNotIn("started version=", warnings)

    def test_key_by_a_credential(self):
        """The daemon's key stays root's, as docs/security.md has it."""
        keys = "/etc/ingestd/"
        self.addCleanup(machine.run, "sh", "-c", "rm -rf %sserver.key* %sclients %spump.key*" % (keys, keys, keys))
        machine.demand("ingestd", "--keygen", keys + "server.key")
        machine.demand("ingestd", "--keygen", keys + "pump.key")
        self.assertEqual(machine.demand("stat", "-c", "%U %a", keys + "server.key_secret").split(), ["root", "600"])
        with open(machine.path(keys + "pump.key"), encoding="utf-8") as file:
            certificate = file.read()
        machine.write(keys + "clients/pump.key", certificate.replace("metadata\n", "metadata\n    write = \"plant/*\"\n"))
        self.assertIn("plant/*", machine.demand("cat", keys + "clients/pump.key"))
        security = "[security]\nmode = curve\nserver_key_file = %s\nclients_dir = " + keys + "clients\n"
        machine.write("/etc/ingestd/ingestd.ini", CONFIG + security % (keys + "server.key_secret"))
        self.assertNotEqual(machine.run("systemctl", "restart", "ingestd").returncode, 0, "the daemon may not read root's file")
        machine.write("/etc/ingestd/ingestd.ini", CONFIG + security % "/run/credentials/ingestd.service/server.key_secret")
        self.drop_in("LoadCredential=server.key_secret:%sserver.key_secret\n" % keys)
        machine.demand("systemctl", "restart", "ingestd")
        public, secret = zmq.auth.load_certificate(machine.path(keys + "pump.key_secret"))
        client = Client.__new__(Client)
        client.socket, client.name = zmq.Context.instance().socket(zmq.REQ), b"pump"
        self.addCleanup(client.close)
        client.socket.linger = 0
        client.socket.curve_publickey, client.socket.curve_secretkey = public, secret
        client.socket.curve_serverkey = zmq.auth.load_certificate(machine.path(keys + "server.key"))[0]
        client.socket.connect(ENDPOINT)
        self.assertEqual(client.ask(wire.encode_batch([wire.block("plant/a", "f8", [1.0])])).code, wire.OK)
        self.assertEqual(client.ask(wire.encode_batch([wire.block("other", "f8", [1.0])])).code, wire.NOT_AUTHORISED)
        machine.kill(self.pid(), "KILL")
        self.wait_restarted(1)
        self.assertEqual(client.ask(wire.encode_batch([wire.block("plant/a", "f8", [1.0])])).code, wire.OK)

    def test_operator_in_the_group_may_read(self):
        gateway = self.gateway()
        gateway.push(10)
        done = machine.run("runuser", "-u", "reader", "--", "ingest-query", "stats", "grow/a", "--stat", "count,sum",
                           "--format", "csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("grow/a,100,4950", done.stdout)
        done = machine.run("runuser", "-u", "reader", "--", "ingest-query", "status")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for command in (": >%s/new" % STORE, ": >>%s/series/grow/a/values.npy" % STORE, "rm -f %s/status.npy" % STORE):
            done = machine.run("runuser", "-u", "reader", "--", "sh", "-c", command)
            self.assertNotEqual(done.returncode, 0, command)

    def test_outsider_is_refused(self):
        self.gateway().push(10)
        for command in (["ingest-query", "ls"], ["ingest-query", "stats", "grow/a"], ["ingest-query", "status"]):
            done = machine.run("runuser", "-u", "outsider", "--", *command)
            self.assertNotEqual(done.returncode, 0, command)
            self.assertEqual(done.stdout, "", command)
            self.assertIn("Permission denied", done.stderr, command)
        for path in (STORE, "/run/ingestd"):
            self.assertNotEqual(machine.run("runuser", "-u", "outsider", "--", "ls", path).returncode, 0, path)

    def test_stop_makes_everything_durable(self):
        gateway = self.gateway()
        while gateway.stored < 200:
            gateway.turn(200)
        machine.demand("systemctl", "stop", "ingestd")
        self.assertEqual(machine.show("ingestd", "ActiveState", "Result", "ExecMainStatus"), ["inactive", "success", "0"])
        head = read_head(self.store, gateway.name)
        self.assertEqual((int(head[16]), int(head[32])), (200 * BATCH_SAMPLES,) * 2)
        self.assertEqual(machine.run("ingest-query", "stats", gateway.name).returncode, 0, "reading without a daemon")
        machine.demand("systemctl", "start", "ingestd")
        gateway.push(210)
        self.assert_rows(gateway, 210)

    def test_whole_machine_restarts(self):
        machine.demand("systemctl", "enable", "ingestd")
        gateway = self.gateway()
        gateway.push(100)
        zmq.Context.instance().destroy(linger=0)
        machine.stop()
        machine.start()
        self.since_us = time.time_ns() // 1000
        wait_for(lambda: self.state() == "active/running", "it is started with the machine")
        gateway = self.gateway()
        gateway.sent = gateway.stored = gateway.durable = 100
        gateway.push(120)
        self.assert_rows(gateway, 120)
        self.assertEqual(self.restarts(), 0)


def fill(path, leave_bytes):
    """Takes all but so much of the file system of `path`."""
    step, at = 1 << 24, 0
    with open(path, "wb") as file:
        while step >= 4096:
            try:
                os.posix_fallocate(file.fileno(), at, step)
                at += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
        file.truncate(at - leave_bytes)


class Result(unittest.TextTestResult):
    """Shows the journal of what failed."""

    def _show_journal(self, test):
        try:
            self.stream.writeln("---- journal ----\n%s\n----" % test.journal_tail())
        except Exception as error:
            self.stream.writeln("---- no journal: %s ----" % error)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._show_journal(test)

    def addError(self, test, err):
        super().addError(test, err)
        if isinstance(test, Service):
            self._show_journal(test)


def prepare(folder):
    """A root with ingestd installed, and the machine of it, running."""
    global machine
    machine = Machine(folder)
    os.mkdir(machine.root)
    make_root(machine.root, os.path.join(folder, "log"))
    install(machine.root)
    machine.mount_disk()
    machine.start()
    machine.demand("systemd-sysusers")
    for user, groups in (("reader", ["-G", "ingestd"]), ("outsider", [])):
        machine.demand("useradd", "--no-create-home", *groups, user)


class Stopped(KeyboardInterrupt):
    """By a signal. A check does not catch this."""


def stop_at_once(number, _frame):
    raise Stopped("the limit of %d s" % LIMIT_S if number == signal.SIGALRM else "signal %d" % number)


def main():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop_at_once)
    signal.alarm(LIMIT_S)
    folder = tempfile.mkdtemp(prefix="ingest-systemd-")
    try:
        check_here()
        prepare(folder)
        names = ["Service." + name for name in sys.argv[1:]]
        loader = unittest.TestLoader()
        checks = loader.loadTestsFromNames(names, sys.modules[__name__]) if names else loader.loadTestsFromTestCase(Service)
        runner = unittest.TextTestRunner(sys.stdout, descriptions=False, verbosity=2, resultclass=Result)
        return 0 if runner.run(checks).wasSuccessful() else 1
    except Unavailable as reason:
        print("skipped: %s" % reason)
        return 0
    except KeyboardInterrupt as reason:
        print("stopped: %s" % reason)
        return 1
    finally:
        signal.alarm(0)
        if machine is not None:
            machine.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
