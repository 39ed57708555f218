"""Headers of one's own: sent with every request, kept out of everything that is stored or printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.http import transport
from evalsuite.models.http.own_headers import read_headers
from tests.models.fault_server import FaultServer, completion, reply_with
from tests.models.openai_client import answering, error_of, requests, respond, settings

SECRET = "azure-planted-0123456789"
URL = "http://127.0.0.1:1/v1"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def file(tmp_path, text):
    path = tmp_path / "headers"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return f"@{path}"


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("api-key: abc\nX-Team: a b\n", {"api-key": "abc", "X-Team": "a b"}),
        ("# a comment\r\n\r\nAuthorization: Bearer a:b: c\r\n", {"Authorization": "Bearer a:b: c"}),
        ("api-key: 'a: b'\nother: \"c\"\n", {"api-key": "a: b", "other": "c"}),
        ("{api-key: abc, x-team: red}", {"api-key": "abc", "x-team": "red"}),
        ("api-key:\n  abc\n", {"api-key": "abc"}),
        (
            "x-number: 0123\nx-flag: yes\nx-cookie: a=b; c=d # e\n",
            {"x-number": "0123", "x-flag": "yes", "x-cookie": "a=b; c=d # e"},
        ),
        (b"\xef\xbb\xbfapi-key:abc", {"api-key": "abc"}),
    ],
)
def test_both_forms_are_read(tmp_path, text, headers):
    assert read_headers(file(tmp_path, text)) == headers


INVALID, UNREADABLE = ErrorCode.INVALID_ARGUMENT, ErrorCode.UNREADABLE_ARGUMENT_FILE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f'api-key: "{SECRET}\\r\\nX-Admin: 1"', INVALID),
        (f'api-key: "{SECRET}\\nHost: evil"', INVALID),
        (f'"X-A\\nB": {SECRET}', INVALID),
        (f"api-key: |\n  {SECRET}\n  second: line\n", INVALID),
        (f"x y: {SECRET}", INVALID),
        (f"api-key: {SECRET}é", INVALID),
        (f"api-key: {SECRET}\nAPI-KEY: {SECRET}", INVALID),
        (f"Host: {SECRET}", INVALID),
        (f"content-length: {SECRET}", INVALID),
        (f"Transfer-Encoding: {SECRET}", INVALID),
        (f"- {SECRET}", INVALID),
        (SECRET, INVALID),
        ("", INVALID),
        (f"{{api-key: [{SECRET}]}}", INVALID),
        ("{api-key: 123}", INVALID),
        ("api-key:", INVALID),
        (f"{{{SECRET}", UNREADABLE),
        (b"\xff\xfe" + SECRET.encode(), UNREADABLE),
        ("x: y\n" * 20_000, INVALID),
    ],
)
async def test_what_can_be_no_header_is_refused_without_showing_it(tmp_path, text, code):
    message = await error_of(settings(URL, headers=file(tmp_path, text)), code)
    assert SECRET not in message and str(tmp_path) in message


@pytest.mark.parametrize("argument", [f"api-key: {SECRET}", "@", ""])
async def test_headers_in_the_argument_itself_are_refused(argument):
    assert SECRET not in await error_of(settings(URL, headers=argument), INVALID)


async def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        assert str(path) in await error_of(settings(URL, headers=f"@{path}"), UNREADABLE)


async def test_azure_takes_its_own_header_and_a_version_in_the_query(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service-0123456789")
    seen = []

    async def chat(request: web.Request) -> web.Response:
        seen.append((request.headers.get("api-key"), request.headers.get("Authorization"), dict(request.query)))
        return web.json_response(completion())

    with FaultServer(routes={"/openai/deployments/gpt/chat/completions": chat}) as server:
        base = server.url.replace("/v1", "/openai/deployments/gpt?api-version=2024-10-21")
        [response] = await respond(settings(base, headers=file(tmp_path, f"api-key: {SECRET}\n")))
    assert response.error is None
    # The key of the environment belongs to another service: a header that carries a key takes its place.
    assert set(map(str, seen)) == {str((SECRET, None, {"api-version": "2024-10-21"}))}


async def test_a_named_key_is_sent_beside_other_headers(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED", "sk-named-0123456789")
    headers = file(tmp_path, f"api-key: {SECRET}\n")
    with FaultServer() as server:
        await respond(settings(server.url, headers=headers, api_key_env="PLANTED"))
    assert server.requests[0].headers["Authorization"] == "Bearer sk-named-0123456789"
    headers = file(tmp_path, f"authorization: {SECRET}\n")
    for conflicting in (
        settings(URL, headers=headers, api_key_env="PLANTED"),
        settings("http://u:p@h/v1", headers=headers),
    ):
        assert SECRET not in await error_of(conflicting, ErrorCode.CONFLICTING_ARGUMENTS)


async def test_headers_are_masked_in_what_a_server_echoes(tmp_path):
    def plan(item, attempt):
        echo = {"error": {"message": f"bad key {SECRET}, {SECRET!r}, team red"}}
        return reply_with(echo, 400) if item == "i0" else reply_with(completion(f"key {SECRET}"))

    headers = file(tmp_path, f"Authorization: Bearer {SECRET}\nX-Team: red\n")
    with FaultServer(plan) as server:
        got = await respond(settings(server.url, headers=headers), 2)
    assert server.requests[0].headers["X-Team"] == "red"
    assert SECRET not in repr(got)
    assert "team red" in next(response.error for response in got if response.error)


@pytest.mark.parametrize("mode", [0o600, 0o644])
async def test_a_file_that_others_may_read_is_said(tmp_path, mode):
    headers = file(tmp_path, f"api-key: {SECRET}\n")
    Path(headers[1:]).chmod(mode)
    with FaultServer() as server:
        async with answering(settings(server.url, headers=headers), requests(1)) as (backend, answers):
            [_] = [response async for response in answers]
    assert ("headers" in backend.notes) is (mode == 0o644)


def test_headers_reach_neither_the_run_folder_nor_the_terminal(tmp_path):
    echo = {"error": {"message": f"unknown key {SECRET}"}}

    def plan(item, attempt):
        return reply_with(echo, 400) if "asthma" in item else reply_with(completion(f"<answer>A</answer> {SECRET}"))

    headers = file(tmp_path, f"api-key: {SECRET}\n")
    with FaultServer(plan) as server:
        run = [sys.executable, "-m", "evalsuite", "--debug", "run", "--model", "openai/m", "--suite", "starter"]
        where = ["--base-url", server.url, "--model-arg", f"headers={headers}", "--out", str(tmp_path / "run")]
        ended = subprocess.run([*run, *where], capture_output=True, text=True, check=False)
    assert len(server.requests) > 20, ended.stderr
    written = [file.read_bytes().decode("latin-1") for file in (tmp_path / "run").rglob("*.*")]
    for text in (ended.stdout, ended.stderr, *written):
        assert SECRET not in text
    run_json = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert "headers" not in run_json["identity"]["args"]


def test_the_first_line_that_is_no_header_is_named_and_not_shown(tmp_path):
    argument = file(tmp_path, "# mine\napi-key: s3cret-value\n\nother s3cret words\n")
    with pytest.raises(UsageError) as caught:
        read_headers(argument)
    assert caught.value.code == ErrorCode.UNREADABLE_ARGUMENT_FILE
    assert "line 4" in str(caught.value) and "s3cret" not in str(caught.value)
