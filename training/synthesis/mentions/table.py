"""Tables of mentions: a node, by its id or a name, and how often a corpus names it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.input_file import InputFile, read_input
from training.synthesis.graph.linking import Linker
from training.synthesis.graph.readers.table import read_rows
from training.synthesis.graph.sources import Problems

_NODES: Final = ("id", "node", "node_id", "name", "disease", "entity", "term", "label")
_COUNTS: Final = ("count", "mentions", "frequency", "n", "occurrences")
_MOST: Final = 1 << 53


class Mentions(NamedTuple):
    """Counts by node id, each of a node that stands for itself.

    `facts`: the file with its checksum, and how many of its rows name one node, none, or several.
    """

    counts: Mapping[str, int]
    facts: Mapping[str, Any]


def read_mentions(path: Path, graph: Graph, skip_bad: bool = False) -> Mentions:
    """Read a table with two columns, or with a header that names them: `id` or `name`, and `count`.

    Rows of one node are added up, those of merged ids as well. A name that no node bears, or several, is left out and
    counted. A count that is no whole number is a problem with its line, and a table without any known node a
    `DataError`.
    """
    problems = Problems(skip_bad)
    file = read_input(path, "mentions")
    nodes, counts, lines = _columns(file, problems)
    linker = Linker(graph)
    found: Counter[str] = Counter()
    rows = dict.fromkeys(("rows", "unknown", "ambiguous"), 0)
    for name, text, line in zip(nodes, counts, lines, strict=True):
        count = _count(text)
        if count is None:
            problems.add(path, line, f"count {text[:40]!r} is no whole number from 0 on")
            continue
        linked = linker.link(name)
        rows["rows"] += 1
        if len(linked) == 1:
            found[graph.node(linked[0]).id] += count
        else:
            rows["ambiguous" if linked else "unknown"] += 1
    if not found:
        message = f"{path}: none of its {rows['rows']:,} rows names a node of this graph (`mentions`)"
        raise DataError(ErrorCode.DATA_MALFORMED, f"{message}; count them with evalsuite train mentions")
    left_out = sum(problems.counts.values())
    return Mentions(dict(found), {"file": path.name, "sha256": file.sha256, **rows, "left_out": left_out})


def _columns(file: InputFile, problems: Problems) -> tuple[list[str], list[str], list[int]]:
    """Return the node, the count and the line of each row."""
    start = 0
    while file.data[start : start + 1] in (b"#", b"\n", b"\r"):
        start = file.data.find(b"\n", start) + 1 or len(file.data)
    first, _, rest = file.data[start:].partition(b"\n")
    fields = first.decode(errors="replace").rstrip("\r").split("\t")
    plain = [re.sub(r"[^a-z0-9]+", "_", field.lower()).strip("_") for field in fields]
    node = next((name for name in _NODES if name in plain), "")
    count = next((name for name in _COUNTS if name in plain), "")
    line = file.line_at(start)
    if node and count and plain.index(node) != plain.index(count):
        table = read_rows(file, rest, _unique(plain), [node, count], line + 1, problems)
    elif len(fields) == 2 and not (node or count):
        node, count = _NODES[0], _COUNTS[0]
        table = read_rows(file, file.data[start:], [node, count], [node, count], line, problems)
    else:
        reason = f"no columns id (or name) and count among {', '.join(fields)[:200]}"
        problems.add(file.path, line, reason)
        return [], [], []
    values = [[table[name].values[code] for code in table[name].codes.tolist()] for name in (node, count)]
    return values[0], values[1], table.lines.tolist()


def _unique(names: list[str]) -> list[str]:
    return [name if name not in names[:place] else f"column {place}" for place, name in enumerate(names)]


def _count(text: str) -> int | None:
    plain = text.strip()
    return int(plain) if re.fullmatch(r"[0-9]{1,16}", plain) and int(plain) <= _MOST else None


def mention_table(counts: Mapping[int, int], graph: Graph, comments: Mapping[str, str]) -> bytes:
    """Return counts by node as a table that `read_mentions` reads: the most frequent first, under comments."""
    lines = [f"# {name}: {' '.join(text.split())}" for name, text in comments.items()]
    lines.append("id\tname\tcount")
    for number, count in sorted(counts.items(), key=lambda each: (-each[1], graph.node(each[0]).id)):
        lines.append(f"{graph.node(number).id}\t{' '.join(graph.name(number).split())}\t{count}")
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
