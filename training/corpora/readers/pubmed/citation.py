"""One citation as documents: its abstract, and its abstracts in other languages or for other readers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from training.corpora.digits import changed_digits
from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.dialect import Dialect, names
from training.corpora.markup.elements import Element, UnreadableError
from training.corpora.markup.flow import render
from training.corpora.markup.inline import normalised
from training.corpora.markup.source_text import source_text
from training.corpora.readers.pubmed.identity import Identity, body
from training.corpora.readers.pubmed.languages import language_tag

SOURCE: Final = "pubmed"
LICENCE: Final = "LicenseRef-NLM-PubMed"
"""The terms of the National Library of Medicine; an abstract whose copyright is stated has that statement instead."""
DIALECT: Final = Dialect(
    dropped=names("annotation annotation-xml mphantom"),
    formatting=names("b i u"),
    blocks=names(""),
    groups=names(""),
    headings=names(""),
)
_RETRACTED_TYPE: Final = "retracted publication"
_RETRACTED_BY: Final = frozenset({"RetractionIn", "RetractedandRepublishedIn"})
_STATUS: Final = {
    "ErratumIn": "erratum",
    "ExpressionOfConcernIn": "expression_of_concern",
    "PartialRetractionIn": "partly_retracted",
    "CorrectedandRepublishedIn": "republished",
    "RepublishedIn": "republished",
    "UpdateIn": "updated",
}
"""What a reference of a citation to a later one says of it."""
_YEAR: Final = re.compile(r"(?:1[5-9]|20)\d\d")
_RANGE: Final = re.compile(r"[-–/]")
_CUT_OFF: Final = re.compile(r"\(ABSTRACT TRUNCATED[^()]*\)\s*\Z")
_NO_TITLE: Final = re.compile(r"\[?\s*(?:not available|in process citation)\s*\.?\s*\]?\.?", re.IGNORECASE)
_NO_TEXT: Final = re.compile(r"abstracts? (?:is |are )?available from the publisher\.?", re.IGNORECASE)
_NO_LABEL: Final = frozenset({"", "UNLABELLED", "UNASSIGNED"})


@dataclass
class _Text:
    """A text as it is read, with the source's characters for the digit guard."""

    paragraphs: list[str] = field(default_factory=list)
    sources: list[str | Element] = field(default_factory=list)
    note_marks: int = 0
    licence: str = ""

    def add(self, element: Element, label: str = "") -> None:
        """Add an element as a paragraph, behind its label."""
        shown = self.shown(element)
        if not shown:
            return
        if label:
            self.sources.append(label)
            shown = f"{label}{' ' if label[-1] in ':.?!' else ': '}{shown}"
        self.paragraphs.append(shown)

    def shown(self, element: Element) -> str:
        """Return an element's text in a line, and remember what it was made from."""
        if len(element) == 0:
            raw = element.text or ""
            self.sources.append(raw)
            return " ".join(raw.split()) if raw.isascii() else normalised(raw)
        rendered = render([element], DIALECT)
        self.sources.append(element)
        self.note_marks += rendered.note_marks
        return rendered.text.replace("\n", " ")

    def changed(self, text: str) -> str | None:
        """Return how the digit strings of a text differ from those of what was read, or None."""
        # In one text of thousands a number is formatted in part, `1<b>0</b>`; only then the slower reading counts.
        quick = (each if isinstance(each, str) else " ".join(each.itertext()) for each in self.sources)
        if changed_digits("\n".join(quick), text) is None:
            return None
        exact = (each if isinstance(each, str) else source_text([each], DIALECT) for each in self.sources)
        return changed_digits("\n".join(exact), text)


def read_citation(element: Element, identity: Identity, locator: str) -> Iterator[Record]:
    """Yield the documents of a citation, or why there are none.

    `identity`: its PMID and version. A retracted article yields no document; a text whose digit strings aren't those
    of its source is refused. Without any abstract the citation is refused as "no_abstract".
    """
    citation = body(element)
    article = citation if citation is None or citation.tag == "BookDocument" else citation.find("Article")
    if citation is None or article is None:
        yield Refused(locator, "malformed", f"PMID {identity[0]}: a citation without an article")
        return
    status, retracted = _statements(citation, article)
    if retracted:
        yield Refused(locator, "retracted", f"PMID {identity[0]}: {retracted}")
        return
    try:
        yield from _Citation(citation, article, identity, locator, status).documents()
    except UnreadableError as error:
        yield Refused(locator, "malformed", f"PMID {identity[0]}: {error}")


def _statements(citation: Element, article: Element) -> tuple[list[str], str]:
    """Return the status of a citation, and why it is retracted, if it is."""
    retracted = ""
    found: list[str] = []
    for kinds in article.iterchildren("PublicationTypeList"):
        if any((each.text or "").strip().lower() == _RETRACTED_TYPE for each in kinds):
            retracted = "its type is Retracted Publication"
    for references in citation.iterchildren("CommentsCorrectionsList"):
        for each in references:
            kind = each.get("RefType", "")
            if kind in _RETRACTED_BY:
                retracted = kind
            elif kind in _STATUS:
                found.append(_STATUS[kind])
    return list(dict.fromkeys(found)), retracted


class _Citation:
    """A citation that may become documents."""

    def __init__(
        self, citation: Element, article: Element, identity: Identity, locator: str, status: list[str]
    ) -> None:
        self._citation, self._article = citation, article
        self._pmid, self._version = identity
        self._locator, self._status = locator, status
        self._year = _year(article, status)

    def documents(self) -> Iterator[Record]:
        """Yield one record for each abstract; raises `UnreadableError`."""
        found = False
        taken: Counter[str] = Counter()
        for each in chain(self._article.iterchildren("Abstract"), self._citation.iterchildren("OtherAbstract")):
            text = _read_abstract(each)
            if not text.paragraphs:
                continue
            found = True
            language = "en" if each.tag == "Abstract" else language_tag(each.get("Language"))
            suffix = "" if each.tag == "Abstract" else f"#{language}"
            taken[suffix] += 1
            suffix += f"-{taken[suffix]}" if taken[suffix] > 1 else ""
            yield self._document(text, language, suffix)
        if not found:
            yield Refused(self._locator, "no_abstract", f"PMID {self._pmid} has none")

    def _document(self, text: _Text, language: str, suffix: str) -> Record:
        status = list(self._status)
        title = self._title(text, language, bool(suffix), status)
        body_text = "\n\n".join(text.paragraphs)
        changed = text.changed(f"{title}\n{body_text}")
        if changed:
            return Refused(self._locator, "digits_changed", f"PMID {self._pmid}: {changed}")
        if text.note_marks:
            status.append("note_marks_removed")
        if _CUT_OFF.search(body_text):
            status.append("abstract_truncated")
        return Document(
            id=f"{SOURCE}:{self._pmid}{suffix}",
            source=SOURCE,
            title=title,
            text=body_text,
            licence=text.licence or LICENCE,
            locator=self._locator,
            language=language,
            status=tuple(status),
            version=self._version,
            year=self._year,
        )

    def _title(self, text: _Text, language: str, other: bool, status: list[str]) -> str:
        """Return the title in the language of a text where there is one.

        A title in square brackets is a translation of PubMed's; an abstract in the article's language has the original.
        """
        original = next(self._article.iterchildren("VernacularTitle"), None)
        if other and original is not None and language == language_tag(self._article.findtext("Language")):
            return text.shown(original)
        element = next(self._article.iterchildren("ArticleTitle"), None)
        if element is None or _NO_TITLE.fullmatch("".join(element.itertext()).strip()):
            return text.shown(original) if original is not None else ""
        title = text.shown(element)
        if title.startswith("[") and title.rstrip(".").endswith("]"):
            status.append("translated_title")
        return title


def _read_abstract(element: Element) -> _Text:
    text = _Text()
    for part in element:
        if part.tag == "AbstractText":
            label = " ".join((part.get("Label") or "").split())
            text.add(part, "" if label in _NO_LABEL else label)
        elif part.tag == "CopyrightInformation":
            text.licence = " ".join("".join(part.itertext()).split())
    if len(text.paragraphs) == 1 and _NO_TEXT.fullmatch(text.paragraphs[0]):
        text.paragraphs.clear()
    return text


def _year(article: Element, status: list[str]) -> int | None:
    """Return the year of publication, the first one of a range, which is added to the status."""
    for place in article.iterchildren("Journal", "Book"):
        for date in place.iter("PubDate"):
            stated = next(date.iterchildren("Year", "MedlineDate"), None)
            text = stated.text or "" if stated is not None else ""
            if stated is not None and stated.tag == "MedlineDate" and _RANGE.search(text):
                status.append("date_range")
            found = _YEAR.search(text)
            return int(found[0]) if found else None
    return None
