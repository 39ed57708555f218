"""The four answer formats: the instruction that a prompt ends with, and the canonical text of an answer.

`evalsuite.parser` is the other direction. The two share no code, so that each checks the other: the strict parse
accepts what `write` returns, and no parse takes an `instruction` for an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from evalsuite.errors import ErrorCode, UsageError

T = TypeVar("T")

_WRITTEN: Final = {
    "answer_tag": "<answer>{}</answer>",
    "answer_line": "ANSWER: {}",
    "the_answer_is": "The answer is ({}).",
    "boxed": r"\boxed{{{}}}",
}
# X stands for the label. No benchmark has that many options, so an instruction that a model repeats names none of them.
_SENTENCES: Final = {
    "en": {
        "answer_tag": "Think it through, then end with your answer, written once, as {form}, where X is {labels}.",
        "answer_line": 'Think it through, then end with your answer, once, on a last line of its own, as "{form}", '
        "where X is {labels}.",
        "the_answer_is": 'Think it through, then end with your answer, stated once, as "{form}", where X is {labels}.',
        "boxed": "Think it through, then end with your answer, written once, as {form}, where X is {labels}.",
    },
    "zh": {
        "answer_tag": "请逐步思考，最后以 {form} 的形式给出答案（只写一次，其后不再写任何内容），其中 X 为{labels}。",
        "answer_line": "请逐步思考，最后另起一行，以“{form}”的形式给出答案（只写一次，其后不再写任何内容），"
        "其中 X 为{labels}。",
        "the_answer_is": "请逐步思考，最后以“{form}”一句给出答案（只写一次，其后不再写任何内容），其中 X 为{labels}。",
        "boxed": "请逐步思考，最后以 {form} 的形式给出答案（只写一次，其后不再写任何内容），其中 X 为{labels}。",
    },
}
_LISTS: Final = {"en": (", ", " or "), "zh": ("、", " 或 ")}

FORMATS: Final = tuple(_WRITTEN)
"""The names of the answer formats."""
DEFAULT: Final = FORMATS[0]
"""The answer format of a task whose card names none."""
LANGUAGES: Final = tuple(_SENTENCES)
"""The languages in which `instruction` exists."""
LANGUAGE_TAG: Final = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
"""The form of a language's tag, as in `en`, `de` or `zh-Hant`."""


def instruction_language(tag: str) -> str:
    """Return the language of the answer instruction for an item of this language: its own, or English."""
    primary = tag.partition("-")[0]
    return primary if primary in LANGUAGES else "en"


def write(format: str, label: str) -> str:
    """Return the canonical text of an answer: the shortest response whose strict parse is `label`.

    An unknown format is a `UsageError`.
    """
    return _entry(_WRITTEN, format, "answer format", ErrorCode.UNKNOWN_ANSWER_FORMAT).format(label)


def instruction(format: str, labels: Sequence[str], language: str = "en") -> str:
    """Return the sentence of a prompt that requests an answer in `format` with one of `labels`.

    An unknown format or language is a `UsageError`.
    """
    sentences = _entry(_SENTENCES, language, "prompt language", ErrorCode.INVALID_ARGUMENT)
    sentence = _entry(sentences, format, "answer format", ErrorCode.UNKNOWN_ANSWER_FORMAT)
    comma, last = _LISTS[language]
    choices = last.join(part for part in (comma.join(labels[:-1]), labels[-1]) if part)
    return sentence.format(form=write(format, "X"), labels=choices)


def _entry(table: Mapping[str, T], name: str, kind: str, code: ErrorCode) -> T:
    if name not in table:
        raise UsageError(code, f"{kind} {name!r} is unknown; known: {', '.join(table)}")
    return table[name]
