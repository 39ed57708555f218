"""How a command line ends: with its command's exit code, or with 2 and one line that says what is wrong."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence

import click

from evalsuite.errors import EvalsuiteError, UsageError
from evalsuite.util.text import visible

STOPPED = 130
"""Exit code of what Ctrl-C ended."""


def ended(cli: click.Group, name: str, arguments: Sequence[str] | None) -> int:
    """Call a command line, named as people write it, and return its exit code; `--debug` shows an error's traceback."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _check_text(asked)
        code = cli.main(asked, prog_name=name, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (EvalsuiteError, ModuleNotFoundError) as error:
        if "--debug" in asked[:1]:
            traceback.print_exc()
        return _failed(name, _said(error))
    except click.ClickException as error:
        message = error.format_message()
        if not message.startswith("Usage: "):
            return _failed(name, message)
        print(message, file=sys.stderr)  # a group without a command: its help
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _failed(name, f"{error}: make room, then run it again")
    except (click.Abort, KeyboardInterrupt):
        return STOPPED


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text where the shell handed them over: no JSON could carry them."""
    for argument in arguments:
        if not argument.isprintable() and any("\ud800" <= char <= "\udfff" for char in argument):
            raise UsageError(f"{argument!r}: not {sys.getfilesystemencoding()} text; write it anew")


def _said(error: EvalsuiteError | ModuleNotFoundError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"needs {error.name}, which can't be imported: pyproject.toml says which extra brings it"
    return str(error)


def _failed(name: str, message: str) -> int:
    print(f"{name.split()[-1]}: {visible(' '.join(message.split()))}", file=sys.stderr)
    return 2
