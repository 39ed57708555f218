"""What the elements of JATS and of the book dialect BITS mean."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from training.corpora.markup.dialect import Dialect, names
from training.corpora.markup.elements import Element, element_children, local_name

_CITED: Final = frozenset({"bibr", "fn", "table-fn"})
_LATEX_BODY: Final = re.compile(r"\\begin\{document\}(.*)\\end\{document\}", re.DOTALL)


def _is_citation(element: Element) -> bool:
    return local_name(element) == "xref" and element.get("ref-type") in _CITED


DIALECT: Final = Dialect(
    dropped=names(
        "graphic inline-graphic media object-id alt-text long-desc permissions ref-list index-term related-article "
        "related-object sub-article response book-part strike sec-meta fn-meta processing-meta private-char"
    ),
    formatting=names(
        "bold italic underline overline sc monospace roman sans-serif styled-content named-content ext-link uri email "
        "xref abbrev hi target ruby rb"
    ),
    blocks=names(
        "p body back app-group floats-group list def-list def-item disp-quote verse-group verse-line statement speech "
        "attrib caption disp-formula disp-formula-group chem-struct-wrap preformat code supplementary-material "
        "fn-group table-wrap-foot table-wrap-group fig-group question answer question-wrap answer-set explanation "
        "subtitle"
    ),
    groups=names("table-wrap fig"),
    headings=names("title"),
    sections=names("sec abstract trans-abstract app boxed-text glossary"),
    items=names("list-item"),
    terms=names("term"),
    definitions=names("def"),
    labels=names("label"),
    notes=names("fn"),
    line_breaks=names("break"),
    is_citation=_is_citation,
)
"""Withdrawn text (`strike`), references and pictures are left out; figures and tables keep captions and foot notes."""
TITLE: Final = replace(DIALECT, dropped=DIALECT.dropped | {"fn", "xref"}, headings=frozenset())
"""A title is read without its foot notes."""


def prepare(root: Element) -> None:
    """Make of a tree what the dialect describes: one formula of alternatives, LaTeX without its preamble, CALS rows."""
    for element in list(root.iter()):
        name = local_name(element)
        if name == "alternatives":
            _choose_formula(element)
        elif name == "tgroup":
            _as_html_rows(element)
    for element in root.iter("{*}tex-math"):
        body = _LATEX_BODY.search(element.text or "")
        element.text = "$" + (body[1] if body else element.text or "").strip().strip("$") + "$"


def _choose_formula(alternatives: Element) -> None:
    formulas = [
        each for each in element_children(alternatives) if local_name(each) in ("math", "tex-math", "textual-form")
    ]
    for each in sorted(formulas, key=lambda formula: local_name(formula))[1:]:
        alternatives.remove(each)


def _as_html_rows(group: Element) -> None:
    """Turn the rows of a table of the CALS model into those of HTML."""
    columns = {each.get("colname", ""): place for place, each in enumerate(element_children(group, ("colspec",)))}
    for colspec in list(element_children(group, ("colspec", "spanspec"))):
        group.remove(colspec)
    for element in list(group.iter()):
        name = local_name(element)
        if name == "row":
            element.tag = "tr"
        elif name == "entry":
            element.tag = "td"
            element.set("rowspan", str(_count(element.get("morerows")) + 1))
            first, last = columns.get(element.get("namest", "")), columns.get(element.get("nameend", ""))
            if first is not None and last is not None and last > first:
                element.set("colspan", str(last - first + 1))
    table = group.getparent()
    if table is not None and local_name(table) == "table":
        place = table.index(group)
        table[place : place + 1] = list(group)


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 else 0
