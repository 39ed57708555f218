"""A question with a trace that every filter keeps."""

from dataclasses import replace
from typing import Any

from training.traces.filters import TeacherTrace

QUESTION = (
    "A 54-year-old woman with type 1 diabetes has vomited for two days. Her blood pressure is 96/60 mm Hg "
    "and her weight is 70 kg. Laboratory studies show sodium 132 mEq/L, chloride 94 mEq/L, bicarbonate 10 mEq/L and "
    "glucose 540 mg/dL. Which of the following is the most appropriate first step in management?"
)
OPTIONS = {
    "A": "Sodium bicarbonate",
    "B": "Intravenous 0.9% saline",
    "C": "Subcutaneous insulin glargine",
    "D": "Oral rehydration",
}
REASONING = (
    "The patient has diabetes, vomiting, a glucose of 540 mg/dL and a low bicarbonate, so the acid-base state "
    "comes first. The anion gap is 132 - (94 + 10) = 28 mEq/L, which is high, and the most likely cause is diabetic "
    "ketoacidosis. Because she is hypotensive, volume has to be restored before anything else. A is wrong, since "
    "bicarbonate is only considered at a very low pH. Option C acts too slowly, and option D fails in a patient who "
    "vomits. Isotonic saline at 20 mL/kg would be 20 mL/kg x 70 kg = 1400 mL. That leaves B."
)


def vignette(**changed: Any) -> TeacherTrace:
    """Return the trace with some of its fields replaced."""
    return replace(TeacherTrace(QUESTION, OPTIONS, "B", REASONING, "<answer>B</answer>"), **changed)


def reasoning(sentence: str) -> TeacherTrace:
    """Return the trace with one more sentence at its end."""
    return vignette(reasoning=f"{REASONING}\n{sentence}")
