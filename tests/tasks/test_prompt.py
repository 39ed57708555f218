"""The prompts that models receive: one golden file per task, and templates that have no access to the gold label.

The golden files hold an invented item, since no benchmark's text belongs in this repository. After a deliberate change
of a template (and of the task's version), `python tests/tasks/test_prompt.py` writes them again; review the changes.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.errors import ErrorCode, TaskError
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.tasks.schema import Task

GOLDEN = Path(__file__).parents[1] / "golden" / "prompts"
OPTIONS = ("Watchful waiting", "Excision {{ item.gold }}", "Radiotherapy", "Topical steroid", "None of the above")
LETTERS = "ABCDEFGHIJ"


def invented(task: Task) -> Item:
    """An item of the task's usual shape: as many options, and a context if its prompt has one."""
    count = max(task.option_counts, key=lambda number: task.option_counts[number])
    verdict = count == 3
    labels = ("yes", "no", "maybe") if verdict else tuple(LETTERS[:count])
    options = labels if verdict else (OPTIONS * 2)[:count]
    context = (("BACKGROUND", "Moles are common."), ("RESULTS", "Most stay as they are."))
    template = task.prompt.read_text("utf-8")
    return Item(
        id="invented",
        question="A man has had an unchanged mole for ten years. What comes next?",
        options=options,
        labels=labels,
        gold=labels[1],
        context=context if "context" in template else (),
    )


def rendered(task: Task, system: str | None = None) -> str:
    messages = TaskPrompt(task, task.format, system).messages(invented(task))
    return "".join(f"[{message['role']}]\n{message['content']}\n" for message in messages)


@pytest.mark.parametrize("name", task_names())
def test_the_prompt_is_the_golden_one(name):
    assert rendered(load_task(name)) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_every_golden_prompt_belongs_to_a_task():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(task_names())


def test_a_system_prompt_comes_first_and_changes_the_digest():
    task = load_task("medqa")
    assert rendered(task, "Be brief.").startswith("[system]\nBe brief.\n[user]\n")
    assert TaskPrompt(task, task.format, "Be brief.").digest != TaskPrompt(task, task.format).digest


def test_an_empty_system_prompt_is_not_the_same_as_none():
    """It reaches the model: chat templates with a default system prompt insert it only if none is given."""
    task = load_task("medqa")
    empty, none = TaskPrompt(task, task.format, ""), TaskPrompt(task, task.format)
    assert empty.messages(invented(task)) != none.messages(invented(task))
    assert empty.digest != none.digest


def test_the_answer_format_changes_the_digest():
    task = load_task("medqa")
    assert (
        len({TaskPrompt(task, format).digest for format in ("answer_tag", "answer_line", "boxed", "the_answer_is")})
        == 4
    )


@pytest.fixture
def task_with_template(tmp_path):
    def make(template: str) -> Task:
        (tmp_path / "prompt.j2").write_text(template, "utf-8")
        return load_task("medqa").model_copy(update={"folder": tmp_path})

    return make


@pytest.mark.parametrize(
    "template",
    ["{{ item.gold }}", "{{ item.__class__.__mro__ }}", "{{ gold }}", "{% for x in item.options %}", "{{ 1 // 0 }}"],
)
def test_a_template_that_accesses_what_it_must_not_or_fails_is_an_error(task_with_template, template):
    task = task_with_template(template)
    with pytest.raises(TaskError) as caught:
        TaskPrompt(task, task.format).messages(invented(task))
    assert caught.value.code is ErrorCode.INVALID_PROMPT_TEMPLATE


def test_a_template_that_leaves_an_option_out_is_refused(task_with_template):
    task = task_with_template("{{ item.question }} {{ item.options[0][1] }} {{ answer_instruction }}")
    with pytest.raises(TaskError) as caught:
        TaskPrompt(task, task.format).messages(invented(task))
    assert caught.value.code is ErrorCode.INVALID_PROMPT_TEMPLATE
    assert "option B" in str(caught.value) and "item invented" in str(caught.value)


def test_nothing_in_an_item_is_executed_as_a_template():
    task = load_task("medqa")
    item = replace(invented(task), question="{{ 7 * 7 }} {% raw %}")
    assert "{{ 7 * 7 }} {% raw %}" in TaskPrompt(task, task.format).messages(item)[-1]["content"]


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for known in task_names():
        (GOLDEN / f"{known}.txt").write_text(rendered(load_task(known)), "utf-8")
