"""Training stage by stage: the runs that were named as stages, each against the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.analysis.leaderboard import Leaderboard, NamedRun
from evalsuite.analysis.ranking import MACRO, reference_contrasts
from evalsuite.errors import UsageError
from evalsuite.report.leaderboard_json import contest_json

Json = dict[str, Any]


def stages(board: Leaderboard, entries: Sequence[NamedRun], names: Sequence[str]) -> Json | None:
    """Name the first runs as stages, in the order given; None where no names were."""
    if not names:
        return None
    if not 2 <= len(names) <= len(entries):
        raise UsageError(f"--stages names {len(names)} stages of {len(entries)} runs: at least 2, at most one a run")
    rows = {row.entry.id: row for row in board.rows}
    chosen = [rows[entry.id] for entry in entries[: len(names)]]
    keys = [MACRO, *(c.key for c in board.columns)] if len(board.macro_columns) > 1 else [c.key for c in board.columns]
    return {
        "names": list(names),
        "rows": [row.entry.id for row in chosen],
        "gains": {
            key: [contest_json(each) for each in reference_contrasts(board, chosen[0], key, chosen[1:])] for key in keys
        },
    }
