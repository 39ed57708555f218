"""The exact text of every option of every item, stated as the answer, is that option and never another one."""

from pathlib import Path

import pytest

from evalsuite.data.load import load
from evalsuite.parser import parse
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task

DATA = Path(__file__).parents[3] / "shared" / "data"
TASKS = (
    "careqa", "jmed", "medbullets_op4", "medbullets_op5", "medmcqa", "medqa", "medqa_5opt", "medxpertqa",
    "mmlu_pro_biology", "mmlu_pro_health", "pubmedqa",
)  # fmt: skip
ITEMS = 300
"""Items of each task, spread over it: more would take minutes of a run of the tests."""
WORDED = ("Answer: {}", "Answer: **{}**", "Answer: {} because it fits best.")


def normal(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def accepted(item: Item, position: int) -> set[str | None]:
    """A text that two options share names neither; a letter among letters may be either's, so it may be left."""
    texts = [normal(option) for option in item.options]
    text = texts[position]
    letters = any(len(text) == 1 and text.upper() in item.labels for text in texts)
    named = item.labels[position] if texts.count(text) == 1 else None
    return {named, None} if letters and len(text) == 1 else {named}


@pytest.mark.skipif(not DATA.exists(), reason="the benchmarks are not beside the repository")
@pytest.mark.parametrize("task", TASKS)
def test_the_text_of_an_option_is_that_option(task: str) -> None:
    wrong = []
    items = load(load_task(task), DATA, check=False).items
    for item in items[:: max(1, len(items) // ITEMS)]:
        lowered = [normal(option.lower()) for option in item.options]
        for position, option in enumerate(item.options):
            right = accepted(item, position)
            reads = [parse(form.format(option), item.labels, item.options).lenient.label for form in WORDED]
            if reads[0] not in right or not right.issuperset({*reads[1:]} - {None}):
                wrong.append((item.id, option, reads))
            # In lower case it may be what another option is, to the letter: "bb bb" beside "Bb Bb".
            if lowered[position] != normal(option) and lowered.count(lowered[position]) == 1:
                read = parse(f"Answer: {option.lower()}", item.labels, item.options).lenient.label
                if not right.issuperset({read} - {None}):
                    wrong.append((item.id, option, [read]))
    assert wrong == []
