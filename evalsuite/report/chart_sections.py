"""Plates: a plot with its words, and the table that says the same to those who can't see it."""

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


def sections(
    content: Json, board: Leaderboard, stages: Json | None, lengths: Mapping[tuple[str, str], Any]
) -> list[Json]:
    """The report's sections of plates, those that have something to show, in their order on the page."""
    names = {row["id"]: row["name"] for row in content["rows"]}
    found = [
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
            "Where an item was asked several times, the share of answers that agree is a confidence. On the dotted "
            "line it is as good as its word; below it the model is too sure.",
            _reliabilities(board),
        ),
    ]
    return [section for section in found if section["plates"]]


def _section(id: str, title: str, intro: str, plates: list[Json]) -> Json:
    return {"id": id, "title": title, "intro": intro, "plates": plates, "open": id in ("differences", "stages")}


def _plate(title: str, alt: str, figure: Json, head: list[str], rows: Sequence[Sequence[str]], note: str = "") -> Json:
    return {"title": title, "alt": alt, "figure": figure, "head": head, "rows": rows, "note": note}


def _forests(content: Json, names: Mapping[str, str]) -> list[Json]:
    held = content["comparisons"]
    titles = {MACRO: "average", **{column["key"]: column["title"] for column in content["columns"]}}
    return [
        _plate(
            titles[key],
            f"Forest plot: differences from {names[held['reference']]} in {titles[key]}",
            charts.forest(contests, names, names[held["reference"]]),
            ["model", "points", "95%", "only it right", "only the other", "p (Holm)", "verdict"],
            [_contest(each, names) for each in contests],
            f"Holm over {contests[0]['family']}.",
        )
        for key, contests in held["columns"].items()
        if contests
    ]


def _contest(each: Json, names: Mapping[str, str]) -> list[str]:
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
        [titles[key], stage[each["row"]], *_contest(each, names)[1:]]
        for key, contests in stages["gains"].items()
        for each in contests
    ]
    head = ["column", "stage", "points gained", "95%", "only it right", "only the first", "p (Holm)", "verdict"]
    alt = f"Accuracy from stage to stage: {', '.join(stages['names'])}"
    figure = charts.stage_lines(stages, board)
    return [_plate(f"from {stages['names'][0]} to {stages['names'][-1]}", alt, figure, head, rows)]


def _heat(table: Json, names: Mapping[str, str]) -> Json:
    title = f"{table['title']} by {table['key'].replace('_', ' ')}"
    head = ["model", *(f"{group['name']} (n = {group['n']})" for group in table["groups"])]
    rows = [[names[run["row"]], *(estimate_text(cell) for cell in run["cells"])] for run in table["runs"]]
    return _plate(title, f"Heat map of accuracy: {title}", charts.heat(table, names), head, rows)


def _lengths(board: Leaderboard, found: Mapping[tuple[str, str], Any], names: Mapping[str, str]) -> list[Json]:
    plates = []
    for column in board.columns:
        boxes = charts.length_boxes(board, column.key, found)
        if boxes:
            head = ["model", "verdict", "responses", "5%", "25%", "median", "75%", "95%"]
            ends = ("lowerfence", "q1", "median", "q3", "upperfence")
            rows = [[names[b["row"]], b["kind"], f"{b['n']:,}", *(f"{b[end]:,.0f}" for end in ends)] for b in boxes]
            alt = f"Box plot of response lengths, right and wrong, in {column.title}"
            plates.append(_plate(column.title, alt, charts.lengths(boxes, names), head, rows))
    return plates


def _reliabilities(board: Leaderboard) -> list[Json]:
    plates = []
    for column in board.columns:
        found = reliabilities(board, column)
        if found:
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
                for name, each in found
            ]
            alt = f"Reliability plot of {column.title}"
            plates.append(_plate(column.title, alt, charts.reliability(found), head, rows))
    return plates
