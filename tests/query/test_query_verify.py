"""verify finds damage that is made on purpose."""

import json
import os
import unittest

import numpy as np
from query_store import T0, CopiedStoreTest

HEADER = 4096


class Verify(CopiedStoreTest):
    @classmethod
    def make(cls, store):
        store.add("plant/a", np.arange(2000.0), T0 + np.arange(2000) * 1000)
        store.create("plant/b", "f4", (), "regular", 1000, 1_000_000_000)
        for i in range(5):
            store.append_regular("plant/b", np.zeros(300, "f4"), T0 + i * 1_000_000_000, 1_000_000_000)
        store.create("empty", "i2")

    def verify(self, *arguments):
        result = self.run_query("verify", *arguments, store=self.path)
        return result.returncode, result.stdout.decode().splitlines(), result.stderr.decode()

    def write(self, name, offset, data):
        with open(os.path.join(self.path, "series", name), "r+b") as file:
            file.seek(offset)
            file.write(data)

    def word(self, name, row, value):
        self.write(name, HEADER + 8 * row, int(value).to_bytes(8, "little", signed=True))

    def test_a_sound_store(self):
        self.assertEqual(self.verify(), (0, [], "3 series, 3000 rows, no damage\n"))
        self.assertEqual(self.verify("plant/a"), (0, [], "1 series, 2000 rows, no damage\n"))
        self.assertEqual(self.verify("plant/*"), (0, [], "2 series, 3000 rows, no damage\n"))

    def test_times_out_of_order(self):
        self.word("plant/a/times.npy", 500, T0)
        code, lines, errors = self.verify()
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith("series/plant/a/times.npy: "), lines)
        self.assertIn("1 finding\n", errors)
        self.assertEqual(self.verify("plant/b")[0], 0)

    def test_every_kind_of_file(self):
        for name, offset in [("plant/a/head.npy", 0), ("plant/a/values.npy", 0), ("plant/a/times.npy", 20),
                             ("plant/b/runs.npy", 1), ("plant/a/head.npy", HEADER), ("plant/a/head.npy", HEADER + 8 * 6)]:
            with self.subTest(name=name, offset=offset):
                whole = os.path.join(self.path, "series", name)
                with open(whole, "rb") as file:
                    file.seek(offset)
                    before = file.read(1)
                self.write(name, offset, bytes([before[0] ^ 0x55]))
                code, lines, _ = self.verify()
                self.assertEqual(code, 1, lines)
                self.assertTrue(any(line.startswith("series/" + name + ": ") for line in lines), lines)
                self.write(name, offset, before)
        self.assertEqual(self.verify()[0], 0)

    def test_a_file_that_was_cut_short(self):
        os.truncate(os.path.join(self.path, "series/plant/a/values.npy"), HEADER + 100)
        code, lines, _ = self.verify()
        self.assertEqual(code, 1)
        self.assertIn("series/plant/a/values.npy: ", "\n".join(lines))

    def test_formats(self):
        self.word("plant/a/times.npy", 500, T0)
        code, lines, _ = self.verify("--format", "csv")
        self.assertEqual((code, lines[0], len(lines)), (1, "file,finding", 2))
        self.assertTrue(lines[1].startswith("series/plant/a/times.npy,"))
        code, lines, _ = self.verify("--format", "json")
        row = json.loads(lines[0])
        self.assertEqual((code, sorted(row), row["file"]), (1, ["file", "finding"], "series/plant/a/times.npy"))
        path = os.path.join(self.folder, "findings.csv")
        self.assertEqual(self.verify("--format", "csv", "-o", path)[:2], (1, []))
        with open(path) as file:
            self.assertEqual(file.readline(), "file,finding\n")
        self.assertEqual(self.verify("--format", "npy")[0], 64)

    def test_names_of_strays_cannot_play_tricks(self):
        os.mkdir(os.path.join(self.path, "series", "x\033[2J\ny"))
        code, lines, _ = self.verify()
        self.assertEqual((code, len(lines)), (1, 1))
        self.assertNotIn("\033", lines[0])

    def test_what_is_not_there(self):
        code, lines, errors = self.verify("nix")
        self.assertEqual((code, lines), (66, []))
        self.assertIn("nix", errors)
        self.assertNotIn("no damage", errors)
        self.assertEqual(self.verify("nix/*")[0], 66)
        self.assertEqual(self.verify("../etc")[0], 66)
        result = self.run_query("verify", store=os.path.join(self.folder, "nowhere"))
        self.assertEqual((result.returncode, result.stdout), (66, b""))

    def test_damage_weighs_more_than_a_name_that_is_not_there(self):
        self.word("plant/a/times.npy", 500, T0)
        self.assertEqual(self.verify("nix", "plant/a")[0], 1)


if __name__ == "__main__":
    unittest.main()
