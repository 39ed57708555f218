"""The responses of one recording, joined to a task's items, and what a reader must know about the join."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.finish_reason import FAILED, finish_of
from evalsuite.models.recorded_setup import SETUP_ARGS, RecordedSetup, StatedSetup
from evalsuite.models.recording import RecordedRow, RecordingFile
from evalsuite.models.stored_error import stored_error
from evalsuite.parser import parse
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.option_labels import labels_by_place, learn_key_reading

_NAMES_SHOWN: Final = 5
"""How many names of a long list a message shows."""
_RESPONSES_TRIED: Final = 100
"""Responses that are parsed to find out in which labels they answer."""
_ERROR_SHOWN: Final = 60
"""Characters of an error message that a note shows."""


class RecordedSource(NamedTuple):
    """Which model produced the responses, and in which setting of the recording."""

    model: str
    setting: str


class RecordedReply(NamedTuple):
    """The parts of a recorded response that are graded or reported."""

    text: str
    reasoning: str
    finish: str
    opens_reasoning: bool
    input_tokens: int | None
    output_tokens: int | None
    error: str | None
    """Why there is no response: the provider failed, or an error message was stored in its place."""


@dataclass(slots=True)
class Recording:
    """The recorded responses of one model in one setting to one task, joined to the task's items."""

    source: RecordedSource
    setup: RecordedSetup
    items: dict[str, Item]
    replies: dict[str, dict[tuple[int, int], RecordedReply]] = field(default_factory=lambda: defaultdict(dict))
    """Item id to (option rotation, sample) to reply."""
    file_of_item: dict[str, RecordingFile] = field(default_factory=dict)
    files: dict[Path, RecordingFile] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Item id to the recorded gold label, in the words of the recording."""
    revised_gold: tuple[str, ...] = ()
    """Items whose recorded gold label is not that of this data."""
    labels_from: str = ""
    """What alone shows which labels the prompt used; empty: the setup states them."""
    replaced: set[str] = field(default_factory=set)
    """Items that had another number of options when recorded: another question with the same id, left out."""
    subsets: set[str] = field(default_factory=set)
    unknown_items: int = 0
    """Rows about items that are not in this data."""

    @property
    def samples(self) -> int:
        """The number of samples that every covered item has without option rotation."""
        return min(sum(rotation == 0 for rotation, _ in replies) for replies in self.replies.values())

    def __str__(self) -> str:
        files = ", ".join(path.name for path in self.files)
        return f"model={self.source.model} setting={self.source.setting} ({files})"

    def add(self, row: RecordedRow) -> None:
        """Add a row; an item in two files is a `BackendError`, since one of them may be a copy."""
        self.files[row.source.path] = row.source
        item = self.items.get(row.item)
        if item is None:
            self.unknown_items += 1
            return
        if row.count("n_options") not in (None, len(item.options)):
            self.replaced.add(row.item)
            return
        # Rows of one file are samples in their order; across files there is no order, and a copy would double items.
        if self.file_of_item.setdefault(row.item, row.source) != row.source:
            both = f"{self.file_of_item[row.item].path} and {row.source.path}"
            raise BackendError(
                ErrorCode.RECORDING_MALFORMED,
                f"replay: item {row.item} of {row.benchmark} is in {both}; name one of the files",
            )
        self._add_reply(row)
        gold, subset = row.fields.get("gold"), row.fields.get("subset")
        if isinstance(gold, str | int) and not isinstance(gold, bool):
            self.keys[row.item] = str(gold)
        if isinstance(subset, str):
            self.subsets.add(subset)

    def read_keys(self) -> None:
        """Compare the recorded gold labels with the data's, all together: one alone doesn't say how it is meant.

        Where nothing says which labels the prompt used and the items have no letters, the keys or the responses may.
        """
        pairs = [(key, self.items[id]) for id, key in self.keys.items()]
        reading = learn_key_reading(pairs, self.setup.labels)
        self.revised_gold = tuple(item.id for key, item in pairs if reading.label_of(key, item) != item.gold)
        has_letters = all(len(label) == 1 for item in self.items.values() for label in item.labels)
        if has_letters or self.setup.labels is not None or self.setup.described:
            return
        letters = labels_by_place(max(len(item.labels) for item in self.items.values()))["letters"]
        if reading.name == "letters":
            self.setup, self.labels_from = replace(self.setup, labels=letters), "recorded gold labels"
        elif self._answered_in(letters) > 2 * self._answered_in(None):
            self.setup, self.labels_from = replace(self.setup, labels=letters), "responses"

    def _answered_in(self, labels: tuple[str, ...] | None) -> int:
        """Return how many of the first responses have a lenient answer with these labels, or with the items' own."""
        texts = ((self.items[id], reply.text) for id, replies in self.replies.items() for reply in replies.values())
        return sum(
            parse(text, labels[: len(item.labels)] if labels else item.labels, item.options).lenient.label is not None
            for item, text in islice(texts, _RESPONSES_TRIED)
        )

    def _add_reply(self, row: RecordedRow) -> None:
        replies = self.replies[row.item]
        # Only journals number their samples; in other files the first row of an item is its sample 0, and so on.
        sample = row.count("sample") if row.source.run else len(replies)
        rotation = row.count("rotation") or 0 if row.source.run else 0
        if sample is None or (rotation, sample) in replies:
            raise row.source.error(row.line, f"has no sample number, or repeats one of item {row.item}")
        replies[rotation, sample] = _parse_reply(row, self.setup)


def recording_notes(
    recording: Recording, dataset: Dataset, digests: Mapping[Path, str], stated: StatedSetup
) -> Iterator[str]:
    """Yield what a reader of the grades must know about a recording."""
    files = ", ".join(f"{path.name} (sha256 {digests[path][:12]})" for path in recording.files)
    source = recording.source
    yield f"recorded responses: model {source.model}, setting {source.setting}, {files}; no request was sent"
    covered, total = len(recording.replies), len(dataset.items)
    if covered < total:
        subset = f" (subset {', '.join(sorted(recording.subsets))})" if recording.subsets else ""
        yield f"covers {covered:,} of {total:,} items{subset}: comparable only with results on the same items"
    if recording.revised_gold:
        yield (
            f"the recorded gold label of {shown(recording.revised_gold)} differs from that of this data: the "
            "benchmark was revised since; graded by the gold label of this data"
        )
    if recording.replaced:
        yield (
            f"{shown(sorted(recording.replaced))} had another number of options when recorded: another question; "
            "left out"
        )
    if recording.unknown_items:
        yield f"{recording.unknown_items:,} recorded responses are to items that are not in this data; left out"
    yield from _setup_notes(recording, dataset, stated)
    yield from _error_notes(recording)


def _setup_notes(recording: Recording, dataset: Dataset, stated: StatedSetup) -> Iterator[str]:
    """Yield how the recording was prompted, where that isn't plain from the task card."""
    setup, labels = recording.setup, ", ".join(recording.setup.labels or ())
    if stated.given:
        yield f"graded by the prompt setup that is stated by --model-arg {', '.join(stated.given)}"
    if recording.labels_from:
        yield f"the {recording.labels_from} name options {labels} by place: taken to be the prompt's labels"
    if not setup.described:
        own = ", ".join(max(dataset.items, key=lambda item: len(item.labels)).labels)
        open_args = [f"{key}=..." for key in SETUP_ARGS if key not in stated.given]
        yield (
            f"nothing describes setting {recording.source.setting}; its prompt's labels are taken to be {labels or own}"
            + (f"; --model-arg {', '.join(open_args)} can state its prompt setup" if open_args else "")
        )
    elif setup.note and not stated.given:
        yield setup.note


def _error_notes(recording: Recording) -> Iterator[str]:
    """Yield how many stored texts are error messages, and which."""
    replies = (reply for replies in recording.replies.values() for reply in replies.values())
    errors = Counter(reply.error[:_ERROR_SHOWN] for reply in replies if reply.error)
    if errors:
        named = [f'"{message}" ({count:,})' for message, count in errors.most_common()]
        yield (
            f"{errors.total():,} recorded responses are errors of a client or server, and count as unanswered: "
            f"{shown(named)}"
        )


def _parse_reply(row: RecordedRow, setup: RecordedSetup) -> RecordedReply:
    text, finish = row.text(setup.response_field), finish_of(row.fields.get("finish"))
    # A run folder holds only what a model wrote; its failed requests are in another file.
    error = None if row.source.run else _stored_error(text, finish, row.fields)
    return RecordedReply(
        text="" if error else text,
        reasoning=row.text(setup.reasoning_field) if setup.reasoning_field else "",
        finish=finish,
        opens_reasoning=row.fields.get("opens_reasoning") is True,
        input_tokens=row.count("input_tokens"),
        output_tokens=row.count("output_tokens"),
        error=error,
    )


def _stored_error(text: str, finish: str, fields: Mapping[str, object]) -> str | None:
    """Return why a row holds no response: its finish reason, an error message in place of the text, or in a field."""
    if finish == FAILED:
        return f"the provider failed while it generated: {fields['finish']}"
    stated = fields.get("error")
    if not text.strip() and stated:
        return " ".join(str(stated).split())
    return stored_error(text)


def shown(names: Collection[str]) -> str:
    """Return the first few names, and how many more there are."""
    first, more = list(names)[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    return (", ".join(first) or "nothing") + (f" and {more} more" if more > 0 else "")
