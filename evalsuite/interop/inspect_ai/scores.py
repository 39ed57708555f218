"""A grade as a score of inspect-ai: the strict parse is its value, both parses are in its metadata and explanation."""

from __future__ import annotations

from typing import Any, Final

from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.interop.grade_response import grade_to_json
from evalsuite.models.optional_packages import import_optional
from evalsuite.tasks.item import Item

METADATA_KEY: Final = "evalsuite"
"""Key of the metadata of logs and samples that holds what inspect-ai has no field for."""
SCORER: Final = "evalsuite"
_LONGEST_QUOTE: Final = 80
"""Most characters of a parsed answer that an explanation quotes."""


def score(grade: Grade, text: str) -> Any:
    """Return the grade of the response `text` as an inspect-ai `Score`, with the value C (correct) or I (incorrect)."""
    rotated = f"options rotated by {grade.rotation}; labels are the item's own\n\n" if grade.rotation else ""
    strict, lenient = _explain(grade.strict, text), _explain(grade.lenient, text, grade.form)
    return import_optional("inspect_ai.scorer", "inspect").Score(
        value="C" if grade.strict.correct else "I",
        answer=grade.strict.label,
        explanation=f"{rotated}strict: {strict}\n\nlenient: {lenient}",
        metadata=grade_to_json(grade),
    )


def unanswered() -> Any:
    """Return the `Score` of a sample that has no response."""
    explanation = "there is no response; it counts as wrong"
    return import_optional("inspect_ai.scorer", "inspect").Score(value="I", explanation=explanation)


def sample_id(item: str, rotation: int) -> str:
    """Return the id of an item's sample: the item's own id, with `~ROTATION` where its options are rotated."""
    return f"{item}~{rotation}" if rotation else item


def sample_metadata(item: Item, rotation: int) -> dict[str, Any]:
    """Return what a sample's metadata holds under `METADATA_KEY`."""
    return {"group": item.group, "item": item.id, "rotation": rotation}


def without_surrogates(text: str) -> str:
    """Replace each lone surrogate by one `?`, because a log cannot hold them; spans stay valid."""
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= char <= "\udfff" for char in text) else text


def _explain(parse: GradedParse, text: str, form: str | None = None) -> str:
    """Describe one parse in words: its label, or its status, and what was parsed where."""
    if parse.label is None or parse.span is None:
        return parse.status
    start, end = parse.span
    answer = without_surrogates(text[start:end])
    quote = answer if len(answer) <= _LONGEST_QUOTE else f"{answer[:_LONGEST_QUOTE]}..."
    verdict = "right" if parse.correct else "wrong"
    return f"{parse.label} ({verdict}), parsed{f' as {form}' if form else ''} at {start}-{end}: {quote!r}"
