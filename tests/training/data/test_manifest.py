"""The manifest of somebody's own data: what is there, once, and nothing that isn't."""

import hashlib

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError
from training.data.manifest import freeze, verify

ROW = b'{"text": "The patient has chest pain."}\n'


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(ROW * 3)
    return folder


def test_it_describes_what_is_there(data):
    (data / "dev.jsonl").write_bytes(ROW)
    made = freeze(data, "Texts.", "CC0-1.0")
    assert verify(data) == made and made.name == "corpus" and made.licence == "CC0-1.0"
    assert [(file.path, file.rows, file.bytes) for file in made.files] == [
        ("train.jsonl", 3, 3 * len(ROW)),
        ("dev.jsonl", 1, len(ROW)),
    ]
    assert made.files[0].sha256 == hashlib.sha256(ROW * 3).hexdigest()


def test_what_changed_since_is_found_and_not_frozen_over(data):
    freeze(data, "Texts.", "CC0-1.0")
    (data / "train.jsonl").write_bytes(ROW * 4)
    with pytest.raises(DataError, match="not those of the manifest"):
        verify(data)
    with pytest.raises(DataError, match="there already"):
        freeze(data, "Texts.", "CC0-1.0")


def test_the_command_says_what_it_found_or_what_is_missing(data, tmp_path, capsys):
    asked = ["--about", "Texts.", "--licence", "CC0-1.0"]
    assert main(["train", "freeze", str(data), *asked]) == 0
    assert f"{data / 'train.jsonl'}: 3 rows, sha256 " in capsys.readouterr().out
    for folder, lack in ((tmp_path, "train.jsonl: No such file"), (tmp_path / "nowhere", "train.jsonl: No such file")):
        assert main(["train", "freeze", str(folder), *asked]) == 2
        assert lack in capsys.readouterr().err
    (tmp_path / "train.jsonl").touch()
    assert main(["train", "freeze", str(tmp_path), *asked]) == 2
    assert "no rows" in capsys.readouterr().err
