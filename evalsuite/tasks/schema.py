"""What a task's card may say: where files lie, how rows become items, how recordings were asked."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from evalsuite.errors import ErrorCode, TaskError
from evalsuite.util.validation import StrictModel


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError("a path stays below its folder: no .., no leading /")
    return path


Inside = Annotated[str, AfterValidator(_inside)]
"""A relative path that can't leave the folder it is looked up in; cards are untrusted."""


class RecordingFormat(StrictModel):
    """How outputs recorded elsewhere under `setting` had been asked for, so that they are graded by that format."""

    setting: str
    """The recording's own word for its protocol, as its rows carry it."""
    format: str
    """Answer format that the prompt asked for; the nearest of ours where it asked for none of them."""
    stop: tuple[str, ...] = ()
    """Stop strings of that prompt."""
    labels: tuple[str, ...] | None = None
    """Labels that the prompt used, by option position; None: the item's own."""
    response_field: str = "text"
    """Field of a row that is graded."""
    reasoning_field: str | None = None
    """Field that holds reasoning apart from the graded text."""
    note: str = ""
    """What a reader of the grades must know, in a sentence."""


class HubDataset(StrictModel):
    """The data set on the Hugging Face hub that the items come from."""

    repo: Annotated[Inside, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    config: str = "default"
    split: str
    files: tuple[Inside, ...]
    """Paths in the repository; shell patterns allowed."""
    revision: str = "unverified"
    """A commit; `unverified`: nobody could check one, so `ref` is resolved when pulled and the digest decides."""
    ref: str = "main"
    layout: str = ""
    """Which of the card's layouts reads these files; empty: none is known, so they are fetched but not loaded."""
    keep: Literal["all", "lock"] = "all"
    """`lock`: the files hold more than the benchmark; only ids in items.lock are taken."""
    note: str = ""


class DataFile(StrictModel):
    """One known file of a task, in a mirror or beside the card."""

    path: Inside
    """Below the data folder (or the task's); `.gz` may follow; shell patterns allowed."""
    layout: str = "native"
    variant: str = ""
    """Which form of the data this is; empty: the task's own."""
    items: int
    sha256: str = ""
    """Of the content, after decompression."""
    stored_sha256: str = ""
    """Of the file as the known mirror stores it."""
    digest: str = ""
    """Canonical digest of this file's items where it isn't the task's."""
    keep: Literal["all", "lock"] = "all"
    refuse: str = ""
    """Why this file can't be run, where it is known but useless; it is never read."""
    note: str = ""


class OptionsField(StrictModel):
    """Where a row keeps its options."""

    kind: Literal["map", "list", "columns", "entries", "fixed"]
    """{label: text} | [text] | one column each | [{label, text}] | the same for all items."""
    at: str = ""
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Only `fixed`: the labels, which are the texts too."""
    label: str = "letter"
    text: str = "content"
    cell: str = ""
    """A field that holds JSON as a string; `at` is then a path inside it."""

    @model_validator(mode="after")
    def _complete(self) -> OptionsField:
        needs = {"columns": "columns", "fixed": "labels"}.get(self.kind, "at")
        if not getattr(self, needs):
            raise ValueError(f"options of kind {self.kind} need {needs!r}")
        return self


class GoldField(StrictModel):
    """Where a row keeps its key."""

    kind: Literal["label", "index", "list", "text"]
    """A label | a number | a list of one label, perhaps written as a string | the option's text."""
    at: str


class ContextSection(StrictModel):
    """One section of the context: a heading, and where its text stands."""

    heading: str
    at: str


class ContextField(StrictModel):
    """What the question is asked about: parallel lists of headings and texts, or single fields."""

    headings: str = ""
    texts: str = ""
    fields: tuple[ContextSection, ...] = ()


class RowLayout(StrictModel):
    """How the rows of a file become items; paths are dotted field names."""

    read: Literal["rows", "map", "columns"] = "rows"
    """A row each | {id: row} | {column: {row key: value}}."""
    id: str
    """`$row`: the 0-based row number; `$key`: the key in a map or of the rows in columns; `$lock`: none, so rows are
    joined with the locked items by content."""
    question: str
    options: OptionsField
    gold: GoldField
    context: ContextField | None = None
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows whose field has this value."""
    ids_from: Inside = ""
    """Another file, {id: label}: only its ids are taken, and its labels must agree."""
    ids: Literal["in", "not in"] = "in"
    meta: dict[str, str] = Field(default_factory=dict)
    """Subgroup name to field."""
    group: Literal["", "question", "item"] = ""
    """Items that share the question's text (`item`: and the set of option texts) form a group."""
    cut: str = ""
    """The question ends in its choices behind this mark; they are cut off, since the prompt prints them."""
    shuffle: str = ""
    """Seed by which each item's options are put in a fixed order of its own."""


BUILT_IN = next(
    (f for f in (Path(__file__).parents[1] / "_tasks", Path(__file__).parents[2] / "tasks") if f.is_dir()),
    Path(__file__).parents[1] / "_tasks",
)
"""The task folders that come with the package: inside it when installed, next to it in a checkout."""


class ConstantAnswer(StrictModel):
    """The one label that scores best when it is always given, and how well that is."""

    label: str
    accuracy: float


class Suite(StrictModel):
    """A named list of tasks, in the order of a table's columns."""

    name: str
    about: str
    tasks: tuple[str, ...]


class Task(StrictModel):
    """A benchmark's card: everything that is known about it, and how its files become items."""

    name: str
    version: int
    """Raised whenever the same response could be graded otherwise, or another prompt is sent."""
    title: str = ""
    about: str = ""
    language: Literal["en", "zh"] = "en"
    licence: str = ""
    citation: str = ""
    split: str = ""
    """Which split is measured, and why."""
    format: str = "answer_tag"
    aliases: tuple[str, ...] = ()
    """Other names under which recordings know the task."""
    items: int = 0
    option_counts: dict[int, int] = Field(default_factory=dict)
    """Number of options to number of items."""
    chance: float = 0.0
    """Expected accuracy of a uniform guess: the mean of 1 / number of options."""
    constant: ConstantAnswer | None = None
    variant: str = ""
    """Which of the known forms of the data the figures of this card are about."""
    digest: str = ""
    """Canonical digest of that variant's items; empty: not locked yet."""
    defects: tuple[str, ...] = ()
    contamination: tuple[str, ...] = ()
    hub: HubDataset | None = None
    recordings: tuple[RecordingFormat, ...] = ()
    sources: tuple[DataFile, ...] = ()
    train: tuple[DataFile, ...] = ()
    dev: tuple[DataFile, ...] = ()
    layouts: dict[str, RowLayout] = Field(default_factory=dict)
    prompt_template: str = ""
    """Text of the prompt template; empty: it is in `prompt.j2`, beside the card or shared by the built-in tasks."""
    folder: Path

    @property
    def prompt(self) -> Path:
        """The task's prompt template: its own `prompt.j2`, or else the one that the built-in tasks share."""
        own = self.folder / "prompt.j2"
        return own if own.is_file() else BUILT_IN / "prompt.j2"

    @property
    def template(self) -> str:
        """Text of the prompt template."""
        if self.prompt_template:
            return self.prompt_template
        try:
            return self.prompt.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(ErrorCode.INVALID_PROMPT_TEMPLATE, f"{self.prompt}: can't be read: {error}") from None

    def recording(self, setting: str) -> RecordingFormat | None:
        """How recordings made under `setting` had been asked for; None: the card does not know it."""
        return next((r for r in self.recordings if r.setting == setting), None)
