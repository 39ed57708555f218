"""A manifest of an export: its own files, and those that it was made from."""

import pytest

from evalsuite.errors import DataError, UsageError
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


def test_a_manifest_says_what_it_was_made_from(exported, tmp_path):
    assert read_manifest(exported).sources["traces"].files[0].rows == 1
    assert check_export(exported, tmp_path / "data") == check_export(exported, None)


@pytest.mark.parametrize("name", ["out/model.safetensors", "data/traces/train.jsonl"])
@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_flipped_bit_is_found(exported, tmp_path, name, at):
    content = bytearray((tmp_path / name).read_bytes())
    content[at] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name.split("/")[-1]):
        check_export(exported, tmp_path / "data")


def test_a_missing_file_is_found(exported, tmp_path):
    (tmp_path / "data/traces/train.jsonl").unlink()
    check_export(exported, None)
    with pytest.raises(DataError, match=r"train\.jsonl: missing"):
        check_export(exported, tmp_path / "data")


@pytest.mark.parametrize(("control", "said"), [(False, "no stage is promoted yet"), (True, "rewards were a coin")])
def test_what_is_no_model_is_not_exported(tmp_path, control, said):
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, control))
    with pytest.raises(UsageError, match=said):
        export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
