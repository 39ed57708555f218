"""What the responses of a task show that a reader of its accuracy must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from evalsuite.grading.grade import Grade
from evalsuite.models.finish_reason import is_known
from evalsuite.parser import response_wrapper
from evalsuite.parser.result import NOT_A_LABEL, REASONING_ONLY
from evalsuite.run_folder import ResponseRecord

_WORDS_SHOWN: Final = 5
_OWN_TAG: Final = "<answer>"
_ANY_OTHER: Final = "answer_line"
"""A format in which <answer> is no answer."""


class ResponseNotes:
    """Counts what is unusual about the responses of one task."""

    def __init__(self, format: str | None) -> None:
        self._format = format
        self._unknown_finish: Counter[str] = Counter()
        self._reasoning_only = 0
        self._wrapped: Counter[str] = Counter()
        self._prose_in_tag = 0

    def add(self, record: ResponseRecord, grade: Grade) -> None:
        """Count a response."""
        self._reasoning_only += grade.strict.status == REASONING_ONLY
        if not is_known(record.finish):
            self._unknown_finish[record.finish] += 1
        if self._format is None or "<" not in record.text:
            return
        wrapper = response_wrapper(record.text, self._format, record.opens_reasoning)
        if wrapper is not None:
            self._wrapped[wrapper] += 1
        elif grade.strict.status == NOT_A_LABEL:
            self._prose_in_tag += response_wrapper(record.text, _ANY_OTHER, record.opens_reasoning) == _OWN_TAG

    def lines(self) -> Iterator[str]:
        """Yield one sentence about each kind that occurred."""
        if self._reasoning_only:
            have = "responses have" if self._reasoning_only > 1 else "response has"
            yield (
                f"{self._reasoning_only:,} {have} all the text in the reasoning and no answer: the model ended "
                "there, or the server's reasoning parser took the answer"
            )
        if self._unknown_finish:
            total = self._unknown_finish.total()
            words = ", ".join(f"{word} ({n:,})" for word, n in self._unknown_finish.most_common(_WORDS_SHOWN))
            yield (
                f"{total:,} response{'s' * (total > 1)} ended for a reason that is not known: {words}; graded as if "
                "the model had ended them itself, so look at some of them"
            )
        for wrapper, count in self._wrapped.most_common():
            yield f"{count:,} response{'s' * (count > 1)} had the model's own {wrapper} around all of it: not parsed"
        if self._prose_in_tag:
            yield (
                f"{self._prose_in_tag:,} response{'s' * (self._prose_in_tag > 1)} had <answer> around all of it, as "
                "Hunyuan models write: that is also the tag of the requested answer, so use another answer format "
                "(answer_line)"
            )
