"""A patient in signs: some signs of one disease that no other disease of the graph has all of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from training.synthesis.graph.findings import Finding
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.names import Roots, joined
from training.synthesis.questions.question import Refutation, Refuted
from training.synthesis.questions.sign_table import OFTEN
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.tellable import FEWEST, TELLING, StatableSigns

_MOST: Final = 7
_TELLING_MOST: Final = 4
"""Telling signs that are stated if there are so many: each more refutes more distractors."""


class Presentation(NamedTuple):
    """Signs that a question tells of a patient whose disease it does not name. `often`: those at or above `OFTEN`.

    `bits`, `often_bits`: the same as `SignBits`.
    """

    disease: int
    signs: tuple[int, ...]
    often: tuple[int, ...]
    bits: int
    often_bits: int
    edges: tuple[int, ...]
    roots: Roots


def draw_presentation(
    source: QuestionSource, disease: int, draw: Draw, statable: StatableSigns, core: int | None = None
) -> Presentation | None:
    """Draw signs that only this disease of the graph has all of, and that one patient can have; None if there are none.

    `statable`: the findings to draw from; `core`: a sign that is to be among them.
    """
    if not statable.suffices:
        return None
    wanted = FEWEST + draw.below(_MOST - FEWEST)
    often = max(_TELLING_MOST, wanted // 2 + draw.below(2))
    together, having = source.clashes.together(), list[frozenset[int]]()
    chosen: list[Finding] = []
    for finding in _order(statable, often, core, draw):
        if not together.add(finding.sign):
            continue
        chosen.append(finding)
        having.append(source.signs.having(finding.sign))
        if len(chosen) >= wanted and _are_of_one(having):
            return _presentation(source, disease, chosen, draw)
        if len(chosen) == _MOST:
            break
    return None


def _are_of_one(having: list[frozenset[int]]) -> bool:
    """Return whether only one disease is in all sets; the smallest one first, so that little is compared."""
    first, *others = sorted(having, key=len)
    return len(first.intersection(*others)) == 1


def _order(statable: StatableSigns, often: int, core: int | None, draw: Draw) -> Iterator[Finding]:
    """Yield the core, some findings that patients often have, then the others, each in random order."""
    findings = (*statable.often, *statable.others)
    yield from (each for each in findings if each.sign == core)
    telling = draw.sample(statable.often, often)
    yield from (each for each in telling if each.sign != core)
    for each in draw.order(findings):
        if each.sign != core and each not in telling:
            yield each


def _presentation(source: QuestionSource, disease: int, chosen: list[Finding], draw: Draw) -> Presentation | None:
    often = tuple(each.sign for each in chosen if each.frequency.low >= OFTEN)
    if len(often) < TELLING:
        return None
    draw.shuffle(chosen)
    signs = tuple(each.sign for each in chosen)
    return Presentation(
        disease,
        signs,
        often,
        source.bits.of(signs),
        source.bits.of(often),
        tuple(edge for each in chosen for edge in each.edges),
        joined(map(source.names.shown_roots, signs)),
    )


def refutes(source: QuestionSource, presentation: Presentation, disease: int) -> bool:
    """Return whether what is stated refutes a disease.

    It does if a row denies the disease a stated sign, or if the graph says nothing of two or more signs that the
    presented disease often has; silence alone on one sign refutes nothing, and no silence refutes a disease that is
    too much alike (`kin`).
    """
    bits = source.bits
    if presentation.bits & bits.lacked(disease):
        return True
    spoken = (presentation.often_bits & bits.spoken(disease)).bit_count()
    return len(presentation.often) - spoken >= TELLING and not source.kin.are(presentation.disease, disease)


def refuted(source: QuestionSource, presentation: Presentation, disease: int, node: int) -> Refuted:
    """Return the refutation of a disease that `refutes` holds of, for an option that stands for it."""
    table = source.signs
    for sign in presentation.signs if presentation.bits & source.bits.lacked(disease) else ():
        if table.lacks(disease, sign):
            return Refuted(node, Refutation.EXCLUDED, table.findings.deciding(disease, sign))
    silent = [sign for sign in presentation.often if table.is_silent(disease, sign)][:TELLING]
    own = table.own(presentation.disease)
    return Refuted(node, Refutation.DISCRIMINATING, tuple(edge for sign in silent for edge in own[sign].edges))


def closeness(source: QuestionSource, presentation: Presentation, diseases: list[int]) -> float:
    """Return the largest share of the stated signs that one of the diseases has."""
    shared = ((presentation.bits & source.bits.had(disease)).bit_count() for disease in diseases)
    return max(shared) / len(presentation.signs)
