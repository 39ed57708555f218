"""Reads articles of PubMed Central's open-access subset: folders of .nxml, or the .tar.gz packages as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.corpora.documents import Deleted, Document, Record, Refused
from training.corpora.markup.elements import Element, local_name, parse_xml
from training.corpora.markup.guarded import guarded
from training.corpora.readers.jats.dialect import DIALECT, TITLE, prepare
from training.corpora.readers.jats.licences import read_licence
from training.corpora.readers.packages import each_record

NAME: Final = "jats"
SUFFIXES: Final = (".nxml", ".xml")
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_NOTICES: Final = {"retraction": "retraction_notice", "partial-retraction": "retraction_notice"}
_RETRACTED: Final = frozenset({"retracted-article", "retracted"})
_RETRACTED_BY: Final = frozenset({"retraction-forward", "retraction", "retraction-in"})
_RETRACTED_TITLE: Final = re.compile(r"\W*(?:retracted|withdrawn|temporary removal)(?: article)?\s*:", re.IGNORECASE)
_STATUS: Final = {
    "correction-forward": "erratum",
    "corrigendum": "erratum",
    "erratum": "erratum",
    "expression-of-concern": "expression_of_concern",
    "concern-forward": "expression_of_concern",
    "update": "updated",
    "partial-retraction-forward": "partly_retracted",
}
_NO_TEXT_ABSTRACTS: Final = frozenset({"graphical", "toc", "teaser", "video"})
_ID_KINDS: Final = ("pmcid", "pmc", "pmid", "doi")


def read_jats(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the articles below a path with all their paragraphs, tables, captions and foot notes, cited or not.

    Refused are articles without a licence or whose licence forbids the use, retracted articles and retraction notices
    (a notice deletes the article of PubMed Central that it names), and texts with a changed number. An abstract in a
    further language is a document of its own. Raises `DataError` where there is nothing to read.
    """
    return each_record(path, SUFFIXES, _read, top)


def _read(content: bytes, name: str) -> Iterator[Record]:
    root = parse_xml(content)
    prepare(root)
    articles = [root] if local_name(root) == "article" else list(root.iterchildren("{*}article"))
    if not articles:
        yield Refused(f"{name}:1", "malformed", f"the root is <{local_name(root)[:40]}>, not an article of JATS")
    for article in articles:
        yield from _Article(article, f"{name}:{article.sourceline or 1}").records()


class _Article:
    def __init__(self, article: Element, locator: str) -> None:
        self._article, self._locator = article, locator
        meta = article.find("{*}front/{*}article-meta")
        self._meta = article if meta is None else meta
        self._language = article.get(LANGUAGE) or "en"  # the default that the document type states

    def records(self) -> Iterator[Record]:
        """Yield the article and its translated abstracts, or why it is refused."""
        identity = article_id(self._meta)
        title = guarded(self._meta.findall("{*}title-group/{*}article-title"), TITLE)
        detail = f"{identity or 'an article'} {title.text[:80]!r}".replace("\n", " ")
        kind = self._article.get("article-type", "")
        if not identity:
            yield Refused(self._locator, "missing_id", f"{detail} states no id")
        elif kind in _NOTICES:
            yield Refused(self._locator, _NOTICES[kind], detail)
            yield from self._deleted()
        elif kind in _RETRACTED or self._relations() & _RETRACTED_BY or _RETRACTED_TITLE.match(title.text):
            yield Refused(self._locator, "retracted", detail)
        else:
            yield from self._licensed(identity, title.text, detail)

    def _licensed(self, identity: str, title: str, detail: str) -> Iterator[Record]:
        licence = read_licence(self._meta.findall("{*}permissions"))
        if licence.forbids:
            yield Refused(self._locator, "licence_forbids", f"{detail}: {licence.forbids}")
        elif not licence.name:
            yield Refused(self._locator, "licence_missing", f"{detail} states no licence")
        else:
            yield from self._documents(identity, title, licence.name, detail)

    def _documents(self, identity: str, title: str, licence: str, detail: str) -> Iterator[Record]:
        status = sorted({_STATUS[each] for each in self._relations() if each in _STATUS})
        if self._article.get("article-type") in ("correction", "expression-of-concern"):
            status.append("notice")
        text = guarded(self._parts(), DIALECT)
        marks = ["note_marks_removed"] * bool(text.note_marks)
        year = publication_year(self._meta)
        if not text.text:
            yield Refused(self._locator, "no_text", f"{detail} has neither abstract nor body as text")
            return
        own_id = f"{NAME}:{identity}"
        yield Document(
            own_id, NAME, title, text.text, licence, self._locator, self._language, (*status, *marks), year=year
        )
        for abstract in self._meta.findall("{*}trans-abstract"):
            language = abstract.get(LANGUAGE) or "und"
            translated = guarded([abstract], DIALECT)
            if translated.text:
                name = f"{own_id}#{language}"
                heading = self._translated_title(language)
                marks = ["note_marks_removed"] * bool(translated.note_marks)
                yield Document(
                    name, NAME, heading, translated.text, licence, self._locator, language, (*status, *marks), year=year
                )

    def _translated_title(self, language: str) -> str:
        for group in self._meta.findall("{*}title-group/{*}trans-title-group"):
            if group.get(LANGUAGE) == language:
                return guarded(group.findall("{*}trans-title"), TITLE).text
        return ""

    def _parts(self) -> list[Element]:
        """Return what is text: abstracts, body, appendices and glossary, and the floating tables and figures."""
        abstracts = self._meta.findall("{*}abstract")
        parts: list[Element] = [each for each in abstracts if each.get("abstract-type") not in _NO_TEXT_ABSTRACTS]
        parts += self._article.findall("{*}body")
        for back in self._article.findall("{*}back"):
            parts += [
                each for each in back if local_name(each) in ("app-group", "app", "glossary", "sec", "boxed-text")
            ]
        return [*parts, *self._article.findall("{*}floats-group"), *self._article.findall("{*}floats-wrap")]

    def _relations(self) -> set[str]:
        return {each.get("related-article-type", "").lower() for each in self._meta.findall("{*}related-article")}

    def _deleted(self) -> Iterator[Deleted]:
        """Yield the retracted articles that a notice names by their ids in PubMed Central."""
        for each in self._meta.findall("{*}related-article"):
            identity = re.fullmatch(r"(?:PMC)?(\d+)", each.get(_HREF, ""))
            if identity and each.get("ext-link-type", "").startswith("pmc"):
                yield Deleted(f"{NAME}:PMC{identity[1]}", self._locator, for_good=True)


def article_id(meta: Element) -> str:
    """Return the id of an article: PMC with its number, else that of PubMed, else its DOI; empty if it has none."""
    found = {each.get("pub-id-type", ""): "".join(each.itertext()).strip() for each in meta.findall("{*}article-id")}
    for kind in _ID_KINDS:
        value = found.get(kind, "")
        if value:
            return f"PMC{value.removeprefix('PMC')}" if kind.startswith("pmc") else f"{kind}:{value}"
    return ""


def publication_year(meta: Element) -> int | None:
    """Return the first year in which an article or chapter was published."""
    years = ["".join(each.itertext()).strip() for each in meta.findall("{*}pub-date/{*}year")]
    return min((int(year) for year in years if re.fullmatch(r"(?:1[5-9]|20)\d\d", year)), default=None)
