"""The README's Python is run as it stands: the gateway in ten lines against a real daemon, then the reader."""
import os
import re
import unittest

import numpy as np

from ingest_daemon import Daemon

README = os.path.join(os.environ["INGEST_SOURCE"], "README.md")


def blocks():
    with open(README, encoding="utf-8") as file:
        return re.findall(r"```python\n(.*?)```", file.read(), re.S)


class Readme(unittest.TestCase):
    def test_gateway_then_reader(self):
        gateway, reader = blocks()
        self.assertLessEqual(len([line for line in gateway.splitlines() if line.strip()]), 14)
        with Daemon() as daemon:
            gateway = gateway.replace("tcp://127.0.0.1:5570", daemon.router)
            reader = reader.replace("/var/lib/ingestd", daemon.store)
            names = {}
            exec(compile(gateway, README, "exec"), names)
            self.assertEqual(names["code"], 0)
            exec(compile(reader, README, "exec"), names)
            np.testing.assert_array_equal(names["v"], np.arange(100, dtype="<f4"))


if __name__ == "__main__":
    unittest.main()
