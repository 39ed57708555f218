"""`inspect/` with the real inspect-ai, against a server on loopback that responds, refuses and fails on purpose."""

import asyncio
import json

import pytest
from aiohttp import web
from backend_calls import make_request, respond, texts

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.inspect_ai import Inspect

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.integration
KEY = "planted-key-0123456789abcdef"


def choice(text, finish="stop", **message):
    """Return a chat completion as OpenAI-compatible servers send it."""
    content = {"role": "assistant", "content": text, **message}
    return web.json_response(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "served-2026-01-01",
            "choices": [{"index": 0, "message": content, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    )


class Service:
    """A server whose reply depends on the words of the question."""

    def __init__(self):
        self.bodies = []
        self.busy = self.max_busy = 0
        self.limited = set()

    async def answer(self, request):
        body = await request.json()
        self.bodies.append(body)
        self.busy += 1
        self.max_busy = max(self.max_busy, self.busy)
        await asyncio.sleep(0.02)
        self.busy -= 1
        question = body["messages"][-1]["content"]
        if request.headers["Authorization"] != f"Bearer {KEY}":
            wrong = request.headers["Authorization"]
            return web.json_response({"error": {"message": f"Incorrect API key: {wrong}"}}, status=401)
        if "limited" in question and question not in self.limited:
            self.limited.add(question)
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0"})
        return self.reply(question)

    def reply(self, question):
        if "refuse" in question:
            return choice("", "content_filter")
        if "long" in question:
            return choice("and so on", "length")
        if "reason" in question:
            return choice("<answer>A</answer>", reasoning_content="It is A.")
        if "bad" in question:
            return web.json_response({"error": {"message": f"can't read this; key {KEY}\nsecond line"}}, status=422)
        return choice(f"Question: {question}")


@pytest.fixture
async def service(monkeypatch):
    monkeypatch.setenv("TOY_API_KEY", KEY)
    service = Service()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    yield service
    await runner.cleanup()


def inspect(service, model="openai-api/toy/model", decoding=None, **more):
    urls = (service.url,) if service else ()
    return Inspect(BackendSettings(model=model, decoding=decoding or Decoding(max_tokens=50), base_urls=urls, **more))


async def test_responses(service, capfd):
    responses = await respond(inspect(service), [make_request(number) for number in range(60)])
    assert texts(responses) == {(f"item-{n}", 0): f"Question: {make_request(n).item.question}" for n in range(60)}
    response = responses[("item-7", 0)]
    assert (response.finish, response.input_tokens, response.output_tokens) == ("stop", 11, 7)
    assert response.latency > 0
    assert capfd.readouterr().out == ""


async def test_the_body_of_a_request(service):
    decoding = Decoding(temperature=0.7, top_p=0.9, max_tokens=33)
    await respond(
        inspect(service, decoding=decoding, model_args={"presence_penalty": "0.5"}), [make_request(3, seed=4711)]
    )
    sent = service.bodies[0]
    assert {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 33,
        "seed": 4711,
        "presence_penalty": 0.5,
    }.items() <= sent.items()
    assert sent["messages"] == [{"role": "user", "content": make_request(3).item.question}]


async def test_finish_reasoning_and_retry(service):
    sent_requests = [
        make_request(n, text=text) for n, text in enumerate(["refuse", "long", "reason", "limited", "bad", "ok"])
    ]
    responses = await respond(inspect(service), sent_requests)
    responses = [responses[(f"item-{n}", 0)] for n in range(6)]
    assert [response.finish for response in responses[:4]] == ["refused", "length", "stop", "stop"]
    assert (responses[2].text, responses[2].reasoning) == ("<answer>A</answer>", "It is A.")
    assert responses[3].text == "Question: limited"
    assert responses[4].error.startswith("can't read this")
    assert responses[5].error is None


async def test_no_secret_is_shown(service):
    backend = inspect(service)
    info = await backend.open([])
    await backend.close()
    responses = await respond(inspect(service), [make_request(1, text="bad")])
    message = responses[("item-1", 0)].error
    assert KEY not in message and "\n" not in message
    assert KEY not in json.dumps(info)


async def test_concurrency_limits_the_requests_in_flight(service):
    await respond(inspect(service, concurrency=5), [make_request(number) for number in range(40)])
    assert 2 <= service.max_busy <= 5


async def test_a_wrong_key_ends_the_run(service, monkeypatch):
    monkeypatch.setenv("TOY_API_KEY", "another-key-42424242")
    with pytest.raises(BackendError) as caught:
        await respond(inspect(service), [make_request(number) for number in range(40)])
    assert caught.value.code is ErrorCode.AUTHENTICATION_FAILED
    assert "Incorrect API key" in str(caught.value)
    assert "another-key-42424242" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_failures_in_a_row_end_the_run(service):
    with pytest.raises(BackendError, match="can't read this") as caught:
        await respond(inspect(service, concurrency=4), [make_request(number, text="bad") for number in range(100)])
    assert caught.value.code is ErrorCode.TOO_MANY_FAILURES
    assert len(service.bodies) < 60


async def test_no_server(service):
    service.url = service.url.replace("/v1", "/nowhere")
    with pytest.raises(BackendError) as caught:
        await respond(inspect(service, model_args={"max_retries": "0"}), [make_request(number) for number in range(40)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("nonsense/model", "nonsense"),
        ("openai-api/unheard/model", "UNHEARD_API_KEY"),
        ("anthropic/claude", "ANTHROPIC_API_KEY"),
    ],
)
async def test_an_unknown_provider_or_missing_key_is_an_error(model, named, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(BackendError, match=named) as caught:
        await respond(inspect(None, model), [])
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADABLE
    assert "\n" not in str(caught.value) and "[/" not in str(caught.value)


async def test_outputs_of_any_provider():
    """inspect-ai's types for content in parts, redacted reasoning and cached input are converted."""
    from inspect_ai.model import ContentReasoning, ContentText, ModelOutput, ModelUsage

    parts = [
        ContentReasoning(reasoning="xyz", redacted=True, summary="In short."),
        ContentReasoning(reasoning="At length."),
        ContentText(text="<answer>B</answer>"),
    ]
    output = ModelOutput.from_content(model="m", content=parts)
    output.usage = ModelUsage(input_tokens=5, input_tokens_cache_read=100, output_tokens=9)
    backend = inspect(None, "mockllm/model")
    backend._model_args["custom_outputs"] = [output]
    response = (await respond(backend, [make_request(1)]))[("item-1", 0)]
    assert response.text == "<answer>B</answer>"
    assert response.reasoning == "In short.\nAt length."
    assert (response.input_tokens, response.output_tokens) == (105, 9)


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"revision": "main"}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`revision`"),
        ({"adapter": "x"}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`adapter`"),
        ({"chat_template": "x"}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`chat_template`"),
        ({"base_urls": ("http://a", "http://b")}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`base_urls`"),
        ({"model_args": {"api_key": "x"}}, ErrorCode.SECRET_IN_ARGUMENT, "api_key"),
        ({"model_args": {"temperature": "1"}}, ErrorCode.CONFLICTING_ARGUMENTS, "temperature"),
        ({"decoding": Decoding(thinking="on")}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`thinking`"),
        ({"decoding": Decoding(thinking_budget=100)}, ErrorCode.UNSUPPORTED_BY_BACKEND, "`thinking_budget`"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(more, code, named):
    with pytest.raises(UsageError, match=named) as caught:
        Inspect(BackendSettings(model="openai-api/toy/model", **more))
    assert caught.value.code is code


def test_a_budget_is_accepted_for_a_provider_that_enforces_it():
    Inspect(BackendSettings(model="anthropic/claude", decoding=Decoding(thinking_budget=2000)))


@pytest.mark.parametrize(
    ("model", "unsent"),
    [("openai-api/toy/model", {"top_p"}), ("openai/gpt-4o-mini", {"top_p"}), ("openai/gpt-5-mini", {"temperature"})],
)
async def test_what_inspect_leaves_out_is_recorded_as_not_sent(service, monkeypatch, model, unsent):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    args = {} if model.startswith("openai-api") else {"responses_api": "false"}
    backend = inspect(service, model, model_args=args)
    await respond(backend, [make_request(1)])
    sent = service.bodies[0]
    assert unsent <= backend.unsent == {name for name in ("temperature", "top_p", "seed") if name not in sent}
    assert backend.notes.keys() == backend.unsent - {"top_p"}


@pytest.mark.parametrize("status", [400, 404])
async def test_a_model_that_is_not_there_ends_the_run(service, status):
    error = {"error": {"message": "The model 'model' does not exist", "code": "model_not_found"}}
    service.reply = lambda question: web.json_response(error, status=status)
    with pytest.raises(BackendError) as caught:
        await respond(inspect(service), [make_request(number) for number in range(9)])
    assert caught.value.code is ErrorCode.MODEL_NOT_SERVED
    assert "does not exist" in str(caught.value) and "\n" not in str(caught.value)
