"""The manifest of a user's data: written once, and every later change of a file is detected."""

import hashlib

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode
from training.data.manifest import freeze, verify
from training.data.rows import CorpusText, parse_rows

ROW = b'{"text": "The patient has chest pain."}\n'


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(ROW * 3)
    return folder


def test_a_manifest_describes_every_file(data):
    (data / "dev.jsonl").write_bytes(ROW)
    manifest = freeze(data, "Texts.", "CC0-1.0")
    assert verify(data) == manifest and manifest.name == "corpus" and manifest.licence == "CC0-1.0"
    assert [(file.path, file.rows, file.bytes) for file in manifest.files] == [
        ("train.jsonl", 3, 3 * len(ROW)),
        ("dev.jsonl", 1, len(ROW)),
    ]
    assert manifest.files[0].sha256 == hashlib.sha256(ROW * 3).hexdigest()


def test_a_changed_file_is_detected_and_the_manifest_not_overwritten(data):
    freeze(data, "Texts.", "CC0-1.0")
    (data / "train.jsonl").write_bytes(ROW * 4)
    with pytest.raises(DataError) as changed:
        verify(data)
    assert changed.value.code is ErrorCode.TRAINING_DATA_CHANGED and str(data / "train.jsonl") in str(changed.value)
    with pytest.raises(DataError) as exists:
        freeze(data, "Texts.", "CC0-1.0")
    assert exists.value.code is ErrorCode.OUTPUT_EXISTS and str(data / "manifest.json") in str(exists.value)


def test_the_command_reports_rows_and_digests_or_the_missing_file(data, tmp_path, capsys):
    options = ["--about", "Texts.", "--licence", "CC0-1.0"]
    assert main(["train", "freeze", str(data), *options]) == 0
    assert f"{data / 'train.jsonl'}: 3 rows, sha256 " in capsys.readouterr().out
    for folder in (tmp_path, tmp_path / "absent"):
        assert main(["train", "freeze", str(folder), *options]) == 2
        error = capsys.readouterr().err
        assert str(folder / "train.jsonl") in error and error.endswith("[data_not_found]\n")
    (tmp_path / "train.jsonl").touch()
    assert main(["train", "freeze", str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.endswith("[training_data_malformed]\n")


def test_a_key_that_stands_twice_is_refused_with_its_line(data):
    (data / "train.jsonl").write_bytes(ROW + b'{"text": "The patient has chest pain.", "text": "None."}\n')
    with pytest.raises(DataError) as row:
        list(parse_rows(data / "train.jsonl", CorpusText))
    assert row.value.code is ErrorCode.TRAINING_DATA_MALFORMED and f"{data / 'train.jsonl'}:2: " in str(row.value)
    (data / "train.jsonl").write_bytes(ROW)
    freeze(data, "Texts.", "CC0-1.0")
    file = data / "manifest.json"
    file.write_text(file.read_text().replace('"licence"', '"licence": "MIT",\n"licence"', 1))
    with pytest.raises(DataError) as manifest:
        verify(data)
    assert manifest.value.code is ErrorCode.INVALID_MANIFEST and f"{file}: line " in str(manifest.value)
