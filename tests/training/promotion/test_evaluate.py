"""When two evaluations are one, and what `evalsuite run` is told."""

import shutil

import pytest

from evalsuite import parser
from evalsuite.cli.run import run as command
from training.promotion.evaluate import digest, options
from training.promotion.last_promoted import PromotedModel
from training.recipe import Base, Evaluation
from training.run_folder import TrainingFolder

BASE = Base(model="a/b")
EVALUATION = Evaluation(tasks=["medqa", "pubmedqa"], max_tokens=64)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "run" / "stages" / "1-sft" / "model"
    made.mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "config.json").write_text("{}")
    return made


def test_an_equal_model_elsewhere_is_the_same(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "README.md").write_text("Mine.")
    assert digest(PromotedModel(str(copy)), EVALUATION) == digest(PromotedModel(str(folder)), EVALUATION)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "generation_config.json"])
def test_another_file_is_another_model(folder, name):
    before = digest(PromotedModel(str(folder)), EVALUATION)
    (folder / name).write_bytes(b"others")
    assert digest(PromotedModel(str(folder)), EVALUATION) != before


def test_an_evaluation_keeps_its_name_from_version_to_version():
    """As runs that were begun before backends could be told anything have it on disk."""
    assert str(parser.VERSION) == "1"
    assert digest(PromotedModel("Qwen/Qwen3-8B", None, "abc"), Evaluation(tasks=["medqa"])) == "c9baae4a24dad911"


def test_other_options_or_another_adapter_are_another_evaluation(folder, tmp_path):
    adapter = shutil.copytree(folder, tmp_path / "adapter")
    models = [
        PromotedModel(str(folder)),
        PromotedModel(str(folder), adapter),
        PromotedModel("a/b"),
        PromotedModel("a/b", None, "main"),
    ]
    evaluations = [EVALUATION, *(EVALUATION.model_copy(update=change) for change in (
        {"tasks": ["medqa"]}, {"scoring": "cloze"}, {"max_tokens": 65}, {"samples": 2}, {"temperature": 0.5},
        {"limit": 9}, {"backend": "vllm"}, {"chat_template": "none"}, {"args": {"batch": "8"}}))]  # fmt: skip
    found = {digest(model, evaluation) for model in models for evaluation in evaluations}
    assert len(found) == len(models) * len(evaluations)


def test_models_of_the_run_are_named_by_their_place_in_it(folder, tmp_path):
    run = TrainingFolder(tmp_path / "run")
    told = options(run, BASE, PromotedModel("Qwen/Qwen3-8B", folder, "abc"), EVALUATION)
    assert told[:6] == ["--model", "hf/Qwen/Qwen3-8B", "--adapter", "stages/1-sft/model", "--revision", "abc"]
    assert options(run, BASE, PromotedModel(str(folder)), EVALUATION)[1] == "hf/stages/1-sft/model"
    assert options(run, BASE, PromotedModel("/elsewhere/base"), EVALUATION)[1] == "hf//elsewhere/base"


def test_the_token_that_ends_a_turn_is_told(folder, tmp_path):
    base = Base(model="a/b", eos="<|im_end|>")
    told = options(TrainingFolder(tmp_path), base, PromotedModel("a/b"), EVALUATION)
    with command.make_context("run", told) as context:
        assert context.params["model_args"] == ("eos=<|im_end|>",)


def test_each_setting_of_an_evaluation_is_an_option_that_there_is(folder, tmp_path):
    changes = {"limit": 5, "scoring": "cloze", "samples": 3, "temperature": 0.7, "chat_template": "none"}
    changes["args"] = {"batch": "8", "dtype": "float32"}
    asked = EVALUATION.model_copy(update=changes)
    told = options(TrainingFolder(tmp_path), BASE, PromotedModel(str(folder)), asked)
    with command.make_context("run", told) as context:
        found = context.params
    assert found["tasks"] == "medqa,pubmedqa"
    assert found["model_args"] == ("batch=8", "dtype=float32")
    for name in Evaluation.model_fields.keys() - {"tasks", "backend", "args"}:
        assert found[name] == getattr(asked, name), name
