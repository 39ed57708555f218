"""Is the benchmark `rare_disease` equally difficult with every seed?

    python benchmarks/rare_disease_seeds.py rules 1 2 3 4 5
    python benchmarks/rare_disease_seeds.py tiny OUT 1 2 3

`rules` answers the items of each seed by rules that know nothing of medicine, and prints their accuracies with
intervals. `tiny` trains a model of a million parameters on 4,000 questions that `evalsuite train synthesize` would
draw, evaluates it by log-likelihood of the option texts, and prints the differences between the seeds. It takes about
ten minutes of one core.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from random import Random

import bm25s
import numpy as np

import evalsuite as es
from evalsuite.stats.intervals import Estimate, mean
from evalsuite.tasks.continuation import DELIMITER, continuations
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.util.format import interval, points_interval
from evalsuite.util.markdown import table

TASK = "rare_disease"
QUESTIONS, TRAINING_SEED = 4_000, 101
EPOCHS, BATCH, RATE = 2, 32, 1.5e-3

Rule = Callable[[Item, Counter[str]], int]


def longest(item: Item, _: Counter[str]) -> int:
    return max(range(len(item.options)), key=lambda place: len(item.options[place]))


def shortest(item: Item, _: Counter[str]) -> int:
    return min(range(len(item.options)), key=lambda place: len(item.options[place]))


def most_frequent(item: Item, counts: Counter[str]) -> int:
    """The option that is an option most often in the whole set."""
    return max(range(len(item.options)), key=lambda place: counts[item.options[place]])


def rarest(item: Item, counts: Counter[str]) -> int:
    """The option that is an option least often in the whole set."""
    return min(range(len(item.options)), key=lambda place: counts[item.options[place]])


def overlap(item: Item, _: Counter[str]) -> int:
    """The option that BM25 finds most like the question."""
    words = bm25s.tokenize(list(item.options), show_progress=False)
    if not words.vocab:
        return 0
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    query = bm25s.tokenize(item.question, show_progress=False, return_ids=False)[0]
    known = [word for word in query if word in words.vocab]
    return int(np.argmax(index.get_scores(known))) if known else 0


RULES: dict[str, Rule] = {
    "first": lambda item, _: 0,
    "last": lambda item, _: len(item.options) - 1,
    "random": lambda item, _: Random(item.id).randrange(len(item.options)),
    "longest": longest,
    "shortest": shortest,
    "most digits and commas": lambda item, _: int(
        np.argmax([sum(char.isdigit() or char == "," for char in option) for option in item.options])
    ),
    "most frequent option": most_frequent,
    "rarest option": rarest,
    "word overlap (BM25)": overlap,
}


def items_of(seed: str) -> tuple[Item, ...]:
    return es.load_items(load_task(TASK).with_arguments({"seed": seed}))


def accuracy(rule: Rule, items: Sequence[Item]) -> Estimate:
    counts = Counter(option for item in items for option in item.options)
    right = np.array([item.labels[rule(item, counts)] == item.gold for item in items], float)
    return mean(right, [item.group for item in items], 1)


def shown(estimate: Estimate) -> str:
    return interval(*estimate)


def rules(seeds: Sequence[str]) -> None:
    by_seed = {seed: items_of(seed) for seed in seeds}
    rows = [(name, *(shown(accuracy(rule, items)) for items in by_seed.values())) for name, rule in RULES.items()]
    print(table(("rule", *(f"seed {seed}" for seed in seeds)), rows, 1))
    levels = {seed: Counter(item.meta["tier"] for item in items) for seed, items in by_seed.items()}
    tiers = [(tier, *(str(levels[seed][tier]) for seed in seeds)) for tier in ("easy", "moderate", "difficult")]
    print(table(("tier", *(f"seed {seed}" for seed in seeds)), tiers, 1))
    questions = {seed: {(item.question, frozenset(item.options)) for item in items} for seed, items in by_seed.items()}
    shared = [len(questions[a] & questions[b]) for a, b in combinations(seeds, 2)]
    print(f"questions that two seeds share with the same options: at most {max(shared)} of {len(items_of(seeds[0])):,}")


def training_texts() -> list[tuple[str, str]]:
    """Contexts and answers of a training corpus, as log-likelihood scoring shows them."""
    from training.synthesis.graph import read_graph
    from training.synthesis.questions.generate import generate
    from training.synthesis.questions.items import make_items
    from training.synthesis.questions.source import QuestionSource

    source = QuestionSource(read_graph(["hpo"]))
    items = [each.item for each in make_items(source, generate(source, QUESTIONS, TRAINING_SEED), TRAINING_SEED)]
    return [(continuations(item, "cloze").context, item.options[item.labels.index(item.gold)]) for item in items]


def train(folder: Path) -> None:
    """Train a tokenizer and a small model on the corpus, from random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from training.tinyworld.model import make_model

    texts = training_texts()
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    raw.train_from_iterator(
        (text for pair in texts for text in pair), trainers.BpeTrainer(vocab_size=4096, special_tokens=["<end>"])
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>", pad_token="<end>")
    model = make_model(tokenizer, 1)
    optimiser = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.95), weight_decay=0.01)
    rows = [
        (tokenizer(context)["input_ids"], tokenizer(DELIMITER + answer)["input_ids"] + [tokenizer.eos_token_id])
        for context, answer in texts
    ]
    steps = [batch for epoch in range(EPOCHS) for batch in batches(rows, Random(epoch))]
    for number, batch in enumerate(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (number + 1) / 50) * (1 - number / len(steps))
        width = max(len(context) + len(answer) for context, answer in batch)
        inputs = torch.full((len(batch), width), tokenizer.pad_token_id)
        targets = torch.full((len(batch), width), -100)
        for place, (context, answer) in enumerate(batch):
            end = len(context) + len(answer)
            inputs[place, :end] = torch.tensor(context + answer)
            targets[place, len(context) : end] = torch.tensor(answer)
        loss = model(input_ids=inputs, labels=targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if number % 100 == 0:
            print(f"step {number} of {len(steps)}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


Tokens = tuple[list[int], list[int]]


def batches(rows: Sequence[Tokens], draw: Random) -> list[list[Tokens]]:
    """Batches of rows of like length, in random order."""
    ordered = sorted(rows, key=lambda row: (len(row[0]) // 8, draw.random()))
    cut = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    draw.shuffle(cut)
    return cut


def tiny(out: Path, seeds: Sequence[str]) -> None:
    if not (out / "model").exists():
        train(out / "model")
    scores = {}
    for seed in seeds:
        task = load_task(TASK).with_arguments({"seed": seed})
        run = es.evaluate(f"hf/{out / 'model'}", task, scoring="cloze", chat_template="", out=out / f"seed-{seed}")
        scores[seed] = run.result.tasks[TASK].accuracy
    rows = [(f"seed {seed}", shown(score)) for seed, score in scores.items()]
    print(table(("items", "accuracy [95%]"), rows, 1))
    rows = []
    for a, b in combinations(seeds, 2):
        difference = scores[a].value - scores[b].value
        # The items of two seeds are independent draws; half the width of an interval is 1.96 standard errors.
        half = float(np.hypot(*((scores[seed].high - scores[seed].low) / 2 for seed in (a, b))))
        rows.append((f"{a} and {b}", points_interval(difference, difference - half, difference + half)))
    print(table(("seeds", "difference [95%]"), rows, 1))


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind == "rules":
        rules(rest)
    else:
        tiny(Path(rest[0]).resolve(), rest[1:])
