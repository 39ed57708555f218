"""The numbers, signs and words of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from training.traces.filters.arithmetic.units import NO_UNIT, UNIT, Unit, unit_of


class TokenKind(Enum):
    """What a token is."""

    NUMBER = "number"
    SIGN = "sign"
    """`+`, `-`, `*`, `/` or `^`."""
    OPEN = "("
    CLOSE = ")"
    EQUAL = "="
    WORD = "word"
    OTHER = "other"


class Token(NamedTuple):
    """One token of a line, with its place."""

    kind: TokenKind
    text: str
    """A sign in its one form, otherwise as written."""
    start: int
    end: int
    value: float = 0.0
    last_digit: float = 1.0
    """What one unit of the last digit is worth."""
    whole: bool = True
    """Whether a number was written without decimals."""
    unit: Unit = NO_UNIT
    unit_text: str = ""
    percent: bool = False


_NUMBER: Final = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d+)(?:\.\d+)?|\.\d+")
_EQUAL: Final = re.compile(
    r"(?<![<>!=≤≥:])=(?![=>])|≈|≅|\bequals\b|\bis equal to\b|\bis (?:approximately|about)\b|\bis\b"
)
_SIGN_WORD: Final = re.compile(r"\b(times|multiplied by|divided by|plus|minus)\b")
_SIGN_OF_WORD: Final = {"times": "*", "multiplied by": "*", "divided by": "/", "plus": "+", "minus": "-"}
_SIGNS: Final = {"+": "+", "-": "-", "−": "-", "*": "*", "×": "*", "·": "*", "⋅": "*", "∙": "*", "/": "/", "÷": "/"} | {
    "^": "^"
}
_CROSS: Final = re.compile(r"[xX](?=\s*[\d(.])")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_GLUED: Final = re.compile(r"[\w.°'′″!|√:]")
_LONGEST: Final = 20
"""Characters of a number; a longer one is none of a calculation."""


def tokens(line: str) -> Iterator[Token]:
    """Yield the tokens of a line in order; what is no part of a calculation is a word, or `OTHER`."""
    place = 0
    behind_operand = False
    while place < len(line):
        if line[place].isspace():
            place += 1
            continue
        token = _token(line, place, behind_operand)
        yield token
        place = token.end
        behind_operand = token.kind in (TokenKind.NUMBER, TokenKind.CLOSE)


def _token(line: str, place: int, behind_operand: bool) -> Token:
    character = line[place]
    if (number := _NUMBER.match(line, place)) is not None:
        return _number(line, number)
    if (equal := _EQUAL.match(line, place)) is not None:
        return Token(TokenKind.EQUAL, equal[0], place, equal.end())
    if (word := _SIGN_WORD.match(line, place)) is not None:
        return Token(TokenKind.SIGN, _SIGN_OF_WORD[word[1]], place, word.end())
    if behind_operand and _CROSS.match(line, place):
        return Token(TokenKind.SIGN, "*", place, place + 1)
    if character in _SIGNS:
        return Token(TokenKind.SIGN, _SIGNS[character], place, place + 1)
    if character in "([":
        return Token(TokenKind.OPEN, character, place, place + 1)
    if character in ")]":
        return Token(TokenKind.CLOSE, character, place, place + 1)
    if (letters := _WORD.match(line, place)) is not None:
        return Token(TokenKind.WORD, letters[0], place, letters.end())
    return Token(TokenKind.OTHER, character, place, place + 1)


def _number(line: str, found: re.Match[str]) -> Token:
    """Return a number with the unit behind it; `OTHER` if it is a part of something else: CD4, 1:32, 5!, 1,5."""
    start, end = found.span()
    digits = found[0].replace(",", "")
    decimals = len(digits.partition(".")[2])
    unit, unit_text, percent = NO_UNIT, "", False
    before = line[start - 1] if start else " "
    behind_cross = start > 1 and before in "xX" and (line[start - 2].isspace() or line[start - 2].isdigit())
    broken = (_GLUED.match(before) is not None and not behind_cross) or len(digits) > _LONGEST
    broken = broken or re.match(r"[,.]\d|[!:]\d", line[end : end + 2]) is not None
    if line[end : end + 1] == "%" or line[end : end + 2] == " %":
        percent, end = True, line.index("%", end) + 1
    elif (unit_found := UNIT.match(line, end + (line[end : end + 1] in (" ", "-", "\u00a0")))) is not None:
        unit_text, end = unit_found[0], unit_found.end()
        unit = unit_of(unit_text)
    after = line[end : end + 1]
    cross = after in ("x", "X") and re.match(r"[xX]\s*[\d(.]", line[end:]) is not None
    broken = broken or (after != "" and re.match(r"[^\W_]|[_!°'′″]", after) is not None and not cross)
    if broken:
        return Token(TokenKind.OTHER, line[start:end], start, end)
    return Token(
        TokenKind.NUMBER, found[0], start, end, float(digits), 10.0**-decimals, not decimals, unit, unit_text, percent
    )
