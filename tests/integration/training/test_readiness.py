"""What would stop a later stage is refused before the first one begins, and nothing is written."""

import shutil

import mini
import pytest
from tiny import make_model

from training.data.manifest import freeze

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(tmp_path, tasks, data):
    """Return a function that starts a run that can't succeed and returns its error line."""

    def run(stages, where=data, **more):
        recipe = mini.write_recipe(tmp_path / "mini.yaml", stages, **more)
        ended = mini.training("run", recipe, "--data", where, "--out", tmp_path / "run", tasks=tasks)
        assert ended.returncode == 2 and not (tmp_path / "run").exists(), ended.stderr
        (line,) = ended.stderr.splitlines()
        return line.removeprefix("training: ")

    return run


@pytest.mark.parametrize(
    ("change", "values", "code"),
    [
        ({"gate": {"gains": {"leters": 0.1}}}, ["stage traces", "gains.leters"], "invalid_recipe"),
        ({"gate": {"tasks": ["medqa"]}}, ["stage traces", "gate.tasks", "medqa"], "invalid_recipe"),
        ({"evaluation": {"tasks": ["leters"]}, "gate": {}}, ["leters", "letters"], "unknown_task"),
        ({"evaluation": {"tasks": [mini.TASK], "backend": "vllm"}}, ["mini", "vllm"], "missing_package"),
        ({"patience": 2}, ["stage traces", "dev.jsonl"], "invalid_recipe"),
        ({"data": {"folder": "text"}}, ["train.jsonl:1: prompt"], "training_data_malformed"),
        ({"data": {"folder": "absent"}}, ["absent"], "invalid_manifest"),
    ],
)
def test_a_defect_of_a_later_stage_is_refused(refused, change, values, code):
    line = refused([mini.text_stage(), mini.trace_stage(**change)])
    assert all(value in line for value in values) and line.endswith(f"[{code}]")


def test_a_defect_of_a_grpo_stage_is_refused(refused):
    rollout = {"generations": 4, "max_tokens": 24}
    stage = mini.stage("grpo", "grpo", "questions", 1e-4, prompts=4, rollout=rollout, steps=6)
    line = refused([stage | {"tiers": ["easy", "difficult"]}])
    assert "tier difficult" in line and line.endswith("[training_data_malformed]")
    assert "micro-batches of 3" in refused([stage | {"micro_batch": 3}])


def test_a_defect_of_dev_rows_is_refused(refused, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "data")
    (copy / "traces" / "manifest.json").unlink()
    (copy / "traces" / "dev.jsonl").write_text("{}\n")
    freeze(copy / "traces", "For a test.", "CC0-1.0")
    line = refused([mini.text_stage(), mini.trace_stage(patience=2)], copy)
    assert "dev.jsonl:1: prompt" in line and line.endswith("[training_data_malformed]")


def test_data_that_differ_from_the_manifest_are_refused(refused, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "data")
    with (copy / "traces" / "train.jsonl").open("a") as out:
        out.write("{}\n")
    line = refused([mini.text_stage(), mini.trace_stage()], copy)
    assert str(copy / "traces" / "train.jsonl") in line and line.endswith("[training_data_changed]")


def test_missing_gpus_are_refused(refused):
    hardware = {"launch": "fsdp", "gpus": 64}
    line = refused([mini.text_stage()], hardware=hardware)
    assert "64 GPUs" in line and line.endswith("[training_not_possible]")


def test_a_benchmark_without_data_is_refused(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path))
    evaluation = {"tasks": ["medqa"]}
    assert "medqa" in refused([mini.text_stage(), mini.trace_stage(evaluation=evaluation, gate={})])


def test_an_absent_data_folder_is_refused(refused, tmp_path):
    assert str(tmp_path / "absent") in refused([mini.text_stage()], tmp_path / "absent")


def test_an_adapter_of_tied_embeddings_is_refused(refused, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "data")
    make_model(copy / "base", tied=True)
    line = refused([mini.trace_stage()], copy, lora={"r": 4, "alpha": 8, "targets": ["q_proj", "lm_head"]})
    assert "lora.targets" in line and "lm_head" in line and line.endswith("[adapter_not_loadable]")
