"""Parse JSON and JSON lines that may hold lone surrogates, which models cut in mid-character leave in their text.

An object that holds a key twice is refused: of the two values orjson and json take the last without a word, and other
readers the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import orjson

MAX_LINE_BYTES: Final = 64 << 20
"""Longest line that is read; without a limit a file would choose how much memory is used."""

_TOKEN: Final = re.compile(r'(?P<key>"[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+:|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]')


class JsonLine(NamedTuple):
    """One line of a file: its number from 1, its bytes, and the value that they encode."""

    number: int
    raw: bytes
    value: Any


class RepeatedKeyError(ValueError):
    """An object of a text holds a key twice; `line` is that of the second one, and the message says which key it is."""

    def __init__(self, line: int, key: str) -> None:
        self.line = line
        super().__init__(f"the key {key} stands twice in one object; leave one of the two")


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
    """Parse JSON. Raises a `RepeatedKeyError` for a key that an object holds twice, a `ValueError` for anything else.

    Lone surrogates and NaN, which orjson refuses, are accepted: real recordings and logs hold both.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _parse_thoroughly(text, error)
    if _may_repeat_a_key(text, value):
        _check_each_object(text)
    return value


def refuse_repeated_keys(text: bytes | str) -> None:
    """Raise a `RepeatedKeyError` for JSON in which an object holds a key twice; what is no JSON is left to others."""
    try:
        parse_json(text)
    except RepeatedKeyError:
        raise
    except ValueError:
        return


def parse_tolerantly(text: bytes | str) -> Any:
    """Parse JSON as `parse_json` does, but of a key that stands twice in an object the last value counts.

    For what a server replies, which its other clients read so, and for guesses at what a text is.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _parse_thoroughly(text, error, repeated_keys=True)


def _parse_thoroughly(text: bytes | str, first: ValueError, *, repeated_keys: bool = False) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"not JSON: {first}") from None
    if not repeated_keys:
        _check_each_object(text)
    return value


def _may_repeat_a_key(text: bytes | str, value: Any) -> bool:
    """Whether something of a text is not in its value: each key that was replaced takes two quotation marks along.

    An escape can hide a quotation mark only as `\\u0022`.
    """
    try:
        written = orjson.dumps(value)
    except TypeError:  # nested too deeply to be written
        return True
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if content.rstrip(b"\n") == written:  # the form in which most files are written, compared without counting
        return False
    return content.count(b'"') != written.count(b'"') or (b"\\" in content and b"\\u0022" in content)


def _check_each_object(text: bytes | str) -> None:
    try:
        json.loads(text, object_pairs_hook=_refuse_repetition)
    except (ValueError, RecursionError):  # it is JSON, so that there is such a key, or it is nested too deeply
        _find_repeated_key(text)


def _refuse_repetition(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError


def _find_repeated_key(text: bytes | str) -> None:
    """Raise a `RepeatedKeyError` for the first key that an object holds twice, with its line."""
    plain = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    keys: list[set[str] | None] = []
    for token in _TOKEN.finditer(plain):
        kind = token[0][0]
        if kind in "{[":
            keys.append(set() if kind == "{" else None)
        elif kind in "}]":
            keys.pop()
        elif token["key"] and keys and (known := keys[-1]) is not None:
            key = json.loads(token["key"])
            if key in known:
                raise RepeatedKeyError(plain.count("\n", 0, token.start()) + 1, token["key"][:80])
            known.add(key)


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
        except RepeatedKeyError as error:
            raise JsonLineError(number, f"is ambiguous: {error}") from None
        except ValueError:
            raise JsonLineError(number, "is not JSON") from None
        yield JsonLine(number, line, value)
