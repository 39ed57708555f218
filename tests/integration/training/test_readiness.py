"""What would stop a later stage is said before the first one begins, and nothing is written."""

import shutil

import mini
import pytest

from training.data.manifest import freeze

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(tmp_path, tasks, data):
    """Ask for a run that can't go through; return what was said in one line."""

    def run(stages, where=data, **more):
        recipe = mini.write_recipe(tmp_path / "mini.yaml", stages, **more)
        ended = mini.training("run", recipe, "--data", where, "--out", tmp_path / "run", tasks=tasks)
        assert ended.returncode == 2 and not (tmp_path / "run").exists(), ended.stderr
        (line,) = ended.stderr.splitlines()
        return line.removeprefix("training: ")

    return run


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gate": {"gains": {"leters": 0.1}}}, "stage traces: gate: gains.leters: not a task of this gate"),
        ({"gate": {"tasks": ["medqa"]}}, "stage traces: gate.tasks: medqa is not among evaluation.tasks"),
        ({"evaluation": {"tasks": ["leters"]}, "gate": {}}, "unknown task 'leters'; did you mean letters?"),
        ({"evaluation": {"tasks": [mini.TASK], "backend": "vllm"}}, "recipe mini: needs vllm, which isn't installed"),
        ({"patience": 2}, "stage traces: patience needs rows that are held out"),
        ({"data": {"folder": "text"}}, "prompt: Field required; mend the row"),
        ({"data": {"folder": "elsewhere"}}, "elsewhere: can't be read (No such file or directory)"),
    ],
)
def test_of_a_later_stage(refused, change, said):
    assert said in refused([mini.text_stage(), mini.trace_stage(**change)])


def test_of_a_stage_that_is_paid(refused):
    rollout = {"generations": 4, "max_tokens": 24}
    paid = mini.stage("grpo", "paid", "questions", 1e-4, prompts=4, rollout=rollout, steps=6)
    assert "no row of tier difficult" in refused([paid | {"tiers": ["easy", "difficult"]}])
    assert "don't divide into micro-batches of 3" in refused([paid | {"micro_batch": 3}])


def test_of_rows_that_choose_what_is_kept(refused, data, tmp_path):
    own = shutil.copytree(data, tmp_path / "data")
    (own / "traces" / "manifest.json").unlink()
    (own / "traces" / "dev.jsonl").write_text("{}\n")
    freeze(own / "traces", "For a test.", "CC0-1.0")
    assert "dev.jsonl:1: prompt: Field required" in refused([mini.text_stage(), mini.trace_stage(patience=2)], own)


def test_of_data_that_is_not_the_manifest_s(refused, data, tmp_path):
    own = shutil.copytree(data, tmp_path / "data")
    with (own / "traces" / "train.jsonl").open("a") as out:
        out.write("{}\n")
    assert "train.jsonl: not there with the" in refused([mini.text_stage(), mini.trace_stage()], own)


def test_of_the_machine(refused):
    hardware = {"launch": "fsdp", "gpus": 64}
    assert "hardware.launch fsdp on 64 GPUs, but this machine shows" in refused([mini.text_stage()], hardware=hardware)


def test_of_a_benchmark_without_data(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path))
    evaluation = {"tasks": ["medqa"]}
    assert "medqa" in refused([mini.text_stage(), mini.trace_stage(evaluation=evaluation, gate={})])


def test_a_folder_that_is_not_there(refused, tmp_path):
    assert f"--data {tmp_path / 'nowhere'}: no such folder" in refused([mini.text_stage()], tmp_path / "nowhere")
