"""`trivial/RULE`: baselines without a model, which show what accuracy a benchmark allows without any knowledge.

`trivial/random` draws a label, seeded by the request; `trivial/first` chooses the first option; `trivial/majority` the
task's most frequent gold label (the best constant answer); `trivial/longest` the longest option; `trivial/nearest` the
option most like the gold text of the most similar train question.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Final

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, PromptSetup, Request, Response
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Dataset, Item

Chooser = Callable[[Request], str]
"""Returns the label that a rule chooses for a request."""

NEIGHBOURS: Final = 10
"""How many of the most similar train questions `nearest` considers."""
_BATCH: Final = 64
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
"""A word, or a single Chinese character, since Chinese separates no words."""


class TrivialBaseline(Backend):
    """Answers by a rule, in the requested answer format."""

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return nothing: no code is loaded by a setting, and no key is read."""
        return frozenset()

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        if settings.model not in RULES:
            raise UsageError(
                ErrorCode.UNKNOWN_MODEL, f"trivial/{settings.model}: no such baseline; known: {', '.join(RULES)}"
            )
        settings.check_model_args((), "trivial")
        self._formats: dict[str, str] = {}
        self._choosers: dict[str, Chooser] = {}

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Prepare the rule for each task; `trivial/nearest` raises a `BackendError` if a task has no train items."""
        rule = RULES[self.settings.model]
        self._choosers = {dataset.task.name: rule(dataset) for dataset in datasets}
        return {"rule": (rule.__doc__ or "").partition("\n")[0]}

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """Return all items in `format`, in which `answer` then writes the labels."""
        self._formats[dataset.task.name] = format
        return super().prompt_setup(dataset, format)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield a response for each request, in order."""
        for count, request in enumerate(requests):
            if count % _BATCH == 0:
                await asyncio.sleep(0)  # nothing here waits, so other tasks of the loop need a turn now and then
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
    positions = {label: position for item in dataset.items for position, label in enumerate(item.labels)}
    constant = max(counts, key=lambda label: (counts[label], -positions[label]))
    return lambda request: constant if constant in request.item.labels else request.item.labels[0]


def longest(dataset: Dataset) -> Chooser:
    """The option with the most characters, without surrounding white space; ties to the earlier option."""
    return lambda request: _best_label(request.item, lambda option: len(option.strip()))


def nearest(dataset: Dataset) -> Chooser:
    """The option most like the gold text of the most similar train question, by BM25.

    Of the ten most similar train questions the first whose gold text shares a word with an option is used; the option
    with the largest Dice coefficient of words is chosen, ties to the earlier one. Without any shared word it is the
    first option.
    """
    from bm25s import BM25

    from evalsuite.data.load import load_train
    from evalsuite.data.locate import train_sources

    if not train_sources(dataset.task):
        raise BackendError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            f"trivial/nearest: the task card of {dataset.task.name} names no train items: leave this task out",
        )
    train = load_train(dataset)
    index = BM25()
    index.index([_words(item.question) for item in train], show_progress=False)

    def choose(request: Request) -> str:
        item = request.item
        scores = index.get_scores_from_ids(index.get_tokens_ids(_words(item.question)))
        for index_in_train in (-scores).argsort(kind="stable")[:NEIGHBOURS]:
            similarity = partial(_dice, Counter(_words(_gold_text(train[index_in_train]))))
            if any(map(similarity, item.options)):
                return _best_label(item, similarity)
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


def _best_label(item: Item, score: Callable[[str], float]) -> str:
    return max(zip(item.labels, item.options, strict=True), key=lambda pair: score(pair[1]))[0]


def _gold_text(item: Item) -> str:
    return item.options[item.labels.index(item.gold)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _dice(gold_words: Counter[str], option: str) -> float:
    words = Counter(_words(option))
    total = gold_words.total() + words.total()
    return 2 * (gold_words & words).total() / total if total else 0.0
