"""Man pages are well formed, and say the same options as the programs: each program's --help (and that of each command)
names no option that its page does not have, and the other way round."""
import os
import re
import shutil
import subprocess
import unittest

BUILD = os.environ["INGEST_BUILD"]
PAGES = os.path.join(BUILD, "man")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
LETTER = re.compile(r"(?<![\w-])-([a-z])(?![\w-])")
PROGRAMS = {"ingestd": "ingestd/ingestd", "ingest-query": "query/ingest-query", "ingest-send": "gateway/ingest-send"}


def help_of(program, *arguments):
    done = subprocess.run([os.path.join(BUILD, PROGRAMS[program]), *arguments, "--help"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", done.stderr
    return done.stdout


def all_help(program):
    text = help_of(program)
    if program == "ingest-query":
        commands = re.findall(r"(?m)^  ([a-z]+) ", text.split("Commands:")[1])
        assert len(commands) >= 10, commands
        text += "".join(help_of(program, command) for command in commands)
    return text


def page(name):
    """The page as it reads, without its formatting: roff escapes, macros and other programs' options."""
    with open(os.path.join(PAGES, name), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"\\f[A-Z]", "", text).replace("\\-", "-").replace("\\&", "")
    return text.split(".SH EXAMPLES")[0]


class ManPages(unittest.TestCase):
    def test_lint(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not here")
        pages = [name for name in os.listdir(PAGES) if re.fullmatch(r"[a-z.-]+\.[0-9]", name)]
        self.assertEqual(len(pages), 4, pages)
        for name in pages:
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", os.path.join(PAGES, name)],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_options(self):
        for program in PROGRAMS:
            shown, written = all_help(program), page(program + ".1")
            self.assertEqual(set(OPTION.findall(shown)), set(OPTION.findall(written)), program)
            self.assertEqual(set(LETTER.findall(shown)) - {"s"}, set(LETTER.findall(written)) - {"s"}, program)

    def test_commands(self):
        shown = re.findall(r"(?m)^  ([a-z]+) ", help_of("ingest-query").split("Commands:")[1])
        written = re.findall(r"(?m)^([a-z]+)$", page("ingest-query.1").split(".SH COMMANDS")[1].split(".SH")[0])
        self.assertEqual(written, shown)

    def test_every_page_is_found_from_the_others(self):
        names = {"ingestd(1)", "ingestd.ini(5)", "ingest-query(1)", "ingest-send(1)"}
        for name in names:
            other, section = name[:-1].split("(")
            with open(os.path.join(PAGES, other + "." + section), encoding="utf-8") as file:
                also = re.sub(r"\\f[A-Z]", "", file.read().split(".SH SEE ALSO")[1]).replace("\\-", "-")
            self.assertTrue(any(mentioned in also for mentioned in names - {name}), name)


if __name__ == "__main__":
    unittest.main()
