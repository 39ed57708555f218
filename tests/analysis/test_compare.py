"""Comparisons: refusals, results, and that an insignificant result always states its power."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

import evalsuite as es
from evalsuite.analysis.comparability import pair
from evalsuite.analysis.compare import compare
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.run_folder import RunFolder
from evalsuite.stats.power import detectable, power_at
from evalsuite.util.checksum import with_checksum

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "data" / "recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs ../shared/data")


def evalsuite(*arguments, cwd):
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVALSUITE_")}
    command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def paired(a, b, **options):
    return pair(read_result(a), read_result(b), **options)


def flipped(verdicts, *places):
    changed = np.array(verdicts)
    changed[list(places)] = ~changed[list(places)]
    return changed


def random_grades(seed, items, share=0.6):
    return np.random.default_rng(seed).random(items) < share


# What is found


def test_the_counts_and_p_are_those_of_the_items_that_differ(made):
    right = random_grades(1, 400)
    only_b, only_a = np.flatnonzero(~right)[:9], np.flatnonzero(right)[:25]
    a, b = made("a", {"t": right}), made("b", {"t": flipped(right, *only_b, *only_a)})
    (task,) = compare(paired(a, b)).tasks
    assert (task.contrast.difference.only_a, task.contrast.difference.only_b) == (25, 9)
    assert task.contrast.difference.value == pytest.approx((25 - 9) / 400)
    assert task.p_holm == pytest.approx(binomtest(25, 34).pvalue)
    assert task.significant and task.verdict.startswith("A is better by 4.0 points")


def test_p_is_adjusted_over_the_tasks_and_the_family_is_named(made):
    right = random_grades(2, 300)
    other = flipped(right, *np.flatnonzero(right)[:14], *np.flatnonzero(~right)[:4])
    alone = binomtest(14, 18).pvalue
    assert alone < 0.05 < 3 * alone
    tasks = {"s": right, "t": right, "u": right}
    found = compare(paired(made("a", tasks), made("b", {**tasks, "t": other})))
    assert found.family == "3 tasks"
    by_name = {task.task: task for task in found.tasks}
    assert by_name["t"].contrast.difference.p == pytest.approx(alone) and by_name["t"].p_holm == pytest.approx(
        3 * alone
    )
    assert not by_name["t"].significant and "80% power" in by_name["t"].verdict


def test_what_is_called_detectable_is_found_in_four_cases_of_five(made):
    right = random_grades(3, 1000)
    a, b = made("a", {"t": right}), made("b", {"t": flipped(right, *range(0, 1000, 5))})
    (task,) = compare(paired(a, b)).tasks
    assert task.contrast.detectable == pytest.approx(detectable(1000, 0.2))
    rng, found, runs = np.random.default_rng(4), 0, 300
    for _ in range(runs):
        discordant = rng.binomial(1000, 0.2)
        only_a = rng.binomial(discordant, (0.2 + task.contrast.detectable) / 0.4)
        found += binomtest(only_a, discordant).pvalue < 0.05
    expected = power_at(task.contrast.detectable, 1000, 0.2)
    assert found / runs == pytest.approx(expected, abs=4 * np.sqrt(0.8 * 0.2 / runs))


def test_macro_and_micro_averages_have_the_right_weights(made):
    small, large = random_grades(5, 100), random_grades(6, 400)
    a = made("a", {"s": np.ones(100, bool), "l": large})
    b = made("b", {"s": small, "l": large})
    found = compare(paired(a, b))
    lost = 1 - small.mean()
    assert found.macro.difference.value == pytest.approx(lost / 2)
    assert found.micro.difference.value == pytest.approx(lost * 100 / 500)
    assert found.macro.a - found.macro.b == pytest.approx(found.macro.difference.value)
    assert found.macro.difference.p < 1e-6 and found.verdict.startswith("A is better")


def test_the_lenient_parse_is_compared_on_request(made, answers):
    right = random_grades(7, 200)
    strict_only = answers(right & (np.arange(200) % 2 == 0), lenient=right)
    a, b = made("a", {"t": strict_only}), made("b", {"t": answers(right)})
    assert compare(paired(a, b)).tasks[0].contrast.difference.value < -0.2
    assert compare(paired(a, b), "lenient").tasks[0].contrast.difference.value == 0


def test_several_samples_narrow_the_interval_and_have_a_number_of_items_needed(made):
    rng = np.random.default_rng(8)
    skill = rng.random(300)[:, None]
    many = {name: made(name, {"t": rng.random((300, 8)) < np.clip(skill + gain, 0, 1)}) for name, gain in
            (("a", 0.02), ("b", 0.0))}  # fmt: skip
    (task,) = compare(paired(many["a"], many["b"])).tasks
    assert task.samples == 8 and task.contrast.detectable < detectable(300, task.contrast.difference.discordance)
    if not task.significant:
        assert task.contrast.items_needed > 300 and (
            task.contrast.samples_needed is None or task.contrast.samples_needed > 8
        )


def test_items_of_one_cluster_count_as_less_than_their_number(made, answers):
    right, other = random_grades(9, 100), random_grades(10, 100)
    groups = [f"g{place // 5}" for place in range(500)]
    spread = {name: answers(np.repeat(each, 5), groups=groups) for name, each in (("a", right), ("b", other))}
    alone = {name: answers(np.repeat(each, 5)) for name, each in (("a", right), ("b", other))}
    (clustered,) = compare(paired(*(made(f"c{name}", {"t": each}) for name, each in spread.items()))).tasks
    (single,) = compare(paired(*(made(f"s{name}", {"t": each}) for name, each in alone.items()))).tasks
    width = clustered.contrast.difference.high - clustered.contrast.difference.low
    assert width > 2 * (single.contrast.difference.high - single.contrast.difference.low)
    assert clustered.contrast.detectable > 2 * single.contrast.detectable and clustered.p_holm > single.p_holm


verdict_lists = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=verdict_lists, second=verdict_lists)
def test_swapping_the_runs_changes_the_sign_and_every_insignificant_result_states_its_power(made, first, second):
    a, b = (
        made(name, {"s": [p[which] for p in first], "t": [p[which] for p in second]}, model=f"openai/{name}")
        for which, name in enumerate("ab")
    )
    there, back = compare(paired(a, b)), compare(paired(b, a))
    contrasts = [[*(task.contrast for task in each.tasks), each.macro] for each in (there, back)]
    for one, other in zip(*contrasts, strict=True):
        assert one.difference.value == pytest.approx(-other.difference.value)
        assert one.difference.low == pytest.approx(-other.difference.high, abs=1e-9)
        assert one.difference.p == pytest.approx(other.difference.p)
        assert one.detectable == pytest.approx(other.detectable) and one.items_needed == other.items_needed
    for task in there.tasks:
        assert task.contrast.difference.low <= task.contrast.difference.value <= task.contrast.difference.high
        if "not significant" in task.verdict:
            assert "80% power" in task.verdict or "if they disagreed on 20%" in task.verdict
        if not task.significant and task.contrast.items_needed is not None:
            assert task.contrast.items_needed > task.n
    json.dumps(there.to_json(), allow_nan=False)


def test_identical_runs_are_called_identical(made):
    right = random_grades(11, 50)
    found = compare(paired(made("a", {"t": right, "u": right}), made("b", {"t": right, "u": right})))
    assert found.identical and found.verdict == "identical: all 100 answers are the same."


def test_the_same_score_by_other_answers_is_not_identical(made, answers):
    right = random_grades(12, 50)
    a, b = made("a", {"t": answers(right)}), made("b", {"t": answers(right, wrong="C")})
    found = compare(paired(a, b))
    assert not found.identical and "if they disagreed on 20%" in found.verdict


# What is refused


DIFFERENT = {
    "version": {"version": 2},
    "data_digest": {"data_digest": "e" * 64},
    "prompt_digest": {"prompt_digest": "q" * 64},
    "format": {"format": "boxed"},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_task_that_differs_is_refused_by_name_unless_that_name_is_allowed(made, answers, name):
    right = random_grades(13, 40)
    a, b = made("a", {"t": right}), made("b", {"t": answers(right, **DIFFERENT[name])})
    error = refused_pair(a, b, allow=[])
    assert error.code is ErrorCode.RUNS_NOT_COMPARABLE and f"{name} (t " in str(error)
    assert str(error).endswith(f"`allow` {name}")
    found = compare(paired(a, b, allow=[name]))
    assert [mark.split()[0] for mark in found.marks] == [name]
    assert found.to_json()["allowed"][0]["name"] == name


def test_every_difference_is_named_at_once_and_none_is_offered_where_there_is_no_choice(made, answers):
    right = random_grades(14, 40)
    a = made("a", {"t": right})
    decoding = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 512, "seed": 0, "thinking": "auto"}
    b = made("b", {"t": answers(right, **DIFFERENT["format"])}, decoding=decoding, parser="2")
    error = refused_pair(a, b)
    assert error.code is ErrorCode.RUNS_NOT_COMPARABLE
    for name in ("decoding.temperature (0.0 and 0.7)", "decoding.max_tokens (4096 and 512)", "parser", "format"):
        assert name in str(error)
    assert "allow" not in str(error)


def test_a_key_of_the_decoding_is_allowed_alone_or_with_all_of_it(made):
    right = random_grades(15, 40)
    a = made("a", {"t": right})
    b = made("b", {"t": right}, decoding={**read_result(a).summary.decoding, "seed": 1, "temperature": 0.5})
    error = str(refused_pair(a, b, allow=["decoding.seed"]))
    assert "decoding.temperature (0.0 and 0.5)" in error and "decoding.seed (" not in error
    assert len(paired(a, b, allow=["decoding"]).allowed) == 2


def test_a_name_that_nothing_has_is_a_usage_error(made):
    run = made("a", {"t": random_grades(16, 40)})
    with pytest.raises(UsageError) as caught:
        paired(run, run, allow=["weather"])
    assert caught.value.code is ErrorCode.UNKNOWN_SETTING and "weather" in str(caught.value)


def test_other_items_are_refused_or_with_allow_the_common_ones_are_paired(made, answers):
    right = random_grades(17, 100)
    ids = [f"i{place:04}" for place in range(100)]
    a = made("a", {"t": answers(right, ids=ids)})
    b = made("b", {"t": answers(~right[10:], ids=ids[10:], items=100)})
    assert "items (t 100 and 90, 90 in both)" in str(refused_pair(a, b))
    (task,) = compare(paired(a, b, allow=["items"])).tasks
    assert task.n == 90 and task.contrast.difference.only_a == right[10:].sum()
    nothing = made("c", {"t": answers(right, ids=[f"x{place}" for place in range(100)])})
    assert refused_pair(a, nothing, allow=["items"]).code is ErrorCode.RUNS_NOT_COMPARABLE


def test_items_are_paired_by_id_whatever_their_order(made, answers):
    right = random_grades(18, 60)
    order = np.random.default_rng(0).permutation(60)
    ids = [f"q{place}" for place in range(60)]
    a = made("a", {"t": answers(right, ids=ids)})
    b = made("b", {"t": answers(right[order], ids=[ids[place] for place in order])})
    assert compare(paired(a, b)).identical


def test_a_task_that_one_run_lacks_is_refused_or_with_allow_left_out(made):
    right = random_grades(19, 40)
    a, b = made("a", {"t": right, "u": right}), made("b", {"t": right})
    assert f"tasks ({b} has no u)" in str(refused_pair(a, b))
    found = compare(paired(a, b, allow=["tasks"]))
    assert [task.task for task in found.tasks] == ["t"] and found.macro is None and found.marks


def test_another_gold_label_under_the_same_digest_is_noticed(made, answers):
    right = random_grades(20, 40)
    a, b = made("a", {"t": answers(right)}), made("b", {"t": answers(right, gold="D")})
    assert "data_digest (t the same, but 40 items have another gold)" in str(refused_pair(a, b))


def test_another_cluster_under_the_same_digest_is_noticed(made, answers):
    right = random_grades(17, 40)
    a, b = made("a", {"t": answers(right)}), made("b", {"t": answers(right, groups=["g"] * 40)})
    error = refused_pair(a, b)
    assert error.code is ErrorCode.RUNS_NOT_COMPARABLE
    assert "data_digest (t the same, but 40 items have another group)" in str(error)


def test_a_trivial_baseline_has_no_prompt_that_could_differ(made, answers):
    right = random_grades(21, 40)
    a = made("a", {"t": right})
    floor = made("b", {"t": answers(right, **DIFFERENT["prompt_digest"])}, model="trivial/majority")
    assert paired(a, floor).allowed == ()


# Files that can't be trusted


def damage(folder, change, edited_only=False):
    path = folder / "summary.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content if edited_only else with_checksum(content)))


@pytest.mark.parametrize(
    ("change", "code", "value"),
    [
        (lambda s: s.update(schema=4), ErrorCode.RUN_SCHEMA_UNSUPPORTED, "schema 1 to 3"),
        (lambda s: s.update(tasks={}), ErrorCode.RUN_SCHEMA_UNSUPPORTED, "schema 1 to 3"),
        (lambda s: s.pop("parser"), ErrorCode.RUN_UNREADABLE, "parser"),
        (lambda s: s["tasks"]["t"].pop("data_digest"), ErrorCode.RUN_UNREADABLE, "tasks.t.data_digest"),
        (lambda s: s["tasks"]["t"].update(n=True), ErrorCode.RUN_UNREADABLE, "tasks.t.n"),
        (lambda s: s["tasks"]["t"].update(samples=0), ErrorCode.RUN_UNREADABLE, "tasks.t.samples"),
        (lambda s: s["tasks"]["t"]["accuracy"].update(value=None), ErrorCode.RUN_UNREADABLE, "tasks.t.accuracy.value"),
        (lambda s: s["tasks"]["t"]["accuracy"].update(high=1.01), ErrorCode.RUN_UNREADABLE, "tasks.t.accuracy.high"),
        (lambda s: s["tasks"]["t"].update(chance=-0.1), ErrorCode.RUN_UNREADABLE, "tasks.t.chance"),
        (lambda s: s["tasks"]["t"].update(accuracy=[0.5, 0.4, 0.6]), ErrorCode.RUN_UNREADABLE, "tasks.t.accuracy"),
        (lambda s: s["tasks"]["t"]["accuracy"].update(low=0.3), ErrorCode.RUN_INCONSISTENT, "0.3"),
        (lambda s: s["tasks"]["t"]["accuracy_lenient"].update(high=0.99), ErrorCode.RUN_INCONSISTENT, "0.99"),
        (lambda s: s["macro"].update(low=0.01), ErrorCode.RUN_INCONSISTENT, "0.01"),
        (lambda s: s["digests"].update(grades="0" * 64), ErrorCode.RUN_INCONSISTENT, "grades.parquet"),
        (lambda s: s["tasks"]["t"]["accuracy"].update(value=0.999), ErrorCode.RUN_INCONSISTENT, "0.999"),
        (lambda s: s["tasks"]["t"]["accuracy_lenient"].update(value=0.999), ErrorCode.RUN_INCONSISTENT, "0.999"),
        (lambda s: s["tasks"]["t"].update(n=39), ErrorCode.RUN_INCONSISTENT, "40 rows"),
        (lambda s: s["tasks"]["t"].update(status={"ok": 39, "truncated": 1}), ErrorCode.RUN_INCONSISTENT, "status"),
        (lambda s: s["tasks"].update(u=s["tasks"]["t"]), ErrorCode.RUN_INCONSISTENT, "40 rows"),
    ],
)
def test_a_summary_that_was_edited_or_is_incomplete_is_an_error(made, copied, change, code, value):
    folder = made("a", {"t": random_grades(22, 40)})
    damage(folder, change)
    with pytest.raises(RunError) as caught:
        paired(folder, copied(folder))
    assert caught.value.code is code and value in str(caught.value) and str(folder) in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["tasks"]["t"].update(chance=0.1),
        lambda s: s.pop("checksum"),
        lambda s: s["tasks"]["t"]["accuracy"].update(value=float("nan")),
    ],
)
def test_a_summary_whose_checksum_does_not_hold_is_an_error(made, copied, change):
    folder = made("a", {"t": random_grades(22, 40)})
    damage(folder, change, edited_only=True)
    assert refused_pair(folder, copied(folder)).code is ErrorCode.RUN_UNREADABLE


def test_grades_that_are_missing_cut_or_no_parquet_are_errors(made, answers, copied):
    folder, other = made("a", {"t": random_grades(23, 40)}), made("b", {"t": random_grades(24, 41)})
    grades = folder / "grades.parquet"
    complete = grades.read_bytes()
    for content, code in (
        (complete[:-100], ErrorCode.RUN_UNREADABLE),
        (b"{}", ErrorCode.RUN_UNREADABLE),
        ((other / "grades.parquet").read_bytes(), ErrorCode.RUN_INCONSISTENT),
    ):
        grades.write_bytes(content)
        assert refused_pair(folder, copied(folder)).code is code
    grades.unlink()
    assert refused_pair(folder, copied(folder)).code is ErrorCode.RUN_NOT_FOUND
    lucky = made("c", {"t": answers([True] * 40, status=["truncated"] * 40)})
    assert refused_pair(lucky, copied(lucky)).code is ErrorCode.RUN_INCONSISTENT
    repeated = made("d", {"t": answers([True] * 40, ids=["same"] * 40)})
    assert refused_pair(repeated, copied(repeated)).code is ErrorCode.RUN_INCONSISTENT


def refused_pair(a, b, **options):
    with pytest.raises(RunError) as caught:
        paired(a, b, **options)
    assert "\n" not in str(caught.value)
    return caught.value


# The command


def test_the_command_prints_a_table_of_at_most_100_columns_and_a_verdict(made, answers, tmp_path):
    rng = np.random.default_rng(25)
    tasks = ("mmlu_pro_biology", "medbullets_op4")
    runs = [
        made(name, {task: answers(rng.random((1200, 4)) < share) for task in tasks}, model="openai/\x1b[31mred")
        for name, share in (("a", 0.55), ("b", 0.551))
    ]
    ended = evalsuite("compare", runs[0], runs[1] / "summary.json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "\x1b[31m" not in ended.stdout and "[95%]" in ended.stdout
    lines = ended.stdout.splitlines()[2:]
    assert max(map(len, lines)) <= 100, lines
    assert "80% power" in ended.stdout and "Average: " in ended.stdout
    table = [line for line in lines if line.lstrip().startswith(tasks)]
    assert all(len(one) == len(other) for one, other in pairwise(table[:2]))


def test_the_command_speaks_json_and_marks_what_was_allowed(made, tmp_path):
    a, b = made("a", {"t": random_grades(26, 200)}), made("b", {"t": random_grades(27, 200)}, parser="2")
    refused = evalsuite("compare", a, b, cwd=tmp_path)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "--allow parser" in refused.stderr
    ended = evalsuite("compare", a, b, "--allow", "parser,items", "--json", cwd=tmp_path)
    content = json.loads(ended.stdout)
    assert content["allowed"][0]["name"] == "parser"
    task = content["tasks"]["t"]
    assert task["a"] - task["b"] == pytest.approx(task["difference"]["value"])
    shown = evalsuite("compare", a, b, "--allow", "parser", cwd=tmp_path)
    assert "not the same in both runs, and allowed: parser" in shown.stdout


def exact(task_json):
    return binomtest(round(task_json["only_a"]), round(task_json["only_a"] + task_json["only_b"])).pvalue


@needs_recordings
def test_two_close_models_are_compared_on_real_recordings(tmp_path):
    runs = {}
    for name in ("Phi-3-mini-4k-instruct", "Mixtral-8x7B-Instruct-v0.1"):
        recording = RECORDED / f"mmlu_pro__{name}.jsonl.gz"
        made = evalsuite("run", "--model", f"replay/{recording}", "--tasks", "mmlu_pro_biology,mmlu_pro_health",
                         "--data-dir", RECORDED.parent, "--out", name, cwd=tmp_path)  # fmt: skip
        assert made.returncode == 0, made.stderr
        runs[name] = json.loads((tmp_path / name / "summary.json").read_text())
    ended = evalsuite("compare", *runs, "--json", cwd=tmp_path)
    found = json.loads(ended.stdout)
    for task, task_json in found["tasks"].items():
        mine, other = (run["tasks"][task]["accuracy"]["value"] for run in runs.values())
        assert task_json["difference"]["value"] == pytest.approx(mine - other)
        assert task_json["only_a"] - task_json["only_b"] == pytest.approx(task_json["n"] * (mine - other))
        assert task != "mmlu_pro_biology" or task_json["p"] == pytest.approx(exact(task_json), rel=1e-6)
    verdicts = [task_json["verdict"] for task_json in found["tasks"].values()]
    assert all("80% power" in verdict for verdict in verdicts if verdict.startswith("not significant"))


def test_an_adapter_is_named_beside_its_base_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, answer in (("a", "A"), ("b", "B")):
        es.evaluate(lambda messages, answer=answer: f"ANSWER: {answer}", "starter_recall", name=name, out=name)
    folder = RunFolder(tmp_path / "a")
    identity = {**folder.facts["identity"], "adapter": "org/tuned"}
    folder.write_json("run.json", {**folder.facts, "identity": identity})
    assert "function/a + tuned" in repr(es.compare("a", "b"))
    assert main(["compare", "a", "b"]) == 0
    assert "function/a + tuned" in capsys.readouterr().out
