"""Refines questions: format filter, label check by a validator model, and a folder with everything that came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.data.own_items import native_row
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import dump_json_line
from training.data.manifest import Filter, Manifest
from training.synthesis.refine.format_filter import REJECTING, FilteredRows, filter_rows
from training.synthesis.refine.label_check import LabelCheck, Trial, Validator, check_labels, check_validator
from training.synthesis.refine.measured_tier import measured
from training.synthesis.refine.question_folder import (
    VALIDATION,
    QuestionSet,
    TierChoice,
    refuse_missing_tiers,
    write_questions,
)
from training.synthesis.refine.question_rows import QuestionRows
from training.synthesis.refine.review.journal import DECISIONS

MARKER: Final = "refine.json"
"""Written first: a folder that has it may be written again."""
PROGRAM: Final = "evalsuite train refine"


@dataclass(frozen=True, slots=True)
class Refined:
    """What refining gave."""

    manifest: Manifest
    kept: int
    review: int
    rejected: int
    missing: int
    """Trials of the label check that have no response."""


def refine(
    source: QuestionRows,
    out: Path,
    validator: Validator | None = None,
    rejecting: Collection[str] = REJECTING,
    tiers: TierChoice | None = None,
    progress: bool = False,
) -> Refined:
    """Filter questions and check their labels; write what is kept, what has to be reviewed and what was rejected.

    Without a validator only the format filter is applied. The label check is a run in `out`/validation: the same call
    again requests only the responses that it lacks, and writes the other files again. Decisions of reviewers are never
    replaced: a folder that has some is a `DataError`.
    """
    if validator is not None:
        check_validator(validator)
    _claim(out, validator)
    found = filter_rows(source.rows, rejecting, source.train_of)
    check = None
    if validator is not None and found.items:
        check = check_labels(found.items, validator, out / VALIDATION, source.language, progress)
    items = [item if check is None else measured(item, check.rates[item.id]) for item in found.items]
    kept = [item for item in items if check is None or item.id not in check.never_right]
    refuse_missing_tiers(kept, tiers)
    questions = QuestionSet(
        name=source.name,
        about=_about(source, validator),
        licence=source.licence,
        language=source.language,
        items=kept,
        proofs=source.proofs,
        review=None if check is None else [_review_row(i, check, source.proofs) for i in items if _is_failed(i, check)],
        rejected=[row.to_json() for row in found.rejected],
        filters=_filters(source, found, None if check is None else (len(kept), len(check.never_right))),
        made_by=_made_by(source, found, validator, check, rejecting),
        sources={} if source.manifest is None else {source.manifest.name: source.manifest},
        tiers=tiers,
    )
    manifest = write_questions(out, questions)
    missing = 0 if check is None else check.missing
    return Refined(manifest, len(kept), len(items) - len(kept), len(found.rejected), missing)


def _about(source: QuestionRows, validator: Validator | None) -> str:
    """Return what the source says of itself, its attribution included, and what the questions passed here."""
    passed = (
        f"They passed the format filter{'' if validator is None else f', and the label check by {validator.model}'}."
    )
    return source.about if passed in source.about else f"{source.about} {passed}"


def _is_failed(item: Item, check: LabelCheck) -> bool:
    return item.id in check.never_right


def _review_row(item: Item, check: LabelCheck, proofs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a row of review.jsonl: the item, why it is there, what the validator answered, and its proof."""
    trials = check.never_right[item.id]
    row: dict[str, Any] = {
        "item": native_row(item),
        "reason": _reason(trials),
        "trials": [trial._asdict() for trial in trials],
        "answers": dict(Counter(trial.label or trial.status for trial in trials).most_common()),
    }
    return row | ({"proof": proofs[item.id]} if item.id in proofs else {})


def _reason(trials: tuple[Trial, ...]) -> str:
    if not trials:
        return "not_answered"
    return "never_right" if any(trial.label is not None for trial in trials) else "no_valid_answer"


def _filters(source: QuestionRows, found: FilteredRows, checked: tuple[int, int] | None) -> list[Filter]:
    earlier = [] if source.manifest is None else list(source.manifest.filters)
    filters = [*earlier, Filter(name="format", kept=len(found.passed), dropped=len(found.rejected))]
    if checked is not None:
        filters.append(Filter(name="label check", kept=checked[0], dropped=checked[1]))
    return filters


def _made_by(
    source: QuestionRows,
    found: FilteredRows,
    validator: Validator | None,
    check: LabelCheck | None,
    rejecting: Collection[str],
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "program": PROGRAM,
        "rows": len(source.rows),
        "rejecting": list(rejecting),
        "rejected": found.reasons,
        "findings": dict(found.findings),
        "unused_keys": dict(found.unused_keys),
        "test_items_of": dict(found.other_benchmarks),
    }
    if validator is None or check is None:
        return facts
    return facts | {
        "validator": validator.to_json(),
        "passed": dict(sorted(Counter(map(str, check.rates.values())).items())),
        "review": dict(Counter(map(_reason, check.never_right.values()))),
        "trials_without_response": check.missing,
    }


def _claim(out: Path, validator: Validator | None) -> None:
    """Mark a folder as one of refined questions; a `DataError` where it holds other files, or reviewers' decisions."""
    marker = out / MARKER
    try:
        if out.exists() and any(out.iterdir()) and not marker.exists():
            raise DataError(ErrorCode.OUTPUT_EXISTS, f"`out` {out}: holds other files; choose another folder")
        if (out / DECISIONS).exists():
            message = (
                f"{out}: holds decisions of reviewers; apply them (evalsuite train review), or choose another `out`"
            )
            raise DataError(ErrorCode.OUTPUT_EXISTS, message)
        out.mkdir(parents=True, exist_ok=True)
        facts = {"program": PROGRAM, "validator": None if validator is None else validator.to_json()}
        write_atomically(marker, dump_json_line(facts))
    except OSError as error:
        raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, f"`out` {out}: {error.strerror or error}") from None
