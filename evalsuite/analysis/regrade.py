"""Old responses under the present parser: nothing is asked again, and every verdict that changes is counted by rule.

    grades.parquet, summary.json                    under the present parser
    grades.<parser>.parquet, summary.<parser>.json  under the one before; never written over

The kept files are written first and the new ones put in place as a whole, so that a kill at any point leaves a folder
that can be read, or that the same command mends.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from evalsuite import parser
from evalsuite.analysis.run_result import read_result
from evalsuite.errors import RunError
from evalsuite.run.reload import reload_tasks
from evalsuite.run.summary import GRADES, read_grades, summarise
from evalsuite.run.summary_schema import RunSummary
from evalsuite.run_folder import RunFolder, disk_error
from evalsuite.util.atomic_write import atomic_path

EXAMPLES = 3
"""Responses named for each kind of change."""
READINGS = ("strict", "lenient")
_KEY = ("task", "item", "rotation", "sample")

Json = dict[str, Any]


class ParseVerdict(NamedTuple):
    """What one reading made of a response."""

    status: str
    label: str | None
    form: str | None
    """Of the lenient parse: the form that was read."""
    correct: bool

    @property
    def rule(self) -> str:
        """The verdict without its label, in words."""
        return f"{self.status} ({self.form})" if self.form else self.status


@dataclass(slots=True)
class GradeChange:
    """All responses whose verdict changed in one way."""

    task: str
    parse_mode: str
    was: str
    now: str
    other_label: bool
    """Whether a label was read both times, and not the same."""
    count: int = 0
    gained: int = 0
    """How many became right."""
    lost: int = 0
    """How many became wrong."""
    examples: list[str] = field(default_factory=list)
    """Item ids, with `~rotation` behind those whose options were moved and `#sample` behind all but the first
    sample's."""


@dataclass(frozen=True, slots=True)
class Regraded:
    """What a regrading changed."""

    path: Path
    was: str
    """The parser before."""
    now: str
    changes: tuple[GradeChange, ...]
    before: RunSummary
    """summary.json under the parser before."""
    after: RunSummary

    def to_json(self) -> Json:
        """What `--json` prints."""
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


def regrade(path: Path, data_dir: Path | None = None) -> Regraded:
    """Grade a run's responses again and replace its grades and its summary; the data must be what was asked then.

    A run without grades, or one that another tool graded, is a `RunError`.
    """
    folder = RunFolder(path)
    prepared_tasks = reload_tasks(folder, data_dir)
    with folder.writing():
        was = _last_parser(folder)
        renewed = was != parser.VERSION
        old = _grades(_made_by(path, "grades.parquet", was) if renewed else path / "grades.parquet")
        before = read_result(_made_by(path, "summary.json", was) if renewed else path).summary
        made = _keep(path, was)
        after = summarise(folder, prepared_tasks).summary
        changes = tuple(_changes(old, _grades(path / "grades.parquet"), path))
        regraded = Regraded(path, was, parser.VERSION, changes, before, after)
        if renewed or changes:
            _note(folder, regraded)
        else:
            for file in made:
                file.unlink()
    return regraded


def _last_parser(folder: RunFolder) -> str:
    """Whose verdicts the present ones replace; run.json is written last, so after a kill it still names them."""
    graded, noted = read_result(folder.path).summary.parser, str(folder.facts["parser"])
    cut_short = graded == parser.VERSION != noted and _kept(folder.path, "summary.json", noted).is_file()
    return noted if cut_short else graded


def _kept(path: Path, name: str, parser: str) -> Path:
    stem, _, suffix = name.partition(".")
    return path / f"{stem}.{re.sub(r'[^0-9A-Za-z_-]+', '_', parser)}.{suffix}"


def _made_by(path: Path, name: str, parser: str) -> Path:
    """Where that parser's verdicts are: a copy of them is older than a replacement that was cut short."""
    copy = _kept(path, name, parser)
    return copy if copy.is_file() else path / name


def _keep(path: Path, parser: str) -> list[Path]:
    """Copy the present files under the name of the parser that made them; returns the copies that are new."""
    made = []
    for name in ("grades.parquet", "summary.json"):
        copy = _kept(path, name, parser)
        if copy.exists():
            continue
        try:
            with atomic_path(copy) as partial:
                shutil.copyfile(path / name, partial)
            made.append(copy)
        except OSError as error:
            raise disk_error(copy, error) from None
    return made


def _note(folder: RunFolder, regraded: Regraded) -> None:
    """Say in run.json which parser graded, and which did before."""
    facts = folder.facts
    entry = {
        "was": regraded.was,
        "now": regraded.now,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "changed": {parse_mode: _count(regraded.changes, parse_mode) for parse_mode in READINGS},
    }
    folder.write_json("run.json", {**facts, "parser": regraded.now, "regraded": [*facts.get("regraded", []), entry]})


def _count(changes: Iterable[GradeChange], parse_mode: str) -> int:
    return sum(change.count for change in changes if change.parse_mode == parse_mode)


def _grades(path: Path) -> pa.Table:
    try:
        table = read_grades(path)
        return table.select(GRADES.names).sort_by([(name, "ascending") for name in _KEY])
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RunError(f"{path}: can't be read: {' '.join(str(error).split())}") from None


def _changes(old: pa.Table, new: pa.Table, path: Path) -> Iterator[GradeChange]:
    """Sort the responses whose verdict differs by task, reading and rule, the most frequent first."""
    keys = list(zip(*(new[name].to_pylist() for name in _KEY), strict=True))
    if keys != list(zip(*(old[name].to_pylist() for name in _KEY), strict=True)):
        raise RunError(f"{path}: its grades were about other items than its journal: run it again with --resume")
    found: dict[tuple[str, str, str, str, bool], GradeChange] = {}
    for parse_mode in READINGS:
        for key, was, now in zip(keys, _verdicts(old, parse_mode), _verdicts(new, parse_mode), strict=True):
            if was != now:
                _count_in(found, key, parse_mode, was, now)
    yield from sorted(found.values(), key=lambda c: (c.task, -READINGS.index(c.parse_mode), -c.count, c.was, c.now))


def _count_in(
    found: dict[tuple[str, str, str, str, bool], GradeChange],
    key: tuple[str, str, int, int],
    parse_mode: str,
    was: ParseVerdict,
    now: ParseVerdict,
) -> None:
    task, item, rotation, sample = key
    kind = (task, parse_mode, was.rule, now.rule, None not in (was.label, now.label) and was.label != now.label)
    change = found.setdefault(kind, GradeChange(*kind))
    change.count += 1
    change.gained += now.correct and not was.correct
    change.lost += was.correct and not now.correct
    if len(change.examples) < EXAMPLES:
        change.examples.append(f"{item}{f'~{rotation}' if rotation else ''}{f'#{sample}' if sample else ''}")


def _verdicts(table: pa.Table, parse_mode: str) -> Iterator[ParseVerdict]:
    end = "" if parse_mode == "strict" else "_lenient"
    form = [None] * table.num_rows if parse_mode == "strict" else table["form"].to_pylist()
    columns = (table[f"{name}{end}"].to_pylist() for name in ("status", "label", "correct"))
    for status, label, correct, shape in zip(*columns, form, strict=True):
        yield ParseVerdict(status, label, shape, correct)
