"""A suite runs with the tasks whose data is there and names the others, unless all of them are required."""

import json

import pytest

import evalsuite as es
from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode

SUITE = "mixed: {about: for a test, tasks: [starter_recall, medqa, starter_evidence, jmed]}\n"
NONE = "absent: {about: for a test, tasks: [medqa, jmed]}\n"


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty data folder; two suites are known, of which one is partly bundled."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "suites.yaml").write_text(SUITE + NONE)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path / "tasks"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def run(empty, *arguments):
    return main(["run", "--model", "trivial/majority", "--data-dir", str(empty), "--out", "run", *arguments])


def test_what_is_there_is_run_and_the_rest_is_named_with_where_to_get_it(empty, capsys):
    assert run(empty, "--suite", "mixed") == 0
    assert list(es.read_run("run").tasks) == ["starter_recall", "starter_evidence"]
    errors = capsys.readouterr().err
    for name in ("medqa", "jmed"):
        assert f"not run: {name}: " in errors and f"evalsuite data pull --tasks {name}" in errors


def test_all_tasks_of_a_suite_can_be_required(empty, capsys):
    assert run(empty, "--suite", "mixed", "--require-all") == 2
    assert capsys.readouterr().err.strip().endswith("[data_not_found]")
    assert not (empty.parent / "run").exists()


def test_a_task_that_is_named_is_always_required(empty, capsys):
    assert run(empty, "--suite", "mixed", "--tasks", "medqa") == 2
    assert capsys.readouterr().err.strip().endswith("[data_not_found]")


def test_a_suite_of_which_nothing_is_there_is_an_error(empty, capsys):
    assert run(empty, "--suite", "absent") == 2
    assert capsys.readouterr().err.strip().endswith("[data_not_found]")


def test_damaged_data_is_not_absent(empty, capsys):
    (empty / "medqa").mkdir()
    (empty / "medqa" / "phrases_no_exclude_test.jsonl").write_text(json.dumps({"question": "q"}) + "\n")
    assert run(empty, "--suite", "mixed") == 2
    assert capsys.readouterr().err.strip().endswith("[data_malformed]")


def test_the_same_from_python(empty):
    with pytest.warns(UserWarning, match="not run: ") as caught:
        found = es.evaluate("trivial/majority", suite="mixed", data_dir=str(empty), out="run")
    assert list(found.tasks) == ["starter_recall", "starter_evidence"] and len(caught) == 2
    with pytest.raises(DataError) as refused:
        es.evaluate("trivial/majority", suite="mixed", require_all=True, data_dir=str(empty), out="other")
    assert refused.value.code is ErrorCode.DATA_NOT_FOUND
