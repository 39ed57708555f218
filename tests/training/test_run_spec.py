"""What a run was asked for: kept, read back, refused where it can't be."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.errors import RunError, UsageError
from training.recipe import RECIPES, WorldSettings, read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import data_of, make_spec, read_spec, reused_from, write_spec

SHIPPED = sorted(file.stem for file in RECIPES.glob("*.yaml"))


def with_world():
    return read_recipe("reasonmed-8b").model_copy(update={"world": WorldSettings(generator="tinyworld", seed=7)})


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("control", [False, True])
def test_a_run_is_read_back_as_it_was_asked(tmp_path, name, control):
    recipe = read_recipe(name)
    asked = make_spec(recipe, None if recipe.world else tmp_path, control)
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, asked)
    assert read_spec(run) == asked
    assert [run.path / place for place in run.read("run.json")["stages"]] == [each.path for each in asked.stages(run)]


def test_data_is_asked_for_where_a_recipe_makes_none(tmp_path):
    with pytest.raises(UsageError, match="--data DIR with the folders corpus, traces, questions"):
        make_spec(read_recipe("reasonmed-8b"), None, False)
    with pytest.raises(UsageError, match="leave out --data"):
        make_spec(with_world(), tmp_path, False)


def test_a_folder_that_is_not_there_and_a_control_of_nothing_are_told(tmp_path):
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        make_spec(read_recipe("reasonmed-8b"), tmp_path / "nowhere", False)
    recipe = read_recipe("reasonmed-8b")
    with pytest.raises(UsageError, match="no stage is paid"):
        make_spec(recipe.model_copy(update={"stages": recipe.stages[:2]}), tmp_path, True)


@pytest.mark.parametrize("said", [{"run": "/there"}, "there", []])
def test_what_a_run_was_begun_from_is_one_line_where_it_was_edited(tmp_path, said):
    run = TrainingFolder(tmp_path)
    run.write("run.json", {"from": said})
    with pytest.raises(RunError, match=r"run\.json: from: lacks"):
        reused_from(run)


def test_a_world_lies_in_the_run_wherever_that_is_moved(tmp_path):
    asked = make_spec(with_world(), None, False)
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, asked)
    moved = TrainingFolder(run.path.rename(tmp_path / "moved"))
    assert data_of(moved, read_spec(moved)) == moved.data
    assert moved.read("run.json")["seeds"] == {"recipe": 0, "world": 7}


def test_data_and_base_model_are_found_from_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe("fleming-32b")
    mine = recipe.model_copy(update={"base": recipe.base.model_copy(update={"model": "models/mine"})})
    asked = make_spec(mine, Path("data"), False)
    assert asked.data == tmp_path / "data"
    assert asked.recipe.base.model == str(tmp_path / "models" / "mine")
    assert make_spec(recipe, tmp_path, False).recipe.base.model == recipe.base.model


@pytest.mark.parametrize("key", ["schema", "recipe", "data", "control"])
def test_a_run_that_was_edited_is_one_line(tmp_path, key):
    run = TrainingFolder(tmp_path)
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, False))
    facts = run.read("run.json")
    del facts[key]
    (tmp_path / "run.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match=f"run.json: lacks '{key}'"):
        read_spec(run)


def test_a_recipe_of_another_version_is_named(tmp_path):
    run = TrainingFolder(tmp_path)
    write_spec(run, make_spec(read_recipe("fleming-7b"), tmp_path, False))
    facts = run.read("run.json")
    facts["recipe"]["stages"][0]["colour"] = "red"
    run.write("run.json", facts)
    with pytest.raises(RunError, match="colour"):
        read_spec(run)
    run.write("run.json", {**facts, "schema": 9})
    with pytest.raises(RunError, match="not of schema 1"):
        read_spec(run)


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(RunError, match="no training run is here"):
        read_spec(TrainingFolder(tmp_path))


def test_a_control_is_another_run(tmp_path):
    asked = make_spec(read_recipe("fleming-7b"), tmp_path, False)
    assert asked.to_json() != replace(asked, control=True).to_json()
