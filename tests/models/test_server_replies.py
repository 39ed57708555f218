"""How each kind of reply of a server is judged: by its finish reason, its own error code, or its shape."""

from __future__ import annotations

import json
import time

import pytest

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import Response
from evalsuite.models.finish_reason import FAILED, finish_of
from evalsuite.models.http import transport
from evalsuite.models.http.context_limit import context_limit
from evalsuite.models.http.error_report import outline
from tests.models.fault_server import Behaviour, FaultServer, answer, completion, reply_with
from tests.models.openai_client import error_of, respond, settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No API key from this machine, and a backoff short enough for a test."""
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def choice(finish, **fields):
    return {"choices": [{"index": 0, "finish_reason": finish, **fields}]}


async def judged(behaviour: Behaviour) -> tuple[Response, int]:
    """Return the response to one request, and how often the server was asked for it."""
    with FaultServer(lambda item, attempt: behaviour) as server:
        [response] = await respond(settings(server.url))
    return response, len(server.requests)


NO_CONTENT = {"role": "assistant"}


@pytest.mark.parametrize(
    ("reply", "finish", "reasoning"),
    [
        (choice("length", message=NO_CONTENT), "length", ""),
        (choice("MAX_TOKENS", message={}), "length", ""),
        (choice("length", message=None), "length", ""),
        (choice("length"), "length", ""),
        (choice("length", message={**NO_CONTENT, "reasoning_content": "hm"}), "length", "hm"),
        (
            choice("content_filter", message=NO_CONTENT, content_filter_results={"hate": {"filtered": True}}),
            "refused",
            "",
        ),
        (choice("content_filter"), "refused", ""),
        (choice("stop", message=NO_CONTENT), "stop", ""),
        (choice("stop", message={"content": [{"type": "refusal", "refusal": "No."}]}), "refused", ""),
        (choice("tool_calls", message={**NO_CONTENT, "content": None, "tool_calls": [{"id": "x"}]}), "stop", ""),
        (choice("exhausted", message=NO_CONTENT), "exhausted", ""),
        (choice("stop", message={"content": "B"}, error=None) | {"error": None}, "stop", ""),
        (choice("stop", message={"content": "B"}) | {"error": {}}, "stop", ""),
        (choice(None, message={"content": "B"}), "stop", ""),
        (choice({"type": "length", "length": 7}, message={"content": "B"}), "length", ""),
    ],
)
async def test_the_finish_reason_decides_what_a_reply_without_content_is(reply, finish, reasoning):
    response, sent = await judged(reply_with(reply))
    assert (response.finish, response.reasoning, response.error, sent) == (finish, reasoning, None, 1)


@pytest.mark.parametrize(
    "reply",
    [
        [],
        None,
        "text",
        {},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": {"role": "assistant"}}]},
        {"choices": [{"index": 0, "text": "B", "finish_reason": "stop"}]},
        choice("stop", message=None),
        {"choices": None, "base_resp": {"status_code": 7, "status_msg": "something else"}},
        choice("stop", message={"content": 7}),
        choice("stop", message={"content": ["x"]}),
        choice("stop", message="B"),
        {"output": {"text": "B"}},
        {"error": {"message": "something of our own", "code": "E-17"}},
        b"<html><head><title>Sign in</title></head><body>portal</body></html>",
    ],
)
async def test_a_whole_reply_of_an_unknown_shape_is_asked_for_once_more(reply):
    response, sent = await judged(reply_with(reply))
    assert sent == 2
    assert response.error is not None and "\n" not in response.error


async def test_the_outline_of_an_unknown_shape_has_keys_and_types_and_no_content():
    response, _ = await judged(reply_with({"output": [{"text": "secret words", "n": 3}], "usage": None}))
    assert response.error is not None and "secret" not in response.error
    assert outline({"output": [{"text": "secret words", "n": 3}], "usage": None}) in response.error
    assert outline({"a": [{"b": 1.5}, 2], "c": True}) == "{a: [{b: float}, ...], c: bool}"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 402, "message": "no credit"}, ErrorCode.QUOTA_EXHAUSTED),
        ({"code": "402", "message": "no credit"}, ErrorCode.QUOTA_EXHAUSTED),
        ({"type": "billing_error", "message": "no credit"}, ErrorCode.QUOTA_EXHAUSTED),
        ({"code": 401, "message": "who are you?"}, ErrorCode.AUTHENTICATION_FAILED),
        ({"code": "invalid_api_key", "message": "who are you?"}, ErrorCode.AUTHENTICATION_FAILED),
        ({"code": 16, "status": "UNAUTHENTICATED", "message": "who are you?"}, ErrorCode.AUTHENTICATION_FAILED),
    ],
)
@pytest.mark.parametrize("place", ["reply", "choice", "flat"])
async def test_an_error_inside_a_success_that_every_request_would_meet_ends_the_run(error, code, place):
    reply = {"reply": {"error": error}, "choice": choice(None, message=NO_CONTENT, error=error)}.get(place)
    with FaultServer(lambda item, attempt: reply_with(reply or {"object": "error", **error})) as server:
        await error_of(settings(server.url), code)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"code": 400, "message": "the field is wrong"},
        {"type": "invalid_request_error", "message": "the field is wrong"},
        {"status": "INVALID_ARGUMENT", "message": "the field is wrong"},
    ],
)
async def test_an_error_400_inside_a_success_refuses_this_request_alone(error):
    response, sent = await judged(reply_with({"error": error}))
    assert sent == 1 and response.error is not None and "the field is wrong" in response.error


@pytest.mark.parametrize(
    "reply",
    [
        {"error": {"code": 429, "message": "later"}},
        {"error": {"code": "rate_limit_exceeded", "message": "later"}},
        {"error": {"code": 503, "message": "later"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "later"}},
        choice(None, message={"content": ""}, error={"code": 502, "message": "provider away"}),
        choice(None, message={"content": ""}, error="provider away"),
        choice("error", message={"content": "half a tex"}),
        choice("network_error", message={"content": ""}),
        choice("insufficient_system_resource", message={"content": ""}),
        choice("abort", message={"content": ""}),
    ],
)
async def test_a_failure_of_the_provider_inside_a_success_is_sent_again(reply):
    with FaultServer(lambda item, attempt: reply_with(reply) if attempt < 4 else answer()) as server:
        [response] = await respond(settings(server.url))
    assert response.error is None and len(server.requests) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "the prompt triggered the policy"}),
        (400, {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}, "message": "no"}),
        (400, {"message": "Content Exists Risk", "type": "invalid_request_error", "code": "invalid_request_error"}),
        (400, {"code": "data_inspection_failed", "message": "no"}),
        (403, {"code": 403, "message": "moderation", "metadata": {"reasons": ["violence"], "flagged_input": "a"}}),
        (200, {"code": 403, "message": "moderation", "metadata": {"reasons": ["violence"], "flagged_input": "a"}}),
        (200, {"code": "content_filter", "message": "no"}),
    ],
)
async def test_a_content_filter_refuses_whatever_its_status(status, error):
    response, sent = await judged(reply_with({"error": error}, status))
    assert (response.finish, response.text, response.error, sent) == ("refused", "", None, 1)


@pytest.mark.parametrize("counts", [(2**62, 2**64 - 1), (2**31, -1), (7.5, 1e300), (True, "3")])
async def test_token_counts_that_cannot_be_are_unknown(counts):
    usage = dict(zip(("prompt_tokens", "completion_tokens"), counts, strict=True))
    response, _ = await judged(reply_with(completion() | {"usage": usage}))
    assert (response.input_tokens, response.output_tokens) == (None, None)


async def test_token_counts_that_are_not_numbers_are_unknown():
    body = json.dumps(completion()).replace("7", "NaN").replace("3", "Infinity").encode()
    response, _ = await judged(reply_with(body))
    assert (response.input_tokens, response.output_tokens, response.error) == (None, None, None)


# The words of servers at the versions in use, with both numbers where they name them
CONTEXT_ERRORS = [
    (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (904 in the messages, "
        "4096 in the completion). Please reduce the length of the messages or completion.",
        4096,
        5000,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 "
        "tokens and your request has 20 input tokens (5000 > 4096 - 20).",
        4096,
        5020,
    ),
    ("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", 4096, 5000),
    (
        "You passed 4097 input tokens and requested 10 output tokens. However, the model's context length is only 4096 "
        "tokens, resulting in a maximum input length of 4086 tokens.",
        4096,
        4107,
    ),
    ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096, 5000),
    (
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of "
        "5000 tokens: 904 tokens from the input messages and 4096 tokens for the completion.",
        4096,
        5000,
    ),
    ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 4096, 5000),
    ("the request exceeds the available context size, try increasing it", None, None),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 904 `inputs` tokens and "
        "4096 `max_new_tokens`",
        4096,
        5000,
    ),
    ("Input validation error: `inputs` must have less than 1024 tokens. Given: 5000", 1024, 5000),
    ("the input length exceeds the context length", None, None),
    ("prompt is too long: 208310 tokens > 200000 maximum", 200000, 208310),
    ("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", 200000, 209573),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576, 1200000),
    (
        "Prompt contains 4000 tokens and 0 draft tokens, too large for model with 3200 maximum context length",
        3200,
        4000,
    ),
    (
        "Input tokens exceed the configured limit of 2720 tokens. Your messages resulted in 3000 tokens.",
        2720,
        3000,
    ),
    ("Input is too long for requested model.", None, None),
    ("Range of input length should be [1, 30720]", 30720, None),
    ("too many tokens: total number of tokens in the prompt cannot exceed 4081", 4081, None),
]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (1004, ErrorCode.AUTHENTICATION_FAILED),
        (2049, ErrorCode.AUTHENTICATION_FAILED),
        (1008, ErrorCode.QUOTA_EXHAUSTED),
    ],
)
async def test_an_error_of_minimax_that_every_request_would_meet_ends_the_run(number, code):
    body = {"choices": None, "base_resp": {"status_code": number, "status_msg": "words of the server"}}
    with FaultServer(lambda item, attempt: reply_with(body)) as server:
        assert "words of the server" in await error_of(settings(server.url), code)


@pytest.mark.parametrize("number", [1002, 1013])
async def test_an_error_of_minimax_that_passes_is_waited_for(number):
    body = {"choices": None, "base_resp": {"status_code": number, "status_msg": "busy"}}
    with FaultServer(lambda item, attempt: reply_with(body) if attempt == 1 else reply_with(completion("B"))) as server:
        [response] = await respond(settings(server.url))
    assert (response.text, response.error, len(server.requests)) == ("B", None, 2)


async def test_a_filtered_prompt_of_minimax_is_refused_and_its_code_0_is_no_error():
    filtered = {"choices": None, "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}
    response, sent = await judged(reply_with(filtered))
    assert (response.finish, response.error, sent) == ("refused", None, 1)
    response, sent = await judged(reply_with(completion("B") | {"base_resp": {"status_code": 0, "status_msg": ""}}))
    assert (response.text, response.error, sent) == ("B", None, 1)


async def test_an_error_in_a_list_is_judged_by_its_code():
    response, sent = await judged(reply_with([{"error": {"code": 400, "message": "words of the server"}}]))
    assert sent == 1 and response.error is not None and "words of the server" in response.error


@pytest.mark.parametrize(("words", "tokens", "needed"), CONTEXT_ERRORS)
def test_a_context_limit_is_recognised_with_both_numbers(words, tokens, needed):
    limit = context_limit(400, json.dumps({"error": {"message": words}}).encode())
    assert limit is not None and (limit.tokens, limit.needed) == (tokens, needed)


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 200000. This model supports at most 128000 completion tokens, you provided 200000.",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "Unsupported value: 'temperature' does not support 0 with this model.",
        "too many requests",
    ],
)
def test_other_refusals_are_no_context_limit(words):
    assert context_limit(400, json.dumps({"error": {"message": words}}).encode()) is None


async def test_a_context_limit_changes_no_field_and_concerns_its_item_alone():
    words = CONTEXT_ERRORS[1][0]
    with FaultServer(
        lambda item, attempt: reply_with({"error": {"message": words}}, 400) if item != "i39" else answer()
    ) as server:
        got = await respond(settings(server.url), 40)
    assert len(got) == len(server.requests) == 40
    assert sum(response.error is None for response in got) == 1
    assert all("4,096" in response.error and "5,020" in response.error for response in got if response.error)
    assert all("max_tokens" in received.body for received in server.requests)


async def test_llama_cpp_names_both_numbers_in_fields():
    error = {"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096}
    response, _ = await judged(reply_with({"error": error}, 400))
    assert response.error is not None and "4,096" in response.error and "5,000" in response.error


async def test_many_unreadable_replies_end_the_run():
    with (
        FaultServer(lambda item, attempt: reply_with({"output": "B"})) as server,
        pytest.raises(BackendError) as caught,
    ):
        await respond(settings(server.url, concurrency=4), 100)
    assert caught.value.code is ErrorCode.TOO_MANY_FAILURES
    assert len(server.requests) <= 2 * (32 + 4)


@pytest.mark.parametrize("status", [400, 502])
async def test_a_web_page_is_one_line_with_its_title(status, monkeypatch):
    page = b"<!DOCTYPE html>\n<html><head><style>b{}</style><title>Bad\n gateway</title></head><body>...</body></html>"
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    response, _ = await judged(reply_with(page, status))
    assert response.error is not None and "Bad gateway" in response.error and "<" not in response.error


@pytest.mark.parametrize(
    ("words", "finish"),
    [
        ("stop end_turn STOP eos eos_token stop_sequence COMPLETE tool_calls function_call", "stop"),
        ("length MAX_TOKENS max_output_tokens model_context_window_exceeded FinishReason.MAX_TOKENS", "length"),
        ("content_filter content-filter SAFETY sensitive recitation blocklist prohibited_content refusal", "refused"),
        ("error network_error insufficient_system_resource abort timeout ERROR", FAILED),
    ],
)
def test_the_words_of_the_providers_for_one_finish(words, finish):
    assert {finish_of(word) for word in words.split()} == {finish}


def test_an_unknown_finish_reason_is_kept_in_lower_case_and_none_is_a_stop():
    assert finish_of("Exhausted By\x1b Fate") == "exhausted_by?_fate"
    assert len(finish_of("x" * 1000)) <= 40
    assert finish_of(None) == finish_of("") == finish_of("null") == "stop"


NO_MODEL = {"message": "The model `m` does not exist", "code": "model_not_found"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, NO_MODEL),
        (404, NO_MODEL),
        (422, NO_MODEL),
        (400, {"message": "Invalid model: m", "type": "invalid_model", "code": "1500"}),
        (400, {"message": "Model Not Exist", "type": "invalid_request_error", "code": "invalid_request_error"}),
        (400, {"message": "there is none", "param": "model"}),
    ],
)
async def test_a_model_that_is_not_there_ends_the_run_although_it_is_listed(status, error):
    with FaultServer(lambda item, attempt: reply_with({"error": error}, status)) as server:
        await error_of(settings(server.url, concurrency=1), ErrorCode.MODEL_NOT_SERVED, 40)
    assert len(server.requests) == 1


async def test_a_refusal_in_the_words_of_an_item_refuses_that_item_alone():
    error = {"error": {"message": "in 'the model is unknown': the field is wrong", "type": "invalid_request_error"}}
    with FaultServer(lambda item, attempt: reply_with(error, 400) if item == "i1" else answer()) as server:
        responses = await respond(settings(server.url, concurrency=1), 4)
    assert [response.error is None for response in responses] == [True, False, True, True]


async def test_a_model_that_is_taken_away_ends_the_run():
    def plan(item: str, attempt: int) -> Behaviour:
        return answer() if item == "i0" else reply_with({"error": NO_MODEL}, 400)

    with FaultServer(plan) as server:
        await error_of(settings(server.url, concurrency=1), ErrorCode.MODEL_NOT_SERVED, 40)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_that_only_reports_errors_is_given_up_after_the_stated_patience(status, monkeypatch):
    monkeypatch.undo()  # the real backoff
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer(lambda item, attempt: reply_with({"error": {"message": "out of order"}}, status)) as server:
        started = time.monotonic()
        message = await error_of(settings(server.url, patience="0.5", concurrency=1), ErrorCode.TOO_MANY_FAILURES, 40)
        seconds = time.monotonic() - started
    assert "out of order" in message and "patience" in message
    assert seconds < 10 and len(server.requests) < 50


async def test_a_server_that_recovers_within_patience_answers_all():
    def plan(item: str, attempt: int) -> Behaviour:
        return reply_with({"error": {"message": "starting"}}, 500) if attempt < 6 else answer()

    with FaultServer(plan) as server:
        responses = await respond(settings(server.url), 20)
    assert [response.error for response in responses] == [None] * 20


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (1004, ErrorCode.AUTHENTICATION_FAILED),
        (2049, ErrorCode.AUTHENTICATION_FAILED),
        (1008, ErrorCode.QUOTA_EXHAUSTED),
        (2056, ErrorCode.QUOTA_EXHAUSTED),
    ],
)
async def test_codes_of_minimax_that_every_request_would_meet(code, result):
    reply = {"choices": None, "base_resp": {"status_code": code, "status_msg": "words"}}
    with FaultServer(lambda item, attempt: reply_with(reply)) as server:
        assert "words" in await error_of(settings(server.url), result)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1024, 1033, 1039, 1041, 2045])
async def test_codes_of_minimax_that_pass(code):
    reply = {"choices": None, "base_resp": {"status_code": code, "status_msg": "words"}}
    with FaultServer(lambda item, attempt: reply_with(reply) if attempt == 1 else answer()) as server:
        [response] = await respond(settings(server.url))
    assert (response.error, len(server.requests)) == (None, 2)
