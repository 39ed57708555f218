"""Weights by which every option is an answer in one fifth of the questions that show it.

Some signs are often the most frequent one of a disease, and others hardly ever; drawn as they come, a rule that knows
only the options would tell the first from the second. So both draws are weighted: answers by one weight, distractors by
another, such that for each node the expected number of questions in which it is wrong is four times that in which it is
right. Both are found by iterative proportional fitting (W. E. Deming and F. F. Stephan, Annals of Mathematical
Statistics 11, 1940) on a sample of the cases; a node for which they can't be found is no option at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.questions.options import DISTRACTORS

_ROUNDS: Final = 24
_FARTHEST: Final = (16.0, 6.0, 4.0, 3.0, 2.0)
"""The largest ratio between what is wanted and what is found, in either direction, of a node that stays an option; the
worst ones are removed first, as others may fit without them."""
_MANY: Final = 2000
_LEAST: Final = 3
"""Of so many cases a node must be the answer so often to be an option; seldomer, the sample can't tell how often."""
_EXTREME: Final = 1e4

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class Case(NamedTuple):
    """A subject that can be asked about with an answer, and the nodes that are then wrong.

    `weight`: that of the subject; `times`: how many of its answers this one stands for, if not all are in the sample.
    """

    subject: int
    answer: int
    wrong: Sequence[int]
    weight: float = 1.0
    times: float = 1.0


class Weights(NamedTuple):
    """By node the weight with which it is drawn as an answer, and as a distractor.

    Where the weights of all answers of a subject sum up to less than 1, nothing is asked with the rest of the chance.
    """

    answer: dict[int, float]
    distractor: dict[int, float]


def even_weights(cases: Sequence[Case]) -> Weights:
    """Return the weights of all nodes that can be options."""
    least = _LEAST if len(cases) >= _MANY else 1
    kept = {node for node, count in Counter(case.answer for case in cases).items() if count >= least}
    found = Weights({}, {})
    for farthest in _FARTHEST:
        usable = [_within(case, kept) for case in cases if case.answer in kept]
        usable = [case for case in usable if len(case.wrong) >= DISTRACTORS]
        if not usable:
            return Weights({}, {})
        nodes, answer, distractor, ratio = _fitted(usable)
        ratio = ratio / np.median(ratio)
        near = (ratio <= farthest) & (ratio >= 1 / farthest)
        names = nodes[near].tolist()
        kept = set(names)
        both = (dict(zip(names, each[near].tolist(), strict=True)) for each in (answer, distractor))
        found = Weights(*both)
    return found


def _within(case: Case, kept: set[int]) -> Case:
    return case._replace(wrong=[node for node in case.wrong if node in kept])


def _fitted(cases: Sequence[Case]) -> tuple[Places, Floats, Floats, Floats]:
    """Return the nodes, their weights as answers and as distractors, and how often each is wrong per wanted."""
    nodes = np.unique(np.array([node for case in cases for node in (case.answer, *case.wrong)], dtype=np.int64))
    answers: Places = np.searchsorted(nodes, [case.answer for case in cases])
    subjects: Places = np.unique([case.subject for case in cases], return_inverse=True)[1]
    sizes = [len(case.wrong) for case in cases]
    rows: Places = np.repeat(np.arange(len(cases)), sizes)
    wrong: Places = np.searchsorted(nodes, [node for case in cases for node in case.wrong])
    weights, times = (np.array([each[place] for each in cases]) for place in (3, 4))
    answer, distractor = np.ones(len(nodes)), np.ones(len(nodes))
    ratio, scale = answer, DISTRACTORS / np.bincount(rows)
    for _ in range(_ROUNDS):
        chance = answer[answers] * times
        chance = weights * chance / np.maximum(1.0, np.bincount(subjects, chance)[subjects])
        share = _drawn(distractor[wrong] * scale[rows])
        scale *= DISTRACTORS / np.bincount(rows, share)
        found = np.bincount(wrong, share * chance[rows], minlength=len(nodes))
        wanted = DISTRACTORS * np.bincount(answers, chance, minlength=len(nodes))
        ratio = (found + 1e-9) / (wanted + 1e-9)
        step = np.sqrt(np.clip(ratio, 0.1, 10.0))
        answer = np.clip(answer * step, 1 / _EXTREME, 1.0)
        distractor = np.clip(distractor / step, 1 / _EXTREME, _EXTREME)
    return nodes, answer, distractor, ratio


def _drawn(weights: Floats) -> Floats:
    """Return how likely a distractor is drawn, of which `DISTRACTORS` are drawn one after another by weight.

    `weights` are those of its case, scaled such that the results add up to their number. It is 1 - exp(-weight) where
    draws are events in time, here by a power that every processor computes alike.
    """
    base = 1.0 + weights / 4.0
    base *= base
    result: Floats = 1.0 - 1.0 / (base * base)
    return result
