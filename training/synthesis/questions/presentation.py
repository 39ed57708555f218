"""A patient in signs: some signs of one disease that no other disease of the graph has all of."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.findings import Finding
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.names import Roots, joined
from training.synthesis.questions.question import Refutation, Refuted
from training.synthesis.questions.sign_table import OFTEN
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.tellable import FEWEST, TELLING

_MOST: Final = 7


class Presentation(NamedTuple):
    """Signs that a question tells of a patient whose disease it does not name. `often`: those at or above `OFTEN`."""

    disease: int
    signs: tuple[int, ...]
    often: tuple[int, ...]
    edges: tuple[int, ...]
    roots: Roots


def draw_presentation(source: QuestionSource, disease: int, draw: Draw) -> Presentation | None:
    """Draw signs that only this disease of the graph has all of; None if there are none."""
    findings = source.tellable.of(disease)
    frequent = [each for each in findings if each.frequency.low >= OFTEN]
    rest = findings[len(frequent) :]
    wanted = FEWEST + draw.below(_MOST - FEWEST)
    often = max(TELLING, wanted // 2 + draw.below(2))
    draw.shuffle(frequent)
    rest = [*frequent[often:], *rest]
    draw.shuffle(rest)
    chosen: list[Finding] = []
    for finding in [*frequent[:often], *rest]:
        if all(not source.graph.related(finding.sign, other.sign) for other in chosen):
            chosen.append(finding)
        if len(chosen) >= wanted and source.signs.number_having_all([each.sign for each in chosen]) == 1:
            return _presentation(source, disease, chosen, draw)
        if len(chosen) == _MOST:
            break
    return None


def _presentation(source: QuestionSource, disease: int, chosen: list[Finding], draw: Draw) -> Presentation:
    draw.shuffle(chosen)
    return Presentation(
        disease,
        tuple(each.sign for each in chosen),
        tuple(each.sign for each in chosen if each.frequency.low >= OFTEN),
        tuple(edge for each in chosen for edge in each.edges),
        joined(source.names.shown(each.sign) for each in chosen),
    )


class Competitors:
    """The diseases that a presentation refutes although they share a part of it.

    A disease is refuted if a row denies it a stated sign (`denied`), or if the graph says nothing of two or more
    signs that the presented disease often has (`lacking`); silence alone on one sign refutes nothing, and no silence
    refutes a disease that is too much alike (`kin`).
    """

    def __init__(self, source: QuestionSource, presentation: Presentation) -> None:
        self._source, self.presentation = source, presentation
        table, signs = source.signs, list(presentation.signs)
        self.shared: NDArray[np.int64] = table.present(signs).sum(axis=0)
        self._denied = table.excluded(signs)
        self._silent = table.silent(list(presentation.often))
        self._silent[:, source.kin.places(presentation.disease)] = False
        self.refuted: NDArray[np.bool_] = self._denied.any(axis=0) | (self._silent.sum(axis=0) >= TELLING)

    def sharing(self, least: int, among: NDArray[np.bool_]) -> list[int]:
        """Return the refuted diseases that have at least so many of the signs; `among`: which to consider."""
        chosen = self.refuted & (self.shared >= least) & among
        found: list[int] = self._source.signs.diseases[np.flatnonzero(chosen)].tolist()
        return found

    def refutes_all(self, diseases: list[int]) -> bool:
        """Return whether every one of the diseases is refuted."""
        return bool(self.refuted[[self._source.signs.place(disease) for disease in diseases]].all())

    def refute(self, disease: int, node: int) -> Refuted:
        """Return the refutation of a disease, for an option that stands for it."""
        place = self._source.signs.place(disease)
        denied = np.flatnonzero(self._denied[:, place])
        if len(denied):
            sign = self.presentation.signs[int(denied[0])]
            return Refuted(node, Refutation.EXCLUDED, self._source.signs.findings.deciding(disease, sign))
        silent = [self.presentation.often[int(row)] for row in np.flatnonzero(self._silent[:, place])[:TELLING]]
        own = self._source.signs.own(self.presentation.disease)
        return Refuted(node, Refutation.DISCRIMINATING, tuple(edge for sign in silent for edge in own[sign].edges))

    def closeness(self, diseases: list[int]) -> float:
        """Return the largest share of the stated signs that one of the diseases has."""
        places = [self._source.signs.place(disease) for disease in diseases]
        return float(self.shared[places].max() / len(self.presentation.signs))
