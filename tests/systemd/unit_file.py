"""The unit file that was built, as (key, value) pairs."""
import os

SOURCE = os.environ["INGEST_SOURCE"]
BUILD = os.environ["INGEST_BUILD"]
UNIT = os.path.join(BUILD, "systemd", "ingestd.service")


def text():
    with open(UNIT, encoding="utf-8") as file:
        return file.read()


def settings():
    """All settings in the order of the file; a key may come more than once, and the order of filters matters."""
    pairs = []
    for line in text().splitlines():
        if line and line[0] not in "#;[":
            key, value = line.split("=", 1)
            pairs.append((key, value))
    return pairs


def values(key):
    return [value for name, value in settings() if name == key]
