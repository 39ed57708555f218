"""Look for bad items in all files of some tasks: broken, repeated or leaked ones, label skew and trivial baselines."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.data.audit.item_checks import CHECKS
from evalsuite.data.audit.missing_letters import missing_letters, words
from evalsuite.data.drawn_items import drawing_of
from evalsuite.data.duplicates import grams, near_duplicates, question_key, same_question
from evalsuite.data.item_conversion import ConvertedRows
from evalsuite.data.load import read_items
from evalsuite.data.locate import LocatedFile, data_folder, find, locate
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import DataFile, RowLayout, Task
from evalsuite.util.atomic_write import write_atomically

SCHEMA = 2
"""Version of the keys in audit.json."""
SKEW = 1.5
"""Labels are skewed if a constant answer is at least this many times better than chance."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit; `content` is plain data, ready for JSON."""

    content: dict[str, Any]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `audit.json` and `audit.md`; return their paths. A folder that can't be written is a `DataError`."""
        from evalsuite.data.audit.markdown import markdown

        json_file, page = folder / "audit.json", folder / "audit.md"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(json_file, (json.dumps(self.content, ensure_ascii=False, indent=1) + "\n").encode())
            write_atomically(page, markdown(self.content).encode())
        except OSError as error:
            message = f"`out` {folder}: can't be written: {error.strerror or error}; choose another folder"
            raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
        return json_file, page


@dataclass(frozen=True, slots=True)
class _AuditedFile:
    """One file of a task with the items that it holds."""

    task: Task
    split: str
    located: LocatedFile
    rows: ConvertedRows

    @property
    def name(self) -> str:
        path, root = self.located.paths[0], self.located.root
        relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        return f"{relative} ({self.split})" if self.split != "test" else relative


def audit(tasks: Sequence[Task], data_dir: Path | None = None) -> Audit:
    """Examine the file that `load` would take for each task, and its dev and train files; none has to be locked.

    Detects, without a list of known cases, what the item checks describe, label skew, gold options that stand out by
    their length, letters missing throughout, and repeated items inside and between files.
    """
    files = [file for task in tasks for file in _files(task, data_folder(data_dir))]
    entries = [_entry(file, letters) for file, letters in zip(files, _missing_letters(files), strict=True)]
    return Audit(
        {
            "schema": SCHEMA,
            "files": entries,
            "near_duplicates": _near_duplicates(files),
            "same_items": _same_items(files),
        }
    )


def _missing_letters(files: Sequence[_AuditedFile]) -> Iterator[dict[str, list[str]]]:
    """Yield the letters that are missing throughout each English file, judged by the words of all other families."""
    vocabularies = [[(item.id, words(item)) for item in file.rows.items] for file in files]
    total: Counter[str] = Counter()
    of_family: dict[str, Counter[str]] = defaultdict(Counter)
    for file, vocabulary in zip(files, vocabularies, strict=True):
        counts = Counter(word for _, item_words in vocabulary for word in item_words)
        total.update(counts)
        of_family[_family(file)].update(counts)
    others = {family: total - counts for family, counts in of_family.items()}
    for file, vocabulary in zip(files, vocabularies, strict=True):
        yield missing_letters(vocabulary, others[_family(file)]) if _is_english(file) else {}


def _is_english(file: _AuditedFile) -> bool:
    """Return whether a file's items are in any English, such as `en-GB`."""
    return file.task.language.partition("-")[0] == "en"


def _family(file: _AuditedFile) -> str:
    """Return the family of a task: tasks made of the same questions also share their damaged words."""
    return file.task.name.split("_")[0]


def _files(task: Task, root: Path) -> Iterator[_AuditedFile]:
    if drawing := drawing_of(task):
        source = DataFile(path=f"drawn/{task.name}", items=task.items)
        drawn = LocatedFile(source, task.folder, (Path(drawing.variant),))
        yield _AuditedFile(task, "test", drawn, ConvertedRows(drawing.items))
        return
    test = locate(task, root)
    if test is None or test.source.refuse:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{task.name}: nothing to audit in {root}")
    yield _AuditedFile(task, "test", test, read_items(task, test))
    for split, sources in (("dev", task.dev), ("train", task.train)):
        for source in sources:
            located = find(source, root)
            if located is not None:
                yield _AuditedFile(task, split, located, read_items(task, located))


def _entry(file: _AuditedFile, letters: dict[str, list[str]]) -> dict[str, Any]:
    items = file.rows.items
    entry: dict[str, Any] = {
        "task": file.task.name,
        "file": file.name,
        "split": file.split,
        "items": len(items),
        "empty_rows": list(file.rows.empty),
        "options": dict(sorted(Counter(len(item.options) for item in items).items())),
        "chance": _mean([1 / len(item.options) for item in items]),
        **_gold_labels(items),
        "longest": _mean([_longest(item) == item.gold for item in items]),
        "checks": {name: _count([i.id for i in items if check(i)]) for name, check in CHECKS.items()},
        "outer_space": _count(file.rows.trimmed),
        "missing_letters": {pair: _count(ids) for pair, ids in letters.items()},
        "same_question": _count_groups(same_question(items, options_too=False)),
        "same_question_and_options": _count_groups(same_question(items, options_too=True)),
    }
    raw = _before_shuffle(file)
    if raw is not None:
        entry["before_shuffle"] = _gold_labels(raw)
    constant = entry.get("before_shuffle", entry)["constant"]
    entry["label_skew"] = constant["accuracy"] >= SKEW * entry["chance"]
    return entry


def _gold_labels(items: Sequence[Item]) -> dict[str, Any]:
    """Return the counts of the gold labels, and the best constant answer."""
    counts = Counter(item.gold for item in items)
    label, most = counts.most_common(1)[0]
    return {"gold": dict(counts.most_common()), "constant": {"label": label, "accuracy": round(most / len(items), 4)}}


def _before_shuffle(file: _AuditedFile) -> tuple[Item, ...] | None:
    """Return the items with their options in the order of the file; None if its layout doesn't shuffle them."""
    name = file.located.source.layout
    layout: RowLayout | None = file.task.layouts.get(name)
    if layout is None or not layout.shuffle:
        return None
    layouts = {**file.task.layouts, name: layout.model_copy(update={"shuffle": ""})}
    return read_items(file.task.model_copy(update={"layouts": layouts}), file.located).items


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


def _longest(item: Item) -> str:
    return max(zip(item.labels, item.options, strict=True), key=lambda pair: len(pair[1]))[0]


def _count(ids: Sequence[str]) -> dict[str, Any]:
    return {"count": len(ids), "items": list(ids)}


def _count_groups(groups: list[list[str]]) -> dict[str, Any]:
    return {"groups": len(groups), "items": sum(map(len, groups)), "ids": groups}


def _near_duplicates(files: Sequence[_AuditedFile]) -> list[dict[str, Any]]:
    owners = [(place, item.id) for place, file in enumerate(files) for item in file.rows.items]
    stems = [grams(item.question) for file in files for item in file.rows.items]
    pairs: dict[tuple[int, int], list[list[Any]]] = defaultdict(list)
    for pair in near_duplicates(stems):
        (a, id_a), (b, id_b) = owners[pair.a], owners[pair.b]
        if id_a != id_b or not _same_file(files, a, b):
            pairs[a, b].append([id_a, id_b, round(pair.shared, 2), round(pair.jaccard, 2)])
    return [_between(files, a, b, items) for (a, b), items in sorted(pairs.items())]


def _same_items(files: Sequence[_AuditedFile]) -> list[dict[str, Any]]:
    """Return the items of two files with the same question and the same gold text, short ones included."""
    owners: dict[object, list[tuple[int, str]]] = defaultdict(list)
    for place, file in enumerate(files):
        for item in file.rows.items:
            gold = item.options[item.labels.index(item.gold)].casefold()
            owners[question_key(item, options_too=False), gold].append((place, item.id))
    pairs: dict[tuple[int, int], list[list[Any]]] = defaultdict(list)
    for same in owners.values():
        for i, (a, id_a) in enumerate(same):
            for b, id_b in same[i + 1 :]:
                if a != b and (id_a != id_b or not _same_file(files, a, b)):
                    pairs[a, b].append([id_a, id_b])
    return [_between(files, a, b, items) for (a, b), items in sorted(pairs.items())]


def _same_file(files: Sequence[_AuditedFile], a: int, b: int) -> bool:
    """Return whether two tasks are parts of one file: an item of both is no duplicate of itself."""
    return files[a].located.paths == files[b].located.paths


def _between(files: Sequence[_AuditedFile], a: int, b: int, pairs: list[list[Any]]) -> dict[str, Any]:
    return {"a": files[a].name, "b": files[b].name, "pairs": len(pairs), "items": pairs}
