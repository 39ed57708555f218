"""A task prepared for a run: its data, its prompt, and which items can be answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from evalsuite import parser
from evalsuite.errors import UsageError
from evalsuite.grading.grade import Grade, grade
from evalsuite.grading.loglikelihood import CHOOSER, ScoredPrompt, choose
from evalsuite.models.backend import Asked, Backend, Request, Scoring
from evalsuite.models.trivial import Chooser, longest, majority
from evalsuite.run.spec import Plan
from evalsuite.run_folder import Record
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import Prompt
from evalsuite.tasks.rotation import shifted, shifts_of


@dataclass(frozen=True, slots=True)
class Bench:
    """A task made ready to be asked: its data, its prompt, and which items can be answered.

    Options to be shifted that no prompt shows in their order are a `UsageError`.
    """

    dataset: Dataset
    prompt: Prompt | ScoredPrompt
    asked: Asked
    limit: int | None
    scoring: Scoring = "generate"
    shift_options: bool = False

    def __post_init__(self) -> None:
        if self.shift_options and not any(map(self._moves, self.items)):
            asks = f"--scoring {self.scoring}" if self.scoring != "generate" else "the prompt"
            raise UsageError(f"--shift-options: {asks} shows no order of options in {self.name} that could be moved")

    def _moves(self, item: Item) -> bool:
        """Whether another order of the options is another prompt."""
        return any(self.prompt.messages(shifted(item, s)) != self.prompt.messages(item) for s in self.shifts(item)[1:])

    @property
    def name(self) -> str:
        """The task's name."""
        return self.dataset.task.name

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of this run."""
        return self.asked.items[: self.limit]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the data and about how it was asked."""
        return (*self.dataset.notes, *self.asked.notes, *self._shift_notes())

    def shifts(self, item: Item) -> range:
        """By how many places the options of an item are moved, each of which is asked; see `order`."""
        return shifts_of(item) if self.shift_options else range(1)

    def _shift_notes(self) -> Iterator[str]:
        if self.shift_options:
            kept = sum(len(self.shifts(item)) == 1 for item in self.items)
            told = f'; {kept} items keep theirs, since an option means others by their place ("all of the above")'
            yield f"each item was asked in each cyclic order of its options{told if kept else ''}"

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to have answered the same questions."""
        moved = {"shift_options": True} if self.shift_options else {}
        return {
            **moved,
            "version": self.dataset.task.version,
            "data_digest": self.dataset.digest,
            "variant": self.dataset.variant,
            "prompt_digest": self.asked.prompt_digest or self.prompt.digest,
            "format": self.asked.format,
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
    def floors(self) -> dict[str, float]:
        """Accuracy of rules that know no medicine on what this run showed, the rules made from the whole task."""
        return {"majority": self._floor(majority(self.dataset)), "longest": self._floor(longest(self.dataset))}

    def _floor(self, choose: Chooser) -> float:
        return fmean(fmean(self._is_right(choose, item, shift) for shift in self.shifts(item)) for item in self.items)

    def _is_right(self, choose: Chooser, item: Item, shift: int) -> bool:
        shown = shifted(item, shift)
        return choose(Request(self.name, shown, 0, (), 0)) == shown.gold

    def grade(self, item: Item, record: Record) -> Grade:
        """Grade a response by how this task's prompt asked, or choose the likeliest option."""
        return grade(item, record, self.asked) if self.scoring == "generate" else choose(item, record)

    def continuations(self, item: Item) -> tuple[str, ...]:
        """What is weighed for an item: nothing where the model is to write."""
        return self.prompt.continuations(item) if isinstance(self.prompt, ScoredPrompt) else ()

    def to_json(self) -> dict[str, Any]:
        """What a finished run keeps of how it asked."""
        prompt_digest = self.asked.prompt_digest or self.prompt.digest
        return replace(self.asked, items=self.items, prompt_digest=prompt_digest).to_json(self.dataset)


def make_bench(plan: Plan, backend: Backend, dataset: Dataset) -> Bench:
    """Make a task ready for a backend."""
    format = plan.format or dataset.task.format
    if plan.scoring == "generate":
        prompt: Prompt | ScoredPrompt = Prompt(dataset.task, format, plan.system)
    else:
        prompt = ScoredPrompt(dataset.task, plan.scoring, plan.system)
    asked = backend.asked(dataset, format)
    if plan.format is not None and asked.format != plan.format:
        was = f"{dataset.task.name} was asked for {asked.format} when it was recorded, and is graded by that"
        raise UsageError(f"--format {plan.format}: {was}; leave it out")
    return Bench(dataset, prompt, asked, plan.limit, plan.scoring, plan.shift_options)
