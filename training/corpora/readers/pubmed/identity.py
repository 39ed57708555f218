"""The PMID and the version of a citation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.corpora.markup.elements import Element

Identity = tuple[int, int]
"""A PMID and a version."""
_BODIES: Final = ("MedlineCitation", "BookDocument")
_NUMBER: Final = re.compile(r"0*[1-9][0-9]{0,8}")
_VERSION: Final = re.compile(r"[0-9]{1,3}")


def is_deletion(element: Element) -> bool:
    """Whether an element of a file is a list of deletions."""
    return bool(element.tag == "DeleteCitation")


def body(element: Element) -> Element | None:
    """Return the part of a citation that holds its PMID: of an article, or of a book or a chapter."""
    return next((child for child in element if child.tag in _BODIES), None)


def pmid_and_version(element: Element) -> Identity | None:
    """Return a citation's PMID and version, or None where they are absent or no numbers."""
    citation = body(element)
    pmid = next((child for child in citation if child.tag == "PMID"), None) if citation is not None else None
    return identity_of(pmid) if pmid is not None else None


def deleted_pmids(element: Element) -> Iterator[Identity]:
    """Yield what a list of deletions names, without what is no number."""
    for pmid in element.iterchildren("PMID"):
        identity = identity_of(pmid)
        if identity is not None:
            yield identity


def identity_of(pmid: Element) -> Identity | None:
    """Return what a `PMID` element says, or None where it holds no number."""
    number, version = (pmid.text or "").strip(), pmid.get("Version", "1").strip()
    if not _NUMBER.fullmatch(number) or not _VERSION.fullmatch(version):
        return None
    return int(number), int(version)
