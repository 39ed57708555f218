"""The tabular list of ICD-10-CM, as the National Center for Health Statistics publishes it (XML).

Source: https://www.cdc.gov/nchs/icd/icd-10-cm/files.html; a work of the United States government, in the public domain.
Codes are nodes `ICD10CM:A00.0`, blocks `ICD10CM:A00-A09`, chapters `ICD10CM:1`. A block of one category has the
category's id and is one node with it. The seventh characters that the list states once for many codes are written out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command
from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.input_file import InputFile, read_input
from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.graph.nodes import Synonym
from training.synthesis.graph.sources import Source, Terms

_ENTRIES: Final = frozenset({"chapter", "section", "diag"})
_NOTES: Final = {
    "excludes1": Relation.EXCLUDES1,
    "excludes2": Relation.EXCLUDES2,
    "codeFirst": Relation.CODE_FIRST,
    "useAdditionalCode": Relation.USE_ADDITIONAL_CODE,
}
_CODE: Final = r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?"
_MENTION: Final = re.compile(rf"\b({_CODE})(?:\.?-(?:({_CODE})\b\.?-?)?)?")
_PARENTHESES: Final = re.compile(r"\(([^()]*)\)")
_LENGTH: Final = 7
_TERMS: Final = Terms(
    "public domain (United States government work)", "ICD-10-CM, National Center for Health Statistics"
)


class Entry:
    """A chapter, block or code while the file is read. `seventh`: character -> meaning, its own or its ancestors'."""

    def __init__(self, parent: Entry | None, line: int, code: str) -> None:
        self.parent, self.line, self.code = parent, line, code
        self.name = ""
        self.is_leaf = True
        self.inclusions: list[str] = []
        self.notes: list[tuple[Relation, str, int]] = []
        self.seventh: dict[str, str] = parent.seventh if parent else {}


def code_id(text: str) -> str:
    """Return the node id of a code as people write it: any case, with or without the dot (`a000` is `A00.0`)."""
    code = text.strip().upper()
    if re.fullmatch(r"[A-Z]\d[0-9A-Z]{2,5}", code):
        code = f"{code[:3]}.{code[3:]}"
    return f"ICD10CM:{code}"


def read_icd10cm(file: InputFile, builder: GraphBuilder) -> None:
    """Add a tabular list. A file that is cut short is a problem at its last line; what stands before it is kept."""
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.sax import parseString
    except ImportError:
        message = f"reading ICD-10-CM (`graph`) needs the package defusedxml: {install_command('synthesis')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    handler = _Handler()
    try:
        parseString(file.data, handler, forbid_dtd=True)
    except SAXParseException as error:
        reason = f"not well-formed XML ({error.getMessage()})"
        builder.problems.add(file.path, error.getLineNumber() or 1, reason, ErrorCode.DATA_UNREADABLE)
    except (DefusedXmlException, SAXException, ValueError) as error:
        line = handler.line()
        builder.problems.add(file.path, line, f"XML that is refused ({error})", ErrorCode.DATA_REFUSED)
    if not handler.entries:
        reason = "no chapter, section or diag: not a tabular list of ICD-10-CM (evalsuite train wiki reads dumps)"
        builder.problems.add(file.path, 1, reason, ErrorCode.DATA_UNREADABLE)
    source = builder.source(Source("ICD-10-CM", handler.version, file.path.name, file.sha256, *_TERMS))
    entries = [entry for entry in handler.entries if entry.code]
    _add_entries(entries, builder, source, _listed(file.path.parent, builder))


def _listed(folder: Path, builder: GraphBuilder) -> frozenset[str] | None:
    """Return the codes of the release's plain list, without dots, if it lies beside the tabular list.

    Some notes forbid seventh characters for some codes, in words; the plain list holds the codes that remain.
    """
    for path in sorted(folder.glob("code-list*.txt")):
        file = read_input(path)
        builder.source(Source("ICD-10-CM code list", "", path.name, file.sha256, *_TERMS))
        return frozenset(file.text().split())
    return None


class _Handler(ContentHandler):
    """Collects the entries in the order of the file."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.version = ""
        self._open: list[Entry] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._char = ""
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def line(self) -> int:
        return int(self._place.getLineNumber() or 1) if self._place else 1

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._path.append(name)
        self._text = []
        if name in _ENTRIES:
            parent = self._open[-1] if self._open else None
            if parent:
                parent.is_leaf = False
            self._open.append(Entry(parent, self.line(), attrs.get("id", "")))
            self.entries.append(self._open[-1])
        elif name == "sevenChrDef" and self._open:
            self._open[-1].seventh = {}
        elif name == "extension":
            self._char = attrs.get("char", "")

    def characters(self, content: str) -> None:
        self._text.append(content)

    def endElement(self, name: str) -> None:
        text = " ".join("".join(self._text).split())
        self._path.pop()
        parent = self._path[-1] if self._path else ""
        if name in _ENTRIES:
            self._open.pop()
        elif self._open and text:
            self._add(name, parent, text, self._open[-1])
        elif name == "version":
            self.version = text
        self._text = []

    def _add(self, name: str, parent: str, text: str, entry: Entry) -> None:
        if parent in _ENTRIES and name == "name":
            entry.code = text
        elif parent in _ENTRIES and name == "desc":
            entry.name = text
        elif name == "extension" and self._char:
            entry.seventh[self._char] = text
        elif name == "note" and parent == "inclusionTerm":
            entry.inclusions.append(text)
        elif name == "note" and parent in _NOTES:
            entry.notes.append((_NOTES[parent], text, self.line()))


def _add_entries(entries: list[Entry], builder: GraphBuilder, source: int, listed: frozenset[str] | None) -> None:
    rows: list[tuple[int, int, int, int, int]] = []
    is_a, plain = builder.relation(Relation.IS_A), builder.text("")
    for entry in entries:
        number = builder.node(f"ICD10CM:{entry.code}", NodeType.CODE, entry.name)
        builder.nodes.describe(number, tuple(Synonym(text, "narrow", "inclusion") for text in entry.inclusions))
        if entry.parent is not None and entry.parent.code != entry.code:
            parent = builder.node(f"ICD10CM:{entry.parent.code}", NodeType.CODE)
            rows.append((number, is_a, parent, entry.line, plain))
        if entry.is_leaf and entry.seventh:
            for char, meaning in entry.seventh.items():
                code = f"{entry.code.replace('.', ''):X<{_LENGTH - 1}}{char}"
                if listed is not None and code not in listed:
                    continue
                child = builder.node(code_id(code), NodeType.CODE, f"{entry.name}, {meaning}")
                rows.append((child, is_a, number, entry.line, plain))
    rows += _note_rows(entries, builder)
    if rows:
        subject, relation, target, line, evidence = zip(*rows, strict=True)
        columns = {"subject": subject, "relation": relation, "object": target, "line": line, "evidence": evidence}
        builder.edges(len(rows), **columns, source=source)


def _note_rows(entries: list[Entry], builder: GraphBuilder) -> list[tuple[int, int, int, int, int]]:
    """Return the edges that the notes of all codes state, each with the note as its evidence."""
    numbers = builder.nodes.numbers
    categories = sorted({entry.code for entry in entries if re.fullmatch(r"[A-Z]\d[0-9A-Z]", entry.code)})
    rows = []
    for entry in entries:
        own = numbers[f"ICD10CM:{entry.code}"]
        for relation, note, line in entry.notes:
            for code in _mentioned(note, categories):
                target = numbers.get(f"ICD10CM:{code}")
                if target is not None and target != own:
                    rows.append((own, builder.relation(relation), target, line, builder.text(note)))
    return rows


def _mentioned(note: str, categories: list[str]) -> list[str]:
    """Return the codes in the parentheses of a note; a range of categories is each of them."""
    found: dict[str, None] = {}
    for part in _PARENTHESES.findall(note):
        for first, last in _MENTION.findall(part):
            if last and "." not in first + last:
                found.update(dict.fromkeys(each for each in categories if first <= each <= last))
            else:
                found.update(dict.fromkeys(each for each in (first, last) if each))
    return list(found)
