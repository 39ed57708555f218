"""`replay/PATH`: recorded responses instead of a model; outputs of other harnesses are graded like those of runs.

A recording is graded in the format that its prompt requested (the task card describes its setting, or `model_args` do),
on the items that it covers; how it differs from a run is listed in the notes of its prompt setup.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, PromptSetup, Request, Response
from evalsuite.models.joined_recording import RecordedSource, Recording, recording_notes, shown
from evalsuite.models.recorded_setup import SETUP_ARGS, StatedSetup, recorded_setup
from evalsuite.models.recording import RecordedRow, find_recordings, read_rows
from evalsuite.tasks.item import Dataset

_BATCH: Final = 64


class Replay(Backend):
    """Yields recorded responses without any model.

    The model arguments `model` and `setting` select among several; `format`, `labels` and `stop` state how it was
    prompted, where neither a task card nor a run.json does.
    """

    applies_decoding = False
    failures_are_final = True

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return nothing: no code is loaded by a setting, and no key is read."""
        return frozenset()

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        settings.check_model_args(("model", "setting", *SETUP_ARGS), "replay")
        self._stated = StatedSetup.from_args(settings.model_args)
        self._recordings: dict[str, Recording] = {}
        self._digests: dict[Path, str] = {}

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Read the responses to these tasks; a task with none, or with several recordings, is a `BackendError`."""
        recordings: dict[tuple[str, RecordedSource], Recording] = {}
        benchmarks: set[str] = set()
        for file in find_recordings(Path(self.settings.model).expanduser()):
            for row in read_rows(file):
                benchmarks.add(row.benchmark)
                if self._is_selected(row):
                    _assign(row, datasets, recordings, self._stated)
        for recording in recordings.values():
            recording.read_keys()
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
        recorded = recording.setup
        return PromptSetup(
            items=tuple(item for item in dataset.items if item.id in recording.replies),
            format=recorded.format or format,
            labels=recorded.labels,
            stop=recorded.stop,
            prompt_digest=recorded.prompt_digest,
            notes=tuple(recording_notes(recording, dataset, self._digests, self._stated)),
            format_known=recorded.format is not None,
        )

    def sample_notes(self, dataset: Dataset, samples: int) -> Sequence[str]:
        """Say how many recorded responses are left out, because fewer samples are requested than there are."""
        recording = self._recordings[dataset.task.name]
        counts = [sum(rotation == 0 for rotation, _ in replies) for replies in recording.replies.values()]
        unused = sum(max(0, count - samples) for count in counts)
        if not unused:
            return ()
        way_on = f"; --samples {recording.samples} grades {recording.samples} of each" * (recording.samples > samples)
        return (
            f"{unused:,} of {sum(counts):,} recorded responses are left out, since {samples} of each item "
            f"{'was' if samples == 1 else 'were'} requested{way_on}",
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
        recordings: dict[tuple[str, RecordedSource], Recording],
        benchmarks: Collection[str],
    ) -> Recording:
        """Return the one recording of a task, after a check that its ids are those of this data."""
        name, task = f"replay/{self.settings.model}", dataset.task.name
        candidates = [recording for (recorded_task, _), recording in recordings.items() if recorded_task == task]
        if not candidates:
            selection = "".join(f" with {key}={value}" for key, value in self.settings.model_args.items())
            raise BackendError(
                ErrorCode.RECORDING_INCOMPLETE,
                f"{name}: no response to {task}{selection}; it has responses to {shown(sorted(benchmarks))}",
            )
        if len(candidates) > 1:
            raise BackendError(
                ErrorCode.RECORDING_MALFORMED,
                f"{name}: {task} was recorded {len(candidates)} times: {'; '.join(map(str, candidates))}; select one "
                "by `model_args` model=... or `model_args` setting=..., or name one file",
            )
        _check_join(dataset, candidates[0], name)
        return candidates[0]


def _assign(
    row: RecordedRow,
    datasets: Sequence[Dataset],
    recordings: dict[tuple[str, RecordedSource], Recording],
    stated: StatedSetup,
) -> None:
    """Add a row to the recordings of the tasks that it is about."""
    source = RecordedSource(row.model, row.setting)
    for dataset in datasets:
        task = dataset.task
        if row.benchmark != task.name and row.benchmark not in task.aliases:
            continue
        if (task.name, source) not in recordings:
            items = {item.id: item for item in dataset.items}
            recordings[task.name, source] = Recording(source, recorded_setup(row, dataset, stated), items)
        recordings[task.name, source].add(row)


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
            f"{len(recording.revised_gold)} of {len(recording.replies)} items: its ids mean other questions, its "
            "options have another order, or its prompt had labels that `model_args` labels=... can state",
        )
