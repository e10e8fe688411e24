"""A machine in systemd-nspawn that boots a root, with a network and a disk for /var/lib/ingestd of its own.

The way that also works where systemd is not the first process here: in a mount namespace with a private /run, unregistered;
commands are run in it by nsenter."""
import ctypes
import json
import os
import signal
import subprocess
import time

from machine_root import Unavailable

# A loaded machine with slow disks.
PATIENCE_S = 90
DISK_BYTES = 1 << 30
CLONE_NEWNET = 0x40000000
BOOT = "mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec \"$@\""


def wait_for(condition, what, seconds=PATIENCE_S):
    """Polls until the condition returns something true; returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


def call(*command, seconds=PATIENCE_S):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)


def check_here():
    """Unavailable where a machine cannot be booted."""
    done = call("unshare", "-m", "sh", "-c", BOOT, "sh", "true")
    if done.returncode != 0:
        raise Unavailable("mounts cannot be made here, as in a container without privileges: " + done.stderr.strip())


class Machine:
    """Folders: root/ (given filled), disk/ (its /var/lib/ingestd: a file system of its own where there are loop devices)."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        self.disk = os.path.join(folder, "disk")
        self.has_disk = False
        self._image = os.path.join(folder, "disk.img")
        self._console = os.path.join(folder, "console")
        self._process = None
        self.leader = None
        os.makedirs(self.disk)

    def mount_disk(self):
        """An ext4 of 1 GiB; the file that holds it is sparse."""
        with open(self._image, "wb") as file:
            file.truncate(DISK_BYTES)
        self.has_disk = (call("mkfs.ext4", "-q", "-m", "0", self._image).returncode == 0
                         and call("mount", "-o", "loop", self._image, self.disk).returncode == 0)

    # ---- life ----

    def start(self):
        with open(self._console, "ab") as console:
            self._process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", BOOT, "sh", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                 "--private-network", "--directory=" + self.root, "--bind=" + self.disk + ":/var/lib/ingestd", "--boot"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            self.leader = wait_for(self._find_leader, "systemd-nspawn started the first process")
            wait_for(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "it is up")
        except AssertionError as reason:
            with open(self._console, errors="replace") as file:
                raise Unavailable("systemd-nspawn does not boot here (%s): %s" % (reason, file.read()[-500:])) from None
        self._join_network()

    def _find_leader(self):
        """The process that is number 1 inside: a child of systemd-nspawn."""
        if self._process.poll() is not None:
            raise AssertionError("systemd-nspawn ended with %d" % self._process.returncode)
        number = self._process.pid
        with open("/proc/%d/task/%d/children" % (number, number)) as file:
            children = file.read().split()
        for child in children:
            with open("/proc/%s/comm" % child) as comm, open("/proc/%s/status" % child) as status:
                inside = [line.split()[-1] for line in status if line.startswith("NSpid:")]
                if comm.read().strip() == "systemd" and inside == ["1"]:
                    return int(child)
        return None

    def _join_network(self):
        """This process' sockets are made inside from now on."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/%d/ns/net" % self.leader) as file:
            if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def stop(self):
        """An orderly power-off; a kill if it takes too long."""
        if self._process is None:
            return
        if self._process.poll() is None and self.leader is not None:
            try:
                self.run("systemctl", "poweroff", "--no-block")
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                pass
        if self._process.poll() is None:
            if self.leader is not None:
                os.kill(self.leader, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self._process = self.leader = None

    def close(self):
        self.freeze_disk(False)
        self.stop()
        if self.has_disk:
            call("umount", self.disk)
            self.has_disk = False

    # ---- inside ----

    def path(self, inside):
        """A path of the running machine, as seen from here."""
        return "/proc/%d/root%s" % (self.leader, inside)

    def run(self, *command, seconds=PATIENCE_S):
        return call("nsenter", "-t", str(self.leader), "-a", "--", *command, seconds=seconds)

    def demand(self, *command):
        """Runs a command that must succeed; returns what it printed."""
        done = self.run(*command)
        if done.returncode != 0:
            raise AssertionError("%s: exit code %d\n%s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def kill(self, pid, name):
        """By the shell: a minimal root has no other kill."""
        self.demand("sh", "-c", "kill -%s %d" % (name, pid))

    def launch(self, *command):
        """Starts a command; its output is read with communicate()."""
        return subprocess.Popen(["nsenter", "-t", str(self.leader), "-a", "--", *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def write(self, inside, text):
        path = self.path(inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def show(self, unit, *names):
        """Properties of a unit, in the order asked."""
        lines = self.demand("systemctl", "show", unit, *("--property=" + name for name in names)).splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return [values[name] for name in names]

    # ---- journal ----

    def journal(self, unit, since_us, *arguments):
        """What a unit, and systemd about it, said since a time: dictionaries of the journal's fields. journalctl's own
        --after-cursor leaves out the first entry that a filter lets through."""
        self.demand("journalctl", "--sync")
        text = self.demand("journalctl", "--quiet", "--output=json", "--unit=" + unit, *arguments)
        entries = [json.loads(line) for line in text.splitlines()]
        return [entry for entry in entries if int(entry["__REALTIME_TIMESTAMP"]) >= since_us]

    # ---- disk ----

    def freeze_disk(self, is_frozen):
        """Every write to a frozen file system waits until it is thawed."""
        if self.has_disk:
            call("fsfreeze", "-f" if is_frozen else "-u", self.disk)
