"""The protocol between the run loop and whatever answers: requests go in lazily, responses come out as they finish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from evalsuite.errors import RunError, UsageError
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import Message

Finish = Literal["stop", "length", "refused"]
Thinking = Literal["auto", "on", "off"]
Scoring = Literal["generate", "loglikelihood", "cloze"]
"""How an answer is had: written by the model, or the likeliest of the labels, or of the options' texts."""
BackendInfo = dict[str, "str | int | float | bool | list[str] | None"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a response is generated; part of a run's identity."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0
    thinking: Thinking = "auto"
    thinking_budget: int | None = None
    """Most tokens of reasoning; a backend that can't enforce it refuses it."""


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Everything a backend is made from: the name behind the slash and what the user set."""

    model: str
    decoding: Decoding = Decoding()
    base_urls: tuple[str, ...] = field(default=(), repr=False)
    """Not shown: a URL may hold a password."""
    revision: str | None = None
    adapter: str | None = None
    chat_template: str | None = None
    """Text of a Jinja chat template that replaces the model's own; empty: none, messages as plain text."""
    concurrency: int = 256
    """Most requests (HTTP) or sequences (local engines) in flight."""
    args: Mapping[str, str] = field(default_factory=dict)
    """`--model-arg key=value`: what only this backend knows; a key it doesn't know is a `UsageError`."""
    scoring: Scoring = "generate"

    def checked_args(self, known: Sequence[str], backend: str) -> Mapping[str, str]:
        """Return `args`; a key not in `known` is a `UsageError` that lists them."""
        for key in self.args:
            if key not in known:
                offer = ", ".join(known) or "none"
                raise UsageError(f"--model-arg {key}: {backend}/ does not know it; it knows: {offer}")
        return self.args


@dataclass(frozen=True, slots=True)
class Request:
    """One sample of one item, ready to be asked."""

    task: str
    item: Item
    """As it is shown: with its options moved where `rotation` says so."""
    sample: int
    messages: tuple[Message, ...]
    seed: int
    continuations: tuple[str, ...] = ()
    """What is weighed instead of generating: a text an option, in their order, without a delimiter."""
    rotation: int = 0
    """By how many places the options stand moved; see `order`."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for one request; with `error` set nothing did, after every retry that made sense."""

    request: Request
    text: str = ""
    reasoning: str = ""
    """Reasoning that the server returned apart from the text; never graded."""
    finish: Finish = "stop"
    opens_reasoning: bool = False
    """Whether the prompt, as the chat template rendered it, ended inside an open reasoning block."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None
    """Seconds from asking to the last token, retries excluded; None where nothing was timed."""
    logprobs: Sequence[float | None] | None = None
    """Natural log-probability of each continuation; None for one that is less likely than all that a server tells."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PromptSetup:
    """How a task's items were put to the model, where that isn't the task's own way (recordings made elsewhere)."""

    items: tuple[Item, ...]
    """The items that can be answered at all: a recording may cover a part."""
    format: str
    labels: tuple[str, ...] | None = None
    """Labels that the prompt used, by option position; None: the item's own."""
    stop: tuple[str, ...] = ()
    """Stop strings of that prompt, applied behind the reasoning when grading."""
    prompt_digest: str | None = None
    """What identifies the prompt that was really sent; None: the task's own."""
    notes: tuple[str, ...] = ()
    """What a reader must know, a sentence each; printed, and kept in run.json."""

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """Everything that grading the responses again needs besides the data; items are null where they are all."""
        return {
            "items": None if self.items == dataset.items else [item.id for item in self.items],
            "format": self.format,
            "labels": self.labels,
            "stop": self.stop,
            "prompt_digest": self.prompt_digest,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, fields: Any, dataset: Dataset) -> Self:
        """Rebuild what `to_json` kept; anything else is a `RunError`."""
        known = {item.id: item for item in dataset.items}
        try:
            ids, labels = fields["items"], fields["labels"]
            if fields["format"] not in FORMATS:
                raise ValueError(f"unknown answer format {fields['format']!r}")
            return cls(
                items=dataset.items if ids is None else tuple(known[id] for id in ids),
                format=fields["format"],
                labels=None if labels is None else tuple(map(str, labels)),
                stop=tuple(map(str, fields["stop"])),
                prompt_digest=fields["prompt_digest"],
                notes=tuple(map(str, fields["notes"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            told = f"{type(error).__name__}: {error}"
            raise RunError(f"run.json doesn't say how {dataset.task.name} was asked ({told}): run it again") from None


class Backend(ABC):
    """Answers requests. A subclass needs `answer`; the rest has a default."""

    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate"})
    """How it can answer; `answer` goes by `settings.scoring`."""
    decodes: ClassVar[bool] = True
    """Whether the settings' decoding is what the responses were made with."""
    operational: ClassVar[frozenset[str]] = frozenset()
    """Names of model args that can't change a response (timeouts, keys): a resumed run may set them anew."""

    def __init__(self, settings: BackendSettings) -> None:
        self.settings = settings

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Make ready; raise `BackendError` where no request could ever succeed.

        Returns facts for run.json, no secrets; what is found out while answering may still be added to them.
        """
        return {}

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """Which items can be answered and how they were asked; the default: all of them, in the task's format."""
        return PromptSetup(items=dataset.items, format=format)

    @abstractmethod
    def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Take requests as capacity allows and yield each response as soon as it is whole, in any order.

        A request that fails for good is yielded with `error`; `BackendError` is raised only when none could succeed.
        Closing the generator abandons what is in flight.
        """

    async def close(self) -> None:  # noqa: B027 - having nothing to release is the common case
        """Release what `open` took."""
