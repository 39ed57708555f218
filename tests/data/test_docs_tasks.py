"""The examples of docs/tasks.md work as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from evalsuite.data.load import load
from evalsuite.tasks.registry import load_task

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="docs are in the repository, not in the package")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def written(folder: Path, card: str) -> Path:
    task = folder / "tasks" / yaml.safe_load(card)["name"]
    task.mkdir(parents=True)
    (task / "task.yaml").write_text(card, "utf-8")
    return task


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_the_card_for_a_table_reads_its_items(tmp_path, suffix):
    card = next(block for block in blocks("yaml") if "ward.csv" in block)
    (table,) = blocks("csv")
    if suffix == ".tsv":
        card = card.replace("ward.csv", "ward.tsv")
        table = table.replace('"Which vitamin, if absent, causes scurvy?"', "Which vitamin; if absent; causes scurvy?")
        table = table.replace(",", "\t").replace(";", ",")
    (tmp_path / f"ward{suffix}").write_text(table, "utf-8")
    first, second = load(load_task("ward", written(tmp_path, card)), tmp_path).items
    assert (first.id, first.question) == ("1", "Which vitamin, if absent, causes scurvy?")
    assert first.options == ("Vitamin A", "Vitamin C", "Vitamin D") and first.labels == ("A", "B", "C")
    assert (first.gold, first.meta) == ("B", {"subject": "nutrition"})
    assert (len(second.options), second.gold) == (4, "D")


def test_the_smallest_card_reads_native_rows(tmp_path):
    card = next(block for block in blocks("yaml") if "name: mine" in block)
    (row,) = blocks("json")
    one_item = {"items: 2": "items: 1", "{2: 2}": "{2: 1}"}
    for old, new in one_item.items():
        card = card.replace(old, new)
    task = written(tmp_path, card)
    (task / "items.jsonl").write_text(row, "utf-8")
    (item,) = load(load_task("mine", task), tmp_path).items
    assert (item.gold, item.meta) == ("A", {"subject": "anatomy"})
