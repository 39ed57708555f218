"""Draws answers and distractors such that every option is right in one fifth of the questions that show it.

Some signs are often the most frequent one of a disease, and others hardly ever; drawn as they come, a rule that knows
only the options would tell the first from the second. So both draws are weighted: answers by one weight, distractors by
another, such that for each option the expected number of questions in which it is wrong is four times that in which it
is right. Then no score of an option by itself, its length, its words or what is known of it, can be learnt: at equal
scores the likelihood of every such model (a conditional logit) is at its maximum. Both weights are found by iterative
proportional fitting (W. E. Deming and F. F. Stephan, Annals of Mathematical Statistics 11, 1940); an option for which
they can't be found is none. Distractors are drawn with exactly the chances that were fitted, by systematic sampling
(W. G. Madow, Annals of Mathematical Statistics 20, 1949).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import DISTRACTORS

_FITS: Final = ((12, 8.0), (12, 2.0), (16, 1.2), (20, 1.1))
"""Rounds of each fit, and the largest ratio between what is wanted and what is found, in either direction, of an option
that stays one after it; the worst ones are removed first, as others may fit without them."""
_EXTREME: Final = 1e4

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Marks = NDArray[np.bool_]


class Case(NamedTuple):
    """A subject of a question with its answer, and the nodes that are then wrong.

    `weight`: that of the subject; `rival`: a second subject that the question names, or the same one.
    """

    subject: int
    answer: int
    wrong: Sequence[int]
    weight: float
    rival: int


class Drawn(NamedTuple):
    """A case with its distractors."""

    case: Case
    distractors: list[int]


class EvenDraw:
    """The cases of a shape with their chances. `subjects`: those of cases that are drawn at all, ascending."""

    def __init__(self, cases: Sequence[Case]) -> None:
        table = _Table.of(cases)
        kept = np.ones(len(table.nodes), bool)
        fitted = _Fitted.nothing(len(table.nodes))
        for rounds, farthest in _FITS:
            fitted = _fit(table, kept, fitted, rounds)
            kept = kept & (fitted.ratio <= farthest) & (fitted.ratio >= 1 / farthest)
        self._cases = cases
        self._fitted = fitted
        self._nodes: list[int] = table.nodes[fitted.wrong].tolist()
        self.subjects = sorted(self._by_subject)

    def drawn(self, subject: int, draw: Draw) -> Drawn | None:
        """Return a case of a subject, each with its own chance; None with the rest of the chance."""
        rest = draw.unit()
        for place, chance in self._by_subject[subject]:
            rest -= chance
            if rest < 0:
                return Drawn(self._cases[self._fitted.cases[place]], self._distractors(place, draw))
        return None

    def _distractors(self, place: int, draw: Draw) -> list[int]:
        first, last = self._first[place], self._first[place + 1]
        order = list(range(first, last))
        draw.shuffle(order)
        found, mark, total, shares = list[int](), draw.unit(), 0.0, self._shares
        for entry in order:
            total += shares[entry]
            if total > mark:
                found.append(entry)
                mark += 1.0
        # The shares add up to the number of distractors but for rounding, by which a last one may be missed.
        found += [entry for entry in reversed(order) if entry not in found][: DISTRACTORS - len(found)]
        return [self._nodes[entry] for entry in found[:DISTRACTORS]]

    @cached_property
    def _by_subject(self) -> dict[int, list[tuple[int, float]]]:
        found: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for place, (case, chance) in enumerate(zip(self._fitted.cases, self._fitted.chances.tolist(), strict=True)):
            found[self._cases[case].subject].append((place, chance))
        return dict(found)

    @cached_property
    def _first(self) -> list[int]:
        rows = self._fitted.rows
        found: list[int] = np.searchsorted(rows, np.arange(len(self._fitted.cases) + 1)).tolist()
        return found

    @cached_property
    def _shares(self) -> list[float]:
        found: list[float] = self._fitted.shares.tolist()
        return found


class _Table(NamedTuple):
    """Cases as arrays. `nodes`: every answer, ascending; the other columns hold places in it or of cases."""

    nodes: Places
    answers: Places
    subjects: Places
    weights: Floats
    rows: Places
    wrong: Places

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Table:
        """Return cases as arrays, without distractors that are no answers."""
        nodes, answers = np.unique(np.array([case.answer for case in cases], np.int64), return_inverse=True)
        subjects = np.unique(np.array([case.subject for case in cases], np.int64), return_inverse=True)[1]
        weights = np.array([case.weight for case in cases])
        rows = np.repeat(np.arange(len(cases)), [len(case.wrong) for case in cases])
        wrong = np.array([node for case in cases for node in case.wrong], np.int64)
        places = np.minimum(np.searchsorted(nodes, wrong), max(0, len(nodes) - 1))
        known = nodes[places] == wrong if len(nodes) else np.zeros(0, bool)
        return cls(nodes, answers, subjects, weights / weights.max(initial=1e-9), rows[known], places[known])


class _Fitted(NamedTuple):
    """The cases that are drawn, the chance of each, and of each of its distractors (`rows`, `wrong`) the share of the
    case's questions that show it. By node: `ratio`, how often it is wrong per wanted, 0 where it is no option, and the
    weights with which it is drawn as an answer and as a distractor.
    """

    cases: list[int]
    chances: Floats
    rows: Places
    wrong: Places
    shares: Floats
    ratio: Floats
    answer: Floats
    distractor: Floats

    @classmethod
    def nothing(cls, nodes: int) -> _Fitted:
        """Return that no case is drawn."""
        none, ints = np.zeros(0), np.zeros(0, np.int64)
        return cls([], none, ints, ints, none, np.zeros(nodes), np.ones(nodes), np.ones(nodes))


def _usable(table: _Table, kept: Marks) -> tuple[Places, Marks]:
    """Return the cases whose answer and enough distractors are options, and which rows of `wrong` are theirs."""
    cases = kept[table.answers]
    while True:
        entries = kept[table.wrong] & cases[table.rows]
        enough = cases & (np.bincount(table.rows[entries], minlength=len(cases)) >= DISTRACTORS)
        if np.array_equal(enough, cases):
            return np.flatnonzero(cases), entries
        cases = enough
        kept = kept & (np.bincount(table.answers[cases], minlength=len(kept)) > 0)


def _fit(table: _Table, kept: Marks, before: _Fitted, rounds: int) -> _Fitted:
    """Return the chances that make the options in `kept` as even as they can be, from the weights of an earlier fit."""
    cases, entries = _usable(table, kept)
    if not len(cases):
        return _Fitted.nothing(len(table.nodes))
    size = len(table.nodes)
    rows, wrong = np.searchsorted(cases, table.rows[entries]), table.wrong[entries]
    answers, subjects, weights = (column[cases] for column in (table.answers, table.subjects, table.weights))
    answer, distractor = before.answer, before.distractor
    scale = DISTRACTORS / np.bincount(rows, distractor[wrong])
    for _ in range(rounds):
        chances = weights * answer[answers]
        chances /= np.maximum(1.0, np.bincount(subjects, chances))[subjects]
        shares = _drawn(distractor[wrong] * scale[rows])
        correction = DISTRACTORS / np.bincount(rows, shares)
        scale *= correction
        shares *= correction[rows]
        found = np.bincount(wrong, shares * chances[rows], minlength=size)
        wanted = DISTRACTORS * np.bincount(answers, chances, minlength=size)
        ratio = (found + 1e-9) / (wanted + 1e-9)
        step = np.sqrt(np.clip(ratio, 0.1, 10.0))
        answer = answer * step
        answer = np.clip(answer / answer.max(), 1 / _EXTREME, 1.0)
        distractor = np.clip(distractor / step, 1 / _EXTREME, _EXTREME)
    ratio = np.where(wanted > 0, ratio, 0.0)
    return _Fitted(cases.tolist(), chances, rows, wrong, shares, ratio, answer, distractor)


def _drawn(weights: Floats) -> Floats:
    """Return the shares of questions that show distractors of these weights, before they are scaled to add up.

    It is 1 - exp(-weight) for draws that are events in time, here by a power that every processor computes alike.
    """
    base = 1.0 + weights / 4.0
    base *= base
    result: Floats = 1.0 - 1.0 / (base * base)
    return result
