"""The unit: accepted by systemd, well shut in, and without the two lines that make libzmq abort."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import unit_file

SCORE_MAX = 1.5
ANALYZE = shutil.which("systemd-analyze")


def analyze_version():
    words = subprocess.run([ANALYZE, "--version"], capture_output=True, text=True, timeout=30).stdout.split()
    return int(re.match(r"\d+", words[1])[0])


class Text(unittest.TestCase):
    def test_service(self):
        for key, value in (("Type", "notify"), ("User", "ingestd"), ("Group", "ingestd"), ("UMask", "0027"),
                           ("StateDirectory", "ingestd"), ("StateDirectoryMode", "0750"),
                           ("RuntimeDirectory", "ingestd"), ("WatchdogSec", "60"), ("TimeoutStopSec", "90"),
                           ("Restart", "on-failure"), ("RestartPreventExitStatus", "64 78"),
                           ("LimitNOFILE", "65536"), ("ExecReload", "/bin/sh -c 'kill -HUP $MAINPID'")):
            self.assertEqual(unit_file.values(key), [value], key)

    def test_command_is_the_installed_one(self):
        command, = unit_file.values("ExecStart")
        self.assertRegex(command, r"^/\S+/ingestd( --config /\S+/ingestd/ingestd\.ini)?$")

    def test_user_is_declared(self):
        with open(os.path.join(unit_file.SOURCE, "systemd", "ingestd.sysusers"), encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if line and not line.startswith("#")]
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r'^u ingestd - "[^"]+" /var/lib/ingestd$')

    def test_netlink_is_left_to_libzmq(self):
        families = " ".join(unit_file.values("RestrictAddressFamilies")).split()
        self.assertEqual(set(families), {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"})

    def test_scheduling_is_left_to_libzmq(self):
        """Forbidden with @resources, it must be given back by a later line."""
        filters = unit_file.values("SystemCallFilter")
        self.assertFalse(filters[0].startswith("~"), "the first line says that this is a list of what is allowed")
        forbidden = max(i for i, line in enumerate(filters) if line.startswith("~"))
        self.assertIn("@resources", filters[forbidden])
        self.assertIn("sched_setscheduler", " ".join(filters[forbidden + 1:]).split())

    def test_boot_id_stays_readable(self):
        self.assertEqual(unit_file.values("ProcSubset"), [])


@unittest.skipUnless(ANALYZE, "systemd-analyze is not here")
class Analyze(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ingest-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.unit = os.path.join(self.folder, "ingestd.service")
        built = os.path.join(unit_file.BUILD, "ingestd", "ingestd")
        text, count = re.subn(r"(?m)^ExecStart=.*$", "ExecStart=" + (built if os.path.exists(built) else "/bin/true"),
                              unit_file.text())
        self.assertEqual(count, 1)
        with open(self.unit, "w", encoding="utf-8") as file:
            file.write(text)

    def run_analyze(self, *arguments):
        return subprocess.run([ANALYZE, "--no-pager", *arguments, self.unit], capture_output=True, text=True,
                              timeout=60, env=dict(os.environ, LC_ALL="C"))

    def test_verify(self):
        done = self.run_analyze("verify", "--man=no")
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "ingestd" in line]
        self.assertEqual((done.returncode, ours), (0, []))

    def test_score(self):
        if analyze_version() < 250:
            self.skipTest("systemd-analyze before 250 cannot judge a file")
        done = self.run_analyze("security", "--offline=true")
        score = re.search(r"Overall exposure level for ingestd\.service: ([\d.]+)", done.stdout)
        self.assertIsNotNone(score, done.stdout + done.stderr)
        self.assertLessEqual(float(score[1]), SCORE_MAX, done.stdout)


if __name__ == "__main__":
    if not ANALYZE:
        result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Text))
        print("skipped: systemd-analyze is not here", file=sys.stderr)
        sys.exit(77 if result.wasSuccessful() else 1)
    unittest.main()
