"""Look for bad items in everything that a data folder holds: what a benchmark gives away, repeats or has broken."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.data.audit.item_checks import CHECKS
from evalsuite.data.audit.lost_letters import lost_letters, words
from evalsuite.data.duplicates import grams, near_duplicates, question_key, same_question
from evalsuite.data.load import read
from evalsuite.data.locate import LocatedFile, data_folder, find, locate
from evalsuite.data.rows import ConvertedRows
from evalsuite.errors import DataError
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import RowLayout, Task

SKEW = 1.5
"""A constant answer this many times better than chance is a finding."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found; `facts` is plain data, ready for JSON."""

    facts: dict[str, Any]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `audit.json` and `audit.md`; return their paths."""
        from evalsuite.data.audit.table import markdown

        folder.mkdir(parents=True, exist_ok=True)
        whole, page = folder / "audit.json", folder / "audit.md"
        whole.write_text(json.dumps(self.facts, ensure_ascii=False, indent=1) + "\n", "utf-8")
        page.write_text(markdown(self.facts), "utf-8")
        return whole, page


@dataclass(frozen=True, slots=True)
class _File:
    task: Task
    split: str
    found: LocatedFile
    reading: ConvertedRows

    @property
    def name(self) -> str:
        path = self.found.paths[0]
        below = path.relative_to(self.found.root).as_posix() if path.is_relative_to(self.found.root) else path.name
        return f"{below} ({self.split})" if self.split != "test" else below


def audit(tasks: Sequence[Task], data_dir: Path | None = None) -> Audit:
    """Examine the file that `load` would take for each task, and its dev and train files; nothing has to be locked.

    Finds by itself, without a list of known cases, what `checks` describes, keys that lean to one label, options that
    give themselves away by length, letters lost throughout, and repeated items inside and between files.
    """
    files = [file for task in tasks for file in _files(task, data_folder(data_dir))]
    entries = [_entry(file, lost) for file, lost in zip(files, _lost(files), strict=True)]
    return Audit({"schema": 1, "files": entries, "near_duplicates": _pairs(files), "same_items": _same_between(files)})


def _lost(files: Sequence[_File]) -> Iterator[dict[str, list[str]]]:
    """The letters that each file lost, in English: its words against those of all other families of tasks."""
    vocabularies = [[(item.id, words(item)) for item in file.reading.items] for file in files]
    total: Counter[str] = Counter()
    own: dict[str, Counter[str]] = defaultdict(Counter)
    for file, vocabulary in zip(files, vocabularies, strict=True):
        counts = Counter(word for _, found in vocabulary for word in found)
        total.update(counts)
        own[_family(file)].update(counts)
    elsewhere = {family: total - counts for family, counts in own.items()}
    for file, vocabulary in zip(files, vocabularies, strict=True):
        yield lost_letters(vocabulary, elsewhere[_family(file)]) if file.task.language == "en" else {}


def _family(file: _File) -> str:
    """Tasks made of the same questions share a vocabulary, so that none vouches for the other's damaged words."""
    return file.task.name.split("_")[0]


def _files(task: Task, root: Path) -> Iterator[_File]:
    first = locate(task, root)
    if first is None or first.source.refuse:
        raise DataError(f"{task.name}: nothing to audit in {root}")
    yield _File(task, "test", first, read(task, first))
    for split, sources in (("dev", task.dev), ("train", task.train)):
        for source in sources:
            found = find(source, root)
            if found is not None:
                yield _File(task, split, found, read(task, found))


def _entry(file: _File, lost: dict[str, list[str]]) -> dict[str, Any]:
    items = file.reading.items
    entry: dict[str, Any] = {
        "task": file.task.name,
        "file": file.name,
        "split": file.split,
        "items": len(items),
        "empty_rows": list(file.reading.empty),
        "options": dict(sorted(Counter(len(item.options) for item in items).items())),
        "chance": _mean([1 / len(item.options) for item in items]),
        **_keys(items),
        "longest": _mean([_longest(item) == item.gold for item in items]),
        "checks": {name: _listed([i.id for i in items if check(i)]) for name, check in CHECKS.items()},
        "outer_space": _listed(file.reading.trimmed),
        "lost_letters": {letters: _listed(ids) for letters, ids in lost.items()},
        "same_question": _grouped(same_question(items, options_too=False)),
        "same_question_and_options": _grouped(same_question(items, options_too=True)),
    }
    raw = _unshuffled(file)
    if raw is not None:
        entry["before_shuffle"] = _keys(raw)
    constant = entry.get("before_shuffle", entry)["constant"]
    entry["key_skew"] = constant["accuracy"] >= SKEW * entry["chance"]
    return entry


def _keys(items: Sequence[Item]) -> dict[str, Any]:
    counts = Counter(item.gold for item in items)
    label, most = counts.most_common(1)[0]
    return {"gold": dict(counts.most_common()), "constant": {"label": label, "accuracy": round(most / len(items), 4)}}


def _unshuffled(file: _File) -> tuple[Item, ...] | None:
    layout: RowLayout | None = file.task.layouts.get(file.found.source.layout)
    if layout is None or not layout.shuffle:
        return None
    plain = {**file.task.layouts, file.found.source.layout: layout.model_copy(update={"shuffle": ""})}
    return read(file.task.model_copy(update={"layouts": plain}), file.found).items


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


def _longest(item: Item) -> str:
    return max(zip(item.labels, item.options, strict=True), key=lambda pair: len(pair[1]))[0]


def _listed(ids: Sequence[str]) -> dict[str, Any]:
    return {"count": len(ids), "items": list(ids)}


def _grouped(groups: list[list[str]]) -> dict[str, Any]:
    return {"groups": len(groups), "items": sum(map(len, groups)), "ids": groups}


def _pairs(files: Sequence[_File]) -> list[dict[str, Any]]:
    owner = [(place, item.id) for place, file in enumerate(files) for item in file.reading.items]
    stems = [grams(item.question) for file in files for item in file.reading.items]
    found: dict[tuple[int, int], list[list[Any]]] = defaultdict(list)
    for pair in near_duplicates(stems):
        (a, id_a), (b, id_b) = owner[pair.a], owner[pair.b]
        if id_a != id_b or not _shared(files, a, b):
            found[a, b].append([id_a, id_b, round(pair.shared, 2), round(pair.jaccard, 2)])
    return [_between(files, a, b, pairs) for (a, b), pairs in sorted(found.items())]


def _same_between(files: Sequence[_File]) -> list[dict[str, Any]]:
    """Items of two files with the same question and the same gold text, short ones included."""
    places: dict[object, list[tuple[int, str]]] = defaultdict(list)
    for place, file in enumerate(files):
        for item in file.reading.items:
            gold = item.options[item.labels.index(item.gold)].casefold()
            places[question_key(item, options_too=False), gold].append((place, item.id))
    found: dict[tuple[int, int], list[list[Any]]] = defaultdict(list)
    for holders in places.values():
        for i, (a, id_a) in enumerate(holders):
            for b, id_b in holders[i + 1 :]:
                if a != b and (id_a != id_b or not _shared(files, a, b)):
                    found[a, b].append([id_a, id_b])
    return [_between(files, a, b, pairs) for (a, b), pairs in sorted(found.items())]


def _shared(files: Sequence[_File], a: int, b: int) -> bool:
    """Whether two tasks are parts of one file: an item of both is no duplicate of itself."""
    return files[a].found.paths == files[b].found.paths


def _between(files: Sequence[_File], a: int, b: int, pairs: list[list[Any]]) -> dict[str, Any]:
    return {"a": files[a].name, "b": files[b].name, "pairs": len(pairs), "items": pairs}
