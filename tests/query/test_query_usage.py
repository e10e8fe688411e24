"""The command line: help, every option on either side, every mistake with its exit code and message."""

import os
import pty
import subprocess
import unittest

import numpy as np
from query_store import T0, QueryTest, program

COMMANDS = "ls info stats resample rolling dump tail plot verify status".split()


class Usage(QueryTest):
    @classmethod
    def make(cls, store):
        store.add("a/b", np.arange(20.0), T0 + np.arange(20) * 10**9)
        store.add("a/v", np.zeros((20, 3), "u1"), T0 + np.arange(20) * 10**9)
        store.add("wide", np.zeros((2, 200, 60), "i1"), T0 + np.arange(2))

    def test_help(self):
        text = self.query("--help").decode()
        for command in COMMANDS:
            self.assertIn("\n  %s " % command, text)
            own = self.query(command, "--help").decode()
            self.assertEqual(own, self.query("--help", command).decode())
            self.assertTrue(own.startswith("Usage: ingest-query %s " % command))
            self.assertIn("--store DIR", own)
            self.assertLess(max(map(len, own.splitlines())), 100)
        self.assertIn("--from T", self.query("dump", "-h").decode())
        self.assertNotIn("--from T", self.query("ls", "-h").decode())

    def test_version(self):
        self.assertRegex(self.query("--version").decode(), r"^ingest-query \d+\.\d+\.\d+\n$")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no full device")
    def test_help_that_cannot_be_printed(self):
        for arguments in (["--help"], ["--version"], ["dump", "--help"]):
            for how in ("full", "closed"):
                with self.subTest(arguments, how=how), open("/dev/full", "w") as full:
                    close = (lambda: os.close(1)) if how == "closed" else None
                    done = subprocess.run([program("ingest-query"), *arguments], stdout=full, stderr=subprocess.PIPE,
                                          timeout=30, preexec_fn=close)
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr, rb"^ingest-query: standard output: .*\n$")

    def test_no_command_and_unknown_words(self):
        result = self.run_query()
        self.assertEqual((result.returncode, result.stdout), (64, b""))
        self.assertIn(b"Usage:", result.stderr)
        self.refused(64, 'unknown command "lst"; did you mean "ls"?', "lst")
        self.refused(64, 'unknown command "frobnicate"; see', "frobnicate")
        self.refused(64, "unknown option --form; did you mean --from?", "dump", "a/b", "--form", "now")
        self.refused(64, "unknown option -x", "dump", "a/b", "-x")
        self.refused(64, "unknown option --frobnicate", "dump", "a/b", "--frobnicate=1")

    def test_empty_names(self):
        self.refused(64, "--store needs the path of a folder", "ls", "--store", "")
        self.refused(64, "backup: the name of the folder is empty", "backup", "")
        self.refused(64, "stats: the name of a series is empty", "stats", "a/b", "")

    def test_options_on_either_side(self):
        want = self.query("dump", "a/b", "--last", "3", "--format", "csv")
        self.assertEqual(self.query("--last=3", "--format", "csv", "dump", "a/b"), want)
        self.assertEqual(self.query("--last", "3", "dump", "--format=csv", "--", "a/b"), want)
        self.assertEqual(self.query("-n", "3", "tail", "--format=csv", "a/b"), want)

    def test_the_store(self):
        name = [program("ingest-query"), "ls", "--format", "csv"]
        run = subprocess.run(name, env=dict(os.environ, INGESTD_STORE=self.store.path), capture_output=True)
        self.assertEqual(run.stdout.count(b"\n"), 4)
        run = subprocess.run(name + ["--store", self.store.path], env=dict(os.environ, INGESTD_STORE="/nowhere"),
                             capture_output=True)
        self.assertEqual(run.stdout.count(b"\n"), 4)
        self.refused(66, "/nowhere", "ls", store="/nowhere")
        self.refused(66, "/nowhere", "stats", "a/b", store="/nowhere")

    def test_values_that_do_not_parse(self):
        for option, values in {
            "--from": ["yesterdy", "2024-02-31", "", "12"], "--to": ["5 o'clock"], "--last": ["", "abc", "0s", "-5", "1.5"],
            "--first": ["1h", "-1", ""], "--stat": ["", "mode", "mean,", "mean,mean", "Mean", "p", "p101", "p1e1", "p5."], "--min-count": ["x", "-1"], "--weight": ["", "count"], "--ddof": ["2", "-1", ""],
            "--nan": ["drop", ""], "--element": ["", "a", "0,", "0,0", "-1", "1.5"], "--window": ["0", "0s", "abc", "-1", ""],
            "--step": ["0", "abc", "-1", ""], "--format": ["xml", "", "CSV"], "--time": ["utc", ""],
        }.items():
            for value in values:
                self.refused(64, option, "rolling", "a/b", "--window", "5", option, value)
        for value in ("", "0", "0s", "10", "abc"):
            self.refused(64, "--every", "resample", "a/b", "--every", value)
        for value in ("", "abc", "-1", "1.5"):
            self.refused(64, "--lines", "tail", "a/b", "-n", value)
        self.refused(64, "--width", "plot", "a/b", "--width", "0")
        self.refused(64, "--max-age", "status", "a/b", "--max-age", "old")

    def test_options_that_do_not_go_together(self):
        for option in ("--to", "--first", "--jobs"):
            self.refused(64, "--follow and " + option, "rolling", "a/b", "--window", "2", "--follow", option, "1" if option != "--to" else "now")
        self.refused(64, "--follow has no --format npy", "rolling", "a/b", "--window", "2", "--follow", "--format", "npy")
        self.refused(64, "--follow does not go with -o", "rolling", "a/b", "--window", "2", "--follow", "-o", "x")
        self.refused(64, "--last and --first", "dump", "a/b", "--last", "3", "--first", "3")
        self.refused(64, "--times goes with --format npy", "dump", "a/b", "--times", "t.npy")
        self.refused(64, "--time does not go with", "dump", "a/b", "--format", "npy", "--time", "ns")
        self.refused(64, "same file", "dump", "a/b", "--format", "npy", "--times", "x.npy", "-o", "x.npy")
        self.refused(64, "--follow does not go with -o", "tail", "a/b", "-f", "-o", "x")
        self.refused(64, "only with --rolling", "plot", "a/b", "--stat", "var")
        self.refused(64, "--every", "resample", "a/b")
        self.refused(64, "--window", "rolling", "a/b")
        self.refused(64, "npy", "tail", "a/b", "--format", "npy")

    def test_options_of_other_commands(self):
        for command, option, value in (("ls", "--last", "3"), ("dump", "--stat", "mean"), ("stats", "--window", "3"),
                                       ("rolling", "--every", "1s"), ("info", "--from", "now"), ("tail", "--to", "now"),
                                       ("status", "--element", "0"), ("dump", "--max-age", "3s"), ("stats", "--times", "t")):
            self.refused(64, "%s does not take %s" % (command, option), command, "a/b", option, value)
        self.refused(64, "dump does not take --follow", "dump", "a/b", "--follow")
        self.refused(64, "takes no value", "tail", "a/b", "--follow=yes")
        self.refused(64, "needs a value", "dump", "a/b", "--last")

    def test_names(self):
        for command in (["info"], ["stats"], ["dump"], ["tail"], ["rolling", "--window", "2"], ["resample", "--every", "1s"]):
            self.refused(64, "needs the name", *command)
            self.refused(66, "a/nothing", *command, "a/nothing")
            self.refused(66, "no series matches", *command, "nothing/*")
            self.refused(66, "", *command, "a//b")
            self.refused(66, "", *command, "../" + os.path.basename(self.store.path))
            if command != ["info"]:
                self.refused(66, "a/nothing", *command, "a/b", "a/nothing")
        shown = self.run_query("info", "a/nothing", "a/b", "--format", "json")
        self.assertEqual((shown.returncode, shown.stdout.count(b"\n")), (66, 1))

    def test_too_many_columns(self):
        self.refused(64, "--element", "stats", "wide")
        self.refused(64, "--element", "dump", "wide", "--format", "csv")
        self.assertEqual(self.csv("dump", "wide", "--element", "11999")[0], ["time", "value[11999]"])
        self.assertEqual(self.npy("dump", "wide")[0].shape, (2, 200, 60))

    def on_a_terminal(self, *arguments, **environment):
        """Output of a run whose standard output and error are a terminal, and its exit code."""
        try:
            primary, secondary = pty.openpty()
        except OSError as error:
            self.skipTest("no terminal can be made here: %s" % error)
        settings = dict(os.environ, TERM="xterm", **environment)
        run = subprocess.Popen([program("ingest-query"), *arguments, "--store", self.store.path], stdout=secondary,
                               stderr=secondary, env=settings)
        os.close(secondary)
        output = b""
        while True:
            try:
                output += os.read(primary, 65536)
            except OSError:
                break
        os.close(primary)
        return output.decode(), run.wait(30)

    def test_colour_on_a_terminal_only(self):
        self.assertIn("\033[1mseries", self.on_a_terminal("ls")[0])
        self.assertNotIn("\033", self.on_a_terminal("ls", NO_COLOR="1")[0])
        self.assertNotIn("\033", self.on_a_terminal("ls", "--format", "csv")[0])

    def test_no_array_on_a_terminal(self):
        text, code = self.on_a_terminal("dump", "a/b", "--format", "npy")
        self.assertEqual(code, 64)
        self.assertIn("not for a terminal", text)

    def test_damage_is_told(self):
        store = type(self.store)()
        try:
            store.add("good", np.arange(5.0), T0 + np.arange(5))
            store.add("bad", np.arange(5.0), T0 + np.arange(5))
            with open(store.path + "/series/bad/values.npy", "r+b") as file:
                file.truncate(4100)
            self.refused(65, "bad", "dump", "bad", store=store.path)
            result = self.run_query("ls", "--format", "csv", store=store.path)
            self.assertEqual(result.returncode, 65)
            self.assertIn(b"good,f8", result.stdout)
            self.assertIn(b"bad", result.stderr)
            with open(store.path + "/series/good/head.npy", "r+b") as file:
                file.seek(4096 + 16 * 8)
                file.write(b"\xff" * 8)
            self.refused(65, "good: the counts in its head", "stats", "good", store=store.path)
        finally:
            store.close()

    def test_damage_of_one_does_not_hide_the_others(self):
        store = type(self.store)()
        try:
            for name in ("a/1", "b/2", "c/3"):
                store.add(name, np.arange(5.0), T0 + np.arange(5))
            with open(store.path + "/series/a/1/head.npy", "r+b") as file:
                file.seek(4096 + 16 * 8)
                file.write(b"\xff" * 8)
            with open(store.path + "/series/b/2/values.npy", "r+b") as file:
                file.truncate(4100)
            picture = os.path.join(store.path, "x.svg")
            for arguments in (["stats"], ["dump"], ["tail"], ["resample", "--every", "1h"],
                              ["rolling", "--window", "2"], ["tail", "--format", "json"], ["plot"],
                              ["plot", "-o", picture], ["dump", "--format", "csv", "-o", store.path + "/x.csv"]):
                for names, code, messages in ((["**"], 65, ["a/1", "b/2"]), (["c/3", "*/2"], 65, ["b/2"]),
                                              (["a/1", "c/3"], 65, ["a/1"])):
                    with self.subTest(arguments=arguments, names=names):
                        result = self.run_query(arguments[0], *names, *arguments[1:], store=store.path)
                        self.assertEqual(result.returncode, code, result.stderr)
                        out = result.stdout
                        if "-o" in arguments:
                            with open(arguments[-1], "rb") as file:
                                out = file.read()
                            os.unlink(arguments[-1])
                        self.assertIn(b"c/3", out)
                        for name in messages:
                            self.assertEqual(result.stderr.decode().count(name), 1, result.stderr)
                with self.subTest(arguments=arguments, names="all are damaged"):
                    result = self.run_query(arguments[0], "a/1", "b/2", *arguments[1:], store=store.path)
                    self.assertEqual(result.returncode, 65)
        finally:
            store.close()


if __name__ == "__main__":
    unittest.main()
