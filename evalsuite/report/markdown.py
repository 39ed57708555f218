"""The leaderboard as Markdown."""

from __future__ import annotations

from typing import Any

from evalsuite.report.leaderboard_json import sizes
from evalsuite.util.format import interval, p_value, percent, points, points_interval, rough_count
from evalsuite.util.markdown import plain, table

Json = dict[str, Any]


def markdown(board: Json) -> str:
    """Return the leaderboard as Markdown: accuracy, parse statuses, position bias, paired differences, and published
    scores."""
    parts = [
        "# Leaderboard\n",
        _legend(board),
        _accuracies(board),
        "".join(f"- {plain(note)}\n" for note in board["notes"]),
        "## Strict and lenient accuracy, invalid answers\n",
        _answers(board),
        _repeated_samples(board),
        _robustness(board),
        _comparisons(board),
        _run_notes(board),
        _published(board),
    ]
    return "\n".join(part for part in parts if part)


def estimate_text(estimate: Json) -> str:
    """Return an estimate in percent with its interval."""
    return interval(estimate["value"], estimate["low"], estimate["high"])


def rank_text(rank: Json | None) -> str:
    """Return a shared rank, with the rank interval if it holds more than that rank."""
    if rank is None:
        return "–"
    ends = f" ({rank['best']}–{rank['worst']})" if rank["best"] != rank["worst"] else ""
    return f"{rank['rank']}{ends}"


ROTATION_LEGEND = (
    "Each item was run in each cyclic order of its options, strict parse. Accuracy: over all rotations. Worst "
    "rotation: the one furthest below the same items' mean; p: that all rotations have the same accuracy (Cochran's "
    "test); if it is large, the worst one is chance. Right, and the same text, in every rotation: without "
    "luck of position."
)
"""Explanation of a table of `rotation_cells`."""
PARSE_MODES = {
    "strict": "strict parse: whatever holds no valid answer in the requested format is wrong",
    "lenient": "lenient parse: any clear statement of an answer counts, whatever the requested format",
}


def _legend(board: Json) -> str:
    averaged = " Ranks go by the average." if len(board["macro_columns"]) > 1 else ""
    return (
        f"Accuracy in percent with its 95% interval; {PARSE_MODES[board['parse_mode']]}."
        f"{averaged} Models that don't differ significantly from the best of their group (paired test, Holm over all "
        "pairs) share its rank; in brackets the rank interval. **Bold**: the best of its size, and all models that "
        "don't differ significantly from it.\n"
    )


def _accuracies(board: Json) -> str:
    averaged = len(board["macro_columns"]) > 1
    columns = board["columns"]
    head = ["rank", "model", *(["average"] if averaged else []), *(plain(c["title"]) for c in columns)]
    lines = []
    for size in sizes(board):
        lines.append(["", f"*{plain(size)}*", *[""] * (len(head) - 2)])
        for row in (row for row in board["rows"] if row["size"] == size):
            macro = [_bold(row["macro"])] if averaged else []
            cells = [_bold(row["cells"].get(c["key"])) for c in columns]
            lines.append([rank_text(row["rank"]), _marked(row), *macro, *cells])
    for baseline in board["trivial_baselines"]:
        cells = [percent(baseline["cells"].get(c["key"])) for c in columns]
        lines.append(["", f"*{plain(baseline['name'])}*", *([""] if averaged else []), *cells])
    return table(head, lines, left=2)


def _marked(row: Json) -> str:
    marks = [*(["recorded"] if row["recorded"] else []), *(f"other {setting(name)}" for name in row["differs"])]
    return plain(row["name"]) + (f" ({', '.join(marks)})" if marks else "")


def _bold(estimate: Json | None) -> str:
    if estimate is None:
        return "–"
    text = estimate_text(estimate)
    return f"**{text}**" if estimate["leads"] else text


def _answers(board: Json) -> str:
    head = ["model", "task", "n", "strict", "lenient", "invalid", "truncated"]
    lines = [
        [
            plain(row["name"]),
            plain(column["title"]),
            str(cell["n"]) if cell["samples"] == 1 else f"{cell['n']} x {cell['samples']}",
            estimate_text(cell["strict"]),
            estimate_text(cell["lenient"]),
            percent(cell["invalid"]),
            percent(cell["truncated"]),
        ]
        for row in board["rows"]
        for column in board["columns"]
        if (cell := row["cells"].get(column["key"]))
    ]
    return table(head, lines, left=2)


ROTATED = ("items", "accuracy", "worst rotation", "right in every rotation", "same text in every rotation", "p")
"""Head of a table of `rotation_cells`."""


def rotation_cells(estimate: Json, robustness: Json) -> list[str]:
    """Return what rotated options show on one task: accuracy over all rotations, and `robustness` of summary.json."""
    worst = robustness["rotations"][robustness["worst"]]
    return [
        str(robustness["n"]),
        estimate_text(estimate),
        f"{robustness['worst']}: {estimate_text(worst['accuracy'])}, {points(worst['deviation'])} points "
        f"on its {worst['n']} items",
        estimate_text(robustness["all_right"]),
        estimate_text(robustness["same_text"]),
        p_value(robustness["p"]),
    ]


REPEATED_LEGEND = (
    "Each item has several samples. pass@k: at least one of k samples is right; maj@k: the most frequent label of k "
    "samples is right, and a tie is wrong; accuracy with new samples: the interval that another run of the same items "
    "would be in."
)
"""Explanation of a table of `repeated_cells`."""
REPEATED = ("samples", "accuracy", "pass@k", "maj@k", "accuracy with new samples")
"""Head of a table of `repeated_cells`."""


def repeated_cells(samples: int, estimate: Json, repeated: Json) -> list[str]:
    """What several samples per item show on one task: its accuracy, and `repeated_samples` of summary.json."""
    return [
        str(samples),
        estimate_text(estimate),
        estimate_text(repeated["pass_at"][str(samples)]),
        estimate_text(repeated["maj_at_k"]),
        estimate_text(repeated["rerun"]) if repeated["rerun"] else "–",
    ]


def _repeated_samples(board: Json) -> str:
    lines = [
        [plain(row["name"]), plain(column["title"]), *repeated_cells(cell["samples"], cell, cell["repeated_samples"])]
        for row in board["rows"]
        for column in board["columns"]
        if (cell := row["cells"].get(column["key"])) and cell.get("repeated_samples")
    ]
    if not lines:
        return ""
    return f"## Repeated samples\n\n{REPEATED_LEGEND}\n\n{table(['model', 'task', *REPEATED], lines, left=2)}"


def _robustness(board: Json) -> str:
    lines = [
        [plain(row["name"]), plain(column["title"]), *rotation_cells(cell["strict"], cell["robustness"])]
        for row in board["rows"]
        for column in board["columns"]
        if (cell := row["cells"].get(column["key"])) and cell.get("robustness")
    ]
    if not lines:
        return ""
    rows = table(["model", "task", *ROTATED], lines, left=2)
    return f"## Position bias\n\n{ROTATION_LEGEND}\n\n{rows}"


def _comparisons(board: Json) -> str:
    names = {row["id"]: row["name"] for row in board["rows"]}
    titles = {"macro": "the average", **{c["key"]: c["title"] for c in board["columns"]}}
    comparisons = board["comparisons"]
    parts = []
    for key, contrasts in comparisons["columns"].items():
        if not contrasts:
            continue
        lines = [
            [
                plain(names[each["row"]]),
                points_interval(each["value"], each["low"], each["high"]),
                f"{each['only_row']:g}",
                f"{each['only_reference']:g}",
                p_value(each["p_holm"]),
                verdict(each),
            ]
            for each in contrasts
        ]
        head = ["model", "difference in points [95%]", "only this right", "only the other", "p (Holm)", "verdict"]
        title = f"### {plain(titles[key])}: compared with {plain(names[comparisons['reference']])}\n"
        parts.append(f"{title}\n{table(head, lines, left=1)}")
    return "\n".join(["## Paired differences\n", *parts]) if parts else ""


def verdict(contrast: Json) -> str:
    """Return the result of a comparison in words: if it is not significant, with what could have been found."""
    if contrast["significant"]:
        return "better" if contrast["value"] > 0 else "worse"
    if contrast["detectable"] is None:
        return "not significant: the two agree on too many items for any difference to be found"
    needed = f"; this one needs about {rough_count(contrast['items_needed'])} items" if contrast["items_needed"] else ""
    return f"not significant: differences from {percent(contrast['detectable'])} points would be found{needed}"


def setting(name: str) -> str:
    """Return a setting's name as readers know it: `prompt_digest` is the prompt."""
    return name.removesuffix("_digest")


def _run_notes(board: Json) -> str:
    lines = [
        f"- {plain(', '.join(each['rows']))}; {plain(', '.join(each['tasks']))}: {plain(each['note'])}\n"
        for each in board["run_notes"]
    ]
    return "## Notes of the runs\n\n" + "".join(lines) if lines else ""


def _published(board: Json) -> str:
    parts: list[str] = []
    for source in board["published"]:
        head = ["model", *(plain(source["headings"][task]) for task in source["tasks"])]
        lines = [
            [plain(row["name"]), *(_quoted_cell(row["cells"].get(task)) for task in source["tasks"])]
            for row in source["rows"]
        ]
        about = f"### {plain(source['title'])} ({plain(source['date'])})\n"
        caveats = "".join(f"- {plain(caveat)}\n" for caveat in source["caveats"])
        parts.append(f"{about}\n{table(head, lines, left=1)}\n{caveats}")
    intro = (
        "## Published scores, not measured here\n\nAs printed by their sources, with the interval that their number of "
        "items implies: other prompts, other parsers, sometimes other items. They are never "
        "paired or ranked with the above.\n"
    )
    return "\n".join([intro, *parts]) if parts else ""


def _quoted_cell(cell: Json | None) -> str:
    if cell is None:
        return "–"
    ends = f" [{percent(cell['low'])}, {percent(cell['high'])}]" if cell["low"] is not None else ""
    return f"{cell['printed']}{ends}"
