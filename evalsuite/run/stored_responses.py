"""The responses of a journal, each compared with the request that this run sends for its item, rotation and sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import Request
from evalsuite.run.identity import request_digest, request_seed
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run_folder import ResponseRecord, RunFolder
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import Message
from evalsuite.tasks.rotation import rotated


class SentRequests(NamedTuple):
    """What determines the requests of a run, besides its tasks."""

    identity_digest: str
    seed: int
    samples: int

    def request(self, prepared: PreparedTask, shown: Item, sample: int, rotation: int, prompt: Prompt) -> Request:
        """Return the request for a sample of an item, whose options are rotated already."""
        seed = request_seed(self.seed, prepared.name, shown.id, rotation, sample)
        return Request(prepared.name, shown, sample, prompt.messages, seed, prompt.continuations, rotation)


class Prompt(NamedTuple):
    """An item as it is shown, rendered once for all its samples."""

    messages: tuple[Message, ...]
    continuations: tuple[str, ...]


def prompt_of(prepared: PreparedTask, shown: Item) -> Prompt:
    """Render an item, whose options are rotated already."""
    return Prompt(prepared.prompt.messages(shown), prepared.continuations(shown))


def stored_responses(
    folder: RunFolder, prepared: PreparedTask, sent: SentRequests, *, same_prompt: bool = True
) -> Iterator[ResponseRecord]:
    """Yield a task's responses; one that is there twice or answers another request than this run's is a `RunError`.

    `same_prompt` says that the task renders the prompts that were sent: otherwise requests can't be compared.
    """
    items = {item.id: item for item in prepared.items}
    answered: set[tuple[str, int, int]] = set()
    shown: tuple[Item, Prompt] | None = None
    last: tuple[str, int] | None = None
    for record in folder.records(prepared.name):
        item, key = items.get(record.item), (record.item, record.rotation, record.sample)
        if item is None or record.rotation not in prepared.rotations(item) or record.sample not in range(sent.samples):
            raise _foreign(folder, prepared, record, "isn't part of this run")
        if key in answered:
            raise _foreign(folder, prepared, record, "is answered twice")
        answered.add(key)
        if same_prompt:
            if shown is None or last != key[:2]:  # samples of an item are often adjacent
                rotated_item = rotated(item, record.rotation)
                shown, last = (rotated_item, prompt_of(prepared, rotated_item)), key[:2]
            request = sent.request(prepared, shown[0], record.sample, record.rotation, shown[1])
            if request_digest(request, sent.identity_digest) != record.request:
                raise _foreign(folder, prepared, record, "was sent in another request than this run's")
        yield record


def _foreign(folder: RunFolder, prepared: PreparedTask, record: ResponseRecord, problem: str) -> RunError:
    sample = f"item {record.item}, rotation {record.rotation}, sample {record.sample}"
    return RunError(
        ErrorCode.JOURNAL_MALFORMED,
        f"{folder.journal(prepared.name)}: {sample} {problem}; delete its line and resume the run",
    )
