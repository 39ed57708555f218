"""A small corpus: two sources with documents of which it is known what becomes of each."""

import json
import random
from pathlib import Path

import pytest
import yaml

WORDS = [
    "the",
    "of",
    "and",
    "in",
    "to",
    "patients",
    "with",
    "treatment",
    "was",
    "were",
    "for",
    "study",
    "group",
    "blood",
    "pressure",
    "heart",
    "daily",
    "trial",
    "results",
    "effect",
    "risk",
    "cells",
    "after",
    "before",
    "lower",
    "higher",
    "than",
    "control",
    "therapy",
    "clinical",
    "outcome",
    "first",
    "second",
    "third",
    "early",
    "late",
]
CONFIG = {
    "name": "small",
    "about": "Made for a test.",
    "sources": [
        {"name": "abstracts", "reader": "rows", "path": "abstracts", "files": "*.jsonl", "share": 2.0},
        {"name": "guide", "reader": "rows", "path": "guide", "share": 1.0},
    ],
    "language": {"keep": ["en"]},
    "tokenizer": {"model": "./tokenizer.json"},
    "shard_tokens": 2000,
    "task_bytes": 1,
}


def text_of(rng: random.Random, words: int = 60) -> str:
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."


def row(identifier: str, text: str, **fields: object) -> dict[str, object]:
    return {"id": identifier, "text": text, "licence": "CC0-1.0", "language": "en", **fields}


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))


def write_config(inputs: Path, **changes: object) -> Path:
    path = inputs / "corpus.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **changes}))
    return path


def write_tokenizer(path: Path) -> None:
    """A tokenizer whose tokens are words and signs."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def write_inputs(inputs: Path) -> Path:
    """Write two files of abstracts and one of a guide; return the configuration."""
    rng = random.Random(4)
    first = [row(f"a{n}", text_of(rng), title=f"Title {n}") for n in range(40)]
    second = [row(f"b{n}", text_of(rng)) for n in range(20)]
    first += [
        row("german", "Der Patient wurde mit Aspirin behandelt und hat keine Schmerzen, die Therapie ist nicht " * 3),
        row("short", "The dose of aspirin."),
        row("empty", " "),
        row("mail", text_of(rng) + " Write to jane.roe@example.org for more."),
        row("revised", text_of(rng)),
    ]
    second += [
        row("copy", f"Title 0 {first[0]['text']}".upper()),
        row("near", f"{second[0]['text']} It ends so."),
        row("revised", text_of(rng, 50), version=2),
    ]
    guide = [row(f"g{n}", text_of(rng), licence="OGL-UK-3.0") for n in range(40)]
    write_rows(inputs / "abstracts" / "1.jsonl", first)
    write_rows(inputs / "abstracts" / "2.jsonl", second)
    write_rows(inputs / "guide" / "guide.jsonl", guide)
    write_tokenizer(inputs / "tokenizer.json")
    return write_config(inputs)


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "inputs"
    write_inputs(folder)
    return folder
