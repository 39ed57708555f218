"""Replies that come compressed, or as a stream of events: what a server sent is read as if it had come plainly."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode
from evalsuite.models.http import content_encoding, transport
from evalsuite.models.http.content_encoding import DamagedBody, UnknownEncoding, decode_body
from evalsuite.models.http.event_stream import BrokenStream, assemble
from tests.models.fault_server import FaultServer, answer, completion, event, events, reply_with, streamed
from tests.models.openai_client import error_of, respond, settings

TEXT = "<answer>B</answer> " + "ä" * 5000
BODY = json.dumps(completion(TEXT)).encode()


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


COMPRESSED = [
    ("gzip", gzip.compress(BODY)),
    ("GZip", gzip.compress(BODY[:700]) + gzip.compress(BODY[700:])),
    ("x-gzip", gzip.compress(BODY) + b"\0" * 64),
    ("deflate", zlib.compress(BODY)),
    ("deflate", raw_deflate(BODY)),
    ("identity", BODY),
    ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


# Compression


@pytest.mark.parametrize(("encoding", "body"), COMPRESSED, ids=[encoding for encoding, _ in COMPRESSED])
async def test_a_compressed_reply_is_inflated(encoding, body):
    with FaultServer(lambda item, attempt: reply_with(body, headers={"Content-Encoding": encoding})) as server:
        [response] = await respond(settings(server.url))
    assert (response.text, response.error, len(server.requests)) == (TEXT, None, 1)


async def test_a_compressed_error_is_read():
    refusal = gzip.compress(json.dumps({"error": {"message": "no such thing as temperature 39"}}).encode())
    reply = reply_with(refusal, 400, {"Content-Encoding": "gzip"})
    with FaultServer(lambda item, attempt: reply) as server:
        [response] = await respond(settings(server.url))
    assert response.error is not None and "no such thing" in response.error


@pytest.mark.parametrize(
    "body",
    [gzip.compress(BODY)[:-20], BODY, gzip.compress(BODY)[:40] + b"\xff" * 40, gzip.compress(BODY) + b"junk"],
    ids=["cut", "plain", "damaged", "junk behind"],  # pytest would name them by their bytes, which hold the time
)
async def test_a_damaged_compressed_reply_is_sent_again(body):
    damaged = reply_with(body, headers={"Content-Encoding": "gzip"})
    with FaultServer(lambda item, attempt: damaged if attempt == 1 else answer()) as server:
        [response] = await respond(settings(server.url))
    assert response.error is None and len(server.requests) == 2


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "aes128gcm"])
async def test_an_unknown_encoding_ends_the_run_in_one_line(encoding):
    with FaultServer(lambda item, attempt: reply_with(BODY, headers={"Content-Encoding": encoding})) as server:
        message = await error_of(settings(server.url), ErrorCode.SERVER_REPLY_UNUSABLE)
    assert encoding.rpartition(" ")[2] in message and len(server.requests) == 1


def test_inflating_is_bounded(monkeypatch):
    monkeypatch.setattr(content_encoding, "LARGEST_BODY", 10_000)
    assert len(decode_body(gzip.compress(b"x" * 10_000), "gzip")) == 10_000
    for bomb in (gzip.compress(b"x" * 10_001), gzip.compress(b"x" * 6000) * 2):
        with pytest.raises(DamagedBody):
            decode_body(bomb, "gzip")
    with pytest.raises(DamagedBody):
        decode_body(zlib.compress(b"x" * 10_001), "deflate")


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "gzip, deflate", ",", "br"]))
def test_any_bytes_are_a_body_or_one_of_the_two_errors(body, encoding):
    with suppress(DamagedBody, UnknownEncoding):
        assert isinstance(decode_body(body, encoding), bytes)


# Streams


CHUNKS = events(TEXT, reasoning="because")


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
async def test_a_stream_is_assembled(line_end, size):
    body = b"".join(CHUNKS).replace(b"\n", line_end)
    pieces = [body[start : start + size] for start in range(0, min(len(body), 400), size)]
    pieces.append(body[len(b"".join(pieces)) :])
    with FaultServer(lambda item, attempt: streamed(pieces)) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert (response.text, response.reasoning, response.finish) == (TEXT, "because", "stop")
    assert (response.input_tokens, response.output_tokens, response.error) == (7, 3, None)
    sent = server.requests[0].body
    assert sent["stream"] is True and sent["stream_options"] == {"include_usage": True}


async def test_without_the_option_no_stream_is_requested_but_one_is_read():
    with FaultServer(lambda item, attempt: streamed(CHUNKS)) as server:
        [response] = await respond(settings(server.url))
    assert response.text == TEXT and not server.requests[0].body.get("stream")


async def test_a_stream_without_its_type_is_read():
    with FaultServer(lambda item, attempt: reply_with(b"".join(CHUNKS))) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.text == TEXT


async def test_a_server_that_does_not_stream_is_read():
    with FaultServer() as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.text == "<answer>B</answer> i0"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_the_finish_reason_of_a_stream_is_kept(finish):
    with FaultServer(lambda item, attempt: streamed(events("cut", finish=finish))) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.text == "cut"
    assert response.finish == {"length": "length", "content_filter": "refused"}[finish]


@pytest.mark.parametrize(
    "pieces",
    [
        [*CHUNKS[:2]],
        [*CHUNKS[:2], b"data: [DONE]\n\n"],
        [b"data: [DONE]\n\n"],
        [b": keep-alive\n\n"],
        [CHUNKS[0], b'data: {"choices": [{"del\n\n'],
        [CHUNKS[0], event([])],
    ],
)
async def test_a_stream_that_ends_early_is_sent_again(pieces):
    with FaultServer(lambda item, attempt: streamed(pieces) if attempt == 1 else streamed(CHUNKS)) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert (response.text, response.error, len(server.requests)) == (TEXT, None, 2)


@pytest.mark.parametrize(
    "pieces",
    [[*CHUNKS[:2], b"data: [DONE]\n\n"], [b"data: [DONE]\n\n"], [CHUNKS[0], b"data: {bad\n\n", *CHUNKS[1:]]],
)
async def test_a_whole_stream_that_is_no_response_is_requested_twice(pieces):
    with FaultServer(lambda item, attempt: streamed(pieces)) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.error is not None and len(server.requests) == 2


async def test_a_stream_that_always_ends_early_is_given_up():
    with FaultServer(lambda item, attempt: streamed(CHUNKS[:4])) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.error is not None and len(server.requests) == 4


async def test_a_whole_stream_without_a_finish_reason_ended_by_itself():
    with FaultServer(lambda item, attempt: streamed([*CHUNKS[:4], b"data: [DONE]\n\n"])) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert (response.text, response.finish, len(server.requests)) == (TEXT, "stop", 1)


@pytest.mark.parametrize("body", [BODY, gzip.compress(b" " * 2000)], ids=["not compressed", "too large"])
async def test_a_whole_body_that_cannot_be_inflated_is_requested_twice(body, monkeypatch):
    monkeypatch.setattr(content_encoding, "LARGEST_BODY", 1000)
    with FaultServer(lambda item, attempt: reply_with(body, headers={"Content-Encoding": "gzip"})) as server:
        [response] = await respond(settings(server.url))
    assert response.error is not None and len(server.requests) == 2


@pytest.mark.parametrize(
    "error",
    [
        event({"error": {"message": "upstream is away", "code": 502}}),
        b'event: error\ndata: {"type": "overloaded_error", "message": "busy", "code": 503}\n\n',
        b"event: error\ndata: busy\n\n",
    ],
)
async def test_an_error_in_the_middle_of_a_stream_is_no_answer(error):
    broken = [*CHUNKS[:2], error]
    with FaultServer(lambda item, attempt: streamed(broken) if attempt == 1 else streamed(CHUNKS)) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert (response.text, response.error, len(server.requests)) == (TEXT, None, 2)


def test_comments_other_fields_and_several_data_lines():
    body = (
        b"\xef\xbb\xbf: hello\n\nid: 1\nretry: 10\nevent: message\n"
        b'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "a"}}]}\n\n'
        b'data:{"choices":[{"index":1,"delta":{"content":"other"},"finish_reason":"length"}]}\n\n'
        b': ping\n\ndata: {"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}\n\n'
        b'data: {"choices": [], "usage": {"completion_tokens": 2}}\n\ndata: [DONE]\n\ndata: nonsense'
    )
    content = json.loads(assemble(body))
    [choice] = content["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("ab", "stop")
    assert content["usage"] == {"completion_tokens": 2}


def test_log_probabilities_and_typed_parts_are_joined():
    parts = [{"content": [{"type": "thinking", "thinking": "hm"}]}, {"content": "B"}]
    logprobs = [{"content": [{"token": token, "top_logprobs": []}]} for token in "xy"]
    chunks = [
        event({"choices": [{"delta": delta, "logprobs": each}]}) for delta, each in zip(parts, logprobs, strict=True)
    ]
    chunks.append(event({"choices": [{"delta": {}, "finish_reason": "stop", "logprobs": None}]}))
    [choice] = json.loads(assemble(b"".join(chunks)))["choices"]
    assert [each["token"] for each in choice["logprobs"]["content"]] == ["x", "y"]
    assert [part["type"] for part in choice["message"]["content"]] == ["thinking", "text"]


@given(st.lists(st.sampled_from([*CHUNKS, b"\r", b"\n", b":", b"data:", b"event: error\n", b"{}", b"[1]"]), max_size=8))
def test_any_events_are_a_reply_or_a_broken_stream(pieces):
    with suppress(BrokenStream):
        assert isinstance(json.loads(assemble(b"".join(pieces))), dict)


STREAM_ONLY = [
    "This model only support stream mode, please enable the stream parameter to access the model. ",
    "Stream must be set to true",
    "parameter.enable_thinking must be set to false for non-streaming calls",
    "Non-streaming requests are not supported by this endpoint; set 'stream' to true.",
    "only streaming is supported",
    "Streaming is required for operations that may take longer than 10 minutes.",
]


@pytest.mark.parametrize("words", STREAM_ONLY)
@pytest.mark.parametrize("listed", [True, False])
async def test_a_server_that_only_streams_names_the_option(words, listed):
    def plan(item, attempt):
        streams = server.requests[-1].body.get("stream")
        return streamed(CHUNKS) if streams else reply_with({"error": {"message": words}}, 400)

    server = FaultServer(plan, models={"data": [{"id": "m" if listed else "another"}]})
    with server:
        assert "stream=true" in await error_of(settings(server.url), ErrorCode.REQUEST_REFUSED)
        [response] = await respond(settings(server.url, stream="true"))
    assert response.text == TEXT


async def test_refused_stream_options_are_left_out():
    def plan(item, attempt):
        refused = "stream_options" in server.requests[-1].body
        refusal = {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}
        return reply_with(refusal, 422) if refused else streamed(CHUNKS)

    server = FaultServer(plan)
    with server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.text == TEXT and len(server.requests) == 2


async def test_a_stream_longer_than_any_body_is_cut_off(monkeypatch):
    from evalsuite.models.http import connection

    monkeypatch.setattr(connection, "LARGEST_BODY", 10_000)
    monkeypatch.setattr(transport, "ATTEMPTS", 2)

    async def endless(received, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        while True:
            await reply.write(b": keep-alive\n\n" * 100)

    with FaultServer(lambda item, attempt: endless) as server:
        [response] = await respond(settings(server.url, stream="true"))
    assert response.error is not None and len(server.requests) == 2
