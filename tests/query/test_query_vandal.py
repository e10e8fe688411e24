"""Files are cut, deleted and replaced while ingest-query works on them: it prints what the series held, or a message and
a failure; it never dies of SIGBUS and never shows a zero that nobody wrote. INGEST_SEED, INGEST_VANDAL_SECONDS."""

import os
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import numpy as np
from query_store import SANITIZED, T0, Store, program

SEED = int(os.environ.get("INGEST_SEED", "1"))
SECONDS = float(os.environ.get("INGEST_VANDAL_SECONDS", "4"))
ROWS = 100_000 if SANITIZED else 400_000
NAMES = ["one/grow", "one/ring", "one/regular"]
# 1: a failure while working; 65: bad data; 66: no such series (any more).
FAILURES = (1, 65, 66)


class Vandal(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.folder = tempfile.mkdtemp(prefix="ingest-query-test-")
        store = Store()
        try:
            values = np.ones(ROWS)
            times = T0 + np.arange(ROWS) * 1000
            store.create(NAMES[0], "f8")
            store.create(NAMES[1], "f8", capacity=ROWS)
            store.create(NAMES[2], "f8", clock="regular", period_ps=10**6)
            for i in range(0, ROWS, 20_000):
                part = slice(i, i + 20_000)
                store.append(NAMES[0], values[part], times[part])
                store.append(NAMES[1], values[part], times[part])
                store.append_regular(NAMES[2], values[part], int(times[i]), 10**6)
            store.stop()
            self.good = os.path.join(self.folder, "good")
            shutil.copytree(store.path, self.good)
        finally:
            shutil.rmtree(store.path)
        self.path = os.path.join(self.folder, "store")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def start(self):
        """One query of many kinds; what it prints when it succeeds is all ones."""
        name = self.random.choice(NAMES)
        output = os.path.join(self.folder, "output.npy")
        arguments = self.random.choice([
            ["stats", name, "--stat", "min,max,mean", "--format", "npy", "-o", output],
            ["dump", name, "--format", "npy", "-o", output],
            ["rolling", name, "--window", "50", "--stat", "min,max,mean", "--format", "npy", "-o", output],
            ["resample", name, "--every", "1ms", "--stat", "min,max,mean", "--format", "npy", "-o", output],
            ["stats", "one/*"], ["tail", name], ["plot", name], ["info", name], ["ls"], ["verify"],
        ])
        if os.path.exists(output):
            os.unlink(output)
        process = subprocess.Popen([program("ingest-query"), "--store", self.path, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return name, arguments, output, process

    def damage(self, name):
        folder = os.path.join(self.path, "series", name)
        stamps = "runs.npy" if name == NAMES[2] else "times.npy"
        path = os.path.join(folder, self.random.choice(["values.npy", "values.npy", stamps, "head.npy"]))
        way = self.random.randrange(6)
        if way == 0:
            os.unlink(path)
        elif way == 1:
            shutil.rmtree(folder)
        elif way == 2:
            os.rename(folder, folder + "-old")
            shutil.copytree(os.path.join(self.good, "series", name), folder)
        else:
            os.truncate(path, self.random.randrange(os.path.getsize(path)))

    def test_queries_over_damage(self):
        end = time.monotonic() + SECONDS
        codes = {}
        while time.monotonic() < end or not (codes.get(0) and any(codes.get(code) for code in FAILURES)):
            self.assertLess(time.monotonic(), end + 100, codes)
            shutil.rmtree(self.path, ignore_errors=True)
            shutil.copytree(self.good, self.path)
            name, arguments, output, process = self.start()
            time.sleep(self.random.random() * 0.012)
            self.damage(name)
            errors = process.communicate(timeout=60)[1]
            code = process.returncode
            codes[code] = codes.get(code, 0) + 1
            what = (SEED, arguments, code, errors)
            if code == 0:
                if output in arguments:
                    array = np.load(output)
                    self.assertTrue(len(array) > 0 and (array == 1).all(), what)
                continue
            self.assertIn(code, FAILURES, what)
            # verify's findings are its output.
            if arguments != ["verify"]:
                self.assertTrue(errors.startswith("ingest-query: "), what)
        print("queries by exit code:", codes)


if __name__ == "__main__":
    unittest.main()
