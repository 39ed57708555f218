"""Reuse of finished stages: those that are promoted and would be trained identically, up to the first that differs."""

import shutil

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training.data.manifest import freeze, read_manifest
from training.pipeline.reuse import reusable_stages, reuse_stages
from training.pipeline.run import prepare_folder
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
    spec = make_spec(RECIPE, data, False)
    write_spec(run, spec)
    (run.evaluations / "abc").mkdir(parents=True)
    (run.evaluations / "abc" / "summary.json").write_text("{}")
    states = ("promoted", "promoted", "refused")
    for stage, folder, state in zip(RECIPE.stages, spec.stages(run), states, strict=True):
        folder.note(state=state)
        folder.write("manifest.json", read_manifest(data / stage.data.folder).to_json())
        folder.model.mkdir()
        (folder.model / "adapter.safetensors").write_bytes(stage.name.encode())
    return run


def names(folders):
    return [folder.path.name for folder in folders]


def reused(source, recipe, data, control=False):
    return names(
        reusable_stages(source, TrainingFolder(source.path.with_name("run")), make_spec(recipe, data, control))
    )


def test_promoted_stages_are_reused_up_to_the_first_change(source, data):
    assert reused(source, RECIPE, data) == ["1-pretrain", "2-sft"]
    assert reused(source, changed(stage="grpo", steps=3), data) == ["1-pretrain", "2-sft"]
    assert reused(source, changed(stage="sft", epochs=1), data) == ["1-pretrain"]
    assert reused(source, changed(hardware={**RECIPE.hardware.model_dump(), "utilisation": 0.5}), data) == [
        "1-pretrain",
        "2-sft",
    ]


def test_no_stage_is_reused_after_one_that_is_not(source, data):
    source.stage(2, "sft").note(state="refused")
    source.stage(3, "grpo").note(state="promoted")
    assert reused(source, RECIPE, data) == ["1-pretrain"]


def test_a_control_reuses_the_stages_without_a_reward(source, data):
    assert reused(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    source.stage(3, "grpo").note(state="promoted")
    assert reused(source, RECIPE, data, control=True) == ["1-pretrain", "2-sft"]
    assert reused(source, RECIPE, data) == ["1-pretrain", "2-sft", "3-grpo"]


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (changed(seed=5), "seed"),
        (changed(lora=None), "lora"),
        (changed(hardware={**RECIPE.hardware.model_dump(), "gpus": 8}), "number of devices"),
        (changed(stage="pretrain", checkpoint_every=7), "1-pretrain has other settings"),
    ],
)
def test_the_first_difference_is_named_where_no_stage_can_be_reused(source, data, recipe, reason):
    with pytest.raises(UsageError) as caught:
        reused(source, recipe, data)
    assert caught.value.code is ErrorCode.STAGES_NOT_REUSABLE and reason in str(caught.value)


def test_a_stage_on_other_data_is_not_reused(source, data):
    (data / "traces" / "manifest.json").unlink()
    (data / "traces" / "train.jsonl").write_text("{}\n{}\n")
    freeze(data / "traces", "Rows.", "CC0-1.0")
    assert reused(source, RECIPE, data) == ["1-pretrain"]


def test_a_base_model_among_other_data_is_another_base_model(source, data, tmp_path):
    recipe = changed(base={**RECIPE.base.model_dump(), "model": "./base"})
    (source.path / "run.json").unlink()
    write_spec(source, make_spec(recipe, data, False))
    assert reused(source, recipe, data) == ["1-pretrain", "2-sft"]
    other = shutil.copytree(data, tmp_path / "other")
    with pytest.raises(UsageError) as caught:
        reused(source, recipe, other)
    assert caught.value.code is ErrorCode.STAGES_NOT_REUSABLE and "base model" in str(caught.value)


def test_a_run_cannot_reuse_itself(source, data):
    with pytest.raises(UsageError) as caught:
        reusable_stages(source, source, make_spec(RECIPE, data, False))
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS


@pytest.fixture
def run(source, data, tmp_path):
    """A run that reuses stages of the source, of which none is copied yet."""
    new = TrainingFolder(tmp_path / "run")
    prepare_folder(make_spec(RECIPE, data, False), new, source)
    return new


def test_stages_with_their_evaluations_are_copied_once(source, data, run):
    reported = []
    for _ in range(2):
        reuse_stages(run, read_spec(run), reported.append)
    assert [line.partition(":")[0] for line in reported] == ["1-pretrain", "2-sft"]
    for name in ("1-pretrain", "2-sft"):
        stage, copy = source.path / "stages" / name, run.path / "stages" / name
        assert (copy / "model/adapter.safetensors").read_bytes() == (stage / "model/adapter.safetensors").read_bytes()
        assert (copy / "stage.json").read_text() == (stage / "stage.json").read_text()
    assert (run.evaluations / "abc" / "summary.json").is_file()
    assert not run.stage(3, "grpo").path.exists()


def test_after_a_kill_the_rest_is_copied_but_nothing_that_was_promoted_since(source, data, run):
    shutil.copytree(source.path / "stages/1-pretrain", run.path / "stages/1-pretrain")
    source.stage(3, "grpo").note(state="promoted")
    prepare_folder(make_spec(RECIPE, data, False), run, source)
    reuse_stages(run, read_spec(run), lambda _: None)
    assert run.stage(2, "sft").state == "promoted" and not run.stage(3, "grpo").path.exists()
    shutil.rmtree(source.path)
    reuse_stages(run, read_spec(run), lambda _: None)


def test_a_run_reuses_stages_of_one_other_run(source, data, run, tmp_path):
    prepare_folder(make_spec(RECIPE, data, False), run, None)
    with pytest.raises(UsageError) as caught:
        prepare_folder(make_spec(RECIPE, data, False), run, TrainingFolder(tmp_path / "other"))
    assert caught.value.code is ErrorCode.RUN_MISMATCH
    assert str(source.path) in str(caught.value) and str(tmp_path / "other") in str(caught.value)
