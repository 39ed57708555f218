"""Mathematics in LaTeX, Markdown and Unicode as plain text."""

from __future__ import annotations

import re
from typing import Final

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT: Final = re.compile(r"(?<=[\d)])([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_FRACTION: Final = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_WRAPPED: Final = re.compile(r"\\(?:text|mathrm|mathbf|textbf|operatorname|boxed)\s*\{([^{}]*)\}")
_NESTED: Final = 3
"""How deep fractions and texts are unwrapped."""
_REPLACED: Final = (
    (re.compile(r"\\(?:times|cdot|ast)\b"), " × "),
    (re.compile(r"\\div\b"), " / "),
    (re.compile(r"\\(?:approx|simeq|sim)\b"), " ≈ "),
    (re.compile(r"\\pm\b"), " ± "),
    (re.compile(r"\\(?:left|right|quad|displaystyle)\b|\\[,;!: ]"), " "),
    (re.compile(r"\\([%$])"), r"\1"),
    (re.compile(r"\\[()\[\]]|\${1,2}"), " "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\^\{([^{}]*)\}"), r"^(\1)"),
    (re.compile(r"(?<=\d)\s*\*\*\s*(?=[\d(])"), "^"),
    (re.compile(r"\*\*|__|`"), ""),
)  # fmt: skip


def plain(text: str) -> str:
    """Return a text whose fractions, signs and powers are written with `/`, `×`, `^` and brackets."""
    text = _SUPERSCRIPT.sub(lambda found: "^" + found[1].translate(_SUPERSCRIPTS), text)
    if "\\" in text:
        for _ in range(_NESTED):
            text = _WRAPPED.sub(r"\1", _FRACTION.sub(r"((\1)/(\2))", text))
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text
