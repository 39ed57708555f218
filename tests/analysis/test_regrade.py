"""Regrading: changes are counted exactly, old grades are stored, a kill is repaired, other data are refused."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite import parser
from evalsuite.analysis.regrade import regrade
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode, EvalsuiteError, RunError
from evalsuite.run_folder import RunFolder
from evalsuite.util.checksum import with_checksum

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "examples" / "starter_recording.jsonl"
DATA = ROOT.parent / "shared" / "data"
TASK = "starter_recall"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of hand-written responses that show every status."""
    folder = tmp_path_factory.mktemp("run") / "here"
    assert main(["run", "--model", f"replay/{RECORDING}", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def age(run, edit):
    """Make the grades those of parser 0, which graded some responses differently, and return its rows."""
    rows = pq.read_table(run / "grades.parquet").to_pylist()
    summary = json.loads((run / "summary.json").read_text())
    for row in rows:
        edit(row)
    for task, task_summary in summary["tasks"].items():
        own = [row for row in rows if row["task"] == task]
        task_summary["accuracy"]["value"] = sum(row["correct"] for row in own) / len(own)
    summary["parser"] = "0"
    facts = json.loads((run / "run.json").read_text())
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(run / "grades.parquet")), run / "grades.parquet")
    (run / "summary.json").write_text(json.dumps(with_checksum(summary)))
    (run / "run.json").write_text(json.dumps(with_checksum({**facts, "parser": "0"})))
    return rows


def blind(row):
    """Parser 0 found no answer in right responses to recall questions (strict), and another label in one."""
    if row["task"] != TASK:
        return
    if row["correct"]:
        row.update(label=None, status="no_answer", correct=False)
    elif row["status"] == "ok":
        row.update(label=row["gold"], correct=True)


def contents(run):
    names = ("grades.parquet", "summary.json")
    return pq.read_table(run / names[0]).to_pylist(), json.loads((run / names[1]).read_text())


def test_a_present_run_changes_in_nothing(run):
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    found = regrade(run)
    assert (found.changes, found.was, found.now) == ((), parser.VERSION, parser.VERSION)
    _, summary = contents(run)
    assert summary == {**json.loads(before["summary.json"]), "run": run.name, "checksum": summary["checksum"]}
    assert {file.name for file in run.iterdir() if file.is_file()} == set(before)
    assert json.loads((run / "run.json").read_text()) == json.loads(before["run.json"])


def test_every_changed_grade_is_counted_by_kind_and_the_old_grades_are_stored(run):
    right, _ = contents(run)
    old = age(run, blind)
    pairs = [(was, now) for was, now in zip(old, right, strict=True) if was["label"] != now["label"]]
    expected = Counter((was["status"], now["status"]) for was, now in pairs)
    assert len(expected) == 2, "the recording must hold right and wrong answers"
    found = regrade(run)
    assert (found.was, found.now) == ("0", parser.VERSION)
    assert {(c.was, c.now): c.count for c in found.changes} == expected
    assert {c.parse_mode for c in found.changes} == {"strict"} and {c.task for c in found.changes} == {TASK}
    by_rule = {(c.was, c.now): c for c in found.changes}
    blinded, misread = by_rule["no_answer", "ok"], by_rule["ok", "ok"]
    assert (blinded.gained, blinded.lost, blinded.other_label) == (blinded.count, 0, False)
    assert (misread.gained, misread.lost, misread.other_label) == (0, misread.count, True)
    ids = {row["item"] for row in right if row["task"] == TASK}
    assert all(0 < len(c.examples) <= 3 and set(c.examples) <= ids for c in found.changes)
    assert contents(run)[0] == right
    assert pq.read_table(run / "grades.0.parquet").to_pylist() == old
    assert json.loads((run / "summary.0.json").read_text())["parser"] == "0"
    facts = json.loads((run / "run.json").read_text())
    assert facts["parser"] == parser.VERSION
    assert [(e["was"], e["now"], e["changed"]) for e in facts["regraded"]] == [
        ("0", parser.VERSION, {"strict": len(pairs), "lenient": 0})
    ]
    read_result(run).scores(TASK)  # grades and summary agree


@pytest.mark.parametrize("done", ["nothing", "kept", "grades", "summary"])
def test_a_regrading_that_was_killed_is_completed_by_the_same_command(run, tmp_path, done):
    age(run, blind)
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    expected = regrade(whole)
    replaced = {"nothing": [], "kept": [], "grades": ["grades.parquet"], "summary": ["grades.parquet", "summary.json"]}
    kept = [] if done == "nothing" else ["grades.0.parquet", "summary.0.json"]
    for name in (*kept, *replaced[done]):
        shutil.copy(whole / name, run / name)
    (run / ".grades.parquet.part").write_bytes(b"half")
    found = regrade(run)
    assert found.changes == expected.changes
    assert contents(run)[0] == contents(whole)[0]
    for name in ("grades.0.parquet", "summary.0.json"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()
    assert len(json.loads((run / "run.json").read_text())["regraded"]) == 1


def test_other_data_than_the_runs_is_an_error(run, tmp_path, monkeypatch):
    tasks = tmp_path / "tasks"
    shutil.copytree(ROOT / "tasks" / TASK, tasks / TASK)
    shutil.copy(ROOT / "tasks" / "prompt.j2", tasks / TASK / "prompt.j2")
    card = tasks / TASK / "task.yaml"
    facts = json.loads((run / "run.json").read_text())
    locked = facts["identity"]["tasks"][TASK]["data_digest"]
    other = "0" * 64
    facts["identity"]["tasks"][TASK]["data_digest"] = other
    (run / "run.json").write_text(json.dumps(with_checksum(facts)))
    assert locked in card.read_text("utf-8")
    with pytest.raises(DataError) as caught:
        regrade(run)
    assert caught.value.code is ErrorCode.DATA_CHANGED
    assert all(value in str(caught.value) for value in (TASK, locked[:12], other[:12]))


def test_a_run_that_another_process_writes_is_left_alone(run):
    with RunFolder(run).writing(), pytest.raises(RunError) as caught:
        regrade(run)
    assert caught.value.code is ErrorCode.RUN_LOCKED


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda run: (run / "grades.parquet").unlink(), ErrorCode.RUN_UNREADABLE),
        (lambda run: (run / "grades.parquet").write_bytes(b"PAR1 and no more"), ErrorCode.RUN_UNREADABLE),
        (lambda run: (run / "summary.json").unlink(), ErrorCode.RUN_NOT_FOUND),
        (lambda run: (run / "run.json").write_text('{"schema": 4}'), ErrorCode.RUN_SCHEMA_UNSUPPORTED),
        (lambda run: (run / "run.json").write_text('{"schema": 2, "identity": {}, "ended": {}}'), None),
        (lambda run: (run / "run.json").unlink(), ErrorCode.RUN_NOT_FOUND),
        (lambda run: (run / "responses" / f"{TASK}.jsonl").write_text("[]\n"), ErrorCode.JOURNAL_MALFORMED),
    ],
)
def test_a_damaged_folder_is_an_error_of_one_line(run, damage, code):
    damage(run)
    with pytest.raises(EvalsuiteError) as caught:
        regrade(run)
    assert "\n" not in str(caught.value) and str(run) in str(caught.value)
    assert code is None or caught.value.code is code


def test_the_command_prints_what_changed(run, capsys):
    age(run, blind)
    assert main(["regrade", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "parser 0 -> " in printed and "no_answer" in printed and "another label" in printed
    assert main(["regrade", str(run), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["changes"] == [] and set(again["tasks"]) > {TASK}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_a_replay_with_other_labels_is_regraded_with_them(tmp_path):
    """The recorded prompt had letters for yes, no and maybe: only with those labels is any answer valid."""
    recording = DATA / "recorded" / "mirage__gpt-35-turbo-16k__cot.jsonl.gz"
    command = ["run", "--model", f"replay/{recording}", "--tasks", "pubmedqa", "--data-dir", str(DATA), "--limit", "40"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["prompt_setups"]["pubmedqa"]["labels"] == [
        "A",
        "B",
        "C",
    ]
    found = regrade(tmp_path / "run")
    assert found.changes == ()
    task = found.after.tasks["pubmedqa"]
    assert task.n == 40 and task.status_lenient["ok"] > 20
