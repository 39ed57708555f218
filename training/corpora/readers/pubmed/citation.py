"""One citation as documents: its abstract, and its abstracts in other languages or for other readers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.elements import Element, UnreadableError
from training.corpora.readers.pubmed.identity import Identity, identity_of
from training.corpora.readers.pubmed.languages import language_tag
from training.corpora.readers.pubmed.text import GuardedText

SOURCE: Final = "pubmed"
LICENCE: Final = "LicenseRef-NLM-PubMed"
"""The terms of the National Library of Medicine; an abstract whose copyright is stated has that statement instead."""
_READ: Final = (
    *("PMID", "PubDate", "ArticleTitle", "VernacularTitle", "Abstract", "OtherAbstract", "Language", "PublicationType"),
    "CommentsCorrections",
)
"""Each stands in one place of a citation only, but for the PMIDs of its references."""
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


def read_citation(element: Element, identity: Identity, locator: str) -> Iterator[Record]:
    """Yield the documents of a citation, or why there are none.

    `identity`: its PMID and version. A retracted article yields no document; a text whose digit strings aren't those
    of its source is refused. Without any abstract the citation is refused as "no_abstract".
    """
    citation = _Citation(element, identity, locator)
    if not citation.is_expected():
        yield citation.refused("malformed", "another citation stands here; has the file changed while it was read?")
        return
    if citation.retracted:
        yield citation.refused("retracted", citation.retracted)
        return
    try:
        yield from citation.documents()
    except UnreadableError as error:
        yield citation.refused("malformed", str(error))


class _Citation:
    """A citation that may become documents."""

    def __init__(self, element: Element, identity: Identity, locator: str) -> None:
        self._pmid, self._version = identity
        self._locator = locator
        self._abstracts: list[Element] = []
        self._titles: dict[str, Element] = {}
        self._language: str | None = None
        self._year: int | None = None
        self._status: list[str] = []
        self.retracted = ""
        self._first_pmid: Element | None = None
        for part in element.iter(*_READ):
            self._take(part)

    def _take(self, part: Element) -> None:
        """Keep a part of a citation that is read."""
        name = part.tag
        if name == "PMID":  # the first one is the citation's, the others are those of its references
            if self._first_pmid is None:
                self._first_pmid = part
        elif name in ("Abstract", "OtherAbstract"):
            self._abstracts.append(part)
        elif name in ("ArticleTitle", "VernacularTitle"):
            self._titles.setdefault(name, part)
        elif name == "Language":
            self._language = self._language or part.text
        elif name == "PublicationType":
            if (part.text or "").strip().lower() == _RETRACTED_TYPE:
                self.retracted = "its type is Retracted Publication"
        elif name == "CommentsCorrections":
            self._take_reference(part.get("RefType", ""))
        else:
            self._take_date(part)

    def _take_reference(self, kind: str) -> None:
        if kind in _RETRACTED_BY:
            self.retracted = f"it has a reference {kind}"
        elif kind in _STATUS and _STATUS[kind] not in self._status:
            self._status.append(_STATUS[kind])

    def _take_date(self, date: Element) -> None:
        """Take the year of publication, the first one of a range, which is added to the status."""
        stated = next((each for each in date if each.tag in ("Year", "MedlineDate")), None)
        if stated is None or self._year is not None:
            return
        text = stated.text or ""
        if stated.tag == "MedlineDate" and _RANGE.search(text):
            self._status.append("date_range")
        found = _YEAR.search(text)
        self._year = int(found[0]) if found else None

    def is_expected(self) -> bool:
        """Whether this is the citation that `scan` found at this place."""
        return self._first_pmid is not None and identity_of(self._first_pmid) == (self._pmid, self._version)

    def refused(self, reason: str, detail: str) -> Refused:
        """Return the refusal of this citation."""
        return Refused(self._locator, reason, f"PMID {self._pmid}: {detail}")

    def documents(self) -> Iterator[Record]:
        """Yield one record for each abstract; raises `UnreadableError`."""
        found = False
        taken: Counter[str] = Counter()
        for each in self._abstracts:
            text = _read_abstract(each)
            if not text.paragraphs:
                continue
            found = True
            if each.tag == "Abstract":
                yield self._document(text, "en", "")
                continue
            language = language_tag(each.get("Language"))
            taken[language] += 1
            number = f"-{taken[language]}" if taken[language] > 1 else ""
            yield self._document(text, language, f"#{language}{number}")
        if not found:
            yield self.refused("no_abstract", "it has none")

    def _document(self, text: GuardedText, language: str, suffix: str) -> Record:
        status = list(self._status)
        title = self._title(text, language, bool(suffix), status)
        paragraphs = "\n\n".join(text.paragraphs)
        changed = text.changed_digits(f"{paragraphs}\n{title}")
        if changed:
            return self.refused("digits_changed", changed)
        if text.note_marks:
            status.append("note_marks_removed")
        if _CUT_OFF.search(paragraphs):
            status.append("abstract_truncated")
        return Document(
            id=f"{SOURCE}:{self._pmid}{suffix}",
            source=SOURCE,
            title=title,
            text=paragraphs,
            licence=text.licence or LICENCE,
            locator=self._locator,
            language=language,
            status=tuple(status),
            version=self._version,
            year=self._year,
        )

    def _title(self, text: GuardedText, language: str, other: bool, status: list[str]) -> str:
        """Return the title in the language of a text where there is one.

        A title in square brackets is a translation of PubMed's; an abstract in the article's language has the original.
        """
        element, original = self._titles.get("ArticleTitle"), self._titles.get("VernacularTitle")
        if other and original is not None and language == language_tag(self._language):
            return text.line(original)
        title = text.line(element) if element is not None else ""
        if not title or _NO_TITLE.fullmatch(title):
            return text.line(original) if original is not None else ""
        if title.startswith("[") and title.rstrip(".").endswith("]"):
            status.append("translated_title")
        return title


def _read_abstract(element: Element) -> GuardedText:
    text = GuardedText()
    for part in element:
        name = part.tag
        if name == "AbstractText":
            label = " ".join((part.get("Label") or "").split())
            text.add_paragraph(part, "" if label in _NO_LABEL else label)
        elif name == "CopyrightInformation":
            text.licence = " ".join("".join(part.itertext()).split())
    if len(text.paragraphs) == 1 and _NO_TEXT.fullmatch(text.paragraphs[0]):
        text.paragraphs.clear()
    return text
