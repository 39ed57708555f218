"""The protocol that every backend implements: requests are taken lazily, responses are yielded as they finish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal, Self

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.models.redaction import refuse_secrets
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import Message

Thinking = Literal["auto", "on", "off"]
"""The thinking switch of a chat template; `auto` leaves the template's default."""
THINKING_SWITCHES: Final = ("enable_thinking", "thinking")
"""Names of the thinking switch in chat templates (Qwen, DeepSeek)."""
Scoring = Literal["generate", "loglikelihood", "cloze"]
"""How an item is answered: by generated text, by the likeliest option label, or by the likeliest option text."""
BackendInfo = dict[str, "str | int | float | bool | list[str] | None"]
"""What a backend reports about itself, by name: weights revision, device, library versions, servers, ..."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a response is generated; part of a run's identity."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 4096
    """Maximum number of generated tokens, reasoning included."""
    seed: int = 0
    thinking: Thinking = "auto"
    thinking_budget: int | None = None
    """Maximum number of reasoning tokens; a backend that can't enforce one raises a `UsageError`."""


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Everything that a backend is constructed from."""

    model: str
    """The model's name without the backend's prefix: the part behind the first slash of `backend/model`."""
    decoding: Decoding = Decoding()
    base_urls: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of servers; kept out of the `repr`, since a URL may contain a password."""
    revision: str | None = None
    """Revision of the model on the Hugging Face Hub."""
    adapter: str | None = None
    """LoRA adapter: a folder, a repository on the hub, or the name under which a server serves it."""
    chat_template: str | None = None
    """Text of a Jinja chat template that replaces the model's; empty: no template, messages as plain text."""
    concurrency: int = 256
    """Maximum number of requests (HTTP) or sequences (local engines) in flight."""
    model_args: Mapping[str, str] = field(default_factory=dict)
    """Arguments that only this backend defines, as unparsed strings; an unknown key is a `UsageError`."""
    scoring: Scoring = "generate"

    def check_model_args(self, known: Sequence[str], backend: str) -> Mapping[str, str]:
        """Return `model_args`; a key that is not in `known` raises a `UsageError` that lists the known keys."""
        for key in self.model_args:
            if key not in known:
                choices = ", ".join(known) or "none"
                raise UsageError(
                    ErrorCode.UNKNOWN_MODEL_ARGUMENT,
                    f"`model_args` {key}: unknown to the backend {backend}/; known keys: {choices}",
                )
        return self.model_args


@dataclass(frozen=True, slots=True)
class Request:
    """One sample of one item, ready to be sent to a model."""

    task: str
    """Name of the task."""
    item: Item
    """The item as the prompt shows it: its options are already rotated by `rotation`."""
    sample: int
    """Number of the sample, from 0."""
    messages: tuple[Message, ...]
    """The rendered chat messages."""
    seed: int
    """Seed of this request alone, derived from the run's seed, the item and the sample."""
    continuations: tuple[str, ...] = ()
    """For log-likelihood scoring: one text per option, in the options' order, without the delimiter before it."""
    rotation: int = 0
    """By how many places the options are rotated cyclically."""


@dataclass(frozen=True, slots=True)
class Response:
    """The result of one request. If `error` is set, the request failed for good, after all retries."""

    request: Request
    text: str = ""
    reasoning: str = ""
    """Reasoning that the server returned separately from the text; never graded."""
    finish: str = "stop"
    """A value of `finish_reason.Finish`, or a provider's own word that is in no table: it is kept and reported."""
    opens_reasoning: bool = False
    """Whether the prompt, as the chat template rendered it, ended inside an open reasoning block."""
    input_tokens: int | None = None
    """Tokens of the prompt; None: unknown. The journal stores a count that can't be one as unknown."""
    output_tokens: int | None = None
    """Generated tokens, reasoning included; None: unknown."""
    latency: float | None = None
    """Seconds from sending the last attempt to its last token; None where nothing was timed."""
    logprobs: Sequence[float | None] | None = None
    """Natural log-probability of each continuation; None for one that is not among the server's top tokens."""
    error: str | None = None
    """Why there is no response, in one line without secrets."""


@dataclass(frozen=True, slots=True)
class PromptSetup:
    """How a task's items were presented to the model; differs from the task card for recordings of other harnesses."""

    items: tuple[Item, ...]
    """The items that can be answered: a recording may cover only some of the task's."""
    format: str
    """The answer format that the prompt requested."""
    labels: tuple[str, ...] | None = None
    """Labels that the prompt used, by option position; None: the item's labels."""
    stop: tuple[str, ...] = ()
    """Stop strings of that prompt; grading applies them to the final segment."""
    prompt_digest: str | None = None
    """Digest that identifies the prompt that was really sent; None: the task's prompt."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know, one sentence each; printed, and stored in run.json."""
    format_known: bool = True
    """Whether the prompt is known to have requested `format`; else only the lenient accuracy means something."""

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """Return everything besides the data that regrading needs; `items` is null if it is the whole dataset."""
        return {
            "items": None if self.items == dataset.items else [item.id for item in self.items],
            "format": self.format,
            "labels": self.labels,
            "stop": self.stop,
            "prompt_digest": self.prompt_digest,
            "notes": self.notes,
            **({} if self.format_known else {"format_known": False}),
        }

    @classmethod
    def from_json(cls, fields: Any, dataset: Dataset) -> Self:
        """Rebuild a prompt setup from the output of `to_json`; raise a `RunError` for anything else."""
        items = {item.id: item for item in dataset.items}
        try:
            ids, labels = fields["items"], fields["labels"]
            if fields["format"] not in FORMATS:
                raise ValueError(f"unknown answer format {fields['format']!r}")
            return cls(
                items=dataset.items if ids is None else tuple(items[id] for id in ids),
                format=fields["format"],
                labels=None if labels is None else tuple(map(str, labels)),
                stop=tuple(map(str, fields["stop"])),
                prompt_digest=fields["prompt_digest"],
                notes=tuple(map(str, fields["notes"])),
                format_known=fields.get("format_known") is not False,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                ErrorCode.RUN_UNREADABLE,
                f"run.json: no valid prompt setup of {dataset.task.name} ({type(error).__name__}: {error}); "
                "run the task again",
            ) from None


class Backend(ABC):
    """Answers requests. A subclass must implement `answer`; everything else has a default."""

    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate"})
    """The scoring methods that `answer` implements; it uses the one in `settings.scoring`."""
    applies_decoding: ClassVar[bool] = True
    """Whether responses are generated with `settings.decoding`; False for recordings."""
    operational_args: ClassVar[frozenset[str]] = frozenset()
    """Keys of `model_args` that can't change a response (timeouts, keys): a resumed run may use other values."""
    failures_are_final: ClassVar[bool] = False
    """Whether a request that failed would fail again, as in a recording: then a run is finished without it."""
    failure_limit: ClassVar[int | None] = None
    """Failed requests, none having succeeded, after which a run stops; None: all requests are sent."""

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return which of these settings decide what code is loaded, where keys are sent or what holds them.

        They are `base_urls` and keys of `model_args`. A run is resumed with them only if the call repeats them, since
        its folder may be somebody else's. By default that is all of them: only a backend knows which are harmless.
        """
        return frozenset({"base_urls", *settings.model_args})

    def __init__(self, settings: BackendSettings) -> None:
        """Store the settings; a subclass raises a `UsageError` here for arguments that it can't honour."""
        refuse_secrets(settings.model_args)
        self.settings = settings
        self.prompt_day = datetime.now(UTC).date()
        """The day that chat templates may write into prompts; a resumed run has that of its first start."""
        self.tell: Callable[[str], None] = lambda text: None
        """Shows a line at once to whoever started the run; unlike `notes` it is stored nowhere."""
        self.stops_at_reasoning_only = False
        """Whether a run stops when many responses are only reasoning, as those of a misconfigured server are."""
        self.unsent: set[str] = set()
        """Names of the decoding settings that requests go without, which may grow while requests are answered."""
        self.notes: dict[str, str] = {}
        """What a reader of the results must know: one sentence under each key, which a later one replaces.

        A sentence is shown when its key is new; run.json and the summary have the last one.
        """

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Load the model or connect to the servers; raise a `BackendError` if no request could ever succeed.

        Return what run.json records about the backend, without secrets. The backend may keep the returned dictionary
        and add what it learns while it answers.
        """
        return {}

    def prompt_setup(self, dataset: Dataset, format: str) -> PromptSetup:
        """Return which items can be answered and how they are presented; by default all items in `format`."""
        return PromptSetup(items=dataset.items, format=format)

    def sample_notes(self, dataset: Dataset, samples: int) -> Sequence[str]:
        """Return what a reader must know if `samples` responses to each item are requested."""
        return ()

    @abstractmethod
    def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Take requests as capacity allows and yield each response as soon as it is complete, in any order.

        A request that fails for good is yielded with `error` set; a `BackendError` is raised only if no further
        request could succeed. Closing the generator cancels what is in flight.
        """

    async def close(self) -> None:  # noqa: B027 - having nothing to release is the common case
        """Release what `open` acquired."""
