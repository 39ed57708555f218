"""The plain facts of a task's result; written last, so that a folder that has them is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.checksum import checksum_error, with_checksum
from evalsuite.util.jsonl import parse_json

RESULT: Final = "result.json"


def is_done(folder: Path) -> bool:
    """Return whether a task has written its result."""
    return (folder / RESULT).is_file()


def write_result(folder: Path, facts: dict[str, Any]) -> None:
    """Write the facts of a task's result. Raises `OSError`."""
    (folder / RESULT).write_bytes(orjson.dumps(with_checksum(facts), option=orjson.OPT_INDENT_2))


def read_result(folder: Path) -> dict[str, Any]:
    """Return the facts of a task's result; a damaged one is a `RunError`."""
    try:
        content = parse_json((folder / RESULT).read_bytes())
        problem = checksum_error(content, required=True)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        problem = str(error)
    if problem is not None:
        message = f"{folder / RESULT}: {problem}; delete {folder} and run the same command again"
        raise RunError(ErrorCode.RUN_INCONSISTENT, message)
    facts: dict[str, Any] = content
    return facts
