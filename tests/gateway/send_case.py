"""What the tests of ingest-send share: a real daemon for each class, a folder for each test, and runs of the program."""

import os
import re
import subprocess
import tempfile
import unittest

import numpy as np

from ingest_daemon import PATIENCE_S, Daemon, program

CONFIG = """[flush]
interval = 50ms
[series.ring]
match = ring/**
capacity = 1000
[series.all]
match = **
mode = grow
"""
SUMMARY = re.compile(r"^sent (\d+), stored (\d+), durable (\d+), late (\d+), refused (\d+)\n$")
T0 = "2024-05-01T12:00:00Z"
T0_NS = 1714564800 * 10**9


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


class SendCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(CONFIG).start()
        cls.addClassCleanup(cls.daemon.close)
        cls.serial = 0

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        type(self).serial += 1
        self.series = "test/s%d" % self.serial

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def npy(self, array, name="a.npy"):
        np.save(self.path(name), array)
        return self.path(name)

    def run_send(self, *arguments, data=b"", connect=True):
        if connect:
            arguments = ("--connect", self.daemon.router, *arguments)
        return subprocess.run([program("ingest-send"), *arguments], input=data, capture_output=True, timeout=PATIENCE_S * 3)

    def send(self, *arguments, data=b"", expect=0):
        """Runs it; (sent, stored, durable, late, refused)."""
        done = self.run_send(*arguments, data=data)
        self.assertEqual(done.returncode, expect, done.stderr.decode())
        match = SUMMARY.match(done.stdout.decode())
        self.assertTrue(match, done.stdout)
        self.stderr = done.stderr.decode()
        return tuple(int(number) for number in match.groups())

    def send_series(self, *arguments, **options):
        return self.send("--series", self.series, *arguments, **options)

    def fails(self, code, message, *arguments, data=b"", connect=True):
        done = self.run_send(*arguments, data=data, connect=connect)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        self.assertIn(message, text)
        return done

    def values(self, name=None):
        return self.daemon.values(name or self.series)

    def times(self, name=None):
        return self.daemon.times(name or self.series)
