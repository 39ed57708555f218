"""Telephone and fax numbers, e-mail and web addresses, IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.kinds import Identifier, Kind

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", re.ASCII)
_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|info|biz|io|health|blog|example|co\\.uk|org\\.uk|ac\\.uk|nhs\\.uk|co\\.in"
    "|com\\.au|ie|ca|nl|fr"
)
_URL: Final = re.compile(
    rf"(?:\b[a-z][a-z+]{{2,9}}://|\bwww\.)[^\s<>\"]+|(?<![\w@.])(?:[\w-]{{2,63}}\.){{1,5}}(?-i:{_DOMAINS})(?:/[^\s<>\"]*|(?![\w-]|\.\w))",
    re.IGNORECASE | re.ASCII,
)
_PHONE: Final = re.compile(
    r"(?<![\d.\w/-])(?:"
    r"\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"  # with a country code
    r"|(?:1[ .-])?\(\d{3}\)[ ]?\d{3}[ .-]?\d{4}|(?:1[ .-])?\d{3}([-. ])\d{3}\1\d{4}"  # North America
    r"|[2-9]\d{2}[2-9]\d{6}"
    r"|0\d{3,4}[ -]\d{3}[ -]?\d{3,4}|0\d{2}[ ]\d{4}[ ]\d{4}"  # Great Britain, with the leading zero
    r")(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?(?![\d/%-])"
)
_LABELLED_PHONE: Final = re.compile(
    r"\b(?:phone|telephone|tel|cell|mobile|call|text|pager|page|beeper|bleep|ext|extension|contact|ph|at|whatsapp)\b\.?"
    r"(?:[ ](?:me|us|him|her|is|no\.?|number|at|on"
    r"|#)){0,3}[ ]?[:#]?[ ]?(?P<value>\+?\d[\d().-]*(?:[ .-]\d{2,}){0,4})(?![\d/%])",
    re.IGNORECASE,
)
_SHORT_LABEL: Final = re.compile(r"pager|beeper|bleep|\bext", re.IGNORECASE)
_LOCAL: Final = re.compile(r"\d{3}-\d{4}")
_SHORT: Final = re.compile(r"\d{3,6}")
_FAX: Final = re.compile(r"\bfax(?:es)?\b[^.;\d\n]{0,30}$", re.IGNORECASE)
_IP: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f]{0,4}(?::[\da-f]{0,4}){2,7})(?![\w:])", re.IGNORECASE
)
_FEWEST_DIGITS: Final = 10


def find_contacts(text: str) -> Iterator[Identifier]:
    """Yield ways to reach somebody. A telephone number behind the word fax is a fax number."""
    for match in _EMAIL.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.EMAIL, "email-form")
    for match in _URL.finditer(text):
        end = match.start() + len(match[0].rstrip(".,;:!?)'\"]"))
        yield Identifier(match.start(), end, Kind.URL, "url-form")
    for match in _PHONE.finditer(text):
        yield _phone(text, match.start(), match.end(), "phone-form")
    for match in _LABELLED_PHONE.finditer(text):
        value = match["value"].rstrip(".-( ")
        digits = sum(char.isdigit() for char in value)
        short = _SHORT_LABEL.match(match[0]) is not None and _SHORT.fullmatch(value) is not None
        if short or _LOCAL.fullmatch(value) or digits >= _FEWEST_DIGITS:
            yield _phone(text, match.start("value"), match.start("value") + len(value), "phone-label")
    for match in _IP.finditer(text):
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if match[0] != "::":
            yield Identifier(match.start(), match.end(), Kind.IP, "ip-form")


def _phone(text: str, start: int, end: int, rule: str) -> Identifier:
    kind = Kind.FAX if _FAX.search(text, max(0, start - 40), start) else Kind.PHONE
    return Identifier(start, end, kind, rule)
