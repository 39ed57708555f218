"""The rate of each step of a corpus, and the disk that it takes: the figures of `training/corpora/plan.py`.

    python benchmarks/corpus_speed.py --texts 20000

Generated abstracts as rows of JSON lines, one process, processor time; the tokenizer is a byte-level BPE of 8,000
tokens.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import yaml
from corpus_dedup import abstract
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.corpora.config import read_config
from training.corpora.job import make_job
from training.corpora.run import STEPS
from training.corpora.steps.finish import finish

FILES = 4


def write_inputs(folder: Path, count: int) -> int:
    """Write rows, a tokenizer and a configuration; return the bytes of text."""
    size = 0
    for file in range(FILES):
        with (folder / f"{file}.jsonl").open("w") as stream:
            for number in range(file, count, FILES):
                text = "The results of the study are in this abstract and for it. " + abstract(number, count)
                size += len(text.encode())
                stream.write(json.dumps({"id": str(number), "text": text, "licence": "CC0-1.0"}) + "\n")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8_000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator((abstract(number, count) for number in range(0, 20_000, 10)), trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "name": "speed",
        "about": "Generated abstracts.",
        "sources": [{"name": "rows", "reader": "rows", "path": ".", "files": "*.jsonl", "share": 1.0}],
        "language": {"keep": ["en"], "least_share": 0.0},
        "quality": {"longest_mean_word": 20.0},
        "tokenizer": {"model": "./tokenizer.json"},
        "shard_tokens": 2_000_000,
        "task_bytes": 1,
    }
    (folder / "corpus.yaml").write_text(yaml.safe_dump(config))
    return size


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    count = parser.parse_args().texts
    with tempfile.TemporaryDirectory() as scratch:
        inputs, out = Path(scratch, "inputs"), Path(scratch, "out")
        inputs.mkdir()
        size = write_inputs(inputs, count)
        job = make_job(read_config(inputs / "corpus.yaml"), inputs, out)
        for step in STEPS:
            begin = time.process_time()
            for task in range(step.tasks(job)):
                step.work(job, task)
            spent = time.process_time() - begin
            disk = sum(path.stat().st_size for path in (job.work / step.name).rglob("*") if path.is_file())
            rate = f"{count / spent:,.0f} texts/s, {size / spent / 1e6:.2f} MB/s"
            print(f"{step.name}: {rate}; {disk / size:.3f} bytes on the disk for each byte of text", flush=True)
        manifest = finish(job)
        stored = sum(file.bytes for file in manifest.split_files("train"))
        print(f"{size:,} bytes of text, {manifest.tokens:,} tokens: {stored / size:.3f} bytes stored for each")
        print(manifest.made_by["dropped_by_reason"])


if __name__ == "__main__":
    main()
