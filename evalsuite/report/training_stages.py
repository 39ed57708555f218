"""Runs that are stages of one training run, each compared with the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.analysis.leaderboard import Leaderboard, NamedRun
from evalsuite.analysis.ranking import MACRO, reference_contrasts
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.report.leaderboard_json import contrast_json

Json = dict[str, Any]


def stage_gains(board: Leaderboard, entries: Sequence[NamedRun], names: Sequence[str]) -> Json | None:
    """Compare the first runs, named as stages in the order given, with the first of them; None without names.

    Fewer than two names, or more names than runs, are a `UsageError`.
    """
    if not names:
        return None
    if not 2 <= len(names) <= len(entries):
        message = f"`stages` names {len(names)} stages of {len(entries)} runs: give at least 2, at most one per run"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    rows = {row.entry.id: row for row in board.rows}
    chosen = [rows[entry.id] for entry in entries[: len(names)]]
    keys = [MACRO, *(c.key for c in board.columns)] if len(board.macro_columns) > 1 else [c.key for c in board.columns]
    return {
        "names": list(names),
        "rows": [row.entry.id for row in chosen],
        "gains": {
            key: [contrast_json(each) for each in reference_contrasts(board, chosen[0], key, chosen[1:])]
            for key in keys
        },
    }
