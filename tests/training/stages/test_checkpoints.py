"""The checkpoints from which a stage may be resumed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.stages import checkpoints
from training.stages.checkpoints import MARKER, STATE

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "global_step/shard-1.pt", STATE)


def write(folder, step, final=False, best=None, marked=True):
    path = folder / f"checkpoint-{step}"
    for name in FILES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("{}")
    if best is not None:
        state = {"best_global_step": best, "best_model_checkpoint": f"/gone/checkpoint-{best}", "epoch": 1.5}
        (path / STATE).write_text(json.dumps(state))
    if marked:
        checkpoints.mark_complete(path, step, final, 1.5)
    return path


def test_a_new_folder_has_no_checkpoint(tmp_path):
    assert checkpoints.latest(tmp_path / "checkpoints") is None
    checkpoints.delete_incomplete(tmp_path / "checkpoints")


def test_the_latest_checkpoint_has_the_most_steps(tmp_path):
    for step in (9, 100, 20):
        write(tmp_path, step)
    last = checkpoints.latest(tmp_path)
    assert (last.step, last.final, last.seconds) == (100, False, 1.5)


def test_a_checkpoint_that_is_being_written_has_no_marker_and_is_deleted(tmp_path):
    write(tmp_path, 3)
    incomplete = write(tmp_path, 6, marked=False)
    assert checkpoints.latest(tmp_path).step == 3
    checkpoints.delete_incomplete(tmp_path)
    assert not incomplete.exists()
    assert (tmp_path / "checkpoint-3").is_dir()


@given(deleted=st.sets(st.sampled_from(FILES), min_size=1))
def test_a_checkpoint_that_was_being_deleted_lacks_files_and_is_ignored(tmp_path_factory, deleted):
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder, 3)
    incomplete = write(folder, 6)
    for name in deleted:
        (incomplete / name).unlink()
    assert checkpoints.latest(folder).step == 3


@pytest.mark.parametrize("marker", ["", '{"step": 6, "fi', "[]", "{}"])
def test_a_checkpoint_with_a_malformed_marker_is_ignored(tmp_path, marker):
    write(tmp_path, 3)
    (write(tmp_path, 6) / MARKER).write_text(marker)
    assert checkpoints.latest(tmp_path).step == 3


def test_the_best_checkpoint_is_located_after_the_run_was_moved(tmp_path):
    write(tmp_path, 3)
    write(tmp_path, 6, best=3)
    last = checkpoints.latest(tmp_path)
    checkpoints.update_best_path(last)
    state = json.loads((last.path / STATE).read_text())
    assert state == {"best_global_step": 3, "best_model_checkpoint": str(tmp_path / "checkpoint-3"), "epoch": 1.5}
    assert checkpoints.best(last) == tmp_path / "checkpoint-3"


def test_without_early_stopping_no_checkpoint_is_best(tmp_path):
    write(tmp_path, 3)
    last = checkpoints.latest(tmp_path)
    checkpoints.update_best_path(last)
    assert checkpoints.best(last) is None
    assert (last.path / STATE).read_text() == "{}"


def test_the_marker_of_schema_version_1_is_accepted(tmp_path):
    write(tmp_path, 3)
    old = write(tmp_path, 6, best=3)
    (old / MARKER).rename(old / "whole.json")
    assert checkpoints.latest(tmp_path).step == 6
    checkpoints.delete_incomplete(tmp_path)
    assert old.is_dir() and checkpoints.best(checkpoints.latest(tmp_path)) == tmp_path / "checkpoint-3"
