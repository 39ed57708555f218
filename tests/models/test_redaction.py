"""Secrets are removed from messages and outputs in every form in which a server may repeat them."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings
from evalsuite.models.inspect_ai import Inspect
from evalsuite.models.openai import OpenAI
from evalsuite.models.redaction import Redactor, is_secret_name, redact_url, secrets_in_url
from evalsuite.models.trivial import TrivialBaseline

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)


@given(secret=secrets, before=st.text(" \nab", max_size=9), after=st.text(" \nab", max_size=9))
def test_every_form_of_a_secret_is_removed_from_lines_and_outputs(secret, before, after):
    redactor = Redactor([secret])
    assert secret not in repr(redactor)
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        line = redactor.redact_line(f"{before}{form}{after}")
        assert form not in line and "\n" not in line
        assert redactor.redact_output(f"{before}{form}{after}") == f"{before}***{after}"


@given(st.text())
def test_a_line_is_short_and_has_no_backticks(text):
    line = Redactor([]).redact_line(text)
    assert len(line) <= 400 and len(line.splitlines()) <= 1 and "`" not in line


def test_a_short_secret_stays_in_outputs_where_it_may_be_a_word():
    redactor = Redactor(["aspirin"])
    assert redactor.redact_output("aspirin") == "aspirin"
    assert redactor.redact_line("aspirin") == "***"


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        ("http://user:pass%2Fword@h:80/v1", "http://h:80/v1", "pass/word"),
        ("http://h/v1?key=a%2Fb", "http://h/v1", "a/b"),
        ("http://[::1", "***", "http://[::1"),
    ],
)
def test_a_shown_url_has_no_secret(url, shown, secret):
    assert redact_url(url) == shown
    assert secret in secrets_in_url(url)


@pytest.mark.parametrize("user", ["user:pass%2Fword", "user:p@ss", "token-without-password", "üser:wörd"])
def test_basic_credentials_are_removed_in_base64_too(user):
    redactor = Redactor(secrets_in_url(f"http://{user}@h/v1"))
    sent = unquote(user) if ":" in user else f"{user}:"
    for encode in (b64encode, urlsafe_b64encode):
        form = encode(sent.encode()).decode()
        for shown in (form, form.rstrip("="), f"Basic {form}"):
            assert form.rstrip("=") not in redactor.redact_line(f"refused: {shown}!")


@pytest.mark.parametrize(
    "url",
    [
        "http//user:pass-word@host/v1",
        "http:/user:pass-word@host/v1",
        "http:user:pass-word@host/v1",
        "htp://user:pass-word@host/v1",
        "user:pass-word@host/v1",
        "user:pass-word@host:8000/v1?v=4",
        "//user:pass-word@host/v1",
        "http:///user:pass-word@host/v1",
        "http://user:pass-word/@host/v1",
        "http://user:pass-word#@host/v1",
        "http://user:?pass-word@host/v1",
        "https://user:pass-word@host:99999/v1",
        " http://user:pass-word@host/v1",
    ],
)
def test_a_password_in_a_mistyped_url_is_never_shown(url):
    shown = redact_url(url)
    assert "pass-word" not in shown and "user" not in shown
    assert "host" in shown
    assert "pass-word" not in Redactor(secrets_in_url(url)).redact_line(f"can't connect to {url}; pass-word is wrong")
    try:
        shown = repr(OpenAI(BackendSettings("m", base_urls=(url,))))
    except UsageError as error:
        shown = str(error)
    assert "pass-word" not in shown


@pytest.mark.parametrize(
    ("url", "harmless"),
    [
        ("http://h/v1?v=4", "HTTP 404: 4 of 14"),
        ("http://h/v1?api-version=2024-12-01-preview", "api-version 2024-12-01-preview is not supported"),
        ("http://h/v1?region=eu&debug=true", "true: no such region eu"),
        ("http://h/@cf/meta", "h: @cf/meta"),
    ],
)
def test_a_harmless_query_leaves_messages_as_they_are(url, harmless):
    assert Redactor(secrets_in_url(url)).redact_line(harmless) == harmless
    assert redact_url(url) == url.partition("?")[0]


@pytest.mark.parametrize(
    "query", ["key=abc", "api_key=abc", "access_token=abc", "code=abc", "sig=abc", "x=0123456789abcdef0123"]
)
def test_a_secret_in_a_query_is_removed_where_it_stands_alone(query):
    value = query.partition("=")[2]
    assert Redactor(secrets_in_url(f"http://h/v1?{query}")).redact_line(f"bad: {value}") == "bad: ***"


def test_a_short_secret_is_no_part_of_other_words():
    assert Redactor(["abc"]).redact_line("abc, abcess 'abc'") == "***, abcess '***'"


SECRET_ARGS = [
    {"aws_secret_access_key": "x"},
    {"azure_ad_token": "x"},
    {"client_secret": "x"},
    {"api_key": "x"},
    {"password": "x"},
    {"hf_token": "x"},
    {"API-KEY": "x"},
    {"credentials": "x"},
    {"timeout": "Bearer abcdef"},
    {"user": "sk-0123456789abcdef"},
    {"extra_body": '{"provider": {"api_key": "x"}}'},
    {"extra_headers": '{"Authorization": "x"}'},
    *({name: "x"} for name in ("azure_sas", "jwt", "db_pwd", "session_cookie", "github-pat", "user_pass")),
    {"proxy": "http://user:swordfish@host:8080"},
    {"client_args": '{"proxies": ["socks5://swordfish@host"]}'},
]


@pytest.mark.parametrize("args", SECRET_ARGS)
@pytest.mark.parametrize(("backend", "model"), [(Inspect, "anthropic/x"), (OpenAI, "m"), (TrivialBaseline, "majority")])
def test_model_arguments_that_hold_a_secret_are_refused_by_every_backend(backend, model, args):
    with pytest.raises(UsageError) as caught:
        backend(BackendSettings(model, base_urls=("http://h/v1",), model_args=args))
    assert caught.value.code is ErrorCode.SECRET_IN_ARGUMENT
    assert not any(len(value) > 1 and value in str(caught.value) for value in args.values())


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "reasoning_tokens",
        "max_tokens_field",
        "tokenizer_mode",
        "api_key_env",
        "top_k",
        "keep_alive",
        "max_connections",
        "reasoning_effort",
        "pad_token_id",
        "num_choices",
        "author",
    ],
)
def test_names_that_are_like_those_of_secrets_are_not(name):
    assert not is_secret_name(name)
