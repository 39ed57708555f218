"""Which checkpoints a stage may go on from."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.stages import checkpoints
from training.stages.checkpoints import MARK, STATE

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
        checkpoints.mark(path, step, final, 1.5)
    return path


def test_there_is_none_in_a_folder_that_is_new(tmp_path):
    assert checkpoints.latest(tmp_path / "checkpoints") is None
    checkpoints.clear(tmp_path / "checkpoints")


def test_the_last_is_the_one_with_the_most_steps(tmp_path):
    for step in (9, 100, 20):
        write(tmp_path, step)
    found = checkpoints.latest(tmp_path)
    assert (found.step, found.final, found.seconds) == (100, False, 1.5)


def test_one_that_is_being_written_has_no_mark_and_does_not_count(tmp_path):
    write(tmp_path, 3)
    torn = write(tmp_path, 6, marked=False)
    assert checkpoints.latest(tmp_path).step == 3
    checkpoints.clear(tmp_path)
    assert not torn.exists()
    assert (tmp_path / "checkpoint-3").is_dir()


@given(lost=st.sets(st.sampled_from(FILES), min_size=1))
def test_one_that_was_being_deleted_lacks_files_and_does_not_count(tmp_path_factory, lost):
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder, 3)
    torn = write(folder, 6)
    for name in lost:
        (torn / name).unlink()
    assert checkpoints.latest(folder).step == 3


@pytest.mark.parametrize("mark", ["", '{"step": 6, "fi', "[]", "{}"])
def test_a_mark_that_cannot_be_read_is_none(tmp_path, mark):
    write(tmp_path, 3)
    (write(tmp_path, 6) / MARK).write_text(mark)
    assert checkpoints.latest(tmp_path).step == 3


def test_the_best_is_found_where_the_run_is_now(tmp_path):
    write(tmp_path, 3)
    write(tmp_path, 6, best=3)
    last = checkpoints.latest(tmp_path)
    checkpoints.settle(last)
    state = json.loads((last.path / STATE).read_text())
    assert state == {"best_global_step": 3, "best_model_checkpoint": str(tmp_path / "checkpoint-3"), "epoch": 1.5}
    assert checkpoints.best(last) == tmp_path / "checkpoint-3"


def test_without_early_stopping_none_is_best(tmp_path):
    write(tmp_path, 3)
    last = checkpoints.latest(tmp_path)
    checkpoints.settle(last)
    assert checkpoints.best(last) is None
    assert (last.path / STATE).read_text() == "{}"
