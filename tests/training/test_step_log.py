"""Journals of a stage: what was appended is read back, an incomplete line is left out, and truncation drops a tail."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, RunError
from training import step_log

ROWS = st.lists(st.fixed_dictionaries({"step": st.integers(0, 9), "text": st.text()}), max_size=20)


@given(rows=ROWS, step=st.integers(-1, 10), incomplete=st.binary(max_size=5).filter(lambda tail: b"\n" not in tail))
def test_truncation_drops_the_lines_after_the_step(tmp_path_factory, rows, step, incomplete):
    path = tmp_path_factory.mktemp("lines") / "deep" / "a.jsonl"
    step_log.append(path, rows)
    with path.open("ab") as file:
        file.write(incomplete)
    assert list(step_log.read(path)) == rows
    step_log.truncate_after(path, step)
    assert list(step_log.read(path)) == [row for row in rows if row["step"] <= step]
    assert path.read_bytes().endswith(b"\n") or not path.read_bytes()


def test_a_lone_surrogate_is_read_back(tmp_path):
    step_log.append(tmp_path / "a", [{"step": 1, "text": "\udc80"}])
    assert list(step_log.read(tmp_path / "a")) == [{"step": 1, "text": "\udc80"}]


@pytest.mark.parametrize("line", ["[]", "{}", json.dumps({"step": "1"}), "nonsense"])
def test_a_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n" + line + "\n" + json.dumps({"step": 2}) + "\n")
    for call in (lambda: list(step_log.read(path)), lambda: step_log.truncate_after(path, 9)):
        with pytest.raises(RunError) as caught:
            call()
        assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and f"{path}: line 2" in str(caught.value)


@pytest.mark.parametrize("line", ["[]", "nonsense", '{"step": 2, "ti'])
def test_the_tail_leaves_out_what_it_cannot_parse(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n" + line)
    assert step_log.read_tail(path) == [{"step": 1}]


def test_no_file_is_no_lines(tmp_path):
    step_log.truncate_after(tmp_path / "none", 3)
    assert list(step_log.read(tmp_path / "none")) == step_log.read_tail(tmp_path / "none") == []


def test_a_journal_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        step_log.append(tmp_path / "file" / "below", [{"step": 1}])
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
