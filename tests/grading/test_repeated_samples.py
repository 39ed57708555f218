"""Several samples per item: summary.json, the terminal and the report show pass@k and maj@k, and they are right."""

import csv
import io
import itertools
import json

import numpy as np
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.grading.grade_log import GradeLog
from evalsuite.grading.repeated_samples import RepeatedSampleTally
from evalsuite.run_folder import ResponseRecord, RunFolder
from evalsuite.tasks.item import Item
from evalsuite.util.format import interval, percent

TASK, SAMPLES = "starter_recall", 4


def tally(labels, rotations=None, golds=None):
    """Fill a tally with labels of shape (items, rotations, samples); None is an invalid answer."""
    items = [Item(f"i{n}", "?", ("w", "x", "y"), ("A", "B", "C"), "A") for n in range(len(labels))]
    counts = rotations or [len(labels[0])] * len(items)
    filled = RepeatedSampleTally(items, counts, len(labels[0][0]))
    for item, orders, count in zip(items, labels, counts, strict=True):
        for rotation, samples in enumerate(orders[:count]):
            for sample, label in enumerate(samples):
                graded = GradedParse(label, "ok" if label else "no_answer", label == "A", None)
                filled.add(Grade(item.id, sample, "A", graded, graded, None, rotation), graded)
    return filled.summary()


def test_pass_at_j_and_maj_at_k_are_counted_over_all_subsets():
    rng = np.random.default_rng(3)
    labels = rng.choice(["A", "B", "C", None], size=(30, 1, 5), p=[0.5, 0.2, 0.1, 0.2]).tolist()
    summary = tally(labels)
    for j in range(1, 6):
        chances = [np.mean(["A" in subset for subset in itertools.combinations(item[0], j)]) for item in labels]
        assert summary["pass_at"][str(j)].value == pytest.approx(np.mean(chances))
    votes = [[item[0].count(label) for label in "ABC"] for item in labels]
    assert summary["maj_at_k"].value == pytest.approx(np.mean([a > max(others) for a, *others in votes]))
    assert list(summary["pass_at"]) == ["1", "2", "3", "4", "5"]


def test_new_samples_of_the_same_items_vary_less_than_other_items():
    rng = np.random.default_rng(4)
    chance = rng.choice([0.1, 0.9], size=200)
    summary = tally(np.where(rng.random((200, 1, 8)) < chance[:, None, None], "A", "B").tolist())
    accuracy, rerun = summary["pass_at"]["1"], summary["rerun"]
    assert rerun.value == pytest.approx(accuracy.value)
    assert accuracy.low < rerun.low < rerun.high < accuracy.high
    assert summary["variance_from_items"] > summary["variance_from_samples"] > 0


def test_with_rotated_options_each_rotation_counts_the_same():
    labels = [[["A", "A"], ["B", "B"]], [["A", "B"], ["A", None]], [["A", "A"], [None, None]]]
    summary = tally(labels, rotations=[2, 2, 1])
    assert summary["pass_at"]["2"].value == pytest.approx((0.5 + 1 + 1) / 3)
    assert summary["maj_at_k"].value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert summary["rerun"] is None


@pytest.fixture
def sampled(tmp_path, capsys):
    """A run of a baseline that answers at random, with four samples per item, and what it printed."""
    command = ["run", "--model", "trivial/random", "--tasks", TASK, "--samples", str(SAMPLES)]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run", capsys.readouterr().out


def test_the_summary_the_terminal_and_the_report_show_pass_at_k_and_maj_at_k(sampled, tmp_path):
    run, printed = sampled
    task = read_result(run).tasks[TASK]
    repeated = task.repeated_samples
    assert repeated.pass_at["1"] == task.accuracy
    assert repeated.pass_at[str(SAMPLES)].value > task.accuracy.value
    rows = read_result(run).scores(TASK).table.to_pylist()
    right = {item: [row["correct"] for row in group] for item, group in itertools.groupby(rows, lambda r: r["item"])}
    assert repeated.pass_at[str(SAMPLES)].value == pytest.approx(np.mean([any(each) for each in right.values()]))
    shown = interval(*repeated.pass_at[str(SAMPLES)]), interval(*repeated.maj_at_k)
    assert f"pass@{SAMPLES} {shown[0]}; maj@{SAMPLES} {shown[1]}" in printed
    line = next(line for line in printed.splitlines() if line.strip().startswith(TASK))
    assert line.split()[-2:] == [percent(repeated.pass_at[str(SAMPLES)].value), percent(repeated.maj_at_k.value)]
    assert main(["report", str(run), "--out", str(tmp_path / "report")]) == 0
    text, page = ((tmp_path / "report" / name).read_text() for name in ("leaderboard.md", "report.html"))
    assert sum(line.startswith("|") and all(each in line for each in shown) for line in text.splitlines()) == 1
    assert all(each in page for each in shown)
    board = json.loads((tmp_path / "report" / "leaderboard.json").read_text())
    (cell,) = board["rows"][0]["cells"].values()
    assert cell["repeated_samples"] == repeated.model_dump()
    (written,) = [
        each
        for each in csv.DictReader(io.StringIO((tmp_path / "report" / "leaderboard.csv").read_text()))
        if each["measured_here"] == "True"
    ]
    assert float(written["maj_at_k"]) == repeated.maj_at_k.value


def test_one_sample_adds_nothing(tmp_path, capsys):
    assert main(["run", "--model", "trivial/random", "--tasks", TASK, "--out", str(tmp_path / "run")]) == 0
    assert "pass@" not in capsys.readouterr().out
    assert "repeated" not in (tmp_path / "run" / "summary.json").read_text()


def test_a_grade_log_gives_back_what_was_added_and_only_for_the_same_record(sampled):
    run, _ = sampled
    records = list(RunFolder(run).records(TASK))
    log, grades = GradeLog(), []
    for number, record in enumerate(records):
        strict = GradedParse("AB"[number % 2], "ok", number % 2 == 0, (number, number + 1))
        lenient = GradedParse(None, "no_answer", False, None) if number % 3 else strict._replace(span=(0, 7))
        grades.append(Grade(record.item, record.sample, "A", strict, lenient, None if number % 3 else "bold"))
        log.append(grades[-1])
    assert [log.grade_of(position, record) for position, record in enumerate(records)] == grades
    assert log.grade_of(0, records[1]) is None and log.grade_of(len(records), records[0]) is None
    other = ResponseRecord(records[0].item, 99, "", "", "stop", False, None, None, None, "")
    assert log.grade_of(0, other) is None
