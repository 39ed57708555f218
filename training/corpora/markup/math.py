"""MathML as a line of text."""

from __future__ import annotations

from typing import Final

from training.corpora.markup.elements import Element, element_children, local_name, own_text
from training.corpora.markup.inline import Piece, Placement, join, normalised

NAMESPACE: Final = "http://www.w3.org/1998/Math/MathML"
_DROPPED: Final = frozenset({"annotation", "annotation-xml", "mphantom", "maction"})
_RAISED: Final = frozenset({"msup", "mover"})
_LOWERED: Final = frozenset({"msub", "munder"})
_BOTH: Final = frozenset({"msubsup", "munderover"})


def is_math(element: Element) -> bool:
    """Whether an element is a formula of MathML."""
    return local_name(element) == "math"


def math_pieces(element: Element) -> list[Piece]:
    """Return a formula as pieces of a line: a fraction is a/b, a root √(x), powers and indices as in other text."""
    name = local_name(element)
    children = list(element_children(element))
    if name in _DROPPED:
        return []
    if name == "mfrac" and len(children) == 2:
        return [_plain(f"{_operand(children[0])}/{_operand(children[1])}")]
    if name == "msqrt":
        return [_plain(f"√({normalised(join(_row(element, name)).text)})")]
    if name == "mroot" and len(children) == 2:
        return [_plain(f"({_text(children[0])})^(1/{_text(children[1])})")]
    if name in _RAISED and len(children) == 2:
        return [_plain(_text(children[0]) + _power(children[1]))]
    if name in _LOWERED and len(children) == 2:
        return [_plain(_text(children[0])), Piece(Placement.LOWERED, _text(children[1]))]
    if name in _BOTH and len(children) == 3:
        below = Piece(Placement.LOWERED, _text(children[1]))
        return [_plain(_text(children[0])), below, _plain(_power(children[2]))]
    if name == "mfenced":
        inside = ", ".join(_text(child) for child in children)
        return [_plain(f"{element.get('open', '(')}{inside}{element.get('close', ')')}")]
    return _row(element, name)


def _row(element: Element, name: str) -> list[Piece]:
    space = " " if name in ("mspace", "mtr", "mtd") else ""
    operator = name == "mo" and own_text(element).strip() in ("=", "+", "×", "±", "<", ">", "≤", "≥", "≈", "⋅", "·")
    pieces = [_plain(space + (f" {own_text(element).strip()} " if operator else own_text(element).strip()))]
    for child in element:
        if isinstance(child.tag, str):
            pieces += math_pieces(child)
        else:
            pieces.append(_plain(own_text(child)))
        pieces.append(_plain((child.tail or "").strip()))
    return pieces


def _plain(text: str) -> Piece:
    return Piece(Placement.PLAIN, text)


def _text(element: Element) -> str:
    return normalised(join(math_pieces(element)).text)


def _power(element: Element) -> str:
    text = _text(element)
    return f"^({text})" if " " in text else f"^{text}" if text else ""


def _operand(element: Element) -> str:
    """Return a part of a fraction, in brackets unless it is one word or number."""
    text = _text(element)
    return text if text.replace(".", "").isalnum() else f"({text})"
