"""Runs as something to read: leaderboard.md, .csv and .json, and report.html with its items beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from evalsuite.analysis.leaderboard import entries, leaderboard
from evalsuite.analysis.run_result import read_result
from evalsuite.errors import RunError
from evalsuite.report.chart_sections import sections
from evalsuite.report.cost import cost
from evalsuite.report.html_page import page
from evalsuite.report.item_browser import write_items
from evalsuite.report.leaderboard_json import board_json
from evalsuite.report.markdown import csv_text, markdown
from evalsuite.report.run_names import shown_name
from evalsuite.report.training_stages import stages
from evalsuite.run.summary_schema import ParseMode


def write_report(
    runs: Sequence[Path],
    out: Path,
    stage_names: Sequence[str] = (),
    allow: Sequence[str] = (),
    data_dir: Path | None = None,
    parse_mode: ParseMode = "strict",
) -> tuple[Path, ...]:
    """Write a report of run folders into a folder and return its files.

    `stage_names`: names of the first runs as stages of training, in their order; `allow`: settings in which compared
    runs may differ; `data_dir`: where the questions are, if not where the runs had them from;
    `reading`: of the answers, which the whole report goes by.
    """
    named = entries([read_result(path) for path in runs], shown_name)
    board = leaderboard(named, allow, parse_mode)
    staged = stages(board, named, stage_names)
    chosen = [row.entry for row in board.rows]
    content = board_json(board)
    try:
        out.mkdir(parents=True, exist_ok=True)
        items = write_items(out, board, data_dir)
        files = {
            "report.html": page(
                content,
                sections(content, board, staged, items.lengths),
                [cost(entry, board) for entry in chosen],
                items.contents,
                chosen,
            ),
            "leaderboard.md": markdown(content).encode("utf-8", "replace"),
            "leaderboard.csv": csv_text(content).encode("utf-8", "replace"),
            "leaderboard.json": orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        }
        for name, text in files.items():
            (out / name).write_bytes(text)
    except OSError as error:
        raise RunError(f"{out}: the report can't be written: {error.strerror or error}") from None
    return tuple(out / name for name in files)
