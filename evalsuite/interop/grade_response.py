"""Grades one response inside another harness by the same call as `evalsuite run`, and gives the grade as JSON."""

from __future__ import annotations

from typing import Any

from evalsuite.grading.grade import Grade, grade
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item


def grade_response(
    item: Item,
    format: str,
    text: str,
    *,
    reasoning: str = "",
    finish: str = "stop",
    opens_reasoning: bool = False,
    sample: int = 0,
    rotation: int = 0,
) -> Grade:
    """Grade the response `text` to a task's own prompt in an answer format.

    `reasoning` is what a server returned separately from the text. It is never graded, and it means that the text
    does not begin inside reasoning, whatever `opens_reasoning` states of the prompt.
    """
    record = ResponseRecord(
        item=item.id,
        sample=sample,
        text=text,
        reasoning=reasoning,
        finish=finish,
        opens_reasoning=opens_reasoning and not reasoning,
        input_tokens=None,
        output_tokens=None,
        latency=None,
        request="",
        rotation=rotation,
    )
    return grade(item, record, PromptSetup(items=(item,), format=format))


def grade_to_json(graded: Grade) -> dict[str, Any]:
    """Return both parses of a grade: label, status, correct and span each, and the form of the lenient one."""
    return {"strict": graded.strict._asdict(), "lenient": {**graded.lenient._asdict(), "form": graded.form}}
