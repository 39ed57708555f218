"""Models that know no medicine: what a benchmark gives away for nothing, to be read beside every score.

`trivial/random` draws a label, seeded by request; `trivial/first` takes the first option; `trivial/majority` the
task's most
frequent gold label (the best constant answer); `trivial/longest` the longest option; `trivial/nearest` what the
train split
says of the most similar question.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Final

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, PromptSetup, Request, Response
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Dataset, Item

Chooser = Callable[[Request], str]

NEIGHBOURS: Final = 10
_BATCH: Final = 64
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
"""A word, or one Chinese character."""


class TrivialBaseline(Backend):
    """Answers by a rule, in the answer format that was asked for."""

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        if settings.model not in RULES:
            raise UsageError(f"trivial/{settings.model}: no such baseline; known: {', '.join(RULES)}")
        settings.check_model_args((), "trivial")
        self._formats: dict[str, str] = {}
        self._choosers: dict[str, Chooser] = {}

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Look at each task's items once; `trivial/nearest` raises where a task has no train items."""
        rule = RULES[self.settings.model]
        self._choosers = {dataset.task.name: rule(dataset) for dataset in datasets}
        return {"rule": (rule.__doc__ or "").partition("\n")[0]}

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """All items, in `format`, which `answer` then writes."""
        self._formats[dataset.task.name] = format
        return super().prompt_setup(dataset, format)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield a response for each request, in order."""
        for count, request in enumerate(requests):
            if count % _BATCH == 0:
                await asyncio.sleep(0)
            label = self._choosers[request.task](request)
            yield Response(request, text=write(self._formats[request.task], label))


def random(dataset: Dataset) -> Chooser:
    """A uniform draw by the request's own seed, so each item and sample has its own."""
    return lambda request: Random(request.seed).choice(request.item.labels)


def first(dataset: Dataset) -> Chooser:
    """The first option."""
    return lambda request: request.item.labels[0]


def majority(dataset: Dataset) -> Chooser:
    """The task's most frequent gold label, ties to the earlier label; the first option of an item that lacks it."""
    counts = Counter(item.gold for item in dataset.items)
    order = {label: place for item in dataset.items for place, label in enumerate(item.labels)}
    constant = max(counts, key=lambda label: (counts[label], -order[label]))
    return lambda request: constant if constant in request.item.labels else request.item.labels[0]


def longest(dataset: Dataset) -> Chooser:
    """The option with the most characters, outer white space apart; ties to the earlier option."""
    return lambda request: _best(request.item, lambda option: len(option.strip()))


def nearest(dataset: Dataset) -> Chooser:
    """The option most like the gold text of the most similar train question, by BM25.

    Of the ten nearest train questions the first counts whose gold text shares a word with an option; the option with
    the largest share of common words (Dice) is taken, ties to the earlier one; where none shares a word, the first.
    """
    from bm25s import BM25

    from evalsuite.data.load import load_train

    if not dataset.task.train:
        raise BackendError(
            f"trivial/nearest: the card of {dataset.task.name} names no train items: leave this task out"
        )
    train = load_train(dataset)
    index = BM25()
    index.index([_words(item.question) for item in train], show_progress=False)

    def choose(request: Request) -> str:
        item = request.item
        scores = index.get_scores_from_ids(index.get_tokens_ids(_words(item.question)))
        for place in (-scores).argsort(kind="stable")[:NEIGHBOURS]:
            likeness = partial(_dice, Counter(_words(_gold_text(train[place]))))
            if any(map(likeness, item.options)):
                return _best(item, likeness)
        return item.labels[0]

    return choose


RULES: Final[dict[str, Callable[[Dataset], Chooser]]] = {
    "random": random,
    "majority": majority,
    "longest": longest,
    "first": first,
    "nearest": nearest,
}
"""The baselines by name."""


def _best(item: Item, score: Callable[[str], float]) -> str:
    return max(zip(item.labels, item.options, strict=True), key=lambda pair: score(pair[1]))[0]


def _gold_text(item: Item) -> str:
    return item.options[item.labels.index(item.gold)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _dice(known: Counter[str], option: str) -> float:
    words = Counter(_words(option))
    total = known.total() + words.total()
    return 2 * (known & words).total() / total if total else 0.0
