"""A corpus that is made by several processes, by Ray, or killed at any moment has the same bytes; a stage reads it."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from evalsuite.util.file_digest import sha256_of
from training.data import rows
from training.data.manifest import read_manifest

pytestmark = pytest.mark.integration
SENTENCE = "the of and in to patients with treatment was were for study blood pressure heart daily trial effect risk"
WORDS = SENTENCE.split()
FILES = 4


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Four files of sixty abstracts, of which some are copies, and a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("inputs")
    rng = random.Random(5)
    for file in range(FILES):
        texts = [" ".join(rng.choices(WORDS, k=80)) + "." for _ in range(60)]
        texts += [f"{texts[0]} It ends.", texts[1], "Nothing."]
        lines = [
            {"id": f"{file}-{n}", "text": text, "licence": "CC0-1.0", "language": "en"} for n, text in enumerate(texts)
        ]
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def config(inputs: Path, **executor: object) -> Path:
    path = inputs / f"{executor['kind']}-{executor['workers']}.yaml"
    source = {"name": "texts", "reader": "rows", "path": ".", "files": "*.jsonl", "share": 1.0}
    content = {
        "name": "small",
        "about": "Made for a test.",
        "sources": [source],
        "tokenizer": {"model": "./tokenizer.json"},
        "shard_tokens": 5_000,
        "task_bytes": 1,
        "executor": executor,
    }
    path.write_text(yaml.safe_dump(content))
    return path


def command(path: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "evalsuite", "train", "corpus", str(path), "--out", str(out)]


def make(path: Path, out: Path) -> dict[str, str]:
    ended = subprocess.run(command(path, out), capture_output=True, text=True, check=False, timeout=1800)
    assert ended.returncode == 0, ended.stderr
    return {file.name: sha256_of(file) for file in sorted(out.iterdir()) if file.is_file() and file.name != ".lock"}


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "corpus"
    return out, make(config(inputs, kind="local", workers=1), out)


def test_two_processes_give_the_bytes_of_one(inputs, whole, tmp_path):
    assert make(config(inputs, kind="local", workers=2), tmp_path / "out") == whole[1]


def test_killed_at_ten_moments_and_run_again_gives_the_same_bytes(inputs, whole, tmp_path):
    path, out = config(inputs, kind="local", workers=2), tmp_path / "out"
    rng = random.Random(6)
    killed = 0
    for _ in range(10):
        process = subprocess.Popen(command(path, out), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        # The moments are spread over the steps: a number of lines that it reports, and up to half a second behind.
        for _ in range(rng.randint(1, 6)):
            process.stderr.readline()
        time.sleep(rng.random() / 2)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.stderr.close()
        process.wait()
    assert killed and make(path, out) == whole[1]


def test_ray_with_two_workers_gives_the_same_bytes(inputs, whole, tmp_path, monkeypatch):
    pytest.importorskip("datatrove")
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")  # or Ray looks for a cluster that another process has left
    assert make(config(inputs, kind="ray", workers=2, memory_gb=0.5), tmp_path / "out") == whole[1]


def test_a_pretrain_stage_reads_the_corpus(whole, tmp_path):
    folder, _ = whole
    manifest = read_manifest(folder)
    texts = rows.load(folder, "train", "pretrain", tmp_path / "cache")
    assert texts.column_names == ["text"]
    assert len(texts) == sum(file.rows for file in manifest.split_files("train")) > 200
    assert len(manifest.split_files("train")) > 1
    assert all(text.strip() for text in texts["text"])
