"""The command line: options, exit codes, checks of the configuration, work on a store at rest; and status.npy."""

import os
import stat
import subprocess
import tempfile
import unittest

import numpy as np
from ingest_daemon import STATUS, Daemon, free_port, now_ns, program, wait_for
from ingest_wire import *

T0 = 1_700_000_000 * 10**9


def ingestd(*arguments):
    done = subprocess.run([program("ingestd"), *arguments], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Options(unittest.TestCase):
    def test_help_and_version(self):
        code, out, errors = ingestd("--help")
        self.assertEqual((code, errors), (0, ""))
        for option in ("--config", "--store", "--check-config", "--delete", "--rename", "--version", "--help"):
            self.assertIn(option, out)
        code, out, errors = ingestd("--version")
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(out, r"^ingestd \d+\.\d+\.\d+ \(format 1, protocol 1, libzmq 4\.\d+\.\d+\)\n$")

    def test_mistakes_are_usage(self):
        for arguments in (["--nonsense"], ["--keygen"], ["--mend"], ["-x"], ["word"], ["--config"], ["--store"],
                          ["--store", ""], ["--config", ""], ["--delete"], ["--rename", "a"], ["--rename", "a", "--help"],
                          ["--check-config", "--delete", "a"], ["--delete", "a", "--rename", "a", "b"],
                          ["--check-config", "word"]):
            with self.subTest(arguments):
                code, out, errors = ingestd(*arguments)
                self.assertEqual((code, out), (64, ""))
                self.assertRegex(errors, r"^ingestd: error: .*see ingestd --help\n$")


    @unittest.skipUnless(os.path.exists("/dev/full"), "no full device")
    def test_what_cannot_be_printed_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            empty = os.path.join(folder, "empty.ini")
            open(empty, "w").close()
            for arguments in (["--help"], ["--version"], ["--config", empty, "--check-config"],
                              ["--keygen", os.path.join(folder, "key")]):
                with self.subTest(arguments), open("/dev/full", "w") as full:
                    done = subprocess.run([program("ingestd"), *arguments], stdout=full, stderr=subprocess.PIPE,
                                          text=True, timeout=30)
                    self.assertEqual(done.returncode, 74)
                    self.assertRegex(done.stderr, r"^ingestd: error: cannot write to standard output.*\n$")


class Configuration(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)

    def check(self, config, *arguments):
        self.daemon.configure(config)
        return self.daemon.run("--check-config", *arguments)

    def test_a_good_one(self):
        code, out, errors = self.check("[series.a]\nmatch = plant/**\nmode = grow\n")
        self.assertEqual((code, out, errors), (0, self.daemon.config_path + ": configuration is good\n", ""))
        self.assertFalse(os.path.exists(self.daemon.store), "a check creates nothing")

    def test_mistakes_name_file_line_and_key(self):
        for config, where in (("[flush]\ninterval = 5 parsecs\n", r"\[flush\] interval"),
                              ("[flush]\nintervall = 1s\n", r"\[flush\] intervall"),
                              ("[flussh]\n", r"\[flussh\]"),
                              ("[series.a]\nmode = ring\n", r"\[series\.a\] match"),
                              ("[series.a]\nmatch = a//b\n", r"\[series\.a\] match: 'a//b'"),
                              ("[series.a]\nmatch = .x/**\n", r"\[series\.a\] match: '\.x/\*\*'"),
                              ("[series.a]\nlate = drop\nmode = grow\nmatch = a//b\n", r"\[series\.a\] match: 'a//b'")):
            with self.subTest(config):
                for arguments in (["--check-config"], []):
                    self.daemon.configure(config)
                    code, out, errors = self.daemon.run(*arguments)
                    self.assertEqual((code, out), (78, ""))
                    self.assertRegex(errors, r"ingestd: error: %s:\d+: %s" % (self.daemon.config_path, where))
                    if "'" in where:
                        with open(self.daemon.config_path) as file:
                            line = len(file.readlines())
                        self.assertIn(":%d: " % line, errors, "the key's own line")

    def test_no_endpoint_at_all(self):
        self.daemon.routers, self.daemon.pulls = [], []
        code, _, errors = self.check("")
        self.assertEqual(code, 78)
        self.assertEqual(errors.count("[listen]"), 1, "one mistake is told once: " + errors)

    def test_a_missing_file(self):
        for arguments in (["--check-config"], [], ["--delete", "x"]):
            code, _, errors = ingestd("--config", self.daemon.folder + "/none.ini", *arguments)
            self.assertEqual(code, 66)
            self.assertIn("none.ini", errors)

    def test_a_pipe(self):
        pipe = self.daemon.folder + "/pipe.ini"
        os.mkfifo(pipe)
        for arguments in (["--check-config"], [], ["--delete", "x"]):
            code, out, errors = ingestd("--config", pipe, *arguments)
            self.assertEqual((code, out), (78, ""))
            self.assertEqual(errors, "ingestd: error: %s: is a pipe, and has to be a file that can be read again\n" % pipe)

    def test_the_sample_file(self):
        sample = os.path.join(os.environ.get("INGEST_SOURCE", os.path.join(os.path.dirname(__file__), "..", "..")),
                              "config", "ingestd.ini")
        self.assertEqual(ingestd("--config", sample, "--check-config")[0], 0)


class Places(unittest.TestCase):
    """A store or an endpoint that cannot be: a clear message, and an exit code that says whether to try again."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)

    def refuse(self, code, text, config=""):
        self.daemon.configure(config)
        result, _, errors = self.daemon.run()
        self.assertEqual(result, code, errors)
        self.assertIn(text, errors)

    def test_the_folder_above_is_missing(self):
        self.daemon.store = self.daemon.folder + "/no/such/store"
        self.refuse(78, self.daemon.store)

    def test_the_store_cannot_be_made(self):
        self.daemon.store = "/proc/none"
        self.refuse(78, "ingestd: error: cannot open the store: /proc/none: No such file or directory\n")

    def test_the_store_is_a_file(self):
        self.daemon.store = self.daemon.config_path
        self.refuse(78, self.daemon.store)

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_the_store_is_not_ours(self):
        os.mkdir(self.daemon.store, 0o500)
        self.refuse(78, self.daemon.store)

    def test_endpoints_that_cannot_be(self):
        for endpoint, code in (("ipc://%s/missing/socket" % self.daemon.folder, 78),
                               ("tcp://203.0.113.77:%d" % free_port(), 75), ("tcp://no-such-device:5570", 78)):
            with self.subTest(endpoint):
                self.daemon.routers = [endpoint]
                self.refuse(code, "cannot listen on " + endpoint, "[security]\ninsecure = yes\n")

    def test_an_endpoint_that_others_can_reach(self):
        self.daemon.routers = ["tcp://0.0.0.0:%d" % free_port()]
        self.refuse(78, "insecure = yes")

    def test_a_port_in_use(self):
        with Daemon(tcp=True) as other:
            self.daemon.routers = other.routers
            self.refuse(75, "cannot listen on " + other.router)

    def test_store_option_goes_before_the_file(self):
        self.daemon.arguments = ["--store", self.daemon.folder + "/elsewhere"]
        self.daemon.store = self.daemon.folder + "/elsewhere"
        self.daemon.start()
        self.assertTrue(os.path.isdir(self.daemon.store + "/series"))

    def test_files_follow_the_umask(self):
        self.daemon.start()
        self.daemon.req().ask(encode_batch([block("a/b", "f8", [1], clock=ARRIVAL)]))
        mode = stat.S_IMODE(os.stat(self.daemon.series_folder("a/b") + "/values.npy").st_mode)
        self.assertEqual(mode & 0o007, 0, "nothing for others")


class Administration(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.addCleanup(self.daemon.close)
        self.names = ["a/x", "a/y", "a/b/x", "b/x"]
        reply = self.daemon.req().ask(encode_batch([block(name, "f8", [1, 2, 3], t0_ns=T0, period_ps=10**9)
                                                    for name in self.names]))
        self.assertEqual(reply.code, OK)
        self.assertEqual(self.daemon.stop(), 0)

    def test_delete(self):
        code, out, _ = self.daemon.run("--delete", "a/*")
        self.assertEqual((code, out), (0, "deleted a/x\ndeleted a/y\n"))
        self.assertEqual([self.daemon.has(name) for name in self.names], [False, False, True, True])
        self.assertEqual(self.daemon.run("--delete", "a/b/x")[:2], (0, "deleted a/b/x\n"))
        self.assertFalse(os.path.exists(self.daemon.series_folder("a")), "empty folders go too")
        code, out, errors = self.daemon.run("--delete", "a/**")
        self.assertEqual((code, out), (66, ""))
        self.assertIn("a/**", errors)
        self.assertEqual(self.daemon.run("--delete", "a//b")[0], 64)
        # The name may be used anew, with another type.
        self.daemon.start()
        self.assertEqual(self.daemon.req().ask(encode_batch([block("a/x", "i4", [7], clock=ARRIVAL)])).code, OK)

    def test_rename(self):
        self.assertEqual(self.daemon.run("--rename", "a/x", "c/d/e")[:2], (0, "renamed a/x to c/d/e\n"))
        np.testing.assert_array_equal(self.daemon.values("c/d/e"), [1, 2, 3])
        self.assertFalse(self.daemon.has("a/x"))
        self.assertEqual(self.daemon.run("--rename", "a/x", "z")[0], 66)
        self.assertEqual(self.daemon.run("--rename", "a/y", "b/x")[0], 73)
        self.assertEqual(self.daemon.run("--rename", "a/y", "bad name")[0], 64)
        self.assertTrue(self.daemon.has("a/y") and self.daemon.has("b/x"))
        self.daemon.start()
        reply = self.daemon.req().ask(encode_batch([block("c/d/e", "f8", [4], t0_ns=T0 + 3 * 10**6, period_ps=10**9)]))
        self.assertEqual(reply.code, OK)
        np.testing.assert_array_equal(self.daemon.values("c/d/e"), [1, 2, 3, 4])

    def lose_power(self, session):
        """Five rows of d are durable, three are not when the power goes."""
        self.daemon.configure("[flush]\ninterval = 1h\n")
        self.daemon.start()
        client = self.daemon.req()
        for sequence, values in ((1, [1, 2, 3, 4, 5]), (2, [6, 7, 8])):
            frame = encode_batch([block("d", "f8", values, t0_ns=T0 + sequence * 10**9, period_ps=10**9)],
                                 session=session, sequence=sequence, flags=FLAG_WAIT if sequence == 1 else 0)
            self.assertEqual(client.ask(frame).code, OK)
        self.daemon.kill()
        with open(os.path.join(self.daemon.store, "STATE"), "w") as file:
            file.write("running 00000000-0000-0000-0000-000000000000 1 2".ljust(127) + "\n")

    def start_told(self):
        """What `ingest-query status` says of how the store was found."""
        done = subprocess.run([program("ingest-query"), "--store", self.daemon.store, "status"], capture_output=True,
                              text=True, timeout=60)
        return [line for line in done.stdout.splitlines() if line.startswith("start ")]

    def test_what_a_power_cut_cost_is_told(self):
        told = r"warning: recovered from the journal \(.*\): .*rows_written=\d+ rows_lost_at_least=3 "
        for session, work in enumerate((["--delete", "a/x"], ["--rename", "a/y", "y"]), 1):
            with self.subTest(work):
                self.lose_power(session)
                code, _, errors = self.daemon.run(*work)
                self.assertEqual(code, 0)
                self.assertRegex(errors, told)
                np.testing.assert_array_equal(self.daemon.values("d"), [1, 2, 3, 4, 5])
                # The store is clean now, and work on it leaves what the recovery cost to be read.
                self.assertEqual(self.daemon.run("--delete", "none")[0], 66)
                start, = self.start_told()
                self.assertRegex(start, r"recovered from the journal in .*: \d+ rows written, at least 3 lost")
                self.assertEqual(self.daemon.run("--delete", "d")[::2], (0, ""))
        # Of a copy without its counters too.
        self.lose_power(3)
        os.unlink(self.daemon.store + "/status.npy")
        self.assertEqual(self.daemon.run("--delete", "none")[0], 66)
        self.assertIn("at least 3 lost", "".join(self.start_told()))

    def test_that_a_daemon_was_killed_is_told(self):
        self.daemon.start()
        self.daemon.req().ask(encode_batch([block("d", "f8", [1], clock=ARRIVAL)]))
        self.daemon.kill()
        samples = self.daemon.status("samples")
        code, out, errors = self.daemon.run("--rename", "d", "e")
        self.assertEqual((code, out), (0, "renamed d to e\n"))
        self.assertIn("the daemon before this one was killed", errors)
        self.assertIn("the daemon before was killed", "".join(self.start_told()))
        self.assertEqual(self.daemon.status("samples"), samples, "its counters stand")

    def test_no_store_is_not_created(self):
        self.daemon.arguments = ["--store", self.daemon.folder + "/none"]
        self.assertEqual(self.daemon.run("--delete", "**")[0], 66)
        self.assertEqual(self.daemon.run("--rename", "a", "b")[0], 66)
        self.assertFalse(os.path.exists(self.daemon.folder + "/none"))
        # Nor in a folder that is there, empty or not.
        for files in ([], ["notes.txt"]):
            folder = self.daemon.folder + "/folder%d" % len(files)
            os.mkdir(folder)
            for file in files:
                open(os.path.join(folder, file), "w").close()
            self.daemon.arguments = ["--store", folder]
            for work in (["--delete", "**"], ["--rename", "a", "b"], ["--repair"]):
                with self.subTest(work + files):
                    code, out, errors = self.daemon.run(*work)
                    self.assertEqual((code, out, errors),
                                     (66, "", "ingestd: error: there is no store in %s\n" % folder))
                    self.assertEqual(os.listdir(folder), files)


class Status(unittest.TestCase):
    def test_counters(self):
        with Daemon("[flush]\ninterval = 50ms\n") as daemon:
            client = daemon.req()
            client.hello(1, 1, b"counted")
            frames = [encode_batch([block("a", "f4", [1, 2], t0_ns=T0, period_ps=10**9),
                                    block("b", "f8", [1], times_ns=[T0])], session=1, sequence=1),
                      encode_batch([block("a", "f4", [1, 2], t0_ns=T0, period_ps=10**9)], session=1, sequence=1),
                      encode_batch([block("b", "f8", [1, 2], times_ns=[T0, T0 + 9])], session=1, sequence=2),
                      encode_batch([block("bad name", "f8", [1, 2], times_ns=[T0, T0 + 9])], session=1, sequence=3),
                      b"text f=1,s=\"x\" %d" % T0]
            for frame in frames:
                client.ask(frame)
            wait_for(lambda: daemon.status("flush_bytes") >= 8 + 8 + 8, "a tick")
            wait_for(lambda: daemon.status("series") == 3, "the once-a-second words")
            words = {name: daemon.status(name) for name in STATUS}
            self.assertEqual(words["frames"], 6)
            self.assertEqual(words["bytes"], sum(map(len, frames)) + len(encode_hello(1, 1, b"counted")))
            self.assertEqual((words["blocks"], words["samples"]), (4, 5))
            self.assertEqual((words["duplicates"], words["late"], words["strings_skipped"]), (1, 1, 1))
            self.assertEqual((words["replies"], words["replies_dropped"]), (6, 0))
            self.assertEqual((words["sessions"], words["series_broken"]), (1, 0))
            self.assertEqual(words["newest_ns"], T0 + 10**6)
            self.assertEqual(daemon.refused(BAD_NAME), 1)
            self.assertGreater(words["budget_bytes"], words["reserved_bytes"])
            self.assertGreater(words["reserved_bytes"], 0)
            self.assertLess(abs(words["started_ns"] - now_ns()), 60 * 10**9)
            heartbeat = words["heartbeat_ns"]
            wait_for(lambda: daemon.status("heartbeat_ns") > heartbeat, "the heart beats")
            ticks = daemon.status("flush_ticks")
            wait_for(lambda: daemon.status("flush_ticks") > ticks + 2, "ticks go on with nothing to do")

    def test_a_peer_that_never_reads_harms_nobody(self):
        with Daemon() as daemon:
            deaf = daemon.dealer()
            deaf.socket.rcvhwm = 1
            deaf.close()
            gone = daemon.dealer()
            gone.send(encode_batch([block("a", "f8", [1], clock=ARRIVAL)], flags=FLAG_WAIT))
            gone.close()
            client = daemon.req()
            for _ in range(20):
                self.assertEqual(client.ask(encode_batch([block("b", "f8", [1], clock=ARRIVAL)])).code, OK)


if __name__ == "__main__":
    unittest.main()
