"""A task prepared for a run: its data, its prompt, and the items that can be answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from evalsuite import parser
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.grading.grade import Grade, grade
from evalsuite.grading.loglikelihood import CHOOSER, LoglikelihoodPrompt, grade_by_loglikelihood
from evalsuite.models.backend import Backend, PromptSetup, Request, Scoring
from evalsuite.models.trivial import Chooser, longest, majority
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.rotation import rotated, rotations_of


@dataclass(frozen=True, slots=True)
class PreparedTask:
    """A task with its data, prompt and prompt setup, ready to be run.

    Option rotation where no prompt shows the options in an order is a `UsageError`.
    """

    dataset: Dataset
    prompt: TaskPrompt | LoglikelihoodPrompt
    prompt_setup: PromptSetup
    limit: int | None
    scoring: Scoring = "generate"
    rotate_options: bool = False

    def __post_init__(self) -> None:
        if self.rotate_options and not any(map(self._rotation_changes_prompt, self.items)):
            reason = f"`scoring` {self.scoring}" if self.scoring != "generate" else "the prompt"
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`rotate_options`: {reason} shows the options of {self.name} in no order: leave one of them out",
            )

    def _rotation_changes_prompt(self, item: Item) -> bool:
        unrotated = self.prompt.messages(item)
        return any(self.prompt.messages(rotated(item, s)) != unrotated for s in self.rotations(item)[1:])

    @property
    def name(self) -> str:
        """The task's name."""
        return self.dataset.task.name

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of this run."""
        return self.prompt_setup.items[: self.limit]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the data and the prompts, one sentence each."""
        return (*self.dataset.notes, *self.prompt_setup.notes, *self._format_notes(), *self._rotation_notes())

    def rotations(self, item: Item) -> range:
        """The rotations under which an item is sent; see `tasks.rotation`."""
        return rotations_of(item) if self.rotate_options else range(1)

    def _format_notes(self) -> Iterator[str]:
        if not self.prompt_setup.format_known:
            yield (
                "which answer format the prompts requested isn't known, so the strict accuracy can't apply (it is "
                f"graded as if {self.prompt_setup.format} had been requested): use the lenient accuracy"
            )

    def _rotation_notes(self) -> Iterator[str]:
        if self.rotate_options:
            fixed = sum(len(self.rotations(item)) == 1 for item in self.items)
            exception = f'; {fixed} items keep theirs, since an option means others by their place ("all of the above")'
            yield f"each item was sent in each cyclic order of its options{exception if fixed else ''}"

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that must be equal for two runs to have answered the same prompts."""
        # Left out where they say the usual, so that runs from before they existed keep their identity.
        rotation = {"rotate_options": True} if self.rotate_options else {}
        unknown = {} if self.prompt_setup.format_known else {"format_known": False}
        task_args = {"task_args": self.dataset.task.arguments} if self.dataset.task.arguments else {}
        return {
            **rotation,
            **unknown,
            **task_args,
            "version": self.dataset.task.version,
            "data_digest": self.dataset.digest,
            "variant": self.dataset.variant,
            "prompt_digest": self.prompt_setup.prompt_digest or self.prompt.digest,
            "format": self.prompt_setup.format,
            "scoring": self.scoring,
            "n": len(self.items),
        }

    @property
    def parser(self) -> str:
        """The version of the parser that grades the responses, or the rule of log-likelihood scoring."""
        return parser.VERSION if self.scoring == "generate" else CHOOSER

    @property
    def total(self) -> int:
        """Number of items of the task, of which `limit` may select a part."""
        return len(self.dataset.items)

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform random choice on this run's items."""
        return fmean(1 / len(item.labels) for item in self.items)

    @property
    def trivial_baselines(self) -> dict[str, float]:
        """Accuracy of the trivial baselines on this run's items; they are derived from all items of the task."""
        return {
            "majority": self._trivial_accuracy(majority(self.dataset)),
            "longest": self._trivial_accuracy(longest(self.dataset)),
        }

    def _trivial_accuracy(self, choose: Chooser) -> float:
        return fmean(
            fmean(self._is_right(choose, item, rotation) for rotation in self.rotations(item)) for item in self.items
        )

    def _is_right(self, choose: Chooser, item: Item, rotation: int) -> bool:
        shown = rotated(item, rotation)
        return choose(Request(self.name, shown, 0, (), 0)) == shown.gold

    def grade(self, item: Item, record: ResponseRecord) -> Grade:
        """Grade a response by the answer format of its prompt, or by the likeliest option."""
        return (
            grade(item, record, self.prompt_setup)
            if self.scoring == "generate"
            else grade_by_loglikelihood(item, record)
        )

    def continuations(self, item: Item) -> tuple[str, ...]:
        """Return the texts whose log-likelihood is scored for an item; none where the model generates."""
        return self.prompt.continuations(item) if isinstance(self.prompt, LoglikelihoodPrompt) else ()

    def to_json(self) -> dict[str, Any]:
        """Return the prompt setup as run.json stores it."""
        prompt_digest = self.prompt_setup.prompt_digest or self.prompt.digest
        return replace(self.prompt_setup, items=self.items, prompt_digest=prompt_digest).to_json(self.dataset)


def prepare_task(spec: RunSpec, backend: Backend, dataset: Dataset) -> PreparedTask:
    """Prepare a task for a backend; a format that a recording doesn't have is a `UsageError`."""
    format = spec.format or dataset.task.format
    if spec.scoring == "generate":
        prompt: TaskPrompt | LoglikelihoodPrompt = TaskPrompt(dataset.task, format, spec.system)
    else:
        prompt = LoglikelihoodPrompt(dataset.task, spec.scoring, spec.system)
    setup = backend.prompt_setup(dataset, format)
    if spec.format is not None and setup.format != spec.format:
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`answer_format` {spec.format}: {dataset.task.name} was recorded with {setup.format} and is graded by it; "
            "leave it out",
        )
    setup = replace(
        setup,
        format_known=setup.format_known or spec.format is not None,
        notes=(*setup.notes, *backend.sample_notes(dataset, spec.samples)),
    )
    if spec.scoring == "generate" and setup.format == "answer_tag" and parser.wrapped_in_answer_tags(spec.model):
        backend.notes["response_wrapper"] = (
            "Hunyuan models write <answer> around their whole response, which is also the tag of the requested answer: "
            "use another answer format (--format answer_line)"
        )
    return PreparedTask(dataset, prompt, setup, spec.limit, spec.scoring, spec.rotate_options)
