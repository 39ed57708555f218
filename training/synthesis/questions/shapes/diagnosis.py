"""Signs -> disease."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.options import candidates, choose
from training.synthesis.questions.presentation import Competitors, draw_presentation
from training.synthesis.questions.question import Question
from training.synthesis.questions.shapes.shape import Shape


class Diagnosis(Shape):
    """Tells the signs of a patient and asks for the disease."""

    name: ClassVar[str] = "diagnosis"
    share: ClassVar[float] = 0.4
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Which of these diagnoses explains all of them?",
        "The findings in a patient are: {signs}. Which of these is the most likely diagnosis?",
        "On evaluation, a patient is found to have: {signs}. Which of the following disorders is most likely?",
        "Which of the following disorders best accounts for this combination of findings: {signs}?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases with enough signs to be presented, at least two of which their patients often have."""
        return [disease for disease in self.source.signs.diseases.tolist() if self.source.tellable.suffice(disease)]

    @cached_property
    def _answers(self) -> NDArray[np.bool_]:
        return np.isin(self.source.signs.diseases, self.subjects)

    def ask(self, subject: int, draw: Draw) -> Question | None:
        """Draw a question; distractors are diseases that could be the answer to another one."""
        presentation = draw_presentation(self.source, subject, draw)
        if presentation is None:
            return None
        competitors, names, graph = Competitors(self.source, presentation), self.source.names, self.source.graph
        pool = candidates(
            competitors.sharing(1 + draw.below(len(presentation.signs) - 2), self._answers),
            lambda node: not (graph.related(node, subject) or presentation.roots.meet(names.roots(node))),
            draw,
        )
        chosen = choose(subject, pool, self.traits, self.balance, draw)
        if chosen is None:
            return None
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(signs=self.listed(presentation.signs)),
            answer=subject,
            distractors=tuple(competitors.refute(disease, disease) for disease in chosen),
            stated=presentation.edges,
            hidden=(),
            subject=subject,
            hops=1,
            closeness=competitors.closeness(chosen),
        )
