"""The gate: its three outcomes and their frequencies, what it refuses, and its output for CI."""

import json
import math
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import click
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import cli, main
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.gate import GatePolicy, gate, junit, junit_error, markdown, markdown_error, read_policy
from evalsuite.stats.noninferiority import default_margin
from evalsuite.stats.power import failure_power, noninferiority_power
from evalsuite.util.checksum import with_checksum
from evalsuite.util.format import rough_count

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "data" / "recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs ../shared/data")
MEDQA = 1273


def judged(candidate, baseline, **policy):
    return gate(read_result(candidate), read_result(baseline), GatePolicy(**policy))


def random_grades(seed, items, share=0.6):
    return np.random.default_rng(seed).random(items) < share


def changed(rng, baseline, lost, gained):
    """A candidate that loses each right answer, and gains each wrong one, with these shares of all items."""
    accuracy, luck = baseline.mean(), rng.random(len(baseline))
    return np.where(baseline, luck >= lost / accuracy, luck < gained / (1 - accuracy))


def shares(found):
    return {outcome: found.count(outcome) / len(found) for outcome in ("pass", "fail", "undecided")}


def tolerance(p, repetitions):
    """Four standard errors of a share, and a little for the normal approximation that predicts it."""
    return 4 * math.sqrt(p * (1 - p) / repetitions) + 0.02


# The three verdicts


@pytest.mark.parametrize("margin", ["auto", 0.3, 0.001])
@pytest.mark.parametrize("items", [20, 298])
def test_identical_runs_pass_at_any_margin(made, items, margin):
    verdicts = {"s": random_grades(1, items), "t": random_grades(2, items)}
    decision = judged(made("a", verdicts), made("b", verdicts), margin=margin, macro_margin=margin)
    assert (decision.outcome, decision.exit_code, len(decision.checks)) == ("pass", 0, 3)
    assert "same answers" in decision.notes[0]


def test_a_large_loss_fails_a_large_gain_passes_and_little_data_is_undecided(made):
    right = random_grades(3, 1000)
    worse, better = right & random_grades(4, 1000, 0.85), right | random_grades(5, 1000, 0.3)
    old = made("old", {"t": right})
    lost, gained = judged(made("worse", {"t": worse}), old), judged(made("better", {"t": better}), old)
    assert (lost.outcome, lost.exit_code, gained.outcome) == ("fail", 1, "pass")
    few = made("few", {"t": random_grades(6, 60)}), made("few_old", {"t": random_grades(7, 60)})
    open_ = judged(*few, margin=0.01)
    assert (open_.outcome, open_.exit_code) == ("undecided", 3)
    (check,) = open_.checks
    assert check.verdict.items > 60 and rough_count(check.verdict.items) in check.message


def test_an_undecided_gate_with_several_samples_states_how_many_are_needed(made):
    rng = np.random.default_rng(8)
    skill = np.clip(rng.random(150)[:, None], 0.1, 0.9)
    runs = [made(name, {"t": rng.random((150, 3)) < skill}) for name in "ab"]
    (check,) = judged(*runs, margin=0.02).checks
    assert check.outcome == "undecided" and check.verdict.samples > 3


@pytest.mark.parametrize(("undecided", "code"), [("undecided", 3), ("fail", 1), ("pass", 0)])
def test_the_policy_chooses_how_an_undecided_gate_exits_and_the_outcome_stays_undecided(made, undecided, code):
    decision = judged(
        made("a", {"t": random_grades(9, 60)}),
        made("b", {"t": random_grades(10, 60)}),
        margin=0.01,
        undecided=undecided,
    )
    assert (decision.outcome, decision.exit_code) == ("undecided", code)
    failures = ElementTree.fromstring(junit(decision)).find("testsuite").get("failures")
    assert failures == ("0" if undecided == "pass" else "1")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), items=st.integers(2, 400), rotation=st.floats(-0.3, 0.3))
def test_a_wider_margin_never_makes_a_verdict_worse(made, seed, items, rotation):
    rng = np.random.default_rng(seed)
    old, new = made("old", {"t": rng.random(items) < 0.6}), made("new", {"t": rng.random(items) < 0.6 + rotation})
    order = ("fail", "undecided", "pass")
    found = [order.index(judged(new, old, margin=margin).outcome) for margin in (0.005, 0.02, 0.05, 0.1, 0.3)]
    assert all(one <= other for one, other in pairwise(found))


# How often each verdict comes


@pytest.mark.parametrize(("margin", "gained"), [(0.01, 0.085), ("auto", 0.085), (0.01, 0.0), ("auto", 0.0)])
def test_three_points_lost_on_medqa_end_as_the_power_calculation_predicts(made, margin, gained):
    """200 candidates that truly lose 3 points: by chance as close models do, or by losing answers and gaining none."""
    rng, found, repetitions = np.random.default_rng(11), [], 200
    baseline = random_grades(12, MEDQA)
    old = read_result(made("old", {"medqa": baseline}))
    for _ in range(repetitions):
        new = read_result(made("new", {"medqa": changed(rng, baseline, gained + 0.03, gained)}))
        found.append(gate(new, old, GatePolicy(margin=margin)).outcome)
    discordance = 2 * gained + 0.03 - 0.03**2
    tolerated = default_margin(MEDQA) if margin == "auto" else margin
    expected = {
        "pass": noninferiority_power(tolerated, MEDQA, discordance, -0.03),
        "fail": failure_power(tolerated, MEDQA, discordance, -0.03),
    }
    expected["undecided"] = 1 - sum(expected.values())
    for outcome, share in shares(found).items():
        assert share == pytest.approx(expected[outcome], abs=tolerance(expected[outcome], repetitions)), outcome


def test_a_candidate_as_good_as_the_baseline_passes_all_default_rules_in_four_cases_of_five(made):
    rng, found = np.random.default_rng(13), []
    sizes = {"s": 200, "t": 300, "u": 500}
    baseline = {task: random_grades(14, items) for task, items in sizes.items()}
    old = read_result(made("old", baseline))
    for _ in range(120):
        new = {task: changed(rng, verdicts, 0.1, 0.1) for task, verdicts in baseline.items()}
        found.append(gate(read_result(made("new", new)), old, GatePolicy()).outcome)
    assert shares(found)["pass"] >= 0.8 - tolerance(0.8, 120)
    assert shares(found)["fail"] == 0


def test_a_loss_on_one_of_many_tasks_must_be_significant_among_them_only_if_the_policy_requires_it(made):
    right, luck = random_grades(15, 1000), np.flatnonzero(random_grades(15, 1000))
    slightly, clearly = right.copy(), right.copy()
    slightly[luck[:25]], clearly[luck[:120]] = False, False
    tasks = {f"t{n}": random_grades(20 + n, 1000) for n in range(8)}
    old = made("old", {"s": right, "c": right, **tasks})
    new = made("new", {"s": slightly, "c": clearly, **tasks})
    policy = {"margin": 0.016, "macro_margin": "none"}
    plain = {c.task: c.outcome for c in judged(new, old, **policy).checks}
    holm = {c.task: c for c in judged(new, old, **policy, multiplicity="holm").checks}
    assert (plain["s"], plain["c"]) == ("fail", "fail")
    assert (holm["s"].outcome, holm["c"].outcome) == ("undecided", "fail")
    assert "among 10 differences" in holm["s"].message
    alone = [judged(new, old, tasks=["s"], margin=0.016, multiplicity=m).outcome for m in ("none", "holm")]
    assert alone == ["fail", "fail"]


def test_by_holm_a_loss_that_is_shown_makes_the_level_of_the_others_milder(made):
    right, luck = random_grades(15, 1000), np.flatnonzero(random_grades(15, 1000))
    slightly, clearly = right.copy(), right.copy()
    slightly[luck[:23]], clearly[luck[:120]] = False, False  # slightly: a loss at 5%, and none at 2.5%
    old = made("old", {"s": right, "c": right})
    policy = {"margin": 0.016, "macro_margin": "none", "multiplicity": "holm"}
    for other, outcome in ((right, "undecided"), (clearly, "fail")):
        checks = judged(made("new", {"s": slightly, "c": other}), old, **policy).checks
        assert [check.outcome for check in checks if check.task == "s"] == [outcome]


# The other rules


def test_the_macro_average_decides_where_no_task_does(made):
    rng = np.random.default_rng(16)
    baseline = {f"t{n}": random_grades(30 + n, 300) for n in range(9)}
    new = {task: changed(rng, verdicts, 0.03, 0.03) for task, verdicts in baseline.items()}
    decision = judged(made("new", new), made("old", baseline), margin=0.02, macro_margin=0.02)
    outcomes = {check.task: check.outcome for check in decision.checks}
    assert outcomes["macro"] == "pass" and "undecided" in outcomes.values()
    assert all(c.task != "macro" for c in judged(made("new", new), made("old", baseline), macro_margin="none").checks)


def test_a_required_gain_must_be_shown(made):
    right = random_grades(17, 800)
    better = right | random_grades(18, 800, 0.15)
    old, new = made("old", {"t": right, "u": right}), made("new", {"t": better, "u": right})
    rules = {(c.task, c.rule): c.outcome for c in judged(new, old, gains={"t": 0.0, "u": 0.0, "macro": 0.01}).checks}
    assert rules["t", "gain"] == "pass" and rules["u", "gain"] == "undecided" and rules["macro", "gain"] == "pass"
    assert judged(new, old, gains={"t": 0.3}).outcome == "fail"


def test_limits_apply_to_the_candidates_invalid_and_truncated_answers(made, answers):
    status = np.where(np.arange(200) < 20, "truncated", np.where(np.arange(200) < 30, "no_answer", "ok"))
    right = random_grades(19, 200) & (status == "ok")
    new, old = made("new", {"t": answers(right, status=status)}), made("old", {"t": right})
    limits = {"invalid": 0.1, "truncated": 0.1}
    rules = {c.rule: c for c in judged(new, old, margin=0.3, limits=limits).checks}
    assert (rules["invalid"].outcome, rules["truncated"].outcome) == ("fail", "pass")
    assert rules["invalid"].share == pytest.approx(0.15) and "15.0%" in rules["invalid"].message
    assert judged(old, new, margin=0.3, limits=limits).outcome == "pass", "the baseline's own are its past"


def test_the_lenient_parse_is_judged_only_where_the_policy_requires_it(made, answers):
    right = random_grades(20, 400)
    new = made("new", {"t": answers(np.zeros(400, bool), lenient=right)})
    old = made("old", {"t": right})
    assert judged(new, old).outcome == "fail" and judged(new, old, require="lenient").outcome == "pass"


def test_a_policy_that_names_tasks_judges_these_alone(made):
    right = random_grades(21, 300)
    old, new = made("old", {"t": right, "u": right}), made("new", {"t": right, "v": ~right})
    decision = judged(new, old, tasks=["t"])
    assert decision.outcome == "pass" and [s.task for s in decision.tasks] == ["t"]


# What it refuses: exit 2, one line, and no old verdict left behind


def spoil(folder, **facts):
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    summary["tasks"]["t"].update(facts)
    path.write_text(json.dumps(with_checksum(summary)))


def cut_short(made, answers):
    status = ["ok"] * 90 + ["unanswered"] * 10
    return made("new", {"t": answers([True] * 90 + [False] * 10, status=status)})


def edited(**facts):
    def make(made, answers):
        folder = made("new", {"t": random_grades(22, 100)})
        spoil(folder, **facts)
        return folder

    return make


RIGHT = random_grades(22, 100)
NOT_COMPARABLE, UNREADABLE, INCONSISTENT = "runs_not_comparable", "run_unreadable", "run_inconsistent"
UNUSABLE = {
    "a missing task": (lambda made, answers: made("new", {"u": RIGHT}), NOT_COMPARABLE, "has no t"),
    "an additional task": (lambda made, answers: made("new", {"t": RIGHT, "u": RIGHT}), NOT_COMPARABLE, "has no u"),
    "an incomplete run": (cut_short, "run_incomplete", "10 samples of t"),
    "other data": (lambda made, answers: made("new", {"t": RIGHT}, data="e" * 64), NOT_COMPARABLE, "data_digest"),
    "another version": (lambda made, answers: made("new", {"t": RIGHT}, version=2), NOT_COMPARABLE, "t 2 and 1"),
    "another prompt": (lambda made, answers: made("new", {"t": RIGHT}, prompt="q"), NOT_COMPARABLE, "prompt_digest"),
    "another format": (lambda made, answers: made("new", {"t": RIGHT}, format="boxed"), NOT_COMPARABLE, "format"),
    "another parser": (lambda made, answers: made("new", {"t": RIGHT}, parser="0"), NOT_COMPARABLE, "parser (0 and 1"),
    "other decoding": (lambda made, answers: made("new", {"t": RIGHT}, decoding={"seed": 1}), NOT_COMPARABLE, ".seed"),
    "more samples": (
        lambda made, answers: made("new", {"t": np.repeat(RIGHT[:, None], 2, 1)}),
        NOT_COMPARABLE,
        "samples (t 2 and 1)",
    ),
    "fewer items": (lambda made, answers: made("new", {"t": RIGHT[:99]}), NOT_COMPARABLE, "99 and 100, 99 in both"),
    "another gold": (lambda made, answers: made("new", {"t": answers(RIGHT, gold="C")}), NOT_COMPARABLE, "gold"),
    "NaN": (edited(accuracy={"value": math.nan, "low": 0, "high": 1}), UNREADABLE, "summary.json"),
    "null": (edited(accuracy={"value": None, "low": 0.0, "high": 1.0}), UNREADABLE, "tasks.t.accuracy.value"),
    "an edited accuracy": (edited(accuracy={"value": 0.9, "low": 0.8, "high": 1.0}), INCONSISTENT, "0.9"),
    "edited counts": (edited(status={"ok": 99, "empty": 1}), INCONSISTENT, "status"),
    "fewer items than answers": (edited(items=99), UNREADABLE, "tasks.t.items"),
    "a task that is named like the average": (
        lambda made, answers: made("new", {"macro": RIGHT}),
        NOT_COMPARABLE,
        "has no t",
    ),
    "no items": (edited(n=0), UNREADABLE, "tasks.t.n"),
    "no folder": (lambda made, answers: Path("nowhere"), "run_not_found", "nowhere"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_unusable_input_exits_2_with_one_line_and_overwrites_old_verdicts(
    made, answers, copied, tmp_path, capsys, what
):
    make, code, value = UNUSABLE[what]
    new, old = make(made, answers), made("old", {"t": RIGHT})
    xml, text = tmp_path / "out" / "gate.xml", tmp_path / "out" / "gate.md"
    written = ["--junit", str(xml), "--markdown", str(text)]
    assert main(["gate", "--candidate", str(copied(old)), "--baseline", str(old), *written]) == 0
    assert "✅" in text.read_text()
    capsys.readouterr()
    assert main(["gate", "--candidate", str(new), "--baseline", str(old), *written, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("evalsuite: ") and printed.err.count("\n") == 1
    assert printed.err.endswith(f" [{code}]\n") and value in printed.err
    assert json.loads(printed.out)["outcome"] == "unusable"
    suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert (suite.get("errors"), suite.get("failures"), suite.get("tests")) == ("1", "0", "1")
    assert value in suite.find("testcase/error").get("message") and "unusable input" in text.read_text()
    assert main(["gate", "--candidate", str(old), "--baseline", str(new)]) == 2, "nor as a baseline"


POLICIES = {
    "": "gate.yaml",
    "[1, 2]": "gate.yaml",
    "margins: {t: 0.02": "gate.yaml",
    "tasks: []": "tasks: ",
    "tasks: t": "tasks: ",
    "tasks: [t, t]": "tasks: ",
    "tasks: [x]": "has no x",
    "margn: 0.02": "margn",
    "margin: 3": "margin: ",
    "margin: 0": "margin: ",
    "margin: .nan": "margin: ",
    "margin: true": "margin: ",
    "margin: '0.02'": "margin: ",
    "margin:": "margin: ",
    "margin: 0.02\nmargin: 0.2": "duplicate key margin",
    "margins: {t: 0.02, t: 0.2}": "duplicate key t",
    "margins: {medqa: 0.02}": "margins.medqa",
    "gains: {medqa: 0.02}": "gains.medqa",
    "gains: {macro: 0.02}": "gains.macro",
    "gains: {t: -0.1}": "gains.t",
    "limits: {invalid: 5}": "limits.invalid",
    "limits: {invalid: }": "limits.invalid",
    "limits: {invalid: .nan}": "limits.invalid",
    "limits: {refused: 0.1}": "limits.refused",
    "macro_margin: off": "macro_margin",
    "undecided: ignore": "undecided",
    "require: loose": "require",
    "multiplicity: bonferroni": "multiplicity",
    "discordance: .inf": "discordance",
    "margin: !!python/object/apply:os.system ['true']": "gate.yaml",
    "# \udcff": "gate.yaml",
}


@pytest.mark.parametrize("text", POLICIES)
def test_a_policy_that_is_not_understood_to_the_last_key_exits_2_with_one_line(made, copied, tmp_path, capsys, text):
    run = made("old", {"t": RIGHT})
    file = tmp_path / "gate.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert main(["gate", "--candidate", str(copied(run)), "--baseline", str(run), "--policy", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and POLICIES[text] in error
    # A policy for a task that the runs lack is valid by itself.
    assert error.endswith(f" [{'runs_not_comparable' if text == 'tasks: [x]' else 'invalid_policy'}]\n")


def test_a_job_with_a_repeated_path_does_not_pass(made, tmp_path, capsys):
    run = made("old", {"t": RIGHT})
    (tmp_path / "link").symlink_to(run)
    for same in (run, run / "summary.json", tmp_path / "link"):
        assert main(["gate", "--candidate", str(same), "--baseline", str(run), "--json"]) == 2
        printed = capsys.readouterr()
        assert printed.err.endswith(" [same_run_twice]\n") and str(run) in printed.err
        assert json.loads(printed.out)["outcome"] == "unusable"


def test_a_task_named_like_the_average_is_refused(made, copied):
    run = made("old", {"macro": RIGHT, "t": RIGHT})
    with pytest.raises(UsageError) as caught:
        judged(copied(run), run)
    assert caught.value.code is ErrorCode.INVALID_POLICY and "macro" in str(caught.value)
    assert judged(copied(run), run, tasks=["t"]).outcome == "pass"


def test_equal_scores_by_other_answers_need_more_items_only_at_a_very_small_margin(made, answers):
    old, new = made("old", {"t": RIGHT}), made("new", {"t": answers(RIGHT, wrong="C")})
    assert judged(new, old).outcome == "pass"
    (check,) = judged(new, old, margin=0.001).checks
    assert (
        check.outcome == "undecided" and check.verdict.items > 100 and rough_count(check.verdict.items) in check.message
    )


def test_an_output_that_cannot_be_written_is_an_error_even_if_every_rule_holds(made, tmp_path, capsys):
    run = str(made("old", {"t": RIGHT}))
    (tmp_path / "file").write_text("")
    assert main(["gate", "--candidate", run, "--baseline", run, "--junit", str(tmp_path / "file" / "x.xml")]) == 2
    assert capsys.readouterr().err.endswith("[output_not_writable]\n")


# What CI gets to read

HOSTILE = (
    "</testcase><script>alert(1)</script>",
    "a|b`c`*d*_e_[f](javascript:g)",
    "quo\"te's &amp; ]]> <!-- --",
    "nul \x00 escape \x1b[31m lone \udcff line\u2028end",
    "@everyone #1 https://example.org",
)


def test_reports_hold_whatever_a_run_is_called(made, tmp_path):
    right = random_grades(23, 100)
    for name in HOSTILE:
        model = f"openai/{name}".encode("utf-8", "replace").decode()
        wrong = np.zeros(100, bool)
        new, old = made("new", {"t": wrong, "u": right}, model), made("old", {"t": right, "u": right}, model)
        decision = judged(new, old)
        assert decision.outcome == "fail"
        suite = ElementTree.fromstring(junit(decision)).find("testsuite")
        assert [case.get("name") for case in suite.findall("testcase")][1:] == ["u: no loss", "macro: no loss"]
        assert suite.find("testcase/failure").get("type") == "fail"
        text = markdown(decision)
        outside = re.sub(r"`[^`\n]*`", "", text)
        assert "script" not in outside and "javascript" not in outside and "@" not in outside and "http" not in outside
        assert "\x1b" not in text and "\x00" not in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
        ElementTree.fromstring(junit_error(name))
        assert markdown_error(name).count("\n") == 3


def test_junit_counts_its_cases_and_markdown_names_what_is_open(made):
    rng = np.random.default_rng(24)
    old = {task: random_grades(40 + n, 400) for n, task in enumerate("stu")}
    new = {"s": old["s"], "t": changed(rng, old["t"], 0.3, 0.0), "u": changed(rng, old["u"], 0.1, 0.1)}
    decision = judged(made("new", new), made("old", old), margins={"u": 0.001}, limits={"invalid": 0.5})
    root = ElementTree.fromstring(junit(decision))
    suite = root.find("testsuite")
    for element in (root, suite):
        assert int(element.get("tests")) == len(suite.findall("testcase")) == len(decision.checks)
        assert int(element.get("failures")) == len(suite.findall("testcase/failure"))
    types = {case.get("name"): case.find("failure") for case in suite.findall("testcase")}
    assert types["t: no loss"].get("type") == "fail" and types["u: no loss"].get("type") == "undecided"
    assert types["s: no loss"] is None
    text = markdown(decision)
    assert text.startswith("## Gate: ❌ fail") and "`t`, no loss: a loss of more than" in text
    content = decision.to_json()
    assert json.loads(json.dumps(content, allow_nan=False))["outcome"] == "fail"
    assert [check["outcome"] for check in content["checks"]] == [check.outcome for check in decision.checks]


def evalsuite(*arguments, cwd):
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVALSUITE_")}
    command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def test_the_process_exits_with_the_verdict(made, tmp_path):
    right = random_grades(25, 500)
    old, same = made("old", {"t": right}), made("same", {"t": right})
    worse, open_ = (
        made("worse", {"t": right & random_grades(26, 500, 0.8)}),
        made("open", {"t": random_grades(27, 500)}),
    )
    (tmp_path / "strict.yaml").write_text("margin: 0.005\n")
    for run, code, word in ((same, 0, "PASS"), (worse, 1, "FAIL"), (open_, 3, "UNDECIDED")):
        ended = evalsuite("gate", "--candidate", run, "--baseline", old / "summary.json",
                          *(["--policy", "strict.yaml"] if code == 3 else []), cwd=tmp_path)  # fmt: skip
        assert (ended.returncode, ended.stderr) == (code, "")
        assert ended.stdout.splitlines()[-1].startswith(word)
        assert max(map(len, ended.stdout.splitlines()[2:])) <= 100


@needs_recordings
def test_it_works_from_the_two_files_of_a_real_baseline_alone(tmp_path):
    for name in ("DeepSeek-Coder-V2", "jamba-1.5-large"):
        recording = RECORDED / f"mmlu_pro__{name}.jsonl.gz"
        made = evalsuite("run", "--model", f"replay/{recording}", "--tasks", "mmlu_pro_biology,mmlu_pro_health",
                         "--data-dir", RECORDED.parent, "--out", name, cwd=tmp_path)  # fmt: skip
        assert made.returncode == 0, made.stderr
        for part in (tmp_path / name).rglob("*"):
            if part.is_file() and part.name not in ("summary.json", "grades.parquet"):
                part.unlink()
    ended = evalsuite(
        "gate", "--candidate", "jamba-1.5-large", "--baseline", "DeepSeek-Coder-V2", "--json", cwd=tmp_path
    )
    content = json.loads(ended.stdout)
    outcomes = [check["outcome"] for check in content["checks"]]
    assert {"fail": 1, "undecided": 3, "pass": 0}[content["outcome"]] == ended.returncode
    assert ended.returncode != 0, "a model that is 3 points worse on both isn't waved through at the default margins"
    assert len(outcomes) == 3 and any("817 of its 818" in note for note in content["notes"])


# The examples


def test_the_example_policy_lists_every_key_and_is_understood():
    path = ROOT / "examples" / "gate.yaml"
    assert set(yaml.safe_load(path.read_text())) == set(GatePolicy.model_fields)
    policy = read_policy(path)
    assert policy.margins["pubmedqa"] == 0.06
    with pytest.raises(UsageError) as caught:
        policy.check_tasks(["medqa"])
    assert caught.value.code is ErrorCode.INVALID_POLICY and "pubmedqa" in str(caught.value)


def test_a_run_passes_against_a_copy_of_itself_by_the_example_policy(made):
    policy = read_policy(ROOT / "examples" / "gate.yaml")
    verdicts = {task: random_grades(number, 500) for number, task in enumerate(policy.tasks)}
    decision = gate(read_result(made("a", verdicts)), read_result(made("b", verdicts)), policy)
    assert decision.outcome == "pass"


def test_the_commands_of_the_examples_exist():
    workflow = yaml.safe_load((ROOT / "examples" / "github-actions" / "gate.yml").read_text())
    scripts = [step.get("run", "") for step in workflow["jobs"]["gate"]["steps"]]
    scripts += [(ROOT / name).read_text() for name in ("examples/baseline/README.md", "docs/gate.md")]
    lines = [line for script in scripts for line in script.replace("\\\n", " ").splitlines()]
    used = [re.search(r"(?:^\s*|entry: )evalsuite (gate|run) (--.*)", line) for line in lines]
    found = [match.groups() for match in used if match]
    assert len(found) >= 4
    for command, rest in found:
        known = {option for each in cli.get_command(click.Context(cli), command).params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_the_margins_in_the_guide_are_the_default_ones():
    rows = [line for line in (ROOT / "docs" / "gate.md").read_text().splitlines() if line.startswith("| ")]
    items, margins = (next(row for row in rows if row.startswith(f"| {name} ")) for name in ("items", "margin"))
    for count, margin in zip(items.split("|")[2:-1], margins.split("|")[2:-1], strict=True):
        assert 100 * default_margin(int(count.replace(",", ""))) == pytest.approx(float(margin), abs=0.051)
