"""Markdown and CSV of a leaderboard."""

import csv
import io
import re

import numpy as np
import pytest

from evalsuite.analysis.leaderboard import entries, leaderboard
from evalsuite.analysis.run_result import read_result
from evalsuite.report.csv_table import csv_text
from evalsuite.report.leaderboard_json import leaderboard_json
from evalsuite.report.markdown import markdown
from evalsuite.report.run_names import display_name


@pytest.fixture
def content(made):
    rng = np.random.default_rng(2)
    names = ["plain-8B", "<b>|pipe|`*x*[a](javascript:1)\n# head-8B", "other-70B"]
    paths = [
        made(f"r{n}", {"medqa": rng.random(90) < 0.6, "pubmedqa": rng.random(50) < 0.5}, model=f"openai/{name}")
        for n, name in enumerate(names)
    ]
    part = made("part", {"medqa": rng.random(30) < 0.5}, items=90)
    return leaderboard_json(leaderboard(entries([read_result(path) for path in (*paths, part)], display_name)))


def test_every_line_of_a_table_has_the_columns_of_its_head(content):
    text = markdown(content)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1, table


def test_a_name_opens_nothing_in_markdown(content):
    text = markdown(content)
    assert "javascript" in text and not re.search(r"(?<!\\)(<b|\]\(javascript|`)", text)
    assert not re.search(r"^# head", text, re.MULTILINE)


def test_a_line_a_run_and_column_then_the_published_numbers(content):
    rows = list(csv.DictReader(io.StringIO(csv_text(content))))
    measured = [row for row in rows if row["measured_here"] == "True"]
    assert len(measured) == sum(len(row["cells"]) for row in content["rows"]) == 7
    for row in measured:
        shown_row = next(r for r in content["rows"] if r["run"] == row["run"])
        assert row["name"] == shown_row["name"].replace("\n", r"\n")
        column = next(c for c in content["columns"] if (c["task"], str(c["n"])) == (row["task"], row["n"]))
        assert float(row["accuracy"]) == shown_row["cells"][column["key"]]["value"]
        assert float(row["low"]) < float(row["accuracy"]) < float(row["high"])
        rank = shown_row["rank"] or {}
        for name, key in (("rank", "rank"), ("rank_best", "best"), ("rank_worst", "worst")):
            assert row[name] == ("" if rank.get(key) is None else str(rank[key]))
    quoted = [row for row in rows if row["measured_here"] == "False"]
    assert quoted and all(row["run"] == "" and row["rank"] == "" and ":" in row["source"] for row in quoted)


def test_a_published_value_is_compared_with_the_best_model_on_the_task_as_a_whole(content):
    keys = [column["key"] for column in content["columns"] if column["task"] == "medqa" and not column["partial"]]
    best = max(cell["value"] for row in content["rows"] for key, cell in row["cells"].items() if key in keys)
    rows = [row for source in content["published"] for row in source["rows"]]
    cells = [row["cells"]["medqa"] for row in rows if "medqa" in row["cells"]]
    compared = [(cell, cell["best_minus_published"]) for cell in cells if cell["best_minus_published"]]
    assert compared
    for cell, difference in compared:
        assert difference["value"] == pytest.approx(best - cell["value"])
        assert difference["low"] < difference["value"] < difference["high"]
        assert difference["high"] - difference["low"] > cell["high"] - cell["low"]


def test_published_numbers_are_under_a_head_of_their_own(content):
    before, _, after = markdown(content).partition("## Published scores, not measured here")
    assert "Fleming-R1" not in before and "93" in after and "Fleming-R1" in after


def test_a_part_says_how_much_of_the_task_it_is(content):
    assert any("30 of its 90 items" in note for note in content["notes"])
    assert "30 of 90" in markdown(content)
