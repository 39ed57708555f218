"""Headers of one's own for every request, from a file: `--model-arg headers=@FILE`.

They carry what a bearer key can't: Azure's `api-key`, the tokens of a gateway. Their values are secrets: run.json has
the file's path alone, and no message shows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.yaml_file import read_yaml

_LARGEST_FILE: Final = 2**16
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name (RFC 9110, 5.6.2)."""
_LINE: Final = re.compile(r"([^\s:#{\[\"'][^\s:]*)[ \t]*:[ \t]*(.*?)[ \t]*")
_OWN: Final = frozenset(
    {"host", "content-length", "content-type", "content-encoding", "transfer-encoding", "accept-encoding"}
    | {"connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
)
"""Headers that this client writes itself, since they describe its connection and its bodies."""
_KEYS: Final = ("authorization", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key")
_SHORTEST_SECRET: Final = 6
"""Characters; a shorter value of a header that carries no key ("prod", "1") would blank out words of messages."""
_NOT_YAML: Final = object()
_OTHERS_MAY_READ: Final = 0o044


def read_headers(argument: str) -> dict[str, str]:
    """Read the headers that `headers=@FILE` names: a YAML mapping, or lines of the form `Name: value`."""
    if not argument.startswith("@") or len(argument) == 1:
        # The message leaves the value out: it may be the header itself, key and all.
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            "`model_args` headers: write the headers into a file and name it as headers=@FILE, so that no key is seen",
        )
    path = Path(argument[1:]).expanduser()
    content = _text(path)
    pairs: Sequence[tuple[object, object]] = _lines(content) or _mapping(path, content)
    headers: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs, 1):
        checked, text = _check(path, number, name, value)
        if checked.lower() in {known.lower() for known in headers}:
            raise _invalid(path, f"header {number} has the name of an earlier one")
        headers[checked] = text
    return headers


def carries_key(headers: Mapping[str, str]) -> bool:
    """Return whether one of these headers proves who sends the request, so that no API key needs to."""
    return any(name.lower() in _KEYS for name in headers)


def secrets_in_headers(headers: Mapping[str, str]) -> list[str]:
    """Return every value that can be a secret, whole and word by word: a key is often echoed without its "Bearer"."""
    values = {part for value in headers.values() for part in (value, *value.split())}
    short = {value for name, value in headers.items() if name.lower() in _KEYS}
    return sorted(value for value in values if len(value) >= _SHORTEST_SECRET or value in short)


def advice_on_mode(argument: str) -> str | None:
    """Return what to say about a file of headers that other users of this machine may read."""
    path = Path(argument[1:]).expanduser()
    readable = path.stat().st_mode & _OTHERS_MAY_READ if path.exists() else 0
    return f"{path} holds keys and other users of this machine may read it: chmod 600 {path}" if readable else None


def _text(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe would block for ever
            raise OSError(0, "not a file" if path.exists() else "no such file")
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_FILE + 1)
        text, problem = raw.decode("utf-8-sig"), None
    except OSError as error:
        raw, text, problem = b"", "", error.strerror
    except UnicodeDecodeError:
        text, problem = "", "not UTF-8"
    # Raised out here: what a failed decoding holds is the file's content, which no traceback may show.
    if problem:
        raise _unreadable(path, problem)
    if len(raw) > _LARGEST_FILE:
        raise _invalid(path, f"it is larger than {_LARGEST_FILE} bytes")
    return text


def _lines(text: str) -> list[tuple[str, str]] | None:
    """Return the headers in lines of the form `Name: value`; None for text of another form."""
    matches = [_LINE.fullmatch(line) for line in re.split(r"\r?\n", text) if _is_header(line)]
    pairs = [(match[1], match[2]) for match in matches if match is not None and match[2]]
    quoted = any(value[0] in "\"'|>&*!" for _, value in pairs)
    return pairs if pairs and len(pairs) == len(matches) and not quoted else None


def _is_header(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _mapping(path: Path, text: str) -> list[tuple[object, object]]:
    try:
        content = read_yaml(path, _LARGEST_FILE, UsageError, ErrorCode.UNREADABLE_ARGUMENT_FILE)
    except UsageError:  # its message quotes the file
        content = _NOT_YAML
    if content is _NOT_YAML:
        lines = enumerate(re.split(r"\r?\n", text), 1)
        others = [number for number, line in lines if _is_header(line) and not _LINE.fullmatch(line)]
        where = f" (line {others[0]} isn't)" if others else ""
        raise _unreadable(path, f"neither YAML nor lines of the form Name: value{where}")
    if not isinstance(content, dict):
        raise _invalid(path, "it isn't a mapping of names to values")
    return list(content.items())


def _check(path: Path, number: int, name: object, value: object) -> tuple[str, str]:
    """Return name and value; refuse what would be another header, or another request, behind the last one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid(path, f"header {number} has a name that no header can have")
    if name.lower() in _OWN:
        raise _invalid(path, f"{name} is determined by this client; leave it out")
    if not isinstance(value, str) or not value.strip():
        raise _invalid(path, f"the value of {name} is no text; quote it")
    if not (value.isascii() and value.isprintable()):
        raise _invalid(path, f"the value of {name} has a character that no header can carry, such as a line break")
    return name, value.strip()


def _unreadable(path: Path, problem: str) -> UsageError:
    return UsageError(ErrorCode.UNREADABLE_ARGUMENT_FILE, f"`model_args` headers: {path} can't be read: {problem}")


def _invalid(path: Path, problem: str) -> UsageError:
    return UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` headers: {path}: {problem}")
