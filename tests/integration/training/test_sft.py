"""Supervised fine-tuning: the loss mask, traces that are refused, early stopping and the checkpoint it keeps."""

import pytest
import staged

from evalsuite.errors import DataError, ErrorCode, UsageError
from training.run_folder import StageFolder
from training.stages.job import StageJob

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


def prepare(recipe, folder, data):
    from training.stages.sft import prepare

    return prepare(StageJob(recipe, recipe.stages[0], StageFolder(folder), data / "base", data))


def test_the_loss_is_on_trace_answer_and_end_of_turn_alone(data, tmp_path):
    trainer, facts = prepare(staged.recipe(staged.sft()), tmp_path / "stage", data)
    assert (facts["rows"], facts["held_out"]) == (40, 8)
    decode = trainer.processing_class.decode
    for rows in (trainer.train_dataset, trainer.eval_dataset):
        batch = trainer.data_collator([{key: row[key] for key in ("input_ids", "labels")} for row in rows])
        for tokens, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            shown = decode(tokens[labels == -100]).replace("<|endoftext|>", "")
            number = int(shown.split("Item ")[1].split(":")[0])
            row = staged.trace(number)
            assert shown == f"<|im_start|>user\n{row['prompt'][0]['content']}<|im_end|>\n<|im_start|>assistant\n"
            # The template ends a turn with a line break, which has a loss too, though no response gets that far.
            assert decode(labels[labels != -100]) == f"{row['completion'][0]['content']}<|im_end|>\n"


def refused_data(stage, folder, data):
    """Return the message with which a stage's data is refused."""
    with pytest.raises(DataError) as caught:
        prepare(staged.recipe(stage), folder, data)
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED
    return str(caught.value)


def test_traces_that_end_in_another_label_are_counted_and_refused(data, tmp_path):
    rows = [staged.trace(0), staged.trace(1, answer="A"), staged.trace(2, answer="?"), staged.trace(3)]
    staged.put(data / "wrong", train=rows)
    message = refused_data(staged.sft("wrong", patience=None), tmp_path / "stage", data)
    assert "2 of 4 traces (50.0%)" in message
    assert "item-1 of train.jsonl (gold B)" in message and "'It is A.\\n<answer>A</answer>'" in message


def test_a_trace_with_text_after_its_answer_is_wrong_too(data, tmp_path):
    row = staged.trace(0)
    row["completion"][0]["content"] += " <answer>B</answer>"
    staged.put(data / "two", train=[row])
    assert "1 of 1 traces" in refused_data(staged.sft("two", patience=None), tmp_path / "stage", data)


def test_a_gold_that_is_not_among_the_labels_is_refused_by_item(data, tmp_path):
    staged.put(data / "unlabelled", train=[staged.trace(0) | {"labels": ["B", "C"]}])
    message = refused_data(staged.sft("unlabelled", patience=None), tmp_path / "stage", data)
    assert "item-0 of train.jsonl" in message and "'A'" in message


def test_traces_whose_answer_would_be_truncated_are_refused(data, tmp_path):
    stage = staged.sft(batch={"sequences": 4, "length": 30})
    message = refused_data(stage, tmp_path / "stage", data)
    assert "rows (100.0%)" in message and "batch.length = 30" in message


def test_a_single_row_that_would_be_truncated_is_refused(data, tmp_path):
    long = staged.trace(0, answer="A")
    long["prompt"][0]["content"] += " and" * 200
    staged.put(data / "long", train=[staged.trace(number) for number in range(200)], dev=[long])
    message = refused_data(staged.sft("long"), tmp_path / "stage", data)
    assert "1 of 201 rows (0.5%)" in message and "item-0 of dev.jsonl" in message


def test_patience_needs_dev_rows(data, tmp_path):
    with pytest.raises(UsageError) as caught:
        prepare(staged.recipe(staged.sft(hold_out=None)), tmp_path / "stage", data)
    assert caught.value.code is ErrorCode.INVALID_RECIPE
    assert str(data / "traces" / "dev.jsonl") in str(caught.value)


def test_it_stops_when_the_dev_loss_no_longer_falls_and_keeps_the_best_weights(data, tmp_path):
    import torch
    from safetensors.torch import load_file

    # All train rows have the gold label A and all dev rows B, so the dev loss soon rises.
    train, dev = ([staged.trace(number) for number in range(side, 24, 2)] for side in (0, 1))
    staged.put(data / "turning", train=train, dev=dev)
    recipe = staged.recipe(
        staged.sft("turning", epochs=60, patience=2, hold_out=None, checkpoint_every=2, rate=2e-3), lora=staged.LORA
    )
    folder = staged.train(recipe, tmp_path / "1-sft", data)
    losses = {line["step"]: line["eval_loss"] for line in folder.read_metrics() if "eval_loss" in line}
    facts = folder.read("stage.json")
    assert facts["held_out"] == 12
    assert facts["best_step"] == min(losses, key=losses.get)
    assert facts["steps"] == max(losses) == facts["best_step"] + 2 * 2 < 60 * 3
    assert all(losses[step] > losses[facts["best_step"]] for step in losses if step > facts["best_step"])
    saved = load_file(folder.model / "adapter_model.safetensors")
    best = load_file(folder.checkpoints / f"checkpoint-{facts['best_step']}" / "adapter_model.safetensors")
    last = load_file(folder.checkpoints / f"checkpoint-{facts['steps']}" / "adapter_model.safetensors")
    assert all(torch.equal(saved[name], best[name]) for name in best)
    assert not all(torch.equal(saved[name], last[name]) for name in last)


def test_without_patience_no_row_is_held_out_and_all_epochs_are_trained(data, tmp_path):
    folder = staged.train(staged.recipe(staged.sft(patience=None)), tmp_path / "1-sft", data)
    facts = folder.read("stage.json")
    assert (facts["rows"], facts["held_out"], facts["steps"], facts["best_step"]) == (48, 0, 24, None)
    assert not [line for line in folder.read_metrics() if "eval_loss" in line]


def test_the_adapter_of_pretraining_is_trained_on_in_fine_tuning(data, tmp_path):
    import torch
    from safetensors.torch import load_file

    recipe = staged.recipe(staged.pretrain(), staged.sft(), lora=staged.LORA)
    first = staged.train(recipe, tmp_path / "1-pretrain", data)
    second = staged.train(recipe, tmp_path / "2-sft", data, first.model, stage=1)
    before, after = (load_file(folder.model / "adapter_model.safetensors") for folder in (first, second))
    assert {name: weight.shape for name, weight in before.items()} == {
        name: weight.shape for name, weight in after.items()
    }
    assert not [name for name in before if torch.equal(before[name], after[name])]
    configs = [Folder.read("adapter_config.json") for Folder in (StageFolder(first.model), StageFolder(second.model))]
    for key in ("r", "lora_alpha", "lora_dropout", "base_model_name_or_path"):
        assert configs[0][key] == configs[1][key]
    assert not list(second.model.glob("model*.safetensors"))
