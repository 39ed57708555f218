"""Texts that a page must survive."""

import pytest

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    "<!--<script>",
    '<img src=x onerror="window.pwned = 3">',
    "<svg/onload=window.pwned=4>",
    "[click](javascript:window.pwned=5) <a href='javascript:window.pwned=6'>here</a>",
    "line\u2028separator\u2029paragraph",
    "lone \ud800 surrogate \udfff",
    "nul \x00 bell \x07 escape \x1b[31m delete \x7f",
    "turned \u202egnp.exe\u202c \u2066isolated\u2069",
    "]]> --> ]]]] `${window.pwned = 7}` {{ 7 * 7 }} {% raw %}",
    '"; window.pwned = 8; //',
    "\\u003cscript>",
    "𝒜stral 😀 é",
)


@pytest.fixture
def hostile():
    return HOSTILE
