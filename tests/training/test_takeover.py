"""What of another run may be taken over: what is promoted and would be made the same, and nothing behind it."""

import json

import pytest

from evalsuite.errors import UsageError
from training.asked import ask, data_of, write_asked
from training.folder import TrainingFolder
from training.manifest import freeze, read_manifest
from training.recipe import Recipe, read_recipe
from training.takeover import alike, take_over

RECIPE = read_recipe("reasonmed-8b")


@pytest.fixture
def data(tmp_path):
    for name in ("corpus", "traces", "questions"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text("{}\n")
        freeze(folder, "Rows.", "CC0-1.0")
    return tmp_path / "data"


def changed(recipe=RECIPE, stage=None, **changes):
    """A recipe with other settings, of a stage where one is named."""
    facts = recipe.to_json()
    target = facts if stage is None else next(each for each in facts["stages"] if each["name"] == stage)
    target.update(changes)
    return Recipe.model_validate(facts)


@pytest.fixture
def source(tmp_path, data):
    """A run whose first two stages are promoted."""
    run = TrainingFolder(tmp_path / "source")
    asked = ask(RECIPE, data, False)
    write_asked(run, asked)
    (run.evaluations / "abc").mkdir(parents=True)
    (run.evaluations / "abc" / "summary.json").write_text("{}")
    states = ("promoted", "promoted", "refused")
    for stage, folder, state in zip(RECIPE.stages, asked.stages(run), states, strict=True):
        folder.note(state=state)
        folder.write("manifest.json", read_manifest(data / stage.data.folder).to_json())
        folder.model.mkdir()
        (folder.model / "adapter.safetensors").write_bytes(stage.name.encode())
    return run


def names(folders):
    return [folder.path.name for folder in folders]


def found(source, recipe, data, control=False):
    asked = ask(recipe, data, control)
    return names(alike(source, asked, data_of(source, asked)))


def test_what_is_promoted_is_taken_and_what_comes_after_a_change_is_not(source, data):
    assert found(source, RECIPE, data) == ["1-pretrain", "2-sft"]
    assert found(source, changed(stage="grpo", steps=3), data) == ["1-pretrain", "2-sft"]
    assert found(source, changed(stage="sft", epochs=1), data) == ["1-pretrain"]
    assert found(source, changed(hardware={**RECIPE.hardware.model_dump(), "gpus": 8}), data) == ["1-pretrain", "2-sft"]


def test_a_control_takes_what_a_reward_does_not_touch(source, data):
    assert found(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    source.stage(3, "grpo").note(state="promoted")
    assert found(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    assert found(source, RECIPE, data) == ["1-pretrain", "2-sft", "3-grpo"]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (changed(seed=5), "its seed is not this recipe's"),
        (changed(lora=None), "its lora is not this recipe's"),
        (changed(stage="pretrain", checkpoint_every=7), "1-pretrain: its settings are not this recipe's"),
    ],
)
def test_where_nothing_is_alike_the_reason_is_said(source, data, recipe, said):
    with pytest.raises(UsageError, match=said):
        found(source, recipe, data)


def test_other_data_is_not_taken_for_the_same(source, data):
    (data / "traces" / "manifest.json").unlink()
    (data / "traces" / "train.jsonl").write_text("{}\n{}\n")
    freeze(data / "traces", "Rows.", "CC0-1.0")
    assert found(source, RECIPE, data) == ["1-pretrain"]


def test_whole_stages_with_their_evaluations_are_copied_once(source, data, tmp_path):
    run, asked = TrainingFolder(tmp_path / "run"), ask(RECIPE, data, False)
    stages = alike(source, asked, data)
    for _ in range(2):
        take_over(stages, source, run, asked)
    for stage in stages:
        own = run.path / stage.path.relative_to(source.path)
        assert (own / "model/adapter.safetensors").read_bytes() == (stage.model / "adapter.safetensors").read_bytes()
        facts = json.loads((own / "stage.json").read_text())
        assert facts == {**stage.read("stage.json"), "taken_from": str(source.path)}
    assert (run.evaluations / "abc" / "summary.json").is_file()
    assert not run.stage(3, "grpo").path.exists()
