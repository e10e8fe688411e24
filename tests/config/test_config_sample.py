"""The sample file names every key with its real default, and the manual names every key too."""
import os
import re
import unittest

SOURCE = os.environ["INGEST_SOURCE"]


def read(*parts):
    with open(os.path.join(SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


def declared():
    """(section, key) -> default, from the settings table."""
    table = re.sub(r'"\s*\n\s*"', "", read("config", "config_table.c"))
    table = re.sub(r"\s+", " ", table)
    entry = re.compile(r'\{("(\w+)"|NULL), "(\w+)", &config_kind_\w+, .*?, (?:"([^"]*)"|NULL), '
                       r'(?:"[^"]*"|ENDPOINTS), (?:true|false)\}')
    return {(m[2] or "series.LABEL", m[3]): m[4] for m in entry.finditer(table)}


class Sample(unittest.TestCase):
    def test_sample_has_every_key_with_its_default(self):
        settings = declared()
        self.assertEqual(len(settings), 26)
        section, sample = None, {}
        for line in read("config", "ingestd.ini").splitlines():
            self.assertLess(len(line), 200)
            line = line.lstrip("#") if not line.startswith("# ") else ""
            if re.fullmatch(r"\[[\w.]+\]", line):
                section = line[1:-1]
            elif "=" in line:
                key, value = (part.strip() for part in line.split("=", 1))
                self.assertNotIn((section, key), sample)
                sample[section, key] = value
        self.assertEqual(set(sample), set(settings))
        for name, default in settings.items():
            if default is not None:
                self.assertEqual(sample[name], default, name)

    def test_manual_has_every_key(self):
        manual = read("man", "ingestd.ini.5.scd").replace("\\_", "_")
        for _, key in declared():
            self.assertRegex(manual, rf"(?m)(^|, )\*{key}\* =", key)


if __name__ == "__main__":
    unittest.main()
