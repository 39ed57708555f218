"""Mixing: shares hold, each question is there once, nothing is lost without a reason, and a stage takes the result."""

import json
from collections import Counter
from pathlib import Path

import pytest

from evalsuite.api.dataset import OwnDataset
from evalsuite.cli import main
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.reward.train_dataset import train_rows
from evalsuite.tasks.answer_format import FORMATS
from tests.training.synthesis.refine.planted import NAMES, read_rows, row, write_rows
from training.data.manifest import describe, freeze, verify, write_manifest
from training.data.rows import RewardPrompt, Trace, read
from training.synthesis.refine.mix import parse_source
from training.synthesis.refine.same_question import row_key


def grpo_rows(numbers, format="answer_tag", **changes) -> list[dict]:
    dataset = OwnDataset([row(n, **changes) for n in numbers], name="questions")
    return list(train_rows(dataset.task, dataset.items, format, None))


def trace(number: int, thought: str = "thus") -> dict:
    content = f"{thought}\n<answer>B</answer>"
    (plain,) = grpo_rows([number])
    kept = {key: plain[key] for key in ("prompt", "gold", "labels", "format", "item")}
    return kept | {"completion": [{"role": "assistant", "content": content}]}


@pytest.fixture
def source(tmp_path):
    """The function that freezes rows as a source of a name."""

    def make(name: str, rows: list) -> str:
        folder = tmp_path / name
        folder.mkdir()
        write_rows(folder / "train.jsonl", rows)
        freeze(folder, "rows", f"licence of {name}")
        return str(folder)

    return make


def emptied(folder: str) -> str:
    """Leave no row in a source, as a refinement does that keeps no question; `freeze` makes no such folder."""
    manifest = verify(Path(folder))
    write_rows(Path(folder) / "train.jsonl", [])
    files = describe(Path(folder), [("train.jsonl", 0)])
    write_manifest(Path(folder), manifest.model_copy(update={"files": files}))
    return folder


def mixed(tmp_path, *arguments: str) -> tuple[list[dict], dict[str, dict]]:
    out = tmp_path / f"mixed{len(list(tmp_path.iterdir()))}"
    assert main(["train", "mix", *arguments, "--out", str(out)]) == 0
    return read_rows(out / "train.jsonl"), {each["name"]: each for each in verify(out).made_by["sources"]}


def test_the_shares_hold_and_the_report_says_what_each_source_gave(tmp_path, source):
    a, b = source("a", grpo_rows(range(60))), source("b", grpo_rows(range(50, 100)))
    rows, report = mixed(tmp_path, f"{a}=0.7", f"{b}=0.3", "--n", "50")
    assert Counter(each["source"] for each in rows) == {"a": 35, "b": 15}
    assert len({each["item"] for each in rows}) == 50 and all(each["item"].startswith(each["source"]) for each in rows)
    assert report["a"] | {"name": ""} == {
        "name": "",
        "share": 0.7,
        "requested": 35,
        "had": 60,
        "left_out": {},
        "given": 35,
        "not_drawn": 25,
        "tiers": {"none": 35},
    }
    assert (report["b"]["had"], report["b"]["left_out"], report["b"]["given"]) == (50, {"duplicate of a": 10}, 15)
    assert [each["source"] for each in rows] != sorted(each["source"] for each in rows)


def test_without_a_number_the_largest_exact_mixture_is_drawn(tmp_path, source):
    a, b = source("a", grpo_rows(range(30))), source("b", grpo_rows(range(30, 100)))
    rows, report = mixed(tmp_path, f"{a}=3", f"{b}=1")
    assert len(rows) == 40 and report["a"]["given"] == 30 and report["b"]["given"] == 10


def test_a_source_that_has_too_few_rows_is_an_error_unless_that_is_allowed(tmp_path, source, capsys):
    a, b = source("a", grpo_rows(range(10))), source("b", grpo_rows(range(30, 100)))
    command = [f"{a}=1", f"{b}=1", "--n", "40"]
    assert main(["train", "mix", *command, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "at most 20" in error and error.count("\n") == 1 and not (tmp_path / "out").exists()
    rows, report = mixed(tmp_path, *command, "--allow-short")
    assert len(rows) == 30 and (report["a"]["requested"], report["a"]["given"]) == (20, 10)


def test_the_same_seed_gives_the_same_rows_and_another_one_others(tmp_path, source):
    a, b = source("a", grpo_rows(range(50))), source("b", grpo_rows(range(50, 100)))
    arguments = [f"{a}=1", f"{b}=1", "--n", "40"]
    first, again = (mixed(tmp_path, *arguments)[0] for _ in range(2))
    other, _ = mixed(tmp_path, *arguments, "--seed", "2")
    assert first == again and {each["item"] for each in first} != {each["item"] for each in other}


def test_a_question_is_the_same_in_another_order_case_and_answer_format(tmp_path, source):
    turned = {label: f"{name.upper()}  of kind 1" for label, name in zip("ABCD", reversed(NAMES), strict=True)}
    rows = [
        grpo_rows([1], format=format, options=turned, answer="C", question="question 1:  Which is it?")[0]
        for format in FORMATS
    ]
    a, b = source("a", grpo_rows([1, 2])), source("b", [*rows, *grpo_rows([3])])
    drawn, report = mixed(tmp_path, f"{a}=1", f"{b}=1", "--n", "3", "--allow-short")
    assert report["b"]["left_out"] == {"duplicate of a": len(FORMATS)} and len(drawn) == 3


def test_a_question_with_two_answers_is_drawn_from_no_source(tmp_path, source):
    a, b = source("a", grpo_rows([1, 2])), source("b", [*grpo_rows([1], answer="C"), *grpo_rows([3])])
    drawn, report = mixed(tmp_path, f"{a}=1", f"{b}=1")
    assert {each["item"] for each in drawn} == {"a:q002", "b:q003"}
    assert [report[name]["left_out"] for name in "ab"] == [{"contradicting gold": 1}] * 2


def test_traces_of_one_question_with_two_gold_labels_are_drawn_from_no_source(tmp_path, source):
    options = {label: f"{name} of kind 1" for label, name in zip("BACD", NAMES, strict=True)}
    turned = trace(1, "then") | grpo_rows([1], options=options, answer="A")[0]  # the same option under another label
    turned = {key: turned[key] for key in trace(1)}
    a, b = source("a", [trace(1), turned, trace(2), trace(3)]), source("b", [trace(2, "so") | {"gold": "C"}, trace(4)])
    drawn, report = mixed(tmp_path, f"{a}=3", f"{b}=1")
    assert sorted(each["item"] for each in drawn) == ["a:q001", "a:q001", "a:q003", "b:q004"]
    assert [report[name]["left_out"] for name in "ab"] == [{"contradicting gold": 1}] * 2


@pytest.mark.parametrize("changes", [{"question": "Question 1: which is it not?"}, {"options": {"A": "x", "B": "y"}}])
def test_another_question_is_no_duplicate(changes):
    keys = {
        row_key(RewardPrompt.model_validate_json(json.dumps(each))).question
        for (each,) in (grpo_rows([1]), grpo_rows([1], **changes))
    }
    assert len(keys) == 2


def test_every_row_is_drawn_left_out_or_counted(tmp_path, source):
    a, b = source("a", grpo_rows(range(20))), source("b", grpo_rows(range(10, 40)))
    out = tmp_path / "out"
    assert main(["train", "mix", f"{a}=1", f"{b}=1", "--n", "10", "--out", str(out)]) == 0
    for each in verify(out).made_by["sources"]:
        assert each["had"] == each["given"] + each["not_drawn"] + sum(each["left_out"].values())
    left_out = read_rows(out / "left_out.jsonl")
    assert [(each["source"], each["line"]) for each in left_out] == [("b", n) for n in range(1, 11)]


def test_stages_take_the_mixture(tmp_path, source):
    a, b = source("a", grpo_rows(range(10))), source("b", grpo_rows(range(10, 20)))
    assert main(["train", "mix", f"{a}=1", f"{b}=1", "--out", str(tmp_path / "grpo")]) == 0
    assert len(list(read(tmp_path / "grpo", "train", "grpo"))) == 20
    c, d = source("c", [trace(1), trace(1), trace(1, "so")]), source("d", [trace(1), trace(2), trace(3)])
    assert main(["train", "mix", f"{c}=1", f"{d}=1", "--out", str(tmp_path / "sft")]) == 0
    rows = list(read(tmp_path / "sft", "train", "sft"))
    assert len(rows) == 4 and all(isinstance(each, Trace) for each in rows)
    manifest = verify(tmp_path / "sft")
    assert manifest.sources.keys() == {"c", "d"}
    assert "licence of c" in manifest.licence and "licence of d" in manifest.licence


def test_a_task_gives_its_train_items(tmp_path, source, mirror):
    a = source("a", grpo_rows(range(30)))
    rows, report = mixed(tmp_path, f"{a}=1", "medqa=1", "--n", "40", "--data-dir", str(mirror))
    assert Counter(each["source"] for each in rows) == {"a": 20, "medqa": 20}
    assert len(report["medqa"]["data_digest"]) == 64


def test_what_cannot_be_mixed_is_one_line(tmp_path, source, capsys):
    a, b = source("a", grpo_rows(range(3))), source("b", [trace(5)])
    c = source("c", [*grpo_rows([7]), {"prompt": 3}])
    empty = emptied(source("empty", grpo_rows([9])))
    (tmp_path / "bare").mkdir()
    out = str(tmp_path / "out")
    for arguments, code, place in (
        ([f"{a}=1", f"{b}=1"], ErrorCode.CONFLICTING_ARGUMENTS, "b"),
        ([f"{a}=1", f"{a}=2"], ErrorCode.CONFLICTING_ARGUMENTS, ""),
        ([f"{a}=1", f"{a}/=2"], ErrorCode.CONFLICTING_ARGUMENTS, "a"),
        ([f"{a}=0"], ErrorCode.INVALID_ARGUMENT, "a=0"),
        ([f"{a}=nan"], ErrorCode.INVALID_ARGUMENT, "a=nan"),
        (["nowhere=1"], ErrorCode.DATA_NOT_FOUND, "nowhere"),
        ([str(tmp_path / "bare")], ErrorCode.INVALID_MANIFEST, "bare"),
        ([f"{c}=1"], ErrorCode.TRAINING_DATA_MALFORMED, "train.jsonl:2:"),
        ([f"{a}=1", "--n", "9"], ErrorCode.DATA_NOT_FOUND, "at most 3"),
        ([f"{a}=1", "--n", "9" * 400], ErrorCode.INVALID_ARGUMENT, "--n"),
        ([f"{a}=1", f"{empty}=1", "--allow-short"], ErrorCode.TRAINING_DATA_MALFORMED, "empty"),
    ):
        assert main(["train", "mix", *arguments, "--out", out]) == 2, arguments
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and error.rstrip().endswith(f"[{code}]") and place in error, error
    assert not (tmp_path / "out").exists()


def test_a_share_stands_behind_the_last_equals_sign():
    assert parse_source("runs/k=2/out=0.5") == ("runs/k=2/out", 0.5)
    assert parse_source("refined") == ("refined", 1.0)
    for text in ("=1", "a=", "a=-1", "a=inf", "a=b", "a=1e308", "a=1e-320"):
        with pytest.raises(UsageError):
            parse_source(text)
