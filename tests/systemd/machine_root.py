"""The root of a small machine with systemd, of the release that this one runs, so that programs built here run there,
and what is installed in it. Made by debootstrap; with INGEST_SYSTEMD_ROOT=FILE.tar it is unpacked from there, and packed
to there the first time."""
import os
import platform
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = "systemd,systemd-sysv,dbus,libzmq5,libinih1"
MIRRORS = {"debian": ("http://deb.debian.org/debian", "main"),
           "ubuntu": ("http://archive.ubuntu.com/ubuntu", "main,universe")}
# A slow mirror: some 150 packages.
MAKE_S = 900


class Unavailable(Exception):
    """Why it cannot be done here, in a sentence."""


def _run(command, log):
    with open(log, "ab") as file:
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=MAKE_S).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def _last_line(log):
    with open(log, errors="replace") as file:
        lines = file.read().splitlines()
    return lines[-1].strip() if lines else "no message"


def _bootstrap(root, log):
    release = platform.freedesktop_os_release()
    if release["ID"] not in MIRRORS or "VERSION_CODENAME" not in release:
        raise Unavailable("a root can be made of a Debian or Ubuntu release, and this is " + release.get("PRETTY_NAME", "neither"))
    mirror, components = MIRRORS[release["ID"]]
    mirror = os.environ.get("INGEST_SYSTEMD_MIRROR", mirror)
    if not _run(["debootstrap", "--variant=minbase", "--components=" + components, "--include=" + PACKAGES,
                 release["VERSION_CODENAME"], root, mirror], log):
        raise Unavailable("debootstrap could not make a root from %s: %s" % (mirror, _last_line(log)))


def make_root(root, log):
    """Fills the empty folder `root`."""
    archive = os.environ.get("INGEST_SYSTEMD_ROOT")
    if archive and os.path.exists(archive):
        if not _run(["tar", "-C", root, "--numeric-owner", "-xpf", archive], log):
            raise Unavailable("%s cannot be unpacked: %s" % (archive, _last_line(log)))
        return
    _bootstrap(root, log)
    if archive and not _run(["tar", "-C", root, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb", "-cf",
                             archive, "."], log):
        raise Unavailable("%s cannot be written: %s" % (archive, _last_line(log)))


def install(root):
    """ingestd as it is built here, with its unit and its users."""
    done = subprocess.run(["make", "--no-print-directory", "-C", SOURCE, "install", "DESTDIR=" + root, "PREFIX=/usr"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise SystemExit("make install failed:\n" + (done.stdout + done.stderr)[-4000:])
