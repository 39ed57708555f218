"""JSON lines are read one by one, lone surrogates included, and the first line that is none is named."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.util import jsonl
from evalsuite.util.jsonl import (
    JsonLineError,
    RepeatedKeyError,
    dump_json_line,
    parse_json,
    parse_tolerantly,
    read_jsonl,
)

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=5))
def test_whatever_is_written_is_read_back(values):
    content = b"".join(map(dump_json_line, values))
    lines = list(read_jsonl(io.BytesIO(content)))
    assert [line.value for line in lines] == values
    assert [line.number for line in lines] == list(range(1, len(values) + 1))
    assert b"".join(line.raw for line in lines) == content


@given(VALUES)
def test_python_and_orjson_agree_on_what_a_line_means(value):
    assert parse_json(json.dumps(value)) == value == parse_json(json.dumps(value).encode())


def test_nan_is_parsed():
    assert math.isnan(parse_json("[NaN]")[0])


REPEATED = [
    ('{"a":1,"a":2}', 1),
    ('{"a": 1,\n "b": {"c": [],\n "c": "x"}}', 3),
    ('[{"a":1},{"a":2,\n"\\u0061":3}]', 2),  # one key, written in two ways
    ('{"a":1,"a":"\\u0022\\u0022"}', 1),  # as many quotation marks before as after
    ('{"a":"}{\\"a\\":","a":[NaN]}', 1),
    ('{"\\ud800":1,"\\ud800":2}', 1),
    ('{"":1,"":2}', 1),
    ('{"a":' * 600 + '{"b":1,"b":2}' + "}" * 600, 1),  # deeper than orjson writes
]


@pytest.mark.parametrize(("text", "line"), REPEATED)
def test_a_key_that_an_object_holds_twice_is_refused_with_its_line(text, line):
    for form in (text, text.encode()):
        with pytest.raises(RepeatedKeyError) as caught:
            parse_json(form)
        assert caught.value.line == line
        parse_tolerantly(form)
    with pytest.raises(JsonLineError) as caught:
        list(read_jsonl(io.BytesIO(b"1\n" + text.replace("\n", "").encode() + b"\n")))
    assert caught.value.number == 2


@pytest.mark.parametrize(
    "text",
    ['{"a":{"a":1},"b":{"a":2}}', '[{"a":1},{"a":1}]', '{"a":"\\u0022","b":"\\"a\\":1,\\"a\\":"}', '{"a":"a","A":"a"}'],
)
def test_equal_keys_of_different_objects_are_no_repetition(text):
    assert parse_json(text) == json.loads(text) == parse_json(text.encode())


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3), VALUES, st.integers(0, 2), st.sampled_from([None, 1]))
def test_a_repetition_is_found_wherever_it_stands(fields, value, depth, indent):
    inner = json.dumps(fields, indent=indent)
    repeated = f"{inner[:-1]}, {json.dumps(next(iter(fields)))}: {json.dumps(value)}}}"
    for _ in range(depth):
        repeated = f'[{{"x": {repeated}}}]'
    with pytest.raises(RepeatedKeyError):
        parse_json(repeated)


@pytest.mark.parametrize("text", ["", "nonsense", "{", '{"a": }', "[1] 2", b"\xff\xfe", "[" * 100_000])
def test_anything_else_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(
    ("content", "options", "values", "bad_line"),
    [
        (b"1\n2", {}, [1, 2], None),
        (b"1\n2", {"skip_incomplete": True}, [1], None),
        (b'1\n{"a', {"skip_incomplete": True}, [1], None),
        (b'1\n{"a', {}, [1], 2),
        (b"1\n\n3\n", {"skip_blank": True}, [1, 3], None),
        (b"1\n \n3\n", {}, [1], 2),
        (b"1\n\n{\n", {"skip_blank": True}, [1], 3),
        (b"", {}, [], None),
    ],
)
def test_blank_and_incomplete_lines_are_skipped_only_on_request(content, options, values, bad_line):
    seen, bad = [], None
    try:
        seen.extend(line.value for line in read_jsonl(io.BytesIO(content), **options))
    except JsonLineError as error:
        bad = error.number
    assert bad == bad_line
    assert seen == values[: len(seen)] and (bad_line is not None or seen == values)


def test_a_line_that_is_too_long_is_named_before_it_is_read_to_its_end(monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    stream = io.BytesIO(b'"' + b"x" * 100 + b'"\n"' + b"y" * 100_000 + b'"\n')
    with pytest.raises(JsonLineError) as caught:
        list(read_jsonl(stream))
    assert caught.value.number == 2 and stream.tell() < 3000
