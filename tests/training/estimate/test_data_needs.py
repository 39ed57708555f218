"""A stage's data compared with what the recipe expects."""

import json

import pytest

from training.data.manifest import Manifest, describe, write_manifest
from training.estimate.data_needs import data_need
from training.recipe import read_recipe


def write_data(folder, rows, row="{}", dev=0):
    folder.mkdir(parents=True)
    files = [("train.jsonl", rows)]
    (folder / "train.jsonl").write_text(f"{row}\n" * rows)
    if dev:
        files.append(("dev.jsonl", dev))
        (folder / "dev.jsonl").write_text(f"{row}\n" * dev)
    manifest = Manifest(name="a set", about="", licence="CC0", files=describe(folder, files))
    write_manifest(folder, manifest)
    return folder


@pytest.fixture
def stages():
    return read_recipe("reasonmed-8b").stages


@pytest.mark.parametrize(("index", "expected"), [(0, "5,000,000,000 tokens"), (1, "40,000 rows"), (2, "193,000 rows")])
def test_a_missing_folder_is_reported_with_what_it_should_contain(stages, tmp_path, index, expected):
    stage = stages[index]
    need = data_need(stage, tmp_path)
    assert need.state == "missing"
    assert expected in need.detail and str(tmp_path / stage.data.folder / "train.jsonl") in need.detail
    assert data_need(stage, None).state == "unchecked"
    assert expected in data_need(stage, None).detail


@pytest.mark.parametrize(("index", "named"), [(0, False), (1, True), (2, False)])
def test_missing_traces_come_with_the_command_that_makes_them(stages, tmp_path, index, named):
    place = tmp_path / "my data"
    command = f"evalsuite train traces TASK --teacher MODEL --out '{place / stages[1].data.folder}'"
    assert (command in data_need(stages[index], place).detail) == named


def test_generated_data_are_compared_only_where_a_folder_is_given(stages, tmp_path):
    assert data_need(stages[1], None, generated=True).state == "generated"
    assert data_need(stages[1], tmp_path, generated=True).state == "missing"


def test_rows_are_compared_with_what_the_stage_expects(stages, tmp_path):
    folder = write_data(tmp_path / "traces", 39_999)
    need = data_need(stages[1], tmp_path)
    assert (need.state, need.detail, need.rows, need.has_dev) == ("incomplete", "39,999 of 40,000 rows", 39_999, False)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    write_data(folder, 40_000, dev=5)
    need = data_need(stages[1], tmp_path)
    assert (need.state, need.detail, need.rows, need.has_dev) == ("complete", "", 40_000, True)


def test_tokens_are_estimated_from_bytes(stages, tmp_path):
    write_data(tmp_path / "corpus", 3, "x" * 399)
    need = data_need(stages[0], tmp_path)
    assert need.state == "incomplete"
    assert "300 of 5,000,000,000 tokens" in need.detail


def _no_manifest(folder):
    (folder / "manifest.json").unlink()


def _bad_manifest(folder):
    (folder / "manifest.json").write_text('{"schema": 1, "name": "a set"}')


def _no_file(folder):
    (folder / "train.jsonl").unlink()


def _cut_file(folder):
    (folder / "train.jsonl").write_text("{}\n")


def _other_name(folder):
    facts = json.loads((folder / "manifest.json").read_text())
    facts["files"][0]["path"] = "rows.jsonl"
    (folder / "manifest.json").write_text(json.dumps(facts))
    (folder / "train.jsonl").rename(folder / "rows.jsonl")


@pytest.mark.parametrize(
    ("damage", "value"),
    [
        (_no_manifest, "manifest.json"),
        (_bad_manifest, "manifest.json: about"),
        (_no_file, "120,000 bytes"),
        (_cut_file, "120,000 bytes"),
        (_other_name, "train.jsonl"),
    ],
)
def test_damaged_data_are_reported_and_their_rows_not_counted(stages, tmp_path, damage, value):
    damage(write_data(tmp_path / "traces", 40_000))
    need = data_need(stages[1], tmp_path)
    assert need.state == "damaged"
    assert value in need.detail
    assert need.rows is None
