"""What the responses of a task show that a reader of its accuracy must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from evalsuite.grading.grade import Grade
from evalsuite.models.finish_reason import is_known
from evalsuite.parser.result import REASONING_ONLY
from evalsuite.run_folder import ResponseRecord

_WORDS_SHOWN: Final = 5


class ResponseNotes:
    """Counts what is unusual about the responses of one task."""

    def __init__(self) -> None:
        self._unknown_finish: Counter[str] = Counter()
        self._reasoning_only = 0

    def add(self, record: ResponseRecord, grade: Grade) -> None:
        """Count a response."""
        self._reasoning_only += grade.strict.status == REASONING_ONLY
        if not is_known(record.finish):
            self._unknown_finish[record.finish] += 1

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
