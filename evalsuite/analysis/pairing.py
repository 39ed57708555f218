"""Whether two runs may be held against each other item by item: what differs between them, by name, and who allowed it.

A difference of two runs is one between two models only if everything else is the same. Whatever is not is a
`Mismatch`, by the name that summary.json has for it; runs that have one are refused unless it is allowed by that name,
and then it stays with the numbers as a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.analysis.run_result import ItemScores, RunResult
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.run.summary_schema import ParseMode
from evalsuite.stats.clusters import Floats, Ints, members
from evalsuite.stats.contrast import PairedScores

SETTINGS = ("prompt_digest", "format", "decoding", "samples", "rotate_options", "parser")
"""What may differ between runs that answered the same items, by the name that allows it."""
MATERIAL = ("tasks", "version", "data_digest", "items")
"""What makes the items themselves the same."""
NAMES = (*MATERIAL, *SETTINGS)
SCORING = "scoring"
"""What may never differ: a generated answer and the likeliest option are not one measurement."""
_SHOWN = 12
"""Characters of a value in an error line; digests are told apart by fewer."""


class Mismatch(NamedTuple):
    """Something that is not the same in both runs."""

    name: str
    """One of `NAMES`, or a key below it: `decoding.temperature`."""
    task: str
    """Empty where it is about the whole run."""
    text: str
    """Both values."""

    def is_allowed(self, allow: Iterable[str]) -> bool:
        """Whether its name, or the name it stands below, is among these."""
        return any(self.name == name or self.name.startswith(name + ".") for name in allow)


@dataclass(frozen=True, slots=True)
class PairedTask:
    """One task in two runs: the same items in the same order; every array has one entry an item."""

    task: str
    items: NDArray[np.object_]
    member: Ints
    """Cluster of each item."""
    a: ItemScores
    b: ItemScores
    at: tuple[Ints, Ints]
    """Places of the items among A's and among B's."""

    @property
    def samples(self) -> int:
        """Samples of each item, the smaller number where the runs differ in it."""
        return min(self.a.samples, self.b.samples)

    @property
    def answers(self) -> int:
        """Responses to each item as statistics count them, the smaller number where the runs differ in it."""
        return min(self.a.answers, self.b.answers)

    @property
    def repeatable(self) -> bool:
        """Whether further samples of each item could be drawn in both runs."""
        return self.a.repeatable and self.b.repeatable

    def scores(self, parse_mode: ParseMode) -> tuple[Floats, Floats]:
        """Item scores of A and of B."""
        a, b = (self.a.strict, self.b.strict) if parse_mode == "strict" else (self.a.lenient, self.b.lenient)
        return a[self.at[0]], b[self.at[1]]

    def paired_scores(self, parse_mode: ParseMode) -> PairedScores:
        """Item scores, clusters and samples, as `contrast` takes them."""
        return PairedScores(*self.scores(parse_mode), self.member, self.answers, self.repeatable)

    @property
    def identical(self) -> bool:
        """Whether every sample has the same label, status and verdict in both runs."""
        columns = (
            "item",
            "rotation",
            "label",
            "status",
            "correct",
            "label_lenient",
            "status_lenient",
            "correct_lenient",
        )
        return bool(self.a.table.select(columns).equals(self.b.table.select(columns)))


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two runs that may be compared, task by task."""

    a: RunResult
    b: RunResult
    pairs: tuple[PairedTask, ...]
    allowed: tuple[Mismatch, ...]
    """What differs all the same: every output that is made from this carries it."""

    @property
    def identical(self) -> bool:
        """Whether both runs gave the same answers."""
        return all(pair.identical for pair in self.pairs)


def pair(a: RunResult, b: RunResult, tasks: Sequence[str] = (), allow: Sequence[str] | None = None) -> Pairing:
    """Pair two runs on these tasks, or on all where none are named.

    Everything that differs and isn't allowed is named in one `RunError`. `allow`: names of `NAMES` (a `UsageError`
    where there is no such name); None where the reader has no choice, so that the error offers none. With `tasks`
    allowed the tasks that both have are paired, with `items` the items that both have.
    """
    for name in allow or ():
        if name.partition(".")[0] not in NAMES:
            raise UsageError(
                ErrorCode.UNKNOWN_SETTING,
                f"`allow`: {name} is no setting that may differ; there are {', '.join(NAMES)}",
            )
    shared = [task for task in tasks or a.tasks if task in a.tasks and task in b.tasks]
    pairs = [_pair(task, a.scores(task), b.scores(task)) for task in shared]
    found = [*_of_runs(a, b, tasks), *(d for each in pairs for d in _of_tasks(a, b, each))]
    refused = [disparity for disparity in found if not disparity.is_allowed(allow or ())]
    if refused:
        raise RunError(
            ErrorCode.RUNS_NOT_COMPARABLE,
            f"{a.path} and {b.path} can't be paired: {_listed(refused)}{_offer(refused, found, allow)}",
        )
    empty = next((each.task for each in pairs if not len(each.items)), None)
    if empty or not pairs:
        missing = f"items of {empty}" if empty else "tasks"
        raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, f"{a.path} and {b.path} have no {missing} in common")
    return Pairing(a, b, tuple(pairs), tuple(found))


def settings(result: RunResult, task: str) -> dict[str, Any]:
    """How a task was asked and read, by the names of `SETTINGS`."""
    summary, task_summary = result.summary, result.tasks[task]
    return {
        "prompt_digest": task_summary.prompt_digest,
        "format": task_summary.format,
        "decoding": summary.decoding,
        "samples": task_summary.samples,
        "rotate_options": task_summary.rotate_options,
        "parser": summary.parser,
    }


def is_trivial(result: RunResult) -> bool:
    """Whether a run asked no model; it has no settings that could differ."""
    return result.model.startswith("trivial/")


def marks(disparities: Iterable[Mismatch]) -> list[str]:
    """What differs, a line a name, the tasks put together."""
    by_name: dict[str, list[Mismatch]] = {}
    for disparity in disparities:
        by_name.setdefault(disparity.name, []).append(disparity)
    return [_mark(name, group) for name, group in by_name.items()]


def _pair(task: str, a: ItemScores, b: ItemScores) -> PairedTask:
    """Pair on the items that both have, in the order of their ids."""
    if np.array_equal(a.items, b.items):
        every = np.arange(len(a.items))
        at = (every, every)
    else:
        _, *places = np.intersect1d(a.items.astype(str), b.items.astype(str), return_indices=True)
        at = (np.asarray(places[0]), np.asarray(places[1]))
    groups = [str(group) for group in a.groups[at[0]]]
    return PairedTask(task, a.items[at[0]], members(groups), a, b, at)


def _of_runs(a: RunResult, b: RunResult, tasks: Sequence[str]) -> Iterator[Mismatch]:
    """What differs between runs, whatever the task."""
    wanted = tasks or [*a.tasks, *b.tasks]
    for run in (a, b):
        absent = [task for task in wanted if task not in run.tasks]
        if absent:
            yield Mismatch("tasks", "", f"{run.path} has no {', '.join(absent)}")
    if is_trivial(a) or is_trivial(b):
        return
    decoding_a, decoding_b = a.summary.decoding, b.summary.decoding
    for key in {**decoding_a, **decoding_b}:
        one, other = decoding_a.get(key), decoding_b.get(key)
        if one != other:
            yield Mismatch(f"decoding.{key}", "", f"{_short(one)} and {_short(other)}")
    if a.summary.parser != b.summary.parser:
        both = f"{_short(a.summary.parser)} and {_short(b.summary.parser)}"
        yield Mismatch("parser", "", f"{both} (evalsuite regrade grades the older run with the newer parser)")


def _of_tasks(a: RunResult, b: RunResult, pair: PairedTask) -> Iterator[Mismatch]:
    """What differs in one task."""
    task_a, task_b = a.tasks[pair.task], b.tasks[pair.task]
    trivial = is_trivial(a) or is_trivial(b)
    if not trivial and task_a.scoring != task_b.scoring:
        both = f"{task_a.scoring} and {task_b.scoring}, which measure different things"
        yield Mismatch(SCORING, pair.task, both)
    # A trivial baseline reads no prompt, so it can be compared with runs of any prompt.
    prompts = () if trivial else ("prompt_digest", "format")
    for name in ("version", "data_digest", *prompts, "samples"):
        one, other = getattr(task_a, name), getattr(task_b, name)
        if one != other:
            yield Mismatch(name, pair.task, f"{_short(one)} and {_short(other)}")
    if task_a.rotate_options != task_b.rotate_options:
        orders = ["each order of the options" if task.rotate_options else "one order" for task in (task_a, task_b)]
        yield Mismatch("rotate_options", pair.task, " and ".join(orders))
    if task_a.data_digest == task_b.data_digest:
        for column in ("gold", "group"):
            count = _unlike(pair, column)
            if count:
                yield Mismatch("data_digest", pair.task, f"the same, but {count} items have another {column}")
    if not len(pair.items) == task_a.n == task_b.n:
        yield Mismatch("items", pair.task, f"{task_a.n} and {task_b.n}, {len(pair.items)} in both")


def _unlike(pair: PairedTask, column: str) -> int:
    a, b = (scores.of_items(column)[at] for scores, at in zip((pair.a, pair.b), pair.at, strict=True))
    return int((a != b).sum())


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _mark(name: str, group: Sequence[Mismatch]) -> str:
    shown = [f"{each.task} {each.text}" if each.task else each.text for each in group[:2]]
    more = f"; and {len(group) - 2} more tasks" if len(group) > 2 else ""
    return f"{name} ({'; '.join(shown)}{more})"


def _listed(disparities: Sequence[Mismatch]) -> str:
    return ", ".join(marks(disparities)) + (" differs" if len(marks(disparities)) == 1 else " differ")


def _offer(refused: Sequence[Mismatch], found: Sequence[Mismatch], allow: Sequence[str] | None) -> str:
    if allow is None or any(each.name == SCORING for each in refused):
        return ""
    return f". To compare them all the same: `allow` {','.join(dict.fromkeys([*allow, *(d.name for d in refused)]))}"
