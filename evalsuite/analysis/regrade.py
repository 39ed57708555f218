"""Old responses under the present parser: nothing is asked again, and every verdict that changes is counted by rule.

    grades.parquet, summary.json                    under the present parser
    grades.<parser>.parquet, summary.<parser>.json  under the one before; never written over

The kept files are written first and the new ones put in place as a whole, so that a kill at any point leaves a folder
that can be read, or that the same command mends.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from evalsuite import parser
from evalsuite.analysis.run_result import read_result
from evalsuite.errors import RunError
from evalsuite.run.reload import asked_benches
from evalsuite.run.summary import GRADES, read_grades, summarise
from evalsuite.run_folder import RunFolder, disk_error

EXAMPLES = 3
"""Responses named for each kind of change."""
READINGS = ("strict", "lenient")
_KEY = ("task", "item", "shift", "sample")

Json = dict[str, Any]


class Verdict(NamedTuple):
    """What one reading made of a response."""

    status: str
    label: str | None
    form: str | None
    """Of the lenient reading: the form that was read."""
    correct: bool

    @property
    def rule(self) -> str:
        """The verdict without its label, in words."""
        return f"{self.status} ({self.form})" if self.form else self.status


@dataclass(slots=True)
class Change:
    """All responses whose verdict changed in one way."""

    task: str
    reading: str
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
    """Item ids, with `~shift` behind those whose options were moved and `#sample` behind all but the first sample's."""


@dataclass(frozen=True, slots=True)
class Regraded:
    """What a regrading changed."""

    path: Path
    was: str
    """The parser before."""
    now: str
    changes: tuple[Change, ...]
    before: Mapping[str, Any]
    """summary.json under the parser before."""
    after: Mapping[str, Any]

    def to_json(self) -> Json:
        """What `--json` prints."""
        return {
            "run": str(self.path),
            "parser": {"was": self.was, "now": self.now},
            "tasks": {
                name: {key: {"was": self.before["tasks"][name][key], "now": task[key]} for key in _ACCURACIES}
                for name, task in self.after["tasks"].items()
            },
            "changes": [asdict(change) for change in self.changes],
        }


_ACCURACIES = ("accuracy", "accuracy_lenient")


def regrade(path: Path, data_dir: Path | None = None) -> Regraded:
    """Grade a run's responses again and replace its grades and its summary; the data must be what was asked then.

    A run without grades, or one that another tool graded, is a `RunError`.
    """
    folder = RunFolder(path)
    benches = asked_benches(folder, data_dir)
    with folder.writing():
        was = _last_parser(folder)
        renewed = was != parser.VERSION
        old = _grades(_made_by(path, "grades.parquet", was) if renewed else path / "grades.parquet")
        before = read_result(_made_by(path, "summary.json", was) if renewed else path).summary
        made = _keep(path, was)
        after = summarise(folder, benches).content
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
    graded, noted = str(read_result(folder.path).summary["parser"]), str(folder.facts["parser"])
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
        draft = copy.with_name(f".{copy.name}.part")
        try:
            shutil.copyfile(path / name, draft)
            made.append(draft.replace(copy))
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
        "changed": {reading: _count(regraded.changes, reading) for reading in READINGS},
    }
    folder.write_json("run.json", {**facts, "parser": regraded.now, "regraded": [*facts.get("regraded", []), entry]})


def _count(changes: Iterable[Change], reading: str) -> int:
    return sum(change.count for change in changes if change.reading == reading)


def _grades(path: Path) -> pa.Table:
    try:
        table = read_grades(path)
        return table.select(GRADES.names).sort_by([(name, "ascending") for name in _KEY])
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RunError(f"{path}: can't be read: {' '.join(str(error).split())}") from None


def _changes(old: pa.Table, new: pa.Table, path: Path) -> Iterator[Change]:
    """Sort the responses whose verdict differs by task, reading and rule, the most frequent first."""
    keys = list(zip(*(new[name].to_pylist() for name in _KEY), strict=True))
    if keys != list(zip(*(old[name].to_pylist() for name in _KEY), strict=True)):
        raise RunError(f"{path}: its grades were about other items than its journal: run it again with --resume")
    found: dict[tuple[str, str, str, str, bool], Change] = {}
    for reading in READINGS:
        for key, was, now in zip(keys, _verdicts(old, reading), _verdicts(new, reading), strict=True):
            if was != now:
                _count_in(found, key, reading, was, now)
    yield from sorted(found.values(), key=lambda c: (c.task, -READINGS.index(c.reading), -c.count, c.was, c.now))


def _count_in(
    found: dict[tuple[str, str, str, str, bool], Change],
    key: tuple[str, str, int, int],
    reading: str,
    was: Verdict,
    now: Verdict,
) -> None:
    task, item, shift, sample = key
    kind = (task, reading, was.rule, now.rule, None not in (was.label, now.label) and was.label != now.label)
    change = found.setdefault(kind, Change(*kind))
    change.count += 1
    change.gained += now.correct and not was.correct
    change.lost += was.correct and not now.correct
    if len(change.examples) < EXAMPLES:
        change.examples.append(f"{item}{f'~{shift}' if shift else ''}{f'#{sample}' if sample else ''}")


def _verdicts(table: pa.Table, reading: str) -> Iterator[Verdict]:
    end = "" if reading == "strict" else "_lenient"
    form = [None] * table.num_rows if reading == "strict" else table["form"].to_pylist()
    columns = (table[f"{name}{end}"].to_pylist() for name in ("status", "label", "correct"))
    for status, label, correct, shape in zip(*columns, form, strict=True):
        yield Verdict(status, label, shape, correct)
