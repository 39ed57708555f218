"""How a recording was prompted: as a task card, the run.json of a replayed run, or `model_args` state it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import PromptSetup
from evalsuite.models.model_args import invalid_value
from evalsuite.models.recording import RecordedRow
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.schema import RecordingFormat
from evalsuite.util.jsonl import parse_json

SETUP_ARGS: Final = ("format", "labels", "stop")
"""Keys of `model_args` that state how a recording was prompted."""


@dataclass(frozen=True, slots=True)
class StatedSetup:
    """What the user states about the prompt of a recording; None: nothing."""

    format: str | None = None
    labels: tuple[str, ...] | None = None
    """By the place of the option."""
    stop: tuple[str, ...] | None = None

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> StatedSetup:
        """Parse `format=boxed`, `labels=A,B,C` and `stop=TEXT` (or a JSON list of texts); else a `UsageError`."""
        format = args.get("format")
        if format is not None and format not in FORMATS:
            raise invalid_value("format", format, f"expected one of {', '.join(FORMATS)}")
        return cls(format, _parse_labels(args.get("labels")), _parse_stop(args.get("stop")))

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that were stated."""
        return tuple(key for key in SETUP_ARGS if getattr(self, key) is not None)

    def check_labels(self, dataset: Dataset) -> None:
        """Raise a `UsageError` if there are fewer labels than an item has options."""
        needed = max(len(item.labels) for item in dataset.items)
        if self.labels is not None and len(self.labels) < needed:
            raise invalid_value(
                "labels",
                ",".join(self.labels),
                f"{dataset.task.name} has items with {needed} options, so {needed} labels are needed",
            )


@dataclass(frozen=True, slots=True)
class RecordedSetup:
    """How a recording was prompted, as far as it is known."""

    prompt_digest: str
    """Identifies the prompt as far as it is known: by the setting's name, or as the replayed run recorded it."""
    format: str | None = None
    """The answer format that the prompt requested; None: unknown."""
    labels: tuple[str, ...] | None = None
    """Labels that the prompt used, by the place of the option; None: those of the item."""
    stop: tuple[str, ...] = ()
    described: bool = True
    """Whether a task card or a run.json describes the setting."""
    response_field: str = "text"
    reasoning_field: str | None = None
    note: str = ""
    """What a reader of the grades must know."""


def recorded_setup(row: RecordedRow, dataset: Dataset, stated: StatedSetup) -> RecordedSetup:
    """Return how the recording that `row` belongs to was prompted; what the user states comes first.

    A statement about a replayed run, whose run.json says it, is a `UsageError`.
    """
    stated.check_labels(dataset)
    if row.source.run:
        if stated.given:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`model_args` {stated.given[0]}: the run.json of {row.source.path} states the prompt setup; "
                "leave it out",
            )
        return _setup_of_run(row, dataset)
    task = dataset.task.name
    # The prompt itself is unknown, so its digest stands for the setting: equal settings are comparable.
    digest = hashlib.sha256(f"recorded\0{row.setting}\0{task}".encode()).hexdigest()
    card = dataset.task.recording(row.setting)
    known = card or RecordingFormat(setting=row.setting, format="")
    return RecordedSetup(
        prompt_digest=digest,
        format=stated.format or known.format or None,
        labels=known.labels if stated.labels is None else stated.labels,
        stop=known.stop if stated.stop is None else stated.stop,
        described=card is not None,
        response_field=known.response_field,
        reasoning_field=known.reasoning_field,
        note=known.note,
    )


def _setup_of_run(row: RecordedRow, dataset: Dataset) -> RecordedSetup:
    run, task = row.source.run, dataset.task.name
    try:
        digest = run["identity"]["tasks"][task]["data_digest"]
        fields = run["prompt_setups"][task]
    except (KeyError, TypeError):
        raise BackendError(
            ErrorCode.RECORDING_INCOMPLETE, f"replay/{row.source.path}: its run.json has no prompt setup of {task}"
        ) from None
    if digest != dataset.digest:
        raise BackendError(
            ErrorCode.DATA_CHANGED,
            f"replay/{row.source.path}: {task} was run on other data than this; replay it on that data",
        )
    setup = PromptSetup.from_json(fields, dataset)
    notes = "; ".join(setup.notes)
    return RecordedSetup(
        prompt_digest=str(setup.prompt_digest),
        format=setup.format if setup.format_known else None,
        labels=setup.labels,
        stop=setup.stop,
        described=setup.format_known,
        reasoning_field="reasoning",
        note=f"notes of the replayed run: {notes}" if notes else "",
    )


def _parse_labels(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    labels = tuple(label.strip() for label in value.split(","))
    if not all(labels) or len({label.casefold() for label in labels}) < len(labels):
        raise invalid_value("labels", value, "expected different labels in the options' order, such as A,B,C")
    return labels


def _parse_stop(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    texts: object = [value]
    if value.startswith("["):
        try:
            texts = parse_json(value)
        except ValueError:
            texts = None
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise invalid_value("stop", value, 'expected a text, or a JSON list of texts such as ["Question:"]')
    return tuple(texts)
