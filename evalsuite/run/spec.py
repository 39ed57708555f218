"""The settings of a run as they were requested, and how run.json stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.models import model_name, split_name
from evalsuite.models.backend import BackendSettings, Decoding, Scoring, Thinking
from evalsuite.models.redaction import redact_url
from evalsuite.tasks.task_arguments import Value

MOST_SAMPLES: Final = 1_000_000
"""Responses per item that a run's files can state."""
_INTEGERS: Final = 1 << 63
"""JSON is written with integers of 64 bits."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """The settings of one run. The model is named once: by the backend's prefix and `settings.model`."""

    backend: str
    """Prefix of the backend: the part of a model's name before the slash."""
    tasks: tuple[str, ...]
    settings: BackendSettings
    samples: int = 1
    limit: int | None = None
    """Only the first `limit` items of each task, in the order of the data."""
    format: str | None = None
    """Answer format of the prompts instead of the tasks' own."""
    system: str | None = None
    """System prompt; None: there is none."""
    data_dir: str | None = None
    rotate_options: bool = False
    """Whether each item is sent once in each cyclic order of its options."""
    task_args: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """By task the arguments that differ from its card's defaults, such as the seed of its items."""

    def __post_init__(self) -> None:
        self._check_ranges()
        if self.scoring != "generate":
            self._check_scoring()

    def _check_ranges(self) -> None:
        decoding, settings = self.settings.decoding, self.settings
        for name, value, allowed, valid in (
            ("samples", self.samples, f"between 1 and {MOST_SAMPLES:,}", 1 <= self.samples <= MOST_SAMPLES),
            ("limit", self.limit, "at least 1", self.limit is None or self.limit >= 1),
            ("seed", decoding.seed, "an integer of 64 bits", -_INTEGERS <= decoding.seed < _INTEGERS),
            ("temperature", decoding.temperature, "between 0 and 100", 0 <= decoding.temperature <= 100),
            ("top_p", decoding.top_p, "above 0 and at most 1", 0 < decoding.top_p <= 1),
            ("max_tokens", decoding.max_tokens, "at least 1", decoding.max_tokens >= 1),
            ("thinking", decoding.thinking, _one_of(Thinking), decoding.thinking in get_args(Thinking)),
            ("thinking_budget", decoding.thinking_budget, "at least 0", (decoding.thinking_budget or 0) >= 0),
            ("concurrency", settings.concurrency, "at least 1", settings.concurrency >= 1),
            ("scoring", settings.scoring, _one_of(Scoring), settings.scoring in get_args(Scoring)),
        ):
            if not valid or (isinstance(value, int) and value >= _INTEGERS):
                raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`{name}` is {value!r}: it must be {allowed}")

    def _check_scoring(self) -> None:
        """Refuse settings that only shape generated text."""
        decoding = self.settings.decoding
        if self.samples > 1 or self.format or decoding != Decoding(thinking=decoding.thinking, seed=decoding.seed):
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`scoring` {self.scoring} generates no text: leave out `samples`, `answer_format`, `temperature`, "
                "`top_p`, `max_tokens` and `thinking_budget`",
            )

    @property
    def model(self) -> str:
        """The model's full name, `backend/name`: what the run is recorded under."""
        return model_name(self.backend, self.settings.model)

    @property
    def scoring(self) -> Scoring:
        """How an item is answered: by generated text or by log-likelihood."""
        return self.settings.scoring

    @property
    def data_folder(self) -> Path | None:
        """The data folder that was named, if any."""
        return Path(self.data_dir) if self.data_dir else None

    def to_json(self) -> dict[str, Any]:
        """Return everything that a resumed run needs, without secrets."""
        fields = asdict(self)
        del fields["backend"], fields["settings"]["model"]
        fields["settings"]["base_urls"] = [redact_url(url) for url in self.settings.base_urls]
        return {"model": self.model, **fields}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> RunSpec:
        """Rebuild a spec from run.json; one that names two models, or isn't a spec, is a `RunError`."""
        try:
            backend, name = split_name(fields["model"])
            stored = {"model": name, **fields["settings"]}
            if stored["model"] != name:
                raise RunError(
                    ErrorCode.RUN_INCONSISTENT,
                    f"run.json: the run is recorded as {fields['model']} and would be resumed with {stored['model']}; "
                    "start a new run",
                )
            stored["decoding"] = Decoding(**stored["decoding"])
            stored["base_urls"] = tuple(stored["base_urls"])
            rest = {key: value for key, value in fields.items() if key not in ("model", "settings", "tasks")}
            return cls(backend=backend, tasks=tuple(fields["tasks"]), settings=BackendSettings(**stored), **rest)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                ErrorCode.RUN_UNREADABLE, f"run.json: its `spec` can't be read ({error}); was it edited?"
            ) from None


def _one_of(choices: Any) -> str:
    return f"one of {', '.join(get_args(choices))}"
