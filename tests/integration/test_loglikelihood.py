"""Log-likelihoods of real MedQA options: the same numbers as stock lm-eval's hf backend gives on the same model."""

import asyncio
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from asking import ask

from evalsuite.data.load import load
from evalsuite.errors import UsageError
from evalsuite.grading.loglikelihood import FORMS, LoglikelihoodPrompt
from evalsuite.models.backend import BackendSettings, Request
from evalsuite.models.hf import HF
from evalsuite.models.local.continuation_tree import TokenTree
from evalsuite.tasks.continuation import DELIMITER, continuations
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task

pytestmark = pytest.mark.integration
DATA = Path(__file__).parents[3] / "shared" / "data"
CONTEXT = 4096
ITEMS = 30


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model whose context holds MedQA's questions."""
    return tiny.make_model(tmp_path_factory.mktemp("scored") / "model", context=CONTEXT)


@pytest.fixture(scope="module")
def medqa():
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data")
    return load(load_task("medqa"), DATA)


def made(items, scoring, task):
    prompt = LoglikelihoodPrompt(task, scoring)
    return [Request(task.name, item, 0, prompt.messages(item), 0, prompt.continuations(item)) for item in items]


def weighed(model, requests, scoring, template=None, **args):
    """Sums by item, as our backend gives them."""
    settings = BackendSettings(
        str(model), chat_template=template, model_args={"device": "cpu", **args}, scoring=scoring
    )
    found = asyncio.run(ask(HF(settings), requests))
    return {id: response.logprobs for (id, _), response in found.items()}


@pytest.fixture(scope="module")
def lm_eval(model):
    """Stock lm-eval on the same folder, float32, as its own command makes it."""
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    return huggingface.HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=4)


def theirs(lm_eval, shown):
    """lm-eval's sums for (context, continuations) pairs."""
    from lm_eval.api.instance import Instance

    asked = [
        Instance("loglikelihood", {}, (context, each), number)
        for context, choices in shown
        for number, each in enumerate(choices)
    ]
    sums = iter(lm_eval.loglikelihood(asked, disable_tqdm=True))
    return [[next(sums)[0] for _ in choices] for _, choices in shown]


@pytest.mark.parametrize("templated", [False, True], ids=["plain", "chat"])
@pytest.mark.parametrize("scoring", ["loglikelihood", "cloze"])
def test_sums_and_choices_are_lm_evals(model, medqa, lm_eval, scoring, templated):
    items = medqa.items[:ITEMS]
    ours = weighed(model, made(items, scoring, medqa.task), scoring, None if templated else "")
    shown = []
    for item in items:
        context, choices = continuations(item, FORMS[scoring], "en")
        if templated:  # what lm-eval's --apply_chat_template does: no delimiter behind the template
            context = lm_eval.apply_chat_template([{"role": "user", "content": context}])
        shown.append((context, [f"{'' if templated else DELIMITER}{choice}" for choice in choices]))
    for item, expected in zip(items, theirs(lm_eval, shown), strict=True):
        assert np.abs(np.subtract(ours[item.id], expected)).max() < 1e-4
        assert np.argmax(ours[item.id]) == np.argmax(expected)


def test_reading_the_context_once_changes_nothing(model, medqa, monkeypatch):
    requests = made(medqa.items[:ITEMS], "cloze", medqa.task)
    shared = weighed(model, requests, "cloze")
    from evalsuite.models.local.loglikelihood import LoglikelihoodScorer

    monkeypatch.setattr(LoglikelihoodScorer, "_can_share_context", lambda self: False)
    apart = weighed(model, requests, "cloze")
    for id, sums in shared.items():
        assert np.abs(np.subtract(sums, apart[id])).max() < 1e-4


def test_a_batch_of_one_gives_what_a_full_batch_gives(model, medqa):
    requests = made(medqa.items[:8], "cloze", medqa.task)
    alone = weighed(model, requests, "cloze", batch="1")
    for id, sums in weighed(model, requests, "cloze").items():
        assert np.abs(np.subtract(sums, alone[id])).max() < 1e-4


def test_a_model_with_a_sliding_window_reads_each_option_apart_and_still_gives_lm_evals_sums(medqa, tmp_path):
    """A mask of our own would undo the window, and with it the meaning of a long context."""
    HFLM = pytest.importorskip("lm_eval.models.huggingface").HFLM
    from transformers import AutoConfig, Qwen3ForCausalLM

    folder = tiny.make_model(tmp_path / "windowed", context=CONTEXT)
    config = AutoConfig.from_pretrained(folder)
    config.use_sliding_window, config.sliding_window, config.max_window_layers = True, 32, 0
    config.layer_types = ["full_attention", "sliding_attention"]
    Qwen3ForCausalLM(config).save_pretrained(folder)
    items = medqa.items[:6]
    settings = BackendSettings(str(folder), chat_template="", model_args={"device": "cpu"}, scoring="cloze")

    async def facts_and_sums():
        backend = HF(settings)
        facts = await backend.open([])
        found = await ask(backend, made(items, "cloze", medqa.task))
        return facts, {id: response.logprobs for (id, _), response in found.items()}

    facts, ours = asyncio.run(facts_and_sums())
    assert facts["shares_context"] is False
    lm = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4)
    shown = [(c.context, [DELIMITER + x for x in c.choices]) for c in (continuations(i, "cloze") for i in items)]
    for item, expected in zip(items, theirs(lm, shown), strict=True):
        assert np.abs(np.subtract(ours[item.id], expected)).max() < 1e-4


def test_an_item_that_does_not_fit_fails_alone(tmp_path, medqa):
    small = tiny.make_model(tmp_path / "small", context=256)
    short = Item("short", "Pulse?", ("96", "18"), ("A", "B"), "A")
    long = Item("long", "pulse " * 300, ("96", "18"), ("A", "B"), "A")
    requests = made([long, short], "cloze", medqa.task)
    settings = BackendSettings(str(small), model_args={"device": "cpu"}, scoring="cloze")
    found = asyncio.run(ask(HF(settings), requests))
    assert found["long", 0].error and "256" in found["long", 0].error
    assert found["short", 0].error is None and all(map(math.isfinite, found["short", 0].logprobs))


def test_a_template_that_opens_a_thought_is_refused(model, medqa):
    with pytest.raises(UsageError, match="--thinking off"):
        weighed(model, made(medqa.items[:1], "cloze", medqa.task), "cloze", tiny.OPENING_TEMPLATE)


def test_options_that_begin_alike_share_their_nodes():
    tree = TokenTree([[5, 6, 7], [5, 6, 8], [5, 9], [4]])
    assert tree.nodes == [5, 6]
    assert tree.path(0) == [] and tree.path(2) == [5, 6]
    paths = {
        (owner, (*tree.path(row), token)) for row, token, owner in zip(tree.rows, tree.tokens, tree.owners, strict=True)
    }
    assert {(0, (5, 6, 7)), (1, (5, 6, 8)), (2, (5, 9)), (3, (4,))} <= paths


def evalsuite(*asked):
    command = [sys.executable, "-m", "evalsuite", *map(str, asked)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})


def test_a_run_is_resumed_and_never_paired_with_generated_answers(model, tmp_path):
    asked = ["run", "--model", f"hf/{model}", "--tasks", "starter_recall", "--json", "--model-arg", "device=cpu"]
    scored = [*asked, "--scoring", "cloze", "--out", tmp_path / "scored"]
    whole = evalsuite(*scored)
    assert whole.returncode == 0, whole.stderr
    task = json.loads(whole.stdout)["tasks"]["starter_recall"]
    assert task["scoring"] == "cloze" and task["status"] == {"ok": task["n"]}
    assert 0 <= task["calibration"]["ece"]["value"] <= 1 and "accuracy_per_byte" in task

    journal = tmp_path / "scored" / "responses" / "starter_recall.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    again = evalsuite("run", "--resume", tmp_path / "scored", "--json")
    assert again.returncode == 0, again.stderr
    assert journal.read_bytes().splitlines(keepends=True)[:5] == lines[:5]
    assert json.loads(again.stdout)["tasks"]["starter_recall"]["accuracy"] == task["accuracy"]

    assert evalsuite(*asked, "--max-tokens", 8, "--out", tmp_path / "written").returncode == 0
    refused = evalsuite(
        "compare", tmp_path / "written", tmp_path / "scored", "--allow", "prompt_digest,decoding,parser"
    )
    assert refused.returncode == 2 and "scoring" in refused.stderr and "--allow" not in refused.stderr
    assert evalsuite("compare", tmp_path / "written", tmp_path / "scored", "--allow", "scoring").returncode == 2
    refused = evalsuite("regrade", tmp_path / "scored")
    assert refused.returncode == 2 and "cloze" in refused.stderr
    assert evalsuite("report", tmp_path / "written", tmp_path / "scored", "--out", tmp_path / "report").returncode == 0
    columns = json.loads((tmp_path / "report" / "leaderboard.json").read_text())["columns"]
    assert sorted(column["title"] for column in columns) == ["starter_recall", "starter_recall, cloze"]
