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


DOUBLED = "{% set n = namespace(t='x') %}{% for i in range(50) %}{% set n.t = NEXT %}{% endfor %}{{ n.t }}"
NEVER_ENDS = {
    "nested loops": "{% for a in range(999) %}{% for b in range(999) %}{{ a }}{% endfor %}{% endfor %}",
    "a long range": "{% for a in range(99999) %}{% endfor %}",
    "a product": "{{ 'x' * 2000000 }}",
    "a product of a list": "{{ [item.question] * 2000000 }}",
    "products": DOUBLED.replace("NEXT", "n.t * 2"),
    "sums": DOUBLED.replace("NEXT", "n.t + n.t"),
    "concatenation": DOUBLED.replace("NEXT", "n.t ~ n.t"),
    "shared lists": "{% set n = namespace(t=[item.question]) %}{% for i in range(40) %}{% set n.t = [n.t, n.t] %}"
    "{% endfor %}{{ n.t }}",
    "blocks": "{% set a %}{{ 'x' * 1000 }}{% endset %}"
    + "".join(f"{{% set {b} %}}{{{{ {a} * 20 }}}}{{% endset %}}" for a, b in ("ab", "bc", "cd", "de"))
    + "{{ e }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "powers": "{% set n = namespace(t=9) %}{% for i in range(40) %}{% set n.t = n.t * n.t %}{% endfor %}",
    "a width": "{{ '%2000000d' % 1 }}",
    "a width by filter": "{{ '%2000000d'|format(1) }}",
    "a width out of an argument": "{{ '%*d' % (2000000, 1) }}",
    "a width in a format": "{{ '{:2000000}'.format(1) }}",
    "a width in a format's argument": "{{ '{:{w}}'.format(1, w=2000000) }}",
    "padding": "{{ 'x'.ljust(2000000) }}",
    "a filter that pads": "{{ 'x'|center(2000000) }}",
    "replacing": "{{ ('x' * 2000)|replace('x', 'y' * 2000) }}",
    "a method that replaces": "{{ ('x' * 2000).replace('x', 'y' * 2000) }}",
    "joining": "{{ range(999)|join('y' * 2000) }}",
    "a method that joins": "{{ ('y' * 2000).join('x' * 2000) }}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "branching recursion": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(99) }}",
    "a recursive loop": "{% for a in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}",
    "deep nesting": "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "a long sum": "{{ " + "1 + " * 9000 + "1 }}",
    "a long template": "x" * 70_000,
    "filler": "{{ lipsum(n=1000) }}",
}


@pytest.mark.parametrize("template", NEVER_ENDS.values(), ids=NEVER_ENDS)
def test_a_template_that_would_take_all_time_or_memory_is_an_error(task_with_template, template):
    task = task_with_template(template)
    with pytest.raises(TaskError) as caught:
        TaskPrompt(task, task.format).messages(invented(task))
    assert caught.value.code is ErrorCode.INVALID_PROMPT_TEMPLATE
    assert "\n" not in str(caught.value) and "is not in the prompt" not in str(caught.value)


def test_what_prompts_need_of_jinja_works(task_with_template):
    task = task_with_template(
        "{% macro line(label, text) %}{{ loop_mark }}{{ '%s: %s' | format(label, text) }}{% endmacro %}"
        "{% set loop_mark = '- ' %}{{ item.question | upper | replace('MOLE', 'mole') }}\n"
        "{% for label, text in item.options if text %}{{ loop.index }}/{{ loop.length }} {{ line(label, text) }}"
        "{{ '' if loop.last else ';' }}\n{% endfor %}{{ '-' * 3 ~ item.options | map(attribute=0) | join(', ') }} "
        "{{ '{} of {}'.format(1, 2) }} {{ answer_instruction.strip() }}"
    )
    text = TaskPrompt(task, task.format).messages(invented(task))[-1]["content"]
    assert text.startswith(
        "A MAN HAS HAD AN UNCHANGED mole FOR TEN YEARS. WHAT COMES NEXT?\n1/4 - A: Watchful waiting;\n"
    )
    assert "4/4 - D: Topical steroid\n---A, B, C, D 1 of 2 " in text


def test_a_template_that_leaves_an_option_out_is_refused(task_with_template):
    task = task_with_template("{{ item.question }} {{ item.options[0][1] }} {{ answer_instruction }}")
    with pytest.raises(TaskError) as caught:
        TaskPrompt(task, task.format).messages(invented(task))
    assert caught.value.code is ErrorCode.INVALID_PROMPT_TEMPLATE
    assert "option B" in str(caught.value) and "item invented" in str(caught.value)


@pytest.mark.parametrize(("language", "same_as"), [("de", "en"), ("pt-BR", "en"), ("zh-Hant", "zh"), ("en-GB", "en")])
def test_items_in_any_language_are_asked_in_their_own_or_in_english(language, same_as):
    def digest(tag: str) -> str:
        return TaskPrompt(load_task("medqa").model_copy(update={"language": tag}), "answer_tag").digest

    assert digest(language) == digest(same_as) and digest("en") != digest("zh")
    assert Task(name="x", version=1, language=language, folder=Path()).language == language
    with pytest.raises(ValueError):
        Task(name="x", version=1, language="German", folder=Path())


def test_nothing_in_an_item_is_executed_as_a_template():
    task = load_task("medqa")
    item = replace(invented(task), question="{{ 7 * 7 }} {% raw %}")
    assert "{{ 7 * 7 }} {% raw %}" in TaskPrompt(task, task.format).messages(item)[-1]["content"]


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for known in task_names():
        (GOLDEN / f"{known}.txt").write_text(rendered(load_task(known)), "utf-8")
