"""Items that stand in a model's training data are named beside every number, and can be left out of it."""

import json

import numpy as np
import pytest

import evalsuite as es
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError, UsageError


def overlap_file(path, run, task, ids, **changed):
    """Write what `evalsuite data overlap` finds of a run's task."""
    digests = {task: read_result(run).tasks[task].data_digest}
    content = {"schema": 2, "rules": ["exact", "near"], "data_digests": digests, "items": {task: ids} if ids else {}}
    path.write_text(json.dumps(content | changed))
    return path


@pytest.fixture
def runs(made):
    """A is right on items 0 to 59 of 100, B on 20 to 79."""
    a, b = np.zeros(100, bool), np.zeros(100, bool)
    a[:60], b[20:80] = True, True
    return made("a", {"t": a}), made("b", {"t": b})


def ids(run, places):
    return [str(read_result(run).scores("t").items[place]) for place in places]


def test_leaked_items_are_named_and_left_out_of_a_clean_comparison(runs, tmp_path):
    a, b = runs
    file = overlap_file(tmp_path / "overlap.json", a, "t", ids(a, range(20)))
    marked = es.compare(a, b, training_overlap={a: file})
    assert [(each.found, each.n) for each in marked.training_overlap] == [(20, 100)]
    assert marked.tasks[0].contrast.difference.value == 0 and marked.to_json()["clean"] is None
    clean = es.compare(a, b, training_overlap={a: file}, clean=True)
    assert clean.to_json()["clean"] == {"t": {"before": 100, "after": 80}}
    assert (clean.tasks[0].n, clean.tasks[0].contrast.a, clean.tasks[0].contrast.b) == (80, 0.5, 0.75)
    assert (clean.tasks[0].contrast.difference.only_a, clean.tasks[0].contrast.difference.only_b) == (0, 20)
    both = {a: file, b: overlap_file(tmp_path / "b.json", b, "t", ids(b, range(60, 80)))}
    assert es.compare(a, b, training_overlap=both, clean=True).tasks[0].n == 60


def test_a_gate_on_clean_items_needs_the_candidates_training_data(runs, tmp_path, capsys):
    a, b = runs
    file = overlap_file(tmp_path / "overlap.json", a, "t", ids(a, range(20)))
    assert es.gate(a, b, {"margin": 0.14}).outcome == "pass"
    decision = es.gate(a, b, {"margin": 0.14, "clean": True}, training_overlap={a: file})
    assert (decision.outcome, decision.tasks[0].n) == ("fail", 80)
    policy = tmp_path / "gate.yaml"
    policy.write_text("margin: 0.14\nclean: true\n")
    command = ["gate", "--candidate", str(a), "--baseline", str(b), "--policy", str(policy), "--json"]
    assert main([*command, "--training-overlap", f"{a}={file}"]) == 1
    assert json.loads(capsys.readouterr().out)["clean"] == {"t": {"before": 100, "after": 80}}
    assert main([*command, "--training-overlap", f"{b}={file}"]) == 2
    with pytest.raises(UsageError) as error:
        es.gate(a, b, {"clean": True})
    assert error.value.code is ErrorCode.MISSING_ARGUMENT


def test_a_leaderboard_names_what_training_data_have(runs, tmp_path):
    a, b = runs
    file = overlap_file(tmp_path / "overlap.json", a, "t", ids(a, range(20)))
    es.report([a, b], tmp_path / "report", training_overlap={a: file})
    board = json.loads((tmp_path / "report" / "leaderboard.json").read_text())
    cells = {row["run"]: row["cells"] for row in board["rows"]}
    found = [cell.get("training_overlap") for row in cells.values() for cell in row.values()]
    assert sorted(found, key=str) == sorted([{"items": 20, "n": 100}, None], key=str)
    for name in ("leaderboard.md", "report.html"):
        assert "20 of 100 items" in (tmp_path / "report" / name).read_text()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"data_digests": {"t": "0" * 64}}, ErrorCode.RUNS_NOT_COMPARABLE),
        ({"items": {"t": ["none-such"]}}, ErrorCode.RUNS_NOT_COMPARABLE),
        ({"items": {"u": ["1"]}}, ErrorCode.INVALID_ARGUMENT),
        ({"items": {"t": 3}}, ErrorCode.INVALID_ARGUMENT),
        ({"schema": 1}, ErrorCode.INVALID_ARGUMENT),
        ({"schema": True}, ErrorCode.INVALID_ARGUMENT),
        ({"rules": []}, ErrorCode.INVALID_ARGUMENT),
    ],
)
def test_a_file_about_other_data_or_edited_is_an_error_in_one_line(runs, tmp_path, content, code):
    a, b = runs
    file = overlap_file(tmp_path / "overlap.json", a, "t", ids(a, [0]), **content)
    with pytest.raises(EvalsuiteError) as error:
        es.compare(a, b, training_overlap={a: file})
    assert error.value.code is code and "\n" not in str(error.value)


REPEATED = b'{"schema": 2, "rules": ["exact"], "data_digests": {}, "items": {"t": ["1"]}, "items": {}}'


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"schema": 2}', REPEATED])
def test_what_is_no_overlap_file_is_an_error_in_one_line(runs, tmp_path, raw):
    a, b = runs
    (tmp_path / "x.json").write_bytes(raw)
    for file in (tmp_path / "x.json", tmp_path / "absent.json", tmp_path):
        with pytest.raises(UsageError) as error:
            es.compare(a, b, training_overlap={a: file})
        assert error.value.code is ErrorCode.INVALID_ARGUMENT and "\n" not in str(error.value)


def test_cleanness_that_is_not_known_is_an_error(runs, tmp_path, made):
    a, b = runs
    with pytest.raises(UsageError) as error:
        es.compare(a, b, clean=True)
    assert error.value.code is ErrorCode.MISSING_ARGUMENT
    other = overlap_file(tmp_path / "other.json", a, "t", [], data_digests={"u": "0" * 64})
    assert [each.found for each in es.compare(a, b, training_overlap={a: other}).training_overlap] == [None]
    everything = overlap_file(tmp_path / "all.json", a, "t", ids(a, range(100)))
    for file in (other, everything):
        with pytest.raises(RunError):
            es.compare(a, b, training_overlap={a: file}, clean=True)
    third = made("c", {"t": np.ones(100, bool)})
    with pytest.raises(UsageError):
        es.compare(a, b, training_overlap={third: everything})


@pytest.mark.parametrize("value", ["x", "=x", "run="])
def test_an_option_that_names_no_run_and_file_is_refused(runs, value, capsys):
    a, b = map(str, runs)
    assert main(["compare", a, b, "--training-overlap", value]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
