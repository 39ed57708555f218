"""The schema of task cards: source files, how rows become items, how recordings were made."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from evalsuite.errors import ErrorCode, TaskError, UsageError
from evalsuite.tasks.answer_format import LANGUAGE_TAG
from evalsuite.tasks.generated_items import GeneratedItems
from evalsuite.tasks.task_arguments import TaskArgument, Value, parse_arguments
from evalsuite.util.arguments import TEXT, check_arguments, instance_of, optional
from evalsuite.util.regular_file import check_inside, read_regular_file
from evalsuite.util.validation import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalsuite.tasks.item import Item
    from evalsuite.tasks.prompt import Message, TaskPrompt


_TASK_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def is_task_name(name: object) -> bool:
    """Return whether a value may name a task: a file of it is named by it, so that it can't be a path."""
    return isinstance(name, str) and _TASK_NAME.fullmatch(name) is not None


def alternatives(path: str) -> list[str]:
    """Return the paths that `folder/{pattern,pattern}` stands for; any other path stands for itself."""
    folder, brace, names = path.partition("{")
    return [folder + name for name in names.removesuffix("}").split(",")] if brace else [path]


def _inside(path: str) -> str:
    for each in alternatives(path):
        parts = PurePosixPath(each)
        # A drive or a stream of Windows is written with a colon; a second brace would change what `alternatives` finds.
        if not each or parts.is_absolute() or ".." in parts.parts or any(char in each for char in "\\:\0{}"):
            raise ValueError("a path stays below its folder: no .., no leading /")
    return path


Inside = Annotated[str, AfterValidator(_inside)]
"""A relative path that can't leave the folder in which it is looked up; cards are untrusted."""


LARGEST_TEMPLATE: Final = 1 << 20
"""Bytes of the largest prompt template that is read."""


class RecordingFormat(StrictModel):
    """The prompt setup of recordings made under `setting`, by which they are graded."""

    setting: str
    """The name of the protocol in the rows of the recording."""
    format: str
    """Answer format that the prompt requested; the nearest one here if it was another."""
    stop: tuple[str, ...] = ()
    """Stop strings of that prompt."""
    labels: tuple[str, ...] | None = None
    """Labels that the prompt used, by option position; None: those of the item."""
    response_field: str = "text"
    """Field of a row that is graded."""
    reasoning_field: str | None = None
    """Field that holds reasoning separately from the graded text."""
    note: str = ""
    """What a reader of the grades must know, in a sentence."""


UNVERIFIED = "unverified"
"""In a card, for a revision or a digest: what the hub has could not be seen when the card was written."""


class HubTrain(StrictModel):
    """The files of a hub data set that hold train items."""

    files: tuple[Inside, ...]
    layout: str
    items: int
    digest: str = UNVERIFIED
    keep: Literal["all", "lock", "not in lock"] = "all"


class HubDataset(StrictModel):
    """The data set on the Hugging Face hub that the items come from."""

    repo: Annotated[Inside, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    config: str = "default"
    split: str
    files: tuple[Inside, ...]
    """Paths in the repository; shell patterns allowed."""
    revision: str = UNVERIFIED
    """A commit; `unverified`: none could be checked, so `ref` is resolved when pulled and the digest decides."""
    ref: str = "main"
    layout: str = ""
    """The card's layout for these files; empty: none is known, so they are downloaded but not loaded."""
    keep: Literal["all", "lock"] = "all"
    """`lock`: the files hold more than the benchmark; only items whose ids are in items.lock are used."""
    variant: str = ""
    """Name of this form of the data; empty: the variant of the task."""
    items: int | None = None
    """Items of that form; None: as many as the task's."""
    digest: str = ""
    """Canonical digest of that form; empty: the task's; `unverified`: the items are used with a note."""
    train: HubTrain | None = None
    note: str = ""


class DataFile(StrictModel):
    """One known file of a task, in a mirror or beside the card."""

    path: Inside
    """Path below the data folder (or the task's); a name with `.gz` also counts; shell patterns allowed."""
    layout: str = "native"
    variant: str = ""
    """Name of this form of the data; empty: the variant of the task."""
    items: int
    sha256: str = ""
    """Of the content, after decompression."""
    stored_sha256: str = ""
    """Of the file as the known mirror stores it."""
    digest: str = ""
    """Canonical digest of this file's items if it differs from the task's; `unverified`: they are used with a note."""
    keep: Literal["all", "lock", "not in lock"] = "all"
    """Of the file's items all, those whose ids are in items.lock, or the others."""
    refuse: str = ""
    """Why this file can't be used, if it is known but useless; it is never read."""
    note: str = ""


class OptionsField(StrictModel):
    """The fields of a row that hold its options."""

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
    """The field of a row that holds its gold label."""

    kind: Literal["label", "index", "list", "text"]
    """A label, or a list of one | a number | a list of one label, perhaps written as a string | the option's text."""
    at: str


class ContextSection(StrictModel):
    """One section of the context: a heading, and the field with its text."""

    heading: str
    at: str


class ContextField(StrictModel):
    """What the question is about: parallel lists of headings and texts, or single fields."""

    headings: str = ""
    texts: str = ""
    fields: tuple[ContextSection, ...] = ()


class RowLayout(StrictModel):
    """How the rows of a file become items; paths are dotted field names."""

    read: Literal["rows", "map", "columns"] = "rows"
    """A list of rows | {id: row} | {column: {row key: value}}."""
    id: str
    """`$row`: the 0-based row number; `$key`: the key in a map or of the rows in columns; `$lock`: there is none, so
    rows are joined with the locked items by content."""
    question: str
    options: OptionsField
    gold: GoldField
    context: ContextField | None = None
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows whose field has this value."""
    ids_from: Inside = ""
    """Another file, {id: label}: only its ids are used, and its labels must agree."""
    ids: Literal["in", "not in"] = "in"
    meta: dict[str, str] = Field(default_factory=dict)
    """Subgroup name to field."""
    group: Literal["", "question", "item"] = ""
    """Items that share the question's text (`item`: and the set of option texts) form a group."""
    cut: str = ""
    """The question repeats its choices behind this marker; they are cut off, since the prompt lists them."""
    shuffle: str = ""
    """Seed with which the options of each item are shuffled into a fixed order."""


BUILT_IN = next(
    (f for f in (Path(__file__).parents[1] / "_tasks", Path(__file__).parents[2] / "tasks") if f.is_dir()),
    Path(__file__).parents[1] / "_tasks",
)
"""The task folders that come with the package: inside it when installed, next to it in a checkout."""


class ConstantAnswer(StrictModel):
    """The label that scores best as a constant answer, and its accuracy."""

    label: str
    accuracy: float


class Suite(StrictModel):
    """A named list of tasks, in the order of a table's columns."""

    name: str
    about: str
    tasks: tuple[str, ...]


def _language_tag(tag: str) -> str:
    if re.fullmatch(LANGUAGE_TAG, tag) is None:
        raise ValueError(f"{tag[:40]!r} is not the tag of a language; write one such as en, de or zh-Hant")
    return tag


class Task(StrictModel):
    """A task card: everything that is known about a benchmark, and how its files become items."""

    name: str
    version: int
    """Raised whenever the same response could be graded differently, or another prompt is sent."""
    title: str = ""
    about: str = ""
    language: Annotated[str, AfterValidator(_language_tag)] = "en"
    """Of the items; the answer instruction is in English where there is none in this language."""
    licence: str = ""
    citation: str = ""
    split: str = ""
    """The split that is used for evaluation, and why."""
    format: str = "answer_tag"
    aliases: tuple[str, ...] = ()
    """Other names of the task in recordings."""
    items: int = 0
    option_counts: dict[int, int] = Field(default_factory=dict)
    """{number of options: number of items}."""
    chance: float = 0.0
    """Expected accuracy of a uniform guess: the mean of 1 / number of options."""
    constant: ConstantAnswer | None = None
    variant: str = ""
    """The form of the data that the numbers of this card are about."""
    digest: str = ""
    """Canonical digest of that variant's items; empty: not locked yet."""
    defects: tuple[str, ...] = ()
    contamination: tuple[str, ...] = ()
    hub: HubDataset | None = None
    generated: GeneratedItems | None = None
    recordings: tuple[RecordingFormat, ...] = ()
    sources: tuple[DataFile, ...] = ()
    train: tuple[DataFile, ...] = ()
    dev: tuple[DataFile, ...] = ()
    layouts: dict[str, RowLayout] = Field(default_factory=dict)
    prompt_template: str = ""
    """Text of the prompt template; empty: it is in `prompt.j2`, beside the card or shared by the built-in tasks."""
    folder: Path
    _given: dict[str, Value] = PrivateAttr(default_factory=dict)
    """Arguments that aren't the card's defaults; a user gives them, never a card."""

    @property
    def argument_types(self) -> Mapping[str, TaskArgument]:
        """The arguments that the task takes."""
        return self.generated.arguments if self.generated else {}

    @property
    def arguments(self) -> dict[str, Value]:
        """The arguments in force, defaults among them."""
        return {name: argument.default for name, argument in self.argument_types.items()} | self._given

    @property
    def given_arguments(self) -> dict[str, Value]:
        """The arguments that differ from the card's defaults: what names these items among the task's."""
        return dict(self._given)

    def with_arguments(self, arguments: Mapping[str, object]) -> Task:
        """Return this task with other arguments; unknown ones and values that aren't allowed are a `UsageError`."""
        values = parse_arguments(self.name, self.argument_types, {**self._given, **arguments})
        task = self.model_copy()
        task._given = {name: value for name, value in values.items() if value != self.argument_types[name].default}
        return task

    @property
    def prompt(self) -> Path:
        """Path of the prompt template: `prompt.j2` in the task's folder, or else the one that built-in tasks share."""
        path = self.folder / "prompt.j2"
        return path if path.is_file() else BUILT_IN / "prompt.j2"

    @property
    def template(self) -> str:
        """Text of the prompt template."""
        if self.prompt_template:
            return self.prompt_template
        try:
            if self.prompt.parent not in (BUILT_IN, BUILT_IN / self.name):  # an installer may link the package's files
                check_inside(self.prompt, self.prompt.parent)
            return read_regular_file(self.prompt, LARGEST_TEMPLATE).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(ErrorCode.INVALID_PROMPT_TEMPLATE, f"{self.prompt}: can't be read: {error}") from None

    def __repr__(self) -> str:
        return f"Task({self.name!r}, version {self.version}, {self.items} items, {self.format})"

    __str__ = __repr__

    def messages(self, item: Item, answer_format: str | None = None, system: str | None = None) -> tuple[Message, ...]:
        """Render the chat messages of an item, in this or another answer format, with or without a system prompt."""
        from evalsuite.tasks.answer_format import FORMATS
        from evalsuite.tasks.item import Item
        from evalsuite.tasks.prompt import TaskPrompt

        types = {"item": instance_of(Item, "an Item"), "answer_format": optional(TEXT), "system": optional(TEXT)}
        check_arguments(types, locals())
        if answer_format is not None and answer_format not in FORMATS:
            raise UsageError(
                ErrorCode.UNKNOWN_ANSWER_FORMAT,
                f"`answer_format` {answer_format!r} is unknown; known: {', '.join(FORMATS)}",
            )
        key = (answer_format or self.format, system)
        if key not in self._prompts:
            self._prompts[key] = TaskPrompt(self, *key)
        return self._prompts[key].messages(item)

    @cached_property
    def _prompts(self) -> dict[tuple[str, str | None], TaskPrompt]:
        """Compiled prompts by answer format and system prompt."""
        return {}

    def recording(self, setting: str) -> RecordingFormat | None:
        """Return the prompt setup of recordings made under `setting`; None if the card doesn't list it."""
        return next((recording for recording in self.recordings if recording.setting == setting), None)
