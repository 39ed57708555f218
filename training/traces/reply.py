"""A teacher's response, divided into its reasoning and its final answer, with the label that the strict parse reads."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from evalsuite.parser import DIALECTS, final_segment, parse
from evalsuite.parser.final_segment import without_ceremony
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import write

_REFUSAL: Final = re.compile(
    r"\bI(?:['’]m| am) (?:sorry|unable|not able)\b|\bas an AI\b"
    r"|\bI (?:can(?:no|['’])t|won['’]t|am not able to) (?:help|assist|answer|provide|give|offer|comply|discuss)\b",
    re.IGNORECASE,
)
_OPENINGS: Final = tuple(
    sorted({mark for dialect in DIALECTS for mark in (*dialect.openings, *dialect.leading)}, key=len, reverse=True)
)
_CLOSINGS: Final = tuple(
    sorted({mark for dialect in DIALECTS for mark in (*dialect.closings, *dialect.ceremony)}, key=len, reverse=True)
)
_BOUNDARY: Final = re.compile(r"[.!?。！？]\s|\n")
_SENTENCE_ENDS: Final = (".", "!", "?", "。", "！", "？")
_COLONS: Final = frozenset(":：")
_BRACKETS: Final = " \t\n*_$(（[\"'“:："
"""What may stand between a sentence and an answer, or inside an answer before its label."""


class Reply(NamedTuple):
    """What a teacher answered."""

    status: str
    """`ok`, or a parse status that says why there is no strict answer, `refused` and `reasoning_only` among them."""
    label: str | None
    reasoning: str
    final: str
    """The response behind the reasoning. Of a response without marks it is the answer alone, in its canonical form."""


def read_reply(record: ResponseRecord, labels: tuple[str, ...], format: str) -> Reply:
    """Read a response; a teacher without reasoning marks reasons in its text, before the answer."""
    opens = record.opens_reasoning and not record.reasoning
    strict = parse(record.text, labels, None, format, record.finish, opens).strict
    start = final_segment(record.text, opens)
    if start is None:
        return Reply(strict.status, None, record.text.strip(), "")
    begin, end = without_ceremony(record.text, start, format)
    final = record.text[begin:end].strip()
    reasoning = record.reasoning.strip() or _without_marks(record.text[:start])
    if strict.label is None or strict.span is None:
        return Reply(_status(strict.status, reasoning, final), None, reasoning, final)
    if not reasoning:
        reasoning = _before_answer(record.text[begin : strict.span[0]], format, strict.label)
        final = write(format, strict.label)
    return Reply(strict.status, strict.label, reasoning, final)


def _status(status: str, reasoning: str, final: str) -> str:
    if not final and reasoning:
        return "reasoning_only"
    return "refused" if status == "no_answer" and _REFUSAL.search(final[:300]) else status


def _without_marks(text: str) -> str:
    """Return the text of reasoning blocks without the marks at their ends."""
    text = text.strip()
    for marks, strip in ((_OPENINGS, str.removeprefix), (_CLOSINGS, str.removesuffix)):
        while (shorter := next((strip(text, mark) for mark in marks if strip(text, mark) != text), None)) is not None:
            text = shorter.strip()
    return text


def _before_answer(text: str, format: str, label: str) -> str:
    """Return the sentences before the answer, given the text up to the answer's label."""
    lead = write(format, label).partition(label)[0].strip(_BRACKETS).lower()
    before = text.rstrip(_BRACKETS)
    if lead and before.lower().endswith(lead):
        text = text[: len(before) - len(lead)]
    kept = text.rstrip(_BRACKETS)
    between = text[len(kept) :]
    if not kept or kept.endswith(_SENTENCE_ENDS) or ("\n" in between and not _COLONS & set(between)):
        return kept
    # What is left of the sentence that states the answer, such as "So the final answer is".
    ends = [match.end() for match in _BOUNDARY.finditer(kept)]
    return kept[: ends[-1]].rstrip() if ends else kept
