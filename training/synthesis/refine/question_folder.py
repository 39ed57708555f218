"""Writes a folder of refined questions, in the form that `evalsuite train synthesize` writes them.

train.jsonl          rows of a `grpo` stage
proofs.jsonl         the proofs of the questions that have one
NAME/                the task by which they can be evaluated and audited
review.jsonl         questions that a person has to look at, with the answers that a validator gave
rejected.jsonl       rows that were left out, each with its reasons
reviewed.jsonl       the decisions of reviewers, where there are some
manifest.json        checksums, counts, reasons, sources; written last
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from evalsuite.api.dataset import prompt_template
from evalsuite.data.own_items import card_facts
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.reward.train_dataset import train_rows
from evalsuite.run.stored_tasks import ITEMS, write_task_files
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import BUILT_IN, Task
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import dump_json_line
from evalsuite.util.regular_file import links_in
from training.data.manifest import FILE, TRAIN, Filter, Manifest, describe, write_manifest
from training.synthesis.refine.measured_tier import MEASURED_TIER, TIER
from training.synthesis.refine.question_rows import PROOFS

REVIEW: Final = "review.jsonl"
REJECTED: Final = "rejected.jsonl"
REVIEWED: Final = "reviewed.jsonl"
VALIDATION: Final = "validation"
"""Folder of the label check's run."""
TierChoice = Literal["structural", "measured"]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """What is to be written to a folder."""

    name: str
    about: str
    licence: str
    language: str
    items: Sequence[Item]
    proofs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    review: Sequence[Mapping[str, Any]] | None = None
    """None: no label was checked."""
    rejected: Sequence[Mapping[str, Any]] = ()
    reviewed: Sequence[Mapping[str, Any]] | None = None
    """None: there was no review."""
    filters: Sequence[Filter] = ()
    made_by: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Manifest] = field(default_factory=dict)
    tiers: TierChoice | None = None
    """Which tier the rows of train.jsonl have; None: the structural ones if every item has one, else the measured."""


def write_questions(folder: Path, questions: QuestionSet) -> Manifest:
    """Write a folder of questions, or write it again; return its manifest."""
    if link := next(links_in(folder), None):
        raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{link}: is a link, which is not written through; delete it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)  # until all is written, the folder states nothing
    choice = questions.tiers or _tier_choice(questions.items)
    files = list(_write_kept(folder, questions, choice))
    for name, rows in ((REVIEW, questions.review), (REJECTED, questions.rejected), (REVIEWED, questions.reviewed)):
        if rows is not None:
            files.append((name, _write_lines(folder / name, rows)))
    manifest = Manifest(
        name=folder.resolve().name,
        about=questions.about,
        licence=questions.licence,
        files=describe(folder, files),
        filters=list(questions.filters),
        made_by={**questions.made_by, "tiers": {"of_rows": choice, **tier_counts(questions.items)}},
        sources=dict(questions.sources),
    )
    write_manifest(folder, manifest)
    return manifest


def tier_counts(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """Return how many items there are of each structural and of each measured tier."""
    listed = list(items)
    return {
        key: dict(sorted(Counter(item.meta.get(name, "none") for item in listed).items()))
        for key, name in (("structural", TIER), ("measured", MEASURED_TIER))
    }


def _tier_choice(items: Sequence[Item]) -> TierChoice | None:
    if all(TIER in item.meta for item in items):
        return "structural"
    return "measured" if any(MEASURED_TIER in item.meta for item in items) else None


def _write_kept(folder: Path, questions: QuestionSet, choice: TierChoice | None) -> Iterator[tuple[str, int]]:
    """Write the questions that are kept; yield each file with its number of rows."""
    if not questions.items:
        return
    task = _task(questions)
    place = folder / questions.name
    place.mkdir(exist_ok=True)
    write_task_files(place, Dataset(task, tuple(questions.items), task.digest, "", place))
    count = len(questions.items)
    yield f"{questions.name}/{ITEMS}", count
    yield f"{questions.name}/task.yaml", 1
    yield f"{questions.name}/prompt.j2", 1
    yield TRAIN, _write_lines(folder / TRAIN, _train_rows(task, questions.items, choice))
    kept = {item.id for item in questions.items}
    proofs = [{"item": name, **proof} for name, proof in questions.proofs.items() if name in kept]
    yield PROOFS, _write_lines(folder / PROOFS, proofs)


def _task(questions: QuestionSet) -> Task:
    return Task(
        name=questions.name,
        version=1,
        title="Refined questions",
        about=questions.about,
        licence=questions.licence,
        language=questions.language,
        prompt_template=prompt_template(questions.items),
        folder=BUILT_IN,
        **card_facts(tuple(questions.items)),
    )


def _train_rows(task: Task, items: Sequence[Item], choice: TierChoice | None) -> Iterator[dict[str, Any]]:
    name = TIER if choice == "structural" else MEASURED_TIER
    for item, row in zip(items, train_rows(task, items, None, None), strict=True):
        yield row | ({"tier": item.meta[name]} if name in item.meta else {})


def refuse_missing_tiers(items: Sequence[Item], choice: TierChoice | None) -> None:
    """Raise a `UsageError` where the tiers that were requested are nobody's."""
    name = MEASURED_TIER if choice == "measured" else TIER
    if choice is not None and not any(name in item.meta for item in items):
        needs = "needs a validator" if choice == "measured" else "no question states one"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, f"`tiers` {choice}: {needs}; choose the other one")


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    lines = [dump_json_line(dict(row)) for row in rows]
    write_atomically(path, b"".join(lines))
    return len(lines)
