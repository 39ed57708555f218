"""An imported log of a task that evalsuite does not know: the harness's own scores become the grades."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from evalsuite.errors import ErrorCode
from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.interop.importing.harness_log import (
    HarnessLog,
    LoggedResponse,
    external_task_name,
    item_ids,
    prompt_digest,
)
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item

_LONGEST = 200
"""Most characters stored of an answer or a target that is not a label."""


@dataclass(frozen=True)
class ExternalTask:
    """One log whose questions become items and whose scores become grades; strict and lenient parse are the same."""

    log: HarnessLog
    extra_notes: tuple[str, ...] = ()
    """Notes on why evalsuite's parser does not grade it."""

    @property
    def name(self) -> str:
        """`<tool>_<task>`: never the name of an evalsuite task."""
        return external_task_name(self.log.tool, self.log.task)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The questions, named by their content; those with the same content form a group."""
        questions = self.log.questions
        # A log names no labels; chance needs only their number, so they are numbered.
        return tuple(
            Item(id, "", (), tuple(map(str, range(q.options))), q.target[:_LONGEST], group=q.digest)
            for id, q in zip(item_ids(questions), questions, strict=True)
        )

    @cached_property
    def _scored(self) -> Mapping[tuple[str, int], LoggedResponse]:
        """{(item id, sample): response}, for the responses that have a score."""
        scored: dict[tuple[str, int], LoggedResponse] = {}
        for item, question in zip(self.items, self.log.questions, strict=True):
            for sample, response in enumerate(question.responses):
                if response.error is None and response.score is not None:
                    scored[item.id, sample] = response
        return scored

    def rotations(self, item: Item) -> range:
        """Return 0 alone: the log does not state in which order the options were shown."""
        return range(1)

    def check(self) -> None:
        """Raise a `RunError` if the scores cannot be grades, which are right or wrong and nothing between."""
        partial = {response.score for response in self._scored.values() if response.score is not None} - {0.0, 1.0}
        if partial:
            raise self.log.error(
                ErrorCode.LOG_NOT_IMPORTABLE,
                f"its {self.log.metric} isn't right or wrong (one is {min(partial):g}): only scores of 0 and 1 can be "
                "grades; choose another with `metrics`",
            )
        if not self._scored:
            raise self.log.error(
                ErrorCode.LOG_NOT_IMPORTABLE, f"no response has a score of its own by {self.log.metric}"
            )

    def grade(self, item: Item, record: ResponseRecord) -> Grade:
        """Return the log's score of a response as a grade."""
        response = self._scored[item.id, record.sample]
        label = None if response.answer is None else response.answer[:_LONGEST]
        # The one score of the log takes the place of both parses, since nothing here was parsed.
        parse = GradedParse(label, "no_answer" if response.no_answer else "ok", response.score == 1, None)
        return Grade(item.id, record.sample, item.gold, parse, parse, None)

    @property
    def total(self) -> int:
        """Number of items in the log."""
        return len(self.items)

    @property
    def parser(self) -> str:
        """The harness that parsed the answers."""
        return self.log.tool

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform guess; 0 if the log does not state how many options there were."""
        return fmean(1 / len(item.labels) if item.labels else 0.0 for item in self.items)

    @property
    def trivial_baselines(self) -> dict[str, float]:
        """Accuracy of the best constant answer."""
        return {"majority": Counter(item.gold for item in self.items).most_common(1)[0][1] / len(self.items)}

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for two runs to have answered, and been scored on, the same questions."""
        # Sorted, because two logs of the same task may have its items in different orders.
        lines = sorted(f"{item.id} {item.gold}\n" for item in self.items)
        return {
            "version": self.log.version,
            "data_digest": hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest(),
            "variant": "",
            "prompt_digest": prompt_digest(self.log.questions),
            "format": self.log.metric,
            "n": len(self.items),
            "graded_by": f"{self.log.tool.split()[0]} {self.log.metric}",
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about these grades."""
        return (
            f"graded by {self.log.tool}, {self.log.metric}: evalsuite's parser parsed nothing, so strict and lenient "
            "accuracy are the same and invalid answers can't be distinguished from wrong ones",
            *(() if self.chance else ("the log does not state how many options there were: no chance level",)),
            *self.log.notes,
            *self.extra_notes,
        )
