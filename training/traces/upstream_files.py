"""Train files as their authors publish them, which no task's card knows: CMExam, and PubMedQA's artificial part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.data.file_formats import read_rows
from training.synthesis.refine.question_rows import QuestionRow

_OPTION: Final = re.compile(r"\s*([A-Z])[\s.:．：、]\s*(.*\S)\s*", re.DOTALL)
_LINES: Final = re.compile(r"\r?\n|\\n")
_DECISIONS: Final = ("yes", "no", "maybe")


class UpstreamRows(NamedTuple):
    """The rows of a file in the native layout, and what its authors say of all of them."""

    rows: list[QuestionRow]
    about: str
    language: str
    like: str | None
    """The task whose prompt they have; None: the shared one."""


class _Layout(NamedTuple):
    """One layout: keys by which a row is known, and how it becomes a row in the native layout."""

    keys: frozenset[str]
    convert: Callable[[Mapping[str, Any]], dict[str, Any]]
    about: str
    language: str
    like: str | None


def _cmexam(row: Mapping[str, Any]) -> dict[str, Any]:
    # A question with several right answers has a gold that is none of its labels, which the format filter rejects.
    found = [_OPTION.fullmatch(line) for line in _LINES.split(str(row["Options"] or "")) if line.strip()]
    options = {match[1]: match[2] for match in found if match is not None}
    complete = len(options) == len(found)
    return {"question": row["Question"], "options": options if complete else {}, "answer": row["Answer"]}


def _official(row: Mapping[str, Any]) -> dict[str, Any]:
    sections = {"headings": row.get("LABELS"), "texts": row["CONTEXTS"]}
    return _decided(row.get("$key"), row["QUESTION"], sections, row.get("final_decision"))


def _hub(row: Mapping[str, Any]) -> dict[str, Any]:
    context = row["context"]
    sections = {"headings": context.get("labels"), "texts": context.get("contexts")}
    return _decided(row["pubid"], row["question"], sections, row.get("final_decision"))


def _decided(name: Any, question: Any, sections: dict[str, Any], gold: Any) -> dict[str, Any]:
    options = {label: label for label in _DECISIONS}
    return {"id": str(name), "question": question, "options": options, "answer": gold, "context": sections}


_PUBMEDQA: Final = (
    "PubMedQA: whether an abstract answers the question of its title; its authors made the label by a rule."
)
_LAYOUTS: Final = (
    _Layout(frozenset({"Question", "Options", "Answer"}), _cmexam, "CMExam, Chinese medical licensing.", "zh", None),
    _Layout(frozenset({"QUESTION", "CONTEXTS", "final_decision"}), _official, _PUBMEDQA, "en", "pubmedqa"),
    _Layout(frozenset({"pubid", "question", "context", "final_decision"}), _hub, _PUBMEDQA, "en", "pubmedqa"),
)


def upstream_rows(path: Path) -> UpstreamRows | None:
    """Return the rows of a file in one of these layouts, known by its keys; None for any other file.

    PubMedQA's unlabelled part has no answers, and so no such row. A damaged file is a `DataError`.
    """
    rows = read_rows(path)
    layout = next((each for each in _LAYOUTS if rows and each.keys <= rows[0].keys()), None)
    if layout is None:
        return None
    return UpstreamRows(list(_converted(path, rows, layout)), layout.about, layout.language, layout.like)


def _converted(path: Path, rows: list[dict[str, Any]], layout: _Layout) -> Iterator[QuestionRow]:
    for number, row in enumerate(rows, 1):
        where = f"{path.name}: row {number}"
        complete = layout.keys <= row.keys() and (layout.convert is not _hub or isinstance(row["context"], dict))
        yield QuestionRow(where, layout.convert(row) if complete else str(row))
