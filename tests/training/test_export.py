"""The manifest of an export: its own files, and those of the data that it was made from."""

import pytest

from evalsuite.errors import DataError, ErrorCode, UsageError
from training.data.manifest import Manifest, describe, read_manifest, write_manifest
from training.export import check_export, export
from training.recipe import read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import make_spec, write_spec


@pytest.fixture
def exported(tmp_path):
    """An export of one file that was made from one data set."""
    data, out = tmp_path / "data" / "traces", tmp_path / "out"
    for folder, name in ((data, "train.jsonl"), (out, "model.safetensors")):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(b"0123456789")
    source = Manifest(name="traces", about="a", licence="CC0-1.0", files=describe(data, [("train.jsonl", 1)]))
    files = describe(out, [("model.safetensors", 0)])
    write_manifest(out, Manifest(name="m", about="a", licence="b", files=files, sources={"traces": source}))
    return out / "manifest.json"


def test_a_manifest_has_the_manifests_of_its_sources(exported, tmp_path):
    assert read_manifest(exported).sources["traces"].files[0].rows == 1
    assert check_export(exported, tmp_path / "data") == check_export(exported, None)


@pytest.mark.parametrize("name", ["out/model.safetensors", "data/traces/train.jsonl"])
@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_flipped_bit_is_found(exported, tmp_path, name, at):
    content = bytearray((tmp_path / name).read_bytes())
    content[at] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        check_export(exported, tmp_path / "data")
    assert str(tmp_path / name) in str(caught.value)


def test_a_missing_file_is_found(exported, tmp_path):
    (tmp_path / "data/traces/train.jsonl").unlink()
    check_export(exported, None)
    with pytest.raises(DataError) as caught:
        check_export(exported, tmp_path / "data")
    assert str(tmp_path / "data/traces/train.jsonl") in str(caught.value)


@pytest.mark.parametrize("control", [False, True])
def test_a_run_without_a_promoted_stage_and_a_control_are_not_exported(tmp_path, control):
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, control))
    with pytest.raises(UsageError) as caught:
        export(run, tmp_path / "out")
    assert caught.value.code is ErrorCode.EXPORT_NOT_POSSIBLE
    assert not (tmp_path / "out").exists()
