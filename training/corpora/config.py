"""The configuration of a corpus: its sources with their shares, the bounds of each step, and where it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.schema import Inside
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml
from training.corpora.duplicates.settings import DuplicateSettings
from training.recipe_sections import Count, Name, Seed, Share

MAX_BYTES: Final = 1 << 16
"""Size of the largest configuration that is read."""
CONFIGS: Final = Path(__file__).parent / "configs"
_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Expected(StrictModel):
    """What the plan assumes of a source until its files are there, and where the figures are from."""

    files: Count
    bytes: Count
    documents: Count
    tokens: Count
    source: Annotated[str, Field(min_length=1)]


class Source(StrictModel):
    """One source: files of one kind, and the part of the corpus's tokens that they give."""

    name: Name
    reader: Annotated[str, Field(min_length=1)]
    path: Inside
    """A file, or a folder of which every file is read, below the folder of the inputs."""
    files: Annotated[str, Field(pattern=r"^[^/\\]+$")] = "*"
    """Pattern of the names of the folder's files."""
    share: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """The source's part of the tokens, in relation to the other sources' shares."""
    expected: Expected | None = None


class Language(StrictModel):
    """The languages that are kept."""

    keep: Annotated[list[Annotated[str, Field(pattern="^[a-z]{2}$")]], Field(min_length=1)]
    fewest_words: Count = 20
    """Of a shorter text the language that the source states counts."""
    least_share: Share = 0.1
    """The share of a text's words that are function words of the language, at least."""


class Quality(StrictModel):
    """Bounds that a text must keep; null switches a rule off. Shares are from 0 to 1."""

    fewest_words: Count | None = 20
    most_words: Count | None = 1_000_000
    shortest_mean_word: _Number | None = 3.0
    longest_mean_word: _Number | None = 12.0
    least_words_with_letters: Share | None = 0.5
    most_symbols_per_word: _Number | None = 0.1
    """Of "#", "…" and "..."."""
    most_bullet_lines: Share | None = 0.9
    most_cut_off_lines: Share | None = 0.3
    """Lines that end in "…" or "..."."""
    most_repeated_lines: Share | None = 0.3
    """Lines of more than one word that the text had before."""
    most_repeated_sequences: Share | None = 0.3
    """Words that stand in sequences of ten words which the text had before."""
    most_unreadable: Share | None = 0.001
    """Replacement and control characters."""


class Mixture(StrictModel):
    """How many tokens are drawn from the sources."""

    tokens: Count | None = None
    """All together; null for as many as the shares allow."""
    allow_short: bool = False
    """Whether a source that has too few tokens gives those that it has; else that is an error."""


class Tokenizer(StrictModel):
    """The tokenizer that counts: that of the recipe's base model."""

    model: Annotated[str, Field(min_length=1)]
    """A hub name, or `./NAME`: a tokenizer.json below the folder of the inputs."""
    revision: str | None = None


class Local(StrictModel):
    """Processes of this machine."""

    kind: Literal["local"]
    workers: Annotated[int, Field(ge=1, le=1024)] = 1


class Ray(StrictModel):
    """Workers of a Ray cluster, by datatrove's executor; the folders must be the same on every node."""

    kind: Literal["ray"]
    workers: Annotated[int, Field(ge=1, le=100_000)] = 1
    cpus: Count = 1
    memory_gb: Annotated[float, Field(gt=0, le=4096)] = 2.0


class Slurm(StrictModel):
    """Jobs of a Slurm cluster, by datatrove's executor; the folders must be the same on every node."""

    kind: Literal["slurm"]
    workers: Annotated[int, Field(ge=1, le=100_000)] = 1
    partition: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    time: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}:\d{2}:\d{2}$")] = "12:00:00"
    cpus: Count = 1
    memory_gb: Count = 4
    qos: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "normal"


ExecutorSettings = Annotated[Local | Ray | Slurm, Field(discriminator="kind")]


class CorpusConfig(StrictModel):
    """One corpus. Of all keys only `executor` changes nothing in the result."""

    name: Name
    about: Annotated[str, Field(min_length=1)]
    sources: Annotated[list[Source], Field(min_length=1)]
    language: Language | None = None
    quality: Quality = Field(default_factory=Quality)
    personal: bool = True
    """Whether e-mail addresses, telephone numbers and numbers of persons are replaced."""
    duplicates: DuplicateSettings = Field(default_factory=DuplicateSettings)
    mixture: Mixture = Field(default_factory=Mixture)
    tokenizer: Tokenizer
    shard_tokens: Annotated[int, Field(ge=1_000, le=200_000_000)] = 25_000_000
    task_bytes: Count = 32 << 20
    """Bytes of input files that one task reads, unless its first file has more."""
    seed: Seed = 1
    executor: ExecutorSettings = Field(default_factory=lambda: Local(kind="local"))

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name for source in self.sources]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sources are named {twice}; each needs a name of its own")
        return self

    def with_workers(self, workers: int) -> CorpusConfig:
        """Return the configuration with so many processes of this machine as its executor."""
        return self.model_copy(update={"executor": Local(kind="local", workers=workers)})


def read_config(config: str | Path) -> CorpusConfig:
    """Read a configuration, given as its file or as the name of one that comes with the package.

    Whatever is wrong with it is a `UsageError` that names the key.
    """
    path = find_config(config)
    content = read_yaml(path, MAX_BYTES, UsageError, ErrorCode.INVALID_CORPUS_CONFIG)
    try:
        return CorpusConfig.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, "configuration", hidden=("local", "ray", "slurm"))
        raise UsageError(ErrorCode.INVALID_CORPUS_CONFIG, f"{path}: {problem}; correct it") from None


def find_config(config: str | Path) -> Path:
    """Return the file of a configuration; a `UsageError` that lists those of the package if there is none."""
    if Path(config).is_file():
        return Path(config)
    known = {file.stem: file for file in sorted(CONFIGS.glob("*.yaml"))}
    if str(config) in known:
        return known[str(config)]
    message = f"{config}: no such corpus configuration; give a file or one of {', '.join(known)}"
    raise UsageError(ErrorCode.INVALID_CORPUS_CONFIG, message)
