"""What the elements of HTML mean."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from training.corpora.markup.dialect import Dialect, names
from training.corpora.markup.elements import Element, local_name

STRUCK_OUT: Final = names("del s strike")
_NOT_SHOWN: Final = re.compile(r"display\s*+:\s*+none|visibility\s*+:\s*+hidden", re.I)
_ROLES: Final = names("navigation banner contentinfo search")
_HOLDS_TEXT: Final = names("main article")


def is_struck_out(element: Element) -> bool:
    """Whether an element is withdrawn text, by its name or its style."""
    return local_name(element) in STRUCK_OUT or "line-through" in (element.get("style") or "").lower()


def _is_dropped(element: Element) -> bool:
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if is_struck_out(element) or element.get("role") in _ROLES or _NOT_SHOWN.search(element.get("style") or ""):
        return True
    if local_name(element) in ("header", "footer", "aside"):
        return not any(local_name(each) in _HOLDS_TEXT for each in element.iterancestors())
    return False


def _is_citation(element: Element) -> bool:
    """Whether an element is a raised link to a place on the same page."""
    if local_name(element) != "a" or not (element.get("href") or "").startswith("#"):
        return False
    parent = element.getparent()
    raised = parent is not None and local_name(parent) == "sup"
    return raised or (len(element) == 1 and local_name(element[0]) == "sup" and not (element.text or "").strip())


DIALECT: Final = Dialect(
    dropped=names(
        "head script style noscript template nav iframe object embed svg canvas audio video form button select input "
        "textarea datalist dialog img picture map area rp rt"
    ),
    formatting=names(
        "b i em strong u span a small big font mark abbr acronym cite q code kbd samp var tt dfn ins bdi bdo time data "
        "wbr nobr ruby rb label"
    ),
    blocks=names(
        "html body main article section div p blockquote address pre ul ol dl dir menu details summary hgroup fieldset "
        "legend header footer aside figcaption center hr"
    ),
    groups=names("figure"),
    headings=names("h1 h2 h3 h4 h5 h6"),
    is_citation=_is_citation,
    is_dropped=_is_dropped,
)
"""Struck-out text (`del`, `s`, a line through it) is left out, inserted text (`ins`) stays."""
TITLE: Final = replace(DIALECT, headings=frozenset())
"""A heading is read as a line."""
