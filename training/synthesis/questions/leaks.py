"""Rules that know no medicine, and what they score: a benchmark is only as good as the worst of them is near chance.

Each rule gives every option of an item a number, and chooses the option with the largest. Where several have it, the
rule is right in the part of the cases that is the right option's. `evalsuite.models.trivial` holds the rules that
every benchmark is compared with; the ones here are those that questions from a graph could fail by.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from evalsuite.stats.intervals import wilson
from evalsuite.tasks.item import Item

Rule = Callable[[Item], Sequence[float]]
"""Returns a number for each option of an item."""
ALL: Final = "all"
_WORD: Final = re.compile(r"\w+")
_K1, _B = 1.2, 0.75


class Score(NamedTuple):
    """What a rule scores on the items of one shape, or of all."""

    rule: str
    shape: str
    items: int
    accuracy: float
    interval: tuple[float, float]


def leaks(known: Sequence[Item], drawn: Sequence[Item], degrees: Mapping[str, float]) -> Iterator[Score]:
    """Yield the score of each rule on the items drawn, over all and by shape.

    `known`: items of another seed, from which a rule may learn; `degrees`: how much the graph knows of an option, by
    its text.
    """
    shapes = sorted({item.meta["shape"] for item in drawn})
    for name, rule in rules(known, degrees).items():
        right = [_right(item, rule(item)) for item in drawn]
        for shape in (ALL, *shapes):
            chosen = [one for one, item in zip(right, drawn, strict=True) if shape in (ALL, item.meta["shape"])]
            estimate = wilson(sum(chosen), len(chosen))
            yield Score(name, shape, len(chosen), sum(chosen) / len(chosen), (estimate.low, estimate.high))


def rules(known: Sequence[Item], degrees: Mapping[str, float]) -> dict[str, Rule]:
    """Return the rules by name: the longest option, the shortest one, the one of middle length, the first one; the one
    with most, or fewest, edges; the most numbers and commas; most words of the question; most like the question by
    BM25; most often an answer in `known`; the most words that are of answers in `known`, by their log odds.
    """
    answers = Counter(_gold(item) for item in known)
    odds = _log_odds(known)
    return {
        "first": lambda item: [-place for place in range(len(item.options))],
        "longest": lambda item: [len(option) for option in item.options],
        "shortest": lambda item: [-len(option) for option in item.options],
        "middle": _middle,
        "annotated": lambda item: [degrees[option] for option in item.options],
        "rare": lambda item: [-degrees[option] for option in item.options],
        "commas": lambda item: [option.count(",") + sum(map(str.isdigit, option)) for option in item.options],
        "overlap": lambda item: [len(set(_words(item.question)).intersection(_words(each))) for each in item.options],
        "bm25": _bm25,
        "frequent": lambda item: [answers[option] for option in item.options],
        "words": lambda item: [sum(odds.get(word, 0.0) for word in set(_words(each))) for each in item.options],
    }


def _right(item: Item, values: Sequence[float]) -> float:
    best = [label for label, value in zip(item.labels, values, strict=True) if value == max(values)]
    return (item.gold in best) / len(best)


def _middle(item: Item) -> list[float]:
    lengths = sorted(map(len, item.options))
    return [-abs(len(option) - lengths[len(lengths) // 2]) for option in item.options]


def _bm25(item: Item) -> list[float]:
    """Return how like each option is to the question; the options are the documents (Robertson and Zaragoza, 2009)."""
    options = [_words(option) for option in item.options]
    holding = Counter(word for words in options for word in set(words))
    average = sum(map(len, options)) / len(options) or 1.0
    query = set(_words(item.question))

    def score(words: list[str]) -> float:
        found = 0.0
        for word in query.intersection(words):
            rarity = math.log(1 + (len(options) - holding[word] + 0.5) / (holding[word] + 0.5))
            count = words.count(word)
            found += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * len(words) / average))
        return found

    return [score(words) for words in options]


def _log_odds(known: Sequence[Item]) -> dict[str, float]:
    """Return by word how much more often an option with it is right than wrong, as log odds; chance is 0."""
    right, wrong = Counter[str](), Counter[str]()
    for item in known:
        for label, option in zip(item.labels, item.options, strict=True):
            (right if label == item.gold else wrong).update(set(_words(option)))
    others = len(known[0].options) - 1 if known else 1
    return {word: math.log((right[word] + 0.5) / (wrong[word] / others + 0.5)) for word in right | wrong}


def _gold(item: Item) -> str:
    return item.options[item.labels.index(item.gold)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
