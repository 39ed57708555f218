"""Write an audit as a page of Markdown that is also readable in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evalsuite.data.audit.item_checks import CHECKS

NAMED = 4
"""Ids that a line names before it ends in an ellipsis."""
_LONGEST = 1.5
"""The longest option is a finding if it is right this many times more often than chance."""


def markdown(content: dict[str, Any]) -> str:
    """Return the page: trivial baselines of each file, findings in it, items that files have in common."""
    files = content["files"]
    parts = ["# Audit of the items", _trivial_baselines(files), "## Findings", *map(_findings, files)]
    for title, key in (("Near-duplicate questions", "near_duplicates"), ("The same item in two files", "same_items")):
        if content[key]:
            parts += [f"## {title}", _table(("file", "file", "pairs", "items"), list(map(_pair_row, content[key])))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _trivial_baselines(files: Sequence[dict[str, Any]]) -> str:
    header = ("task", "file", "items", "options", "constant answer", "longest option", "chance")
    rows = []
    for file in files:
        counts = list(file["options"])
        constant = f"{file['constant']['label']} {file['constant']['accuracy']:.1%}"
        if "before_shuffle" in file:
            raw = file["before_shuffle"]["constant"]
            constant += f" (in the file {raw['label']} {raw['accuracy']:.1%})"
        options = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        shares = (constant, f"{file['longest']:.1%}", f"{file['chance']:.1%}")
        rows.append((file["task"], file["file"], f"{file['items']:,}", options, *shares))
    return _table(header, rows)


def _pair_row(pairs: dict[str, Any]) -> tuple[str, ...]:
    return pairs["a"], pairs["b"], f"{pairs['pairs']:,}", _named(f"{pair[0]} = {pair[1]}" for pair in pairs["items"])


def _findings(file: dict[str, Any]) -> str:
    findings = []
    if file["label_skew"]:
        findings.append("the gold labels are skewed: compare every score with the constant answer")
    if file["longest"] >= _LONGEST * file["chance"]:
        findings.append(f"the longest option is right in {file['longest']:.1%}")
    if file["empty_rows"]:
        findings.append(f"{len(file['empty_rows'])} empty rows ({_named(file['empty_rows'])})")
    for name, result in file["checks"].items():
        if result["count"]:
            meaning = (CHECKS[name].__doc__ or name).rstrip(".")
            findings.append(f"{result['count']}: {meaning} ({_named(result['items'])})")
    spaced = file["outer_space"]
    if spaced["count"]:
        findings.append(f"{spaced['count']}: options with outer white space ({_named(spaced['items'])})")
    for letters, result in file["missing_letters"].items():
        findings.append(
            f'{result["count"]}: words in which the letters "{letters}" are missing ({_named(result["items"])})'
        )
    for key, shared in (("same_question", "the question"), ("same_question_and_options", "question and options")):
        if file[key]["groups"]:
            ids = _named(" = ".join(group) for group in file[key]["ids"])
            findings.append(f"{file[key]['groups']} groups of {file[key]['items']} items share {shared} ({ids})")
    lines = "\n".join(f"- {line}" for line in findings) or "- nothing"
    return f"### {file['task']}: {file['file']}\n\n{lines}"


def _named(ids: Iterable[str]) -> str:
    names = list(ids)
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
