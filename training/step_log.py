"""Files of a JSON object a line, each with its `step`: appended as it happens, cut back where a run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.atomic_write import atomic_path
from evalsuite.util.jsonl import JsonLineError, read_jsonl


def append(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write lines behind the others and hand them to the system at once; no room for them is a `RunError`."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise RunError(f"{path}: can't be written: {error.strerror or error}") from None


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines; a last one that a kill tore is left out, and any other that is no object a `RunError`."""
    for _, line in _whole(path):
        yield line


def cut(path: Path, step: int) -> None:
    """Keep the lines up to a step, which is where a run goes on; the file is replaced as a whole."""
    if not path.exists():
        return
    try:
        with atomic_path(path) as partial, partial.open("wb") as out:
            out.writelines(raw for raw, line in _whole(path) if line["step"] <= step)
    except OSError as error:
        raise RunError(f"{path}: can't be written: {error.strerror or error}") from None


def _whole(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        try:
            for line in read_jsonl(file, skip_incomplete=True):
                if not isinstance(line.value, dict) or not isinstance(line.value.get("step"), int):
                    raise _malformed(path, line.number)
                yield line.raw, line.value
        except JsonLineError as error:
            raise _malformed(path, error.number) from None


def _malformed(path: Path, number: int) -> RunError:
    return RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: line {number} is no object with a step; was it edited?")
