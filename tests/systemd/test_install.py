"""`make install DESTDIR=`: every file is where it belongs, and a second install keeps an edited configuration."""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["INGEST_SOURCE"]
BUILD = os.environ["INGEST_BUILD"]


def cache(name, default=""):
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        found = re.search(rf"(?m)^{name}:\w+=(.*)$", file.read())
    return found[1] if found and found[1] else default


PREFIX = cache("CMAKE_INSTALL_PREFIX")
SYSCONF = "/etc" if PREFIX == "/usr" else os.path.join(PREFIX, "etc")
CMAKE = cache("CMAKE_COMMAND")


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ingest-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.install()

    @classmethod
    def install(cls):
        done = subprocess.run([CMAKE, "--install", BUILD], env=dict(os.environ, DESTDIR=cls.folder),
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout

    def path(self, *parts):
        return os.path.join(self.folder, *(part.lstrip("/") for part in parts))

    def files(self):
        found = set()
        for folder, _, names in os.walk(self.folder):
            found |= {os.path.relpath(os.path.join(folder, name), self.folder) for name in names}
        return found

    def test_programs(self):
        for name in ("ingestd", "ingest-query", "ingest-send"):
            path = self.path(PREFIX, "bin", name)
            self.assertTrue(os.access(path, os.X_OK), path)
            done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60,
                                  env=dict(os.environ, LD_LIBRARY_PATH=self.libraries()))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith(name + " "), done.stdout)

    def libraries(self):
        found = [os.path.dirname(name) for name in self.files() if "libingest-gateway.so" in name]
        return ":".join(sorted({self.path(name) for name in found}))

    def test_gateway_library(self):
        names = self.files()
        self.assertTrue(any(re.search(r"/include/.*ingest_gateway\.h$", name) for name in names))
        self.assertTrue(any(re.search(r"/pkgconfig/.*\.pc$", name) for name in names))
        self.assertTrue(any(re.search(r"/libingest-gateway\.so\.0", name) for name in names))

    @unittest.skipUnless(cache("INGEST_MAN") == "ON", "built without man pages")
    def test_man_pages(self):
        man = os.path.join(PREFIX, "share/man")
        for page in ("man1/ingestd.1", "man1/ingest-query.1", "man1/ingest-send.1", "man5/ingestd.ini.5"):
            self.assertTrue(os.path.getsize(self.path(man, page)) > 1000, page)

    def test_documents(self):
        documents = self.path(PREFIX, "share/doc/ingestd")
        for name in ("README.md", "LICENSE", "CHANGELOG.md", "docs/format.md", "docs/protocol.md",
                     "examples/ingestd.ini", "examples/ingestd-flash.conf"):
            self.assertTrue(os.path.isfile(os.path.join(documents, name)), name)

    def test_service(self):
        units = [name for name in self.files() if name.endswith("systemd/system/ingestd.service")]
        self.assertEqual(len(units), 1, units)
        with open(self.path(units[0]), encoding="utf-8") as file:
            self.assertIn("\nExecStart=%s/bin/ingestd" % PREFIX, file.read())
        users = [name for name in self.files() if name.endswith("lib/sysusers.d/ingestd.conf")]
        self.assertEqual(len(users), 1, users)

    def test_nothing_is_private_or_writable_by_others(self):
        for name in self.files():
            mode = os.lstat(self.path(name)).st_mode
            if stat.S_ISREG(mode):
                self.assertEqual(mode & 0o444, 0o444, name)
                self.assertEqual(mode & 0o022, 0, name)

    def test_configuration(self):
        """The program finds nothing to complain of, and an edited one stays."""
        path = self.path(SYSCONF, "ingestd", "ingestd.ini")
        done = subprocess.run([self.path(PREFIX, "bin", "ingestd"), "--config", path, "--check-config"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, "a", encoding="utf-8") as file:
            file.write("# edited\n")
        self.assertIn("Kept: " + path, self.install())
        with open(path, encoding="utf-8") as file:
            self.assertTrue(file.read().endswith("# edited\n"))


if __name__ == "__main__":
    if not os.access(BUILD, os.W_OK):
        print("skipped: cmake --install writes its manifest into the build folder, which is not ours", file=sys.stderr)
        sys.exit(77)
    unittest.main()
