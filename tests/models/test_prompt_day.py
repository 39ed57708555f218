"""The day in prompts: a resumed run renders what its first start rendered; a server's date is said."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from aiohttp import web
from jinja2.sandbox import ImmutableSandboxedEnvironment

import evalsuite as es
from evalsuite.errors import ErrorCode
from evalsuite.models.backend import Backend, Response
from evalsuite.models.prompt_day import server_day_note
from evalsuite.util.checksum import with_checksum
from evalsuite.util.jsonl import dump_json_line
from tests.models.fault_server import FaultServer
from tests.models.openai_client import answering, requests, settings
from tests.models.test_partial_generation import PLAIN, Bytes, make_chat

DATED = "  {% if true %}\nToday: {{ strftime_now('%d %b %Y %H') }} {% endif %}" + PLAIN
LLAMA = (
    "{%- if strftime_now is defined %}{%- set day = strftime_now(format='%Y-%m-%d') %}{%- endif %}"
    "{%- macro system() %}{{ day.split('-')[0] }} {{ strftime_now('%-d. %B') }}{% endmacro %}{{ system() }} " + PLAIN
)
MESSAGES = ({"role": "user", "content": "Which?"},)


class Clocked(Bytes):
    """A tokenizer that renders templates as transformers does, with its own clock."""

    def apply_chat_template(self, messages, chat_template, tokenize, add_generation_prompt, **arguments):
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["strftime_now"] = lambda format: f"now-{format}"
        template = environment.from_string(chat_template)
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **arguments)


@pytest.mark.parametrize(
    ("template", "real", "frozen"),
    [
        (DATED, "Today: now-%d %b %Y %H ", "Today: 03 Feb 2021 12 "),
        (LLAMA, "now now-%-d. %B ", "2021 3. February "),
        ("\n" + DATED, "\nToday: now-%d %b %Y %H ", "\nToday: 03 Feb 2021 12 "),
    ],
)
def test_a_frozen_day_takes_the_place_of_the_clock_and_changes_nothing_else(template, real, frozen):
    chat = make_chat(tokenizer=Clocked(template))
    before, digest = chat.render(MESSAGES)[0], chat.info()
    note = chat.freeze_day(date(2021, 2, 3))
    assert before.startswith(real)
    assert chat.render(MESSAGES)[0] == before.replace(real, frozen, 1)
    assert note is not None and "2021-02-03" in note and chat.info() == digest


def test_a_template_without_a_date_needs_none():
    chat = make_chat()
    before = chat.render(MESSAGES)
    assert chat.freeze_day(date(2021, 2, 3)) is None and chat.render(MESSAGES) == before


class Dated(Backend):
    """Answers with the day that its prompts would hold."""

    stops_after = 10**9

    async def answer(self, requests):
        for count, request in enumerate(requests):
            if count < self.stops_after:
                yield Response(request, text=f"{self.prompt_day} <answer>A</answer>")


def days(folder):
    lines = [line for file in (folder / "responses").iterdir() for line in file.read_text().splitlines()]
    return [json.loads(line)["text"].split()[0] for line in lines]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_that_is_resumed_another_day_has_the_day_of_its_start(tmp_path, monkeypatch):
    from evalsuite.run import run_facts

    monkeypatch.setattr(Dated, "stops_after", 3)
    monkeypatch.setattr(run_facts, "now", lambda: "2021-02-03T23:59:59+00:00")
    es.evaluate(Dated, "starter_recall", name="m", out=tmp_path / "run")
    monkeypatch.undo()
    es.evaluate(Dated, "starter_recall", name="m", out=tmp_path / "run")
    assert set(days(tmp_path / "run")) == {"2021-02-03"} and len(days(tmp_path / "run")) > 3


@pytest.mark.parametrize("form", ["%d %b %Y", "%Y-%m-%d", "%B %d, %Y"])
@pytest.mark.parametrize("space", [" ", "Ġ", "▁"])
def test_a_date_in_a_servers_prompt_is_said(form, space):
    today = date(2026, 3, 7)
    prompt = f"system Today's date: {today.strftime(form)} user Hello".replace(" ", space)
    assert server_day_note("any", prompt, today) is not None
    assert server_day_note("any", prompt, today + timedelta(days=1)) is None


def test_where_no_prompt_can_be_had_the_family_tells():
    today = date(2026, 3, 7)
    for model in ("meta-llama/Llama-3.3-70B-Instruct", "llama3.1", "openai/gpt-oss-20b", "SmolLM3-3B"):
        assert server_day_note(model, None, today) is not None
        assert server_day_note(model, "no date", today) is None
    assert server_day_note("Qwen/Qwen3-8B", None, today) is None


@pytest.mark.parametrize("dated", [True, False])
async def test_a_server_that_renders_today_is_noted(dated):
    async def tokenize(request: web.Request) -> web.Response:
        today = date.today().strftime("%d %b %Y") if dated else "26 Jul 2024"
        return web.json_response({"token_strs": ["system", "Ġ", *today.replace(" ", " Ġ").split(" ")]})

    with FaultServer(routes={"/tokenize": tokenize}) as server:
        async with answering(settings(server.url), requests(1)) as (backend, answers):
            [_] = [response async for response in answers]
    assert ("prompt_day" in backend.notes) is dated


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_start_that_is_no_time_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(Dated, "stops_after", 3)
    es.evaluate(Dated, "starter_recall", name="m", out=tmp_path / "run")
    file = tmp_path / "run" / "run.json"
    facts = json.loads(file.read_bytes())
    file.write_bytes(dump_json_line(with_checksum(facts | {"started": "yesterday"})))
    with pytest.raises(es.EvalsuiteError) as caught:
        es.evaluate(Dated, "starter_recall", name="m", out=tmp_path / "run")
    assert caught.value.code is ErrorCode.RUN_UNREADABLE and "started" in str(caught.value)
