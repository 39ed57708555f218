"""What each run cost: responses, tokens and time."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Any

import numpy as np

from evalsuite.analysis.leaderboard import Leaderboard, NamedRun
from evalsuite.report.run_names import run_json

Json = dict[str, Any]


def run_cost(entry: NamedRun, board: Leaderboard) -> Json:
    """Return counts over all tasks of a run; None for what was not measured. Times are in seconds."""
    tables = [board.scores[entry.id, task] for task in entry.result.tasks]
    tokens = [task.tokens for task in entry.result.tasks.values()]
    output = sum(each.get("output", 0) for each in tokens)
    latencies = np.concatenate([_numbers(each.table["latency"]) for each in tables])
    answered = sum(int(each.table.num_rows - each.table["finish"].null_count) for each in tables)
    right = float(sum(each.strict.sum() for each in tables))
    return {
        "row": entry.id,
        "responses": answered,
        "input": sum(each.get("input", 0) for each in tokens) or None,
        "output": output or None,
        "per_response": output / answered if output and answered else None,
        "per_right": output / right if output and right else None,
        "latency": float(np.median(latencies)) if len(latencies) else None,
        "seconds": _seconds(entry),
    }


def _numbers(column: Any) -> Any:
    return column.drop_null().to_numpy()


def _seconds(entry: NamedRun) -> float | None:
    """Return the seconds from start to end, with the pauses of a resumed run; None where nothing shows them.

    An imported run took as long as its logs say: its own stamps are those of the import.
    """
    about = run_json(entry.result)
    if "imported" in about:
        seconds = about["imported"].get("seconds") if isinstance(about["imported"], dict) else None
        return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < inf else None
    started, ended = about.get("started"), about.get("ended", {}).get("at")
    if not started or not ended or entry.result.model.startswith("replay/"):
        return None
    try:
        seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (TypeError, ValueError):
        return None
    return seconds if seconds >= 0 else None  # the clock was set back
