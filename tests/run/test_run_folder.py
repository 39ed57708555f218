"""The run folder keeps every complete line, whatever happens to the last one, and has one writer."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import Request, Response
from evalsuite.run.folder_choice import named_folder
from evalsuite.run_folder import ResponseRecord, RunFolder
from evalsuite.run_json import SCHEMA
from evalsuite.tasks.item import Item

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


def response(name: str, text: str, reasoning: str = "") -> Response:
    item = Item(name, "Q?", ("x", "y"), ("A", "B"), "A")
    return Response(Request("t", item, 0, (), 7), text, reasoning, "length", True, 11, 22, 0.5)


def start(path: Path) -> RunFolder:
    """Write the run.json of a run that goes on, unless it is there."""
    folder = RunFolder(path)
    identity = {"model": "m", "samples": 1, "decoding": {}, "tasks": {"t": {}}}
    facts = {"schema": SCHEMA, "journal_id": "of this run", "identity": identity, "ended": {"status": "running"}}
    if not (path / "run.json").exists():
        folder.write_json("run.json", facts)
    return folder


def write(path: Path, texts: list[str]) -> None:
    with start(path).writing() as writer:
        for number, text in enumerate(texts):
            writer.append(response(str(number), text, text[::-1]), "digest")


@settings(max_examples=60)
@given(texts=st.lists(ANY_TEXT, max_size=5))
def test_any_text_is_read_back_unchanged(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("run")
    write(path, texts)
    records = list(RunFolder(path).records("t"))
    assert [record.text for record in records] == texts
    assert [record.reasoning for record in records] == [text[::-1] for text in texts]
    assert all((r.finish, r.opens_reasoning) == ("length", True) for r in records)
    assert all((r.input_tokens, r.output_tokens, r.latency) == (11, 22, 0.5) for r in records)


@settings(max_examples=60)
@given(data=st.data())
def test_a_journal_cut_at_any_byte_keeps_its_complete_lines_and_can_be_continued(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("run")
    write(path, ["first", "second\nline", "third"])
    file = RunFolder(path).journal("t")
    content = file.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    file.write_bytes(content[:cut])
    stored = content[:cut].count(b"\n")
    assert [record.item for record in RunFolder(path).records("t")] == [str(n) for n in range(stored)]
    with RunFolder(path).writing() as writer:
        writer.append(response("new", "after the crash"), "digest")
    assert [record.item for record in RunFolder(path).records("t")] == [*map(str, range(stored)), "new"]


def test_an_incomplete_line_longer_than_one_block_is_removed(tmp_path):
    write(tmp_path, ["stored", "x" * 300_000])
    file = RunFolder(tmp_path).journal("t")
    file.write_bytes(file.read_bytes()[:-1])
    write(tmp_path, ["again"])
    assert [record.text for record in RunFolder(tmp_path).records("t")] == ["stored", "again"]


def test_a_damaged_line_that_is_not_the_last_is_named(tmp_path):
    write(tmp_path, ["one", "two", "three"])
    file = RunFolder(tmp_path).journal("t")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"item": "1"\n'
    file.write_bytes(b"".join(lines))
    with pytest.raises(RunError, match="line 2") as caught:
        list(RunFolder(tmp_path).records("t"))
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED


@pytest.mark.parametrize(
    "count", ["18446744073709551615", "18446744073709551616", "4611686018427387904", "-1", "1e999"]
)
def test_token_counts_that_no_column_holds_are_read_as_unknown_and_never_written(tmp_path, count):
    write(tmp_path, ["one"])
    file = RunFolder(tmp_path).journal("t")
    facts = {**RunFolder(tmp_path).facts, "schema": 2}  # the version that stored them
    for key in ("began_as", "journal_id", "journals", "checksum"):
        del facts[key]
    (tmp_path / "run.json").write_text(json.dumps(facts))
    line = json.loads(file.read_text().replace('"output_tokens":22', '"output_tokens":"count"'))
    del line["crc32"]
    file.write_text(json.dumps(line).replace('"count"', count) + "\n")
    [record] = RunFolder(tmp_path).records("t")
    assert (record.input_tokens, record.output_tokens) == (11, None)
    with RunFolder(tmp_path).writing() as writer:
        assert writer.append(replace(response("new", ""), input_tokens=2**62), "d").input_tokens is None
    assert "4611686018427387904" not in file.read_text().splitlines()[-1]


def test_a_second_process_cannot_write_the_same_run(tmp_path):
    script = (
        "import sys; from pathlib import Path; from evalsuite.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).writing(): pass"
    )
    with RunFolder(tmp_path).writing():
        other = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert "another process writes this run" in other.stderr
    again = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


def test_the_lock_of_a_killed_writer_is_released(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from evalsuite.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).writing(): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)])
    assert killed.returncode == -9
    with RunFolder(tmp_path).writing() as writer:
        assert isinstance(writer.append(response("0", "x"), "d"), ResponseRecord)


def test_a_full_disk_is_one_error_and_earlier_lines_are_kept(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_run_folder import response, start\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "with start(Path(sys.argv[1])).writing() as writer:\n"
        "    for n in range(100): writer.append(response(str(n), 'y' * 200), 'd')"
    )
    run = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    ended = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert "RunError" in ended.stderr and "resume the run" in ended.stderr
    stored = [record.item for record in RunFolder(tmp_path).records("t")]
    assert stored and stored == [str(n) for n in range(len(stored))]


def test_a_run_json_of_another_schema_is_refused(tmp_path):
    RunFolder(tmp_path).write_json("run.json", {"schema": 99})
    with pytest.raises(RunError) as caught:
        _ = RunFolder(tmp_path).facts
    assert caught.value.code is ErrorCode.RUN_SCHEMA_UNSUPPORTED


@pytest.mark.parametrize("names", [(), ("responses", ".lock"), ("responses", "tasks", ".lock")])
def test_a_run_may_start_where_one_was_killed_before_its_run_json(tmp_path, names):
    for name in names:
        (tmp_path / name).mkdir()
    assert named_folder(tmp_path, {}).path == tmp_path


@pytest.mark.parametrize("name", ["notes.txt", "responses.old", "summary.json"])
def test_a_folder_with_other_files_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(RunError) as caught:
        named_folder(tmp_path, {})
    assert caught.value.code is ErrorCode.OUTPUT_EXISTS
