"""libingest-gateway as others get it: what it exports and needs, how it is installed, and whether it is clean C for small boards."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["INGEST_SOURCE"]
BUILD = os.environ["INGEST_BUILD"]
LIBRARY = os.path.join(BUILD, "gateway", "libingest-gateway.so")
HEADER = os.path.join(SOURCE, "gateway", "include", "ingest_gateway.h")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **options)


def is_sanitized():
    return re.search(r"\b__(asan|tsan|ubsan)_", run("nm", "-D", LIBRARY).stdout) is not None


def declared():
    """The functions that the header declares."""
    with open(HEADER) as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return set(re.findall(r"INGEST_GATEWAY_API[^;{]*?\b(ingest_\w+)\s*\(", text))


def library_sources():
    """The files of the library, the objects that it takes from wire and base included."""
    with open(os.path.join(SOURCE, "gateway", "CMakeLists.txt")) as file:
        own = re.search(r"ingest_part\(gateway\s+SOURCES(.*?)LIBS", file.read(), re.S).group(1).split()
    sources = [os.path.join(SOURCE, "gateway", name) for name in own]
    sources += [os.path.join(SOURCE, "wire", name) for name in os.listdir(os.path.join(SOURCE, "wire")) if name.endswith(".c")]
    base = ("clock_ns.c", "crc32.c", "crc32_processor.c", "dtype.c")
    return sources + [os.path.join(SOURCE, "base", name) for name in base]


class Binary(unittest.TestCase):
    def test_it_exports_what_the_header_declares(self):
        if is_sanitized():
            self.skipTest("a sanitizer exports its own")
        lines = run("nm", "-D", "--defined-only", LIBRARY).stdout.splitlines()
        exported = {line.split()[2].split("@")[0] for line in lines}
        self.assertEqual(exported, declared())
        self.assertGreaterEqual(len(exported), 9)

    def test_it_needs_zeromq_and_libc(self):
        if is_sanitized():
            self.skipTest("a sanitizer needs its own")
        dynamic = run("readelf", "-d", LIBRARY).stdout
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
        self.assertLessEqual(needed, {"libzmq.so.5", "libc.so.6", "libpthread.so.0", "ld-linux-aarch64.so.1"})
        self.assertIn("SONAME", dynamic)
        self.assertIn("[libingest-gateway.so.0]", dynamic)

    def test_the_header_is_for_cxx_too(self):
        compiler = shutil.which("c++") or shutil.which("g++")
        if compiler is None:
            self.skipTest("no C++ compiler is here")
        done = run(compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c++", HEADER)
        self.assertEqual(done.returncode, 0, done.stderr)


class Installed(unittest.TestCase):
    def test_a_program_is_built_with_pkg_config(self):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if is_sanitized() or compiler is None or not shutil.which("pkg-config"):
            self.skipTest("needs an ordinary build, a compiler and pkg-config")
        with tempfile.TemporaryDirectory() as folder:
            done = run("cmake", "--install", os.path.join(BUILD, "gateway"), "--prefix", os.path.join(folder, "first"))
            self.assertEqual(done.returncode, 0, done.stderr)
            # The tree is moved: the .pc file must not care.
            prefix = os.path.join(folder, "moved")
            os.rename(os.path.join(folder, "first"), prefix)
            found = [os.path.join(path, name) for path, _, names in os.walk(prefix) for name in names]
            names = sorted(os.path.basename(path) for path in found)
            for wanted in ("ingest-gateway.pc", "ingest-send", "ingest_gateway.h", "libingest-gateway.so",
                           "libingest-gateway.so.0"):
                self.assertIn(wanted, names)
            pkg_config = next(os.path.dirname(path) for path in found if path.endswith(".pc"))
            environment = dict(os.environ, PKG_CONFIG_PATH=pkg_config)
            flags = run("pkg-config", "--cflags", "--libs", "ingest-gateway", env=environment)
            self.assertEqual(flags.returncode, 0, flags.stderr)
            self.assertIn(prefix, flags.stdout)
            program = os.path.join(folder, "gateway_c")
            done = run(compiler, "-Wall", "-Wextra", "-Werror", os.path.join(SOURCE, "examples", "gateway_c.c"), "-o",
                       program, *flags.stdout.split(), "-lm")
            self.assertEqual(done.returncode, 0, done.stderr)
            library = os.path.dirname(next(path for path in found if path.endswith("libingest-gateway.so.0")))
            done = run(program, env=dict(os.environ, LD_LIBRARY_PATH=library))
            self.assertEqual(done.returncode, 64)
            done = run(os.path.join(prefix, "bin", "ingest-send"), "--version")
            self.assertEqual(done.returncode, 0, done.stderr)


class Portable(unittest.TestCase):
    """The library's files compile without a warning where long is 32 bits, and where libc is musl."""

    def compile_all(self, compiler, *flags):
        if not shutil.which(compiler):
            self.skipTest(compiler + " is not here")
        header = run("pkg-config", "--variable=includedir", "libzmq").stdout.strip() + "/zmq.h"
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(header, folder)  # alone: the headers beside it are those of another libc
            includes = ["-I" + os.path.join(SOURCE, part) for part in ("base", "wire", "gateway", "gateway/include")]
            for source in library_sources():
                done = run(compiler, "-std=gnu17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", '-DINGEST_VERSION="0"',
                           "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wformat=2", "-Werror",
                           *flags, *includes, "-I" + folder, "-c", source, "-o", os.path.join(folder, "object.o"))
                self.assertEqual(done.returncode, 0, source + "\n" + done.stderr)

    def test_32_bit_arm(self):
        self.compile_all("arm-linux-gnueabihf-gcc")

    def test_32_bit_arm_with_64_bit_time(self):
        self.compile_all("arm-linux-gnueabihf-gcc", "-D_TIME_BITS=64")

    def test_64_bit_arm(self):
        self.compile_all("aarch64-linux-gnu-gcc")

    def test_musl(self):
        self.compile_all("musl-gcc")


if __name__ == "__main__":
    unittest.main()
