"""What rules without knowledge score on 2,000 questions from HPO, with words learnt from those of another seed."""

import json

import pytest

from evalsuite.cli import main
from training.synthesis.graph import read_graph
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items
from training.synthesis.questions.leaks import ALL, leaks
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.write import TASK, synthesize

pytestmark = pytest.mark.integration
COUNT = 2000
CHANCE, POINTS = 0.2, 0.03


@pytest.fixture(scope="module")
def source():
    return QuestionSource(read_graph(["hpo"]))


def test_no_rule_scores_more_than_three_points_off_chance(source):
    """Over all questions; of a shape, with fewer questions, the interval must reach as near."""
    known, asked = ([each.item for each in make_items(source, generate(source, COUNT, s), s)] for s in (1, 2))
    degrees = {source.names.shown(number): source.degree(number) for number in range(len(source.graph))}
    scores = list(leaks(known, asked, degrees))
    far = [score for score in scores if score.shape == ALL and abs(score.accuracy - CHANCE) > POINTS]
    far += [each for each in scores if not each.interval[0] - POINTS < CHANCE < each.interval[1] + POINTS]
    assert {score.shape for score in scores} > {ALL, "diagnosis", "gene", "most_frequent"}
    assert len({score.rule for score in scores}) > 8
    assert far == []


@pytest.mark.parametrize("rule", ["longest", "first", "majority"])
def test_no_trivial_baseline_of_evalsuite_beats_chance(source, rule, tmp_path, monkeypatch):
    folder, out = tmp_path / "questions", tmp_path / "run"
    synthesize(source, COUNT, 1, folder)
    monkeypatch.setenv("EVALSUITE_TASKS", str(folder))
    assert main(["run", "--tasks", TASK, "--model", f"trivial/{rule}", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert abs(summary["tasks"][TASK]["accuracy"]["value"] - CHANCE) <= POINTS
