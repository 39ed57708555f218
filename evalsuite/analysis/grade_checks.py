"""What summary.json states, computed again from grades.parquet: nothing that a gate reads is believed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalsuite.run.summary_schema import ParseMode, RunSummary, TaskSummary
from evalsuite.stats.clusters import Floats
from evalsuite.stats.intervals import Estimate, mean
from evalsuite.stats.macro_average import macro

COLUMNS: Final[Mapping[ParseMode, tuple[str, str, str]]] = {
    "strict": ("correct", "status", "label"),
    "lenient": ("correct_lenient", "status_lenient", "label_lenient"),
}
"""Columns of grades.parquet by parse mode: whether right, the status, and the label."""
_TOLERANCE: Final = 1e-6
"""Largest difference from the stated number: items in another order are summed with other rounding."""


def contradictions(
    task: str, summary: TaskSummary, table: pa.Table, scores: Mapping[ParseMode, Floats], groups: list[str], exact: bool
) -> Iterator[str]:
    """Yield what the grades of a task contradict: themselves, or its entry in summary.json.

    `table` has a row per response, `scores` the mean of each item's responses, `groups` its cluster. Without `exact`
    only the values of accuracies are compared: schema version 1 had intervals by another method.
    """
    answers = table.num_rows // len(groups)
    for parse_mode, columns in COLUMNS.items():
        yield from _contradictory_verdicts(task, summary, table, columns)
        computed, stated = mean(scores[parse_mode], groups, answers), summary.accuracy_of(parse_mode)
        if not _same(computed, stated, exact):
            name = "accuracy" if parse_mode == "strict" else "lenient accuracy"
            yield f"the grades of {task} give {name} {_shown(computed)}, summary.json states {_shown(stated)}"
        counts = {str(row["values"]): row["counts"] for row in table[columns[1]].value_counts().to_pylist()}
        if counts != {name: count for name, count in getattr(summary, columns[1]).items() if count}:
            yield f"the grades of {task} have other {columns[1]} counts than summary.json"
    for name, stated_count in summary.tokens.items():
        column = f"{name}_tokens"
        if column in table.column_names and (pc.sum(table[column]).as_py() or 0) != stated_count:
            yield f"the grades of {task} count other {name} tokens than summary.json"


def macro_contradiction(stated: Estimate | None, accuracies: list[Estimate], exact: bool) -> str | None:
    """Return how the stated average over all tasks differs from that of their accuracies; None if it doesn't."""
    computed = macro(accuracies)
    if stated is None or _same(computed, stated, exact):
        return None
    return f"the tasks' accuracies average {_shown(computed)}, summary.json states {_shown(stated)}"


def identity_contradictions(summary: RunSummary, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield where summary.json states other settings of the run than run.json, whose content is `facts`.

    Runs are compared by what their summaries state, so that a changed statement would let different ones pass as alike.
    """
    identity = facts["identity"]
    if summary.model != identity["model"]:
        yield "summary.json names another model than run.json"
    if summary.adapter is not None and summary.adapter != identity.get("adapter"):
        yield "summary.json names another adapter than run.json"
    decoding = facts.get("decoding", identity["decoding"])  # an imported run has it in the identity alone
    if decoding and summary.decoding != decoding:
        yield "summary.json states another decoding than run.json"
    if summary.tasks.keys() != identity["tasks"].keys():
        yield "summary.json has other tasks than run.json"
    for name, task in summary.tasks.items():
        stated = {**task.model_dump(include={*identity["tasks"].get(name, ())}), "samples": task.samples}
        expected = {**identity["tasks"].get(name, {}), "samples": identity["samples"]}
        differing = next((key for key, value in stated.items() if value != expected[key]), None)
        if differing is not None:
            yield f"summary.json states another {differing} of {name} than run.json"


def _contradictory_verdicts(
    task: str, summary: TaskSummary, table: pa.Table, columns: tuple[str, str, str]
) -> Iterator[str]:
    correct, status, label = (table[name] for name in columns)
    if pc.any(pc.and_(correct, pc.not_equal(status, "ok"))).as_py():
        yield f"grades.parquet marks a response to {task} right that has no valid label"
    if summary.graded_by is not None:
        return  # another harness decided what is right: its labels are its own
    is_gold = pc.fill_null(pc.equal(label, table["gold"]), False)
    wrong = np.flatnonzero(pc.not_equal(correct, is_gold).to_numpy(zero_copy_only=False))
    if len(wrong):
        item = table["item"][int(wrong[0])].as_py()
        verdict = "right" if correct[int(wrong[0])].as_py() else "wrong"
        yield f"grades.parquet marks a response to {task} {item} {verdict} against its label and the gold label"


def _same(computed: Estimate, stated: Estimate, exact: bool) -> bool:
    pairs = zip(computed, stated, strict=True) if exact else [(computed.value, stated.value)]
    return all(math.isclose(one, other, abs_tol=_TOLERANCE) for one, other in pairs)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"
