"""An audit as a page of Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evalsuite.data.audit.item_checks import CHECKS

NAMED = 4


def markdown(facts: dict[str, Any]) -> str:
    """Return the page: what each file gives away, what is wrong in it, what files share."""
    files = facts["files"]
    parts = ["# Audit of the items", _trivial_baselines(files), "## Findings", *map(_findings, files)]
    for title, key in (("Near-duplicate questions", "near_duplicates"), ("The same item in two files", "same_items")):
        if facts[key]:
            parts += [f"## {title}", _table(("file", "file", "pairs", "items"), list(map(_pair, facts[key])))]
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


def _pair(found: dict[str, Any]) -> tuple[str, ...]:
    return found["a"], found["b"], f"{found['pairs']:,}", _named(f"{pair[0]} = {pair[1]}" for pair in found["items"])


def _findings(file: dict[str, Any]) -> str:
    said = []
    if file["key_skew"]:
        said.append("the key leans to one label: read every score beside the constant answer")
    if file["longest"] >= 1.5 * file["chance"]:
        said.append(f"the longest option is right in {file['longest']:.1%}")
    if file["empty_rows"]:
        said.append(f"{len(file['empty_rows'])} empty rows ({_named(file['empty_rows'])})")
    for name, found in file["checks"].items():
        if found["count"]:
            meaning = (CHECKS[name].__doc__ or name).rstrip(".")
            said.append(f"{found['count']}: {meaning} ({_named(found['items'])})")
    spaced = file["outer_space"]
    if spaced["count"]:
        said.append(f"{spaced['count']}: options with outer white space ({_named(spaced['items'])})")
    for letters, found in file["lost_letters"].items():
        said.append(f'{found["count"]}: words that lost the letters "{letters}" ({_named(found["items"])})')
    for key, what in (("same_question", "the question"), ("same_question_and_options", "question and options")):
        if file[key]["groups"]:
            ids = _named(" = ".join(group) for group in file[key]["ids"])
            said.append(f"{file[key]['groups']} groups of {file[key]['items']} items share {what} ({ids})")
    lines = "\n".join(f"- {line}" for line in said) or "- nothing"
    return f"### {file['task']}: {file['file']}\n\n{lines}"


def _named(ids: Iterable[str]) -> str:
    listed = list(ids)
    return ", ".join(listed[:NAMED]) + (", ..." if len(listed) > NAMED else "")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
