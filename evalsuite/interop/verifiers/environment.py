"""Tasks as single-turn environments of verifiers 0.3, with evalsuite's prompt, parser and grades; 0.4 has none.

`vf-eval` and the environments hub expect an environment to be a package: examples/environments/evalsuite_medqa is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import verifiers as vf

from evalsuite.data.load import load, load_split
from evalsuite.data.locate import data_folder, find, train_sources
from evalsuite.errors import BackendError, ErrorCode
from evalsuite.grading.grade import Grade
from evalsuite.interop.grade_response import grade_response, grade_to_json
from evalsuite.parser import parse
from evalsuite.reward.strict_reward import content_text
from evalsuite.reward.train_dataset import refuse_test_items, train_rows
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task

if not hasattr(vf, "SingleTurnEnv"):
    raise BackendError(
        ErrorCode.MISSING_PACKAGE,
        f"verifiers {vf.__version__} has no SingleTurnEnv, which load_environment returns: use ItemsTaskset with its "
        "`vf-eval`, or pip install 'verifiers<0.4'",
    )


class StrictParser(vf.Parser):
    """One verifiers parser by the strict parse: `parse_answer` returns the label that a completion ends in, or None."""

    def __init__(self, labels: tuple[str, ...], format: str, prompt_opens_reasoning: bool) -> None:
        super().__init__(extract_fn=lambda text: self.label(text, prompt_opens_reasoning))
        self.labels = labels
        self.format = format
        self.prompt_opens_reasoning = prompt_opens_reasoning

    def parse_answer(self, completion: Any) -> str | None:
        """Parse a completion's last message; reasoning that was returned separately is closed."""
        text, reasoning = _text_and_reasoning(completion)
        return self.label(text, self.prompt_opens_reasoning and not reasoning)

    def label(self, text: str, opens_reasoning: bool) -> str | None:
        """Return the label of the strict parse, among all labels that the task's items have."""
        return parse(text, self.labels, None, self.format, "stop", opens_reasoning).strict.label


class StrictRubric(vf.Rubric):
    """One verifiers rubric whose reward is `strict`; `lenient`, `invalid` and `truncated` have the weight 0.

    `state["grade"]` holds both parses in full, like the metadata of an inspect-ai log; `vf-eval -C grade` saves it.
    """

    def __init__(self, items: Mapping[str, Item], parser: StrictParser) -> None:
        self.items = items
        # Named by verifiers in its results: the functions' names are the names of the metrics.
        functions = [self.strict, self.lenient, self.invalid, self.truncated]
        super().__init__(funcs=functions, weights=[1.0, 0.0, 0.0, 0.0], parser=parser)

    def strict(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 if the strict parse is the gold label."""
        grade = self.grade(completion, info, state)
        state["grade"] = grade_to_json(grade)
        return float(grade.strict.correct)

    def lenient(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 if the lenient parse is the gold label."""
        return float(self.grade(completion, info, state).lenient.correct)

    def invalid(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 if the strict parse has no valid answer."""
        return float(self.grade(completion, info, state).strict.status != "ok")

    def truncated(self, completion: Any, info: Any, state: Any) -> float:
        """1.0 if the token limit ended the response before an answer."""
        return float(self.grade(completion, info, state).strict.status == "truncated")

    def grade(self, completion: Any, info: Any, state: Any) -> Grade:
        """Grade a completion like `evalsuite run`."""
        text, reasoning = _text_and_reasoning(completion)
        return grade_response(
            self.items[info["item"]],
            self.parser.format,
            text,
            reasoning=reasoning,
            finish="length" if state.get("is_truncated") else "stop",
            opens_reasoning=self.parser.prompt_opens_reasoning,
        )


def load_environment(
    task: str | Task,
    *,
    format: str | None = None,
    system: str | None = None,
    prompt_opens_reasoning: bool = False,
    data_dir: str | None = None,
    task_args: Mapping[str, object] | None = None,
    **settings: Any,
) -> vf.SingleTurnEnv:
    """Return the environment of a task: evaluated on its test items, trained on its train items if it has any.

    `prompt_opens_reasoning` states that the server's chat template ends the prompt inside `<think>` and that the server
    leaves the reasoning in the text. `task_args` are arguments of the task, such as the seed of its items. All other
    settings are passed to `SingleTurnEnv`.
    """
    card = (load_task(task) if isinstance(task, str) else task).with_arguments(task_args or {})
    folder = None if data_dir is None else Path(data_dir)
    format = format or card.format
    test, train = load(card, folder).items, _train_items(card, folder)
    # verifiers calls a parser without the item, so its labels are those of all items; the rubric uses the item's own.
    labels = dict.fromkeys(label for item in (*test, *train) for label in item.labels)
    parser = StrictParser(tuple(labels), format, prompt_opens_reasoning)
    return vf.SingleTurnEnv(
        dataset=_dataset_builder(card, train, format, system) if train else None,
        eval_dataset=_dataset_builder(card, test, format, system),
        parser=parser,
        rubric=StrictRubric({item.id: item for item in (*test, *train)}, parser),
        **settings,
    )


def _train_items(card: Task, folder: Path | None) -> tuple[Item, ...]:
    """Return the train items if any of their files is present; one that is a test item is a `UsageError`."""
    if not any(find(source, data_folder(folder)) for source in train_sources(card)):
        return ()
    items = load_split(card, "train", folder)
    refuse_test_items(items, "train", card)
    return items


def _dataset_builder(card: Task, items: Sequence[Item], format: str, system: str | None) -> Callable[[], Any]:
    """Return a function that builds a dataset with verifiers' columns; verifiers calls it when the dataset is used."""

    def build() -> Any:
        from datasets import Dataset

        return Dataset.from_list(
            [
                {"prompt": row["prompt"], "answer": row["gold"], "info": {"item": row["item"], "labels": row["labels"]}}
                for row in train_rows(card, items, format, system)
            ]
        )

    return build


def _text_and_reasoning(completion: Any) -> tuple[str, str]:
    """Return the text of a completion's last message, and the reasoning that the server returned separately."""
    if isinstance(completion, str):
        return completion, ""
    if not completion or completion[-1].get("role") != "assistant":
        return "", ""
    message = completion[-1]
    return content_text(message.get("content")), message.get("reasoning_content") or ""
