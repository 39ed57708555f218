"""What docs/rewards.md tells people to run, run: with a tiny model in place of the one it names."""

import json

import pyarrow.parquet as pq
import pytest
import tiny
from documented import DATA, blocks, run

from evalsuite.data.load import load_split
from evalsuite.reward.verl import compute_score
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

pytest.importorskip("trl")

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data")]
BLOCKS = blocks("rewards.md")
INTERFACE = """
class VerificationResult:
    def __init__(self, score, cost=0.0, reasoning=None):
        self.score = score

class VerifierFunction:
    def __init__(self, name, weight=1.0, verifier_config=None):
        self.name = name
"""
"""What open-instruct's ground_truth_utils declares, as far as a verifier sees it."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model whose context holds the prompts, and whose template opens the reasoning."""
    folder = tiny.make_model(tmp_path_factory.mktemp("docs") / "model", context=8192)
    (folder / "chat_template.jinja").write_text(tiny.OPENING_TEMPLATE)
    return folder


def paid(pay):
    """Check that a payer of (text, ground truth) pays for the gold label behind a closed thought, and nothing else."""

    def check(item, truth):
        for label in item.labels:
            answer = write("answer_tag", label)
            assert pay(f"hm</think>{answer}", truth) == float(label == item.gold)
            assert pay(answer, truth) == 0.0  # the template opened a thought that never closed

    return check


def test_trl(model, tmp_path):
    (block,) = BLOCKS["TRL"]
    small = "max_steps=1, max_completion_length=4, per_device_train_batch_size=8, use_cpu=True, bf16=False"
    small += ", report_to='none'"
    run(block, model, tmp_path, **{"max_completion_length=4096": small})
    assert (tmp_path / "out").is_dir()


def test_verl(model, tmp_path):
    (block,) = BLOCKS["verl"]
    run(block, model, tmp_path)
    task = load_task("medqa")
    check = paid(lambda text, truth: compute_score("evalsuite/medqa", text, truth, {}))
    for split in ("train", "dev"):
        items = load_split(task, split, DATA)
        rows = pq.read_table(tmp_path / f"medqa.{split}.parquet").to_pylist()
        assert [row["extra_info"]["item"] for row in rows] == [item.id for item in items]
        assert {row["extra_info"]["split"] for row in rows} == {split}
        prompt = TaskPrompt(task, task.format)
        for item, row in zip(items[:50], rows, strict=False):
            assert row["prompt"] == [dict(message) for message in prompt.messages(item)]
            check(item, row["reward_model"]["ground_truth"])


def test_openrlhf(model, tmp_path):
    data, file = BLOCKS["OpenRLHF"]
    run(data, model, tmp_path)
    (tmp_path / "reward_func.py").write_text(file.replace("Qwen/Qwen3-8B", str(model)))
    rows = [json.loads(line) for line in (tmp_path / "medqa.jsonl").read_text().splitlines()]
    items = load_split(load_task("medqa"), "train", DATA)
    assert [row["item"] for row in rows] == [item.id for item in items]
    asked = []
    for item, row in zip(items[:20], rows, strict=False):
        asked += [(row["prompt"], f"hm</think>{write('answer_tag', item.gold)}<|im_end|>", row["ground_truth"], 1.0)]
        asked += [(row["prompt"], f"{write('answer_tag', item.gold)}<|im_end|>", row["ground_truth"], 0.0)]
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    # As OpenRLHF loads it: a file, by its path.
    run(
        "import importlib.util, json\n"
        "spec = importlib.util.spec_from_file_location('reward_func', 'reward_func.py')\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "for prompt, said, label, right in json.load(open('asked.json')):\n"
        "    assert module.reward_func([prompt + said], [prompt], [label])['rewards'].tolist() == [right]\n"
        "# Qwen/Qwen3-8B\n",
        model,
        tmp_path,
    )


def test_open_instruct(model, tmp_path):
    (block,) = BLOCKS["open-instruct"]
    (tmp_path / "open_instruct").mkdir()
    (tmp_path / "open_instruct" / "ground_truth_utils.py").write_text(INTERFACE)
    run(block, model, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "medqa.jsonl").read_text().splitlines()]
    assert len(rows) == 1080
    assert all(row.keys() == {"messages", "ground_truth", "dataset"} for row in rows)
    assert {row["dataset"] for row in rows} == {"evalsuite"}
