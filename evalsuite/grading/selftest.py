"""The gold self-test: without a model, that every item can be prompted and is graded correctly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from evalsuite.errors import TaskError
from evalsuite.grading.grade import grade
from evalsuite.models.backend import PromptSetup
from evalsuite.parser import parse
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt


def check(dataset: Dataset) -> Iterator[str]:
    """Yield what is wrong with a task's items, one sentence per problem, with the item's id.

    For each item: a response with the gold label is right and one with any other label wrong, in both parse modes;
    every option's text is in the prompt; the prompt is the same whichever option is gold; and the prompt itself
    contains no answer.
    """
    prompt = TaskPrompt(dataset.task, dataset.task.format)
    setup = PromptSetup(dataset.items, dataset.task.format)
    for item in dataset.items:
        for problem in (*_graded(item, setup), *_prompted(item, prompt)):
            yield f"{dataset.task.name} {item.id}: {problem}"


def _graded(item: Item, setup: PromptSetup) -> Iterator[str]:
    for label in item.labels:
        text = write(setup.format, label)
        graded = grade(item, ResponseRecord(item.id, 0, text, "", "stop", False, None, None, None, ""), setup)
        if graded.strict.correct != (label == item.gold) or graded.lenient.correct != (label == item.gold):
            correct = f"{graded.strict.correct} (strict) and {graded.lenient.correct} (lenient)"
            yield f"{text!r} is graded {correct}, and gold is {item.gold}"


def _prompted(item: Item, prompt: TaskPrompt) -> Iterator[str]:
    try:
        text = prompt.messages(item)[-1]["content"]
    except TaskError as error:
        yield str(error)
        return
    other = next(label for label in item.labels if label != item.gold)
    if prompt.messages(replace(item, gold=other))[-1]["content"] != text:
        yield "the prompt depends on which option is gold"
    echoed = parse(text, item.labels, item.options, prompt.format)
    if echoed.lenient.label is not None:
        yield f"the prompt itself is parsed as the answer {echoed.lenient.label}"
