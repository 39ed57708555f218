"""`replay/PATH`: recorded responses instead of a model; outputs of other harnesses are graded like those of runs.

A recording is graded in the format that its prompt requested (the task card describes its setting), on the items that
it covers; how it differs from a run is listed in the notes of its prompt setup.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, PromptSetup, Request, Response
from evalsuite.models.finish_reason import FAILED, finish_of
from evalsuite.models.recording import RUN_SETTING, RecordedRow, RecordingFile, find_recordings, read_rows
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import RecordingFormat

_BATCH: Final = 64
_NAMES_SHOWN: Final = 5
"""How many names of a long list a message shows."""


class RecordedSetting(NamedTuple):
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
    """Why there is no response, where the provider failed while it generated."""


@dataclass(slots=True)
class Recording:
    """The recorded responses of one model in one setting to one task, joined to the task's items."""

    source: RecordedSetting
    format: RecordingFormat | None
    """The form in which the prompt requested the answer; None: the task card doesn't describe this setting."""
    prompt_digest: str
    """Identifies the prompt as far as it is known: by the setting's name, or as the replayed run recorded it."""
    items: dict[str, Item]
    replies: dict[str, dict[tuple[int, int], RecordedReply]] = field(default_factory=lambda: defaultdict(dict))
    """Item id to (option rotation, sample) to reply."""
    file_of_item: dict[str, RecordingFile] = field(default_factory=dict)
    files: dict[Path, RecordingFile] = field(default_factory=dict)
    revised_gold: dict[str, str] = field(default_factory=dict)
    """Items whose recorded gold label is not that of this data, with the recorded one."""
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
        self._check_gold(row, item)

    def _add_reply(self, row: RecordedRow) -> None:
        replies = self.replies[row.item]
        # Only journals number their samples; in other files the first row of an item is its sample 0, and so on.
        sample = row.count("sample") if row.source.run else len(replies)
        rotation = row.count("rotation") or 0 if row.source.run else 0
        if sample is None or (rotation, sample) in replies:
            raise row.source.error(row.line, f"has no sample number, or repeats one of item {row.item}")
        replies[rotation, sample] = _parse_reply(row, self.format)

    def _check_gold(self, row: RecordedRow, item: Item) -> None:
        gold, subset = row.fields.get("gold"), row.fields.get("subset")
        labels = self.format.labels if self.format and self.format.labels else item.labels
        # The recorded gold label is in the labels of the recording's prompt, hence the detour by position.
        if isinstance(gold, str) and gold != labels[item.labels.index(item.gold)]:
            self.revised_gold[row.item] = gold
        if isinstance(subset, str):
            self.subsets.add(subset)


class Replay(Backend):
    """Yields recorded responses without any model. The model arguments `model` and `setting` select among several."""

    applies_decoding = False

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        settings.check_model_args(("model", "setting"), "replay")
        self._recordings: dict[str, Recording] = {}
        self._digests: dict[Path, str] = {}

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Read the responses to these tasks; a task with none, or with several recordings, is a `BackendError`."""
        recordings: dict[tuple[str, RecordedSetting], Recording] = {}
        benchmarks: set[str] = set()
        for file in find_recordings(Path(self.settings.model).expanduser()):
            for row in read_rows(file):
                benchmarks.add(row.benchmark)
                if self._is_selected(row):
                    _assign(row, datasets, recordings)
        self._recordings = {dataset.task.name: self._select(dataset, recordings, benchmarks) for dataset in datasets}
        selected = self._recordings.values()
        self._digests = {path: file.sha256() for recording in selected for path, file in recording.files.items()}
        joined = "".join(self._digests.values())
        return {
            "revision": joined if len(self._digests) == 1 else hashlib.sha256(joined.encode()).hexdigest(),
            "files": [f"{path} sha256:{digest}" for path, digest in self._digests.items()],
            "models": sorted({recording.source.model for recording in selected}),
            "settings": sorted({recording.source.setting for recording in selected}),
            "responses": sum(len(replies) for recording in selected for replies in recording.replies.values()),
        }

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """Return the covered items, and how the recording's prompt presented them."""
        recording = self._recordings[dataset.task.name]
        recorded = recording.format
        return PromptSetup(
            items=tuple(item for item in dataset.items if item.id in recording.replies),
            format=recorded.format if recorded else format,
            labels=recorded.labels if recorded else None,
            stop=recorded.stop if recorded else (),
            prompt_digest=recording.prompt_digest,
            notes=tuple(self._notes(dataset, recording, format)),
        )

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield the recorded response to each request, in order."""
        for count, request in enumerate(requests):
            if count % _BATCH == 0:
                await asyncio.sleep(0)  # nothing here waits, so other tasks of the loop need a turn now and then
            recording = self._recordings[request.task]
            reply = recording.replies[request.item.id].get((request.rotation, request.sample))
            if reply is None:
                raise self._missing(request, recording)
            yield Response(request, **reply._asdict())

    def _missing(self, request: Request, recording: Recording) -> BackendError:
        item = f"replay/{self.settings.model}: item {request.item.id} of {request.task} has no recorded"
        if request.rotation and request.sample < recording.samples:
            message = f"{item} response with its options rotated by {request.rotation}: leave out `rotate_options`"
        else:
            message = (
                f"{item} sample {request.sample}; every item has {recording.samples}: "
                f"set `samples` to {recording.samples}"
            )
        return BackendError(ErrorCode.RECORDING_INCOMPLETE, message)

    def _is_selected(self, row: RecordedRow) -> bool:
        args = self.settings.model_args
        return row.model == args.get("model", row.model) and row.setting == args.get("setting", row.setting)

    def _select(
        self,
        dataset: Dataset,
        recordings: dict[tuple[str, RecordedSetting], Recording],
        benchmarks: Collection[str],
    ) -> Recording:
        """Return the one recording of a task, after a check that its ids are those of this data."""
        name, task = f"replay/{self.settings.model}", dataset.task.name
        candidates = [recording for (recorded_task, _), recording in recordings.items() if recorded_task == task]
        if not candidates:
            selection = "".join(f" with {key}={value}" for key, value in self.settings.model_args.items())
            raise BackendError(
                ErrorCode.RECORDING_INCOMPLETE,
                f"{name}: no response to {task}{selection}; it has responses to {_shown(sorted(benchmarks))}",
            )
        if len(candidates) > 1:
            raise BackendError(
                ErrorCode.RECORDING_MALFORMED,
                f"{name}: {task} was recorded {len(candidates)} times: {'; '.join(map(str, candidates))}; select one "
                "by `model_args` model=... or `model_args` setting=..., or name one file",
            )
        _check_join(dataset, candidates[0], name)
        return candidates[0]

    def _notes(self, dataset: Dataset, recording: Recording, format: str) -> Iterator[str]:
        files = ", ".join(f"{path.name} (sha256 {self._digests[path][:12]})" for path in recording.files)
        source = recording.source
        yield f"recorded responses: model {source.model}, setting {source.setting}, {files}; no request was sent"
        covered, total = len(recording.replies), len(dataset.items)
        if covered < total:
            subset = f" (subset {', '.join(sorted(recording.subsets))})" if recording.subsets else ""
            yield f"covers {covered:,} of {total:,} items{subset}: comparable only with results on the same items"
        if recording.revised_gold:
            yield (
                f"the recorded gold label of {_shown(recording.revised_gold)} differs from that of this data: the "
                "benchmark was revised since; graded by the gold label of this data"
            )
        if recording.replaced:
            yield (
                f"{_shown(sorted(recording.replaced))} had another number of options when recorded: another question; "
                "left out"
            )
        if recording.unknown_items:
            yield f"{recording.unknown_items:,} recorded responses are to items that are not in this data; left out"
        if recording.format is None:
            yield f"the task card doesn't describe setting {source.setting}: graded as if {format} had been requested"
        elif recording.format.note:
            yield recording.format.note


def _assign(
    row: RecordedRow, datasets: Sequence[Dataset], recordings: dict[tuple[str, RecordedSetting], Recording]
) -> None:
    """Add a row to the recordings of the tasks that it is about."""
    source = RecordedSetting(row.model, row.setting)
    for dataset in datasets:
        task = dataset.task
        if row.benchmark != task.name and row.benchmark not in task.aliases:
            continue
        if (task.name, source) not in recordings:
            items = {item.id: item for item in dataset.items}
            recordings[task.name, source] = Recording(source, *_format(row, dataset), items)
        recordings[task.name, source].add(row)


def _format(row: RecordedRow, dataset: Dataset) -> tuple[RecordingFormat | None, str]:
    """Return a recording's format and prompt digest: from the task card, or from the run.json of a replayed run."""
    task = dataset.task.name
    if not row.source.run:
        # The prompt itself is unknown, so its digest stands for the setting: equal settings are comparable.
        digest = hashlib.sha256(f"recorded\0{row.setting}\0{task}".encode()).hexdigest()
        return dataset.task.recording(row.setting), digest
    try:
        digest = row.source.run["identity"]["tasks"][task]["data_digest"]
        fields = row.source.run["prompt_setups"][task]
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
    recorded = RecordingFormat(
        setting=RUN_SETTING,
        format=setup.format,
        labels=setup.labels,
        stop=setup.stop,
        reasoning_field="reasoning",
        note=f"notes of the replayed run: {notes}" if notes else "",
    )
    return recorded, str(setup.prompt_digest)


def _parse_reply(row: RecordedRow, recorded: RecordingFormat | None) -> RecordedReply:
    reason = row.fields.get("finish")
    finish = finish_of(reason)
    return RecordedReply(
        text=row.text(recorded.response_field if recorded else "text"),
        reasoning=row.text(recorded.reasoning_field) if recorded and recorded.reasoning_field else "",
        finish=finish,
        opens_reasoning=row.fields.get("opens_reasoning") is True,
        input_tokens=row.count("input_tokens"),
        output_tokens=row.count("output_tokens"),
        error=f"the provider failed while it was recorded: {reason}" if finish == FAILED else None,
    )


def _check_join(dataset: Dataset, recording: Recording, name: str) -> None:
    """Raise a `BackendError` if the recorded ids can't be those of these items.

    That is so if no item is covered, or if more than a tenth of the recorded gold labels (and more than three) differ:
    revisions of a benchmark change few of them, while ids of other questions agree by chance only.
    """
    task = dataset.task.name
    if not recording.replies:
        rows = recording.unknown_items + len(recording.replaced)
        raise BackendError(
            ErrorCode.DATA_CHANGED,
            f"{name}: {rows} responses to {task}, none of them to an item of this data (whose ids are like "
            f"{dataset.items[0].id}): another copy of the benchmark?",
        )
    if len(recording.revised_gold) > max(3, len(recording.replies) // 10):
        raise BackendError(
            ErrorCode.DATA_CHANGED,
            f"{name}: the recorded gold label of {task} differs from that of this data for "
            f"{len(recording.revised_gold)} of {len(recording.replies)} items: its ids mean other questions, or its "
            "options have another order",
        )


def _shown(names: Collection[str]) -> str:
    first, more = list(names)[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    return (", ".join(first) or "nothing") + (f" and {more} more" if more > 0 else "")
