"""Pairing of two runs item by item, and the mismatches between them that forbid it unless they are allowed.

A difference of two runs is one between two models only if everything else is the same. A setting that differs is a
`Mismatch`, under the name that summary.json has for it. Runs with a mismatch are refused unless it is allowed by that
name, and then every output names it beside the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.analysis.run_result import ItemScores, RunResult
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.run.summary_schema import ParseMode, TaskSummary
from evalsuite.stats.clusters import Floats, Ints, members
from evalsuite.stats.contrast import PairedScores
from evalsuite.tasks.task_arguments import shown_arguments

SETTINGS = ("prompt_digest", "format", "decoding", "samples", "rotate_options", "parser")
"""Settings that may differ between runs on the same items, by the names that allow it."""
MATERIAL = ("tasks", "version", "data_digest", "items")
"""Properties that determine the items."""
NAMES = (*MATERIAL, *SETTINGS)
SCORING = "scoring"
"""The setting that may never differ: generated answers and log-likelihoods are different measurements."""
_SHOWN = 12
"""Characters of a value in an error message, which are more than distinguish digests."""


class Mismatch(NamedTuple):
    """A setting or property that differs between two runs."""

    name: str
    """One of `NAMES`, or a key below it: `decoding.temperature`."""
    task: str
    """Empty for a mismatch of the run as a whole."""
    text: str
    """Both values."""

    def is_allowed(self, allow: Iterable[str]) -> bool:
        """Whether its name, or the part of it before the dot, is among these."""
        return any(self.name == name or self.name.startswith(name + ".") for name in allow)


@dataclass(frozen=True, slots=True)
class PairedTask:
    """One task in two runs: the same items in the same order; every array has shape (items,)."""

    task: str
    items: NDArray[np.object_]
    member: Ints
    """Cluster of each item."""
    a: ItemScores
    b: ItemScores
    at: tuple[Ints, Ints]
    """Positions of the items in A's and in B's arrays."""

    @property
    def samples(self) -> int:
        """Samples of each item, the smaller number where the runs differ in it."""
        return min(self.a.samples, self.b.samples)

    @property
    def answers(self) -> int:
        """Responses per item as statistics count them, the smaller number where the runs differ in it."""
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
    """Mismatches that were allowed; every output names them."""
    items_before: Mapping[str, int] | None = None
    """Items of each task before it was restricted to those that training data don't have; None if it wasn't."""

    @property
    def identical(self) -> bool:
        """Whether both runs gave the same answers."""
        return all(pair.identical for pair in self.pairs)


def pair(a: RunResult, b: RunResult, tasks: Sequence[str] = (), allow: Sequence[str] | None = None) -> Pairing:
    """Pair two runs on these tasks, or on all where none are named.

    All mismatches that aren't allowed are named in one `RunError`. `allow` has names from `NAMES` (any other is a
    `UsageError`); None means that nothing can be allowed, so that the error doesn't offer it. With `tasks` allowed the
    tasks that both runs have are paired, with `items` the items that both have.
    """
    for name in allow or ():
        if name.partition(".")[0] not in NAMES:
            raise UsageError(
                ErrorCode.UNKNOWN_SETTING,
                f"`allow`: unknown setting {name}; known: {', '.join(NAMES)}",
            )
    shared = [task for task in tasks or a.tasks if task in a.tasks and task in b.tasks]
    pairs = [pair_scores(task, a.scores(task), b.scores(task)) for task in shared]
    mismatches = [*_run_mismatches(a, b, tasks), *(each for pair in pairs for each in _task_mismatches(a, b, pair))]
    refused = [mismatch for mismatch in mismatches if not mismatch.is_allowed(allow or ())]
    if refused:
        raise RunError(
            ErrorCode.RUNS_NOT_COMPARABLE,
            f"{a.path} and {b.path} can't be paired: {_describe(refused)}{_hint(refused, allow)}",
        )
    empty = next((each.task for each in pairs if not len(each.items)), None)
    if empty or not pairs:
        missing = f"items of {empty}" if empty else "tasks"
        raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, f"{a.path} and {b.path} have no {missing} in common")
    return Pairing(a, b, tuple(pairs), tuple(mismatches))


def check_distinct(results: Sequence[RunResult]) -> None:
    """Raise a `RunError` if two of these runs are the same folder, whatever the paths that name it.

    For runs that people name: comparing a run with itself proves nothing, and a copied path would pass every gate. In
    training a stage that changes nothing has its predecessor's evaluation, and its gate must say that nothing changed.
    """
    paths = [result.path.resolve() for result in results]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise RunError(ErrorCode.SAME_RUN_TWICE, f"{twice}: given twice; a run can't be compared with itself")


def settings(result: RunResult, task: str) -> dict[str, Any]:
    """Return the settings of a task by the names in `SETTINGS`."""
    summary, task_summary = result.summary, result.tasks[task]
    return {
        "prompt_digest": task_summary.prompt_digest,
        "format": task_summary.format,
        "decoding": _comparable_decoding(result),
        "samples": task_summary.samples,
        "rotate_options": task_summary.rotate_options,
        "parser": summary.parser,
    }


def is_trivial(result: RunResult) -> bool:
    """Whether a run is of a trivial baseline, which has no settings that could differ."""
    return result.model.startswith("trivial/")


def marks(mismatches: Iterable[Mismatch]) -> list[str]:
    """Describe mismatches, one text per name, with the tasks that have it."""
    by_name: dict[str, list[Mismatch]] = {}
    for mismatch in mismatches:
        by_name.setdefault(mismatch.name, []).append(mismatch)
    return [_mark(name, group) for name, group in by_name.items()]


def pair_scores(task: str, a: ItemScores, b: ItemScores) -> PairedTask:
    """Pair the grades of a task on the items that both runs have, in the order of their ids."""
    if np.array_equal(a.items, b.items):
        positions = np.arange(len(a.items))
        at = (positions, positions)
    else:
        _, in_a, in_b = np.intersect1d(a.items.astype(str), b.items.astype(str), return_indices=True)
        at = (np.asarray(in_a), np.asarray(in_b))
    groups = [str(group) for group in a.groups[at[0]]]
    return PairedTask(task, a.items[at[0]], members(groups), a, b, at)


def _run_mismatches(a: RunResult, b: RunResult, tasks: Sequence[str]) -> Iterator[Mismatch]:
    """Yield mismatches that are the same for all tasks."""
    requested = tasks or [*a.tasks, *b.tasks]
    for run in (a, b):
        absent = [task for task in requested if task not in run.tasks]
        if absent:
            yield Mismatch("tasks", "", f"{run.path} has no {', '.join(absent)}")
    if is_trivial(a) or is_trivial(b):
        return
    decoding_a, decoding_b = _comparable_decoding(a), _comparable_decoding(b)
    for key in {**decoding_a, **decoding_b}:
        one, other = decoding_a.get(key), decoding_b.get(key)
        if one != other:
            yield Mismatch(f"decoding.{key}", "", f"{_short(one)} and {_short(other)}")
    if a.summary.parser != b.summary.parser:
        both = f"{_short(a.summary.parser)} and {_short(b.summary.parser)}"
        yield Mismatch("parser", "", f"{both} (evalsuite regrade grades the older run with the newer parser)")


def _comparable_decoding(result: RunResult) -> dict[str, Any]:
    """Return a run's decoding settings, with a top_p of 1 where it can't matter.

    At temperature 0 the likeliest token is taken whatever top_p is; servers are then not sent a top_p of 1.
    """
    decoding = result.summary.decoding
    return {**decoding, "top_p": 1.0} if decoding.get("temperature") == 0 else decoding


def _task_mismatches(a: RunResult, b: RunResult, pair: PairedTask) -> Iterator[Mismatch]:
    """Yield mismatches of one task."""
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
            yield Mismatch(name, pair.task, f"{_short(one)} and {_short(other)}{_other_arguments(task_a, task_b)}")
    if task_a.rotate_options != task_b.rotate_options:
        orders = ["each order of the options" if task.rotate_options else "one order" for task in (task_a, task_b)]
        yield Mismatch("rotate_options", pair.task, " and ".join(orders))
    if task_a.data_digest == task_b.data_digest:
        for column in ("gold", "group"):
            count = _differing_items(pair, column)
            if count:  # one of the two grades.parquet was edited, or the items were locked wrongly
                yield Mismatch("data_digest", pair.task, f"the same, but {count} items have another {column}")
    if not len(pair.items) == task_a.n == task_b.n:
        yield Mismatch("items", pair.task, f"{task_a.n} and {task_b.n}, {len(pair.items)} in both")


def _other_arguments(a: TaskSummary, b: TaskSummary) -> str:
    """Say with which arguments each task's items were drawn, where these differ."""
    shown = [shown_arguments(task.task_args) or "no arguments" for task in (a, b)]
    return "" if a.task_args == b.task_args else f": drawn with {shown[0]} and with {shown[1]}"


def _differing_items(pair: PairedTask, column: str) -> int:
    a, b = (scores.of_items(column)[at] for scores, at in zip((pair.a, pair.b), pair.at, strict=True))
    return int((a != b).sum())


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _mark(name: str, group: Sequence[Mismatch]) -> str:
    shown = [f"{each.task} {each.text}" if each.task else each.text for each in group[:2]]
    more = f"; and {len(group) - 2} more tasks" if len(group) > 2 else ""
    return f"{name} ({'; '.join(shown)}{more})"


def _describe(mismatches: Sequence[Mismatch]) -> str:
    texts = marks(mismatches)
    return ", ".join(texts) + (" differs" if len(texts) == 1 else " differ")


def _hint(refused: Sequence[Mismatch], allow: Sequence[str] | None) -> str:
    if allow is None or any(each.name == SCORING for each in refused):
        return ""
    return (
        f". To compare them all the same: `allow` {','.join(dict.fromkeys([*allow, *(each.name for each in refused)]))}"
    )
