"""Signs -> disease."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from training.synthesis.questions.shapes.contrast import Case, ContrastShape


class Diagnosis(ContrastShape):
    """Tells the signs of a patient and asks for the disease."""

    name: ClassVar[str] = "diagnosis"
    share: ClassVar[float] = 0.35
    hops: ClassVar[int] = 1
    query: ClassVar[str] = "Which of these is the most likely diagnosis?"
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Which of these diagnoses explains all of them?",
        "The findings in a patient are: {signs}. Which of these is the most likely diagnosis?",
        "On evaluation, a patient is found to have: {signs}. Which of the following disorders is most likely?",
        "Which of the following disorders best accounts for this combination of findings: {signs}?",
    )

    @cached_property
    def cases(self) -> dict[int, Case]:
        """Each disease of which a patient can be presented, as its own answer."""
        return {disease: Case(disease, disease, (disease,)) for disease in self.source.tellable.subjects}
