"""Libraries of the optional extras: imported when a backend opens, and their failures told in one line."""

from __future__ import annotations

import importlib
import os
import re
from typing import Any

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.redaction import Secrets

_SHORTEST_SECRET = 8
_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)


def load(module: str, extra: str) -> Any:
    """Import a module of an optional extra; where it is missing, say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BackendError(f"{extra}/ needs {error.name}: pip install 'evalsuite[{extra}]'") from error
    except Exception as error:  # a broken build of a native library fails in its own way
        raise BackendError(f"{extra}/: {module} is installed but can't be imported: {brief(error)}") from error


def brief(error: BaseException) -> str:
    """Tell an exception in one line, without any secret that this process's environment holds."""
    held = [value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET]
    return Secrets(held).line(str(error) or type(error).__name__)


def flag(value: str, key: str) -> bool:
    """Read a `--model-arg` that is true or false."""
    if value.lower() not in ("true", "false"):
        raise UsageError(f"--model-arg {key}={value}: expected true or false")
    return value.lower() == "true"


def positive(value: str, key: str) -> int:
    """Read a `--model-arg` that is a whole number above zero."""
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise UsageError(f"--model-arg {key}={value}: expected a whole number above zero")
    return int(value)


def fraction(value: str, key: str) -> float:
    """Read a `--model-arg` that is a number above 0, at most 1."""
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise UsageError(f"--model-arg {key}={value}: expected a number above 0, at most 1")
    return number
