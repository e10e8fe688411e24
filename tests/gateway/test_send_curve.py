"""ingest-send and the library against a daemon that asks for keys: what comes in, and what a wrong key is told."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import numpy as np
import zmq
import zmq.auth

from curve_daemon import CurveDaemon, keygen
from ingest_daemon import PATIENCE_S, Daemon, program, wait_for

CONFIG = "[flush]\ninterval = 50ms\n"
WAIT = "8s"  # longer than a handshake that is left unanswered takes


class SendCurve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = CurveDaemon(CONFIG, tcp=True)
        cls.addClassCleanup(cls.daemon.close)
        cls.key = cls.daemon.make("gate", "allowed/**")
        cls.stranger = cls.daemon.make("stranger", admit=False)
        cls.revoked = cls.daemon.make("revoked", revoked="yes")
        cls.daemon.start()
        cls.server_key = cls.daemon.server_key.decode()
        cls.array = os.path.join(cls.daemon.folder, "a.npy")
        np.save(cls.array, np.arange(1000.0))

    def command(self, *arguments, series="allowed/x", endpoint=None):
        return [program("ingest-send"), "--connect", endpoint or self.daemon.router, "--series", series, "--rate", "100",
                *arguments]

    def send(self, *arguments, **options):
        return subprocess.run(self.command(*arguments, self.array, **options), capture_output=True, text=True,
                              timeout=PATIENCE_S * 3)

    def fails(self, code, message, *arguments, **options):
        done = self.send(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, message)
        return done.stderr

    def test_right_keys(self):
        for number, server_key in enumerate((self.server_key, os.path.join(self.daemon.folder, "server.key"))):
            for key in (self.key, self.key.replace("_secret", "")):
                series = "allowed/%d/%s" % (number, os.path.basename(key))
                done = self.send("--key", key, "--server-key", server_key, series=series)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, "sent 1000, stored 1000, durable 1000, late 0, refused 0\n")
                np.testing.assert_array_equal(self.daemon.values(series), np.arange(1000.0))

    def test_a_name_that_it_may_not_write(self):
        done = self.send("--key", self.key, "--server-key", self.server_key, series="other/x")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "sent 1000, stored 0, durable 0, late 0, refused 1000\n")
        self.assertIn("NOT_AUTHORISED: series other/x: the certificate of this gateway does not allow", done.stderr)
        self.assertFalse(self.daemon.has("other/x"))

    def test_wrong_keys_are_told(self):
        wrong = zmq.curve_keypair()[0].decode()
        unfinished = "no daemon answers: the daemon did not finish the handshake: it does not know this gateway's key "
        self.fails(75, unfinished, "--key", self.stranger, "--server-key", self.server_key, "--timeout", WAIT)
        self.fails(75, unfinished, "--key", self.key, "--server-key", wrong, "--timeout", "2s")
        self.fails(75, "no daemon answers: the daemon refused this gateway's key: it is marked as revoked",
                   "--key", self.revoked, "--server-key", self.server_key, "--timeout", "2s")
        self.fails(75, "no daemon answers: the daemon (wants CURVE: give|did not finish the handshake: it may want CURVE)",
                   "--timeout", "2s")
        with Daemon(CONFIG, tcp=True) as open_daemon:
            self.fails(75, "no daemon answers: the daemon (does not use CURVE: its configuration says mode = none|did not)",
                       "--key", self.key, "--server-key", self.server_key, "--timeout", "2s",
                       endpoint=open_daemon.router)
        self.assertFalse(self.daemon.has("allowed/x"))

    def test_files_that_will_not_do(self):
        folder = tempfile.mkdtemp(prefix="ingest-test-")
        self.addCleanup(shutil.rmtree, folder)
        key = os.path.join(folder, "k")
        keygen(key)
        self.fails(64, "--key and --server-key belong together", "--key", self.key)
        self.fails(64, "--key and --server-key belong together", "--server-key", self.server_key)
        self.fails(66, "k9: No such file", "--key", key + "9", "--server-key", self.server_key)
        self.fails(66, "x: No such file", "--key", key, "--server-key", "x")
        self.fails(78, "a.npy:1: a control character", "--key", self.array, "--server-key", self.server_key)
        self.fails(78, "a.npy:1: a control character", "--key", key, "--server-key", self.array)
        os.chmod(key + "_secret", 0o644)
        self.fails(78, "k_secret: holds a secret key, .*chmod 600 ", "--key", key, "--server-key", self.server_key)
        os.chmod(key + "_secret", 0o600)
        with open(key + "_secret") as file:
            text = file.read()
        with open(key + "_secret", "w") as file:
            file.write(re.sub('public-key = ".*"', lambda _: 'public-key = "%s"' % self.server_key, text))
        self.fails(78, "the public key is not that of the secret key", "--key", key, "--server-key", self.server_key)
        os.remove(key + "_secret")
        self.fails(78, "k: holds no secret key", "--key", key, "--server-key", self.server_key)

    def test_a_key_that_comes_late_and_goes(self):
        """A sender goes on trying until its certificate is there; when it is taken away, it says so, keeps what it has
        and goes on when it is back."""
        key = self.daemon.make("late", "allowed/**", admit=False)
        log = os.path.join(self.daemon.folder, "send.log")
        with open(log, "wb") as errors:
            process = subprocess.Popen(
                self.command("--key", key, "--server-key", self.server_key, "--timeout", "100s", "--cosine", "--interval",
                             "100ms", series="allowed/live"), stdout=subprocess.PIPE, stderr=errors)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)

        def said(text):
            with open(log) as file:
                return text in file.read()

        certificate = os.path.join(self.daemon.clients, "late.key")
        wait_for(lambda: self.daemon.status("handshakes_refused") >= 1, "it was refused")
        shutil.copy(os.path.join(self.daemon.keys, "late.key"), certificate)
        self.daemon.reload_clients()
        self.daemon.wait_count("allowed/live", 1)
        os.remove(certificate)
        self.daemon.reload_clients()
        wait_for(lambda: said("NOT_AUTHORISED: the key ") or said("no connection: "), "it is told")
        before = self.daemon.count("allowed/live")
        shutil.copy(os.path.join(self.daemon.keys, "late.key"), certificate)
        self.daemon.reload_clients()
        wait_for(lambda: self.daemon.count("allowed/live") > before, "it comes in again", 3 * PATIENCE_S)
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0)
        sent, stored = re.match(rb"sent (\d+), stored (\d+), durable \d+, late 0, refused 0\n", out).groups()
        self.assertEqual((int(stored), self.daemon.count("allowed/live")), (int(sent), int(sent)), "nothing is lost or twice")


if __name__ == "__main__":
    unittest.main()
