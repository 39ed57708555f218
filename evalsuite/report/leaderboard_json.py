"""The leaderboard as plain data: what leaderboard.json holds, and what the page and the Markdown are written from."""

from __future__ import annotations

from typing import Any

from evalsuite.analysis.leaderboard import SIZES, TRIVIAL, Leaderboard, LeaderboardCell, LeaderboardRow
from evalsuite.analysis.pairing import SETTINGS
from evalsuite.analysis.ranking import MACRO, ReferenceContrast, leaders, rank, reference, reference_contrasts
from evalsuite.report.published_scores import published
from evalsuite.report.run_names import recorded

Json = dict[str, Any]
SCHEMA = 1

_TRIVIAL_NAMES = {
    "longest": "the longest option",
    "majority": "the majority label",
}


def board_json(board: Leaderboard) -> Json:
    """Everything that a leaderboard says."""
    placed, leading, held = rank(board), leaders(board), reference(board)
    averaged = [MACRO] if len(board.macro_columns) > 1 else []
    keys = [*averaged, *(column.key for column in board.columns)]
    return {
        "schema": SCHEMA,
        "parse_mode": board.parse_mode,
        "columns": [_column(board, column.key) for column in board.columns],
        "macro_columns": list(board.macro_columns),
        "rows": [_row(board, row, placed.get(row.entry.id), leading) for row in board.rows],
        "trivial_baselines": _trivial_baselines(board),
        "comparisons": {
            "reference": held.entry.id if held else None,
            "columns": {key: [contest_json(c) for c in reference_contrasts(board, held, key)] for key in keys}
            if held
            else {},
        },
        "allowed": list(board.allowed),
        "published": published(board),
        "notes": notes(board),
        "run_notes": run_notes(board),
    }


def notes(board: Leaderboard) -> list[str]:
    """What a reader must know to read the table, a sentence each."""
    found = []
    if len(board.macro_columns) > 1:
        titles = ", ".join(board.column(key).title for key in board.macro_columns)
        found.append(
            f"The average is over {len(board.macro_columns)} columns ({titles}); a run that lacks one has none."
        )
    for column in board.columns:
        if column.partial:
            found.append(
                f"{column.title}: these runs answered {column.n} of its {column.items} items, "
                "so the column holds nothing about the whole task."
            )
    for row in board.rows:
        missing = sum(task.unanswered for task in row.entry.result.tasks.values())
        if missing:
            found.append(f"{row.name}: {missing:,} responses are missing and count as wrong; the run was cut short.")
    if any(recorded(row.entry.result) for row in board.rows):
        found.append("Runs marked “recorded” grade responses that were made elsewhere; nothing was asked here.")
    for name in SETTINGS:
        rows = [row.name for row in board.rows if name in row.differs and row.size != TRIVIAL]
        if rows:
            found.append(f"{_DIFFERS[name]}: {', '.join(rows)}. {_treated(board, name)}")
    return found


def run_notes(board: Leaderboard) -> list[Json]:
    """What the runs noted about their data and about how they were asked: each note once, with whom it is about."""
    found: dict[str, Json] = {}
    for row in board.rows:
        for task, summary in row.entry.result.tasks.items():
            for note in summary.notes:
                about = found.setdefault(note, {"note": note, "tasks": {}, "rows": {}})
                about["tasks"][task] = about["rows"][row.name] = None
    return [{name: each if name == "note" else list(each) for name, each in about.items()} for about in found.values()]


_DIFFERS = {
    "prompt_digest": "Asked with another prompt than most of their column",
    "format": "Asked for another answer format than most of their column",
    "decoding": "Decoded with other settings than most of their column",
    "samples": "Another number of samples an item than most of their column",
    "rotate_options": "Asked with the options in other orders than most of their column",
    "parser": "Graded by another version of the parser than most of their column",
}


def _treated(board: Leaderboard, name: str) -> str:
    if name in board.allowed:
        return f"Compared all the same, because --allow {name} says so."
    return f"Not ranked or compared with the others; --allow {name} would."


def _column(board: Leaderboard, key: str) -> Json:
    column = board.column(key)
    return {
        "key": key,
        "task": column.task,
        "title": column.title,
        "n": column.n,
        "items": column.items,
        "partial": column.partial,
        "chance": column.chance or None,
        "averaged": key in board.macro_columns,
    }


def _row(board: Leaderboard, row: LeaderboardRow, placed: Any, leading: frozenset[tuple[str, str]]) -> Json:
    id = row.entry.id
    return {
        "id": id,
        "name": row.name,
        "model": row.entry.result.model,
        "run": row.entry.result.summary.run,
        "size": row.size,
        "recorded": recorded(row.entry.result),
        "differs": list(row.differs),
        "rank": placed._asdict() if placed else None,
        "macro": {**row.macro._asdict(), "leads": (id, MACRO) in leading} if row.macro else None,
        "cells": {key: _cell(cell, (id, key) in leading) for key, cell in row.cells.items()},
    }


def _cell(cell: LeaderboardCell, leads: bool) -> Json:
    return {
        **cell.accuracy._asdict(),
        "strict": cell.strict._asdict(),
        "lenient": cell.lenient._asdict(),
        "invalid": cell.invalid,
        "truncated": cell.truncated,
        "n": cell.n,
        "samples": cell.samples,
        "differs": list(cell.differs),
        "leads": leads,
        **({"robustness": cell.robustness.model_dump()} if cell.robustness else {}),
        **({"repeated_samples": cell.repeated.model_dump()} if cell.repeated else {}),
    }


def _trivial_baselines(board: Leaderboard) -> list[Json]:
    """What needs no medicine: rules, and a uniform guess; a floor that was run stands among the rows instead."""
    ran = {row.entry.result.model for row in board.rows if row.size == TRIVIAL}
    names = dict.fromkeys(
        name for column in board.columns for name in column.trivial_baselines if f"trivial/{name}" not in ran
    )
    rules = [
        {
            "name": f"always {_TRIVIAL_NAMES.get(name, name)}",
            "cells": {c.key: c.trivial_baselines[name] for c in board.columns if name in c.trivial_baselines},
        }
        for name in names
    ]
    return [*rules, {"name": "chance (a uniform guess)", "cells": {c.key: c.chance or None for c in board.columns}}]


def contest_json(result: ReferenceContrast) -> Json:
    """One paired comparison, under the names that `evalsuite compare --json` uses."""
    contrast = result.contrast
    return {
        "row": result.row,
        **contrast.difference.estimate._asdict(),
        "only_row": contrast.difference.only_a,
        "only_reference": contrast.difference.only_b,
        "p": contrast.difference.p,
        "p_holm": result.p_holm,
        "family": result.family,
        "significant": result.significant,
        "level": contrast.level,
        "detectable": contrast.detectable,
        "items_needed": contrast.items_needed,
        "samples_needed": contrast.samples_needed,
    }


def sizes(content: Json) -> list[str]:
    """The groups of rows that a board has, in their order."""
    held = {row["size"] for row in content["rows"]}
    return [size for size in (*SIZES, TRIVIAL) if size in held]
