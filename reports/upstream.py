"""Hold our readings of the recorded MMLU-Pro responses against upstream's own, item by item.

    python reports/upstream.py RECORDED RUNS

The recordings carry the label that upstream read from each response, and the key of that day. Markdown goes to stdout.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.util.format import percent
from evalsuite.util.markdown import plain, table

CAUSES = {
    "left out": "another number of options when recorded: another question, left out here",
    "key revised": "the benchmark's key was revised since: the same label, another verdict",
    "we read none": "upstream reads a label where our strict parse finds no answer in the format that was asked for",
    "we read another": "both read a label, not the same one",
    "only we read": "upstream reads none; we do",
}
_SHOWN = 6


def main(recorded: Path, runs: Path) -> None:
    print("# Our readings against upstream's\n")
    print(
        "Accuracy in percent. Upstream: the labels that upstream itself read from these responses, against the key of "
        "that day, a response without a label counted as wrong. The last columns explain the difference item by item: "
        "how many verdicts differ, and why; they add up to upstream's correct answers minus ours.\n"
    )
    head = ["model", "task", "n", "upstream", "ours, strict", "ours, lenient", "upstream − ours, items"]
    rows, named, responses = [], [], 0
    unlike: list[str] = []
    for path in sorted(runs.glob("mmlu_pro__*")):
        result = read_result(path)
        answers = read_recording(recorded / f"{path.name}.jsonl.gz")
        for task in result.tasks:
            row, items = compared(result, task, answers[task])
            responses += result.tasks[task].n
            unlike += [
                f"{path.name.removeprefix('mmlu_pro__')} {id}" for id in other_labels(result, task, answers[task])
            ]
            rows.append([plain(path.name.removeprefix("mmlu_pro__")), plain(task), *row])
            named.append((path.name.removeprefix("mmlu_pro__"), task, items))
    causes = list(CAUSES)
    print(table([*head, *causes], rows, left=2))
    print("".join(f"- **{cause}**: {said}.\n" for cause, said in CAUSES.items()))
    print(
        f"Of {responses:,} responses our strict parse and upstream's find different labels in {len(unlike)}"
        f"{': ' + plain(', '.join(unlike)) if unlike else ''}.\n"
    )
    print("A cell says upstream's correct answers lost − won by us for that cause.\n\n## Items\n")
    for model, task, items in named:
        for cause, ids in items.items():
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            print(f"- {plain(model)}, {plain(task)}, {cause}: {plain(', '.join(ids[:_SHOWN]))}{more}")


def read_recording(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows of a recording by task and item."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found.setdefault(row["benchmark"], {})[str(row["item_id"])] = row
    return found


def compared(
    result: RunResult, task: str, answers: dict[str, dict[str, Any]]
) -> tuple[list[str], dict[str, list[str]]]:
    """A line of the table, and the items whose verdicts differ by cause."""
    ours = {row["item"]: row for row in result.scores(task).table.to_pylist()}
    lost: Counter[str] = Counter()
    won: Counter[str] = Counter()
    items: dict[str, list[str]] = {}
    for id, row in answers.items():
        theirs = row["upstream_pred"] is not None and row["upstream_pred"] == row["gold"]
        mine = ours[id]["correct"] if id in ours else False
        if theirs == mine:
            continue
        cause = cause_of(row, ours.get(id))
        (lost if theirs else won)[cause] += 1
        items.setdefault(cause, []).append(id)
    upstream = sum(row["upstream_pred"] == row["gold"] for row in answers.values() if row["upstream_pred"])
    right = sum(row["correct"] for row in ours.values())
    summary = result.tasks[task]
    assert upstream - right == lost.total() - won.total()
    return [
        f"{len(ours)}" if len(ours) == len(answers) else f"{len(ours)} of {len(answers)}",
        percent(upstream / len(answers)),
        percent(summary.accuracy.value),
        percent(summary.accuracy_lenient.value),
        f"{upstream - right:+d}".replace("-", "−"),
        *(f"{lost[cause]} − {won[cause]}" if lost[cause] or won[cause] else "" for cause in CAUSES),
    ], items


def other_labels(result: RunResult, task: str, answers: dict[str, dict[str, Any]]) -> list[str]:
    """Items from whose response both read a label, and not the same one, whatever the key says."""
    rows = result.scores(task).table.select(["item", "label"]).to_pylist()
    return [
        row["item"]
        for row in rows
        if row["label"] and answers[row["item"]]["upstream_pred"] not in (None, row["label"])
    ]


def cause_of(row: dict[str, Any], mine: dict[str, Any] | None) -> str:
    """Why two verdicts on one response differ."""
    if mine is None:
        return "left out"
    if mine["label"] == row["upstream_pred"]:
        return "key revised"
    if mine["label"] is None:
        return "we read none"
    return "we read another" if row["upstream_pred"] else "only we read"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
