"""Recipes: the shipped ones, and what is refused in one that somebody wrote."""

import copy
import math
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import UsageError
from evalsuite.tasks.registry import load_task
from training.recipe import LARGEST, RECIPES, find, read_recipe

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
    """Places of all mappings in a page."""
    found = [place] if isinstance(content, dict) else []
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            found += mappings(value, (*place, key))
    return found


def refusal(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


# The shipped ones


def test_both_documents_have_their_recipes():
    assert set(SEEDS) <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_read_by_its_name_and_survives_its_own_json(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert type(recipe).model_validate(recipe.to_json()) == recipe


@pytest.mark.parametrize("name", SEEDS)
def test_a_gate_judges_tasks_that_exist_and_that_its_evaluation_asks(name):
    for stage in read_recipe(name).stages:
        for task in stage.evaluation.tasks:
            assert load_task(task).name == task
        stage.gate.check_tasks(stage.evaluation.tasks)


@pytest.mark.parametrize("name", SEEDS)
def test_no_gate_asks_what_its_recipe_trains_on(name):
    """Half of PubMedQA's 1,000 labelled items are the training half of PQA-L."""
    recipe = read_recipe(name)
    assert any("PQA-L" in need.name for stage in recipe.stages for need in stage.data.needs)
    assert not any("pubmedqa_1000" in stage.evaluation.tasks for stage in recipe.stages)


def test_reasonmed_needs_and_claims_what_its_document_says():
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
def test_fleming_pays_by_the_group_mean_and_mines_in_the_second_phase_with_more_responses(name, kinds):
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
    text = find(name).read_text("utf-8")
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
def test_an_unknown_key_is_refused_by_its_name_wherever_it_stands(tmp_path_factory, place, key):
    said = refusal(tmp_path_factory.mktemp("recipe"), changed((*place, key), 1))
    if place[-1:] == ("gains",):
        assert f"gains.{key}" in said  # any task may stand there; what it says must still be a gain
    else:
        assert said.startswith(".".join(map(str, (*place, key))) + ": no such key")


@pytest.mark.parametrize(
    ("place", "value", "said"),
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
        (("stages", 0, "tokens"), 100, "stages.0: say tokens or steps"),
        (("stages", 0, "steps"), None, "stages.0: say tokens or steps"),
        (("stages", 0, "optimiser", "learning_rate"), "fast", "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "optimiser", "learning_rate"), math.nan, "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "optimiser", "learning_rate"), math.inf, "stages.0.optimiser.learning_rate: "),
        (("stages", 0, "gate", "limits", "invalid"), 5, "stages.0.gate.limits.invalid"),
        (("stages", 1, "gate", "gains", "medqa"), 3, "stages.1.gate.gains.medqa: "),
        (("stages", 1, "expects", "completion"), 0, "stages.1.expects.completion: "),
        (("stages", 2, "rollout", "generations"), 1, "stages.2.rollout.generations: "),
        (("stages", 2, "rollout", "engine"), "sglang", "stages.2.rollout.engine: "),
        (("stages", 2, "tiers"), ["hard"], "stages.2.tiers.0: "),
        (("stages", 1, "evaluation", "chat_template"), "none", "stages.1: evaluation.chat_template: none is for"),
        (("stages", 2, "evaluation", "chat_template"), "none", "stages.2: evaluation.chat_template: none is for"),
        (("stages", 2, "name"), "one", "recipe: two stages have one name"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(tmp_path, place, value, said):
    assert refusal(tmp_path, changed(place, value)).startswith(said)


def test_what_would_be_ignored_or_cannot_be_is_refused(tmp_path):
    stage = ("stages", 2)
    assert "a constant rate has no warm-up" in refusal(tmp_path, changed((*stage, "optimiser", "warmup"), 10))
    assert "give patience, or leave it out" in refusal(tmp_path, changed(("stages", 1, "hold_out"), 10))
    assert "seed: " in refusal(tmp_path, changed(("seed",), -1))
    assert "world.seed: Field required" in refusal(tmp_path, changed(("world",), {"generator": "tinyworld"}))


def test_a_number_that_yaml_takes_for_text_is_told_how_it_is_written(tmp_path):
    content = yaml.safe_dump(SMALL).replace("learning_rate: 0.001", "learning_rate: 5e-5")
    assert "5e-5 is text to YAML, 5.0e-5 is a number" in refusal(tmp_path, content)


def test_text_is_trained_and_asked_without_a_template(tmp_path):
    content = changed(("stages", 0, "evaluation", "chat_template"), "none")
    assert read_recipe(written(tmp_path, content)).stages[0].evaluation.chat_template == "none"


def test_weights_in_4_bits_ask_for_adapters(tmp_path):
    content = changed(("base", "quantise"), "nf4") | {"lora": None}
    assert "give lora" in refusal(tmp_path, content)


def test_weights_in_4_bits_are_on_one_device(tmp_path):
    content = changed(("base", "quantise"), "nf4")
    assert content["hardware"]["launch"] == "fsdp"
    assert "say hardware.launch: one" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("", "not a recipe"),
        ("- a\n- b\n", "not a recipe"),
        ("name: a\nname: b\n", "duplicate key name"),
        ("name: !!python/object/apply:os.system [id]\n", "not YAML"),
        ("name: [unclosed\n", "not YAML"),
        (BOMB, "aliases"),
        ("#" * (LARGEST + 1), "larger than"),
    ],
)
def test_a_page_that_is_no_recipe_is_refused(tmp_path, page, said):
    assert said in refusal(tmp_path, page)


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(UsageError, match=r"nothing: no such recipe; .*reasonmed-8b"):
        read_recipe("nothing")
    with pytest.raises(UsageError, match="no stage four; it has pretrain, sft, grpo"):
        read_recipe("reasonmed-8b").stage("four")
