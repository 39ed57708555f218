"""A YAML file is parsed as its author meant it, or refused in one line, in time that grows with its size."""

import os
import time
from itertools import pairwise

import pytest

from evalsuite.errors import ErrorCode, TaskError
from evalsuite.util.yaml_file import MAX_DEPTH, read_yaml

LETTERS = "abcdefghi"
ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdef", "bcdefg", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "\n".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}" for old, new in pairwise(LETTERS)
)


def written(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text, "utf-8")
    return path


def read(path, max_bytes=2000):
    return read_yaml(path, max_bytes, TaskError, ErrorCode.INVALID_TASK_CARD)


def test_merged_keys_are_included_and_explicit_keys_take_precedence(tmp_path):
    text = "base: &base {x: 1, y: 2}\nown: {<<: *base, y: 3}\nagain: {<<: *base, y: 4}\nboth: {<<: [*base, {z: 5}]}\n"
    assert read(written(tmp_path, text)) == {
        "base": {"x": 1, "y": 2},
        "own": {"x": 1, "y": 3},
        "again": {"x": 1, "y": 4},
        "both": {"x": 1, "y": 2, "z": 5},
    }


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x: 1\ny: 2\nx: 3\n", "duplicate key x, line 3"),
        ("a: {b: 1,\n b: 2}", "duplicate key b, line 2"),
        ("1: a\ntrue: b\n", "duplicate key True, line 2"),
        ("a: !!python/object/apply:os.system [true]", "line 1"),
        ("a: [", "not YAML"),
        ("? [x]\n: 1", "unhashable key"),
        ("x" * 2001, "2000 bytes"),
        (ALIASES, "100,000 values"),
        (MERGES, "100,000 values"),
        ("a: &a [*a]", "part of"),
        ("a: &a {b: [1, *a]}", "part of"),
        ("a: *nowhere", "nowhere"),
        ("a: !!set {x, y}", "line 1"),
        ("a: !!bool maybe", "line 1"),
        ("a: !own x", "line 1"),
        ("a: 1" + ":1" * 200, "number"),
        ("a: 1" + ":1" * 200 + ".5", "number"),
        ("a: " + "9" * 200, "number"),
        ("\nd: 2026-02-31", "not YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, place):
    started = time.monotonic()
    with pytest.raises(TaskError) as caught:
        read(written(tmp_path, text))
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD
    assert place in str(caught.value) and "\n" not in str(caught.value)
    assert time.monotonic() - started < 5  # the merges would take minutes and gigabytes


@pytest.mark.parametrize("form", ["{}{}", "a: {}{}", "? {}{}\n: 1"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 8_000, 200_000])
def test_nesting_of_any_depth_is_refused_and_never_crashes(tmp_path, form, depth):
    for text in (form.format("[" * depth, "]" * depth), form.format("[" * depth, ""), "- " * depth + "x"):
        with pytest.raises(TaskError) as caught:
            read(written(tmp_path, text), max_bytes=1 << 20)
        assert caught.value.code is ErrorCode.INVALID_TASK_CARD and f"{MAX_DEPTH} deep" in str(caught.value)


def test_nesting_within_the_limit_is_parsed(tmp_path):
    content = read(written(tmp_path, "[" * MAX_DEPTH + "]" * MAX_DEPTH))
    for _ in range(MAX_DEPTH - 1):
        (content,) = content
    assert content == []


def test_time_grows_with_the_number_of_keys_and_not_with_its_square(tmp_path):
    def seconds(keys):
        path = written(tmp_path, "".join(f"key{number}: {number}\n" for number in range(keys)))
        started = time.process_time()
        assert len(read(path, max_bytes=1 << 20)) == keys
        return time.process_time() - started

    seconds(1000)  # imports
    small, large = min(seconds(1000) for _ in range(3)), min(seconds(16_000) for _ in range(3))
    assert large < 50 * small  # 16 where time is linear, 256 where it is quadratic


def test_a_file_that_is_absent_or_not_text_is_refused_in_one_line(tmp_path):
    (tmp_path / "file.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.yaml", tmp_path / "file.yaml", tmp_path):
        with pytest.raises(TaskError) as caught:
            read(path)
        assert caught.value.code is ErrorCode.INVALID_TASK_CARD
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_merges_of_one_large_mapping_are_counted_before_they_are_made(tmp_path):
    pairs, merges = ", ".join(f"k{number}: 1" for number in range(5000)), ", ".join(["*base"] * 5000)
    with pytest.raises(TaskError) as caught:  # 25 million pairs, of which the mapping would keep 5,000
        read(written(tmp_path, f"a: &base {{{pairs}}}\nb: {{<<: [{merges}]}}\n"), max_bytes=1 << 20)
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD and "100,000 values" in str(caught.value)


def test_what_is_no_regular_file_is_never_read(tmp_path):
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("zero.yaml", "pipe.yaml"):
        with pytest.raises(TaskError) as caught:
            read(tmp_path / name)
        assert caught.value.code is ErrorCode.INVALID_TASK_CARD
