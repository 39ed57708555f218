"""Grade stored responses again with the present parser, and count every grade that changes by its kind of change.

    grades.parquet, summary.json                    by the present parser
    grades.<parser>.parquet, summary.<parser>.json  by the previous parser; never overwritten

The copies of the previous files are written first, then each new file is put in place atomically, and run.json last.
After a kill at any point the folder can be read, and the same command completes the work.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from evalsuite import parser
from evalsuite.analysis.run_result import check_columns, read_result
from evalsuite.errors import ErrorCode, RunError
from evalsuite.run.reload import check_responses, reload_tasks, without_loglikelihoods
from evalsuite.run.summary import GRADES, read_grades, summarise
from evalsuite.run.summary_schema import ParseMode, RunSummary
from evalsuite.run_folder import RunFolder, disk_error
from evalsuite.util.atomic_write import atomic_path

EXAMPLES = 3
"""Responses named for each kind of change."""
PARSE_MODES: Final[tuple[ParseMode, ...]] = ("strict", "lenient")
_KEY = ("task", "item", "rotation", "sample")
_FILES = ("grades.parquet", "summary.json")

Json = dict[str, Any]


class ParseVerdict(NamedTuple):
    """The grade of a response in one parse mode, as far as a change of it is reported."""

    status: str
    label: str | None
    form: str | None
    """Of the lenient parse: the documented form that it matched."""
    correct: bool

    @property
    def rule(self) -> str:
        """The status, with the form where there is one."""
        return f"{self.status} ({self.form})" if self.form else self.status


class _ChangeKey(NamedTuple):
    """What responses have in common that are counted as one `GradeChange`."""

    task: str
    parse_mode: ParseMode
    was: str
    now: str
    other_label: bool


@dataclass(slots=True)
class GradeChange:
    """All responses whose grade changed in one way."""

    task: str
    parse_mode: ParseMode
    was: str
    now: str
    other_label: bool
    """Whether both parsers found a label, and not the same one."""
    count: int = 0
    gained: int = 0
    """Number that became right."""
    lost: int = 0
    """Number that became wrong."""
    examples: list[str] = field(default_factory=list)
    """Item ids, followed by `~rotation` where options were rotated, and by `#sample` except for the first sample."""


@dataclass(frozen=True, slots=True)
class Regraded:
    """The result of regrading a run."""

    path: Path
    was: str
    """The previous parser."""
    now: str
    changes: tuple[GradeChange, ...]
    before: RunSummary
    """The summary by the previous parser."""
    after: RunSummary

    def __repr__(self) -> str:
        return f"Regraded({str(self.path)!r}: parser {self.was} to {self.now}, {len(self.changes)} grades changed)"

    def to_json(self) -> Json:
        """The content that `--json` prints."""
        return {
            "run": str(self.path),
            "parser": {"was": self.was, "now": self.now},
            "tasks": {
                name: {
                    key: {"was": getattr(self.before.tasks[name], key)._asdict(), "now": getattr(task, key)._asdict()}
                    for key in ("accuracy", "accuracy_lenient")
                }
                for name, task in self.after.tasks.items()
            },
            "changes": [asdict(change) for change in self.changes],
        }


def regrade(path: Path, data_dir: Path | None = None, lost_lines: bool = False) -> Regraded:
    """Grade a run's responses again and replace its grades and its summary; the data must be those of the run.

    A run without grades, or one that another tool graded, is a `RunError`. `lost_lines` is that of `RunFolder`.
    """
    folder = RunFolder(path, lost_lines)
    prepared_tasks = without_loglikelihoods(reload_tasks(folder, data_dir))
    with folder.writing():
        check_responses(folder, prepared_tasks)
        was = _previous_parser(folder)
        renewed = was != parser.VERSION
        # With an unchanged parser version there is nothing to preserve, unless the grades turn out to differ.
        old_grades = _read_grades(_graded_by(path, "grades.parquet", was) if renewed else path / "grades.parquet")
        before = read_result(_graded_by(path, "summary.json", was) if renewed else path).summary
        if before.tasks.keys() != {prepared.name for prepared in prepared_tasks}:
            raise RunError(ErrorCode.RUN_INCONSISTENT, f"{path}: summary.json has other tasks than run.json")
        copies = _copy_files(path, was)
        after = summarise(folder, prepared_tasks).summary
        changes = tuple(_changes(old_grades, _read_grades(path / "grades.parquet"), path))
        regraded = Regraded(path, was, parser.VERSION, changes, before, after)
        if renewed or changes:
            _record_regrading(folder, regraded)
        else:
            for copy in copies:
                copy.unlink()
    return regraded


def _previous_parser(folder: RunFolder) -> str:
    """Return the parser whose grades are to be compared with the new ones.

    It is the one in summary.json, except after a regrading that was killed between the new summary.json and run.json.
    Then summary.json names the present parser already and run.json still the previous one, of which there is a copy.
    """
    graded_by, recorded = read_result(folder.path).summary.parser, str(folder.facts.get("parser"))
    killed = graded_by == parser.VERSION != recorded and _copy_path(folder.path, "summary.json", recorded).is_file()
    return recorded if killed else graded_by


def _copy_path(path: Path, name: str, parser: str) -> Path:
    stem, _, suffix = name.partition(".")
    return path / f"{stem}.{re.sub(r'[^0-9A-Za-z_-]+', '_', parser)}.{suffix}"


def _graded_by(path: Path, name: str, parser: str) -> Path:
    """Return the file with this parser's grades: its copy, if a regrading that was killed left one."""
    copy = _copy_path(path, name, parser)
    return copy if copy.is_file() else path / name


def _copy_files(path: Path, parser: str) -> list[Path]:
    """Copy the present files under the name of their parser, and return the copies that are new."""
    copies = []
    for name in _FILES:
        copy = _copy_path(path, name, parser)
        if copy.exists():  # of an earlier regrading: the file beside it may have been replaced already
            continue
        try:
            with atomic_path(copy) as partial:
                shutil.copyfile(path / name, partial)
            copies.append(copy)
        except OSError as error:
            raise disk_error(copy, error) from None
    return copies


def _record_regrading(folder: RunFolder, regraded: Regraded) -> None:
    """Add the regrading to run.json, which is written last: until then it names the previous parser."""
    facts = folder.facts
    entry = {
        "was": regraded.was,
        "now": regraded.now,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "changed": {
            parse_mode: sum(change.count for change in regraded.changes if change.parse_mode == parse_mode)
            for parse_mode in PARSE_MODES
        },
    }
    folder.write_json("run.json", {**facts, "parser": regraded.now, "regraded": [*facts.get("regraded", []), entry]})


def _read_grades(path: Path) -> pa.Table:
    try:
        table = read_grades(path)
        check_columns(table, path)
        return table.select(GRADES.names).sort_by([(name, "ascending") for name in _KEY])
    except (OSError, pa.ArrowException) as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: can't be read: {' '.join(str(error).split())}") from None


def _changes(old: pa.Table, new: pa.Table, path: Path) -> Iterator[GradeChange]:
    """Count the responses whose grade differs by task, parse mode and kind of change, the most frequent first."""
    keys = list(zip(*(new[name].to_pylist() for name in _KEY), strict=True))
    if keys != list(zip(*(old[name].to_pylist() for name in _KEY), strict=True)):
        raise RunError(
            ErrorCode.RUN_INCONSISTENT,
            f"{path}: its grades are about other items than its journal: run it again with --resume",
        )
    changes: dict[_ChangeKey, GradeChange] = {}
    for parse_mode in PARSE_MODES:
        for key, was, now in zip(keys, _verdicts(old, parse_mode), _verdicts(new, parse_mode), strict=True):
            if was != now:
                other_label = None not in (was.label, now.label) and was.label != now.label
                kind = _ChangeKey(key[0], parse_mode, was.rule, now.rule, other_label)
                _count(changes.setdefault(kind, GradeChange(*kind)), key, was, now)
    yield from sorted(
        changes.values(), key=lambda c: (c.task, -PARSE_MODES.index(c.parse_mode), -c.count, c.was, c.now)
    )


def _count(change: GradeChange, key: tuple[str, str, int, int], was: ParseVerdict, now: ParseVerdict) -> None:
    _, item, rotation, sample = key
    change.count += 1
    change.gained += now.correct and not was.correct
    change.lost += was.correct and not now.correct
    if len(change.examples) < EXAMPLES:
        change.examples.append(f"{item}{f'~{rotation}' if rotation else ''}{f'#{sample}' if sample else ''}")


def _verdicts(table: pa.Table, parse_mode: ParseMode) -> Iterator[ParseVerdict]:
    suffix = "" if parse_mode == "strict" else "_lenient"
    forms = [None] * table.num_rows if parse_mode == "strict" else table["form"].to_pylist()
    columns = (table[f"{name}{suffix}"].to_pylist() for name in ("status", "label", "correct"))
    for status, label, correct, form in zip(*columns, forms, strict=True):
        yield ParseVerdict(status, label, form, correct)
