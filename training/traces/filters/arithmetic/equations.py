"""Equations of a trace: `132 - (94 + 10) = 28`, `70 kg x 5 mg/kg = 350 mg`, `2.3/7.9 ≈ 29.1%`.

A side counts as shown: a result may be rounded or cut off at its last digit, behind "≈" or "about" it may be off by one
of it, and a number that is itself a result of the trace may be anything that rounds to what is shown. Percentages may
stand for hundredths or for themselves, and units may be left out on either side. What can't be read is not checkable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from training.traces.filters.arithmetic.agreement import ShownResults, Side, adds_unlike_units, judge
from training.traces.filters.arithmetic.plain_text import plain
from training.traces.filters.arithmetic.statement import Judgement, Statement
from training.traces.filters.arithmetic.tokens import Token, TokenKind, tokens
from training.traces.filters.words import excerpt

_RUN: Final = frozenset({TokenKind.NUMBER, TokenKind.SIGN, TokenKind.OPEN, TokenKind.CLOSE})
_LONGEST_RUN: Final = 60
_SENTENCE_END: Final = re.compile(r"\n|[.;?!]\s+(?=[A-Z])")
_CALCULATES: Final = re.compile(
    r"[=≈≅]|\bequals?\b|[\d%a-zL)]\s?[+*×·∙÷xX]\s?[\d(.]|\b(?:times|multiplied|divided|plus|about|approximately)\b"
)
_ABOUT: Final = re.compile(r"≈|≅|about|approximately")
_ABOUT_WORDS: Final = ("about", "approximately", "roughly", "around", "nearly", "~")
_FUNCTIONS: Final = frozenset(
    (
        "log", "ln", "lg", "exp", "sqrt", "root", "half", "twice", "double", "triple", "of", "squared", "cubed", "over",
        "per", "by", "minus", "plus", "times", "than", "to", "in", "near",
    )
)  # fmt: skip
"""Words that make what follows them a part of something else."""
_GOES_ON: Final = ("to", "or", "and", "in", "of", "out", "per", "percent", "%")
"""Words behind a number that make it a part of something else."""
_RETRACTED: Final = re.compile(
    r"\b(?:wait|no,|not right|can't be|cannot be|incorrect|wrong|mistake|recalculat|re-?check|check that|hold on|"
    r"doesn't|does not|hmm|too (?:high|low)|which is not|impossible)",
    re.IGNORECASE,
)
_RETRACTION: Final = 160
"""Characters behind an equation within which a trace takes it back."""


def equations(text: str) -> Iterator[Statement]:
    """Yield every equation of a text whose left side computes something, in order."""
    text = plain(text)
    shown = ShownResults()
    start = 0
    for end in [*(found.end() for found in _SENTENCE_END.finditer(text)), len(text)]:
        sentence = text[start:end]
        if _CALCULATES.search(sentence):
            yield from _of_line(text, sentence, start, shown)
        start = end


def _of_line(text: str, line: str, offset: int, shown: ShownResults) -> Iterator[Statement]:
    every = list(tokens(line))
    for place, token in enumerate(every):
        if token.kind is not TokenKind.EQUAL:
            continue
        left, right = _left(every, place), _right(every, place)
        about = _ABOUT.search(token.text) is not None or every[place + 1 : place + 2] != list(right.tokens[:1])
        if not left.tokens or not right.tokens or not _is_calculation(left, token):
            if about and right.tokens:
                shown.add(right.tokens[0])
            continue
        start, end = left.tokens[0].start, right.tokens[-1].end
        behind = text[offset + end : offset + end + _RETRACTION]
        judgement, should = judge(left, right, about, shown)
        if judgement is Judgement.WRONG and _RETRACTED.search(behind):
            judgement = Judgement.NOT_CHECKABLE
        place_text = excerpt(line, start, end)
        unlike = judgement is Judgement.RIGHT and adds_unlike_units(left, right)
        yield Statement(judgement, place_text if should is None else f"{place_text} (computed: {should:.6g})", unlike)


def _is_calculation(left: Side, equal: Token) -> bool:
    """Return whether the left side computes something; "is" follows dates, ranges and ratios as well."""
    signs = {token.text for token in left.tokens if token.kind is TokenKind.SIGN}
    numbers = sum(token.kind is TokenKind.NUMBER for token in left.tokens)
    return numbers > 1 and bool(signs & set("+*") if equal.text == "is" else signs)


def _left(every: Sequence[Token], equal: int) -> Side:
    """Return the tokens before an equal sign up to the first word, or bracket that is not closed."""
    first, depth = equal, 0
    while first > 0 and equal - first < _LONGEST_RUN and every[first - 1].kind in _RUN:
        kind = every[first - 1].kind
        if kind is TokenKind.OPEN and depth == 0:
            break
        depth += (kind is TokenKind.CLOSE) - (kind is TokenKind.OPEN)
        first -= 1
    if first == 0 and equal > 1 and every[0].text == "-" and every[0].end < every[1].start:
        first = 1  # the mark of a list
    run = tuple(every[first:equal])
    before = every[first - 1] if first else None
    return Side(run, depth == 0 and (before is None or _bounds(before, run)))


def _bounds(before: Token, run: Sequence[Token]) -> bool:
    """Return whether what stands before a calculation is no part of it."""
    if not run:
        return False
    glued = before.end == run[0].start
    if before.kind is TokenKind.WORD:
        return before.text.lower() not in _FUNCTIONS and len(before.text) > 1 and not glued
    if before.kind is TokenKind.OTHER:
        bullet = before.text in ":,;.\"'“”‘’>•—–→"
        return bullet or not (glued or before.text[0].isalnum() or before.text in "±√^|%")
    return True


def _right(every: Sequence[Token], equal: int) -> Side:
    """Return the tokens behind an equal sign up to the first word, without a last sign that belongs to none of them."""
    first = equal + 1
    while first < len(every) and every[first].text.lower() in _ABOUT_WORDS:
        first += 1
    last, depth = first, 0
    while last < len(every) and last - first < _LONGEST_RUN and every[last].kind in _RUN:
        if every[last].kind is TokenKind.CLOSE and depth == 0:
            break
        depth += (every[last].kind is TokenKind.OPEN) - (every[last].kind is TokenKind.CLOSE)
        last += 1
    run = list(every[first:last])
    behind = every[last] if last < len(every) else None
    clean = True
    words = behind is not None and behind.kind is TokenKind.WORD
    while run and run[-1].kind in (TokenKind.SIGN, TokenKind.OPEN):
        depth -= run[-1].kind is TokenKind.OPEN
        clean = clean and (run[-1].kind is TokenKind.OPEN or run[-1].text == "-" or (run[-1].text == "*" and not words))
        run.pop()
    clean = clean and depth == 0
    if behind is not None and run:
        clean = clean and not (behind.kind is TokenKind.OTHER and (behind.text[0].isalnum() or behind.text in "±√^|~!"))
        clean = clean and not (behind.kind is TokenKind.WORD and behind.start == run[-1].end)
        clean = clean and behind.text.lower() not in _GOES_ON
    return Side(tuple(run), clean)
