"""The report of several runs: leaderboard.md, .csv and .json, and report.html with its items beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from evalsuite.analysis.leaderboard import entries, leaderboard
from evalsuite.analysis.run_result import read_result
from evalsuite.analysis.training_overlap import read_overlaps
from evalsuite.errors import ErrorCode, RunError
from evalsuite.report.chart_sections import chart_sections
from evalsuite.report.cost import run_cost
from evalsuite.report.csv_table import csv_text
from evalsuite.report.html_page import html_page
from evalsuite.report.item_browser import write_items
from evalsuite.report.leaderboard_json import leaderboard_json
from evalsuite.report.markdown import markdown
from evalsuite.report.run_names import display_name
from evalsuite.report.training_stages import stage_gains
from evalsuite.run.summary_schema import ParseMode
from evalsuite.run_folder import refuse_links_to
from evalsuite.util.atomic_write import write_atomically


def write_report(
    runs: Sequence[Path],
    out: Path,
    stage_names: Sequence[str] = (),
    allow: Sequence[str] = (),
    data_dir: Path | None = None,
    parse_mode: ParseMode = "strict",
    training_overlap: Sequence[tuple[Path, Path]] = (),
) -> tuple[Path, ...]:
    """Write the report of run folders into the folder `out` and return its files.

    `stage_names` names the first runs as stages of one training run, in their order. `allow` lists the settings in
    which compared runs may differ. `data_dir` is where the questions are, if not where the runs read them from.
    `parse_mode` chooses the accuracy that ranks, comparisons and charts are based on. `training_overlap` are pairs of a
    run and the overlap.json of its model's training data. A folder that can't be written
    is a `RunError`, and so is a journal other than the one that a run's summary was made from.
    """
    refuse_links_to(out)
    results = [read_result(path) for path in runs]
    for result in results:  # the responses that the report shows are those that were graded
        result.check_responses()
    named = entries(results, display_name)
    board = leaderboard(named, allow, parse_mode, read_overlaps(training_overlap, results))
    gains = stage_gains(board, named, stage_names)
    ranked = [row.entry for row in board.rows]
    content = leaderboard_json(board)
    try:
        out.mkdir(parents=True, exist_ok=True)
        items = write_items(out, board, data_dir)
        files = {
            "report.html": html_page(
                content,
                chart_sections(content, board, gains, items.lengths),
                [run_cost(entry, board) for entry in ranked],
                items.contents,
                ranked,
            ),
            "leaderboard.md": markdown(content).encode("utf-8", "replace"),
            "leaderboard.csv": csv_text(content).encode("utf-8", "replace"),
            "leaderboard.json": orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        }
        for name, text in files.items():
            write_atomically(out / name, text)
    except OSError as error:
        message = f"{out}: the report can't be written: {error.strerror or error}"
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
    return tuple(out / name for name in files)
