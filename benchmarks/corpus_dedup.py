"""Near duplicates among generated abstracts with planted copies: recall, precision, rate, memory, and other libraries.

    python benchmarks/corpus_dedup.py --texts 100000
    python benchmarks/corpus_dedup.py --texts 1000000 --workers 2
    python benchmarks/corpus_dedup.py --texts 20000 --others        # datasketch and rensa, where they are installed

Each tenth text is a copy of another one with some words replaced. Which of the planted pairs are near duplicates is
decided by the exact Jaccard similarity of their sets of five words, computed here by Python's sets.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from training.corpora.duplicates.find import find_duplicates
from training.corpora.duplicates.recall import measured_recall
from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import joined, load_signatures, signatures

PART = 50_000
GROUP = 2_500
SETTINGS = DuplicateSettings(numbers_agree=False)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vocabulary() -> tuple[list[str], list[float]]:
    """Return 20,000 words and how frequent each is (Zipf's law)."""
    rng = random.Random(0)
    words = ["".join(rng.choices(LETTERS, k=rng.randint(2, 11))) for _ in range(20_000)]
    total, weights = 0.0, []
    for rank in range(len(words)):
        total += 1 / (rank + 10)
        weights.append(total)
    return words, weights


WORDS, WEIGHTS = vocabulary()


def abstract(number: int, count: int) -> str:
    """Return a text; of ten texts the last is a copy of the one a half of all texts before it."""
    if number % 10 == 9 and number >= 10:
        rng = random.Random(-number)
        words = abstract(original(number), count).split()
        for place in rng.sample(range(len(words)), rng.choice((0, 1, 2, 3, 4, 6, 8, 12))):
            words[place] = "replaced"
        return " ".join(words)
    rng = random.Random(number)
    return " ".join(rng.choices(WORDS, cum_weights=WEIGHTS, k=rng.randint(120, 330))) + "."


def original(number: int) -> int:
    """Return the text that a copy is made from."""
    other = number // 2
    return other - 1 if other % 10 == 9 else other


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return a text's sequences of five words."""
    words = text.rstrip(".").split()
    return {tuple(words[n : n + 5]) for n in range(len(words) - 4)}


def planted(count: int) -> dict[int, float]:
    """Return the similarity of each copy to the text that it is made from."""
    found = {}
    for number in range(19, count, 10):
        a, b = shingles(abstract(number, count)), shingles(abstract(original(number), count))
        found[number] = len(a & b) / len(a | b)
    return found


def write_part(folder: Path, count: int, part: int) -> tuple[float, float, int]:
    """Write the signatures of one part; return the seconds of the processor, of which for generating, and words."""
    begin = time.process_time()
    texts = [abstract(number, count) for number in range(part * PART, min(count, (part + 1) * PART))]
    made = time.process_time()
    groups = [signatures(texts[start : start + GROUP], SETTINGS) for start in range(0, len(texts), GROUP)]
    joined(groups).save(folder / f"{part:05d}")
    return time.process_time() - made, made - begin, sum(len(text.split()) for text in texts)


def report(count: int, workers: int) -> None:
    """Find the duplicates and print what was found, how fast, and with how much memory."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts = range((count + PART - 1) // PART)
        begin = time.perf_counter()
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            costs = list(pool.map(partial(write_part, folder, count), parts))
        wall, cpu = time.perf_counter() - begin, sum(cost for cost, _, _ in costs)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        loaded = [load_signatures(folder / f"{part:05d}") for part in parts]
        found = find_duplicates(loaded, SETTINGS)
        find_wall, find_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        recall = measured_recall(loaded, SETTINGS)
        disk = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    words = sum(each for _, _, each in costs)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{count:,} texts, {words:,} words; bands x rows {SETTINGS.bands}, threshold {SETTINGS.threshold}")
    print(f"signatures: {cpu:.1f} s of CPU ({count / cpu:,.0f} texts/s and core); {wall:.1f} s, texts made within that")
    print(f"duplicates: {find_cpu:.1f} s of CPU, {find_wall:.1f} s; {found.candidates:,} candidate pairs")
    print(f"both: {cpu + find_cpu:.1f} s of CPU; peak memory {own:,.0f} MB, of a worker {child:,.0f} MB")
    print(f"on the disk while it works: {disk >> 20:,} MB")
    print(f"recall of candidates at the threshold, on this corpus: {recall.found} of {recall.pairs}")
    similar = planted(count)
    wanted = {number for number, value in similar.items() if value >= SETTINGS.threshold}
    removed = set((found.kind > 0).nonzero()[0].tolist())
    pairs = {number for number in similar if number in removed or original(number) in removed}
    print(f"planted pairs at or above the threshold: {len(wanted):,}, found {len(wanted & pairs):,}")
    needless = len(pairs - wanted) + max(0, len(removed) - len(pairs))
    print(f"removed: {len(removed):,}, of which of no such pair {needless:,}")


def others(count: int) -> None:
    """Print the recall of other libraries' indexes at their default way of choosing bands, on the same texts."""
    texts = [abstract(number, count) for number in range(count)]
    similar = {number: value for number, value in planted(count).items() if value >= SETTINGS.threshold}
    tokens = [[" ".join(each) for each in sorted(shingles(text))] for text in texts]
    try:
        from datasketch import MinHash, MinHashLSH

        begin = time.process_time()
        lsh = MinHashLSH(threshold=SETTINGS.threshold, num_perm=128)
        hashes = MinHash.bulk([[each.encode() for each in row] for row in tokens], num_perm=128)
        for number, each in enumerate(hashes):
            lsh.insert(number, each)
        hits = sum(original(number) in lsh.query(hashes[number]) for number in similar)
        spent = time.process_time() - begin
        print(f"datasketch: {hits:,} of {len(similar):,} pairs found, {count / spent:,.0f} texts/s and core")
    except ImportError:
        print("datasketch is not installed")
    try:
        from rensa import RMinHash, RMinHashLSH

        begin = time.process_time()
        index = RMinHashLSH(threshold=SETTINGS.threshold, num_perm=128, num_bands=16)
        made = []
        for number, row in enumerate(tokens):
            each = RMinHash(num_perm=128, seed=1)
            each.update(row)
            index.insert(number, each)
            made.append(each)
        hits = sum(original(number) in index.query(made[number]) for number in similar)
        spent = time.process_time() - begin
        print(f"rensa, 16 bands: {hits:,} of {len(similar):,} pairs found, {count / spent:,.0f} texts/s and core")
    except ImportError:
        print("rensa is not installed")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--others", action="store_true")
    arguments = parser.parse_args()
    report(arguments.texts, arguments.workers)
    if arguments.others:
        others(arguments.texts)


if __name__ == "__main__":
    main()
