"""The Python examples of docs/rewards.md are run, with a tiny model in place of the one that they name."""

import json

import pyarrow.parquet as pq
import pytest
import tiny
from doc_examples import DATA, blocks, run

from evalsuite.data.load import load_split
from evalsuite.reward.verl import compute_score
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

pytest.importorskip("trl")

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")]
BLOCKS = blocks("rewards.md")
INTERFACE = """
class VerificationResult:
    def __init__(self, score, cost=0.0, reasoning=None):
        self.score = score

class VerifierFunction:
    def __init__(self, name, weight=1.0, verifier_config=None):
        self.name = name
"""
"""The part of open-instruct's ground_truth_utils that a verifier uses; open-instruct is not installable here."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model with a context long enough for the prompts, and a template that opens the reasoning."""
    folder = tiny.make_model(tmp_path_factory.mktemp("docs") / "model", context=8192)
    (folder / "chat_template.jinja").write_text(tiny.OPENING_TEMPLATE)
    return folder


def checker(reward):
    """Return a check that reward(text, truth) is 1 for the gold label after closed reasoning, and 0 otherwise."""

    def check(item, truth):
        for label in item.labels:
            answer = write("answer_tag", label)
            assert reward(f"hm</think>{answer}", truth) == float(label == item.gold)
            assert reward(answer, truth) == 0.0  # the template opened reasoning that was never closed

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
    check = checker(lambda text, truth: compute_score("evalsuite/medqa", text, truth, {}))
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
    queries = []
    for item, row in zip(items[:20], rows, strict=False):
        queries += [(row["prompt"], f"hm</think>{write('answer_tag', item.gold)}<|im_end|>", row["ground_truth"], 1.0)]
        queries += [(row["prompt"], f"{write('answer_tag', item.gold)}<|im_end|>", row["ground_truth"], 0.0)]
    (tmp_path / "queries.json").write_text(json.dumps(queries))
    # OpenRLHF loads the file by its path.
    run(
        "import importlib.util, json\n"
        "spec = importlib.util.spec_from_file_location('reward_func', 'reward_func.py')\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "for prompt, response, label, right in json.load(open('queries.json')):\n"
        "    assert module.reward_func([prompt + response], [prompt], [label])['rewards'].tolist() == [right]\n"
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
    assert len(rows) == 1071
    assert all(row.keys() == {"messages", "ground_truth", "dataset"} for row in rows)
    assert {row["dataset"] for row in rows} == {"evalsuite"}
