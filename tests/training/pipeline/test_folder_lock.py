"""One writer a folder, and what a process that refuses leaves for the one that waits."""

import pytest

from evalsuite.errors import DataError, RunError
from training.pipeline.folder_lock import claimed, working
from training.run_folder import StageFolder


def test_a_second_claim_is_turned_away_and_a_later_one_is_not(tmp_path):
    run = tmp_path / "run"
    with claimed(run), pytest.raises(RunError, match="another process works on it"), claimed(run):
        pass
    with claimed(run):
        pass


def test_a_refusal_is_left_in_the_stage(tmp_path):
    folder = StageFolder(tmp_path / "stage")
    with pytest.raises(RunError), working(folder):
        raise RunError("loss is nan at step 3")
    assert folder.read("stage.json")["refusal"] == "loss is nan at step 3"


def test_what_can_be_mended_is_no_refusal(tmp_path):
    folder = StageFolder(tmp_path / "stage")
    with pytest.raises(DataError), working(folder):
        raise DataError("a row is missing")
    with pytest.raises(RunError, match="can't be written"), working(folder):
        (tmp_path / "file").write_text("")
        StageFolder(tmp_path / "file" / "below").write("stage.json", {})
    assert "refusal" not in folder.read("stage.json")


def test_processes_that_were_launched_together_share_a_claim(tmp_path, monkeypatch):
    folder = StageFolder(tmp_path / "stage")
    with working(folder):
        monkeypatch.setenv("RANK", "1")
        with pytest.raises(RunError, match="diverged"), working(folder):
            raise RunError("diverged")
    assert "refusal" not in folder.read("stage.json")
