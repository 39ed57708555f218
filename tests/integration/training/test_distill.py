"""On-policy distillation of tiny models: the loss, what the student learns, what is refused, and a kill."""

import json
import signal

import mini
import pytest
import staged
import tiny

from evalsuite.errors import ErrorCode, UsageError
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration

PROMPTS = 32


def stage(**more):
    """A stage of 8 steps with 8 prompts each."""
    facts = {
        "prompts": 8,
        "rollout": {"max_tokens": 12},
        "steps": 8,
        "teacher": {"model": "./teacher", "dtype": "float32"},
    }
    optimiser = {"learning_rate": 3e-3, "schedule": "constant"}
    return staged.distill("questions", optimiser=optimiser, **(facts | more))


def question(number):
    row = staged.trace(number)
    del row["completion"]
    return row | {"opens_reasoning": False, "task": "made"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A base model, and a teacher that was trained on the traces of the prompts."""
    folder = staged.make_data(tmp_path_factory.mktemp("data"))
    staged.put(folder / "questions", train=[question(number) for number in range(PROMPTS)])
    recipe = staged.recipe(staged.sft(patience=None, epochs=4, rate=3e-3))
    trained = staged.train(recipe, tmp_path_factory.mktemp("teacher") / "1-sft", folder)
    trained.model.rename(folder / "teacher")
    # A student that is on the way: a random one writes nothing that a teacher could tell from anything else.
    recipe = staged.recipe(staged.sft(patience=None, epochs=1, rate=1e-3))
    trained = staged.train(recipe, tmp_path_factory.mktemp("student") / "1-sft", folder)
    trained.model.rename(folder / "student")
    return folder


def losses(folder):
    return [line["loss"] for line in folder.read_metrics() if "loss" in line]


def test_a_teacher_that_is_the_student_has_no_divergence(data, tmp_path):
    teacher = {"model": "./student", "dtype": "float32"}
    recipe = staged.recipe(stage(teacher=teacher, steps=1))
    folder = staged.train(recipe, tmp_path / "1-distill", data, data / "student")
    assert losses(folder)[0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("lora", [None, staged.LORA])
def test_the_divergence_falls_by_half(data, tmp_path, lora):
    recipe = staged.recipe(stage(steps=20), lora=lora)
    folder = staged.train(recipe, tmp_path / "1-distill", data, data / "student")
    found = losses(folder)
    assert len(found) == 20 and all(loss >= 0 for loss in found)
    assert sum(found[-5:]) < 0.5 * sum(found[:5])
    facts = folder.read("stage.json")
    assert (facts["rows"], facts["teacher"], facts["state"]) == (PROMPTS, "./teacher", "trained")


def test_a_teacher_of_another_vocabulary_is_refused(data, tmp_path):
    other = tiny.make_model(data / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["added_tokens"][-1]["content"] = "</other>"
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    recipe = staged.recipe(stage(teacher={"model": "./other", "dtype": "float32"}))
    with pytest.raises(UsageError) as error:
        staged.train(recipe, tmp_path / "1-distill", data, data / "student")
    assert error.value.code == ErrorCode.MODEL_NOT_LOADABLE


def test_a_teacher_with_more_logits_is_refused(data, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(data / "student")
    model.resize_token_embeddings(model.config.vocab_size + 8)
    model.save_pretrained(data / "padded")
    AutoTokenizer.from_pretrained(data / "student").save_pretrained(data / "padded")
    recipe = staged.recipe(stage(teacher={"model": "./padded", "dtype": "float32"}))
    with pytest.raises(UsageError) as error:
        staged.train(recipe, tmp_path / "1-distill", data, data / "student")
    assert error.value.code == ErrorCode.MODEL_NOT_LOADABLE


def test_a_killed_stage_goes_on_to_the_same_bits(data, tmp_path):
    recipe = staged.recipe(stage())
    whole = staged.train(recipe, tmp_path / "whole", data)
    killed = StageFolder(tmp_path / "killed")
    assert staged.train_until("line", 7, recipe, killed.path, data) == -signal.SIGKILL
    assert not killed.model.exists()
    staged.train(recipe, killed.path, data)
    assert staged.weights_of(killed.path) == staged.weights_of(whole.path)
    assert losses(killed) == losses(whole)


def test_a_stage_that_learns_from_a_bad_teacher_is_refused_by_its_gate(tasks, tmp_path_factory):
    home = tmp_path_factory.mktemp("gated")
    data = mini.make_data(home / "data", tasks)
    facts = {"prompts": 16, "rollout": {"max_tokens": 24}, "steps": 12}
    teacher = {"model": "./base", "dtype": "float32"}
    distilled = mini.stage("distill", "distill", "questions", 3e-3, teacher=teacher, **facts)
    recipe = mini.write_recipe(home / "recipe.yaml", [mini.trace_stage(), distilled])
    ended = mini.training("run", recipe, "--data", data, "--out", home / "run", tasks=tasks)
    assert ended.returncode == 1, ended.stderr
    first, second = (StageFolder(home / "run/stages" / name) for name in ("1-traces", "2-distill"))
    assert (first.state, second.state) == ("promoted", "refused")
    assert not json.loads((second.path / "preflight.json").read_text())["refusals"]
    assert second.read("stage.json")["teacher"] == "./base"


def test_a_teacher_that_is_not_there_is_found_before_the_first_stage(tasks, data, tmp_path):
    teacher = {"model": "./gone", "dtype": "float32"}
    facts = {"prompts": 16, "rollout": {"max_tokens": 24}, "steps": 12, "teacher": teacher}
    recipe = mini.write_recipe(tmp_path / "recipe.yaml", [mini.stage("distill", "d", "questions", 1e-3, **facts)])
    ended = mini.training("run", recipe, "--data", data, "--out", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 2 and ended.stderr.endswith(f"[{ErrorCode.MODEL_NOT_LOADABLE}]\n")
    assert not (tmp_path / "run" / "stages").exists()
