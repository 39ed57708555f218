"""Check that training data contain no question of a benchmark by which a stage of the recipe is judged.

A row matches an item in one of three ways: the item recovered from its prompt has the digest of a locked item, which
needs no benchmark data (`digest`); it has the same question and options (`exact`); or nearly the same question
(`near`): at least twelve words and seven tenths of its six-word sequences, see `StemIndex`. A text matches a question
of at least twelve words in the same way, one of eight to eleven words where it occurs word for word (`exact`), and a
shorter one never.

A benchmark whose items are not available can't be compared. That is a refusal as well, as the gate needs them anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.duplicates import grams, question_key, words
from evalsuite.data.load import load
from evalsuite.errors import DataError
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.prompt_items import PromptItemReader
from training.data.question_index import PhraseIndex, StemIndex
from training.recipe import Recipe


def gate_benchmarks(recipe: Recipe) -> list[Task]:
    """Return the tasks on which any stage is evaluated or gated, each once.

    All of them count for every stage, as a later stage knows what an earlier one has read.
    """
    names: dict[str, None] = {}
    for stage in recipe.stages:
        gated = stage.gate.tasks if isinstance(stage.gate.tasks, list) else []
        names |= dict.fromkeys((*stage.evaluation.tasks, *gated))
    return [load_task(name) for name in names]


class OverlapHit(NamedTuple):
    """One row or text that contains a benchmark's question."""

    row: str
    """The row's item and its file, or a text's number."""
    item: str
    match: Literal["digest", "exact", "near"]
    shared: float = 1.0
    """Share of the shorter question's six-word sequences that both have."""


class BenchmarkIndex:
    """One benchmark's questions, and the matches of the rows or texts that were looked up."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.items, self.unavailable = _load_items(task)
        self.hits: list[OverlapHit] = []
        questions = [item.question for item in self.items]
        self._stems, self._phrases = StemIndex(questions), PhraseIndex(questions)
        self._keys = {question_key(item, options_too=True): item.id for item in self.items}

    def look_up_row(self, row: str, items: Sequence[Item], stem: frozenset[int]) -> None:
        """Record the matches of a row, given the items that its prompt may be and the `grams` of its question."""
        keys = (question_key(item, options_too=True) for item in items)
        self.hits += [OverlapHit(row, self._keys[key], "exact") for key in keys if key in self._keys]
        self._look_up_near(row, stem)

    def look_up_text(self, text: str, stem: frozenset[int], text_words: list[str]) -> None:
        """Record the matches of a text, given its name, its `grams` and its `words`."""
        self.hits += [OverlapHit(text, self.items[i].id, "exact") for i in self._phrases.within(text_words)]
        self._look_up_near(text, stem)

    def _look_up_near(self, name: str, stem: frozenset[int]) -> None:
        self.hits += [OverlapHit(name, self.items[i].id, "near", share) for i, share in self._stems.near(stem)]

    def facts(self) -> dict[str, Any]:
        """Return the matches, and what could not be compared."""
        return {
            "items": len(self.items),
            "unavailable": self.unavailable,
            "too_short_for_text": self._phrases.too_short,
            "hits": [hit._asdict() for hit in self.hits],
        }

    def refusals(self, total: int, noun: str) -> Iterator[str]:
        """Yield why the stage must not begin; `noun`: what `total` counts, rows or texts."""
        benchmark = f"{self.task.name}, by which the recipe is judged"
        if self.hits:
            matches = ", ".join(f"{count} {match}" for match, count in Counter(hit.match for hit in self.hits).items())
            row, item, *_ = self.hits[0]
            yield (
                f"{len({hit.row for hit in self.hits})} of {total} {noun} contain questions of {benchmark} "
                f"({matches}), such as {row} its item {item}; remove them: preflight.json lists them all"
            )
        if self.unavailable is not None:
            yield f"the {total} {noun} can't be compared with {benchmark}: {self.unavailable}"


def _load_items(task: Task) -> tuple[Sequence[Item], str | None]:
    """Return a benchmark's items, or none and the reason."""
    try:
        return load(task).items, None
    except DataError as error:
        return (), str(error)


class RowOverlap:
    """One check of the rows of an sft or grpo stage against benchmarks."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._benchmarks = [BenchmarkIndex(task) for task in tasks]
        self._reader = PromptItemReader(task.name for task in tasks)
        self._recovered: dict[str, list[Item]] = {}
        self._rows = self._recovered_rows = 0

    def add(self, row: CheckedRow) -> None:
        """Look one row up."""
        self._rows += 1
        items = self._reader.read(row)
        self._recovered.setdefault(row.file, []).extend(items)
        self._recovered_rows += bool(items)
        # Without a recovered item the prompt is searched with its options and instructions.
        stem = grams(items[0].question if items else row.prompt_text)
        for benchmark in self._benchmarks:
            benchmark.look_up_row(row.identity, items, stem)

    def result(self) -> CheckResult:
        """Return the matches of all rows with each benchmark."""
        for benchmark in self._benchmarks:
            for file, items in self._recovered.items():
                locked = benchmarks_of(items, [benchmark.task])
                benchmark.hits += [
                    OverlapHit(f"{item} of {file}", item.rpartition(":")[2], "digest") for item in locked
                ]
        facts = {"rows": self._rows, "items_recovered": self._recovered_rows}
        return _combine(self._benchmarks, facts, self._rows, "rows")


class TextOverlap:
    """One check of the texts of a pretraining stage against benchmarks; a text is named by its number."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._benchmarks = [BenchmarkIndex(task) for task in tasks]
        self._texts = 0

    def add(self, text: str) -> None:
        """Look one text up."""
        self._texts += 1
        stem, text_words = grams(text), words(text)
        for benchmark in self._benchmarks:
            benchmark.look_up_text(f"text {self._texts}", stem, text_words)

    def result(self) -> CheckResult:
        """Return the matches of all texts with each benchmark."""
        return _combine(self._benchmarks, {"texts": self._texts}, self._texts, "texts")


def _combine(benchmarks: Sequence[BenchmarkIndex], facts: dict[str, Any], total: int, noun: str) -> CheckResult:
    by_name = {benchmark.task.name: benchmark.facts() for benchmark in benchmarks}
    refusals = [refusal for benchmark in benchmarks for refusal in benchmark.refusals(total, noun)]
    return CheckResult({**facts, "benchmarks": by_name}, tuple(refusals))
