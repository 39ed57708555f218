"""Repeats of a log that are copies: harnesses that send one seed with every repeat get one response several times.

Copies are no further samples: they would make intervals, pass@k and majority votes describe one response. At
temperature 0 equal repeats are expected, so they stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from evalsuite.interop.importing.harness_log import HarnessLog, LoggedQuestion, LoggedResponse

_LONG: Final = 200
"""Characters from which two equal texts can't be a coincidence at a temperature above 0."""
_MOSTLY: Final = 0.5
"""Share of the long texts that must be equal for a repeat to be a copy: engines aren't fully deterministic."""


def without_copies(log: HarnessLog) -> HarnessLog:
    """Return the log without repeats that are copies of earlier ones, with a note; unchanged if there are none."""
    count = log.samples
    # A run of evalsuite sent a seed of its own with each sample.
    if count < 2 or log.exported_setup is not None or log.decoding.get("temperature") == 0:
        return log
    kept: list[int] = []
    for number in range(count):
        if not any(_is_copy(log.questions, number, other) for other in kept):
            kept.append(number)
    if len(kept) == count:
        return log
    questions = tuple(replace(q, responses=[q.responses[number] for number in kept]) for q in log.questions)
    return replace(log, questions=questions, notes=(*log.notes, _note(log, count, len(kept))))


def _is_copy(questions: Sequence[LoggedQuestion], number: int, other: int) -> bool:
    """Whether one repeat has the same texts as another: all of them, or most of those that are long."""
    pairs = [(q.responses[number], q.responses[other]) for q in questions]
    pairs = [(a, b) for a, b in pairs if a.error is None and b.error is None]
    equal = [_text(a) == _text(b) for a, b in pairs]
    long = [same for same, (a, b) in zip(equal, pairs, strict=True) if min(len(_text(a)), len(_text(b))) >= _LONG]
    return bool(pairs) and (all(equal) or sum(long) > _MOSTLY * max(1, len(long)))


def _text(response: LoggedResponse) -> str:
    return response.reasoning + response.text


def _note(log: HarnessLog, count: int, kept: int) -> str:
    left = "one sample" if kept == 1 else f"{kept} samples"
    temperature = log.decoding.get("temperature")
    at = "at an unknown temperature" if temperature is None else f"at temperature {temperature:g}"
    return (
        f"the {count} repeats of each item are copies ({at} their texts are the same, so they were generated with the "
        f"same seeds): they count as {left}"
    )
