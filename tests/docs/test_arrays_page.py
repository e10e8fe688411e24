"""docs/arrays.md is run as it stands: its Python, and its commands, which print what the page says."""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

PAGE = os.path.join(os.environ["INGEST_SOURCE"], "docs", "arrays.md")
QUERY = os.path.join(os.environ["INGEST_BUILD"], "query", "ingest-query")


class Arrays(unittest.TestCase):
    def test_page(self):
        with open(PAGE, encoding="utf-8") as file:
            blocks = re.findall(r"```(\w*)\n(.*?)```", file.read(), re.S)
        commands = 0
        with tempfile.TemporaryDirectory() as folder:
            for language, text in blocks:
                if language == "python":
                    subprocess.run([sys.executable, "-c", text], cwd=folder, check=True, timeout=120)
                if language:
                    continue
                for command, printed in re.findall(r"(?m)^\$ ingest-query (.*)\n((?:(?!\$ ).*\n)*)", text):
                    run = subprocess.run([QUERY, *shlex.split(command)], cwd=folder, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True, timeout=120, env=dict(os.environ, TZ="UTC"))
                    self.assertEqual(run.stdout, printed, command)
                    commands += 1
        self.assertEqual(commands, 9)


if __name__ == "__main__":
    unittest.main()
