"""The files of a run: replaced atomically, and those of schema version 1 read under the names of version 2."""

import json

import pytest

from evalsuite.errors import ErrorCode, RunError
from training.promotion.verdict import read_verdict
from training.recipe import read_recipe
from training.run_folder import SCHEMA, Folder, StageFolder, TrainingFolder
from training.run_spec import make_spec, read_spec, reused_from, write_spec


def test_a_file_is_read_back_and_an_absent_one_is_empty(tmp_path):
    folder = Folder(tmp_path / "deep")
    assert folder.read("a.json") == {}
    folder.write("a.json", {"text": "µ"})
    assert folder.read("a.json") == {"text": "µ"}
    assert [file.name for file in folder.path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", ["{", "[]", "\udc80"])
def test_a_damaged_file_is_an_error(tmp_path, content):
    (tmp_path / "a.json").write_text(content, errors="surrogateescape")
    with pytest.raises(RunError) as caught:
        Folder(tmp_path).read("a.json")
    assert caught.value.code is ErrorCode.RUN_UNREADABLE and str(tmp_path / "a.json") in str(caught.value)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        Folder(tmp_path / "file").write("a.json", {})
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE


def rename(file, **keys):
    """Write a file as version 1 did: under other keys."""
    content = json.loads(file.read_text())
    file.write_text(json.dumps({keys.get(key, key): value for key, value in content.items()} | {"schema": 1}))


def test_a_run_of_version_1_is_read(tmp_path):
    spec = make_spec(read_recipe("fleming-7b"), tmp_path, True)
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, spec)
    rename(run.path / "run.json", started="begun", reused_from="from")
    content = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps(content | {"from": {"run": "/a", "stages": ["stages/1-x"]}}))
    assert read_spec(run) == spec
    assert reused_from(run).stages == ["stages/1-x"]
    assert run.read("run.json")["started"] == content["begun"]


def test_a_stage_of_version_1_is_read_and_continued(tmp_path):
    folder = StageFolder(tmp_path)
    folder.note(state="refused", reason="loss is nan.", started="a", decided="b", refusal="loss is nan.")
    rename(tmp_path / "stage.json", reason="said", started="begun", decided="settled")
    assert read_verdict(folder) == (False, "loss is nan.")
    folder.note(state="promoted")
    content = json.loads((tmp_path / "stage.json").read_text())
    assert content["schema"] == SCHEMA and (content["reason"], content["decided"]) == ("loss is nan.", "b")
    folder.write("gate.json", {"schema": 1, "said": "a reason"})
    assert folder.read("gate.json") == {"schema": 2, "reason": "a reason"}


def test_metrics_of_version_1_are_read(tmp_path):
    folder = StageFolder(tmp_path)
    folder.metrics.write_text(json.dumps({"step": 1, "time": 2.0, "dead_zero": 0.25, "dead_one": 0.5}) + "\n")
    line = {"step": 1, "time": 2.0, "groups_all_0": 0.25, "groups_all_1": 0.5}
    assert list(folder.read_metrics()) == folder.recent_metrics() == [line]
