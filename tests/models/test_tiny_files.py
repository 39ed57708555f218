"""The files of the shipped model are those of its checksums; its responses are tested with torch, by test_tiny.py."""

import hashlib

from evalsuite.models.tiny import FOLDER, SUMS


def test_every_shipped_file_has_its_checksum():
    listed = dict(reversed(line.split()) for line in (FOLDER / SUMS).read_text("utf-8").splitlines())
    shipped = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FOLDER.iterdir() if file.name != SUMS
    }
    assert listed == shipped
