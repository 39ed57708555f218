"""The gate after a stage, on runs that `evalsuite run` really made."""

import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.gate import GatePolicy
from training.promotion.verdict import judge, settle, verdict_of
from training.recipe import read_recipe
from training.report.stage_table import markdown, rows
from training.run_folder import TrainingFolder

TASK = "starter_recall"


@pytest.fixture(scope="module")
def runs(tmp_path_factory, replay):
    """A run folder with the evaluations of a model that knows nothing and one that knows nearly all."""
    run = TrainingFolder(tmp_path_factory.mktemp("training"))
    for name, known in (("poor", 4), ("good", 18)):
        place = run.evaluations / name
        replay(place, name, lambda item, number, say, known=known: say(item.gold) if number < known else "No.", (TASK,))
    return run


@pytest.fixture
def results(runs):
    return {name: read_result(runs.evaluations / name / "run") for name in ("poor", "good")}


@pytest.fixture
def stage():
    gate = GatePolicy(gains={TASK: 0.1})
    return read_recipe("reasonmed-8b").stages[1].model_copy(update={"gate": gate})


@pytest.fixture
def folder(runs, tmp_path):
    made = runs.stage(1, tmp_path.name)
    (made.checkpoints / "checkpoint-1").mkdir(parents=True)
    return made


def test_a_gain_that_is_shown_promotes(runs, results, stage, folder):
    decision = judge(results["good"], results["poor"], stage)
    verdict = settle(runs, folder, decision, None)
    assert verdict.promoted and f"{TASK}: a gain of more than 10.0 points is shown" in verdict.said
    assert folder.state == "promoted" and verdict_of(folder) == verdict
    assert not folder.checkpoints.exists()
    facts = folder.read("gate.json")
    assert facts["decision"]["outcome"] == "pass"
    assert facts["comparison"]["a"]["path"] == "evaluations/good/run"
    assert facts["comparison"]["tasks"][TASK]["difference"]["value"] == pytest.approx(14 / 20)


def test_a_loss_refuses_and_keeps_the_checkpoints(runs, results, stage, folder):
    decision = judge(results["poor"], results["good"], stage)
    assert decision.exit_code == 1
    verdict = settle(runs, folder, decision, "the data is wrong.")
    assert not verdict.promoted and folder.state == "refused"
    assert verdict_of(folder).said == folder.read("gate.json")["said"] == "the data is wrong."
    assert (folder.checkpoints / "checkpoint-1").is_dir()


def test_what_cannot_be_told_is_no_promotion(results, stage):
    assert judge(results["good"], results["good"], stage).exit_code != 0


def test_a_stage_that_stopped_itself_is_refused_without_a_decision(runs, folder):
    assert not settle(runs, folder, None, "loss is nan at step 3").promoted
    assert folder.state == "refused" and folder.read("gate.json")["decision"] is None


def test_a_link_to_another_disk_is_left_alone(runs, results, stage, tmp_path):
    folder, elsewhere = runs.stage(2, tmp_path.name), tmp_path / "disk"
    (elsewhere / "checkpoint-1").mkdir(parents=True)
    folder.path.mkdir(parents=True)
    folder.checkpoints.symlink_to(elsewhere)
    settle(runs, folder, judge(results["good"], results["poor"], stage), None)
    assert (elsewhere / "checkpoint-1").is_dir()


def test_the_table_adjusts_over_all_stages(runs, results, stage, tmp_path):
    from statsmodels.stats.multitest import multipletests

    recipe = read_recipe("reasonmed-8b")
    from training.run_spec import make_spec

    asked = make_spec(recipe, tmp_path, False)
    orders = (("good", "poor"), ("poor", "good"), ("good", "good"))
    for folder, (candidate, baseline) in zip(asked.stages(runs), orders, strict=True):
        decision = judge(results[candidate], results[baseline], stage)
        settle(runs, folder, decision, None if candidate == "good" else "worse.")
    found = rows(runs, asked)
    raw = [folder.read("gate.json")["comparison"]["tasks"][TASK]["p"] for folder in asked.stages(runs)]
    assert [row.p for row in found] == pytest.approx(list(multipletests(raw, method="holm")[1]))
    assert [row.promoted for row in found] == [True, False, True]
    assert [row.accuracy.value for row in found] == pytest.approx([0.9, 0.2, 0.9])
    assert all(row.accuracy.low < row.accuracy.value < row.accuracy.high and row.n == 20 for row in found)
    told = markdown(found).splitlines()
    assert len(told) == 2 + 3 and "| 20.0 | 90.0 [" in told[2] and told[3].endswith("| refused |")
