"""The exported task files of lm-eval, as files: what is in them needs no lm-eval to be seen."""

from pathlib import Path

import pytest
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.interop.lm_eval.export_tasks import GENERATED, LIKELIHOOD, export_lm_eval
from evalsuite.tasks.registry import load_suites

STARTER = load_suites()["starter"].tasks


def read(file: Path):
    return yaml.safe_load(file.read_text("utf-8").replace("!function", ""))


def exported(folder: Path, **asked):
    files, _ = export_lm_eval(folder, **asked)
    return {config.get("group") or config["task"]: config for config in map(read, files)}


def test_generated_and_log_likelihood_numbers_can_share_no_column(tmp_path):
    found = exported(tmp_path, suites=["starter"])
    metrics = {GENERATED: set(), LIKELIHOOD: set()}
    tasks = {GENERATED: set(), LIKELIHOOD: set()}
    for name, config in found.items():
        if "group" not in config:
            (tag,) = config["tag"]
            metrics[tag] |= {metric["metric"] for metric in config["metric_list"]}
            tasks[tag].add(name)
    assert metrics[GENERATED] == {"strict", "lenient"}
    assert metrics[LIKELIHOOD] == {"acc", "acc_norm"}
    assert tasks[GENERATED] == {f"evalsuite_{task}" for task in STARTER}
    for name, config in found.items():
        if "group" in config:
            assert {*config["task"]} <= tasks[GENERATED] or {*config["task"]} <= tasks[LIKELIHOOD], name


def test_a_group_is_written_only_for_a_suite_that_is_whole(tmp_path):
    groups = {name for name, config in exported(tmp_path / "a", suites=["starter"]).items() if "group" in config}
    assert groups == {"evalsuite_starter", "evalsuite_starter_ll", "evalsuite_starter_cloze"}
    assert not any("group" in config for config in exported(tmp_path / "b", tasks=STARTER[:2]).values())


def test_exporting_again_replaces_the_same_files(tmp_path):
    first, _ = export_lm_eval(tmp_path, STARTER, format="boxed")
    boxed = first[0].read_bytes()
    again, _ = export_lm_eval(tmp_path, STARTER)
    assert again == first
    assert again[0].read_bytes() != boxed
    assert {*tmp_path.iterdir()} == {*first}


def test_without_names_every_task_whose_data_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "nothing"))
    files, lacking = export_lm_eval(tmp_path / "tasks")
    assert {file.stem for file in files} >= {f"evalsuite_{task}" for task in STARTER}
    assert any(why.startswith("medqa: no data") for why in lacking)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"tasks": ["nothing_like_it"]}, "unknown task"),
        ({"suites": ["nothing_like_it"]}, "unknown suite"),
        ({"tasks": ["medqa"]}, "no data"),
        ({"tasks": STARTER, "format": "json"}, "there are answer_tag"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path, monkeypatch, asked, told):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "nothing"))
    with pytest.raises(EvalsuiteError, match=told):
        export_lm_eval(tmp_path / "tasks", **asked)
    assert not (tmp_path / "tasks").exists()


def test_a_file_in_the_folder_s_place_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(EvalsuiteError, match="not a folder"):
        export_lm_eval(tmp_path / "taken", STARTER[:1])
