"""The verdict on a stage, from real runs of `evalsuite run`."""

import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.gate import GatePolicy
from training.promotion.diagnosis import Cause, Diagnosis
from training.promotion.verdict import judge, read_verdict, record_verdict
from training.recipe import read_recipe
from training.report.stage_table import markdown_table, stage_rows
from training.run_folder import TrainingFolder
from training.run_spec import make_spec

TASK = "starter_recall"
WRONG_DATA = Diagnosis(Cause.DATA_TEACHES_OTHERWISE, "the data is wrong.")


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
    stage_folder = runs.stage(1, tmp_path.name)
    (stage_folder.checkpoints / "checkpoint-1").mkdir(parents=True)
    return stage_folder


def test_a_significant_gain_promotes(runs, results, stage, folder):
    decision = judge(results["good"], results["poor"], stage)
    verdict = record_verdict(runs, folder, decision, None)
    assert verdict.promoted and TASK in verdict.reason and "10.0 points" in verdict.reason
    assert folder.state == "promoted" and read_verdict(folder) == verdict
    assert not folder.checkpoints.exists()
    facts = folder.read("gate.json")
    assert facts["decision"]["outcome"] == "pass" and facts["cause"] is None
    assert facts["comparison"]["a"]["path"] == "evaluations/good/run"
    assert facts["comparison"]["tasks"][TASK]["difference"]["value"] == pytest.approx(14 / 20)


def test_a_loss_refuses_and_keeps_the_checkpoints(runs, results, stage, folder):
    decision = judge(results["poor"], results["good"], stage)
    assert decision.exit_code == 1
    verdict = record_verdict(runs, folder, decision, WRONG_DATA)
    assert not verdict.promoted and folder.state == "refused"
    facts = folder.read("gate.json")
    assert read_verdict(folder).reason == facts["reason"] == WRONG_DATA.reason
    assert facts["cause"] == WRONG_DATA.cause
    assert (folder.checkpoints / "checkpoint-1").is_dir()


def test_an_undecided_gate_does_not_promote(results, stage):
    assert judge(results["good"], results["good"], stage).exit_code != 0


def test_a_stage_that_stopped_itself_is_refused_without_a_decision(runs, folder):
    stopped = Diagnosis(Cause.STOPPED, "loss is nan at step 3")
    assert not record_verdict(runs, folder, None, stopped).promoted
    assert folder.state == "refused" and folder.read("gate.json")["decision"] is None


def test_a_link_to_another_disk_is_left_alone(runs, results, stage, tmp_path):
    folder, disk = runs.stage(2, tmp_path.name), tmp_path / "disk"
    (disk / "checkpoint-1").mkdir(parents=True)
    folder.path.mkdir(parents=True)
    folder.checkpoints.symlink_to(disk)
    record_verdict(runs, folder, judge(results["good"], results["poor"], stage), None)
    assert (disk / "checkpoint-1").is_dir()


def test_the_table_adjusts_over_all_stages(runs, results, stage, tmp_path):
    from statsmodels.stats.multitest import multipletests

    recipe = read_recipe("reasonmed-8b")
    spec = make_spec(recipe, tmp_path, False)
    orders = (("good", "poor"), ("poor", "good"), ("good", "good"))
    for folder, (candidate, baseline) in zip(spec.stages(runs), orders, strict=True):
        decision = judge(results[candidate], results[baseline], stage)
        record_verdict(runs, folder, decision, None if candidate == "good" else WRONG_DATA)
    rows = stage_rows(runs, spec)
    raw = [folder.read("gate.json")["comparison"]["tasks"][TASK]["p"] for folder in spec.stages(runs)]
    assert [row.p for row in rows] == pytest.approx(list(multipletests(raw, method="holm")[1]))
    assert [row.promoted for row in rows] == [True, False, True]
    assert [row.accuracy.value for row in rows] == pytest.approx([0.9, 0.2, 0.9])
    assert all(row.accuracy.low < row.accuracy.value < row.accuracy.high and row.n == 20 for row in rows)
    lines = markdown_table(rows).splitlines()
    assert len(lines) == 2 + 3 and "| 20.0 | 90.0 [" in lines[2] and lines[3].endswith("| refused |")
