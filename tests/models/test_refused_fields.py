"""Fields that servers refuse: what was sent is what is recorded, whatever words the refusal has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import evalsuite as es
from evalsuite.errors import ErrorCode
from evalsuite.models.backend import Decoding
from evalsuite.models.http import transport
from evalsuite.models.http.refusal import fewer_logprobs, least_tokens, rejected_fields, wants_stream
from tests.models.fault_server import FaultServer, answer, completion, reply_with
from tests.models.openai_client import answering, error_of, requests, respond, settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def openai(message, param=None, code="unsupported_value"):
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


TEMPERATURE = [
    openai("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
    openai(
        "Unsupported value: 'temperature' does not support 0.0 with this model. "
        "Only the default (1) value is supported.",
        "temperature",
    ),
    openai("`temperature` is deprecated for this model."),
    openai("`temperature` may only be set to 1 when thinking is enabled."),
    openai("invalid temperature: only 1 is allowed for this model"),
    openai("temperature must be 1 for this model"),
    openai("`temperature` must be strictly positive"),
    openai("Argument not supported on this model: temperature"),
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]},
    {"object": "error", "message": {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be > 0"}]}},
    [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "temperature": Cannot find it.'}}],
    {"message": "Unrecognized request argument supplied: temperature"},
]


@pytest.mark.parametrize("refusal", TEMPERATURE)
async def test_a_refused_temperature_is_left_out_recorded_and_said(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: (
        reply_with(refusal, 400) if "temperature" in server.requests[-1].body else answer()
    )
    with server:
        async with answering(settings(server.url, concurrency=4), requests(20)) as (backend, answers):
            got = [response async for response in answers]
    assert [response.error for response in got] == [None] * 20
    assert "temperature" in backend.unsent and "temperature" in backend.notes
    assert sum("temperature" in received.body for received in server.requests) <= 4
    assert all(received.body["max_tokens"] == 100 for received in server.requests)


ANTHROPIC = openai("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
PAIRS = [ANTHROPIC, {"message": "ValidationException: temperature and top_p cannot both be specified for this model"}]


@pytest.mark.parametrize("refusal", PAIRS)
async def test_of_two_fields_that_exclude_each_other_the_temperature_stays(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: (
        reply_with(refusal, 400) if {"temperature", "top_p"} <= server.requests[-1].body.keys() else answer()
    )
    decoding = Decoding(temperature=0.7, top_p=1.0, max_tokens=10)
    with server:
        async with answering(settings(server.url, decoding=decoding), requests(3)) as (backend, answers):
            got = [response async for response in answers]
    assert not any(response.error for response in got)
    assert backend.unsent == {"top_p"} and server.requests[-1].body["temperature"] == 0.7


async def test_a_neutral_top_p_is_not_sent_where_it_can_not_matter():
    with FaultServer() as server:
        async with answering(settings(server.url), requests(1)) as (backend, answers):
            [_] = [response async for response in answers]
        assert "top_p" not in server.requests[0].body and backend.unsent == {"top_p"} and not backend.notes
        for decoding in (Decoding(temperature=0.7), Decoding(top_p=0.9)):
            await respond(settings(server.url, decoding=decoding))
            # A server would apply the top_p of the model's generation_config.json if none were sent.
            assert server.requests[-1].body["top_p"] == decoding.top_p


async def test_all_fields_of_a_reasoning_model_are_learnt_one_after_the_other():
    def plan(item, attempt):
        body = server.requests[-1].body
        for name in ("max_tokens", "temperature", "top_p", "seed"):
            if name in body:
                hint = "Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
                return reply_with(openai(f"Unsupported parameter: '{name}' is not supported. {hint}", name), 400)
        return answer()

    server = FaultServer(plan)
    with server:
        decoding = Decoding(temperature=0.7, top_p=0.9, max_tokens=10)
        async with answering(settings(server.url, decoding=decoding), requests(3)) as (backend, answers):
            got = [response async for response in answers]
    assert not any(response.error for response in got)
    assert backend.unsent == {"temperature", "top_p", "seed"} == set(backend.notes)
    assert server.requests[-1].body["max_completion_tokens"] == 10


async def test_what_was_accepted_once_is_not_left_out_later():
    """A refusal that quotes an item, or a router's other provider, must not change the decoding of half a run."""
    refusal = openai("The request is invalid: temperature is not supported", "temperature")
    with FaultServer(lambda item, attempt: reply_with(refusal, 400) if item == "i3" else answer()) as server:
        async with answering(settings(server.url, concurrency=1), requests(6)) as (backend, answers):
            got = [response async for response in answers]
    assert [response.request.item.id for response in got if response.error] == ["i3"]
    assert "temperature" not in backend.unsent


@pytest.mark.parametrize(
    "words",
    [
        "The patient has a temperature of 39 and seed-like lesions on the skin of both hands and feet.",
        "This model's maximum context length is 100 tokens.",
        "Internal validation failed",
    ],
)
def test_the_words_of_an_item_reject_no_field(words):
    assert rejected_fields(json.dumps(openai(words)).encode()) == set()


# Probes of one token


FEW_TOKENS = [
    "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
    "Could not finish the message because max_tokens or model output limit was reached. Please try again with higher "
    "max_tokens.",
    "max_tokens must be at least 16",
]


# A refusal that states the least number is met at once; only one without a number can lead past 1,000.
@pytest.mark.parametrize(
    ("words", "enough"),
    [(words, enough) for words in FEW_TOKENS for enough in (16, 1000)]
    + [(words, 10**9) for words in FEW_TOKENS if "Could not finish" in words],
)
async def test_a_probe_of_one_token_asks_for_more(words, enough):
    def plan(item, attempt):
        return reply_with(openai(words), 400) if server.requests[-1].body["max_tokens"] < enough else answer()

    server = FaultServer(plan, models={"data": [{"id": "deployment-with-another-name"}]})
    decoding = Decoding(max_tokens=10**9)
    with server:
        [response] = await respond(settings(server.url, decoding=decoding))
    assert response.error is None


async def test_a_response_that_ran_out_of_tokens_is_truncated():
    with FaultServer(lambda item, attempt: reply_with(openai(FEW_TOKENS[1]), 400)) as server:
        [response] = await respond(settings(server.url))
    assert (response.error, response.finish, response.text) == (None, "length", "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_probe_is_no_wrong_name(status):
    refusal = reply_with(openai("Unknown parameter: 'messages[0].cache'."), status)
    with FaultServer(lambda item, attempt: refusal, models={"data": [{"id": "another"}]}) as server:
        message = await error_of(settings(server.url), ErrorCode.REQUEST_REFUSED)
    assert "messages[0].cache" in message


@pytest.mark.parametrize(
    "words",
    ["The model `m` does not exist", "Invalid model name passed in model=m", "Model m not found", "no such model"],
)
async def test_a_wrong_name_in_a_400_is_named(words):
    refusal = reply_with(openai(words), 400)
    with FaultServer(lambda item, attempt: refusal, models={"data": [{"id": "another"}]}) as server:
        assert "another" in await error_of(settings(server.url), ErrorCode.MODEL_NOT_SERVED)


# Log-likelihood scoring


TOP_LOGPROBS = [
    ("Invalid 'top_logprobs': integer above maximum value. Expected a value <= 5, but got 20 instead.", 5),
    ("Requested sample logprobs of 20, which is greater than max allowed: 10", 10),
    ("logprobs value of 20 but the supported range is from 0 (inclusive) to 20 (exclusive)", 19),
    ("top_logprobs must be less than or equal to 8", 8),
    ("Parameter top_logprobs is out of range", 5),
]


def scored(top):
    """A reply with as many of the likeliest tokens as were asked for."""
    tokens = [{"token": token, "logprob": -1.0 - place} for place, token in enumerate("BAxyzuvw" + "q" * 20)]
    content = completion("B")
    content["choices"][0]["logprobs"] = {"content": [{"token": "B", "logprob": -1.0, "top_logprobs": tokens[:top]}]}
    return reply_with(content)


def scoring(*urls, **args):
    return replace(settings(*urls, decoding=Decoding(), **args), scoring="loglikelihood")


@pytest.mark.parametrize(("words", "most"), TOP_LOGPROBS)
async def test_the_number_of_top_logprobs_is_learnt(words, most):
    def plan(item, attempt):
        top = server.requests[-1].body.get("top_logprobs", 0)
        return reply_with(openai(words), 400) if top > most else scored(top)

    server = FaultServer(plan)
    with server:
        async with answering(scoring(server.url), requests(3)) as (backend, answers):
            got = [response async for response in answers]
    assert [response.error for response in got] == [None] * 3
    assert backend.info["top_logprobs"] == most and "top_logprobs" in backend.notes
    assert server.requests[-1].body["top_logprobs"] == most


async def test_a_server_without_log_probabilities_is_named():
    refusal = reply_with(openai("'logprobs' is not supported with this model.", "logprobs"), 400)
    server = FaultServer()
    server.plan = lambda item, attempt: refusal if "logprobs" in server.requests[-1].body else answer()
    with server:
        assert "not supported" in await error_of(scoring(server.url), ErrorCode.LOGPROBS_UNAVAILABLE)
    assert len(server.requests) < 12


async def test_nothing_constrains_what_is_scored():
    """Constrained decoding renormalises: P(A) + P(B) = 1.000 is then told of a model for which it is .008."""
    with FaultServer(lambda item, attempt: scored(20)) as server:
        await respond(scoring(server.url), 2)
    allowed = {"model", "messages", "temperature", "max_tokens", "seed", "logprobs", "top_logprobs"}
    for received in server.requests:
        assert received.body.keys() <= allowed


@pytest.mark.parametrize(
    "field",
    [
        "guided_choice",
        "guided_regex",
        "guided_grammar",
        "structured_outputs",
        "response_format",
        "logit_bias",
        "allowed_token_ids",
        "bad_words",
        "grammar",
        "json_schema",
        "regex",
        "ebnf",
        "tools",
        "logits_processors",
    ],
)
async def test_scoring_refuses_fields_that_constrain_or_shift_the_tokens(field):
    configured = scoring("http://127.0.0.1:1/v1", extra_body=json.dumps({field: ["A", "B"]}))
    assert field in await error_of(configured, ErrorCode.CONFLICTING_ARGUMENTS)


# Pure readings of refusals


def body(words):
    return json.dumps(openai(words)).encode()


def test_numbers_in_refusals():
    assert least_tokens(body(FEW_TOKENS[0]), 1) == 16
    assert least_tokens(body(FEW_TOKENS[1]), 16) == 1024
    assert least_tokens(body("max_tokens must be at least 1, got -904"), 4096) is None
    assert least_tokens(body("temperature must be at least 1"), 1) is None
    assert fewer_logprobs(body("'logprobs' is not supported with this model."), 20) is None
    assert fewer_logprobs(body("temperature must be below 2"), 20) is None


@pytest.mark.parametrize("words", ["bad stream of words", "the upstream refused", "only 5 items", "stream closed"])
def test_other_refusals_want_no_stream(words):
    assert not wants_stream(body(words))


# A whole run


def test_a_run_records_what_was_not_sent_and_a_resumed_one_too(tmp_path):
    down = [True]

    def plan(item, attempt):
        request = server.requests[-1].body
        if "temperature" in request:
            return reply_with(TEMPERATURE[1], 400)
        number = len(server.requests)
        return reply_with({"error": "no"}, 400) if down[0] and number > 12 else reply_with(completion())

    server = FaultServer(plan)
    with server:
        run = {"base_urls": [server.url], "concurrency": 1, "out": tmp_path / "run"}
        with pytest.warns(UserWarning):
            es.evaluate("openai/m", "starter_recall", **run)
        down[0] = False
        es.evaluate("openai/m", "starter_recall", **run)
        es.evaluate("openai/m", "starter_recall", **(run | {"out": tmp_path / "other"}))
    stored = json.loads((tmp_path / "run" / "run.json").read_bytes())
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    assert stored["ended"]["status"] == "finished"
    assert stored["decoding"]["temperature"] is summary["decoding"]["temperature"] is None
    assert summary["decoding"]["seed"] == 0
    assert es.compare(tmp_path / "run", tmp_path / "other") is not None
    with FaultServer() as greedy:
        es.evaluate("openai/m", "starter_recall", base_urls=[greedy.url], out=tmp_path / "greedy")
    with pytest.raises(es.EvalsuiteError) as caught:
        es.compare(tmp_path / "run", tmp_path / "greedy")
    assert caught.value.code is ErrorCode.RUNS_NOT_COMPARABLE and "decoding.temperature" in str(caught.value)
