"""What of a stage's data is there."""

import json

import pytest

from training.data.manifest import Manifest, describe, write_manifest
from training.estimate.data_needs import data_need
from training.recipe import read_recipe


def made(folder, rows, row="{}", dev=0):
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


@pytest.mark.parametrize(("place", "wanted"), [(0, "5,000,000,000 tokens"), (1, "40,000 rows"), (2, "193,000 rows")])
def test_a_folder_that_is_absent_is_missing_with_all_it_should_hold(stages, tmp_path, place, wanted):
    stage = stages[place]
    found = data_need(stage, tmp_path)
    assert found.state == "missing"
    assert found.said == f"{wanted} in {tmp_path / stage.data.folder / 'train.jsonl'}"
    assert data_need(stage, None).state == "not looked for"
    assert wanted in data_need(stage, None).said


def test_what_the_run_makes_is_looked_for_only_where_it_is_said_to_be(stages, tmp_path):
    assert (data_need(stages[1], None, made=True).state, data_need(stages[1], tmp_path, made=True).state) == (
        "made",
        "missing",
    )


def test_rows_are_counted_against_what_the_stage_expects(stages, tmp_path):
    folder = made(tmp_path / "traces", 39_999)
    found = data_need(stages[1], tmp_path)
    assert (found.state, found.said, found.rows, found.dev) == ("short", "39,999 of 40,000 rows", 39_999, False)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    made(folder, 40_000, dev=5)
    found = data_need(stages[1], tmp_path)
    assert (found.state, found.said, found.rows, found.dev) == ("there", "", 40_000, True)


def test_tokens_are_reckoned_from_bytes(stages, tmp_path):
    made(tmp_path / "corpus", 3, "x" * 399)
    found = data_need(stages[0], tmp_path)
    assert found.state == "short"
    assert found.said == "about 300 of 5,000,000,000 tokens, at 4 bytes each"


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
    ("damage", "said"),
    [
        (_no_manifest, "manifest.json: can't be read"),
        (_bad_manifest, "manifest.json: about: Field required"),
        (_no_file, "120,000 bytes"),
        (_cut_file, "120,000 bytes"),
        (_other_name, "its manifest has no train.jsonl"),
    ],
)
def test_a_damaged_folder_is_said_and_never_counted(stages, tmp_path, damage, said):
    damage(made(tmp_path / "traces", 40_000))
    found = data_need(stages[1], tmp_path)
    assert found.state == "damaged"
    assert said in found.said
    assert found.rows is None
