"""The frames of an OBO file, leniently where the format is, strictly where a frame is broken.

Source: OBO Flat File Format 1.4, https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html. Comment lines may
stand anywhere, blank lines may be missing, a value may end in modifiers (`{...}`) and in a comment (`! ...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.nodes import SCOPES, Synonym
from training.synthesis.graph.sources import Problems

Line = tuple[int, str, str]
"""A line of a frame: its number from 1, its tag, its value."""

_ESCAPED: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "W": " ", "t": "\t"}
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_REST: Final = re.compile(r"(?:^|\s)[!{].*\Z")
_HEADER: Final = re.compile(r"\[([A-Za-z]\w*)\]\s*(?:!.*)?\Z")


class Frame(NamedTuple):
    """A stanza: `Term`, `Typedef`, `Instance`, or empty for the file's header; `fault`: its first line that is none."""

    kind: str
    number: int
    lines: list[Line]
    fault: BrokenFrameError | None = None

    def values(self, tag: str) -> list[str]:
        """Return the values of a tag without comment and modifiers."""
        return [plain(value) for _, each, value in self.lines if each == tag]

    def value(self, tag: str) -> str:
        """Return the first value of a tag; empty if there is none."""
        return next(iter(self.values(tag)), "")


class BrokenFrameError(Exception):
    """A line that makes its frame unusable: its number and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number, self.reason = number, reason


def plain(value: str) -> str:
    """Return a value without a trailing comment and modifiers, its escapes resolved."""
    if "!" in value or "{" in value:
        value = _REST.sub("", value)
    return unescaped(value.strip())


def unescaped(value: str) -> str:
    """Return a value with its backslash escapes resolved."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value) if "\\" in value else value


def reference(number: int, value: str) -> str:
    """Return the id at the start of a value. Raises `BrokenFrameError` if there is none."""
    found = value.partition(" ")[0]
    if not found or found[0] in "!{":
        raise BrokenFrameError(number, "a reference without an id")
    return found.replace("\\", "") if "\\" in found else found


def quoted(number: int, value: str) -> tuple[str, str]:
    """Return the quoted text at the start of a value, and what follows it. Raises `BrokenFrameError`."""
    found = _QUOTED.match(value)
    if found is None:
        raise BrokenFrameError(number, "a text without its closing quotation mark")
    return unescaped(found[1]), value[found.end() :]


def synonym(number: int, value: str) -> Synonym:
    """Return a synonym line's text, scope and type. Raises `BrokenFrameError`."""
    text, rest = quoted(number, value)
    return Synonym(text, *_scope_and_kind(rest.partition("[")[0]))


@lru_cache
def _scope_and_kind(text: str) -> tuple[str, str]:
    words = text.split()
    scope = words[0].lower() if words and words[0].lower() in SCOPES else "related"
    kind = next((word for word in words[1:] if not word.startswith("{")), "")
    return scope, "abbreviation" if kind == "OMO:0003012" else kind.lower()


def frames(file: InputFile, wanted: frozenset[str], problems: Problems) -> Iterator[Frame]:
    """Yield the header and every frame, with the lines of the tags `wanted`; frames that are broken are problems."""
    kind, start, lines, fault = "", 1, list[Line](), None
    for number, text in _lines(file.text()):
        if text[0] == "[":
            yield from _whole(file, Frame(kind, start, lines, fault), problems)
            header = _HEADER.match(text)
            kind, start, lines = header[1] if header else "Term", number, []
            fault = None if header else BrokenFrameError(number, f"not the start of a frame: {text[:40]}")
            continue
        tag, colon, value = text.partition(":")
        if tag in wanted and value:
            lines.append((number, tag, value.strip()))
        elif not fault and (not colon or not value.strip() or not tag or " " in tag):
            fault = BrokenFrameError(number, f"not a line `tag: value`: {text[:40]}")
    yield from _whole(file, Frame(kind, start, lines, fault), problems)


def _whole(file: InputFile, frame: Frame, problems: Problems) -> Iterator[Frame]:
    if frame.fault is None:
        yield frame
    elif frame.kind == "Term" or not frame.kind:
        problems.add(file.path, frame.fault.number, f"broken frame: {frame.fault.reason}")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with something on them; one that ends in a backslash goes on in the next."""
    begun, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line[0] == "!":
            continue
        if line[0] in " \t" or line[-1] in " \t\r":
            line = line.strip()
            if not line or line[0] == "!":
                continue
        if begun:
            line, begun = begun + line, ""
        else:
            first = number
        if line[-1] == "\\" and line[-2:] != "\\\\":
            begun = line[:-1]
        else:
            yield first, line
    if begun:
        yield first, begun
