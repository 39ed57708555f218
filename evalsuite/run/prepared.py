"""A task prepared for a run: its data, its prompt, and which items can be answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from evalsuite import parser
from evalsuite.errors import UsageError
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
    """A task made ready to be asked: its data, its prompt, and which items can be answered.

    Options to be rotated that no prompt shows in their order are a `UsageError`.
    """

    dataset: Dataset
    prompt: TaskPrompt | LoglikelihoodPrompt
    prompt_setup: PromptSetup
    limit: int | None
    scoring: Scoring = "generate"
    rotate_options: bool = False

    def __post_init__(self) -> None:
        if self.rotate_options and not any(map(self._moves, self.items)):
            asks = f"--scoring {self.scoring}" if self.scoring != "generate" else "the prompt"
            raise UsageError(f"--rotate-options: {asks} shows no order of options in {self.name} that could be moved")

    def _moves(self, item: Item) -> bool:
        """Whether another order of the options is another prompt."""
        return any(
            self.prompt.messages(rotated(item, s)) != self.prompt.messages(item) for s in self.rotations(item)[1:]
        )

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
        """What a reader must know about the data and about how it was asked."""
        return (*self.dataset.notes, *self.prompt_setup.notes, *self._rotation_notes())

    def rotations(self, item: Item) -> range:
        """By how many places the options of an item are moved, each of which is asked; see `order`."""
        return rotations_of(item) if self.rotate_options else range(1)

    def _rotation_notes(self) -> Iterator[str]:
        if self.rotate_options:
            kept = sum(len(self.rotations(item)) == 1 for item in self.items)
            told = f'; {kept} items keep theirs, since an option means others by their place ("all of the above")'
            yield f"each item was asked in each cyclic order of its options{told if kept else ''}"

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to have answered the same questions."""
        moved = {"rotate_options": True} if self.rotate_options else {}
        return {
            **moved,
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
        """Who reads the answers."""
        return parser.VERSION if self.scoring == "generate" else CHOOSER

    @property
    def total(self) -> int:
        """Items of the whole task, whatever part of them is run."""
        return len(self.dataset.items)

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform guess on this run's items."""
        return fmean(1 / len(item.labels) for item in self.items)

    @property
    def trivial_baselines(self) -> dict[str, float]:
        """Accuracy of rules that know no medicine on what this run showed, the rules made from the whole task."""
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
        """Grade a response by how this task's prompt asked, or choose the likeliest option."""
        return (
            grade(item, record, self.prompt_setup)
            if self.scoring == "generate"
            else grade_by_loglikelihood(item, record)
        )

    def continuations(self, item: Item) -> tuple[str, ...]:
        """What is weighed for an item: nothing where the model is to write."""
        return self.prompt.continuations(item) if isinstance(self.prompt, LoglikelihoodPrompt) else ()

    def to_json(self) -> dict[str, Any]:
        """What a finished run keeps of how it asked."""
        prompt_digest = self.prompt_setup.prompt_digest or self.prompt.digest
        return replace(self.prompt_setup, items=self.items, prompt_digest=prompt_digest).to_json(self.dataset)


def prepare_task(plan: RunSpec, backend: Backend, dataset: Dataset) -> PreparedTask:
    """Make a task ready for a backend."""
    format = plan.format or dataset.task.format
    if plan.scoring == "generate":
        prompt: TaskPrompt | LoglikelihoodPrompt = TaskPrompt(dataset.task, format, plan.system)
    else:
        prompt = LoglikelihoodPrompt(dataset.task, plan.scoring, plan.system)
    setup = backend.prompt_setup(dataset, format)
    if plan.format is not None and setup.format != plan.format:
        was = f"{dataset.task.name} was asked for {setup.format} when it was recorded, and is graded by that"
        raise UsageError(f"--format {plan.format}: {was}; leave it out")
    return PreparedTask(dataset, prompt, setup, plan.limit, plan.scoring, plan.rotate_options)
