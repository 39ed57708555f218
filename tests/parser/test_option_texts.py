"""The exact text of every option of every item, stated as the answer, is that option and never another one."""

from pathlib import Path

import pytest

from evalsuite.data.load import load
from evalsuite.parser import parse
from evalsuite.tasks.registry import load_task

DATA = Path(__file__).parents[3] / "shared" / "data"
TASKS = (
    "careqa", "jmed", "medbullets_op4", "medbullets_op5", "medmcqa", "medqa", "medqa_5opt", "medxpertqa",
    "mmlu_pro_biology", "mmlu_pro_health", "pubmedqa",
)  # fmt: skip


def normal(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


@pytest.mark.skipif(not DATA.exists(), reason="the benchmarks are not beside the repository")
@pytest.mark.parametrize("task", TASKS)
def test_the_text_of_an_option_is_that_option(task: str) -> None:
    wrong = []
    for item in load(load_task(task), DATA, check=False).items:
        texts = [normal(option) for option in item.options]
        letters = any(len(text) == 1 and text.upper() in item.labels for text in texts)
        for label, option, text in zip(item.labels, item.options, texts, strict=True):
            read = parse(f"Answer: {option}", item.labels, item.options).lenient.label
            # A text that two options share names neither; a letter among letters may be either's, so it may be left.
            accepted = [label if texts.count(text) == 1 else None]
            accepted += [None] if letters and len(text) == 1 else []
            if read not in accepted:
                wrong.append((item.id, label, option, read))
    assert wrong == []
