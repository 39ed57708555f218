"""The content of leaderboard.json, from which the page, the Markdown and the CSV are written."""

from __future__ import annotations

from typing import Any

from evalsuite.analysis.comparability import SETTINGS
from evalsuite.analysis.leaderboard import SIZES, TRIVIAL, Leaderboard, LeaderboardCell, LeaderboardRow
from evalsuite.analysis.ranking import MACRO, ReferenceContrast, leaders, rank, reference, reference_contrasts
from evalsuite.report.published_scores import published_scores
from evalsuite.report.run_names import is_recorded

Json = dict[str, Any]
SCHEMA = 2
"""Version of the keys in leaderboard.json; since 2 `p` is unadjusted, and `p_holm` is adjusted."""

_TRIVIAL_NAMES = {
    "longest": "the longest option",
    "majority": "the majority label",
}


def leaderboard_json(board: Leaderboard) -> Json:
    """Return a leaderboard as plain data."""
    ranks, leading, best = rank(board), leaders(board), reference(board)
    averaged = [MACRO] if len(board.macro_columns) > 1 else []
    keys = [*averaged, *(column.key for column in board.columns)]
    return {
        "schema": SCHEMA,
        "parse_mode": board.parse_mode,
        "columns": [_column(board, column.key) for column in board.columns],
        "macro_columns": list(board.macro_columns),
        "rows": [_row(board, row, ranks.get(row.entry.id), leading) for row in board.rows],
        "trivial_baselines": _trivial_baselines(board),
        "comparisons": {
            "reference": best.entry.id if best else None,
            "columns": {key: [contrast_json(c) for c in reference_contrasts(board, best, key)] for key in keys}
            if best
            else {},
        },
        "allowed": list(board.allowed),
        "published": published_scores(board),
        "notes": notes(board),
        "run_notes": run_notes(board),
    }


def notes(board: Leaderboard) -> list[str]:
    """Return what a reader of the table must know, one sentence per note."""
    result = []
    if len(board.macro_columns) > 1:
        titles = ", ".join(board.column(key).title for key in board.macro_columns)
        result.append(
            f"The average is over {len(board.macro_columns)} columns ({titles}); a run that lacks one has no average."
        )
    for column in board.columns:
        if column.partial:
            result.append(
                f"{column.title}: these runs cover {column.n} of its {column.items} items, "
                "so the column says nothing about the whole task."
            )
    for row in board.rows:
        missing = sum(task.unanswered for task in row.entry.result.tasks.values())
        if missing:
            result.append(f"{row.name}: {missing:,} responses are missing and count as wrong; the run is incomplete.")
        for cell in row.cells.values():
            if cell.training_overlap is not None and cell.training_overlap.found != 0:
                result.append(f"{row.name}: {cell.training_overlap.finding}.")
    if any(is_recorded(row.entry.result) for row in board.rows):
        result.append("Runs marked “recorded” grade responses that were produced elsewhere; no model was run here.")
    for name in SETTINGS:
        rows = [row.name for row in board.rows if name in row.differs and row.size != TRIVIAL]
        if rows:
            result.append(f"{_DIFFERS[name]}: {', '.join(rows)}. {_treatment(board, name)}")
    return result


def run_notes(board: Leaderboard) -> list[Json]:
    """Return the notes of the runs about their data and prompts: each note once, with its tasks and models."""
    notes_by_text: dict[str, Json] = {}
    for row in board.rows:
        for task, summary in row.entry.result.tasks.items():
            for note in summary.notes:
                about = notes_by_text.setdefault(note, {"note": note, "tasks": {}, "rows": {}})
                about["tasks"][task] = about["rows"][row.name] = None
    return [
        {name: each if name == "note" else list(each) for name, each in about.items()}
        for about in notes_by_text.values()
    ]


_DIFFERS = {
    "prompt_digest": "Another prompt than most runs of the column",
    "format": "Another answer format than most runs of the column",
    "decoding": "Other decoding settings than most runs of the column",
    "samples": "Another number of samples per item than most runs of the column",
    "rotate_options": "Other option rotations than most runs of the column",
    "parser": "Another parser version than most runs of the column",
}


def _treatment(board: Leaderboard, name: str) -> str:
    if name in board.allowed:
        return f"They are compared because --allow {name} was given."
    return f"They are not ranked or compared with the others; --allow {name} does."


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


def _row(board: Leaderboard, row: LeaderboardRow, rank: Any, leading: frozenset[tuple[str, str]]) -> Json:
    id = row.entry.id
    return {
        "id": id,
        "name": row.name,
        "model": row.entry.result.model,
        "run": row.entry.result.summary.run,
        "size": row.size,
        "recorded": is_recorded(row.entry.result),
        "differs": list(row.differs),
        "rank": rank._asdict() if rank else None,
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
        **({"training_overlap": {"items": known.found, "n": known.n}} if (known := cell.training_overlap) else {}),
        **({"robustness": cell.robustness.model_dump()} if cell.robustness else {}),
        **({"repeated_samples": cell.repeated.model_dump()} if cell.repeated else {}),
    }


def _trivial_baselines(board: Leaderboard) -> list[Json]:
    """Return the trivial baselines and chance; a baseline that was run is among the rows instead."""
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


def contrast_json(result: ReferenceContrast) -> Json:
    """Return one paired comparison under the names that `evalsuite compare --json` uses."""
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
    """Return the groups of rows that a leaderboard has, in their order."""
    present = {row["size"] for row in content["rows"]}
    return [size for size in (*SIZES, TRIVIAL) if size in present]
