"""What a run was asked to do, and the identity that decides whether two runs may share a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from evalsuite.errors import RunError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding, Scoring


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One `evalsuite run`, as it was asked for."""

    model: str
    """backend/model."""
    tasks: tuple[str, ...]
    settings: BackendSettings
    samples: int = 1
    limit: int | None = None
    """Only the first so many items of each task, in the order of the file."""
    format: str | None = None
    """Answer format to ask for instead of the tasks' own."""
    system: str | None = None
    data_dir: str | None = None
    rotate_options: bool = False
    """Ask each item in each cyclic order of its options."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"--samples {self.samples}: at least 1")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit}: at least 1")
        if self.scoring != "generate":
            self._check_scoring()

    def _check_scoring(self) -> None:
        """Refuse what only shapes texts that a model writes."""
        decoding = self.settings.decoding
        if self.samples > 1 or self.format or decoding != Decoding(thinking=decoding.thinking, seed=decoding.seed):
            raise UsageError(
                f"--scoring {self.scoring}: nothing is generated; leave out --samples, --format, --temperature, "
                "--top-p, --max-tokens and --thinking-budget"
            )

    @property
    def scoring(self) -> Scoring:
        """How an answer is had."""
        return self.settings.scoring

    @property
    def data_folder(self) -> Path | None:
        """The data folder that was named, if one was."""
        return Path(self.data_dir) if self.data_dir else None

    def to_json(self) -> dict[str, Any]:
        """Everything that a resumed run needs, without secrets."""
        fields = asdict(self)
        fields["settings"]["base_urls"] = [_without_secrets(url) for url in self.settings.base_urls]
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> RunSpec:
        """Rebuild a plan from run.json."""
        try:
            settings = dict(fields["settings"])
            settings["decoding"] = Decoding(**settings["decoding"])
            settings["base_urls"] = tuple(settings["base_urls"])
            return cls(**{**fields, "settings": BackendSettings(**settings), "tasks": tuple(fields["tasks"])})
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"run.json: its plan can't be read ({error}); was it edited?") from None


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
