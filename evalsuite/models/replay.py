"""`replay/PATH`: answers from recorded responses, so that outputs made elsewhere are graded like our own.

A recording is graded in the format that its prompt asked for (the task's card knows its setting), on the items that it
covers; what sets it apart from a run of ours stands in the notes of `asked`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, cast

from evalsuite.errors import BackendError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Finish, PromptSetup, Request, Response
from evalsuite.models.recording import RUN_SETTING, RecordedRow, RecordingFile, find, rows
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import RecordingFormat

_BATCH: Final = 64
_NAMED: Final = 5
"""How many of a long list a sentence names."""


class RecordedSetting(NamedTuple):
    """Who made responses, and how."""

    model: str
    setting: str


class RecordedReply(NamedTuple):
    """What of a recorded response is graded or reported."""

    text: str
    reasoning: str
    finish: Finish
    opens_reasoning: bool
    input_tokens: int | None
    output_tokens: int | None


@dataclass(slots=True)
class Recorded:
    """What one model, in one setting, answered to one task."""

    made: RecordedSetting
    how: RecordingFormat | None
    """How it had been asked; None: the card doesn't know this setting."""
    prompt_digest: str
    """Of the prompt that was sent then, as far as it is known: by the setting's name, or what our run noted."""
    items: dict[str, Item]
    replies: dict[str, dict[tuple[int, int], RecordedReply]] = field(default_factory=lambda: defaultdict(dict))
    """Item id to (rotation of the options, sample) to reply."""
    places: dict[str, RecordingFile] = field(default_factory=dict)
    sources: dict[Path, RecordingFile] = field(default_factory=dict)
    revised: dict[str, str] = field(default_factory=dict)
    """Items whose recorded key isn't this data's, with the recorded one."""
    replaced: set[str] = field(default_factory=set)
    """Items that had another number of options when recorded: another question under the same id, left out."""
    subsets: set[str] = field(default_factory=set)
    strangers: int = 0
    """Rows about items that this data doesn't hold."""

    @property
    def samples(self) -> int:
        """How many samples every covered item has in its own order of options."""
        return min(sum(rotation == 0 for rotation, _ in replies) for replies in self.replies.values())

    def __str__(self) -> str:
        files = ", ".join(path.name for path in self.sources)
        return f"model={self.made.model} setting={self.made.setting} ({files})"

    def add(self, row: RecordedRow) -> None:
        """Take a row in; an item that stands in two files is refused, for one of them may be a copy."""
        self.sources[row.source.path] = row.source
        item = self.items.get(row.item)
        if item is None:
            self.strangers += 1
            return
        if row.count("n_options") not in (None, len(item.options)):
            self.replaced.add(row.item)
            return
        if self.places.setdefault(row.item, row.source) != row.source:
            both = f"{self.places[row.item].path} and {row.source.path}"
            raise BackendError(f"replay: item {row.item} of {row.benchmark} is in {both}; name one of the files")
        self._keep(row)
        self._compare(row, item)

    def _keep(self, row: RecordedRow) -> None:
        replies = self.replies[row.item]
        sample = row.count("sample") if row.source.run else len(replies)
        rotation = row.count("rotation") or 0 if row.source.run else 0
        if sample is None or (rotation, sample) in replies:
            raise row.source.error(row.line, f"has no sample number, or item {row.item} has it twice")
        replies[rotation, sample] = _reply(row, self.how)

    def _compare(self, row: RecordedRow, item: Item) -> None:
        gold, subset = row.fields.get("gold"), row.fields.get("subset")
        labels = self.how.labels if self.how and self.how.labels else item.labels
        if isinstance(gold, str) and gold != labels[item.labels.index(item.gold)]:
            self.revised[row.item] = gold
        if isinstance(subset, str):
            self.subsets.add(subset)


class Replay(Backend):
    """Yields what was recorded; asks nobody. `--model-arg model=` and `setting=` choose where there is a choice."""

    applies_decoding = False

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        settings.check_model_args(("model", "setting"), "replay")
        self._recorded: dict[str, Recorded] = {}
        self._hashes: dict[Path, str] = {}

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Read the responses to these tasks; a task with none, or with several to choose from, is a `BackendError`."""
        found: dict[tuple[str, RecordedSetting], Recorded] = {}
        benchmarks: set[str] = set()
        for source in find(Path(self.settings.model).expanduser()):
            for row in rows(source):
                benchmarks.add(row.benchmark)
                if self._wanted(row):
                    _sort_in(row, datasets, found)
        self._recorded = {dataset.task.name: self._choose(dataset, found, benchmarks) for dataset in datasets}
        chosen = self._recorded.values()
        self._hashes = {path: source.sha256() for one in chosen for path, source in one.sources.items()}
        whole = "".join(self._hashes.values())
        return {
            "revision": whole if len(self._hashes) == 1 else hashlib.sha256(whole.encode()).hexdigest(),
            "files": [f"{path} sha256:{digest}" for path, digest in self._hashes.items()],
            "models": sorted({one.made.model for one in chosen}),
            "settings": sorted({one.made.setting for one in chosen}),
            "responses": sum(len(replies) for one in chosen for replies in one.replies.values()),
        }

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """The covered items, and how those who recorded them had asked."""
        one = self._recorded[dataset.task.name]
        return PromptSetup(
            items=tuple(item for item in dataset.items if item.id in one.replies),
            format=one.how.format if one.how else format,
            labels=one.how.labels if one.how else None,
            stop=one.how.stop if one.how else (),
            prompt_digest=one.prompt_digest,
            notes=tuple(self._notes(dataset, one, format)),
        )

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield the recorded response to each request, in order."""
        for count, request in enumerate(requests):
            if count % _BATCH == 0:
                await asyncio.sleep(0)
            one = self._recorded[request.task]
            reply = one.replies[request.item.id].get((request.rotation, request.sample))
            if reply is None:
                raise self._lacks(request, one)
            yield Response(request, **reply._asdict())

    def _lacks(self, request: Request, one: Recorded) -> BackendError:
        where = f"replay/{self.settings.model}: item {request.item.id} of {request.task} has no recorded"
        if request.rotation and request.sample < one.samples:
            return BackendError(
                f"{where} answer with its options moved by {request.rotation}: leave out --rotate-options"
            )
        return BackendError(
            f"{where} sample {request.sample}; every item has {one.samples}: ask for --samples {one.samples}"
        )

    def _wanted(self, row: RecordedRow) -> bool:
        args = self.settings.model_args
        return row.model == args.get("model", row.model) and row.setting == args.get("setting", row.setting)

    def _choose(
        self, dataset: Dataset, found: dict[tuple[str, RecordedSetting], Recorded], benchmarks: Collection[str]
    ) -> Recorded:
        where, name = f"replay/{self.settings.model}", dataset.task.name
        choices = [one for (task, _), one in found.items() if task == name]
        if not choices:
            chosen = "".join(f" with {key}={value}" for key, value in self.settings.model_args.items())
            raise BackendError(f"{where}: no response to {name}{chosen}; it holds {_some(sorted(benchmarks))}")
        if len(choices) > 1:
            raise BackendError(
                f"{where}: {name} was recorded {len(choices)} times: {'; '.join(map(str, choices))}; choose with "
                "--model-arg model=... or --model-arg setting=..., or name one file"
            )
        _check_join(dataset, choices[0], where)
        return choices[0]

    def _notes(self, dataset: Dataset, one: Recorded, format: str) -> Iterator[str]:
        files = ", ".join(f"{path.name} (sha256 {self._hashes[path][:12]})" for path in one.sources)
        yield f"recorded elsewhere: {one.made.model}, setting {one.made.setting}, {files}; nothing was asked now"
        covered, total = len(one.replies), len(dataset.items)
        if covered < total:
            chosen = f" (subset {', '.join(sorted(one.subsets))})" if one.subsets else ""
            yield f"covers {covered:,} of {total:,} items{chosen}: comparable only with results on the same items"
        if one.revised:
            yield (
                f"the recorded key of {_some(one.revised)} differs from this data's: the benchmark was revised since; "
                "graded by this data's key"
            )
        if one.replaced:
            yield f"{_some(sorted(one.replaced))} had another number of options then: another question: left out"
        if one.strangers:
            yield f"{one.strangers:,} recorded responses are to items that this data doesn't hold: left out"
        if one.how is None:
            yield f"the task's card doesn't know setting {one.made.setting}: graded as if asked for {format}"
        elif one.how.note:
            yield one.how.note


def _sort_in(row: RecordedRow, datasets: Sequence[Dataset], found: dict[tuple[str, RecordedSetting], Recorded]) -> None:
    made = RecordedSetting(row.model, row.setting)
    for dataset in datasets:
        task = dataset.task
        if row.benchmark != task.name and row.benchmark not in task.aliases:
            continue
        if (task.name, made) not in found:
            items = {item.id: item for item in dataset.items}
            found[task.name, made] = Recorded(made, *_how(row, dataset), items)
        found[task.name, made].add(row)


def _how(row: RecordedRow, dataset: Dataset) -> tuple[RecordingFormat | None, str]:
    """How responses were asked for, with a digest: the card says it of others', a run of ours says it itself."""
    name = dataset.task.name
    if not row.source.run:
        digest = hashlib.sha256(f"recorded\0{row.setting}\0{name}".encode()).hexdigest()
        return dataset.task.recording(row.setting), digest
    try:
        digest = row.source.run["identity"]["tasks"][name]["data_digest"]
        fields = row.source.run["prompt_setups"][name]
    except (KeyError, TypeError):
        raise BackendError(f"replay/{row.source.path}: its run.json doesn't say how {name} was asked") from None
    if digest != dataset.digest:
        raise BackendError(
            f"replay/{row.source.path}: {name} was asked on other data than this; replay it on that data"
        )
    asked = PromptSetup.from_json(fields, dataset)
    note = "; ".join(asked.notes)
    how = RecordingFormat(
        setting=RUN_SETTING,
        format=asked.format,
        labels=asked.labels,
        stop=asked.stop,
        reasoning_field="reasoning",
        note=f"noted then: {note}" if note else "",
    )
    return how, str(asked.prompt_digest)


def _reply(row: RecordedRow, how: RecordingFormat | None) -> RecordedReply:
    finish = row.fields.get("finish") or "stop"
    if finish not in ("stop", "length", "refused"):
        raise row.source.error(row.line, f"has finish {finish!r}: not stop, length or refused")
    return RecordedReply(
        text=row.text(how.response_field if how else "text"),
        reasoning=row.text(how.reasoning_field) if how and how.reasoning_field else "",
        finish=cast(Finish, finish),
        opens_reasoning=row.fields.get("opens_reasoning") is True,
        input_tokens=row.count("input_tokens"),
        output_tokens=row.count("output_tokens"),
    )


def _check_join(dataset: Dataset, one: Recorded, where: str) -> None:
    """Raise where the recorded ids can't mean these items: nothing is covered, or the keys hardly ever agree."""
    name = dataset.task.name
    if not one.replies:
        raise BackendError(
            f"{where}: {one.strangers + len(one.replaced)} responses to {name}, none of them to an item of this data "
            f"(whose ids are like {dataset.items[0].id}): another copy of the benchmark?"
        )
    if len(one.revised) > max(3, len(one.replies) // 10):
        raise BackendError(
            f"{where}: the recorded key of {name} differs from this data's for {len(one.revised)} of "
            f"{len(one.replies)} items: its ids mean other questions, or its options stand in another order"
        )


def _some(names: Collection[str]) -> str:
    shown, rest = list(names)[:_NAMED], len(names) - _NAMED
    return (", ".join(shown) or "nothing") + (f" and {rest} more" if rest > 0 else "")
