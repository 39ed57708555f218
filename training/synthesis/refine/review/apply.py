"""Applies reviewers' decisions: writes the data set that follows from them, and who rejected what, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evalsuite.data.own_items import native_row
from evalsuite.errors import DataError, ErrorCode
from evalsuite.run.stored_tasks import ITEMS
from evalsuite.tasks.item import Item
from training.data.manifest import Filter, Manifest
from training.synthesis.refine.format_filter import filter_rows
from training.synthesis.refine.measured_tier import PassRate, measured
from training.synthesis.refine.question_folder import REJECTED, QuestionSet, TierChoice, write_questions
from training.synthesis.refine.question_rows import DEFAULT_NAME, QuestionRow, QuestionRows, read_lines, read_questions
from training.synthesis.refine.review.journal import Decision, DecisionJournal, agreed
from training.synthesis.refine.review.review_items import ReviewItem, read_review

DISPUTED: Final = "disputed"
"""Verdict in reviewed.jsonl of an item about which reviewers differ."""


@dataclass(slots=True)
class Outcome:
    """What the decisions come to, item by item."""

    accepted: list[Item] = field(default_factory=list)
    fixed: list[Item] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    open: list[Mapping[str, Any]] = field(default_factory=list)
    """Rows that nobody has decided, or that reviewers decided differently."""
    reviewed: list[dict[str, Any]] = field(default_factory=list)
    """Every decision about an item that is there unchanged, with the item before."""
    disputed: int = 0
    outdated: int = 0
    """Decisions about items that are no longer there, or were changed since."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of items by what became of them."""
        return {
            "accepted": len(self.accepted),
            "fixed": len(self.fixed),
            "rejected": len(self.rejected),
            "open": len(self.open) - self.disputed,
            DISPUTED: self.disputed,
        }


def apply_decisions(folder: Path, out: Path, tiers: TierChoice | None = None) -> tuple[Manifest, Outcome]:
    """Write the data set of a reviewed folder to a new one; return its manifest and what became of the items.

    Accepted and corrected items join those that were kept, rejected ones stand in rejected.jsonl with reviewer and
    reason, and what nobody decided, or two reviewers decided differently, stays in review.jsonl: no row is lost.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"`out` {out}: is not empty; name a new folder")
    manifest, items = read_review(folder)
    outcome = _outcome(items, DecisionJournal(folder).current())
    kept = _kept(folder, manifest)
    joined = [*kept.rows, *(QuestionRow(item.id, native_row(item)) for item in (*outcome.accepted, *outcome.fixed))]
    found = filter_rows(joined, rejecting=())  # a correction may have made an item that is there already
    fixed = {item.id for item in outcome.fixed}
    proofs = {name: proof for name, proof in _proofs(kept, items).items() if name not in fixed}
    rejected = [*_rejected_before(folder, manifest), *outcome.rejected, *(row.to_json() for row in found.rejected)]
    questions = QuestionSet(
        name=kept.name,
        about=f"{manifest.about} They were reviewed.",
        licence=manifest.licence,
        language=kept.language,
        items=found.items,
        proofs=proofs,
        review=outcome.open,
        rejected=rejected,
        reviewed=outcome.reviewed,
        filters=[*manifest.filters, _filter(items, outcome)],
        made_by={"program": "evalsuite train review", "outdated_decisions": outcome.outdated, **_facts(outcome)},
        sources={manifest.name: manifest},
        tiers=tiers,
    )
    return write_questions(out, questions), outcome


def _filter(items: Mapping[str, ReviewItem], outcome: Outcome) -> Filter:
    returned = len(outcome.accepted) + len(outcome.fixed)
    return Filter(name="review", kept=returned, dropped=len(items) - returned)


def _facts(outcome: Outcome) -> dict[str, Any]:
    reviewers = Counter(name for row in outcome.reviewed for name in row["reviewers"])
    return {"review": outcome.counts, "reviewers": dict(sorted(reviewers.items()))}


def _outcome(items: Mapping[str, ReviewItem], decisions: Mapping[str, Mapping[str, Decision]]) -> Outcome:
    outcome = Outcome()
    outcome.outdated = sum(len(of_item) for name, of_item in decisions.items() if name not in items)
    for name, review in items.items():
        of_item = decisions.get(name, {})
        valid = {reviewer: each for reviewer, each in of_item.items() if each.digest == review.digest}
        outcome.outdated += len(of_item) - len(valid)
        decision = agreed(valid)
        if decision is None:
            outcome.open.append(review.row)
            if valid:
                outcome.disputed += 1
                outcome.reviewed.append(_reviewed_row(review, DISPUTED, valid))
        else:
            _decide(outcome, review, decision, valid)
    return outcome


def _decide(outcome: Outcome, review: ReviewItem, decision: Decision, by: Mapping[str, Decision]) -> None:
    """Add an item to what its reviewers decided."""
    if decision.verdict == "accept":
        outcome.accepted.append(review.item)
    elif decision.verdict == "fix":
        outcome.fixed.append(_corrected(review, decision.fixed or {}))
    else:
        reasons = [each.reason for each in by.values()]
        row = {"where": review.item.id, "reasons": ["rejected_in_review"], "detail": "; ".join(reasons)}
        outcome.rejected.append(row | {"row": native_row(review.item), "by": ", ".join(by)})
    outcome.reviewed.append(_reviewed_row(review, decision.verdict, by))


def _reviewed_row(review: ReviewItem, verdict: str, by: Mapping[str, Decision]) -> dict[str, Any]:
    """Return the row of reviewed.jsonl: what each reviewer decided about an item, and the item before."""
    reviewers = {
        name: each.model_dump(mode="json", include={"verdict", "reason", "fixed", "at"}, exclude_none=True)
        for name, each in by.items()
    }
    fixed = {} if verdict == DISPUTED else next(iter(reviewers.values()))
    return {
        "item": review.item.id,
        "verdict": verdict,
        "reviewers": reviewers,
        "before": native_row(review.item),
        **({"fixed": fixed["fixed"]} if "fixed" in fixed else {}),
    }


def _corrected(review: ReviewItem, fixed: Mapping[str, Any]) -> Item:
    """Return a corrected item with its pass rate, which is known where only the gold label was corrected."""
    item = review.fixed_item(fixed)
    if (item.question, item.options, item.labels) != (review.item.question, review.item.options, review.item.labels):
        return measured(item, PassRate(0, 0))
    labels = [trial["label"] for trial in review.row["trials"]]
    return measured(item, PassRate(labels.count(item.gold), len(labels)))


def _kept(folder: Path, manifest: Manifest) -> QuestionRows:
    if any(file.path.endswith(f"/{ITEMS}") for file in manifest.files):
        return read_questions(str(folder))
    return QuestionRows(DEFAULT_NAME, manifest.licence, "en", [])


def _proofs(kept: QuestionRows, items: Mapping[str, ReviewItem]) -> dict[str, dict[str, Any]]:
    reviewed = {name: each.row["proof"] for name, each in items.items() if each.row.get("proof")}
    return {**kept.proofs, **reviewed}


def _rejected_before(folder: Path, manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    if manifest.find(REJECTED) is not None:
        yield from (row.content for row in read_lines(folder / REJECTED) if isinstance(row.content, dict))
