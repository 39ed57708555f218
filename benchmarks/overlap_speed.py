"""Measure how fast texts are searched for benchmark items, against sets of six-word sequences in plain Python.

    python benchmarks/overlap_speed.py --data-dir ../shared/data

Both search the same abstracts, in another order each time, for the questions of the same benchmarks, in one process.
None of the abstracts has a question, like nearly all texts of a corpus; texts with questions take longer. The plain
search is the usual one: a dictionary from each word sequence of a question to the questions that have it.
"""

import argparse
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from evalsuite.data.duplicates import grams, words
from evalsuite.data.load import load, load_split
from evalsuite.data.overlap.benchmark_items import read_benchmarks
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.tasks.registry import load_task

TASKS = ("medqa", "medmcqa", "medxpertqa", "careqa", "medbullets_op4", "mmlu_pro_biology", "mmlu_pro_health")

BATCH = 500
"""Texts that are searched at once, about as many characters as the command takes."""


def plain_search(questions: Sequence[str]) -> Callable[[Sequence[str]], int]:
    """Return a search that counts the texts with seven tenths of a question's six-word sequences."""
    stems = [grams(question) for question in questions]
    postings: dict[int, list[int]] = defaultdict(list)
    for number, stem in enumerate(stems):
        for gram in stem:
            postings[gram].append(number)

    def search(texts: Sequence[str]) -> int:
        found = 0
        for text in texts:
            counts = Counter(number for gram in grams(text) for number in postings.get(gram, ()))
            found += any(count >= 0.7 * len(stems[number]) for number, count in counts.items())
        return found

    return search


def main() -> None:
    """Print words a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4, help="How often the abstracts are searched in a repetition.")
    arguments = parser.parse_args()
    folder = arguments.data_dir
    questions = read_benchmarks([load_task(name) for name in TASKS], folder, splits=("test",)).questions
    index = OverlapIndex(questions)
    plain = plain_search([question.text for question in questions])
    items = [*load(load_task("pubmedqa"), folder).items, *load_split(load_task("pubmedqa"), "train", folder)]
    texts = [" ".join(text for _, text in item.context) for item in items] * arguments.copies
    count = sum(len(words(text)) for text in texts)
    ratios = []
    for repetition in range(arguments.repeat):
        random.Random(repetition).shuffle(texts)
        start = time.process_time()
        found = sum(
            len(
                {
                    match.document
                    for match in index.search([[text] for text in texts[first : first + BATCH]], rows=False)
                }
            )
            for first in range(0, len(texts), BATCH)
        )
        middle = time.process_time()
        plainly = plain(texts)
        end = time.process_time()
        ratios.append((end - middle) / (middle - start))
        print(
            f"{count:,} words: {count / (middle - start):12,.0f} words/s, {found} texts matched; "
            f"plain {count / (end - middle):10,.0f} words/s, {plainly} texts; ratio {ratios[-1]:.1f}"
        )
    print(f"median ratio {statistics.median(ratios):.1f} of {arguments.repeat} repetitions")


if __name__ == "__main__":
    main()
