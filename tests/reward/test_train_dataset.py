"""Train datasets: every row can earn the reward, and no test item is included unless it is requested."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.load import load, load_split
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.reward import GroundTruth, StrictReward, dataset
from evalsuite.reward.ground_truth import parse_ground_truth
from evalsuite.reward.train_dataset import refuse_test_items, train_rows
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

DATA = Path(__file__).parents[3] / "shared" / "data"
STARTER = ("starter_recall", "starter_vignette", "starter_evidence", "starter_differential")
USER_ITEM = Item("user-1", "Which?", ("x", "y"), ("A", "B"), "B")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


@pytest.mark.parametrize("name", STARTER)
def test_only_the_gold_label_of_each_row_earns_the_reward(name):
    task = load_task(name)
    items = load(task).items
    rows = list(train_rows(task, items, None, None))
    prompt = TaskPrompt(task, task.format)
    for item, row in zip(items, rows, strict=True):
        assert row["prompt"] == [dict(message) for message in prompt.messages(item)]
        assert (row["item"], row["task"], row["gold"], row["format"]) == (item.id, name, item.gold, task.format)
        assert parse_ground_truth(row["ground_truth"]) == GroundTruth(item.gold, item.labels, task.format)
        for label in row["labels"]:
            columns = {key: [row[key]] for key in ("gold", "labels", "format", "opens_reasoning")}
            assert StrictReward()([write(row["format"], label)], **columns) == [float(label == item.gold)]
    assert len({row["format"] for row in train_rows(task, items, "boxed", None)}) == 1
    with_system = next(train_rows(task, items, None, "Be brief."))["prompt"]
    assert [message["role"] for message in with_system] == ["system", "user"]


@pytest.mark.parametrize("change", [
    {"gold": "C"},
    {"labels": ("A", "a")},
    {"labels": ("B", "b")},
    {"labels": ("A", " B"), "gold": " B"},
    {"labels": ("A", "</think>"), "gold": "</think>"},
])  # fmt: skip
def test_an_item_that_could_never_earn_the_reward_is_an_error(change):
    with pytest.raises(UsageError) as caught:
        dataset([USER_ITEM, replace(USER_ITEM, id="user-2", **change)])
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED
    assert "user-2" in str(caught.value)


@pytest.mark.parametrize("name", STARTER)
def test_test_items_are_refused_even_with_a_file_name_before_their_id(name):
    items = load(load_task(name)).items
    with pytest.raises(UsageError, match=name) as caught:
        dataset([USER_ITEM, items[0]])
    assert caught.value.code is ErrorCode.DATA_REFUSED
    renamed = replace(items[1], id=f"copy.jsonl:{items[1].id}")
    with pytest.raises(UsageError, match=renamed.id):
        dataset([USER_ITEM, renamed])
    assert benchmarks_of([replace(items[0], question="Another?")]) == {}


def test_training_on_test_items_on_purpose_warns_once():
    task = load_task("starter_recall")
    with pytest.warns(UserWarning, match="starter_recall") as caught:
        refuse_test_items(load(task).items, "test", task)
    assert len(caught) == 1


def test_a_task_without_train_items_is_an_error():
    with pytest.raises(DataError, match="starter_recall") as caught:
        dataset("starter_recall")
    assert caught.value.code is ErrorCode.DATA_NOT_FOUND


@pytest.mark.parametrize(
    ("source", "options", "code", "argument"),
    [
        ([], {}, ErrorCode.INVALID_ARGUMENT, "`source`"),
        ("starter_recall", {"like": "starter_recall"}, ErrorCode.CONFLICTING_ARGUMENTS, "`like`"),
        ([USER_ITEM], {"thinking": "off"}, ErrorCode.MISSING_ARGUMENT, "`tokenizer`"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(source, options, code, argument):
    with pytest.raises(UsageError, match=argument) as caught:
        dataset(source, **options)
    assert caught.value.code is code


@needs_data
def test_another_benchmark_that_tests_on_the_train_items_is_named():
    """The half of PubMedQA's 1,000 that isn't its test half is the test data of pubmedqa_1000."""
    task = load_task("pubmedqa")
    items = load_split(task, "train", DATA)
    assert set(benchmarks_of(items).values()) == {"pubmedqa_1000"}
    with pytest.warns(UserWarning, match="500 of 500 .* pubmedqa_1000"):
        refuse_test_items(items, "train", task)
    with pytest.raises(UsageError, match="pubmedqa_1000") as caught:
        refuse_test_items(items, "train", task, user_items=True)
    assert caught.value.code is ErrorCode.DATA_REFUSED


@needs_data
@pytest.mark.parametrize("name, split, number", [("medqa", "train", 1071), ("medqa", "dev", 1272)])
def test_every_row_of_a_cards_splits_can_earn_the_reward_and_none_is_a_test_item(name, split, number):
    task = load_task(name)
    items = load_split(task, split, DATA)
    assert len(items) == len({item.id for item in items}) == number
    assert benchmarks_of(items) == {}
    assert len(list(train_rows(task, items, None, None))) == number


def test_rows_and_errors_need_no_heavy_library():
    script = """
import sys
from evalsuite.reward.train_dataset import train_rows
from evalsuite.data.load import load
from evalsuite.tasks.registry import load_task
task = load_task("starter_recall")
rows = list(train_rows(task, load(task).items, None, None))
print(len(rows), [m for m in ("torch", "transformers", "datasets", "pandas") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]", done.stderr


def test_ground_truth_is_plain_json():
    fields = json.loads(next(train_rows(load_task("starter_recall"), [USER_ITEM], None, None))["ground_truth"])
    assert fields == {"gold": "B", "labels": ["A", "B"], "format": "answer_line", "opens_reasoning": False}


@needs_data
def test_a_part_of_the_train_items_says_how_many_they_are():
    pytest.importorskip("datasets")
    with pytest.warns(UserWarning, match=r"1,071 of the 10,178 train items of medqa"):
        rows = dataset("medqa", data_dir=str(DATA))
    assert len(rows) == len(set(rows["item"])) == 1071
    assert "1,071 of the 10,178" in rows.info.description
