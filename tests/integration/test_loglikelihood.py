"""Log-likelihoods of real MedQA options are those of lm-eval's hf backend on the same model."""

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
from backend_calls import respond

from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, UsageError
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
    """Return a tiny model whose context is long enough for MedQA's questions."""
    return tiny.make_model(tmp_path_factory.mktemp("scored") / "model", context=CONTEXT)


@pytest.fixture(scope="module")
def medqa():
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data")
    return load(load_task("medqa"), DATA)


def scoring_requests(items, scoring, task):
    prompt = LoglikelihoodPrompt(task, scoring)
    return [Request(task.name, item, 0, prompt.messages(item), 0, prompt.continuations(item)) for item in items]


def logprobs_of(model, requests, scoring, template=None, **args):
    """Return the backend's log-probabilities by item."""
    settings = BackendSettings(
        str(model), chat_template=template, model_args={"device": "cpu", **args}, scoring=scoring
    )
    responses = asyncio.run(respond(HF(settings), requests))
    return {id: response.logprobs for (id, _), response in responses.items()}


@pytest.fixture(scope="module")
def lm_eval(model):
    """Return lm-eval's model on the same folder, in float32, as its command creates it."""
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    return huggingface.HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=4)


def lm_eval_logprobs(lm_eval, shown):
    """Return lm-eval's log-probabilities for (context, continuations) pairs."""
    from lm_eval.api.instance import Instance

    instances = [
        Instance("loglikelihood", {}, (context, each), number)
        for context, choices in shown
        for number, each in enumerate(choices)
    ]
    sums = iter(lm_eval.loglikelihood(instances, disable_tqdm=True))
    return [[next(sums)[0] for _ in choices] for _, choices in shown]


@pytest.mark.parametrize("templated", [False, True], ids=["plain", "chat"])
@pytest.mark.parametrize("scoring", ["loglikelihood", "cloze"])
def test_log_probabilities_and_answers_are_those_of_lm_eval(model, medqa, lm_eval, scoring, templated):
    items = medqa.items[:ITEMS]
    logprobs = logprobs_of(model, scoring_requests(items, scoring, medqa.task), scoring, None if templated else "")
    shown = []
    for item in items:
        context, choices = continuations(item, FORMS[scoring], "en")
        if templated:  # what lm-eval's --apply_chat_template does: no delimiter behind the template
            context = lm_eval.apply_chat_template([{"role": "user", "content": context}])
        shown.append((context, [f"{'' if templated else DELIMITER}{choice}" for choice in choices]))
    for item, expected in zip(items, lm_eval_logprobs(lm_eval, shown), strict=True):
        assert np.abs(np.subtract(logprobs[item.id], expected)).max() < 1e-4
        assert np.argmax(logprobs[item.id]) == np.argmax(expected)


def test_a_shared_context_changes_no_log_probability(model, medqa, monkeypatch):
    requests = scoring_requests(medqa.items[:ITEMS], "cloze", medqa.task)
    shared = logprobs_of(model, requests, "cloze")
    from evalsuite.models.local.loglikelihood import LoglikelihoodScorer

    monkeypatch.setattr(LoglikelihoodScorer, "_can_share_context", lambda self: False)
    repeated = logprobs_of(model, requests, "cloze")
    for id, sums in shared.items():
        assert np.abs(np.subtract(sums, repeated[id])).max() < 1e-4


def test_log_probabilities_do_not_depend_on_the_batch_size(model, medqa):
    requests = scoring_requests(medqa.items[:8], "cloze", medqa.task)
    single = logprobs_of(model, requests, "cloze", batch="1")
    for id, sums in logprobs_of(model, requests, "cloze").items():
        assert np.abs(np.subtract(sums, single[id])).max() < 1e-4


def test_a_sliding_window_repeats_the_context_and_still_gives_the_values_of_lm_eval(medqa, tmp_path):
    """The mask of a prefix tree would disable the window, and so change the result of a long context."""
    HFLM = pytest.importorskip("lm_eval.models.huggingface").HFLM
    from transformers import AutoConfig, Qwen3ForCausalLM

    folder = tiny.make_model(tmp_path / "windowed", context=CONTEXT)
    config = AutoConfig.from_pretrained(folder)
    config.use_sliding_window, config.sliding_window, config.max_window_layers = True, 32, 0
    config.layer_types = ["full_attention", "sliding_attention"]
    Qwen3ForCausalLM(config).save_pretrained(folder)
    items = medqa.items[:6]
    settings = BackendSettings(str(folder), chat_template="", model_args={"device": "cpu"}, scoring="cloze")

    async def info_and_logprobs():
        backend = HF(settings)
        info = await backend.open([])
        responses = await respond(backend, scoring_requests(items, "cloze", medqa.task))
        return info, {id: response.logprobs for (id, _), response in responses.items()}

    info, logprobs = asyncio.run(info_and_logprobs())
    assert info["shares_context"] is False
    lm = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4)
    shown = [(c.context, [DELIMITER + x for x in c.choices]) for c in (continuations(i, "cloze") for i in items)]
    for item, expected in zip(items, lm_eval_logprobs(lm, shown), strict=True):
        assert np.abs(np.subtract(logprobs[item.id], expected)).max() < 1e-4


def test_an_item_that_does_not_fit_fails_alone(tmp_path, medqa):
    small = tiny.make_model(tmp_path / "small", context=256)
    short = Item("short", "Pulse?", ("96", "18"), ("A", "B"), "A")
    long = Item("long", "pulse " * 300, ("96", "18"), ("A", "B"), "A")
    requests = scoring_requests([long, short], "cloze", medqa.task)
    settings = BackendSettings(str(small), model_args={"device": "cpu"}, scoring="cloze")
    responses = asyncio.run(respond(HF(settings), requests))
    assert responses["long", 0].error and "256" in responses["long", 0].error
    assert responses["short", 0].error is None and all(map(math.isfinite, responses["short", 0].logprobs))


def test_a_template_that_opens_reasoning_is_refused(model, medqa):
    with pytest.raises(UsageError, match="`thinking`") as caught:
        logprobs_of(model, scoring_requests(medqa.items[:1], "cloze", medqa.task), "cloze", tiny.OPENING_TEMPLATE)
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND


def test_options_with_a_common_prefix_share_its_nodes():
    tree = TokenTree([[5, 6, 7], [5, 6, 8], [5, 9], [4]])
    assert tree.nodes == [5, 6]
    assert tree.path(0) == [] and tree.path(2) == [5, 6]
    paths = {
        (owner, (*tree.path(row), token)) for row, token, owner in zip(tree.rows, tree.tokens, tree.owners, strict=True)
    }
    assert {(0, (5, 6, 7)), (1, (5, 6, 8)), (2, (5, 9)), (3, (4,))} <= paths


def evalsuite(*arguments):
    command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})


def test_a_scored_run_is_resumed_and_never_compared_with_a_generated_one(model, tmp_path):
    arguments = ["run", "--model", f"hf/{model}", "--tasks", "starter_recall", "--json", "--model-arg", "device=cpu"]
    scored = [*arguments, "--scoring", "cloze", "--out", tmp_path / "scored"]
    complete = evalsuite(*scored)
    assert complete.returncode == 0, complete.stderr
    task = json.loads(complete.stdout)["tasks"]["starter_recall"]
    assert task["scoring"] == "cloze" and task["status"] == {"ok": task["n"]}
    assert 0 <= task["calibration"]["ece"]["value"] <= 1 and "accuracy_per_byte" in task

    journal = tmp_path / "scored" / "responses" / "starter_recall.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    resumed = evalsuite("run", "--resume", tmp_path / "scored", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert journal.read_bytes().splitlines(keepends=True)[:5] == lines[:5]
    assert json.loads(resumed.stdout)["tasks"]["starter_recall"]["accuracy"] == task["accuracy"]

    assert evalsuite(*arguments, "--max-tokens", 8, "--out", tmp_path / "generated").returncode == 0
    refused = evalsuite(
        "compare", tmp_path / "generated", tmp_path / "scored", "--allow", "prompt_digest,decoding,parser"
    )
    assert refused.returncode == 2 and "scoring" in refused.stderr and "--allow" not in refused.stderr
    assert evalsuite("compare", tmp_path / "generated", tmp_path / "scored", "--allow", "scoring").returncode == 2
    refused = evalsuite("regrade", tmp_path / "scored")
    assert refused.returncode == 2 and "cloze" in refused.stderr
    assert (
        evalsuite("report", tmp_path / "generated", tmp_path / "scored", "--out", tmp_path / "report").returncode == 0
    )
    columns = json.loads((tmp_path / "report" / "leaderboard.json").read_text())["columns"]
    assert sorted(column["title"] for column in columns) == ["starter_recall", "starter_recall, cloze"]
