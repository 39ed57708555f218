"""Every hand-written case is read right, strictly and leniently.

A line of cases.jsonl has the fields of the public cases (see ANSWERS.md). What it leaves out is the common default: the
four drugs under A to D, the answer tag, a response that ended by itself. `lenient` lists the acceptable labels.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.parser import STATUSES, parse

HERE = Path(__file__).parent
PUBLIC = HERE.parents[2] / "shared" / "parser_cases.jsonl"
LABELS = ["A", "B", "C", "D"]
OPTIONS = ["Amiodarone", "Metoprolol", "Digoxin", "Diltiazem"]


def load(path: Path) -> list[Any]:
    if not path.exists():
        return []
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [pytest.param(case, id=case["id"]) for case in cases]


def text_of(case: dict[str, Any]) -> str:
    return case["text"] if "text" in case else "".join(piece * count for piece, count in case["parts"])


def check(case: dict[str, Any]) -> None:
    text = text_of(case)
    labels = case.get("labels", LABELS)
    options = case.get("options", OPTIONS if labels == LABELS else None)
    reading = parse(
        text,
        labels,
        options,
        format=case.get("format", "answer_tag"),
        finish=case.get("finish", "stop"),
        prompt_opens_reasoning=case.get("prompt_opens_reasoning", False),
    )
    assert reading.strict.label == case["strict"]
    assert reading.lenient.label in case["lenient"]
    for side in reading:
        assert side.status in STATUSES
        assert (side.label is not None) == (side.status == "ok") == (side.span is not None)
        assert side.span is None or 0 <= side.span[0] < side.span[1] <= len(text)


@pytest.mark.parametrize("case", load(HERE / "cases.jsonl"))
def test_own_case(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.skipif(not PUBLIC.exists(), reason="needs ../shared/parser_cases.jsonl")
@pytest.mark.parametrize("case", load(PUBLIC))
def test_public_case(case: dict[str, Any]) -> None:
    check(case)


def test_ids_are_unique() -> None:
    ids = [parameter.id for parameter in load(HERE / "cases.jsonl")]
    assert len(ids) == len(set(ids)) > 250
