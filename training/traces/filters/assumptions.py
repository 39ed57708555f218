"""Assumptions and uncertainties that a trace states, where the settings require them."""

from __future__ import annotations

import re
from typing import Final

from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt

_ASSUMPTION: Final = re.compile(
    r"\bassum(?:e[sd]?|ing|ptions?)\b|\bpresum(?:e[sd]?|ing|ably|ption)\b|\bprovided that\b|\bon the premise\b|"
    r"\btaking [^.\n]{1,40} (?:as|to be)\b|\bif we (?:take|accept|suppose)\b|\bsuppos(?:e|ing)\b|假设|假定|仮定|前提",
    re.IGNORECASE,
)
_UNCERTAINTY: Final = re.compile(
    r"\buncertain(?:ty|ties)?\b|\bunclear\b|\bunknown\b|\bnot (?:\w+ )?(?:certain|clear|sure|known)\b|"
    r"\b(?:can't|cannot|can not|could not|couldn't) (?:be )?(?:\w+ )?(?:exclude|rule|confirm)\w*|"
    r"\bless (?:likely|certain)\b|\bunlikely\b|\bremains? possible\b|\bprobabl[ey]\b|\bpossibl[ey]\b|\bmight\b|"
    r"\bperhaps\b|\blimited (?:data|evidence|information)\b|\bconfiden(?:ce|t)\b|"
    r"\bnot (?:given|stated|specified|mentioned|provided)\b|"
    r"不确定|不能排除|不清楚|可能性|尚不明|不確実|不明|除外できない",
    re.IGNORECASE,
)


def check_assumptions(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict if an assumption or an uncertainty is required and none is stated."""
    if settings.require_assumptions and not _ASSUMPTION.search(trace.reasoning):
        return Verdict(DiscardReason.NO_ASSUMPTION, excerpt(trace.reasoning))
    if settings.require_uncertainty and not _UNCERTAINTY.search(trace.reasoning):
        return Verdict(DiscardReason.NO_UNCERTAINTY, excerpt(trace.reasoning))
    return None
