"""Runs that another parser graded: the same command again never replaces their grades without a copy and a note."""

import json
from pathlib import Path

import pytest

import evalsuite as es
from evalsuite import parser
from evalsuite.cli import main
from evalsuite.util.checksum import with_checksum

FILES = ("summary.json", "grades.parquet", "run.json")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    es.evaluate("trivial/first", "starter_recall", out="run")
    for name in ("summary.json", "run.json"):
        file = Path("run", name)
        file.write_text(json.dumps(with_checksum({**json.loads(file.read_text()), "parser": "0"})))
    return Path("run")


def files(run):
    return {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}


def again(way):
    """Run once more by the command line, with --resume or not, or from Python, and return the notes."""
    if way == "evaluate":
        with pytest.warns(UserWarning) as caught:
            es.evaluate("trivial/first", "starter_recall", out="run")
        return [str(each.message) for each in caught]
    new = ["--model", "trivial/first", "--tasks", "starter_recall", "--out", "run"]
    assert main(["run", *(["--resume", "run"] if way == "resume" else new)]) == 0
    return None


@pytest.mark.parametrize("way", ["evaluate", "resume", "command"])
def test_a_complete_run_of_another_parser_is_left_as_it_is(run, way, capsys):
    before = files(run)
    notes = again(way)
    shown = capsys.readouterr().err if notes is None else "\n".join(notes)
    assert shown.count("evalsuite regrade run") == 1 and "parser 0" in shown
    assert files(run) == before


@pytest.mark.parametrize("way", ["evaluate", "resume", "command"])
def test_an_incomplete_run_of_another_parser_is_regraded_with_copies_and_completed(run, way, capsys):
    before = files(run)
    journal = run / "responses" / "starter_recall.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-3]))
    notes = again(way)
    shown = capsys.readouterr().err if notes is None else "\n".join(notes)
    assert "summary.0.json" in shown
    after = files(run)
    assert after["summary.0.json"] == before["summary.json"] and after["grades.0.parquet"] == before["grades.parquet"]
    facts = json.loads(after["run.json"])
    assert [(each["was"], each["now"]) for each in facts["regraded"]] == [("0", parser.VERSION)]
    assert (facts["parser"], facts["ended"]["status"]) == (parser.VERSION, "finished")
    assert json.loads(after["summary.json"])["parser"] == parser.VERSION
    assert es.read_run(run).missing == 0 and len(journal.read_bytes().splitlines()) == len(lines)
