"""Journals of training: nothing that was handed over is lost, a torn line is none, and going on cuts what is past."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import RunError
from training import step_log

ROWS = st.lists(st.fixed_dictionaries({"step": st.integers(0, 9), "text": st.text()}), max_size=20)


@settings(deadline=None)
@given(rows=ROWS, step=st.integers(-1, 10), torn=st.binary(max_size=5).filter(lambda tail: b"\n" not in tail))
def test_what_is_cut_is_what_lies_past_the_step(tmp_path_factory, rows, step, torn):
    path = tmp_path_factory.mktemp("lines") / "deep" / "a.jsonl"
    step_log.append(path, rows)
    with path.open("ab") as file:
        file.write(torn)
    assert list(step_log.read(path)) == rows
    step_log.cut(path, step)
    assert list(step_log.read(path)) == [row for row in rows if row["step"] <= step]
    assert path.read_bytes().endswith(b"\n") or not path.read_bytes()


def test_a_lone_surrogate_comes_back(tmp_path):
    step_log.append(tmp_path / "a", [{"step": 1, "text": "\udc80"}])
    assert list(step_log.read(tmp_path / "a")) == [{"step": 1, "text": "\udc80"}]


@pytest.mark.parametrize("line", ["[]", "{}", json.dumps({"step": "1"}), "nonsense"])
def test_a_line_that_is_none_is_named(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n" + line + "\n" + json.dumps({"step": 2}) + "\n")
    with pytest.raises(RunError, match="line 2"):
        list(step_log.read(path))
    with pytest.raises(RunError, match="line 2"):
        step_log.cut(path, 9)


def test_no_file_is_no_lines(tmp_path):
    step_log.cut(tmp_path / "none", 3)
    assert list(step_log.read(tmp_path / "none")) == []


def test_no_room_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        step_log.append(tmp_path / "file" / "below", [{"step": 1}])
