"""The command `evalsuite data overlap`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.registry import all_tasks, resolve
from evalsuite.util.text import visible

if TYPE_CHECKING:
    from evalsuite.data.overlap.match import Rule
    from evalsuite.data.overlap.search import Overlap

FOUND: Final = 1
"""The exit code if training data hold benchmark items."""


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tasks", help="Task names, with commas [default: all tasks whose data is there].")
@click.option("--suite", help="A suite of tasks.")
@click.option(
    "--data-dir",
    envvar="EVALSUITE_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="The benchmarks' files [default: EVALSUITE_DATA, else where pull puts them].",
)
@click.option(
    "--rules",
    default="exact,near",
    show_default=True,
    help="By which a row counts as having an item, with commas: exact, near, 13-gram, 64-char.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder for overlap.json and matches.jsonl."
)
@click.option("--remove", is_flag=True, help="Write the files without these rows to the folder `clean` of --out.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print overlap.json instead of the table.")
def overlap(
    paths: tuple[Path, ...],
    tasks: str | None,
    suite: str | None,
    data_dir: Path | None,
    rules: str,
    out: Path | None,
    remove: bool,
    workers: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Search training data for benchmark items: files, folders, or a manifest.

    Read are JSON lines, JSON, CSV, TSV, Parquet, Excel and text, each also with gzip. Exit code 1 if a row has an item
    of a test split by the chosen rules and isn't removed.
    """
    from evalsuite.data.overlap.benchmark_items import read_benchmarks
    from evalsuite.data.overlap.documents import source_files
    from evalsuite.data.overlap.search import search

    chosen = _rules(rules)
    if remove and out is None:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT, "`remove` needs `out`, the folder for the files without these rows"
        )
    named = tasks is not None or suite is not None
    files = [file for path in paths for file in source_files(path)]
    benchmarks = read_benchmarks(
        # What a program draws isn't published, and drawing it takes a while.
        resolve(tasks, suite) if named else [task for task in all_tasks() if task.generated is None],
        data_dir,
        unreadable="raise" if named else "list absent",
    )
    found = search(files, benchmarks, chosen, out, remove, workers)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1) if as_json else visible_table(found))
    leaked = [column for column in benchmarks.items if "(" not in column and found.items(column)]
    if leaked and not remove:
        raise SystemExit(FOUND)


def _rules(text: str) -> tuple[Rule, ...]:
    from evalsuite.data.overlap.match import RULES

    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in RULES]:
        message = f"`rules`: there is no rule {unknown[0]!r}; known: {', '.join(RULES)}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return tuple(rule for rule in RULES if rule in names)


def visible_table(found: Overlap) -> str:
    """Return what was found as a table of text."""
    return "\n".join(visible(line) for line in _lines(found))


def _lines(found: Overlap) -> Sequence[str]:
    facts = found.to_json()
    lines = []
    for file, counts in facts["files"].items():
        lines.append(f"{file}: {counts['matched']:,} of {counts['documents']:,} documents have benchmark items")
        rows = [row for row in facts["overlap"] if row["file"] == file]
        if rows:
            lines.append(
                f"  {'benchmark':24}{'items':>16}{'with answer':>13}{'exact':>8}{'near':>8}{'13-gram':>9}{'64-char':>9}"
            )
        for row in sorted(rows, key=lambda row: -row["items"]):
            share = f"{row['items']:,} of {facts['benchmarks'][row['benchmark']]:,}"
            lines.append(
                f"  {row['benchmark']:24}{share:>16}{row['with_answer']:>13}"
                + "".join(
                    f"{row[rule]:>{width}}"
                    for rule, width in zip(("exact", "near", "13-gram", "64-char"), (8, 8, 9, 9), strict=True)
                )
            )
    for name in facts["unavailable"]:
        lines.append(f"not searched for: {name}, whose data isn't there")
    return lines
