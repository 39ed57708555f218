"""A changed byte anywhere in a known file is an error that names the file, and the item if it can be located."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.data.verify import lock, verify
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.registry import load_task, resolve
from evalsuite.tasks.schema import Task

CARD = """
name: mine
version: 1
digest: "{digest}"
sources:
  - path: questions.jsonl
    items: 3
    sha256: "{sha256}"
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> tuple[Task, Path]:
    """A small locked task and its data folder."""
    import hashlib

    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("tasks") / "mine"
    folder.mkdir()
    table = [{"id": f"q{i}", "question": f"What {i}?", "options": {"A": "x", "B": f"y{i}"}, "answer": "AB"[i % 2],
              "unused": "text that is part of no item"} for i in range(3)]  # fmt: skip
    raw = "".join(json.dumps(row) + "\n" for row in table).encode()
    (data / "questions.jsonl").write_bytes(raw)
    (folder / "task.yaml").write_text(CARD.format(digest="", sha256=""))
    digest = lock(load_task("mine", folder), data)["questions.jsonl:native"]
    (folder / "task.yaml").write_text(CARD.format(digest=digest, sha256=hashlib.sha256(raw).hexdigest()))
    return load_task("mine", folder), data


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_file_without_a_lock_must_have_as_many_items_as_the_card_states(tmp_path, count):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "task.yaml").write_text(CARD.format(digest="", sha256=""))
    row = {"question": "What?", "options": {"A": "x", "B": "y"}, "answer": "A"}
    (folder / "questions.jsonl").write_text("".join(json.dumps({"id": str(n), **row}) + "\n" for n in range(count)))
    with pytest.raises(DataError) as caught:
        load(load_task("mine", folder), tmp_path)
    assert caught.value.code is ErrorCode.DATA_CHANGED
    assert f"questions.jsonl: {count} items where the card says 3" in str(caught.value)


@settings(max_examples=300)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_detected_and_located(mine, tmp_path_factory, place, bit):
    task, data = mine
    folder = tmp_path_factory.mktemp("flip")
    raw = bytearray((data / "questions.jsonl").read_bytes())
    place %= len(raw)
    raw[place] ^= 1 << bit
    (folder / "questions.jsonl").write_bytes(raw)
    result = verify([task], folder)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    assert not result.passed and errors
    assert all("questions.jsonl" in finding.file and "\n" not in finding.message for finding in errors)
    digest = load(load_task("mine", task.folder), data).digest
    try:
        assert load(task, folder).digest == digest, "load accepts only the same items"
    except DataError as error:
        item = f"q{bytes(raw[:place]).count(10)}"
        assert item in str(error) or "row " in str(error) or "id" in str(error)


def test_an_unchanged_folder_passes(mine):
    task, data = mine
    result = verify([task], data)
    assert result.passed and result.items == 3 and not result.findings


def test_the_same_items_in_other_bytes_load_with_a_note_and_do_not_verify(mine, tmp_path):
    task, data = mine
    lines = (data / "questions.jsonl").read_text().splitlines()
    (tmp_path / "questions.jsonl").write_text("\n".join(reversed(lines)))
    dataset = load(task, tmp_path)
    assert dataset.items == load(task, data).items
    assert any("bytes" in note for note in dataset.notes)
    assert [finding.severity for finding in verify([task], tmp_path).findings] == ["error"]


def test_missing_data_is_one_line_with_what_to_do(mine, tmp_path):
    task, _ = mine
    for folder, expected in ((tmp_path, "questions.jsonl"), (tmp_path / "nowhere", "nowhere")):
        with pytest.raises(DataError) as caught:
            load(task, folder)
        assert caught.value.code is ErrorCode.DATA_NOT_FOUND
        assert str(folder) in str(caught.value) and expected in str(caught.value)
    assert [(each.task, each.file, each.severity) for each in verify([task], tmp_path).findings] == [
        ("mine", str(tmp_path), "error")
    ]


def test_a_task_without_a_lock_loads_with_a_note(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "task.yaml").write_text("name: mine\nversion: 1\nsources:\n  - path: items.jsonl\n    items: 1\n")
    row = {"id": "1", "question": "?", "options": {"A": "x", "B": "y"}, "answer": "A"}
    (folder / "items.jsonl").write_text(json.dumps(row))
    dataset = load(load_task("mine", folder), tmp_path)
    assert len(dataset.items) == 1
    assert any("not locked" in note for note in dataset.notes)


def test_the_environment_names_the_data_folder(mine, monkeypatch, tmp_path):
    task, data = mine
    monkeypatch.setenv("EVALSUITE_DATA", str(data))
    assert len(load(task).items) == 3
    monkeypatch.delenv("EVALSUITE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load(task)
    assert caught.value.code is ErrorCode.DATA_NOT_FOUND
    assert str(tmp_path / "evalsuite" / "data") in str(caught.value)


def test_the_whole_mirror_verifies(mirror):
    result = verify(resolve(None, "all"), mirror)
    assert result.passed, result.findings
    assert len(result.files) == 19


@pytest.mark.parametrize(
    ("name", "path", "before", "after", "item"),
    [
        ("medqa", "medqa/phrases_no_exclude_test.4options.jsonl", b"junior orthopaedic", b"junior 0rthopaedic", "(0)"),
        ("mmlu_pro_biology", "mmlu_pro/mmlu-pro_biology.jsonl", b'"answer": "B"', b'"answer": "C"', "(2804)"),
        ("careqa", "careqa/careqa_test.hpai.json", b"relation to iron", b"relation to irom", "0e2d7263"),
        ("medbullets_op5", "medbullets/medbullets_op5.json", b"Acetazolamide", b"Acetazolamids", "(0)"),
        ("pubmedqa", "pubmedqa/ori_pqal.json", b"cell death (PCD)", b"cell deaf (PCD)", "21645374"),
        ("medmcqa", "medmcqa/dev.json", b'"cop":1,', b'"cop":2,', "45258d3d"),
    ],
)
def test_a_changed_byte_of_a_real_file_names_the_item(mirror, tmp_path, name, path, before, after, item):
    source = mirror / path
    raw = source.read_bytes() if source.is_file() else gzip.decompress((mirror / f"{path}.gz").read_bytes())
    assert before in raw
    copy = tmp_path / path
    copy.parent.mkdir()
    if name == "pubmedqa":
        shutil.copy(mirror / "pubmedqa/test_ground_truth.json", copy.parent)
    copy.write_bytes(raw.replace(before, after, 1))
    errors = [f for f in verify([load_task(name)], tmp_path).findings if f.severity == "error"]
    assert any(path in finding.file and item in finding.message for finding in errors)
    with pytest.raises(DataError) as caught:
        load(load_task(name), tmp_path)
    assert caught.value.code is ErrorCode.DATA_CHANGED and "changed 1 (" in str(caught.value)


def test_a_damaged_archive_names_file_and_item(mirror, tmp_path):
    path = "medxpertqa/medxpertqa_text_input.jsonl.gz"
    raw = bytearray((mirror / path).read_bytes())
    raw[len(raw) // 2] ^= 16
    (tmp_path / "medxpertqa").mkdir()
    (tmp_path / path).write_bytes(raw)
    finding = next(f for f in verify([load_task("medxpertqa")], tmp_path).findings if f.severity == "error")
    assert path in finding.file
    assert "damaged at item Text-" in finding.message
