"""`inspect/` with the real inspect-ai, against a server on loopback that answers, refuses and fails on purpose."""

import asyncio
import json

import pytest
from aiohttp import web
from asking import ask, make_request, texts

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.inspect import Inspect

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.integration
KEY = "planted-key-0123456789abcdef"


def choice(text, finish="stop", **message):
    """A chat completion, as OpenAI-compatible servers write it."""
    said = {"role": "assistant", "content": text, **message}
    return web.json_response(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "served-2026-01-01",
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    )


class Service:
    """A server whose answer depends on the words of the question."""

    def __init__(self):
        self.bodies = []
        self.busy = self.busiest = 0
        self.limited = set()

    async def answer(self, request):
        body = await request.json()
        self.bodies.append(body)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
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
        return choice(f"You said: {question}")


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


async def test_answers(service, capfd):
    found = await ask(inspect(service), [make_request(number) for number in range(60)])
    assert texts(found) == {(f"item-{n}", 0): f"You said: {make_request(n).item.question}" for n in range(60)}
    response = found[("item-7", 0)]
    assert (response.finish, response.input_tokens, response.output_tokens) == ("stop", 11, 7)
    assert response.latency > 0
    assert capfd.readouterr().out == ""


async def test_what_is_sent(service):
    decoding = Decoding(temperature=0.7, top_p=0.9, max_tokens=33)
    await ask(inspect(service, decoding=decoding, model_args={"presence_penalty": "0.5"}), [make_request(3, seed=4711)])
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
    asked = [make_request(n, text=text) for n, text in enumerate(["refuse", "long", "reason", "limited", "bad", "ok"])]
    found = await ask(inspect(service), asked)
    responses = [found[(f"item-{n}", 0)] for n in range(6)]
    assert [response.finish for response in responses[:4]] == ["refused", "length", "stop", "stop"]
    assert (responses[2].text, responses[2].reasoning) == ("<answer>A</answer>", "It is A.")
    assert responses[3].text == "You said: limited"
    assert "can't read this" in responses[4].error
    assert responses[5].error is None


async def test_no_secret_is_told(service):
    backend = inspect(service)
    facts = await backend.open([])
    await backend.close()
    found = await ask(inspect(service), [make_request(1, text="bad")])
    told = found[("item-1", 0)].error
    assert KEY not in told and "\n" not in told
    assert KEY not in json.dumps(facts)


async def test_concurrency_is_a_bound(service):
    await ask(inspect(service, concurrency=5), [make_request(number) for number in range(40)])
    assert 2 <= service.busiest <= 5


async def test_a_wrong_key_ends_the_run(service, monkeypatch):
    monkeypatch.setenv("TOY_API_KEY", "another-key-42424242")
    with pytest.raises(BackendError) as caught:
        await ask(inspect(service), [make_request(number) for number in range(40)])
    assert "Incorrect API key" in str(caught.value)
    assert "another-key-42424242" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_row_of_failures_ends_the_run(service):
    with pytest.raises(BackendError, match="32 requests in a row"):
        await ask(inspect(service, concurrency=4), [make_request(number, text="bad") for number in range(100)])
    assert len(service.bodies) < 60


async def test_no_server(service):
    service.url = service.url.replace("/v1", "/nowhere")
    with pytest.raises(BackendError) as caught:
        await ask(inspect(service, model_args={"max_retries": "0"}), [make_request(number) for number in range(40)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("nonsense/model", "nonsense"),
        ("openai-api/unheard/model", "UNHEARD_API_KEY"),
        ("anthropic/claude", "ANTHROPIC_API_KEY"),
    ],
)
async def test_unknown_providers_and_missing_keys(model, told, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(BackendError, match=told) as caught:
        await ask(inspect(None, model), [])
    assert "\n" not in str(caught.value) and "[/" not in str(caught.value)


async def test_outputs_of_any_provider():
    """Content in parts, redacted reasoning, cached input: as inspect-ai's own types hold them."""
    from inspect_ai.model import ContentReasoning, ContentText, ModelOutput, ModelUsage

    parts = [
        ContentReasoning(reasoning="xyz", redacted=True, summary="In short."),
        ContentReasoning(reasoning="At length."),
        ContentText(text="<answer>B</answer>"),
    ]
    output = ModelOutput.from_content(model="m", content=parts)
    output.usage = ModelUsage(input_tokens=5, input_tokens_cache_read=100, output_tokens=9)
    backend = inspect(None, "mockllm/model")
    backend._args["custom_outputs"] = [output]
    response = (await ask(backend, [make_request(1)]))[("item-1", 0)]
    assert response.text == "<answer>B</answer>"
    assert response.reasoning == "In short.\nAt length."
    assert (response.input_tokens, response.output_tokens) == (105, 9)


@pytest.mark.parametrize(
    "more",
    [
        {"revision": "main"},
        {"adapter": "x"},
        {"chat_template": "x"},
        {"base_urls": ("http://a", "http://b")},
        {"model_args": {"api_key": "x"}},
        {"model_args": {"temperature": "1"}},
        {"decoding": Decoding(thinking="on")},
        {"decoding": Decoding(thinking_budget=100)},
    ],
)
def test_what_cannot_be_honoured_is_refused(more):
    with pytest.raises(UsageError):
        Inspect(BackendSettings(model="openai-api/toy/model", **more))


def test_a_budget_where_the_provider_takes_one():
    Inspect(BackendSettings(model="anthropic/claude", decoding=Decoding(thinking_budget=2000)))
