"""How a command line ends: with its command's exit code, or with 2 and one line that says what is wrong."""

from __future__ import annotations

import errno
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any, Final

import click

from evalsuite.errors import ErrorCode, EvalsuiteError, ExtensionWarning, UsageError
from evalsuite.util.text import visible

STOPPED: Final = 130
"""Exit code after Ctrl-C (SIGINT)."""
TERMINATED: Final = 143
"""Exit code after SIGTERM, by which batch systems and containers stop a program."""
_ARGUMENT: Final = re.compile(r"`([a-z][a-z0-9_]*)`")
_PATH_ERRORS: Final = frozenset(
    {
        errno.EACCES,
        errno.EBUSY,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What is wrong with a path that somebody named, and not with this program."""
_OPTIONS: Final = {
    "answer_format": "--format",
    "base_urls": "--base-url",
    "metrics": "--metric",
    "model_args": "--model-arg",
    "task_args": "--task-arg",
}
"""Options whose names differ from the library's arguments in more than their dashes."""


def ended(cli: click.Group, name: str, arguments: Sequence[str] | None) -> int:
    """Call a command line by the name that people type and return its exit code.

    `--debug` as the first argument shows the traceback of an error.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, name, warnings.showwarning)
        return _code_of(cli, name, given)


def _show_warning(name: str, otherwise: Callable[..., None], message: Warning | str, *where: Any, **more: Any) -> None:
    if isinstance(message, ExtensionWarning):
        print(f"{name}: warning: {visible(str(message))}", file=sys.stderr)
    else:
        otherwise(message, *where, **more)


def _code_of(cli: click.Group, name: str, given: list[str]) -> int:
    terminated = _stop_at_sigterm()
    try:
        _check_text(given)
        code = cli.main(given, prog_name=name, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except EvalsuiteError as error:
        if "--debug" in given[:1]:
            traceback.print_exc()
        return _failed(name, f"{with_options(str(error))} [{error.code}]")
    except ModuleNotFoundError as error:
        if "--debug" in given[:1]:
            traceback.print_exc()
        missing = f"{error.name} can't be imported; the extras in pyproject.toml say which one installs it"
        return _failed(name, f"{missing} [{ErrorCode.MISSING_PACKAGE}]")
    except click.ClickException as error:
        message = error.format_message()
        if not message.startswith("Usage: "):
            return _failed(name, f"{message.rstrip('.')} [{_code(error)}]")
        print(message, file=sys.stderr)  # a group without a command: its help
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and not (error.filename and error.errno in _PATH_ERRORS):
            raise
        if "--debug" in given[:1]:
            traceback.print_exc()
        advice = "choose another path" if error.filename else "free some space, then run the command again"
        return _failed(name, f"{error}: {advice} [{ErrorCode.OUTPUT_NOT_WRITABLE}]")
    except (click.Abort, KeyboardInterrupt):
        return TERMINATED if terminated.is_set() else STOPPED


def with_options(message: str) -> str:
    """Return a library message with the arguments that it names in backticks written as command-line options."""
    return _ARGUMENT.sub(lambda found: _OPTIONS.get(found[1], "--" + found[1].replace("_", "-")), message)


def _stop_at_sigterm() -> threading.Event:
    """Let SIGTERM stop this process as Ctrl-C does, so that it saves its state; the event is set once it arrives."""
    terminated = threading.Event()

    def stop(_: int, frame: FrameType | None) -> None:
        terminated.set()
        # An event loop that runs has replaced this handler by one that cancels its task.
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):  # a shell's background job ignores SIGINT
            raise KeyboardInterrupt
        interrupt(signal.SIGINT, frame)

    # Only a program's main thread may handle signals; in any other one a caller handles them.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
    return terminated


def _code(error: click.ClickException) -> ErrorCode:
    """Return the code of an error that click found in the arguments."""
    if isinstance(error, click.MissingParameter):
        return ErrorCode.MISSING_ARGUMENT
    return ErrorCode.UNREADABLE_ARGUMENT_FILE if isinstance(error, click.FileError) else ErrorCode.INVALID_ARGUMENT


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse arguments with bytes that are no text: no JSON file could hold them."""
    for argument in arguments:
        if not argument.isprintable() and any("\ud800" <= char <= "\udfff" for char in argument):
            encoding = sys.getfilesystemencoding()
            raise UsageError(ErrorCode.INVALID_ARGUMENT, f"{argument!r} is not valid {encoding} text; type it again")


def _failed(name: str, message: str) -> int:
    print(f"{name.split()[-1]}: {visible(' '.join(message.split()))}", file=sys.stderr)
    return 2
