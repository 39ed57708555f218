"""The items of review.jsonl, and whether a reviewer's corrected item can replace one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from evalsuite.data.audit.item_checks import CHECKS
from evalsuite.data.own_items import native_row, own_items
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.util.jsonl import dump_json_line
from evalsuite.util.validation import first_problem
from training.data.manifest import FILE, Manifest, verify
from training.synthesis.refine.format_filter import REJECTING
from training.synthesis.refine.question_folder import REVIEW
from training.synthesis.refine.question_rows import QuestionRow, read_lines

_STRICT: Final = ConfigDict(frozen=True, strict=True)


class StoredTrial(BaseModel):
    """A trial as review.jsonl stores it; see `label_check.Trial`."""

    model_config = _STRICT

    label: str | None
    status: str
    text: str
    reasoning: str


class ReviewRow(BaseModel):
    """What a row of review.jsonl has to be: the folder may be somebody else's."""

    model_config = _STRICT

    item: dict[str, Any]
    reason: str
    trials: list[StoredTrial]
    answers: dict[str, int]
    proof: dict[str, Any] | None = None


@dataclass(frozen=True)
class ReviewItem:
    """One row of review.jsonl."""

    item: Item
    row: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the row: a decision names it, so that it holds for no other content."""
        return hashlib.sha256(dump_json_line(dict(self.row))).hexdigest()

    def fixed_item(self, fixed: Mapping[str, Any]) -> Item:
        """Return the item as a reviewer corrected it: same id, same group, same metadata.

        What can't be an item, or has a fault that the format filter rejects, is a `DataError` with one line for the
        reviewer.
        """
        allowed = {key: fixed[key] for key in ("question", "options", "answer") if key in fixed}
        if len(allowed) != len(fixed):
            raise DataError(ErrorCode.DATA_MALFORMED, "a correction has a question, options and an answer")
        (item,) = own_items([{**native_row(self.item), **allowed}], "the correction")
        if faults := [CHECKS[name].__doc__ or name for name in REJECTING if CHECKS[name](item)]:
            raise DataError(ErrorCode.DATA_MALFORMED, f"the correction: {' '.join(faults)}")
        if item == self.item:
            raise DataError(ErrorCode.DATA_MALFORMED, "the correction changes nothing: accept the item instead")
        return replace(item, meta=self.item.meta)


def read_review(folder: Path) -> tuple[Manifest, dict[str, ReviewItem]]:
    """Return the manifest of a folder of refined questions, and its items that have to be reviewed, by id.

    A folder without them, or whose files aren't those of its manifest, is a `DataError`.
    """
    manifest = verify(folder)
    if manifest.find(REVIEW) is None:
        message = f"{folder / FILE}: names no {REVIEW}; evalsuite train refine --validator writes one"
        raise DataError(ErrorCode.INVALID_MANIFEST, message)
    items: dict[str, ReviewItem] = {}
    for row in read_lines(folder / REVIEW):
        review = _review_item(folder, row)
        items[review.item.id] = review
    return manifest, items


def _review_item(folder: Path, row: QuestionRow) -> ReviewItem:
    content = row.content if isinstance(row.content, dict) else {}
    try:
        checked = ReviewRow.model_validate(content)
        (item,) = own_items([checked.item], "its item")
    except ValidationError as error:
        problem = first_problem(error, "row")
    except DataError as error:
        problem = str(error)
    else:
        return ReviewItem(item, content)
    raise DataError(ErrorCode.DATA_MALFORMED, f"{folder / row.where}: {problem}; refine the questions again")
