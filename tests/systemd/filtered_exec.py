"""filtered_exec.py COMMAND...: runs a command under the unit's system call filter and address families, as systemd would
put them on it. Exits 77 where libseccomp or systemd-analyze is not here."""
import ctypes
import errno
import os
import shutil
import subprocess
import sys

import unit_file

ALLOW = 0x7FFF0000
COMPARE_EQUAL = 4
PR_SET_NO_NEW_PRIVS = 38
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]


def refuse(number):
    return 0x00050000 | number


def expand(name):
    """A system call's name, or all those of a set."""
    if not name.startswith("@"):
        return {name}
    lines = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True,
                           check=True, timeout=30).stdout.splitlines()[1:]
    words = {line.strip() for line in lines if line.strip() and not line.strip().startswith("#")}
    return set().union(*map(expand, words))


def allowed():
    calls = set()
    for line in unit_file.values("SystemCallFilter"):
        names = set().union(*map(expand, line.lstrip("~").split()))
        calls = calls - names if line.startswith("~") else calls | names
    return calls


def load(library):
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(refuse(errno.EPERM)))
    for name in sorted(allowed() - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert library.seccomp_rule_add_array(context, ALLOW, number, 0, None) == 0, name
    number = library.seccomp_syscall_resolve_name(b"socket")
    for family in unit_file.values("RestrictAddressFamilies")[0].split():
        equal = Comparison(0, COMPARE_EQUAL, FAMILIES[family], 0)
        assert library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(equal)) == 0, family
    assert ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert library.seccomp_load(context) == 0


def main():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        library = None
    if library is None or not shutil.which("systemd-analyze"):
        print("libseccomp or systemd-analyze is not here", file=sys.stderr)
        sys.exit(77)
    load(library)
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
