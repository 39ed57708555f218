"""The leaderboard: runs as rows, tasks as columns, and which cells may be compared."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalsuite.analysis.comparability import SETTINGS, check_distinct, is_trivial, settings
from evalsuite.analysis.run_result import ItemScores, RunResult
from evalsuite.analysis.training_overlap import Overlaps, TaskOverlap, marks_of
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.run.summary_schema import ParseMode, RepeatedSamplesSummary, RobustnessSummary
from evalsuite.stats.clusters import Floats, Ints, members
from evalsuite.stats.contrast import PairedScores
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.macro_average import macro
from evalsuite.tasks.task_arguments import shown_arguments

ORDER = (
    "careqa",
    "jmed",
    "medbullets_op4",
    "medmcqa",
    "medqa",
    "medxpertqa",
    "pubmedqa",
    "mmlu_pro_biology",
    "mmlu_pro_health",
)
"""Columns of the field's tables (Fleming-R1, Tables 1 and 2), in their order; other tasks follow by name."""
LARGE, MIDDLE, SMALL, UNKNOWN, TRIVIAL = "> 100B", "10B-100B", "< 10B", "size unknown", "trivial_baselines"
SIZES = (LARGE, MIDDLE, SMALL, UNKNOWN)
"""Groups of rows, as in those tables."""
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_DIGITS = 8


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run with its names in a report."""

    id: str
    """Unique among the runs, and valid in a file name and a link."""
    name: str
    result: RunResult

    @property
    def is_trivial(self) -> bool:
        """Whether this is a run of a trivial baseline."""
        return is_trivial(self.result)


@dataclass(frozen=True, slots=True)
class LeaderboardColumn:
    """One column: one task, one version of its data, one set of its items."""

    key: str
    task: str
    title: str
    n: int
    items: int
    """Items of the whole task; more than `n` where the column's runs cover only a part."""
    chance: float
    trivial_baselines: Mapping[str, float]
    reference: Mapping[str, Any]
    """The settings of most of the column's runs, which the others are compared with."""
    member: Ints
    """Cluster of each item, in the order of item ids."""

    @property
    def partial(self) -> bool:
        """Whether the column lacks items of the task."""
        return self.n < self.items


@dataclass(frozen=True, slots=True)
class LeaderboardCell:
    """One run in one column, as fractions."""

    strict: Estimate
    lenient: Estimate
    accuracy: Estimate
    """The one of the two in the board's parse mode."""
    invalid: float
    truncated: float
    n: int
    samples: int
    answers: int
    """Responses per item as statistics count them; see `ItemScores`."""
    differs: tuple[str, ...]
    """Settings, out of `SETTINGS`, in which this run differs from the column's reference."""
    robustness: RobustnessSummary | None = None
    """What option rotation shows, as summary.json has it; of the strict parse."""
    repeated: RepeatedSamplesSummary | None = None
    """What several samples per item show, in the board's parse mode."""
    training_overlap: TaskOverlap | None = None
    """What the model's training data have of the items, where that was named."""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One run in all columns."""

    entry: NamedRun
    size: str
    cells: Mapping[str, LeaderboardCell]
    macro: Estimate | None
    """Average over the board's macro columns; None where the run lacks one."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.entry.name

    @property
    def differs(self) -> tuple[str, ...]:
        """Settings in which it differs from the reference in any column."""
        return tuple(name for name in SETTINGS if any(name in cell.differs for cell in self.cells.values()))


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The leaderboard, ordered by macro average within each group of sizes."""

    columns: tuple[LeaderboardColumn, ...]
    macro_columns: tuple[str, ...]
    """Keys of the columns that the macro average is over."""
    rows: tuple[LeaderboardRow, ...]
    allowed: tuple[str, ...] = ()
    """Settings that may differ between compared runs."""
    parse_mode: ParseMode = "strict"
    """The parse mode that all accuracies, ranks and comparisons are about."""
    scores: Mapping[tuple[str, str], ItemScores] = field(default_factory=dict, repr=False)
    """Grades by (run id, task)."""

    def column(self, key: str) -> LeaderboardColumn:
        """Return the column with this key."""
        return next(column for column in self.columns if column.key == key)

    def item_scores(self, row: LeaderboardRow, key: str) -> Floats:
        """Return a row's scores in a column in the board's parse mode, shape (items,), in the order of item ids."""
        scores = self.scores[row.entry.id, self.column(key).task]
        return scores.strict if self.parse_mode == "strict" else scores.lenient

    def paired_scores(self, a: LeaderboardRow, b: LeaderboardRow, key: str) -> PairedScores:
        """Return two rows' scores in one column, as `contrast` takes them."""
        task = self.column(key).task
        return PairedScores(
            self.item_scores(a, key),
            self.item_scores(b, key),
            self.column(key).member,
            min(a.cells[key].answers, b.cells[key].answers),
            all(self.scores[row.entry.id, task].repeatable for row in (a, b)),
        )

    def comparable(self, row: LeaderboardRow, keys: Iterable[str]) -> bool:
        """Whether a row may be compared in these columns: it has all of them, with the settings of their reference."""
        cells = [row.cells.get(key) for key in keys]
        return all(cell is not None and set(cell.differs) <= set(self.allowed) for cell in cells)


def leaderboard(
    entries: Sequence[NamedRun],
    allow: Sequence[str] = (),
    parse_mode: ParseMode = "strict",
    overlaps: Overlaps | None = None,
) -> Leaderboard:
    """Arrange runs as a table; a name in `allow` that isn't one of `SETTINGS` is a `UsageError`.

    `overlaps`: what is known of the models' training data.
    """
    unknown = [name for name in allow if name not in SETTINGS]
    if unknown:
        raise UsageError(
            ErrorCode.UNKNOWN_SETTING,
            f"`allow`: unknown setting {unknown[0]}; known in a report: {', '.join(SETTINGS)}",
        )
    if not entries:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "no runs: name at least one run folder")
    indexed = _index(entries)
    columns = _columns(entries, indexed)
    averaged = _macro_columns(columns, entries, indexed)
    rows = [_row(entry, columns, indexed, averaged, parse_mode, overlaps or {}) for entry in entries]
    scores = {key: scores for key, (_, scores) in indexed.items()}
    return Leaderboard(columns, averaged, tuple(sorted(rows, key=_position)), tuple(allow), parse_mode, scores)


def size_of(name: str) -> str:
    """Return the size group of a model by the parameters in its name, as in `Qwen3-8B` and `Mixtral-8x7B`."""
    match = _SIZE.search(name)
    if not match:
        return UNKNOWN
    billions = float(match[2]) * int(match[1] or 1)  # of a mixture of experts, the total
    return LARGE if billions > 100 else MIDDLE if billions >= 10 else SMALL


_Indexed = dict[tuple[str, str], tuple[str, ItemScores]]
"""From (run id, task) to the key of its column and its grades."""


def _index(entries: Sequence[NamedRun]) -> _Indexed:
    return {
        (entry.id, task): (_key(entry.result, task, scores), scores)
        for entry in entries
        for task, scores in ((task, entry.result.scores(task)) for task in entry.result.tasks)
    }


def _key(result: RunResult, task: str, scores: ItemScores) -> str:
    """Return the key of a run's column: two runs share it only if they answered the same items in the same way."""
    summary = result.tasks[task]
    covered = "\0".join(map(str, scores.items)) if summary.partial else ""
    scoring = () if summary.scoring == "generate" else (summary.scoring,)
    identity = "\0".join((task, str(summary.version), summary.data_digest, covered, *scoring))
    return f"{task}@{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def _columns(entries: Sequence[NamedRun], indexed: _Indexed) -> tuple[LeaderboardColumn, ...]:
    """Make the columns that some model has, or that any run has where all are trivial baselines."""
    models = {entry.id: entry for entry in entries if not entry.is_trivial} or {entry.id: entry for entry in entries}
    groups: dict[str, list[tuple[NamedRun, str, ItemScores]]] = {}
    for (id, task), (key, scores) in indexed.items():
        if id in models:
            groups.setdefault(key, []).append((models[id], task, scores))
    columns = [_column(key, group) for key, group in groups.items()]
    ordered = sorted(columns, key=lambda c: (_order(c.task), -c.n, c.key))
    return tuple(_titled(column, ordered) for column in ordered)


def _column(key: str, group: Sequence[tuple[NamedRun, str, ItemScores]]) -> LeaderboardColumn:
    first, task, scores = group[0]
    summary = first.result.tasks[task]
    used = [settings(entry.result, task) for entry, _, _ in group]
    common = Counter(repr(each) for each in used).most_common(1)[0][0]
    scoring = "" if summary.scoring == "generate" else summary.scoring
    return LeaderboardColumn(
        key=key,
        task=task,
        title=", ".join(filter(None, (task, shown_arguments(summary.task_args), scoring))),
        n=summary.n,
        items=summary.items,
        chance=summary.chance,
        trivial_baselines=dict(summary.trivial_baselines),
        reference=next(each for each in used if repr(each) == common),
        member=members([str(group) for group in scores.groups]),
    )


def _titled(column: LeaderboardColumn, columns: Sequence[LeaderboardColumn]) -> LeaderboardColumn:
    """Give a column a title that no other column of its task has."""
    title = column.title
    if column.partial:
        title += f", {column.n} of {column.items}"
    if sum((c.title, c.n) == (column.title, column.n) for c in columns) > 1:
        title += f" ({column.key[-_DIGITS:]})"
    return replace(column, title=title)


def _order(task: str) -> tuple[int, str]:
    return (ORDER.index(task) if task in ORDER else len(ORDER), task)


def _macro_columns(
    columns: Sequence[LeaderboardColumn], entries: Sequence[NamedRun], indexed: _Indexed
) -> tuple[str, ...]:
    """Choose the columns of the average: the set that most models have in full; of equals, the larger set."""
    keys = [column.key for column in columns]
    complete: Counter[tuple[str, ...]] = Counter()  # models by the set of columns that they have
    for entry in entries:
        own = {key for (id, _), (key, _) in indexed.items() if id == entry.id}
        if not entry.is_trivial or all(e.is_trivial for e in entries):
            complete[tuple(key for key in keys if key in own)] += 1

    def support(columns: tuple[str, ...]) -> tuple[int, int]:
        return sum(count for each, count in complete.items() if set(columns) <= set(each)), len(columns)

    several = [columns for columns in complete if len(columns) > 1]
    return max(several or complete, key=support)


def _row(
    entry: NamedRun,
    columns: Sequence[LeaderboardColumn],
    indexed: _Indexed,
    averaged: Sequence[str],
    parse_mode: ParseMode,
    overlaps: Overlaps,
) -> LeaderboardRow:
    own = {key: task for (id, task), (key, _) in indexed.items() if id == entry.id}
    cells = {
        c.key: _cell(entry, indexed[entry.id, own[c.key]][1], own[c.key], c, parse_mode, overlaps)
        for c in columns
        if c.key in own
    }
    estimates = [cells[key].accuracy if key in cells else None for key in averaged]
    return LeaderboardRow(entry, TRIVIAL if entry.is_trivial else size_of(entry.name), cells, macro(estimates))


def _cell(
    entry: NamedRun,
    scores: ItemScores,
    task: str,
    column: LeaderboardColumn,
    parse_mode: ParseMode,
    overlaps: Overlaps,
) -> LeaderboardCell:
    summary, used = entry.result.tasks[task], settings(entry.result, task)
    compared = () if entry.is_trivial else SETTINGS  # a trivial baseline reads no prompt
    return LeaderboardCell(
        strict=summary.accuracy,
        lenient=summary.accuracy_lenient,
        accuracy=summary.accuracy_of(parse_mode),
        invalid=1 - summary.share("ok"),
        truncated=summary.share("truncated"),
        n=summary.n,
        samples=summary.samples,
        answers=scores.answers,
        differs=tuple(name for name in compared if used[name] != column.reference[name]),
        robustness=summary.robustness,
        repeated=summary.repeated_samples_of(parse_mode),
        training_overlap=next(marks_of(entry.result, overlaps, [task]), None),
    )


def _position(row: LeaderboardRow) -> tuple[int, float, str]:
    groups = (*SIZES, TRIVIAL)
    return groups.index(row.size), -(row.macro.value if row.macro else -1.0), row.name


def entries(results: Sequence[RunResult], names: Callable[[RunResult], str]) -> tuple[NamedRun, ...]:
    """Give runs unique names and ids; the same folder given twice is a `RunError`."""
    check_distinct(results)
    plain = [names(result) for result in results]
    full = [
        f"{name} ({result.summary.run})" if plain.count(name) > 1 else name
        for name, result in zip(plain, results, strict=True)
    ]
    named: list[NamedRun] = []
    taken: set[str] = set()
    for name, result in zip(full, results, strict=True):
        slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:80] or "run"
        id = next(i for i in (slug, *(f"{slug}-{k}" for k in range(2, len(results) + 2))) if i not in taken)
        taken.add(id)
        shown = name if sum(each.name == name for each in named) == 0 else f"{name} #{id.rpartition('-')[2]}"
        named.append(NamedRun(id, shown, result))
    return tuple(named)
