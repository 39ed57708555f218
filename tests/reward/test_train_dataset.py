"""Training data: every row is payable, and no test item gets in unasked."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.load import load, load_split
from evalsuite.errors import DataError, UsageError
from evalsuite.reward import GroundTruth, StrictReward, dataset
from evalsuite.reward.ground_truth import read
from evalsuite.reward.train_dataset import refuse_test_items, rows
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

DATA = Path(__file__).parents[3] / "shared" / "data"
STARTER = ("starter_recall", "starter_vignette", "starter_evidence", "starter_differential")
OWN = Item("mine-1", "Which?", ("x", "y"), ("A", "B"), "B")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data")


@pytest.mark.parametrize("name", STARTER)
def test_a_perfect_response_to_each_row_is_paid_and_no_other_label_is(name):
    task = load_task(name)
    items = load(task).items
    made = list(rows(task, items, None, None))
    prompt = TaskPrompt(task, task.format)
    for item, row in zip(items, made, strict=True):
        assert row["prompt"] == [dict(message) for message in prompt.messages(item)]
        assert (row["item"], row["task"], row["gold"], row["format"]) == (item.id, name, item.gold, task.format)
        assert read(row["ground_truth"]) == GroundTruth(item.gold, item.labels, task.format)
        for label in row["labels"]:
            columns = {key: [row[key]] for key in ("gold", "labels", "format", "opens_reasoning")}
            assert StrictReward()([write(row["format"], label)], **columns) == [float(label == item.gold)]
    assert len({row["format"] for row in rows(task, items, "boxed", None)}) == 1
    with_system = next(rows(task, items, None, "Be brief."))["prompt"]
    assert [message["role"] for message in with_system] == ["system", "user"]


@pytest.mark.parametrize("item, told", [
    (replace(OWN, gold="C"), "item mine-1: gold 'C' is not among its labels A, B"),
    (replace(OWN, labels=("A", "a")), "item mine-1: gold 'B'"),
    (replace(OWN, labels=("B", "b")), "item mine-1: labels must differ by more than case"),
    (replace(OWN, labels=("A", " B"), gold=" B"), "item mine-1: labels must be non-empty"),
    (replace(OWN, labels=("A", "</think>"), gold="</think>"), "item mine-1: its perfect response"),
])  # fmt: skip
def test_an_item_that_could_never_be_paid_is_an_error_before_training(item, told):
    with pytest.raises(UsageError) as caught:
        dataset([OWN, item])
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("name", STARTER)
def test_test_items_are_refused_under_whatever_name_they_come(name):
    items = load(load_task(name)).items
    with pytest.raises(UsageError, match=f"items are test items of {name}"):
        dataset([OWN, items[0]])
    renamed = replace(items[1], id=f"copy.jsonl:{items[1].id}")
    with pytest.raises(UsageError, match=renamed.id):
        dataset([OWN, renamed])
    assert benchmarks_of([replace(items[0], question="Another?")]) == {}


def test_where_they_are_wanted_it_is_said():
    task = load_task("starter_recall")
    with pytest.warns(UserWarning, match="TEST items as training data: no accuracy on starter_recall") as told:
        refuse_test_items(load(task).items, "test", task)
    assert len(told) == 1


def test_a_task_without_train_items_says_so():
    with pytest.raises(DataError, match="starter_recall: no train items: its card names none"):
        dataset("starter_recall")
    with pytest.raises(UsageError, match="no items"):
        dataset([])
    with pytest.raises(UsageError, match="like"):
        dataset("starter_recall", like="starter_recall")
    with pytest.raises(UsageError, match="tokenizer"):
        dataset([OWN], thinking="off")


@needs_data
def test_another_benchmark_that_holds_a_train_split_is_named():
    """The half of PubMedQA's 1,000 that isn't its test half is the test data of pubmedqa_1000."""
    task = load_task("pubmedqa")
    items = load_split(task, "train", DATA)
    assert set(benchmarks_of(items).values()) == {"pubmedqa_1000"}
    with pytest.warns(UserWarning, match="500 of 500 train items of pubmedqa are test items of pubmedqa_1000"):
        refuse_test_items(items, "train", task)
    with pytest.raises(UsageError, match="test items of pubmedqa_1000"):
        refuse_test_items(items, "train", task, own=True)


@needs_data
@pytest.mark.parametrize("name, split, number", [("medqa", "train", 1080), ("medqa", "dev", 1272)])
def test_a_card_s_splits_are_all_payable_and_hold_no_test_item(name, split, number):
    task = load_task(name)
    items = load_split(task, split, DATA)
    assert len(items) == len({item.id for item in items}) == number
    assert benchmarks_of(items) == {}
    assert len(list(rows(task, items, None, None))) == number


def test_rows_and_errors_need_no_heavy_library():
    script = """
import sys
from evalsuite.reward.train_dataset import rows
from evalsuite.data.load import load
from evalsuite.tasks.registry import load_task
task = load_task("starter_recall")
made = list(rows(task, load(task).items, None, None))
print(len(made), [m for m in ("torch", "transformers", "datasets", "pandas") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]", done.stderr


def test_ground_truth_is_plain_json():
    fields = json.loads(next(rows(load_task("starter_recall"), [OWN], None, None))["ground_truth"])
    assert fields == {"gold": "B", "labels": ["A", "B"], "format": "answer_line", "opens_reasoning": False}
