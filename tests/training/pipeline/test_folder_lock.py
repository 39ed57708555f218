"""The lock of a folder: one writer at a time, and a refusal that the training process records for its run."""

import pytest

from evalsuite.errors import DataError, ErrorCode, RunError
from evalsuite.util.folder_lock import locked
from training.pipeline.folder_lock import stage_locked
from training.run_folder import StageFolder

DIVERGED = "loss is nan at step 3"


def test_a_second_writer_is_refused_and_a_later_one_is_not(tmp_path):
    run = tmp_path / "run"
    with locked(run), pytest.raises(RunError) as caught, locked(run):
        pass
    assert caught.value.code is ErrorCode.RUN_LOCKED and str(run) in str(caught.value)
    with locked(run):
        pass


def test_a_refusal_is_recorded_in_the_stage(tmp_path):
    folder = StageFolder(tmp_path / "stage")
    with pytest.raises(RunError), stage_locked(folder):
        raise RunError(ErrorCode.TRAINING_FAILED, DIVERGED)
    assert folder.read("stage.json")["refusal"] == DIVERGED


def test_an_error_that_can_be_corrected_is_no_refusal(tmp_path):
    folder = StageFolder(tmp_path / "stage")
    with pytest.raises(DataError), stage_locked(folder):
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, "a row is missing")
    with pytest.raises(RunError) as caught, stage_locked(folder):
        (tmp_path / "file").write_text("")
        StageFolder(tmp_path / "file" / "below").write("stage.json", {})
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
    assert "refusal" not in folder.read("stage.json")


def test_processes_that_were_launched_together_share_a_lock(tmp_path, monkeypatch):
    folder = StageFolder(tmp_path / "stage")
    with stage_locked(folder):
        monkeypatch.setenv("RANK", "1")
        with pytest.raises(RunError, match=DIVERGED), stage_locked(folder):
            raise RunError(ErrorCode.TRAINING_FAILED, DIVERGED)
    assert "refusal" not in folder.read("stage.json")
