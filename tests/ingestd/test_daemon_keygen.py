"""ingestd --keygen: certificates that pyzmq reads, and that open the daemon's door."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import zmq
import zmq.auth

from curve_daemon import CurveDaemon, keygen
from ingest_daemon import program
from ingest_wire import NOT_AUTHORISED, OK, block, encode_batch

T0 = 1700000000 * 10**9


class Keygen(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ingest-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_keygen(self, *arguments):
        return subprocess.run([program("ingestd"), "--keygen", *arguments], capture_output=True, text=True, timeout=60)

    def test_two_files_that_pyzmq_reads(self):
        public = keygen(self.path("a.key"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.key", "a.key_secret"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a.key_secret")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a.key")).st_mode) & 0o022, 0)
        self.assertEqual(zmq.auth.load_certificate(self.path("a.key")), (public, None))
        loaded, secret = zmq.auth.load_certificate(self.path("a.key_secret"))
        self.assertEqual((loaded, zmq.curve_public(secret)), (public, public))
        self.assertEqual(list(zmq.auth.load_certificates(self.folder)), [public])
        self.assertNotEqual(public, keygen(self.path("b.key")))

    def test_nothing_is_overwritten(self):
        for name in ("a.key", "a.key_secret"):
            with open(self.path(name), "w") as file:
                file.write("mine")
            done = self.run_keygen(self.path("a.key"))
            self.assertEqual(done.returncode, 73)
            self.assertIn(name + ": is there already", done.stderr)
            self.assertEqual(os.listdir(self.folder), [name])
            os.remove(self.path(name))

    def test_command_line(self):
        for arguments, code in ((("",), 64), ((), 64), ((self.path("none/a"),), 73), ((self.path("a"), "--check-config"), 64)):
            done = self.run_keygen(*arguments)
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_its_keys_work(self):
        daemon = CurveDaemon(tcp=True)
        self.addCleanup(daemon.close)
        # A gateway's certificate is made by the same command, and given its patterns with an editor.
        keygen(self.path("gate.key"))
        with open(self.path("gate.key")) as file:
            text = file.read()
        self.assertIn('#    write = "plant1/** lab/*"\n', text)
        with open(os.path.join(daemon.clients, "gate.key"), "w") as file:
            file.write(text.replace("#    write", "    write"))
        # The public name stands for both files, as czmq has it.
        daemon.server_key_file = daemon.server_key_file.replace("_secret", "")
        daemon.configure(daemon.curve_config())
        daemon.start()
        client = daemon.client(self.path("gate.key_secret"))
        self.assertEqual(client.ask(encode_batch([block(name, "f8", [1.0], times_ns=[T0]) for name in ("lab/x", "plant2/x")])).code, NOT_AUTHORISED)
        self.assertTrue(daemon.has("lab/x"))
        # And the other way round: a daemon with keys that pyzmq made.
        other = CurveDaemon(tcp=True)
        self.addCleanup(other.close)
        public_file, other.server_key_file = zmq.auth.create_certificates(other.folder, "pyzmq")
        other.server_key = zmq.auth.load_certificate(public_file)[0]
        os.chmod(other.server_key_file, 0o600)
        key = other.make("gate")
        other.configure(other.curve_config())
        other.start()
        self.assertEqual(other.client(key).ask(encode_batch([block("x", "f8", [1.0], times_ns=[T0])])).code, OK)


if __name__ == "__main__":
    unittest.main()
