"""Numbers of records, accounts, policies, licences, vehicles and devices: found behind the word that labels them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.kinds import Identifier, Kind

_OF: Final = r"(?:[ ]?(?:no\b\.?|nos\b\.?|number|num\b\.?|#|id\b|nr\b\.?))"
_END: Final = r"(?![A-Za-z])"
_JOINT: Final = r"[ ]?(?:[:#=]|\bis\b)?[ ]?"
_VALUE: Final = (
    r"(?P<value>(?:[A-Za-z]{1,6}[-/]?|(?-i:[A-Z]{1,4})[ ])?\d[A-Za-z\d]*(?:[-/.]+[A-Za-z\d]+|[ ]\d[A-Za-z\d]+)*)"
)
_LABELS: Final[tuple[tuple[Kind, str], ...]] = (
    # A label with "!" needs a word such as "number" behind it, since it is also an ordinary word.
    (Kind.MRN, r"MRN|MR#|UHID|URN|medical[ ]record|med[ ]rec|!hospital|!hosp|!chart|!unit|!patient|!pt"),
    (Kind.SSN, r"SSN|social[ ]security|SS#"),
    (
        Kind.INSURANCE,
        r"insurance|!ins|!policy|policy|!member|member|!beneficiary|!medicare|!medicaid|!subscriber|MBI|HICN",
    ),
    (Kind.ACCOUNT, r"account|acct|IBAN|!card|credit[ ]card|full[ ]card|debit[ ]card|!billing|!invoice"),
    (Kind.LICENCE, r"NPI|DEA|licen[cs]e|certificate|!registration|!GMC|!NMC"),
    (Kind.VEHICLE, r"VIN|licen[cs]e[ ]plate|number[ ]plate|plate|registration"),
    (Kind.DEVICE, r"serial|!lot|lot|!device|UDI|IMEI|s/n|!batch"),
    (
        Kind.ID,
        r"accession|acc|specimen|!case|case|passport|NHS|aadhaar|PAN|!IP|!claim|!order|!study|!subject|!badge|badge|"
        r"!encounter|encounter|enc|!slides|slides|!block|!visit|!ID|CSN|CHI|!requisition|!reference|!ticket|!trial",
    ),
)
_PLATE: Final = re.compile(
    r"\b(?:(?:licen[cs]e|number)[ ]plate|plate|registration)(?:[ ]?(?:no\.?|number|#))?[ ]?:?[ ]?"
    r"(?P<value>[A-Z\d]{1,4}[- ]?[A-Z\d]{2,4}(?:[- ]?[A-Z\d]{1,4})?)\b"
)
_VIN: Final = re.compile(r"\b(?=[A-Z]*\d)(?=(?:\d*[A-Z]){3})[A-HJ-NPR-Z\d]{17}\b")
_SSN: Final = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_FEWEST_DIGITS: Final = 3
_SHORTEST: Final = 4
_YEAR: Final = re.compile(r"(?:19|20)\d\d")


def _pattern(labels: str) -> re.Pattern[str]:
    marked = [each for each in labels.split("|") if each.startswith("!")]
    plain = [each for each in labels.split("|") if not each.startswith("!")]
    either = [f"(?:{'|'.join(plain)}){_OF}?"] if plain else []
    if marked:
        either.append(f"(?:{'|'.join(each[1:] for each in marked)}){_OF}")
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(either)}){_END}{_JOINT}{_VALUE}(?![A-Za-z\d])", re.IGNORECASE)


_PATTERNS: Final = tuple((kind, _pattern(labels)) for kind, labels in _LABELS)


def find_numbers(text: str) -> Iterator[Identifier]:
    """Yield the numbers that one person, document or thing has, each behind its label, and SSNs also without one."""
    for match in _SSN.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.SSN, "ssn-form")
    for match in _VIN.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.VEHICLE, "vin-form")
    for match in _PLATE.finditer(text):
        if any(char.isdigit() for char in match["value"]):
            yield Identifier(*match.span("value"), Kind.VEHICLE, "plate-label")
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            value = match["value"]
            digits = sum(char.isdigit() for char in value)
            if digits >= _FEWEST_DIGITS and len(value) >= _SHORTEST and not _YEAR.fullmatch(value):
                yield Identifier(*match.span("value"), kind, f"{kind}-label")
