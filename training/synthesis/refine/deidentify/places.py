"""Street addresses, postal codes, cities and counties; hospitals, practices, homes, schools and employers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.allow_list import is_allowed, names_something_clinical, plain
from training.synthesis.refine.deidentify.kinds import Identifier, Kind
from training.synthesis.refine.deidentify.lexicon import Lexicon
from training.synthesis.refine.deidentify.words import WORD, word_list

_STREET: Final = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Row|Close|Crescent|"
    r"Highway|Hwy|Parkway|Pkwy|Square|Sq|Circle|Cir|Trail|Gardens|Grove|Mews|Walk|Nagar|Marg|Colony|Strasse|Alley|Pike|Turnpike)"
)
_UNIT: Final = r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Rm|No|#)\.?\s?[\w-]{1,6})"
_ADDRESS: Final = re.compile(
    rf"\b(?:(?:Plot|Flat|House|Unit|Apt|No\.?)\s\w{{1,5}},\s)?(?:\d{{1,5}}[A-Z]?,?\s(?:[NSEW]\.?\s)?(?:\d{{1,3}}(?:st|nd|rd|th)\s|(?:{WORD}\s){{1,3}})"
    rf"|(?<=\d, ){WORD}\s){_STREET}\b\.?{_UNIT}?(?:,\s{WORD}(?:\s{WORD}){{0,2}})?"
)
_BOX: Final = re.compile(r"\bP\.?\s?O\.?\s?Box\s\d+", re.IGNORECASE)
_STATE: Final = "|".join(each.replace("_", " ") for each in sorted(word_list("states"), key=len, reverse=True))
_ZIP: Final = re.compile(
    rf"\b(?:(?:{_STATE}),?\s+|(?i:zip(?:\s?code)?|postal\scode|postcode)(?:\s(?:is|of))?\s?:?\s?)(?P<value>\d{{5}}(?:-\d{{4}})?)\b"
)
_POSTCODE: Final = re.compile(
    r"\b(?:[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}|[A-CEGHJ-NPR-TVXY]\d[A-Z]\s\d[A-Z]\d)\b"
)
_CITY_AND_STATE: Final = re.compile(rf"\b(?P<value>{WORD}(?:\s{WORD}){{0,2}}),\s(?P<state>{_STATE})\b")
_DEGREES: Final = frozenset({"MD", "PA", "MA", "MS", "ND"})
"""Abbreviations of states that are also degrees or professions: before them a city has to be known."""
_BEFORE_POSTCODE: Final = re.compile(rf"(?P<value>{WORD}(?:[ ]{WORD})?),?[ ]$")
_BETWEEN_COMMAS: Final = re.compile(
    rf"(?<=[a-z)],[ ])(?P<value>{WORD}(?:[ ]{WORD})?)(?=[,.;]|[ ]for\b|\s*$)", re.MULTILINE
)
_COUNTY: Final = re.compile(rf"\b(?P<value>{WORD}(?:\s{WORD})?\sCounty)\b|\b[Cc]ounty\sof\s(?P<of>{WORD})")
_BEFORE_CITY: Final = re.compile(
    rf"\b(?i:in|from|to|near|of|at|outside|around|into|via|through|leaving|visiting|visited)\s(?P<value>{WORD}(?:\s{WORD}){{0,2}})"
)
_MOVES: Final = re.compile(
    r"\b(?:liv(?:es?|ed|ing)|works?|working|resid\w+|moved|born|raised|grew up|flew|flight|travel\w*"
    r"|trip|vacation\w*|relocated)\s(?:up\s|back\s)?$",
    re.IGNORECASE,
)
"""Before "in Paris" it tells that the city is meant, which is also a classification."""
_SHORTEST_CITY: Final = 4
"""Letters of a city that counts behind a preposition alone: Bo and Ica are abbreviations far more often."""
_FACILITY_NOUN: Final = (
    r"(?:Hospitals?|Medical\sCent(?:er|re)|Clinics?|Infirmary|(?:Nursing|Care|Retirement|Funeral)\sHome|Health\sCent(?:er|re)|Hospice|"
    r"Rehabilitation(?:\sCent(?:er|re))?|Cancer\s(?:Cent(?:er|re)|Institute)|Institute|(?:Family|Group|Medical)\sPractice|Surgery|"
    r"Assisted\sLiving|Memorial|Imaging(?:\sCent(?:er|re))?|(?:High|Elementary|Middle|Primary|Secondary|Public)\sSchool|"
    r"School|University|Academy|Healthcare|Health\sSystem|Pharmacy|Laborator(?:y|ies)|Company|Inc\.?|Corporation|Corp\.?|LLC|Ltd\.?|"
    r"Foundry|Factory|Steelworks|Mills?|Prison|Penitentiary|Daycare|Kindergarten|Sanatorium|Manor|Senior\sLiving)"
)
_FACILITY: Final = re.compile(
    rf"\b(?P<value>(?:(?:St|Mt|Ft)\.\s|Saint\s|Mount\s)?(?:{WORD}(?:['’]s)?(?:\s|-)(?:(?:of|and|&|the)\s)?){{1,4}}{_FACILITY_NOUN})(?!\w)(?!\sof\b)"
)
_FAITH_FACILITY: Final = re.compile(
    rf"\b(?P<value>(?:Baptist|Methodist|Lutheran|Presbyterian|Providence|Sacred\sHeart|Good\sSamaritan)\s{WORD})\b"
)
_GENERIC: Final = word_list("facility_words")


def find_places(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield places smaller than a state, and facilities. States and countries stay."""
    for match in (*_ADDRESS.finditer(text), *_BOX.finditer(text)):
        yield Identifier(match.start(), match.end(), Kind.PLACE, "street-address")
    for match in _ZIP.finditer(text):
        yield Identifier(*match.span("value"), Kind.PLACE, "postal-code")
    for match in _COUNTY.finditer(text):
        yield Identifier(*match.span("value" if match["value"] else "of"), Kind.PLACE, "county")
    for match in _POSTCODE.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.PLACE, "postal-code")
        town = _BEFORE_POSTCODE.search(text, max(0, match.start() - 30), match.start())
        if town is not None and not is_allowed(town["value"]):
            yield Identifier(*town.span("value"), Kind.PLACE, "postal-code")
    for match in _BETWEEN_COMMAS.finditer(text):
        name = plain(match["value"])
        if name in lexicon.cities and name not in lexicon.given | lexicon.surnames and not is_allowed(name):
            yield Identifier(*match.span("value"), Kind.PLACE, "city")
    yield from _facilities(text)
    yield from _cities(text, lexicon)


def _facilities(text: str) -> Iterator[Identifier]:
    for match in _FACILITY.finditer(text):
        start = match.start("value")
        words = list(re.finditer(r"[^\s]+", match["value"]))
        # "Transferred from The Mercy General Hospital": generic words at the front are no part of the name.
        while words and plain(words[0][0]) in _GENERIC | {"seen", "transferred", "admitted", "went"}:
            words.pop(0)
        noun = re.search(rf"{_FACILITY_NOUN}$", match["value"])
        # "Society of Vascular Surgery" is no practice.
        field = noun is not None and noun[0] == "Surgery" and len(words) > 1 and plain(words[-2][0]) in _GENERIC
        if words and noun is not None and words[0].start() < noun.start() and not field:
            yield Identifier(start + words[0].start(), match.end("value"), Kind.FACILITY, "facility-noun")
    for match in _FAITH_FACILITY.finditer(text):
        if not is_allowed(match["value"].split()[-1]):
            yield Identifier(*match.span("value"), Kind.FACILITY, "facility-noun")


def _cities(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    for match in _CITY_AND_STATE.finditer(text):
        known = plain(match["value"]) in lexicon.cities or match["state"] not in _DEGREES
        listed = plain(match["value"]) in lexicon.cities or not is_allowed(match["value"].split()[0])
        if known and listed and plain(match["value"]) not in lexicon.regions:
            yield Identifier(*match.span("value"), Kind.PLACE, "city-and-state")
    for match in _BEFORE_CITY.finditer(text):
        words = match["value"].split()
        for count in range(len(words), 0, -1):
            if sum(map(len, words[:count])) < _SHORTEST_CITY:
                break
            name = " ".join(words[:count])
            found = Identifier(match.start("value"), match.start("value") + len(name), Kind.PLACE, "city")
            if plain(name) in lexicon.regions:
                break
            allowed = is_allowed(name) and _MOVES.search(text, max(0, match.start() - 24), match.start()) is None
            if plain(name) in lexicon.cities and not allowed:
                if not names_something_clinical(text, found):
                    yield found
                break
