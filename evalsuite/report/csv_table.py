"""The leaderboard as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from evalsuite.util.text import visible

Json = dict[str, Any]
_FORMULA: Final = ("=", "+", "-", "@")
"""How a formula begins."""

_CSV = (
    "measured_here",
    "source",
    "name",
    "model",
    "run",
    "size",
    "rank",
    "rank_best",
    "rank_worst",
    "task",
    "n",
    "items",
    "samples",
    "parse_mode",
    "accuracy",
    "low",
    "high",
    "strict",
    "lenient",
    "invalid",
    "truncated",
    "chance",
    "differs",
    "rotated_items",
    "worst_rotation",
    "worst_rotation_deviation",
    "all_right",
    "same_text",
    "rotation_p",
    "pass_at_k",
    "maj_at_k",
)


def csv_text(board: Json) -> str:
    """Return the leaderboard as CSV, in fractions: one line per run and column, then one per published score."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _CSV, lineterminator="\n")
    writer.writeheader()
    for row in (*_measured(board), *_quoted(board)):
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula, and no terminal for a command."""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _measured(board: Json) -> Iterator[Json]:
    for row in board["rows"]:
        rank = row["rank"] or {}
        for column in board["columns"]:
            cell = row["cells"].get(column["key"])
            if cell:
                yield {
                    "measured_here": True,
                    "source": "recorded" if row["recorded"] else "run",
                    **{name: row[name] for name in ("name", "model", "run", "size")},
                    **{"rank": rank.get("rank"), "rank_best": rank.get("best"), "rank_worst": rank.get("worst")},
                    **{name: column[name] for name in ("task", "n", "items", "chance")},
                    **{name: cell[name] for name in ("samples", "low", "high", "invalid", "truncated")},
                    "parse_mode": board["parse_mode"],
                    "accuracy": cell["value"],
                    "strict": cell["strict"]["value"],
                    "lenient": cell["lenient"]["value"],
                    "differs": " ".join(cell["differs"]),
                    **_rotation_columns(cell.get("robustness")),
                    **_repeated_columns(cell),
                }


def _rotation_columns(found: Json | None) -> Json:
    if not found:
        return {}
    return {
        "rotated_items": found["n"],
        "worst_rotation": found["worst"],
        "worst_rotation_deviation": found["rotations"][found["worst"]]["deviation"],
        "all_right": found["all_right"]["value"],
        "same_text": found["same_text"]["value"],
        "rotation_p": found["p"],
    }


def _repeated_columns(cell: Json) -> Json:
    repeated = cell.get("repeated_samples")
    if not repeated:
        return {}
    return {
        "pass_at_k": repeated["pass_at"][str(cell["samples"])]["value"],
        "maj_at_k": repeated["maj_at_k"]["value"],
    }


def _quoted(board: Json) -> Iterator[Json]:
    for source in board["published"]:
        for row in source["rows"]:
            for task, cell in row["cells"].items():
                yield {
                    "measured_here": False,
                    "source": f"{source['document']}: {cell['locator']}",
                    "name": row["name"],
                    "task": task,
                    "n": cell["n"],
                    "accuracy": cell["value"],
                    "low": cell["low"],
                    "high": cell["high"],
                }
