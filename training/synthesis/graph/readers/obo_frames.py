"""The frames of an OBO file, leniently where the format is, strictly where a frame is broken.

Source: OBO Flat File Format 1.4, https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html. Comment lines may
stand anywhere, blank lines may be missing, a value may end in modifiers (`{...}`) and in a comment (`! ...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.nodes import SCOPES, Synonym
from training.synthesis.graph.sources import Problems

_ONCE: Final = frozenset({"id", "name", "def", "namespace", "is_obsolete"})
_ESCAPED: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "W": " ", "t": "\t"}
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_REST: Final = re.compile(r"(?:^|\s)[!{].*\Z")
_HEADER: Final = re.compile(r"\[([A-Za-z]\w*)\]\Z")


class Line(NamedTuple):
    """A line of a frame; `number` from 1."""

    number: int
    tag: str
    value: str


class Frame(NamedTuple):
    """A stanza: `Term`, `Typedef`, `Instance`, or empty for the file's header."""

    kind: str
    number: int
    lines: list[Line]

    def values(self, tag: str) -> list[Line]:
        """Return the lines with a tag."""
        return [line for line in self.lines if line.tag == tag]

    def value(self, tag: str) -> str:
        """Return the first value of a tag without comment and modifiers; empty if there is none."""
        return next((plain(line.value) for line in self.lines if line.tag == tag), "")


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


def quoted(line: Line) -> tuple[str, str]:
    """Return the quoted text at the start of a value, and what follows it. Raises `BrokenFrameError`."""
    found = _QUOTED.match(line.value)
    if found is None:
        raise BrokenFrameError(line.number, f"`{line.tag}` has no closed quoted text")
    return unescaped(found[1]), line.value[found.end() :]


def synonym(line: Line) -> Synonym:
    """Return a synonym line's text, scope and type."""
    text, rest = quoted(line)
    words = rest.partition("[")[0].split()
    scope = words[0].lower() if words and words[0].lower() in SCOPES else "related"
    kind = next((word for word in words[1:] if not word.startswith("{")), "")
    return Synonym(text, scope, "abbreviation" if kind == "OMO:0003012" else kind.lower())


def frames(file: InputFile, problems: Problems) -> Iterator[Frame]:
    """Yield the header and every whole frame; broken ones are problems. Lines are numbered from 1."""
    frame = Frame("", 1, [])
    broken: BrokenFrameError | None = None
    for number, text in _logical_lines(file.text()):
        if text[0] == "[":
            yield from _whole(file, frame, broken, problems)
            header = _HEADER.match(_REST.sub("", text))
            broken = None if header else BrokenFrameError(number, f"not the start of a frame: {text[:40]}")
            frame = Frame(header[1] if header else "Term", number, [])
            continue
        tag, colon, value = text.partition(":")
        if broken is None and (not colon or not tag or " " in tag):
            broken = BrokenFrameError(number, f"not a line `tag: value`: {text[:40]}")
        frame.lines.append(Line(number, tag, value.strip()))
    yield from _whole(file, frame, broken, problems)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with something on them; one that ends in a backslash goes on in the next."""
    begun, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if begun:
            line, number = begun + line, first
            begun = ""
        if line.endswith("\\") and not line.endswith("\\\\"):
            begun, first = line[:-1], number
            continue
        line = line.strip()
        if line and line[0] != "!":
            yield number, line
    if begun:
        yield first, begun


def _whole(file: InputFile, frame: Frame, broken: BrokenFrameError | None, problems: Problems) -> Iterator[Frame]:
    error = broken or _fault(frame)
    if error is None:
        yield frame
    else:
        problems.add(file.path, error.number, f"broken frame: {error.reason}")


def _fault(frame: Frame) -> BrokenFrameError | None:
    if frame.kind != "Term":
        return None
    seen = set()
    for line in frame.lines:
        if line.tag in _ONCE:
            if line.tag in seen:
                return BrokenFrameError(line.number, f"a second `{line.tag}` in one frame")
            seen.add(line.tag)
        if not line.value:
            return BrokenFrameError(line.number, f"`{line.tag}` has no value")
    return None if "id" in seen else BrokenFrameError(frame.number, "a term without `id`")
