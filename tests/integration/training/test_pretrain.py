"""Continued pretraining: packing, the loss mask, and the reasons to stop."""

import json
import math
import shutil

import pytest
import staged

from evalsuite.errors import DataError, ErrorCode, RunError, UsageError
from training.checks.preflight import run_preflight
from training.run_folder import StageFolder
from training.stages.job import StageJob

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


def prepare(recipe, folder, data):
    from training.stages.pretrain import prepare

    return prepare(StageJob(recipe, recipe.stages[0], StageFolder(folder), data / "base", data))


def test_text_is_packed_to_full_sequences_with_the_loss_on_every_token(data, tmp_path):
    trainer, facts = prepare(staged.recipe(staged.pretrain()), tmp_path / "stage", data)
    sequences = trainer.train_dataset.to_list()
    assert facts == {"rows": 60, "sequences": len(sequences), "packed": True}
    assert sorted(len(row["input_ids"]) for row in sequences)[1:] == [32] * (len(sequences) - 1)
    assert all(row["labels"] == row["input_ids"] for row in sequences)
    decode, end = trainer.processing_class.decode, trainer.processing_class.eos_token
    texts = json.loads("[" + ",".join((data / "corpus" / "train.jsonl").read_text().split("\n")[:-1]) + "]")
    assert sum(len(decode(row["input_ids"])) for row in sequences) == sum(len(row["text"] + end) for row in texts)


def test_a_row_with_a_prompt_is_not_split_and_the_loss_is_on_its_completion(data, tmp_path):
    trainer, facts = prepare(staged.recipe(staged.pretrain("pairs")), tmp_path / "stage", data)
    assert facts == {"rows": 20, "sequences": 20, "packed": False}
    decode = trainer.processing_class.decode
    for number, row in enumerate(trainer.train_dataset):
        learnt = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
        assert decode(row["input_ids"]) == f"The pulse is {number} and {number}.<|im_end|>"
        assert decode(learnt) == f" and {number}.<|im_end|>"


def test_a_row_that_would_be_truncated_is_refused(data, tmp_path):
    recipe = staged.recipe(staged.pretrain("pairs", batch={"sequences": 2, "length": 8}))
    with pytest.raises(DataError) as caught:
        prepare(recipe, tmp_path / "stage", data)
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED
    assert all(value in str(caught.value) for value in ("18 of 20 rows (90.0%)", "batch.length = 8", "has 10 "))


def test_all_weights_are_trained_and_each_step_is_logged(data, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = staged.train(staged.recipe(staged.pretrain()), tmp_path / "1-pretrain", data)
    before, after = (load_file(place / "model.safetensors") for place in (data / "base", folder.model))
    assert before.keys() == after.keys()
    assert not [name for name in before if torch.equal(before[name], after[name])]
    lines = list(folder.read_metrics())
    assert [line["step"] for line in lines] == list(range(1, 11))
    assert all(math.isfinite(line[key]) for line in lines for key in ("time", "loss", "grad_norm", "learning_rate"))
    assert lines[-1]["loss"] < lines[0]["loss"]
    facts = folder.read("stage.json")
    assert (facts["state"], facts["steps"], facts["seed"]) == ("trained", 10, 3)
    assert facts["tokens"] == lines[-1]["num_input_tokens_seen"]
    assert {"torch", "transformers", "trl", "peft"} <= facts["versions"].keys()
    assert not {"cache", ".model.part"} & {path.name for path in folder.path.iterdir()}
    assert not (folder.model / "training_args.bin").exists()


def test_a_base_model_without_a_chat_template_is_trained_where_it_is_evaluated_without_one(data, tmp_path):
    (tmp_path / "corpus").symlink_to(data / "corpus")
    shutil.copytree(data / "base", tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    evaluation = {"tasks": ["starter_recall"], "scoring": "cloze", "chat_template": "none"}
    recipe = staged.recipe(staged.pretrain(evaluation=evaluation, steps=1))
    run_preflight(recipe, recipe.stages[0], StageFolder(tmp_path / "1-pretrain"), tmp_path / "base", tmp_path)
    assert staged.train(recipe, tmp_path / "1-pretrain", tmp_path).state == "trained"
    recipe = staged.recipe(staged.pretrain(evaluation=evaluation | {"chat_template": "own"}, steps=1))
    with pytest.raises(UsageError) as caught:
        prepare(recipe, tmp_path / "2-pretrain", tmp_path)
    assert str(tmp_path / "base") in str(caught.value)


def test_a_loss_that_is_not_finite_stops_the_stage(data, tmp_path):
    recipe = staged.recipe(staged.pretrain(rate=1e38))
    with pytest.raises(RunError, match=r"(loss|grad_norm) .*\((nan|inf)\) at step \d+ .* 9.*e\+37") as caught:
        staged.train(recipe, tmp_path / "1-pretrain", data)
    assert caught.value.code is ErrorCode.TRAINING_FAILED
    folder = StageFolder(tmp_path / "1-pretrain")
    assert not folder.model.exists()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in folder.metrics.read_text().splitlines()]
    assert None in (lines[-1]["loss"], lines[-1]["grad_norm"])
    assert not list(folder.checkpoints.glob(f"checkpoint-{lines[-1]['step']}"))
