"""JSON inside a page: nothing in it ends a script, and nothing of it is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.report.script_json import script_json
from evalsuite.run_folder import ResponseRecord

ANY_TEXT = st.text(st.characters())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_comes_back_and_no_markup_is_in_it(value):
    text = script_json(value).decode("utf-8")
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029\x7f") & set(text)


@given(st.text(st.sampled_from("<>&!-/scriptSCRIPT\u2028\u2029 ")))
def test_what_ends_scripts_is_never_written(text):
    written = script_json([text]).decode().lower()
    assert "<" not in written and json.loads(written) == [text.lower()]


def test_hostile_texts_come_back(hostile):
    assert json.loads(script_json(list(hostile))) == list(hostile)


@pytest.mark.parametrize("text", ["plain", "lone \ud800"])
def test_a_response_is_written_field_by_field(text):
    record = ResponseRecord("i", 0, text, "", "stop", False, None, 5, 0.5, "0" * 16)
    found = json.loads(script_json([record]))[0]
    assert (found["item"], found["text"], found["output_tokens"]) == ("i", text, 5)
