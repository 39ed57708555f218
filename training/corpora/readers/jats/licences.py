"""The licence of an article, and what it forbids."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from training.corpora.markup.elements import Element, local_name

_URL: Final = re.compile(
    r"creativecommons\.org/(?:licen[sc]es/(?P<kind>by(?:-nc)?(?:-nd|-sa)?)(?:/(?P<version>\d\.\d))?"
    r"|publicdomain/(?P<public>zero|mark))",
    re.IGNORECASE,
)
_SHORT: Final = re.compile(r"\bCC[ -](?P<kind>BY(?:-NC)?(?:-ND|-SA)?)\b(?:[ -]?v?(?P<version>\d\.\d))?", re.IGNORECASE)
_WORDS: Final = re.compile(
    r"creative\s+commons\s+attribution(?P<terms>[\w\s–-]{0,60}?)(?:(?P<version>\d\.\d)|licen[sc]e|[^\w\s–-]|\Z)",
    re.IGNORECASE,
)
_PUBLIC: Final = re.compile(r"\bCC0\b|public domain|creative commons (?:zero|universal public)", re.IGNORECASE)
_FORBIDS: Final = re.compile(
    r"(?:text[- ]and[- ]data[- ]mining|data mining|machine learning|artificial intelligence|\bAI\b)[^.]{0,120}?"
    r"(?:reserved|prohibited|not (?:be )?(?:permitted|allowed|granted|used))"
    r"|(?:rights[^.]{0,40}reserved|not (?:permitted|allowed)|prohibited|may not be used)[^.]{0,120}?"
    r"(?:text and data mining|data mining|machine learning|artificial intelligence|\bAI\b)"
    r"|no part of this [^.]{0,80}may be (?:reproduced|copied|stored|used)",
    re.IGNORECASE,
)
_ALL_RESERVED: Final = re.compile(r"all rights (?:are )?reserved", re.IGNORECASE)
_EXCEPTED: Final = re.compile(r"(?:for )?(?:all )?open[- ]access content,[^.]{0,80}licen[sc]", re.IGNORECASE)
_LONGEST: Final = 200


class Licence(NamedTuple):
    """What may be done with a text. `name`: an SPDX id, or the statement; `forbids`: what speaks against its use."""

    name: str
    forbids: str


def read_licence(permissions: list[Element]) -> Licence:
    """Return the licence that elements `permissions` state; without one its name is empty.

    A text whose only statement is that all rights are reserved, or that reserves or forbids mining and training, says
    so in `forbids`. "For open access content, the licence applies" takes its publisher's general reservation back.
    """
    statements = [each for one in permissions for each in one.iter() if local_name(each) in ("license", "license_ref")]
    urls = " ".join(str(value) for each in statements for value in [*each.attrib.values(), *_inner_urls(each)])
    text = " ".join(" ".join("".join(each.itertext()).split()) for each in statements)
    around = " ".join(" ".join("".join(each.itertext()).split()) for each in permissions)
    name = creative_commons(f"{urls} {text}") or text[:_LONGEST].strip()
    if not name and re.search(r"public domain", around, re.IGNORECASE):
        name = "LicenseRef-public-domain"
    reserved = _FORBIDS.search(around)
    if reserved and not (_EXCEPTED.search(around) and creative_commons(name)):
        return Licence(name, reserved[0])
    if _ALL_RESERVED.search(around) and not creative_commons(name):
        return Licence(name, "all rights reserved")
    return Licence(name, "")


def _inner_urls(element: Element) -> list[str]:
    return [str(value) for each in element.iterdescendants() for value in each.attrib.values()]


def creative_commons(text: str) -> str:
    """Return the SPDX id of the Creative Commons licence that a text names by address or in words; else nothing."""
    found = _URL.search(text) or _SHORT.search(text)
    if found and found.groupdict().get("public"):
        return "CC0-1.0" if found["public"].lower() == "zero" else "LicenseRef-public-domain"
    if found:
        return _spdx(found["kind"].upper(), found["version"])
    words = _WORDS.search(text)
    if words:
        terms = words["terms"].lower()
        kind = "BY" + "-NC" * ("non" in terms) + "-ND" * ("deriv" in terms) + "-SA" * ("share" in terms)
        return _spdx(kind, words["version"])
    return (
        "CC0-1.0" if _PUBLIC.search(text) and "CC0" in text else "LicenseRef-public-domain" * bool(_PUBLIC.search(text))
    )


def _spdx(kind: str, version: str | None) -> str:
    return f"CC-{kind}-{version}" if version else f"CC-{kind}"
