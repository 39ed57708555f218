"""The exported task files of lm-eval: their content, which needs no lm-eval."""

from pathlib import Path

import pytest
import yaml

from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.interop.lm_eval.export_tasks import GENERATED, LOGLIKELIHOOD, export_lm_eval
from evalsuite.tasks.registry import load_suites

STARTER = load_suites()["starter"].tasks


def read(file: Path):
    return yaml.safe_load(file.read_text("utf-8").replace("!function", ""))


def export(folder: Path, **options):
    files, _ = export_lm_eval(folder, **options)
    return {config.get("group") or config["task"]: config for config in map(read, files)}


def test_generated_and_log_likelihood_tasks_share_no_metric_and_no_group(tmp_path):
    configs = export(tmp_path, suites=["starter"])
    metrics = {GENERATED: set(), LOGLIKELIHOOD: set()}
    tasks = {GENERATED: set(), LOGLIKELIHOOD: set()}
    for name, config in configs.items():
        if "group" not in config:
            (tag,) = config["tag"]
            metrics[tag] |= {metric["metric"] for metric in config["metric_list"]}
            tasks[tag].add(name)
    assert metrics[GENERATED] == {"strict", "lenient"}
    assert metrics[LOGLIKELIHOOD] == {"acc", "acc_norm"}
    assert tasks[GENERATED] == {f"evalsuite_{task}" for task in STARTER}
    for name, config in configs.items():
        if "group" in config:
            assert {*config["task"]} <= tasks[GENERATED] or {*config["task"]} <= tasks[LOGLIKELIHOOD], name


def test_a_group_is_written_only_for_a_suite_all_of_whose_tasks_are_exported(tmp_path):
    groups = {name for name, config in export(tmp_path / "a", suites=["starter"]).items() if "group" in config}
    assert groups == {"evalsuite_starter", "evalsuite_starter_ll", "evalsuite_starter_cloze"}
    assert not any("group" in config for config in export(tmp_path / "b", tasks=STARTER[:2]).values())


def test_exporting_again_replaces_the_same_files(tmp_path):
    first, _ = export_lm_eval(tmp_path, STARTER, format="boxed")
    boxed = first[0].read_bytes()
    again, _ = export_lm_eval(tmp_path, STARTER)
    assert again == first
    assert again[0].read_bytes() != boxed
    assert {*tmp_path.iterdir()} == {*first}


def test_without_names_every_task_whose_data_is_present_is_exported(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "nothing"))
    files, left_out = export_lm_eval(tmp_path / "tasks")
    assert {file.stem for file in files} >= {f"evalsuite_{task}" for task in STARTER}
    assert any(reason.startswith("medqa:") for reason in left_out)


@pytest.mark.parametrize(
    ("arguments", "code", "value"),
    [
        ({"tasks": ["no_such_task"]}, ErrorCode.UNKNOWN_TASK, "no_such_task"),
        ({"suites": ["no_such_suite"]}, ErrorCode.UNKNOWN_SUITE, "no_such_suite"),
        ({"tasks": ["medqa"]}, ErrorCode.DATA_NOT_FOUND, "nothing"),
        ({"tasks": STARTER, "format": "json"}, ErrorCode.UNKNOWN_ANSWER_FORMAT, "json"),
    ],
)
def test_an_export_that_fails_writes_nothing(tmp_path, monkeypatch, arguments, code, value):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "nothing"))
    with pytest.raises(EvalsuiteError, match=value) as caught:
        export_lm_eval(tmp_path / "tasks", **arguments)
    assert caught.value.code is code
    assert not (tmp_path / "tasks").exists()


def test_a_file_in_place_of_the_output_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvalsuiteError, match="file") as caught:
        export_lm_eval(tmp_path / "file", STARTER[:1])
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
