"""Parse JSON and JSON lines that may hold lone surrogates, which models cut in mid-character leave in their text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import orjson

MAX_LINE_BYTES: Final = 64 << 20
"""Longest line that is read; without a limit a file would choose how much memory is used."""


class JsonLine(NamedTuple):
    """One line of a file: its number from 1, its bytes, and the value that they encode."""

    number: int
    raw: bytes
    value: Any


class JsonLineError(ValueError):
    """A line that can't be parsed; `reason` completes the sentence "line 3 ..."."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number} {reason}")
        self.number, self.reason = number, reason


class Readable(Protocol):
    """What lines are read from: a binary file, also one that is being decompressed."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line, or its first `size` bytes."""
        ...


def parse_json(text: bytes | str) -> Any:
    """Parse JSON. Raises a `ValueError` for anything else.

    Lone surrogates and NaN, which orjson refuses, are accepted: real recordings and logs hold both.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        first = error
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(str(first)) from None


def dump_json_line(value: Any) -> bytes:
    """Return a value as one line of JSON, its line feed included; lone surrogates are written as ASCII escapes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # orjson writes UTF-8, which has no form for a lone surrogate
        return json.dumps(value).encode() + b"\n"


def read_jsonl(stream: Readable, *, skip_blank: bool = False, skip_incomplete: bool = False) -> Iterator[JsonLine]:
    """Yield the lines of a stream one at a time, each with its number and its value.

    A line that isn't JSON or is longer than `MAX_LINE_BYTES` is a `JsonLineError`. `skip_blank` skips blank lines,
    which files of other tools may hold. `skip_incomplete` skips a last line without a line feed, which a kill or a full
    disk leaves in a journal.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            raise JsonLineError(number, f"is longer than {MAX_LINE_BYTES:,} bytes")
        if skip_incomplete and not line.endswith(b"\n"):
            return
        if skip_blank and not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError:
            raise JsonLineError(number, "is not JSON") from None
        yield JsonLine(number, line, value)
