"""Training data that holds questions of a benchmark by which a stage of the recipe will be judged.

Three ways to find one, each by itself enough: the item read back from a prompt has the digest of a locked item (which
needs no benchmark's data); it asks the same question with the same options; it asks nearly the same question
(`StemIndex`:
of at least twelve words, seven tenths of its six-word sequences). In text a question of twelve words is found the same
way, one of eight to eleven where it stands word for word, a shorter one not at all. A benchmark whose items aren't here
can't be compared, and that is refused as well: the gate needs them anyway.
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
    """The tasks that any stage is evaluated on or gated by, each once: what one stage reads the later ones know."""
    names: dict[str, None] = {}
    for stage in recipe.stages:
        gated = stage.gate.tasks if isinstance(stage.gate.tasks, list) else []
        names |= dict.fromkeys((*stage.evaluation.tasks, *gated))
    return [load_task(name) for name in names]


class OverlapHit(NamedTuple):
    """A row or a text that holds a question."""

    row: str
    """The row's item and its file, or a text's number."""
    item: str
    way: Literal["locked", "same", "near"]
    shared: float = 1.0
    """Share of the shorter one's word sequences that both have."""


class BenchmarkIndex:
    """A benchmark and what of it was found in the training data."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.items, self.absent = _items(task)
        self.hits: list[OverlapHit] = []
        questions = [item.question for item in self.items]
        self._stems, self.phrases = StemIndex(questions), PhraseIndex(questions)
        self._keys = {question_key(item, options_too=True): item.id for item in self.items}

    def look_up(self, row: str, items: Sequence[Item], stem: frozenset[int]) -> None:
        """Look for a row by the items that it may be, and by the `grams` of what it asks."""
        keys = (question_key(item, options_too=True) for item in items)
        self.hits += [OverlapHit(row, self._keys[key], "same") for key in keys if key in self._keys]
        self._look_near(row, stem)

    def look_in(self, text: str, stem: frozenset[int], said: list[str]) -> None:
        """Look for questions in a text by its `grams` and its `words`."""
        self.hits += [OverlapHit(text, self.items[place].id, "same") for place in self.phrases.within(said)]
        self._look_near(text, stem)

    def _look_near(self, row: str, stem: frozenset[int]) -> None:
        self.hits += [OverlapHit(row, self.items[place].id, "near", share) for place, share in self._stems.near(stem)]

    def facts(self) -> dict[str, Any]:
        """What was found, and what could not be looked for."""
        return {
            "items": len(self.items),
            "unchecked": self.absent,
            "too_short_for_text": self.phrases.left_out,
            "hits": [hit._asdict() for hit in self.hits],
        }

    def refusals(self, total: int, what: str) -> Iterator[str]:
        """Why the stage must not begin."""
        judge = f"{self.task.name}, by which the recipe is judged"
        if self.hits:
            ways = ", ".join(f"{many} {way}" for way, many in Counter(hit.way for hit in self.hits).items())
            row, item, *_ = self.hits[0]
            yield (
                f"{len({hit.row for hit in self.hits})} of {total} {what} hold questions of {judge} ({ways}), such as "
                f"{row} its item {item}; drop them: preflight.json lists them all"
            )
        if self.absent is not None:
            yield f"the {total} {what} can't be compared with {judge}: {self.absent}"


def _items(task: Task) -> tuple[Sequence[Item], str | None]:
    """A benchmark's items, or why there are none here."""
    try:
        return load(task).items, None
    except DataError as error:
        return (), str(error)


class RowOverlap:
    """Rows of questions against benchmarks."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._benches = [BenchmarkIndex(task) for task in tasks]
        self._questions = PromptItemReader(task.name for task in tasks)
        self._read: dict[str, list[Item]] = {}
        self._rows = self._readable = 0

    def take(self, row: CheckedRow) -> None:
        """Look at a row."""
        self._rows += 1
        items = self._questions.read(row)
        self._read.setdefault(row.file, []).extend(items)
        self._readable += bool(items)
        stem = grams(items[0].question if items else row.prompt_text)
        for bench in self._benches:
            bench.look_up(row.named, items, stem)

    def finding(self) -> CheckResult:
        """What overlaps which benchmark."""
        for bench in self._benches:
            for file, items in self._read.items():
                locked = benchmarks_of(items, [bench.task])
                bench.hits += [OverlapHit(f"{item} of {file}", item.rpartition(":")[2], "locked") for item in locked]
        return _finding(self._benches, {"rows": self._rows, "read_back": self._readable}, self._rows, "rows")


class TextOverlap:
    """Texts against benchmarks; a text goes by its number."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._benches = [BenchmarkIndex(task) for task in tasks]
        self._texts = 0

    def take(self, text: str) -> None:
        """Look at a text."""
        self._texts += 1
        stem, said = grams(text), words(text)
        for bench in self._benches:
            bench.look_in(f"text {self._texts}", stem, said)

    def finding(self) -> CheckResult:
        """Which texts hold which questions."""
        return _finding(self._benches, {"texts": self._texts}, self._texts, "texts")


def _finding(benches: Sequence[BenchmarkIndex], facts: dict[str, Any], total: int, what: str) -> CheckResult:
    found = {bench.task.name: bench.facts() for bench in benches}
    refusals = [refusal for bench in benches for refusal in bench.refusals(total, what)]
    return CheckResult({**facts, "benchmarks": found}, tuple(refusals))
