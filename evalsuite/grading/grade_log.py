"""Grades stored in the order of a journal, so that a run's responses are parsed once."""

from __future__ import annotations

from array import array
from typing import Final

from evalsuite.grading.grade import Grade, GradedParse, Span
from evalsuite.run_folder import ResponseRecord

_NO_SPAN: Final = (-1, -1)


class GradeLog:
    """The grades of one task's responses, 28 bytes each.

    Labels, statuses and forms have few distinct combinations, so a grade is the number of its combination and two
    spans. A million `Grade` objects would take half a gigabyte.
    """

    def __init__(self) -> None:
        self._combinations: dict[Grade, int] = {}
        self._templates: list[Grade] = []
        self._codes = array("i")
        self._spans = array("i")
        self._keys = array("q")

    def __len__(self) -> int:
        return len(self._codes)

    def append(self, grade: Grade) -> None:
        """Add the grade of the next record of the journal."""
        strict, lenient = grade.strict, grade.lenient
        template = grade._replace(
            item="", sample=0, rotation=0, strict=strict._replace(span=None), lenient=lenient._replace(span=None)
        )
        code = self._combinations.setdefault(template, len(self._templates))
        if code == len(self._templates):
            self._templates.append(template)
        self._codes.append(code)
        self._spans.extend((*(strict.span or _NO_SPAN), *(lenient.span or _NO_SPAN)))
        self._keys.append(_key(grade.item, grade.rotation, grade.sample))

    def grade_of(self, position: int, record: ResponseRecord) -> Grade | None:
        """Return the grade at a position of the journal; None where it holds another record or none."""
        if position >= len(self) or self._keys[position] != _key(record.item, record.rotation, record.sample):
            return None
        template = self._templates[self._codes[position]]
        start, end, start_lenient, end_lenient = self._spans[4 * position : 4 * position + 4]
        return template._replace(
            item=record.item,
            sample=record.sample,
            rotation=record.rotation,
            strict=_with_span(template.strict, (start, end)),
            lenient=_with_span(template.lenient, (start_lenient, end_lenient)),
        )


def _key(item: str, rotation: int, sample: int) -> int:
    return hash((item, rotation, sample))


def _with_span(graded: GradedParse, span: Span) -> GradedParse:
    return graded if span == _NO_SPAN else graded._replace(span=span)
