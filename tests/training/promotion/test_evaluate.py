"""When two evaluations are the same, and the options of `evalsuite run`."""

import shutil

import pytest

from evalsuite import parser
from evalsuite.cli.run import run as command
from training.promotion.evaluate import evaluation_digest, run_options
from training.promotion.last_promoted import PromotedModel
from training.recipe import Base
from training.recipe_sections import Evaluation
from training.run_folder import TrainingFolder

BASE = Base(model="a/b")
EVALUATION = Evaluation(tasks=["medqa", "pubmedqa"], max_tokens=64)


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "run" / "stages" / "1-sft" / "model"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    (model / "config.json").write_text("{}")
    return model


def test_an_equal_model_in_another_folder_is_the_same(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "README.md").write_text("Edited.")
    assert evaluation_digest(PromotedModel(str(copy)), EVALUATION) == evaluation_digest(
        PromotedModel(str(folder)), EVALUATION
    )


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "generation_config.json"])
def test_another_file_is_another_model(folder, name):
    before = evaluation_digest(PromotedModel(str(folder)), EVALUATION)
    (folder / name).write_bytes(b"changed")
    assert evaluation_digest(PromotedModel(str(folder)), EVALUATION) != before


def test_an_evaluation_keeps_its_name_as_long_as_the_parser_keeps_its_version(monkeypatch):
    """Runs of parser version 1, from before `args` existed, have their evaluations under this name."""
    monkeypatch.setattr(parser, "VERSION", "1")
    assert (
        evaluation_digest(PromotedModel("Qwen/Qwen3-8B", None, "abc"), Evaluation(tasks=["medqa"]))
        == "c9baae4a24dad911"
    )


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
    found = {evaluation_digest(model, evaluation) for model in models for evaluation in evaluations}
    assert len(found) == len(models) * len(evaluations)


def test_models_of_the_run_are_named_by_their_path_in_it(folder, tmp_path):
    run = TrainingFolder(tmp_path / "run")
    options = run_options(run, BASE, PromotedModel("Qwen/Qwen3-8B", folder, "abc"), EVALUATION)
    assert options[:6] == ["--model", "hf/Qwen/Qwen3-8B", "--adapter", "stages/1-sft/model", "--revision", "abc"]
    assert run_options(run, BASE, PromotedModel(str(folder)), EVALUATION)[1] == "hf/stages/1-sft/model"
    assert run_options(run, BASE, PromotedModel("/outside/base"), EVALUATION)[1] == "hf//outside/base"


def test_the_end_token_is_a_model_argument(folder, tmp_path):
    base = Base(model="a/b", eos="<|im_end|>")
    options = run_options(TrainingFolder(tmp_path), base, PromotedModel("a/b"), EVALUATION)
    with command.make_context("run", options) as context:
        assert context.params["model_args"] == ("eos=<|im_end|>",)


def test_each_setting_of_an_evaluation_is_an_option(folder, tmp_path):
    changes = {"limit": 5, "scoring": "cloze", "samples": 3, "temperature": 0.7, "chat_template": "none"}
    changes["args"] = {"batch": "8", "dtype": "float32"}
    evaluation = EVALUATION.model_copy(update=changes)
    options = run_options(TrainingFolder(tmp_path), BASE, PromotedModel(str(folder)), evaluation)
    with command.make_context("run", options) as context:
        parsed = context.params
    assert parsed["tasks"] == "medqa,pubmedqa"
    assert parsed["model_args"] == ("batch=8", "dtype=float32")
    for name in Evaluation.model_fields.keys() - {"tasks", "backend", "args"}:
        assert parsed[name] == getattr(evaluation, name), name
