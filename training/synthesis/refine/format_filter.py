"""The format filter: rejects rows that no trainer should see, each with the names of what is wrong with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, NamedTuple, get_args

from evalsuite.data.audit.item_checks import CHECKS
from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.duplicates import question_key
from evalsuite.data.item_conversion import refuse_image
from evalsuite.data.own_items import own_item
from evalsuite.data.row_fields import has_content
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.item import Item
from training.recipe_sections import Tier
from training.synthesis.refine.question_rows import QuestionRow

TOLERATED: Final = frozenset({"gold_in_question", "invisible_characters", "option_is_none"})
"""Checks of the audit whose findings are counted, but reject nothing unless that is requested."""
REJECTING: Final = tuple(name for name in CHECKS if name not in TOLERATED)
_KEYS: Final = frozenset({"id", "question", "options", "answer", "gold", "context", "group", "meta"})


class RejectedRow(NamedTuple):
    """A row that was left out: where it stands, the names of the reasons, a sentence about them, and the row."""

    where: str
    reasons: list[str]
    detail: str
    row: Any
    by: str = "format filter"

    def to_json(self) -> dict[str, Any]:
        """Return the row of rejected.jsonl."""
        return self._asdict()


class PassedItem(NamedTuple):
    """An item that passed, with the row that it was made of."""

    item: Item
    row: QuestionRow


@dataclass(slots=True)
class FilteredRows:
    """What the format filter made of a source."""

    passed: list[PassedItem] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    findings: Counter[str] = field(default_factory=Counter)
    """Findings of the checks that reject nothing, by name, over the items that passed."""
    unused_keys: Counter[str] = field(default_factory=Counter)
    """Keys of rows that no question has, with the number of rows that have them."""
    other_benchmarks: Counter[str] = field(default_factory=Counter)
    """Benchmarks that published train items of a task as test items, with the number of these items, which are kept."""

    @property
    def items(self) -> list[Item]:
        """The items that passed."""
        return [each.item for each in self.passed]

    @property
    def reasons(self) -> dict[str, int]:
        """The number of rejected rows by reason; a row may have several."""
        return dict(Counter(reason for row in self.rejected for reason in row.reasons))


def filter_rows(
    rows: Sequence[QuestionRow], rejecting: Collection[str] = REJECTING, train_of: str = ""
) -> FilteredRows:
    """Turn rows into items; reject those that can't become one, that a check of the audit finds fault with, that are
    there already, that contradict each other, or that are test items of a benchmark.

    `rejecting`: the names of the audit's checks whose findings reject a row; an unknown one is a `UsageError`.
    `train_of`: the task whose train split the rows are. Those that another benchmark has as test items are counted and
    kept, since the two were published so (half of `pubmedqa_1000` is the train split of `pubmedqa`).
    """
    if unknown := [name for name in rejecting if name not in CHECKS]:
        message = f"`reject`: there is no check {unknown[0]!r}; known: {', '.join(CHECKS)}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    found = FilteredRows()
    candidates = []
    for row, own_id in zip(rows, _own_ids(rows), strict=True):
        made = _item_of(row, own_id, found.unused_keys)
        if isinstance(made, RejectedRow):
            found.rejected.append(made)
        else:
            candidates.append(PassedItem(made, row))
    benchmarks = benchmarks_of([each.item for each in candidates])
    if train_of:
        found.other_benchmarks.update(name for name in benchmarks.values() if name != train_of)
        benchmarks = {item: name for item, name in benchmarks.items() if name == train_of}
    reasons = _reasons(candidates, rejecting, benchmarks)
    for place, candidate in enumerate(candidates):
        if place in reasons:
            names = list(reasons[place])
            detail = "; ".join((CHECKS[name].__doc__ or name) if name in CHECKS else _MEANING[name] for name in names)
            found.rejected.append(RejectedRow(candidate.row.where, names, detail, candidate.row.content))
        else:
            found.passed.append(candidate)
            found.findings.update(name for name, check in CHECKS.items() if check(candidate.item))
    return found


_MEANING: Final = {
    "duplicate_id": "An earlier row has the same id.",
    "duplicate_question": "An earlier row asks the same question with the same options and the same answer.",
    "contradicting_gold": "Another row gives the same question with the same options another answer.",
    "benchmark_test_item": "It is a test item of a benchmark.",
}


def _own_ids(rows: Sequence[QuestionRow]) -> Iterator[str]:
    """Yield for each row the id that it has if it states none: its number, or the next one that no row states."""
    taken = {str(row.content.get("id")).strip() for row in rows if isinstance(row.content, dict)}
    numbers = (str(number) for number in count(len(rows) + 1) if str(number) not in taken)
    for number in map(str, range(1, len(rows) + 1)):
        yield number if number not in taken else next(numbers)


def _item_of(row: QuestionRow, own_id: str, unused_keys: Counter[str]) -> Item | RejectedRow:
    """Return the item of a row, or the row with the reason why it can't become one."""
    if isinstance(row.content, str):
        return RejectedRow(row.where, ["not_a_json_object"], "The line is not a JSON object.", row.content)
    content = {key: value for key, value in row.content.items() if key in _KEYS}
    unused_keys.update(key for key in row.content if key not in _KEYS and key != "tier")
    tier = row.content.get("tier")
    if not has_content(content.get("id")):
        content["id"] = own_id
    try:
        refuse_image(row.content, row.where)
        item = own_item(content, row.where)
    except DataError as error:
        return RejectedRow(row.where, [_name_of(error, content)], str(error), row.content)
    tier = item.meta.get("tier") if tier is None else tier
    if tier is not None and tier not in get_args(Tier):
        detail = f"{row.where}: the tier {tier!r} is none of {', '.join(get_args(Tier))}"
        return RejectedRow(row.where, ["unknown_tier"], detail, row.content)
    return item if tier is None else replace(item, meta={**item.meta, "tier": tier})


def _name_of(error: DataError, row: dict[str, Any]) -> str:
    """Return the name of the first thing that keeps a row from being an item."""
    options = row.get("options")
    texts = list(options.values()) if isinstance(options, dict) else options if isinstance(options, list) else []
    if error.code == ErrorCode.DATA_REFUSED:
        return "image"
    if not has_content(row.get("question")):
        return "empty_question"
    if len(texts) < 2:
        return "too_few_options"
    if not all(map(has_content, texts)):
        return "empty_option"
    if not any(has_content(row.get(key)) for key in ("answer", "gold")):
        return "missing_gold"
    if isinstance(options, dict) and str(row.get("answer", row.get("gold"))) not in options:
        return "unknown_gold"
    return "malformed"


def _reasons(
    candidates: Sequence[PassedItem], rejecting: Collection[str], benchmarks: Mapping[str, str]
) -> dict[int, list[str]]:
    """Return the reasons against candidates by their places."""
    reasons: dict[int, list[str]] = defaultdict(list)
    for place, candidate in enumerate(candidates):
        reasons[place] += [name for name in rejecting if CHECKS[name](candidate.item)]
    for place, reason in _repeated(candidates):
        reasons[place].append(reason)
    for place, candidate in enumerate(candidates):
        if candidate.item.id in benchmarks:
            reasons[place].append("benchmark_test_item")
    return {place: names for place, names in reasons.items() if names}


def _repeated(candidates: Sequence[PassedItem]) -> Iterator[tuple[int, str]]:
    """Yield the places of rows that are there already, or that contradict another one."""
    ids: set[str] = set()
    golds: dict[object, dict[str, int]] = defaultdict(dict)
    for place, (item, _) in enumerate(candidates):
        if item.id in ids:
            yield place, "duplicate_id"
        ids.add(item.id)
        gold = item.options[item.labels.index(item.gold)]
        if golds[question_key(item, options_too=True)].setdefault(gold, place) != place:
            yield place, "duplicate_question"
    for place, (item, _) in enumerate(candidates):
        if len(golds[question_key(item, options_too=True)]) > 1:
            yield place, "contradicting_gold"
