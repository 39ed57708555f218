"""Log-probabilities from a real `vllm serve` by both methods, compared with those of transformers."""

import math
from dataclasses import replace

import pytest
from backend_calls import make_request, respond

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings
from evalsuite.models.openai import OpenAI

pytestmark = pytest.mark.integration
OPTIONS = ("Aspirin, at once", "Aspirin, later", "5 µg of heparin – slowly", "Biopsy")


def scoring_requests(count, options):
    return [replace(each, continuations=options) for each in (make_request(number) for number in range(count))]


def openai(server, scoring, template=None):
    urls = (server.base_url,)
    return OpenAI(BackendSettings(model=server.model, base_urls=urls, scoring=scoring, chat_template=template))


def reference(server, requests, template):
    """Return the log-probabilities of the same weights by transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from evalsuite.models.local.chat_template import ChatTemplate
    from evalsuite.models.local.continuation_tree import tokenize_continuations
    from evalsuite.models.local.loglikelihood import LoglikelihoodScorer

    scorer = LoglikelihoodScorer(AutoModelForCausalLM.from_pretrained(server.folder, dtype=torch.float32))
    chat = ChatTemplate(AutoTokenizer.from_pretrained(server.folder), template, "auto", "tiny")
    return {request.item.id: scorer.logprobs([tokenize_continuations(request, chat)])[0] for request in requests}


@pytest.mark.parametrize(("scoring", "options"), [("cloze", OPTIONS), ("loglikelihood", ("A", "B", "C"))])
async def test_plain_prompts_get_the_log_probabilities_of_transformers(vllm_server, scoring, options):
    requests = scoring_requests(12, options)
    expected = reference(vllm_server, requests, "")
    responses = await respond(openai(vllm_server, scoring, ""), requests)
    for (id, _), response in responses.items():
        assert response.error is None
        assert response.logprobs == pytest.approx(expected[id], abs=1e-3)


async def test_labels_behind_the_chat_template_are_among_the_likeliest_or_unknown(vllm_server):
    requests = scoring_requests(12, tuple("ABCDEFGHIJ"))
    responses = await respond(openai(vllm_server, "loglikelihood"), requests)
    known = 0
    for response in responses.values():
        assert response.error is None and len(response.logprobs) == 10
        for log in response.logprobs:
            assert log is None or (math.isfinite(log) and log <= 0)
            known += log is not None
    assert known, "no label of 120 was among the twenty likeliest of 500 tokens"


async def test_cloze_scoring_needs_a_plain_prompt(vllm_server):
    with pytest.raises(UsageError, match="`chat_template`") as caught:
        openai(vllm_server, "cloze")
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND


async def test_an_option_that_does_not_fit_fails_reference(vllm_server):
    requests = [*scoring_requests(3, OPTIONS), replace(make_request(99, text="aspirin " * 9000), continuations=OPTIONS)]
    responses = await respond(openai(vllm_server, "cloze", ""), requests)
    assert [key for key, response in responses.items() if response.error] == [("item-99", 0)]
