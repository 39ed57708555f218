"""Measure how many planted benchmark items `evalsuite data overlap` finds, and how many texts without one it reports.

    python benchmarks/overlap_recall.py --data-dir ../shared/data

Each row of the table is one way of hiding an item: verbatim, its options in another order, words replaced by words of
abstracts, one word to a line, in the middle of a long text. Figures are items found by the rules `exact` and `near` of
up to 200 of each benchmark. The last lines count abstracts of other questions, and train items, that are reported.
"""

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from evalsuite.data.load import load, load_split
from evalsuite.data.overlap.benchmark_items import read_benchmarks
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.data.overlap.search import DEFAULT_RULES
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task

TASKS = (
    "medqa", "medmcqa", "medxpertqa", "careqa", "pubmedqa", "medbullets_op4", "mmlu_pro_biology", "mmlu_pro_health",
    "jmed",
)  # fmt: skip
ITEMS = 200
Hide = Callable[[Item, random.Random, Sequence[str]], list[str]]


def replaced(text: str, rate: float, draw: random.Random, words: Sequence[str]) -> str:
    """Return a text in which each word, or each Chinese character, was replaced with a probability of `rate`."""
    chinese = any("\u3400" <= character <= "\u9fff" for character in text)
    parts = list(text) if chinese else text.split(" ")
    return ("" if chinese else " ").join(draw.choice(words) if draw.random() < rate else part for part in parts)


def prompt(item: Item, question: str) -> str:
    """Return a question with its options as prompts have them."""
    return (
        question + "\n" + "\n".join(f"{label}. {text}" for label, text in zip(item.labels, item.options, strict=True))
    )


def fields(item: Item, draw: random.Random, texts: Sequence[str]) -> list[str]:
    """Hide an item as the fields of a row."""
    return [item.question, *item.options]


def shuffled(item: Item, draw: random.Random, texts: Sequence[str]) -> list[str]:
    """Hide an item in a prompt with its options in another order."""
    return ["\n".join([item.question, *draw.sample(item.options, len(item.options))])]


def reworded(item: Item, draw: random.Random, texts: Sequence[str], rate: float) -> list[str]:
    """Hide an item in a prompt with some words of the question replaced."""
    return [prompt(item, replaced(item.question, rate, draw, draw.choice(texts).split()))]


def lines(item: Item, draw: random.Random, texts: Sequence[str]) -> list[str]:
    """Hide an item in a text with one word to a line."""
    return ["\n".join(prompt(item, item.question).split())]


def within(item: Item, draw: random.Random, texts: Sequence[str], rate: float = 0.0) -> list[str]:
    """Hide a question, without its options, in the middle of 40 abstracts."""
    question = replaced(item.question, rate, draw, draw.choice(texts).split())
    return [" ".join([*draw.sample(texts, 20), question, *draw.sample(texts, 20)])]


WAYS: tuple[tuple[str, Hide, bool], ...] = (
    ("fields of a row", fields, True),
    ("prompt, options shuffled", shuffled, True),
    ("prompt, one word to a line", lines, True),
    ("prompt, one word in ten replaced", partial(reworded, rate=0.1), True),
    ("prompt, one word in five replaced", partial(reworded, rate=0.2), True),
    ("question within a long text", within, False),
    ("the same, one word in ten replaced", partial(within, rate=0.1), False),
)


def found(index: OverlapIndex, documents: Sequence[Sequence[str]], rows: bool) -> Iterator[tuple[int, str, str]]:
    """Yield document, task and item of each match by the default rules."""
    for match in index.search(documents, rows):
        if set(match.rules) & set(DEFAULT_RULES):
            for item in index.questions[match.question].items:
                yield match.document, item.task, item.id


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    folder = parser.parse_args().data_dir
    tasks = [load_task(name) for name in TASKS]
    index = OverlapIndex(read_benchmarks(tasks, folder, splits=("test",), unreadable="raise").questions)
    draw = random.Random(1)
    other = load_split(load_task("pubmedqa"), "train", folder)
    texts = [" ".join(text for _, text in item.context) for item in other]
    print(f"{'':36}" + "".join(f"{name:>17}" for name in TASKS))
    for title, hide, rows in WAYS:
        cells = []
        for task in tasks:
            items = load(task, folder).items
            items = tuple(draw.sample(items, min(ITEMS, len(items))))
            seen = set(found(index, [hide(item, draw, texts) for item in items], rows))
            hits = sum((number, task.name, item.id) in seen for number, item in enumerate(items))
            cells.append(f"{hits}/{len(items)}")
        print(f"{title:36}" + "".join(f"{cell:>17}" for cell in cells))
    reported = {document for document, *_ in found(index, [[text] for text in texts], rows=False)}
    print(f"abstracts of other questions: {len(reported)} of {len(texts)} reported")
    for name in ("medqa", "medmcqa"):
        items = load_split(load_task(name), "train", folder)
        reported = {document for document, *_ in found(index, [[i.question, *i.options] for i in items], rows=True)}
        print(f"train items of {name}: {len(reported)} of {len(items)} reported")


if __name__ == "__main__":
    main()
