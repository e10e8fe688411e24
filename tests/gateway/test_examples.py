"""The examples, run as they stand: each sends a cosine to a real daemon, also over a restart of it, and reader.py reads it back."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

from ingest_daemon import Daemon, program, read_times, read_rows, wait_for

SOURCE = os.environ["INGEST_SOURCE"]
BUILD = os.environ["INGEST_BUILD"]
EXAMPLES = os.path.join(SOURCE, "examples")
COSINE = np.cos(np.arange(100) * 2 * np.pi / 100)
FAST_FLUSH = "[flush]\ninterval = 50ms\n"
SECONDS = 30


def reader():
    spec = importlib.util.spec_from_file_location("reader", os.path.join(EXAMPLES, "reader.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def node_with_zeromq():
    """A folder from which Node finds the zeromq module, or None."""
    node = shutil.which("node")
    if not node:
        return None
    probe = "import('zeromq').then(() => process.exit(0), () => process.exit(1))"
    folders = [os.environ.get("INGEST_NODE_FOLDER", ""), EXAMPLES]
    for folder in filter(None, folders):
        if subprocess.run([node, "--input-type=module", "-e", probe], cwd=folder, stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return folder
    return None


class Gateways(unittest.TestCase):
    def check(self, command, **options):
        with Daemon(FAST_FLUSH) as daemon:
            done = subprocess.run([*command, daemon.router, "example/one", str(SECONDS)], capture_output=True,
                                  text=True, timeout=60, stdin=subprocess.DEVNULL, **options)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            values, times = reader().load(daemon.series_folder("example/one"))
            np.testing.assert_allclose(values, np.tile(COSINE, SECONDS), rtol=0, atol=1e-15)
            np.testing.assert_array_equal(np.diff(times), 10**7)
            self.assertLess(abs(time.time_ns() - int(times[-1])), 60 * 10**9)

            # The daemon is away, comes, is killed and comes back: still every sample once.
            daemon.kill()
            sender = subprocess.Popen([*command, daemon.router, "example/two", str(SECONDS)], stdin=subprocess.DEVNULL,
                                      **options)
            try:
                time.sleep(0.3)
                daemon.start()
                wait_for(lambda: daemon.count("example/two") > 0, "a sample arrives")
                daemon.kill()
                daemon.start()
                self.assertEqual(sender.wait(60), 0)
            finally:
                sender.kill()
                sender.wait()
            self.assertEqual(daemon.count("example/two"), 100 * SECONDS)
            np.testing.assert_allclose(daemon.values("example/two"), np.tile(COSINE, SECONDS), rtol=0, atol=1e-15)

    def test_c(self):
        self.check([os.path.join(BUILD, "examples", "gateway_c")])

    def test_python(self):
        self.check([sys.executable, os.path.join(EXAMPLES, "gateway.py")])

    def test_node(self):
        folder = node_with_zeromq()
        if folder is None:
            self.skipTest("Node with the module zeromq is not here (npm install zeromq; INGEST_NODE_FOLDER says where)")
        # Node looks for modules from where the file lies.
        script = os.path.join(folder, "gateway_node_test_%d.mjs" % os.getpid())
        shutil.copyfile(os.path.join(EXAMPLES, "gateway_node.mjs"), script)
        try:
            self.check([shutil.which("node"), script])
        finally:
            os.remove(script)

    def test_each_is_short(self):
        for name in ("gateway_c.c", "gateway.py", "gateway_node.mjs", "reader.py"):
            with open(os.path.join(EXAMPLES, name)) as file:
                self.assertLess(len(file.readlines()), 40, name)


class Reader(unittest.TestCase):
    """reader.py against the tests' own reading of a store."""

    def send(self, daemon, *arguments, data=None):
        done = subprocess.run([program("ingest-send"), "--connect", daemon.router, *arguments], input=data,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_rings_runs_and_times(self):
        config = FAST_FLUSH + "[series.ring]\nmatch = ring/**\ncapacity = 1000\n[series.grow]\nmatch = **\nmode = grow\n"
        with tempfile.TemporaryDirectory() as folder, Daemon(config) as daemon:
            array, times = os.path.join(folder, "a.npy"), os.path.join(folder, "t.npy")
            np.save(array, np.arange(3700).reshape(-1, 2).astype("i4"))
            np.save(times, np.cumsum(np.arange(1850) + 1) * 1000 + 1_700_000_000 * 10**9)
            for kind in ("ring", "grow"):
                self.send(daemon, "--batch", "100", "--series", kind + "/explicit", "--times", times, array)
                for day in (1, 2, 3):
                    self.send(daemon, "--batch", "100", "--series", kind + "/regular", "--rate", "333",
                              "--t0", "2024-05-0%d" % day, array)
                for clock in ("explicit", "regular"):
                    name = kind + "/" + clock
                    values, stamps = reader().load(daemon.series_folder(name))
                    if kind == "ring":
                        self.assertTrue(0 < len(values) <= 1000)
                    np.testing.assert_array_equal(values, read_rows(daemon.store, name))
                    np.testing.assert_array_equal(stamps, read_times(daemon.store, name))
                    self.assertTrue((np.diff(stamps) > 0).all())
            done = subprocess.run([sys.executable, os.path.join(EXAMPLES, "reader.py"),
                                   daemon.series_folder("grow/regular")], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("5550 samples of shape (2,), dtype int32", done.stdout)


if __name__ == "__main__":
    unittest.main()
