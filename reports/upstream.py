"""Compare evalsuite's grades of the recorded MMLU-Pro responses with upstream's own, item by item.

    python reports/upstream.py RECORDED RUNS

The recordings have the label that upstream's parser found in each response, and the gold label at that time. Prints
Markdown.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.util.format import MINUS, percent
from evalsuite.util.markdown import plain, table

CAUSES = {
    "left out": "the item had another number of options when it was recorded, so it is another question and left out",
    "gold revised": "the benchmark's gold label was revised since: the same label, another grade",
    "only upstream parsed": "upstream's parser finds a label where our strict parse finds no answer in the requested "
    "format",
    "other label": "both find a label, not the same one",
    "only we parsed": "upstream's parser finds no label, and ours does",
}
_SHOWN = 6


def main(recorded: Path, runs: Path) -> None:
    print("# evalsuite's grades and upstream's\n")
    print(
        "Accuracy in percent. Upstream: the labels that upstream's own parser found in these responses, compared with "
        "the gold labels of that time; a response without a label is wrong. The last columns explain the difference "
        "item by item: how many grades differ, and why. They add up to upstream's correct answers minus ours.\n"
    )
    head = ["model", "task", "n", "upstream", "ours, strict", "ours, lenient", "upstream − ours, items"]
    rows, causes, responses = [], [], 0
    disagreeing: list[str] = []
    for path in sorted(runs.glob("mmlu_pro__*")):
        model, result = path.name.removeprefix("mmlu_pro__"), read_result(path)
        recording = read_recording(recorded / f"{path.name}.jsonl.gz")
        for task, summary in result.tasks.items():
            row, items = compared(result, task, recording[task])
            responses += summary.n
            disagreeing += [f"{model} {id}" for id in other_labels(result, task, recording[task])]
            rows.append([plain(model), plain(task), *row])
            causes.append((model, task, items))
    print(table([*head, *CAUSES], rows, left=2))
    print("".join(f"- **{cause}**: {meaning}.\n" for cause, meaning in CAUSES.items()))
    print(
        f"Of {responses:,} responses our strict parse and upstream's find different labels in {len(disagreeing)}"
        f"{': ' + plain(', '.join(disagreeing)) if disagreeing else ''}.\n"
    )
    print("A cell has the items that only upstream has right − those that only we have right.\n\n## Items\n")
    for model, task, items in causes:
        for cause, ids in items.items():
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            print(f"- {plain(model)}, {plain(task)}, {cause}: {plain(', '.join(ids[:_SHOWN]))}{more}")


def read_recording(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows of a recording by task and item."""
    tasks: dict[str, dict[str, dict[str, Any]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            tasks.setdefault(row["benchmark"], {})[str(row["item_id"])] = row
    return tasks


def compared(
    result: RunResult, task: str, recording: dict[str, dict[str, Any]]
) -> tuple[list[str], dict[str, list[str]]]:
    """Return a row of the table, and the items whose grades differ by cause."""
    grades = {row["item"]: row for row in result.scores(task).table.to_pylist()}
    only_upstream: Counter[str] = Counter()
    only_here: Counter[str] = Counter()
    items: dict[str, list[str]] = {}
    for id, row in recording.items():
        right_upstream = row["upstream_pred"] is not None and row["upstream_pred"] == row["gold"]
        right_here = grades[id]["correct"] if id in grades else False
        if right_upstream == right_here:
            continue
        cause = cause_of(row, grades.get(id))
        (only_upstream if right_upstream else only_here)[cause] += 1
        items.setdefault(cause, []).append(id)
    upstream = sum(row["upstream_pred"] == row["gold"] for row in recording.values() if row["upstream_pred"])
    right = sum(row["correct"] for row in grades.values())
    summary = result.tasks[task]
    assert upstream - right == only_upstream.total() - only_here.total()
    return [
        f"{len(grades)}" if len(grades) == len(recording) else f"{len(grades)} of {len(recording)}",
        percent(upstream / len(recording)),
        percent(summary.accuracy.value),
        percent(summary.accuracy_lenient.value),
        f"{upstream - right:+d}".replace("-", MINUS),
        *(f"{only_upstream[c]} − {only_here[c]}" if only_upstream[c] or only_here[c] else "" for c in CAUSES),
    ], items


def other_labels(result: RunResult, task: str, recording: dict[str, dict[str, Any]]) -> list[str]:
    """Return the items in whose response both parsers found a label, and not the same one."""
    rows = result.scores(task).table.select(["item", "label"]).to_pylist()
    return [
        row["item"]
        for row in rows
        if row["label"] and recording[row["item"]]["upstream_pred"] not in (None, row["label"])
    ]


def cause_of(row: dict[str, Any], grade: dict[str, Any] | None) -> str:
    """Return why two grades of one response differ, as a key of `CAUSES`."""
    if grade is None:
        return "left out"
    if grade["label"] == row["upstream_pred"]:
        return "gold revised"
    if grade["label"] is None:
        return "only upstream parsed"
    return "other label" if row["upstream_pred"] else "only we parsed"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
