"""One comparison: `compare`, the report and the gate give the same numbers for the same two runs."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from evalsuite.cli import cli
from evalsuite.stats.contrast import PairedScores, contrast, paired_p
from evalsuite.stats.power import POWER, SIZE
from evalsuite.util.format import percent, rough_count

SAME = ("p", "level", "detectable", "items_needed", "samples_needed")


def invoke(*arguments):
    ended = CliRunner().invoke(cli, [str(each) for each in arguments], standalone_mode=False)
    assert ended.exception is None, ended.output
    return ended.stdout


def outputs(a, b, out):
    """The contrasts of A - B by task and `macro`, as the three commands print them; the Markdown of the report."""
    compared = json.loads(invoke("compare", a, b, "--json"))
    gated = json.loads(invoke("gate", "--candidate", a, "--baseline", b, "--json"))["comparison"]
    invoke("report", a, b, "--out", out)
    board = json.loads((out / "leaderboard.json").read_text())
    tasks = {column["key"]: column["task"] for column in board["columns"]}
    reported = {tasks.get(key, key): each for key, (each,) in board["comparisons"]["columns"].items()}
    sign = 1 if next(iter(reported.values()))["row"] == "a" else -1
    return compared, gated, reported, sign, (out / "leaderboard.md").read_text()


def two_runs(made, answers, items, samples, cluster, gain=0.03, seed=1):
    """Two runs of tasks whose clusters share a difficulty; A is a little better."""
    rng = np.random.default_rng(seed)
    tasks = {name: {} for name in "ab"}
    for number, count in enumerate(items):
        groups = [f"g{place // cluster}" for place in range(count)]
        skill = np.repeat(rng.beta(1.5, 1, size=-(-count // cluster)), cluster)[:count, None]
        for name, better in (("a", gain), ("b", 0.0)):
            right = rng.random((count, samples)) < np.clip(skill + better, 0, 1)
            tasks[name][f"t{number}"] = answers(right, groups=groups)
    return (made(name, each) for name, each in tasks.items())


CASES = {
    "one sample": ((200,), 1, 1),
    "eight samples": ((300,), 8, 1),
    "clusters": ((240,), 1, 4),
    "eight samples and clusters": ((200,), 8, 5),
    "several tasks": ((120, 200, 80), 1, 1),
    "several tasks, eight samples and clusters": ((100, 160), 8, 4),
}


@pytest.mark.parametrize("case", CASES)
def test_compare_report_and_gate_agree_on_every_number(made, answers, tmp_path, case):
    items, samples, cluster = CASES[case]
    a, b = two_runs(made, answers, items, samples, cluster)
    compared, gated, reported, sign, text = outputs(a, b, tmp_path / "report")
    tests = len(items)
    assert compared["tasks"] == gated["tasks"] and compared["macro"] == gated["macro"]
    assert compared["micro"] == gated["micro"] and compared["family"] == gated["family"]
    keys = [*compared["tasks"], *(["macro"] if tests > 1 else [])]
    assert sorted(keys) == sorted(reported)
    for key in keys:
        here, there = compared["macro"] if key == "macro" else compared["tasks"][key], reported[key]
        low, high = (sign * there[end] for end in (("low", "high") if sign > 0 else ("high", "low")))
        assert here["difference"] == pytest.approx({"value": sign * there["value"], "low": low, "high": high}, abs=1e-9)
        counts = (there["only_row"], there["only_reference"])[::sign]
        assert (here["only_a"], here["only_b"]) == pytest.approx(counts)
        if key != "macro" and tests > 1:
            # The comparison's family is the tasks, that of a report the models in one column: the level differs.
            assert (here["level"], there["level"]) == (SIZE / tests, SIZE) and here["p"] == pytest.approx(there["p"])
            assert here["detectable"] is None or here["detectable"] > there["detectable"]
        else:
            assert {name: here[name] for name in SAME} == pytest.approx({name: there[name] for name in SAME})
        if not there["significant"] and there["detectable"]:
            row = f"from {percent(there['detectable'])} points"
            assert row in text and (not there["items_needed"] or rough_count(there["items_needed"]) in text)


def scores(rng, items, samples, cluster, gain):
    """Item scores of two models; clusters share a difficulty and a difference, which is `gain` on average."""
    member = np.arange(items) // cluster
    base, jitter = (draw[member] for draw in (rng.beta(2, 1.5, member[-1] + 1), rng.normal(0, 0.1, member[-1] + 1)))
    a, b = (np.clip(base + sign * (jitter + gain) / 2, 0.02, 0.98) for sign in (1, -1))
    return PairedScores(*(rng.binomial(samples, p) / samples for p in (a, b)), member, samples)


@pytest.mark.parametrize(("samples", "cluster"), [(1, 1), (8, 1), (8, 4)])
def test_the_items_that_are_called_needed_give_the_power_that_is_stated(samples, cluster):
    """A difference is planned from one large pilot, and found in four of five runs of as many items as it names."""
    rng = np.random.default_rng(11)
    pilot = contrast([scores(rng, 40_000, samples, cluster, 0.06)])
    needed, repetitions = contrast_items(pilot, 40_000), 400
    assert needed < 10_000
    found = sum(
        paired_p([scores(rng, needed - needed % cluster, samples, cluster, 0.06)]) < SIZE for _ in range(repetitions)
    )
    assert found / repetitions == pytest.approx(POWER, abs=4 * np.sqrt(POWER * (1 - POWER) / repetitions) + 0.02)


def contrast_items(pilot, items):
    assert pilot.difference.p < SIZE and pilot.items_needed < items
    return pilot.items_needed


@pytest.mark.parametrize(
    ("tasks", "samples", "cluster"), [((100, 100), 1, 1), ((60, 200, 40), 1, 1), ((60, 60), 8, 5), ((60, 60), 1, 5)]
)
def test_equal_models_differ_on_average_in_at_most_one_run_of_twenty(tasks, samples, cluster):
    rng = np.random.default_rng(12)
    repetitions = 1_500
    found = sum(
        paired_p([scores(rng, items, samples, cluster, 0.0) for items in tasks]) < SIZE for _ in range(repetitions)
    )
    assert found / repetitions <= SIZE + 3 * np.sqrt(SIZE * (1 - SIZE) / repetitions)


def test_an_average_finds_the_difference_that_its_independent_parts_find_together():
    rng = np.random.default_rng(14)
    tasks = [scores(rng, 200, 1, 1, 0.0), scores(rng, 800, 4, 2, 0.0)]
    average, parts = contrast(tasks), [contrast([task]) for task in tasks]
    assert average.planned == pytest.approx(np.hypot(*(part.planned for part in parts)) / 2)
    assert average.detectable == pytest.approx(np.hypot(*(part.detectable for part in parts)) / 2)


def test_a_significant_difference_may_need_fewer_items_than_there_were_and_an_insignificant_one_never():
    rng = np.random.default_rng(13)
    large, small = (contrast([scores(rng, 400, 4, 1, gain)]) for gain in (0.2, 0.01))
    assert large.difference.p < SIZE and large.items_needed < 400
    assert small.difference.p > SIZE and small.items_needed > 400
