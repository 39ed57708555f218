"""The gold self-test: proves without a model that every item can be asked and is graded as it should be."""

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
    """Say what is wrong with a task's items, a sentence each naming the item; nothing, where all is well.

    For each item: a response with the gold label grades 1 and each other label 0, in both readings; every option's text
    is in the prompt; the prompt is the same whichever option is gold; and the prompt itself holds no answer.
    """
    prompt = TaskPrompt(dataset.task, dataset.task.format)
    setup = PromptSetup(dataset.items, dataset.task.format)
    for item in dataset.items:
        for problem in (*_graded(item, setup), *_prompted(item, prompt)):
            yield f"{dataset.task.name} {item.id}: {problem}"


def _graded(item: Item, setup: PromptSetup) -> Iterator[str]:
    for label in item.labels:
        text = write(setup.format, label)
        found = grade(item, ResponseRecord(item.id, 0, text, "", "stop", False, None, None, None, ""), setup)
        if found.strict.correct != (label == item.gold) or found.lenient.correct != (label == item.gold):
            verdicts = f"{found.strict.correct} (strict) and {found.lenient.correct} (lenient)"
            yield f"{text!r} grades {verdicts}, and gold is {item.gold}"


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
        yield f"the prompt, echoed, reads as the answer {echoed.lenient.label}"
