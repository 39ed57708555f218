"""What of another run may be taken over: what is promoted and would be made the same, and nothing behind it."""

import shutil

import pytest

from evalsuite.errors import UsageError
from training.data.manifest import freeze, read_manifest
from training.pipeline.reuse import reusable_stages, reuse_stages
from training.pipeline.run import begin
from training.recipe import Recipe, read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import make_spec, read_spec, write_spec

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
    asked = make_spec(RECIPE, data, False)
    write_spec(run, asked)
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
    return names(
        reusable_stages(source, TrainingFolder(source.path.with_name("run")), make_spec(recipe, data, control))
    )


def test_what_is_promoted_is_taken_and_what_comes_after_a_change_is_not(source, data):
    assert found(source, RECIPE, data) == ["1-pretrain", "2-sft"]
    assert found(source, changed(stage="grpo", steps=3), data) == ["1-pretrain", "2-sft"]
    assert found(source, changed(stage="sft", epochs=1), data) == ["1-pretrain"]
    assert found(source, changed(hardware={**RECIPE.hardware.model_dump(), "utilisation": 0.5}), data) == [
        "1-pretrain",
        "2-sft",
    ]


def test_nothing_is_taken_from_behind_a_stage_that_is_not(source, data):
    source.stage(2, "sft").note(state="refused")
    source.stage(3, "grpo").note(state="promoted")
    assert found(source, RECIPE, data) == ["1-pretrain"]


def test_a_control_takes_what_a_reward_does_not_touch(source, data):
    assert found(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    source.stage(3, "grpo").note(state="promoted")
    assert found(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    assert found(source, RECIPE, data) == ["1-pretrain", "2-sft", "3-grpo"]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (changed(seed=5), "its seed is not what this run asks for"),
        (changed(lora=None), "its lora is not what this run asks for"),
        (changed(hardware={**RECIPE.hardware.model_dump(), "gpus": 8}), "its number of devices is not what"),
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


def test_a_base_model_among_other_data_is_not_taken_for_the_same(source, data, tmp_path):
    recipe = changed(base={**RECIPE.base.model_dump(), "model": "./base"})
    (source.path / "run.json").unlink()
    write_spec(source, make_spec(recipe, data, False))
    assert found(source, recipe, data) == ["1-pretrain", "2-sft"]
    other = shutil.copytree(data, tmp_path / "other")
    with pytest.raises(UsageError, match="its base model, a folder among the data"):
        found(source, recipe, other)


def test_a_run_is_not_begun_from_itself(source, data):
    with pytest.raises(UsageError, match="is the run itself"):
        reusable_stages(source, source, make_spec(RECIPE, data, False))


@pytest.fixture
def run(source, data, tmp_path):
    """A run that was begun from the source, of which nothing is copied yet."""
    made = TrainingFolder(tmp_path / "run")
    begin(make_spec(RECIPE, data, False), made, source)
    return made


def test_whole_stages_with_their_evaluations_are_copied_once(source, data, run):
    said = []
    for _ in range(2):
        reuse_stages(run, read_spec(run), said.append)
    assert said == [f"{name}: taken over from {source.path}" for name in ("1-pretrain", "2-sft")]
    for name in ("1-pretrain", "2-sft"):
        stage, own = source.path / "stages" / name, run.path / "stages" / name
        assert (own / "model/adapter.safetensors").read_bytes() == (stage / "model/adapter.safetensors").read_bytes()
        assert (own / "stage.json").read_text() == (stage / "stage.json").read_text()
    assert (run.evaluations / "abc" / "summary.json").is_file()
    assert not run.stage(3, "grpo").path.exists()


def test_what_a_kill_left_is_copied_by_the_next_and_what_the_source_made_since_is_not(source, data, run):
    shutil.copytree(source.path / "stages/1-pretrain", run.path / "stages/1-pretrain")
    source.stage(3, "grpo").note(state="promoted")
    begin(make_spec(RECIPE, data, False), run, source)
    reuse_stages(run, read_spec(run), lambda _: None)
    assert run.stage(2, "sft").state == "promoted" and not run.stage(3, "grpo").path.exists()
    shutil.rmtree(source.path)
    reuse_stages(run, read_spec(run), lambda _: None)


def test_a_run_is_from_one_other(source, data, run, tmp_path):
    begin(make_spec(RECIPE, data, False), run, None)
    with pytest.raises(UsageError, match=f"begun from {source.path} there, {tmp_path / 'other'} here"):
        begin(make_spec(RECIPE, data, False), run, TrainingFolder(tmp_path / "other"))
