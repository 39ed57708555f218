"""Journals of a stage: JSON lines with a `step` each, appended while it trains and truncated where it resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.atomic_write import atomic_path
from evalsuite.util.jsonl import JsonLineError, parse_json, read_jsonl
from evalsuite.util.regular_file import open_for_appending

MOST: Final = 1 << 53
"""No integer in a log is as large: floats hold all below it."""
_TAIL_BYTES: Final = 1 << 16


def append(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines to a journal and hand them to the system at once; a `RunError` if they can't be written."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Lone surrogates, which a completion cut in mid-character holds, are written as their JSON escapes.
        with os.fdopen(open_for_appending(path), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{path}: can't be written: {error.strerror or error}") from None


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal; none where there is no file.

    A last line without its line feed, which a kill leaves, is left out. Any other line that is not an object with a
    step is a `RunError`.
    """
    for _, line in _complete_lines(path):
        yield line


def is_count(value: object) -> bool:
    """Return whether a value that was read is a number of steps or the like."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST


def read_tail(path: Path) -> list[dict[str, Any]]:
    """Return the lines in the last 64 KiB of a journal that another process may be writing; none on any trouble."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            tail = file.read()  # starts and ends within a line, which `_parse` rejects
    except OSError:
        return []
    return [line for raw in tail.split(b"\n") if (line := _parse(raw)) is not None]


def truncate_after(path: Path, step: int) -> None:
    """Drop the lines after a step, at which the stage resumes: they will be written again."""
    if not path.exists():
        return
    try:
        with atomic_path(path) as partial, partial.open("wb") as out:
            # The bytes as they are: parsing and writing them again could change a number's digits.
            out.writelines(raw for raw, line in _complete_lines(path) if line["step"] <= step)
    except OSError as error:
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{path}: can't be written: {error.strerror or error}") from None


def _complete_lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        try:
            for line in read_jsonl(file, skip_incomplete=True):
                if not _has_step(line.value):
                    raise _malformed(path, line.number)
                yield line.raw, line.value
        except JsonLineError as error:
            raise _malformed(path, error.number) from None


def _parse(raw: bytes) -> dict[str, Any] | None:
    try:
        value = parse_json(raw)
    except ValueError:
        return None
    return value if _has_step(value) else None


def _has_step(value: object) -> bool:
    if not isinstance(value, dict) or not is_count(value.get("step")):
        return False
    return all(abs(number) < MOST for number in value.values() if isinstance(number, int))


def _malformed(path: Path, number: int) -> RunError:
    return RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: line {number} is no object with a step; was it edited?")
