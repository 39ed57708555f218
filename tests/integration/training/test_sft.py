"""Supervised fine-tuning: what the loss covers, which traces are refused, when it stops and what it keeps."""

import pytest
import staged

from evalsuite.errors import DataError, UsageError
from training.run_folder import StageFolder
from training.stages.job import StageJob

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


def prepare(made, folder, data):
    from training.stages.sft import prepare

    return prepare(StageJob(made, made.stages[0], StageFolder(folder), data / "base", data))


def test_the_loss_covers_trace_answer_and_end_of_turn_and_nothing_else(data, tmp_path):
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
            # The template ends a turn with a line break, which is learnt too: no response gets that far.
            assert decode(labels[labels != -100]) == f"{row['completion'][0]['content']}<|im_end|>\n"


def test_traces_that_end_in_another_label_are_counted_and_refused(data, tmp_path):
    rows = [staged.trace(0), staged.trace(1, answer="A"), staged.trace(2, answer="?"), staged.trace(3)]
    staged.put(data / "wrong", train=rows)
    with pytest.raises(DataError) as refused:
        prepare(staged.recipe(staged.sft("wrong", patience=None)), tmp_path / "stage", data)
    assert "2 of 4 traces (50.0%) don't end in their gold label by the strict parse" in str(refused.value)
    assert "item item-1 of train.jsonl (gold B), which ends 'It is A.\\n<answer>A</answer>'" in str(refused.value)


def test_a_trace_that_answers_and_goes_on_is_wrong_too(data, tmp_path):
    row = staged.trace(0)
    row["completion"][0]["content"] += " <answer>B</answer>"
    staged.put(data / "two", train=[row])
    with pytest.raises(DataError, match="1 of 1 traces"):
        prepare(staged.recipe(staged.sft("two", patience=None)), tmp_path / "stage", data)


def test_a_gold_that_is_no_label_is_refused_by_item(data, tmp_path):
    staged.put(data / "unlabelled", train=[staged.trace(0) | {"labels": ["B", "C"]}])
    with pytest.raises(DataError, match=r"item item-0 of train\.jsonl: gold 'A' is not among its labels"):
        prepare(staged.recipe(staged.sft("unlabelled", patience=None)), tmp_path / "stage", data)


def test_traces_that_would_lose_their_answer_are_refused(data, tmp_path):
    made = staged.recipe(staged.sft(batch={"sequences": 4, "length": 30}))
    with pytest.raises(DataError, match=r"rows \(100\.0%\) have more than batch\.length = 30 tokens"):
        prepare(made, tmp_path / "stage", data)


def test_a_single_row_that_would_be_cut_is_one_too_many(data, tmp_path):
    long = staged.trace(0, answer="A")
    long["prompt"][0]["content"] += " and" * 200
    staged.put(data / "long", train=[staged.trace(number) for number in range(200)], dev=[long])
    with pytest.raises(DataError, match=r"1 of 201 rows \(0\.5%\) .* the longest, item item-0 of dev\.jsonl, has "):
        prepare(staged.recipe(staged.sft("long")), tmp_path / "stage", data)


def test_patience_needs_rows_that_are_held_out(data, tmp_path):
    with pytest.raises(UsageError, match=r"patience needs rows that are held out: give .*dev\.jsonl, or hold_out"):
        prepare(staged.recipe(staged.sft(hold_out=None)), tmp_path / "stage", data)


def test_it_stops_when_the_held_out_loss_no_longer_falls_and_keeps_the_best(data, tmp_path):
    import torch
    from safetensors.torch import load_file

    # What is learnt from the train rows, always A, is wrong on the dev rows, always B.
    train, dev = ([staged.trace(number) for number in range(side, 24, 2)] for side in (0, 1))
    staged.put(data / "turning", train=train, dev=dev)
    made = staged.recipe(
        staged.sft("turning", epochs=60, patience=2, hold_out=None, checkpoint_every=2, rate=2e-3), lora=staged.LORA
    )
    folder = staged.train(made, tmp_path / "1-sft", data)
    losses = {line["step"]: line["eval_loss"] for line in folder.read_metrics() if "eval_loss" in line}
    told = folder.read("stage.json")
    assert told["held_out"] == 12
    assert told["best_step"] == min(losses, key=losses.get)
    assert told["steps"] == max(losses) == told["best_step"] + 2 * 2 < 60 * 3
    assert all(losses[step] > losses[told["best_step"]] for step in losses if step > told["best_step"])
    kept = load_file(folder.model / "adapter_model.safetensors")
    best = load_file(folder.checkpoints / f"checkpoint-{told['best_step']}" / "adapter_model.safetensors")
    last = load_file(folder.checkpoints / f"checkpoint-{told['steps']}" / "adapter_model.safetensors")
    assert all(torch.equal(kept[name], best[name]) for name in best)
    assert not all(torch.equal(kept[name], last[name]) for name in last)


def test_without_patience_nothing_is_held_out_and_all_epochs_are_taken(data, tmp_path):
    folder = staged.train(staged.recipe(staged.sft(patience=None)), tmp_path / "1-sft", data)
    told = folder.read("stage.json")
    assert (told["rows"], told["held_out"], told["steps"], told["best_step"]) == (48, 0, 24, None)
    assert not [line for line in folder.read_metrics() if "eval_loss" in line]


def test_the_adapter_of_pretraining_goes_on_through_fine_tuning(data, tmp_path):
    import torch
    from safetensors.torch import load_file

    made = staged.recipe(staged.pretrain(), staged.sft(), lora=staged.LORA)
    first = staged.train(made, tmp_path / "1-pretrain", data)
    second = staged.train(made, tmp_path / "2-sft", data, first.model, stage=1)
    before, after = (load_file(folder.model / "adapter_model.safetensors") for folder in (first, second))
    assert {name: weight.shape for name, weight in before.items()} == {
        name: weight.shape for name, weight in after.items()
    }
    assert not [name for name in before if torch.equal(before[name], after[name])]
    configs = [Folder.read("adapter_config.json") for Folder in (StageFolder(first.model), StageFolder(second.model))]
    for key in ("r", "lora_alpha", "lora_dropout", "base_model_name_or_path"):
        assert configs[0][key] == configs[1][key]
    assert not list(second.model.glob("model*.safetensors"))
