"""Our tasks as verifiers environments: `load_environment("medqa")`, one turn, our prompt, our parser, our grades.

`vf-eval` and the hub want a package for an environment: examples/environments/evalsuite_medqa is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import verifiers as vf

from evalsuite.data.load import load, load_split
from evalsuite.data.locate import data_folder, find
from evalsuite.grading.grade import Grade, grade
from evalsuite.models.backend import Finish, PromptSetup
from evalsuite.parser import parse
from evalsuite.reward.strict_reward import content_text
from evalsuite.reward.train_dataset import refuse_test_items, train_rows
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task


class Parser(vf.Parser):
    """The strict parse: `parse_answer` gives the label that a completion ends in, or None."""

    def __init__(self, labels: tuple[str, ...], format: str, prompt_opens_reasoning: bool) -> None:
        super().__init__(extract_fn=lambda text: self.label(text, prompt_opens_reasoning))
        self.labels = labels
        self.format = format
        self.prompt_opens_reasoning = prompt_opens_reasoning

    def parse_answer(self, completion: Any) -> str | None:
        """Read a completion's last message; reasoning that came apart from it is closed."""
        text, reasoning = _said(completion)
        return self.label(text, self.prompt_opens_reasoning and not reasoning)

    def label(self, text: str, opens_reasoning: bool) -> str | None:
        """The label that the strict parse finds, among all that the task's items have."""
        return parse(text, self.labels, None, self.format, "stop", opens_reasoning).strict.label


class Rubric(vf.Rubric):
    """The reward is `strict`; `lenient`, `invalid` and `truncated` are reported beside it and pay nothing.

    `state["grade"]` holds both readings whole, as an inspect log's metadata do; `vf-eval -C grade` keeps it.
    """

    def __init__(self, items: Mapping[str, Item], parser: Parser) -> None:
        self.items = items
        told = [self.strict, self.lenient, self.invalid, self.truncated]
        super().__init__(funcs=told, weights=[1.0, 0.0, 0.0, 0.0], parser=parser)

    def strict(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the strict parse names the gold label."""
        found = self.graded(completion, info, state)
        state["grade"] = {
            "strict": found.strict._asdict(),
            "lenient": {**found.lenient._asdict(), "form": found.form},
        }
        return float(found.strict.correct)

    def lenient(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the lenient parse does."""
        return float(self.graded(completion, info, state).lenient.correct)

    def invalid(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the strict parse finds no answer."""
        return float(self.graded(completion, info, state).strict.status != "ok")

    def truncated(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 where the token limit ended the response before an answer."""
        return float(self.graded(completion, info, state).strict.status == "truncated")

    def graded(self, completion: Any, info: Any, state: Any) -> Grade:
        """Grade a completion as a run of ours would."""
        item = self.items[info["item"]]
        text, reasoning = _said(completion)
        opens = self.parser.prompt_opens_reasoning and not reasoning
        finish: Finish = "length" if state.get("is_truncated") else "stop"
        record = ResponseRecord(item.id, 0, text, reasoning, finish, opens, None, None, None, "")
        return grade(item, record, PromptSetup((item,), self.parser.format))


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
    asked = format or card.format
    test, train = load(card, folder).items, _train_items(card, folder)
    labels = dict.fromkeys(label for item in (*test, *train) for label in item.labels)
    parser = Parser(tuple(labels), asked, prompt_opens_reasoning)
    return vf.SingleTurnEnv(
        dataset=_rows(card, train, asked, system) if train else None,
        eval_dataset=_rows(card, test, asked, system),
        parser=parser,
        rubric=Rubric({item.id: item for item in (*test, *train)}, parser),
        **settings,
    )


def _train_items(card: Task, folder: Path | None) -> tuple[Item, ...]:
    """The train items, where any of their files is there; none of them is a test item."""
    if not any(find(source, data_folder(folder)) for source in card.train):
        return ()
    items = load_split(card, "train", folder)
    refuse_test_items(items, "train", card)
    return items


def _rows(card: Task, items: Sequence[Item], format: str, system: str | None) -> Callable[[], Any]:
    """What builds a data set in verifiers' columns once it is asked for."""

    def build() -> Any:
        from datasets import Dataset

        return Dataset.from_list(
            [
                {"prompt": row["prompt"], "answer": row["gold"], "info": {"item": row["item"], "labels": row["labels"]}}
                for row in train_rows(card, items, format, system)
            ]
        )

    return build


def _said(completion: Any) -> tuple[str, str]:
    """The text of a completion's last message, and reasoning that the server kept apart from it."""
    if isinstance(completion, str):
        return completion, ""
    if not completion or completion[-1].get("role") != "assistant":
        return "", ""
    message = completion[-1]
    return content_text(message.get("content")), message.get("reasoning_content") or ""
