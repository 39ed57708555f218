"""The languages of PubMed's texts, as BCP 47 writes them."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = """
    afr:af alb:sq amh:am ara:ar arm:hy aze:az ben:bn bos:bs bul:bg cat:ca chi:zh cze:cs dan:da dut:nl eng:en epo:eo
    est:et fin:fi fre:fr geo:ka ger:de gla:gd gre:el heb:he hin:hi hrv:hr hun:hu ice:is ind:id ita:it jpn:ja kin:rw
    kor:ko lat:la lav:lv lit:lt mac:mk mal:ml mao:mi may:ms nor:no per:fa pol:pl por:pt pus:ps rum:ro rus:ru san:sa
    scc:sr scr:hr slo:sk slv:sl spa:es srp:sr swe:sv tha:th tur:tr ukr:uk urd:ur vie:vi wel:cy
"""
_TWO_LETTERS: Final = dict(pair.split(":") for pair in _PAIRS.split())
"""PubMed's codes are those of MARC: ISO 639-2/B with two older ones."""


def language_tag(code: str | None) -> str:
    """Return the tag of PubMed's code of three letters: "fr" for "fre"; one without two letters keeps its code."""
    code = (code or "").strip().lower()
    return _TWO_LETTERS.get(code, code if len(code) == 3 and code.isalpha() and code not in ("mul", "und") else "und")
