"""Secrets are removed from messages and outputs in every form in which a server may repeat them."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.models.redaction import Redactor, redact_url, secrets_in_url

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
