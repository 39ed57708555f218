"""A task that isn't ours: the harness's own scores become the grades, and everything says so."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.interop.importing.log import HarnessLog, LoggedReply, item_ids, prompt_digest, task_key
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item

_LONGEST = 200
"""Characters kept of an answer or a key, where it is no label."""


@dataclass(frozen=True)
class ExternalTask:
    """A log's questions as items, graded as the log says; both readings are the same."""

    log: HarnessLog
    extra: tuple[str, ...] = ()
    """Notes on why it isn't graded here."""

    @property
    def name(self) -> str:
        """`<tool>_<task>`: never the name of a task of ours."""
        return task_key(self.log.tool, self.log.task)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The questions, named by their content; those that say the same form a group."""
        questions = self.log.questions
        return tuple(
            Item(id, "", (), tuple(map(str, range(q.choices))), q.target[:_LONGEST], group=q.content)
            for id, q in zip(item_ids(questions), questions, strict=True)
        )

    @cached_property
    def _scored(self) -> Mapping[tuple[str, int], LoggedReply]:
        found: dict[tuple[str, int], LoggedReply] = {}
        for item, question in zip(self.items, self.log.questions, strict=True):
            for sample, reply in enumerate(question.replies):
                if reply.error is None and reply.score is not None:
                    found[item.id, sample] = reply
        return found

    def rotations(self, item: Item) -> range:
        """None but 0: nothing says in which order the options stood."""
        return range(1)

    def check(self) -> None:
        """Raise a `RunError` where grades can't be made of the scores: only right and wrong are grades."""
        partial = {reply.score for reply in self._scored.values() if reply.score is not None} - {0.0, 1.0}
        if partial:
            raise self.log.error(
                f"its {self.log.metric} isn't right or wrong (one is {min(partial):g}): only scores of 0 and 1 can be "
                "grades; choose another with --metric"
            )
        if not self._scored:
            raise self.log.error(f"no reply has a score of its own by {self.log.metric}")

    def grade(self, item: Item, record: ResponseRecord) -> Grade:
        """The verdict that the log holds."""
        reply = self._scored[item.id, record.sample]
        label = None if reply.answer is None else reply.answer[:_LONGEST]
        reading = GradedParse(label, "no_answer" if reply.abstained else "ok", reply.score == 1, None)
        return Grade(item.id, record.sample, item.gold, reading, reading, None)

    @property
    def total(self) -> int:
        """Items in the log."""
        return len(self.items)

    @property
    def parser(self) -> str:
        """Who read the answers."""
        return self.log.tool

    @property
    def chance(self) -> float:
        """Of a uniform guess; 0 where the log doesn't say how many options there were."""
        return fmean(1 / len(item.labels) if item.labels else 0.0 for item in self.items)

    @property
    def trivial_baselines(self) -> dict[str, float]:
        """The best constant answer."""
        return {"majority": Counter(item.gold for item in self.items).most_common(1)[0][1] / len(self.items)}

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to have answered, and been scored on, the same questions."""
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
        """What a reader must know."""
        return (
            f"graded by {self.log.tool}, {self.log.metric}: our parser read nothing, so strict and lenient are one and "
            "invalid answers aren't told from wrong ones",
            *(() if self.chance else ("the log doesn't say how many options there were: no chance level",)),
            *self.log.notes,
            *self.extra,
        )
