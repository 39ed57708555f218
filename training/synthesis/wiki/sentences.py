"""Sentences of a section that say what the source says: nothing left out of them, and every number whole."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from training.synthesis.wiki.templates import OPAQUE, SEAM, SPOILT, with_powers
from training.synthesis.wiki.wikitext import with_seams

_SEAMS: Final = re.compile(f"{SEAM}+")
_FUSED: Final = re.compile(rf"(?<=\d){SEAM}+(?=[.,]?\d)|(?<=\d[.,]){SEAM}+(?=\d)")
"""A place where markup alone separates two parts of what would read as one number."""
_PARAGRAPHS: Final = re.compile(rf"\n[ \t{SEAM}]*\n[\s{SEAM}]*")
_END: Final = re.compile(rf"(?<![.!?])[.!?]++[\"”’)\]]*+\s+(?=[\"“‘(\[]*[A-Z0-9\u00c0-\u00de\u0370-\u03ff{OPAQUE}])")
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|viz|approx|ca|c|etc|al|Dr|Prof|Mr|Mrs|Ms|St|Fig|No|Nos|Vol|spp?|var|subsp|ssp|syn|Inc|"
    r"Jr|Sr|incl|resp|max|min|avg|est|gen|nov|pp?)|\b[A-Z])\.\Z"
)
_LONGEST_ABBREVIATION: Final = 12
_LONGEST: Final = 1000
"""Characters of the longest sentence; what is longer is a list or a table without markup."""


class Sentences(NamedTuple):
    """The usable sentences of a text in order, how many were left out, and how many each paragraph has."""

    usable: tuple[str, ...]
    left_out: int
    paragraphs: tuple[int, ...]


def usable_sentences(rendered: str) -> Sentences:
    """Return the sentences of a section's rendered text that can be used.

    Left out is a sentence with something that can't be shown (a formula, an unknown template, broken markup), one in
    which markup separates digits that would read as one number without it, and what follows markup that isn't closed.
    """
    usable, left_out, spoilt, counts = list[str](), 0, False, list[int]()
    for paragraph in _PARAGRAPHS.split(_without_boxes(with_seams(rendered))):
        spoilt = spoilt or SPOILT in paragraph
        whole = with_powers(_FUSED.sub(OPAQUE, paragraph))
        before = len(usable)
        for sentence in split_sentences(_SEAMS.sub("", whole)):
            if spoilt or OPAQUE in sentence or len(sentence) > _LONGEST:
                left_out += 1
            else:
                usable.append(sentence)
        counts.append(len(usable) - before)
    return Sentences(tuple(usable), left_out, tuple(counts))


def _without_boxes(text: str) -> str:
    """Blank the lines that hold nothing but what can't be shown: boxes and notices between paragraphs."""
    lines = text.split("\n")
    return "\n".join("" if OPAQUE in line and not line.strip(f" \t{SEAM}{OPAQUE}") else line for line in lines)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph, spaces normalised."""
    plain = " ".join(text.split())
    found, start = [], 0
    for end in _END.finditer(plain):
        before = plain[max(start, end.start() - _LONGEST_ABBREVIATION) : end.start() + 1]
        if plain[end.start()] == "." and _ABBREVIATION.search(before):
            continue
        found.append(plain[start : end.end()].strip())
        start = end.end()
    found.append(plain[start:].strip())
    return [sentence for sentence in found if sentence]
