"""Check that training data contain no question of a benchmark by which a stage of the recipe is judged.

A row matches an item in one of three ways: the item recovered from its prompt has the digest of a locked item, which
needs no benchmark data (`digest`); or it has the item's question, or its context, word for word (`exact`) or nearly
(`near`), see `evalsuite.data.overlap`. A question of less than eight words counts in a row that has its options, too,
and never in running text.

A benchmark whose items are not available can't be compared. That is a refusal as well, as the gate needs them anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.overlap.benchmark_items import read_benchmarks
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.data.overlap.match import SHORTEST_EXACT
from evalsuite.data.overlap.word_hashes import word_table
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.prompt_items import PromptItemReader
from training.recipe import Recipe

_BATCH: Final = 1 << 20
"""Characters of the rows or texts that are searched at once, which costs less than one at a time."""


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
    """Share of the question's words that stand in common sequences of four words."""


class BenchmarkSearch:
    """The questions of the benchmarks, and the matches of the rows or texts that were looked up."""

    def __init__(self, tasks: Sequence[Task], rows: bool) -> None:
        self.tasks, self._rows = tuple(tasks), rows
        self._benchmarks = read_benchmarks(tasks, splits=("test",), unreadable="list")
        self._index = OverlapIndex(self._benchmarks.questions)
        self.hits: dict[str, list[OverlapHit]] = {task.name: [] for task in tasks}
        self._waiting: list[tuple[str, tuple[str, ...]]] = []
        self._size = 0

    def look_up(self, name: str, *fields: str) -> None:
        """Look a row up, by its fields, or a text; its matches are there after `finish` at the latest."""
        self._waiting.append((name, fields))
        self._size += sum(map(len, fields))
        if self._size >= _BATCH:
            self.finish()

    def finish(self) -> None:
        """Look up what is still waiting."""
        names = [name for name, _ in self._waiting]
        for match in self._index.search([fields for _, fields in self._waiting], self._rows):
            kind = next((rule for rule in ("exact", "near") if rule in match.rules), None)
            if kind is not None:
                for item in self._index.questions[match.question].items:
                    hit = OverlapHit(names[match.document], item.id, kind, match.share)
                    self.hits[item.task].append(hit)
        self._waiting.clear()
        self._size = 0

    def facts(self) -> dict[str, Any]:
        """Return the matches with each benchmark, and what could not be compared."""
        return {task.name: self._facts_of(task.name) for task in self.tasks}

    def _facts_of(self, task: str) -> dict[str, Any]:
        own = [
            question.text
            for question in self._index.questions
            if question.part == "question" and any(item.task == task for item in question.items)
        ]
        short = sum(len(word_table([text]).hashes) < SHORTEST_EXACT for text in own)
        return {
            "items": self._benchmarks.items.get(task, 0),
            "unavailable": self._benchmarks.unavailable.get(task),
            "too_short_for_text": short,
            "hits": [hit._asdict() for hit in self.hits[task]],
        }

    def refusals(self, total: int, noun: str) -> Iterator[str]:
        """Yield why the stage must not begin; `noun`: what `total` counts, rows or texts."""
        for task in self.tasks:
            benchmark = f"{task.name}, by which the recipe is judged"
            if hits := self.hits[task.name]:
                matches = ", ".join(f"{count} {match}" for match, count in Counter(hit.match for hit in hits).items())
                row, item, *_ = hits[0]
                yield (
                    f"{len({hit.row for hit in hits})} of {total} {noun} contain questions of {benchmark} "
                    f"({matches}), such as {row} its item {item}; remove them: preflight.json lists them all"
                )
            if (why := self._benchmarks.unavailable.get(task.name)) is not None:
                yield f"the {total} {noun} can't be compared with {benchmark}: {why}"


class RowOverlap:
    """One check of the rows of an sft or grpo stage against benchmarks."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._search = BenchmarkSearch(tasks, rows=True)
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
        self._search.look_up(row.identity, *(_fields(items[0]) if items else (row.prompt_text,)))

    def result(self) -> CheckResult:
        """Return the matches of all rows with each benchmark."""
        self._search.finish()
        for task in self._search.tasks:
            for file, items in self._recovered.items():
                self._search.hits[task.name] += [
                    OverlapHit(f"{item} of {file}", item.rpartition(":")[2], "digest")
                    for item in benchmarks_of(items, [task])
                ]
        facts = {"rows": self._rows, "items_recovered": self._recovered_rows}
        return _result(self._search, facts, self._rows, "rows")


def _fields(item: Item) -> tuple[str, ...]:
    return (item.question, *item.options, "\n".join(text for _, text in item.context))


class TextOverlap:
    """One check of the texts of a pretraining stage against benchmarks; a text is named by its number."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._search = BenchmarkSearch(tasks, rows=False)
        self._texts = 0

    def add(self, text: str) -> None:
        """Look one text up."""
        self._texts += 1
        self._search.look_up(f"text {self._texts}", text)

    def result(self) -> CheckResult:
        """Return the matches of all texts with each benchmark."""
        self._search.finish()
        return _result(self._search, {"texts": self._texts}, self._texts, "texts")


def _result(search: BenchmarkSearch, facts: dict[str, Any], total: int, noun: str) -> CheckResult:
    return CheckResult({**facts, "benchmarks": search.facts()}, tuple(search.refusals(total, noun)))
