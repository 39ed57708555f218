"""The wording of a trace: its length, repetitions, and what it copies from the question."""

from __future__ import annotations

from typing import Final

from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt, sequences, words_of

_LOOP: Final = 6
"""Words of a sequence whose repetition counts."""
_FEWEST: Final = 50
"""With fewer words a repetition is no loop."""
_COPY: Final = 8
"""Words of a sequence of the question; shorter ones are the terms of the subject."""
_FEWEST_COPIED: Final = 10
"""A question of fewer sequences is restated whole in ordinary reasoning."""
_PART: Final = 0.2
"""Share of the reasoning that the copy takes at least: a question may be restated before reasoning at length."""


def check_length(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict unless the reasoning's words lie in the band."""
    count = len(words_of(trace.reasoning))
    if count < settings.least_words:
        return Verdict(DiscardReason.TOO_SHORT, f"{count} words: {excerpt(trace.reasoning)}")
    if count > settings.most_words:
        return Verdict(DiscardReason.TOO_LONG, f"{count} words: {excerpt(trace.reasoning)}")
    return None


def check_repetition(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict if too many of the reasoning's word sequences occurred before."""
    words = words_of(trace.reasoning)
    if len(words) < _FEWEST:
        return None
    seen: dict[tuple[str, ...], int] = {}
    every = sequences(words, _LOOP)
    for sequence in every:
        seen[sequence] = seen.get(sequence, 0) + 1
    share = 1 - len(seen) / len(every)
    if share <= settings.repeated:
        return None
    worst = max(seen, key=seen.__getitem__)
    return Verdict(DiscardReason.REPETITION, f"{share:.0%} repeated: {' '.join(worst)!r} {seen[worst]} times")


def check_copied_question(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict if the reasoning holds too much of the question, word by word, and not much else."""
    of_question = set(sequences(words_of(trace.question), _COPY))
    if len(of_question) < _FEWEST_COPIED:
        return None
    written = sequences(words_of(trace.reasoning), _COPY)
    share = len(of_question.intersection(written)) / len(of_question)
    if share <= settings.copied or sum(each in of_question for each in written) < _PART * len(written):
        return None
    return Verdict(DiscardReason.COPIED_QUESTION, f"{share:.0%} of the question: {excerpt(trace.reasoning)}")
