"""A complete run on a real engine: MedQA's 1,273 items through `vllm serve`, killed three times and resumed."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ITEMS = 1273


def journal(folder):
    """Return the ids of the items in the journal's complete lines."""
    path = folder / "responses" / "medqa.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line)["item"] for line in lines if line.endswith(b"\n")]


@pytest.mark.skipif(not DATA.is_dir(), reason="the data mirror beside the checkout is absent")
def test_medqa_through_a_real_server_survives_three_kills(vllm_server, tmp_path):
    command = [sys.executable, "-m", "evalsuite", "run", "--model", f"openai/{vllm_server.model}"]
    command += ["--base-url", vllm_server.base_url, "--tasks", "medqa", "--data-dir", str(DATA)]
    command += ["--max-tokens", "16", "--concurrency", "64", "--out", str(tmp_path / "run"), "--json"]
    draw = random.Random(int.from_bytes(os.urandom(4)))
    for responses in sorted(draw.sample(range(10, ITEMS - 100), 3)):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and len(journal(tmp_path / "run")) < responses:
            time.sleep(0.02)
        process.kill()
        process.communicate()
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    answered = Counter(journal(tmp_path / "run"))
    assert answered == Counter(str(number) for number in range(ITEMS))
    task = json.loads(ended.stdout)["tasks"]["medqa"]
    assert task["n"] == sum(task["status"].values()) == ITEMS
    assert ITEMS <= task["tokens"]["output"] <= 16 * ITEMS
