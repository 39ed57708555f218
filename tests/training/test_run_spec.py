"""The spec of a run: made from a command's arguments, written, read back, and refused where it can't be right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.errors import ErrorCode, RunError, UsageError
from training.recipe import RECIPES, WorldSettings, read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import data_of, make_spec, read_spec, reused_from, write_spec

SHIPPED = sorted(file.stem for file in RECIPES.glob("*.yaml"))


def with_world():
    return read_recipe("reasonmed-8b").model_copy(update={"world": WorldSettings(generator="tinyworld", seed=7)})


def code_of(call, *arguments):
    """The code of the error that a call raises, and its message."""
    with pytest.raises((RunError, UsageError)) as caught:
        call(*arguments)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("control", [False, True])
def test_a_spec_is_read_back_as_it_was_written(tmp_path, name, control):
    recipe = read_recipe(name)
    spec = make_spec(recipe, None if recipe.world else tmp_path, control)
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, spec)
    assert read_spec(run) == spec
    assert [run.path / place for place in run.read("run.json")["stages"]] == [each.path for each in spec.stages(run)]


def test_a_recipe_without_a_world_needs_data_and_one_with_a_world_takes_none(tmp_path):
    code, message = code_of(make_spec, read_recipe("reasonmed-8b"), None, False)
    assert code is ErrorCode.MISSING_ARGUMENT and "corpus, traces, questions" in message
    assert code_of(make_spec, with_world(), tmp_path, False)[0] is ErrorCode.CONFLICTING_ARGUMENTS


def test_data_that_is_no_folder_and_a_control_without_rewards_are_refused(tmp_path):
    code, message = code_of(make_spec, read_recipe("reasonmed-8b"), tmp_path / "nowhere", False)
    assert code is ErrorCode.INVALID_ARGUMENT and "nowhere" in message
    recipe = read_recipe("reasonmed-8b")
    without_grpo = recipe.model_copy(update={"stages": recipe.stages[:2]})
    assert code_of(make_spec, without_grpo, tmp_path, True)[0] is ErrorCode.CONFLICTING_ARGUMENTS


@pytest.mark.parametrize("edited", [{"run": "/there"}, "there", []])
def test_an_edited_list_of_reused_stages_is_an_error(tmp_path, edited):
    run = TrainingFolder(tmp_path)
    run.write("run.json", {"reused_from": edited})
    code, message = code_of(reused_from, run)
    assert code is ErrorCode.RUN_UNREADABLE and "reused_from" in message


def test_the_data_of_a_world_are_found_where_the_run_was_moved(tmp_path):
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, make_spec(with_world(), None, False))
    moved = TrainingFolder(run.path.rename(tmp_path / "moved"))
    assert data_of(moved, read_spec(moved)) == moved.data
    assert moved.read("run.json")["seeds"] == {"recipe": 0, "world": 7}


def test_data_and_base_model_are_absolute(tmp_path, monkeypatch):
    (tmp_path / "models" / "local").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe("fleming-32b")
    local = recipe.model_copy(update={"base": recipe.base.model_copy(update={"model": "models/local"})})
    spec = make_spec(local, Path("data"), False)
    assert spec.data == tmp_path / "data"
    assert spec.recipe.base.model == str(tmp_path / "models" / "local")
    assert make_spec(recipe, tmp_path, False).recipe.base.model == recipe.base.model


@pytest.mark.parametrize("key", ["schema", "recipe", "data", "control"])
def test_a_missing_key_is_named(tmp_path, key):
    run = TrainingFolder(tmp_path)
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, False))
    facts = run.read("run.json")
    del facts[key]
    (tmp_path / "run.json").write_text(json.dumps(facts))
    code, message = code_of(read_spec, run)
    assert code is ErrorCode.RUN_UNREADABLE and f"'{key}'" in message


def test_a_recipe_or_a_schema_of_another_version_is_refused(tmp_path):
    run = TrainingFolder(tmp_path)
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, False))
    facts = run.read("run.json")
    facts["recipe"]["stages"][0]["colour"] = "red"
    run.write("run.json", facts)
    code, message = code_of(read_spec, run)
    assert code is ErrorCode.RUN_UNREADABLE and "colour" in message
    run.write("run.json", {**facts, "schema": 9})
    assert code_of(read_spec, run)[0] is ErrorCode.RUN_SCHEMA_UNSUPPORTED


def test_a_folder_without_a_run_is_an_error(tmp_path):
    assert code_of(read_spec, TrainingFolder(tmp_path))[0] is ErrorCode.RUN_NOT_FOUND


def test_a_control_is_another_run(tmp_path):
    spec = make_spec(read_recipe("fleming-7b"), tmp_path, False)
    assert spec.to_json() != replace(spec, control=True).to_json()
