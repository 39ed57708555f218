"""Reads guidelines that are pages of HTML: their main text, with tables as rows and without what is struck out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.elements import Element, UnreadableError, parse_html
from training.corpora.markup.guarded import ChangedDigitsError, guarded
from training.corpora.markup.inline import normalised
from training.corpora.readers.html.dialect import DIALECT, TITLE, is_struck_out
from training.corpora.readers.jats.licences import creative_commons
from training.corpora.readers.own_files import OwnFile, own_files

NAME: Final = "guideline_html"
_LICENCE_NAMES: Final = frozenset(
    {"dc.rights", "dcterms.rights", "dc.rights.license", "dcterms.license", "license", "licence", "copyright"}
)
_DATE_NAMES: Final = frozenset(
    {"article:published_time", "citation_publication_date", "dc.date", "dcterms.issued", "dcterms.date", "date"}
)
_RESERVED: Final = re.compile(r"\b(?:noai|noimageai)\b", re.IGNORECASE)


def read_guideline_html(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the pages `.html` and `.htm` with the licence that they state, or that a `LICENCE` beside them does.

    The main text is the element `main`, else the only `article`, else the body without navigation, banner and footer.
    A page that reserves its use for mining or training is refused. Raises `DataError` where there is nothing to read.
    """
    for file in own_files(path, (".html", ".htm", ".xhtml"), top):
        yield file if isinstance(file, Refused) else _record(file)


def _record(file: OwnFile) -> Record:
    locator = f"{file.name}:1"
    try:
        root = parse_html(file.content)
        meta = _meta(root)
        if _RESERVED.search(meta.get("robots", "")) or meta.get("tdm-reservation") == "1":
            return Refused(locator, "licence_forbids", "the page reserves its use for mining or training")
        licence = _licence(root, meta) or file.licence
        if not licence:
            return Refused(locator, "licence_missing", "neither the page nor a file LICENCE beside it states a licence")
        main = _main(root)
        title = _take_title(main, root)
        text = guarded([main], DIALECT)
    except UnreadableError as error:
        return Refused(f"{file.name}:{error.line}", "malformed", str(error))
    except ChangedDigitsError as error:
        return Refused(locator, "digits_changed", str(error))
    if not text.text:
        return Refused(locator, "no_text", "the page has no main text")
    struck_out = ["struck_out_removed"] * any(is_struck_out(each) for each in main.iter())
    status = (*struck_out, *["note_marks_removed"] * bool(text.note_marks))
    language = (root.get("lang") or root.get("xml:lang") or "und").strip() or "und"
    year = next((re.search(r"\b(?:19|20)\d\d\b", meta[name]) for name in sorted(_DATE_NAMES & meta.keys())), None)
    own_id = f"{NAME}:{_address(root) or file.name}"
    return Document(
        own_id, NAME, title, text.text, licence, locator, language, status, year=int(year[0]) if year else None
    )


def _meta(root: Element) -> dict[str, str]:
    """Return what the page's `meta` elements state, by name; of several with one name the first."""
    found: dict[str, str] = {}
    for each in root.iter("meta"):
        name = (each.get("name") or each.get("property") or "").strip().lower()
        found.setdefault(name, (each.get("content") or "").strip())
    return found


def _licence(root: Element, meta: dict[str, str]) -> str:
    """Return the licence of a page: of its links `rel="license"`, of its `meta`, or of its link to Creative Commons."""
    for each in root.iter("a", "link"):
        if "license" in (each.get("rel") or "").lower().split():
            address = each.get("href") or ""
            return creative_commons(address) or normalised("".join(each.itertext())) or address
    for name in sorted(_LICENCE_NAMES & meta.keys()):
        if meta[name]:
            return creative_commons(meta[name]) or meta[name][:200]
    addresses = {creative_commons(each.get("href") or "") for each in root.iter("a")} - {""}
    return addresses.pop() if len(addresses) == 1 else ""


def _address(root: Element) -> str:
    return next((each.get("href") or "" for each in root.iter("link") if each.get("rel") == "canonical"), "").strip()


def _main(root: Element) -> Element:
    for found in (root.xpath("//main | //*[@role='main']"), root.xpath("//article")):
        if len(found) == 1:
            return found[0]
    body = root.find("body")
    return root if body is None else body


def _take_title(main: Element, root: Element) -> str:
    """Return a page's title and take it out of its text: its only first heading, else what its head states."""
    headings = list(main.iter("h1"))
    if len(headings) == 1:
        title = guarded(headings, TITLE).text.replace("\n", " ")
        if title:
            headings[0].drop_tree()
            return title
    stated = root.find("head/title")
    return "" if stated is None else normalised("".join(stated.itertext())).replace("\n", " ")
