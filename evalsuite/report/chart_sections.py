"""The sections of report.html that hold charts: each chart has a caption and a table of the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.analysis.leaderboard import Leaderboard
from evalsuite.analysis.ranking import MACRO
from evalsuite.report import charts
from evalsuite.report.markdown import estimate_text, verdict
from evalsuite.report.self_consistency import reliabilities
from evalsuite.report.subgroups import subgroup_tables
from evalsuite.util.format import p_value, percent, points

Json = dict[str, Any]


def chart_sections(
    content: Json, board: Leaderboard, stages: Json | None, lengths: Mapping[tuple[str, str], Any]
) -> list[Json]:
    """Return the sections that have something to show, in the order of the page."""
    names = {row["id"]: row["name"] for row in content["rows"]}
    sections = [
        _section(
            "differences",
            "Paired differences",
            "Each model against the best, on the same items: the difference in accuracy with its 95% interval. A "
            "filled point is a significant difference (paired test, Holm over the plot); a hollow one isn't, and the "
            "table states what difference would have been found on these items.",
            _forests(content, names),
        ),
        _section(
            "stages",
            "Stage by stage",
            "Accuracy after each stage of training. The table compares each stage with the first, on the same items.",
            _stages(stages, content, board, names) if stages else [],
        ),
        _section(
            "subgroups",
            "Subgroups",
            "Accuracy in percent by what items are about. Each cell's interval is in the table: small groups swing, "
            "and the extremes of many cells look more extreme than they are.",
            [_heat(table, names) for table in subgroup_tables(board)],
        ),
        _section(
            "lengths",
            "Length of responses",
            "Half of the responses lie in the box, nine tenths between the whiskers. Wrong answers that pile up at one "
            "length were cut off there: raise the token limit.",
            _lengths(board, lengths, names),
        ),
        _section(
            "calibration",
            "Calibration",
            "With several samples per item, the share of samples that agree is a confidence. On the dotted line "
            "accuracy equals confidence; below it the model is overconfident.",
            _reliabilities(board),
        ),
    ]
    return [section for section in sections if section["charts"]]


def _section(id: str, title: str, intro: str, content: list[Json]) -> Json:
    return {"id": id, "title": title, "intro": intro, "charts": content, "open": id in ("differences", "stages")}


def _chart(title: str, alt: str, figure: Json, head: list[str], rows: Sequence[Sequence[str]], note: str = "") -> Json:
    return {"title": title, "alt": alt, "figure": figure, "head": head, "rows": rows, "note": note}


def _forests(content: Json, names: Mapping[str, str]) -> list[Json]:
    comparisons = content["comparisons"]
    reference = comparisons["reference"]
    titles = {MACRO: "average", **{column["key"]: column["title"] for column in content["columns"]}}
    return [
        _chart(
            titles[key],
            f"Forest plot: differences from {names[reference]} in {titles[key]}",
            charts.forest(contrasts, names, names[reference]),
            ["model", "points", "95%", "only this right", "only the other", "p (Holm)", "verdict"],
            [_contrast_row(each, names) for each in contrasts],
            f"Holm over {contrasts[0]['family']}.",
        )
        for key, contrasts in comparisons["columns"].items()
        if contrasts
    ]


def _contrast_row(each: Json, names: Mapping[str, str]) -> list[str]:
    return [
        names[each["row"]],
        points(each["value"]),
        f"{points(each['low'])} to {points(each['high'])}",
        f"{each['only_row']:g}",
        f"{each['only_reference']:g}",
        p_value(each["p_holm"]),
        verdict(each),
    ]


def _stages(stages: Json, content: Json, board: Leaderboard, names: Mapping[str, str]) -> list[Json]:
    titles = {MACRO: "average", **{column["key"]: column["title"] for column in content["columns"]}}
    stage = dict(zip(stages["rows"], stages["names"], strict=True))
    rows = [
        [titles[key], stage[each["row"]], *_contrast_row(each, names)[1:]]
        for key, contrasts in stages["gains"].items()
        for each in contrasts
    ]
    head = ["column", "stage", "points gained", "95%", "only this right", "only the first", "p (Holm)", "verdict"]
    alt = f"Accuracy from stage to stage: {', '.join(stages['names'])}"
    figure = charts.stage_lines(stages, board)
    return [_chart(f"from {stages['names'][0]} to {stages['names'][-1]}", alt, figure, head, rows)]


def _heat(table: Json, names: Mapping[str, str]) -> Json:
    title = f"{table['title']} by {table['key'].replace('_', ' ')}"
    head = ["model", *(f"{group['name']} (n = {group['n']})" for group in table["groups"])]
    rows = [[names[run["row"]], *(estimate_text(cell) for cell in run["cells"])] for run in table["runs"]]
    return _chart(title, f"Heat map of accuracy: {title}", charts.heat(table, names), head, rows)


def _lengths(board: Leaderboard, lengths: Mapping[tuple[str, str], Any], names: Mapping[str, str]) -> list[Json]:
    drawn = []
    for column in board.columns:
        boxes = charts.length_boxes(board, column.key, lengths)
        if boxes:
            head = ["model", "verdict", "responses", "5%", "25%", "median", "75%", "95%"]
            ends = ("lowerfence", "q1", "median", "q3", "upperfence")
            rows = [[names[b["row"]], b["kind"], f"{b['n']:,}", *(f"{b[end]:,.0f}" for end in ends)] for b in boxes]
            alt = f"Box plot of response lengths, right and wrong, in {column.title}"
            drawn.append(_chart(column.title, alt, charts.lengths(boxes, names), head, rows))
    return drawn


def _reliabilities(board: Leaderboard) -> list[Json]:
    drawn = []
    for column in board.columns:
        calibrations = reliabilities(board, column)
        if calibrations:
            head = ["model", "ECE %", "95%", "ECE of a calibrated model", "Brier score", "95%"]
            rows = [
                [
                    name,
                    percent(each.ece.value),
                    f"{percent(each.ece.low)} to {percent(each.ece.high)}",
                    percent(each.ece_if_calibrated),
                    f"{each.brier.value:.3f}",
                    f"{each.brier.low:.3f} to {each.brier.high:.3f}",
                ]
                for name, each in calibrations
            ]
            alt = f"Reliability plot of {column.title}"
            drawn.append(_chart(column.title, alt, charts.reliability(calibrations), head, rows))
    return drawn
