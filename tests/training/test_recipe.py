"""Recipes: the shipped ones, and the mistakes that are refused in others."""

import copy
import math
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.registry import load_task
from training.recipe import MAX_BYTES, RECIPES, Distill, find_recipe, read_recipe

SHIPPED = sorted(file.stem for file in RECIPES.glob("*.yaml"))
SEEDS = ["fleming-32b", "fleming-7b", "reasonmed-8b"]
SMALL = {
    "name": "small",
    "about": "three stages",
    "source": "this test",
    "base": {"model": "./base", "dtype": "float32"},
    "lora": {"r": 4, "alpha": 8},
    "hardware": {"gpus": 2, "launch": "fsdp"},
    "world": {"generator": "tinyworld", "seed": 1},
    "stages": [
        {
            "name": "one",
            "kind": "pretrain",
            "data": {"folder": "corpus", "needs": [{"name": "text", "tokens": 1000}]},
            "optimiser": {"learning_rate": 1.0e-3, "schedule": "cosine", "warmup": 0.1},
            "evaluation": {"tasks": ["medqa"]},
            "gate": {"limits": {"invalid": 0.5}},
            "batch": {"sequences": 2, "length": 64},
            "steps": 10,
        },
        {
            "name": "two",
            "kind": "sft",
            "data": {"folder": "traces"},
            "optimiser": {"learning_rate": 1.0e-3, "schedule": "cosine"},
            "evaluation": {"tasks": ["medqa"]},
            "gate": {"gains": {"medqa": 0.0}},
            "batch": {"sequences": 2, "length": 64},
            "epochs": 1,
            "expects": {"prompt": 10, "completion": 20},
        },
        {
            "name": "three",
            "kind": "grpo",
            "data": {"folder": "questions"},
            "optimiser": {"learning_rate": 1.0e-3, "schedule": "constant"},
            "evaluation": {"tasks": ["medqa"]},
            "gate": {},
            "prompts": 4,
            "rollout": {"generations": 4, "max_tokens": 32},
            "steps": 5,
            "plateau": {"window": 2, "gain": 0.01},
            "mining": {"every": 2, "samples": 2},
        },
    ],
}
BOMB = "a: &a [x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 5)}]\n" for p, n in pairwise("abcdefghi"))


def written(tmp_path, content):
    path = tmp_path / "small.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), "utf-8")
    return path


def changed(place, value):
    """The small recipe with another value at a place, or with one key more."""
    content = copy.deepcopy(SMALL)
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return content


def mappings(content, place=()):
    """Places of all mappings in a recipe."""
    found = [place] if isinstance(content, dict) else []
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            found += mappings(value, (*place, key))
    return found


def refusal(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert caught.value.code is ErrorCode.INVALID_RECIPE
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# The shipped ones


def test_the_recipes_of_both_documents_are_shipped():
    assert set(SEEDS) <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_read_by_its_name_and_survives_its_own_json(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert type(recipe).model_validate(recipe.to_json()) == recipe


@pytest.mark.parametrize("name", SEEDS)
def test_the_tasks_of_a_gate_exist_and_are_evaluated(name):
    for stage in read_recipe(name).stages:
        for task in stage.evaluation.tasks:
            assert load_task(task).name == task
        stage.gate.check_tasks(stage.evaluation.tasks)


@pytest.mark.parametrize("name", SEEDS)
def test_no_gate_uses_items_that_its_recipe_trains_on(name):
    """Half of PubMedQA's 1,000 labelled items are the training half of PQA-L."""
    recipe = read_recipe(name)
    assert any("PQA-L" in need.name for stage in recipe.stages for need in stage.data.needs)
    assert not any("pubmedqa_1000" in stage.evaluation.tasks for stage in recipe.stages)


def test_reasonmed_has_the_data_and_the_gpu_hours_of_its_document():
    stages = read_recipe("reasonmed-8b").stages
    assert [stage.kind for stage in stages] == ["pretrain", "sft", "grpo"]
    assert [stage.claimed_gpu_hours for stage in stages] == [200, 60, 320]
    assert sum(need.tokens for need in stages[0].data.needs) == stages[0].tokens == 5_000_000_000
    assert stages[1].expects.rows == 40_000
    assert [need.items for need in stages[2].data.needs] == [10_178, 182_822]
    assert stages[2].mining is None
    assert stages[2].plateau is None
    assert stages[2].tiers is None


@pytest.mark.parametrize(
    ("name", "kinds"), [("fleming-7b", ["sft", "grpo", "grpo"]), ("fleming-32b", ["grpo", "grpo"])]
)
def test_fleming_subtracts_the_group_mean_and_mines_in_the_second_phase_with_more_responses(name, kinds):
    recipe = read_recipe(name)
    assert [stage.kind for stage in recipe.stages] == kinds
    first, second = recipe.stages[-2:]
    assert {(stage.scale, stage.loss, stage.beta) for stage in (first, second)} == {("none", "dr_grpo", 0.0)}
    assert first.tiers == ["easy", "moderate"]
    assert first.plateau is not None
    assert first.mining is None
    assert second.tiers is None
    assert second.mining is not None
    assert second.rollout.generations > first.rollout.generations


@pytest.mark.parametrize("name", SEEDS)
def test_another_base_model_is_one_line(tmp_path, name):
    text = find_recipe(name).read_text("utf-8")
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  model:"))
    lines[place] = "  model: meta-llama/Llama-4-8B"
    other = read_recipe(written(tmp_path, "\n".join(lines)))
    assert other.base.model == "meta-llama/Llama-4-8B"
    assert other.model_copy(update={"base": read_recipe(name).base}) == read_recipe(name)


# What is refused


def test_the_small_recipe_is_fine(tmp_path):
    assert [stage.kind for stage in read_recipe(written(tmp_path, SMALL)).stages] == ["pretrain", "sft", "grpo"]


@given(st.sampled_from(mappings(SMALL)), st.sampled_from(["lerning_rate", "Name", "<<<", "nested"]))
def test_an_unknown_key_is_refused_by_its_name_wherever_it_is(tmp_path_factory, place, key):
    message = refusal(tmp_path_factory.mktemp("recipe"), changed((*place, key), 1))
    if place[-1:] == ("gains",):
        assert f"gains.{key}" in message  # any task is allowed there, but its value must be a gain
    else:
        assert message.startswith(".".join(map(str, (*place, key))) + ": ")


@pytest.mark.parametrize(
    ("place", "value", "start"),
    [
        (("lora", "r"), "64", "lora.r: "),
        (("lora", "r"), 0, "lora.r: "),
        (("lora", "r"), True, "lora.r: "),
        (("lora", "dropout"), 1.5, "lora.dropout: "),
        (("lora", "targets"), [], "lora.targets: "),
        (("hardware", "gpu"), "B200", "hardware.gpu: "),
        (("hardware", "utilisation"), 0, "hardware.utilisation: "),
        (("base", "dtype"), "float16", "base.dtype: "),
        (("name",), "../up", "name: "),
        (("stages",), [], "stages: "),
        (("stages", 0, "kind"), "dpo", "stages.0: "),
        (("stages", 0, "name"), "a/b", "stages.0.name: "),
        (("stages", 0, "steps"), 1.5, "stages.0.steps: "),
        (("stages", 0, "tokens"), 100, "stages.0: "),
        (("stages", 0, "steps"), None, "stages.0: "),
        (("stages", 0, "optimiser", "learning_rate"), "fast", "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "optimiser", "learning_rate"), math.nan, "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "optimiser", "learning_rate"), math.inf, "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "gate", "limits", "invalid"), 5, "stages.0.gate.limits.invalid"),
        (("stages", 1, "gate", "gains", "medqa"), 3, "stages.1.gate.gains.medqa: "),
        (("stages", 1, "expects", "completion"), 0, "stages.1.expects.completion: "),
        (("stages", 2, "rollout", "generations"), 1, "stages.2.rollout.generations: "),
        (("stages", 2, "rollout", "engine"), "sglang", "stages.2.rollout.engine: "),
        (("stages", 2, "rollout", "top_p"), 0.95, "stages.2.rollout: top_p: "),
        (("stages", 2, "tiers"), ["hard"], "stages.2.tiers.0: "),
        (("stages", 1, "evaluation", "chat_template"), "none", "stages.1: evaluation.chat_template: "),
        (("stages", 2, "evaluation", "chat_template"), "none", "stages.2: evaluation.chat_template: "),
        (("stages", 2, "name"), "one", "recipe: "),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(tmp_path, place, value, start):
    assert refusal(tmp_path, changed(place, value)).startswith(start)


def test_settings_that_would_be_ignored_or_cannot_be_are_refused(tmp_path):
    stage = ("stages", 2)
    assert refusal(tmp_path, changed((*stage, "optimiser", "warmup"), 10)).startswith("stages.2.optimiser: ")
    assert refusal(tmp_path, changed(("stages", 1, "hold_out"), 10)).startswith("stages.1: hold_out: ")
    assert refusal(tmp_path, changed(("seed",), -1)).startswith("seed: ")
    assert refusal(tmp_path, changed(("world",), {"generator": "tinyworld"})).startswith("world.seed: ")


def test_a_number_that_yaml_reads_as_text_is_explained(tmp_path):
    content = yaml.safe_dump(SMALL).replace("learning_rate: 0.001", "learning_rate: 5e-5")
    message = refusal(tmp_path, content)
    assert message.startswith("stages.0.optimiser.learning_rate: ") and "5.0e-5" in message


def test_a_pretrain_stage_may_be_evaluated_without_a_template(tmp_path):
    content = changed(("stages", 0, "evaluation", "chat_template"), "none")
    assert read_recipe(written(tmp_path, content)).stages[0].evaluation.chat_template == "none"


def test_weights_in_4_bits_need_lora(tmp_path):
    content = changed(("base", "quantise"), "nf4") | {"lora": None}
    assert refusal(tmp_path, content).startswith("recipe: base.quantise: ")


def test_weights_in_4_bits_need_one_device(tmp_path):
    content = changed(("base", "quantise"), "nf4")
    assert content["hardware"]["launch"] == "fsdp"
    assert refusal(tmp_path, content).startswith("recipe: base.quantise: ")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "- a\n- b\n",
        "name: a\nname: b\n",
        "name: !!python/object/apply:os.system [id]\n",
        "name: [unclosed\n",
        BOMB,
        "#" * (MAX_BYTES + 1),
    ],
    ids=["empty", "a list", "a duplicate key", "a Python object", "not YAML", "a bomb of aliases", "too large"],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, content):
    refusal(tmp_path, content)


def test_an_unknown_recipe_or_stage_is_an_error_that_names_the_known_ones():
    with pytest.raises(UsageError) as caught:
        read_recipe("nothing")
    assert caught.value.code is ErrorCode.UNKNOWN_RECIPE and "reasonmed-8b" in str(caught.value)
    with pytest.raises(UsageError) as caught:
        read_recipe("reasonmed-8b").stage("four")
    assert caught.value.code is ErrorCode.UNKNOWN_STAGE and "pretrain, sft, grpo" in str(caught.value)


def test_a_teacher_scores_tokens_as_they_are():
    facts = {"name": "d", "kind": "distill", "data": {"folder": "rows"}, "gate": {}, "evaluation": {"tasks": ["medqa"]}}
    facts |= {"optimiser": {"learning_rate": 1e-6, "schedule": "constant"}, "prompts": 4, "steps": 2}
    facts |= {"rollout": {"max_tokens": 8}, "teacher": {"model": "large"}}
    assert Distill.model_validate(facts).rollout.generations == 1
    for wrong in (
        {"teacher": {"model": "large", "quantise": "nf4"}},
        {"divergence": 1.5},
        {"rollout": {"generations": 2}},
    ):
        with pytest.raises(ValidationError):
            Distill.model_validate(facts | wrong)
