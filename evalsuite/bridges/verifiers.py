"""Our tasks as verifiers environments: `load_environment("medqa")`, one turn, our prompt, our parser, our grades.

    vf-eval evalsuite-medqa ...        # with a package that names the task: examples/environments/evalsuite_medqa
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import verifiers as vf

from evalsuite.answer import parse
from evalsuite.data import load
from evalsuite.errors import DataError
from evalsuite.grade import Grade, grade
from evalsuite.journal import Record
from evalsuite.models.backend import Asked
from evalsuite.reward.rows import dataset, rows
from evalsuite.reward.strict import content_text
from evalsuite.task import Item, Task, load_task


class Parser(vf.Parser):
    """The strict reading: `parse_answer` gives the label that a completion ends in, or None."""

    def __init__(self, labels: Sequence[str], format: str, prompt_opens_reasoning: bool) -> None:
        super().__init__(extract_fn=self._label)
        self.labels = tuple(labels)
        self.format = format
        self.prompt_opens_reasoning = prompt_opens_reasoning

    def _label(self, text: str) -> str | None:
        reading = parse(text, self.labels, None, self.format, "stop", self.prompt_opens_reasoning)
        return reading.strict.label


class Rubric(vf.Rubric):
    """The reward is `strict`; `lenient`, `invalid` and `truncated` are reported beside it and pay nothing.

    `state["status"]` names what became of the answer (`--state-columns status` keeps it).
    """

    def __init__(self, items: Mapping[str, Item], parser: Parser) -> None:
        self.items = items
        metrics = [self.strict, self.lenient, self.invalid, self.truncated]
        super().__init__(funcs=metrics, weights=[1.0, 0.0, 0.0, 0.0], parser=parser)

    def strict(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the strict reading names the gold label."""
        found = self.graded(completion, info, state)
        state["status"] = found.strict.status
        return float(found.strict.correct)

    def lenient(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the lenient reading does."""
        return float(self.graded(completion, info, state).lenient.correct)

    def invalid(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the strict reading finds no answer."""
        return float(self.graded(completion, info, state).strict.status != "ok")

    def truncated(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the token limit ended the response before an answer."""
        return float(self.graded(completion, info, state).strict.status == "truncated")

    def graded(self, completion: Any, info: Any, state: Any) -> Grade:
        """Grade a completion as a run of ours would."""
        item = self.items[info["item"]]
        text, reasoning = _said(completion)
        opens = self.parser.prompt_opens_reasoning and not reasoning
        finish = "length" if state.get("is_truncated") else "stop"
        record = Record(item.id, 0, text, reasoning, finish, opens, None, None, None, "")
        return grade(item, record, Asked((item,), self.parser.format))


def load_environment(
    task: str | Task,
    *,
    format: str | None = None,
    system: str | None = None,
    prompt_opens_reasoning: bool = False,
    data_dir: str | None = None,
    **settings: Any,
) -> vf.SingleTurnEnv:
    """Make the environment of a task: evaluated on its test items, trained on its train items where there are any.

    `prompt_opens_reasoning` says that the server's chat template ends the prompt inside `<think>` and that the server
    leaves the reasoning in the text. What else is given goes to `SingleTurnEnv`.
    """
    card = load_task(task) if isinstance(task, str) else task
    folder = None if data_dir is None else Path(data_dir)
    test = load(card, folder).items
    asked = format or card.format
    parser = Parser(list(dict.fromkeys(label for item in test for label in item.labels)), asked, prompt_opens_reasoning)
    items = {item.id: item for item in test}
    return vf.SingleTurnEnv(
        dataset=None,
        eval_dataset=None,
        parser=parser,
        rubric=Rubric(items, parser),
        **settings,
    )


def _said(completion: Any) -> tuple[str, str]:
    """The text of a completion's last message, and reasoning that the server kept apart from it."""
    if isinstance(completion, str):
        return completion, ""
    if not completion or completion[-1].get("role") != "assistant":
        return "", ""
    message = completion[-1]
    return content_text(message.get("content")), message.get("reasoning_content") or ""
