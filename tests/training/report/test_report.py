"""The report of a training run, from real runs of `evalsuite run` and curves with known values."""

import html
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.gate import GatePolicy
from training.promotion.diagnosis import Cause, Diagnosis
from training.promotion.verdict import judge, record_verdict
from training.recipe import read_recipe
from training.report import write_report
from training.report.markdown import CONTROL_NOTE
from training.report.training_curves import MAX_POINTS, TABLE_ROWS, curves, figure, summary_rows
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, write_spec

TASK = "starter_recall"
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror=alert(1)>"


def log(folder, lines):
    """Write metrics.jsonl."""
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.metrics.write_text("".join(json.dumps({"time": 0.0, **line}) + "\n" for line in lines))


@pytest.fixture
def run(tmp_path, replay):
    """A run of three stages: one promoted, one refused, one that hasn't started."""
    recipe = read_recipe("reasonmed-8b").model_copy(update={"about": HOSTILE})
    spec = TrainingSpec(recipe, tmp_path / "data", control=True)
    run = TrainingFolder(tmp_path / "run")
    run.path.mkdir()
    write_spec(run, spec)
    for name, known in (("poor", 4), ("good", 18)):
        replay(
            run.evaluations / name,
            name,
            lambda item, number, say, known=known: say(item.gold) if number < known else "No.",
            (TASK,),
        )
    poor, good = (read_result(run.evaluations / name / "run") for name in ("poor", "good"))
    first, second, _ = spec.stages(run)
    log(first, [{"step": step, "loss": 1 / step} for step in range(1, 41)])
    log(
        second,
        [
            {"step": step, "loss": 0.5, "reward": 0.25, "groups_all_0": 0.5, "groups_all_1": 0.0, "clipped": 0.9}
            for step in (1, 2, 3)
        ],
    )
    stage = recipe.stages[0].model_copy(update={"gate": GatePolicy(gains={TASK: 0.1})})
    first.note(steps=40, max_steps=40, seconds=754.2)
    second.note(max_steps=2000)
    record_verdict(run, first, judge(good, poor, stage), None)
    record_verdict(
        run, second, judge(poor, good, stage), Diagnosis(Cause.STOPPED, f"the completions are truncated. {HOSTILE}")
    )
    return run, spec


def test_the_page_has_each_stage_its_numbers_and_why_it_ended(run):
    page = write_report(*run)[0].read_text("utf-8")
    table = re.sub(r"<[^>]+>|\s+", " ", page.partition("<table")[2].partition("</table>")[0])
    assert re.search(r"promoted\s+40\s+12:34\s+starter_recall\s+20\s+20\.0\s+90\.0\s+[\d.–]+\s+\+70\.0", table)
    assert re.search(r"refused\s+3 of 2,000\s+–\s+starter_recall\s+20\s+90\.0\s+20\.0\s+[\d.–]+\s+−70\.0", table)
    assert re.search(r"grpo\s+new\s+0\s+–\s+not evaluated", table)
    assert "The completions are truncated." in page and CONTROL_NOTE in html.unescape(page)
    data = json.loads(page.partition('type="application/json" id="data">')[2].partition("</script>")[0])
    names = [folder.path.name for folder in run[1].stages(run[0])]
    assert [section["id"] for section in data["sections"]] == [
        "accuracy",
        f"{names[0]}-loss",
        *(f"{names[1]}-{key}" for key in ("loss", "reward", "clipped", "zero-variance")),
    ]


def test_text_of_a_recipe_or_a_verdict_is_never_markup(run):
    page = write_report(*run)[0].read_text("utf-8")
    assert "window.pwned" in page and "<script>window.pwned" not in page and "<img" not in page
    nonces = set(re.findall(r'nonce="(\w+)"', page))
    assert len(nonces) == 1 and f"'nonce-{nonces.pop()}'" in page
    assert not re.search(r'(?:src|href)="(?!#|data:,)', page.partition("<script")[0])


def test_the_same_run_is_the_same_page(run):
    assert [file.read_bytes() for file in write_report(*run)] == [file.read_bytes() for file in write_report(*run)]


def test_the_markdown_has_the_same_numbers(run):
    text = write_report(*run)[1].read_text("utf-8")
    assert "| 90.0 [" in text and "| +70.0 [" in text and "refused: The completions are truncated." in text
    assert re.search(r"\| Zero-variance groups, % \| all 0 \| 50\.0 \| 50\.0 \| 50\.0 to 50\.0 \|", text)


def test_the_command_writes_both_files(run, capsys):
    assert main(["train", "report", str(run[0].path)]) == 0
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.split()] == ["report.html", "report.md"]


def test_a_run_that_has_just_started_has_a_report(tmp_path):
    spec = TrainingSpec(read_recipe("reasonmed-8b"), tmp_path / "data", control=False)
    run = TrainingFolder(tmp_path)
    write_spec(run, spec)
    page = write_report(run, spec)[0].read_text("utf-8")
    assert page.count("not evaluated") == 3 and len(page) < 100_000


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=3 * MAX_POINTS))
def test_a_curve_keeps_its_mean_and_its_last_step_however_long_it_is(tmp_path_factory, values):
    folder = StageFolder(tmp_path_factory.mktemp("stage"))
    log(folder, [{"step": step, "loss": value} for step, value in enumerate(values, 1)])
    (curve,) = curves(folder)
    thin = figure(curve)["data"][0]
    assert len(thin["x"]) == len(thin["y"]) <= MAX_POINTS and thin["x"][-1] == len(values)
    each = -(-len(values) // MAX_POINTS)
    weights = [len(values[cut : cut + each]) for cut in range(0, len(values), each)]
    assert np.average(thin["y"], weights=weights) == pytest.approx(np.mean(values), abs=0.05)
    rows = summary_rows(curve)
    assert len(rows) == min(TABLE_ROWS, len(values)) and rows[-1][1].split()[-1] == str(len(values))


def test_a_number_that_was_not_finite_is_a_gap(tmp_path):
    log(StageFolder(tmp_path), [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}, {"step": 3, "loss": 1.0}])
    assert curves(StageFolder(tmp_path))[0].lines[0].steps == [1, 3]
