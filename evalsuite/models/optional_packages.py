"""Imports of the optional extras, which happen when a backend opens, and their failures as one-line messages."""

from __future__ import annotations

import importlib
import os
from typing import Any

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.redaction import Redactor, is_secret_name, secrets_of_proxies
from evalsuite.util.installation import install_command

_SHORTEST_SECRET = 8


def import_optional(module: str, extra: str) -> Any:
    """Import a module of an optional extra; if it is missing, the `BackendError` names the extra to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BackendError(
            ErrorCode.MISSING_PACKAGE, f"{extra}/ needs {error.name}: {install_command(extra)}"
        ) from error
    except Exception as error:  # a broken build of a native library fails in ways that no list of types covers
        raise BackendError(
            ErrorCode.MISSING_PACKAGE,
            f"{extra}/: {module} is installed but can't be imported: {describe_error(error)}; install it again",
        ) from error


def describe_error(error: BaseException) -> str:
    """Return an exception's message in one line, without any secret from this process's environment variables."""
    secrets = [value for name, value in os.environ.items() if is_secret_name(name) and len(value) >= _SHORTEST_SECRET]
    return Redactor([*secrets, *secrets_of_proxies()]).redact_line(str(error) or type(error).__name__)
