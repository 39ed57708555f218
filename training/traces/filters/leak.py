"""Traces of a teacher that was shown the answer, and whose reasoning gives that away.

A student would learn to know the answer first. Only traces with `gold_shown` are examined: elsewhere the same words
are the teacher's own conclusion.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt, words_of

_ANSWER: Final = r"(?:answer|option|choice|label)(?!\s*(?:choices|options|s\b))"
_SHOWN: Final = r"(?:given|stated|provided|supplied|shown|indicated|specified|revealed|disclosed)"
_IN_THE_QUESTION: Final = (
    r"(?!\s+(?:in|by)\s+(?:the\s+)?(?:option|question|vignette|case|stem|study|passage|abstract|text)s?\b)"
)
_MENTIONS: Final = re.compile(
    "|".join(
        (
            rf"\b(?:correct|right|gold|final|reference) {_ANSWER}\s+(?:is|was|has been)\s+(?:already\s+)?{_SHOWN}\b",
            rf"\b(?:the|this|that|your) (?:{_SHOWN}|reference|official|known) (?:correct |right |gold |final )?"
            r"(?:answer|label|answer key|solution)\b(?!\s*(?:choice|option|set|format|s\b))",
            rf"\b{_ANSWER}[^.\n]{{0,30}}\bas (?:was |it was )?{_SHOWN}\b{_IN_THE_QUESTION}",
            rf"\bas {_SHOWN},? (?:the |that the )?(?:correct |right )?answer\b",
            r"(?:^|[.\n])(?:(?!option|question|case|finding|result|value|data|history|study|that)[^.\n])*"
            r"\bas (?:given|provided)(?=\s*[,.;)\n])",
            r"\b(?:since|because|knowing|given) (?:that )?(?:we (?:already )?know )?(?:that )?the (?:correct|right) "
            r"(?:answer|option|choice) is\b",
            r"\bwe (?:already know|are given|have been given|were given)(?: that)? the (?:correct |right )?answer\b",
            r"\b(?:question|prompt|user|key) (?:already )?(?:gives|states|says|provides|indicates)(?: that)? the "
            r"(?:correct|right) (?:answer|option|choice) (?:is|as)\b",
            r"\banswer key\b|\bground[- ]truth\b|\bgold (?:label|answer|option|choice)\b",
            r"\b(?:justify|work backwards? from|rationali[sz]e) (?:why )?(?:the|this) (?:correct |given )?answer\b",
            r"正确答案(?:已|为已)(?:经)?(?:给出|知)|(?:给定|给出|提供|已知)的(?:正确)?答案|参考答案|标准答案",
            r"(?:与えられた|示された|提示された)(?:正解|正答|答え|解答)|正解は(?:すでに|既に)",
        )
    ),
    re.IGNORECASE,
)
_EVIDENCE: Final = 20
"""Words of evidence that stand before the first statement of an answer."""
_OTHERS: Final = 800
"""Characters within which whoever examines the options one by one comes to another one."""
_SENTENCE_END: Final = re.compile(r"[.!?]\s|[。！？\n]")
_BEST: Final = "most|best|correct|right|answer|appropriate|likeliest|first|next"
_FIRST_CHARACTERS: Final = 2_000
"""Among which the opening of a trace ends."""
_SHORTEST_TEXT: Final = 5
"""Characters of an option's text that is looked for; shorter ones occur by chance."""


def check_leak(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict if the trace mentions that it was shown the answer, or names it before any evidence."""
    if not trace.gold_shown:
        return None
    for text in (trace.reasoning, trace.final):
        if (mention := _MENTIONS.search(text)) is not None:
            start = max(0, mention.start() - 60)
            return Verdict(DiscardReason.ANSWER_WAS_SHOWN, excerpt(text, start, mention.end() + 40))
    if (end := _named_first(trace)) is not None:
        return Verdict(DiscardReason.ANSWER_BEFORE_EVIDENCE, excerpt(trace.reasoning, 0, end))
    return None


def _named_first(trace: TeacherTrace) -> int | None:
    """Return where the gold label or its text ends, if it is named before there is evidence."""
    end = _opening(trace.reasoning)
    opening = trace.reasoning[:end]
    if (concluded := _concluded(trace.gold).search(opening)) is not None:
        return concluded.end()
    if (named := _named(trace.gold).search(opening)) is not None and not any(
        _named(label).search(trace.reasoning[:_OTHERS]) for label in trace.options if label != trace.gold
    ):
        return named.end()
    text, words = _folded(trace.options[trace.gold]), _folded(opening)
    if len(text) < _SHORTEST_TEXT + 2 or text in _folded(trace.question):
        return None
    first = re.match(rf"{re.escape(text)}(?:is the (?:{_BEST}) |$)", words)
    return end if first or re.search(rf"\banswer is(?: the| a| an)?{re.escape(text)}", words) else None


def _opening(text: str) -> int:
    """Return where the first words end: at most so many as evidence takes, and no more than one sentence of them."""
    text = text[:_FIRST_CHARACTERS]
    for end in [*(found.end() for found in _SENTENCE_END.finditer(text)), len(text)]:
        if len(words_of(text[:end])) >= _EVIDENCE // 2:
            break
    while len(words_of(text[:end])) > _EVIDENCE:
        end = text.rfind(" ", 0, end) if " " in text[:end] else _EVIDENCE
    return end


@cache
def _concluded(label: str) -> re.Pattern[str]:
    """Return how a label is stated as the answer."""
    name = re.escape(label)
    if len(label) > 1:
        return re.compile(rf"^\W*{name}\b|\banswer(?: is|:)\W*{name}\b", re.IGNORECASE)
    return re.compile(
        rf"\b(?i:answer(?: is|:)|select|choose|pick)(?i: option| choice)?\W{{1,4}}{name}\b(?!-|\s[a-z])|"
        rf"^\W*{name}[.):,](?!\w)|"
        rf"(?:答案(?:是|为|：)?|正解は)\s?{name}|\b{name}\W? is (?:correct|right|the (?:correct|right|best))\b"
    )


@cache
def _named(label: str) -> re.Pattern[str]:
    """Return how a label is named without a statement about it."""
    name = re.escape(label)
    return re.compile(rf"\b(?i:option|choice)\W{{1,4}}{name}\b|(?<!\w)\({name}\)|(?:选项|選択肢)\s?{name}")


def _folded(text: str) -> str:
    return f" {' '.join(words_of(text))} "
