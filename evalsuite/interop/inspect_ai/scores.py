"""A grade as a score of inspect-ai: the strict verdict as its value, everything else where its viewer shows it."""

from __future__ import annotations

from typing import Any, Final

from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.models.optional_packages import import_optional
from evalsuite.tasks.item import Item

KEY: Final = "evalsuite"
"""Under which metadata keeps what a log has no field for."""
SCORER: Final = "evalsuite"
_READ: Final = 80
"""Characters of what was read that an explanation quotes."""


def score(grade: Grade, text: str) -> Any:
    """Say a grade of `text` as a `Score`: both readings in its metadata, and in words in its explanation."""
    strict, lenient = grade.strict, grade.lenient
    moved = f"options moved up by {grade.rotation}; labels are the item's own\n\n" if grade.rotation else ""
    return import_optional("inspect_ai.scorer", "inspect").Score(
        value="C" if strict.correct else "I",
        answer=strict.label,
        explanation=f"{moved}strict: {_told(strict, text)}\n\nlenient: {_told(lenient, text, grade.form)}",
        metadata={"strict": strict._asdict(), "lenient": {**lenient._asdict(), "form": grade.form}},
    )


def sample_id(item: str, rotation: int) -> str:
    """Name an item under a rotation of its options: by its own id where they stand in their own order."""
    return f"{item}~{rotation}" if rotation else item


def about(item: Item, rotation: int) -> dict[str, Any]:
    """What the metadata of a sample keep under `KEY`."""
    return {"group": item.group, "item": item.id, "rotation": rotation}


def unanswered() -> Any:
    """Return the `Score` of a sample that has no response."""
    told = "no response came back; it counts as wrong"
    return import_optional("inspect_ai.scorer", "inspect").Score(value="I", explanation=told)


def plain(text: str) -> str:
    """Lone surrogates replaced one for one, since a log can't hold them; spans stay where they were."""
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= char <= "\udfff" for char in text) else text


def _told(reading: GradedParse, text: str, form: str | None = None) -> str:
    """A reading in words: its label, its status, and what was read where."""
    if reading.label is None or reading.span is None:
        return reading.status
    start, end = reading.span
    quoted = plain(text[start:end])
    shown = quoted if len(quoted) <= _READ else f"{quoted[:_READ]}..."
    verdict = "right" if reading.correct else "wrong"
    return f"{reading.label} ({verdict}), read{f' as {form}' if form else ''} at {start}-{end}: {shown!r}"
