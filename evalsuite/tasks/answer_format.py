"""The four answer formats, as a prompt asks for them and as a perfect response writes them.

Reading an answer is `evalsuite.parser`; this is the other direction, and it shares no code with it, so that each checks
the other: what `write` writes, the strict parse accepts, and what `instruction` says is no answer in any reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from evalsuite.errors import UsageError

T = TypeVar("T")

_WRITTEN: Final = {
    "answer_tag": "<answer>{}</answer>",
    "answer_line": "ANSWER: {}",
    "the_answer_is": "The answer is ({}).",
    "boxed": r"\boxed{{{}}}",
}
# X stands for the label: no benchmark has that many options, so an echoed instruction names none of them.
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
DEFAULT: Final = FORMATS[0]
"""The names of the answer formats; the first is the default of a task."""
LANGUAGES: Final = tuple(_SENTENCES)
"""The languages that `instruction` speaks."""


def write(format: str, label: str) -> str:
    """Return the canonical text of an answer: the shortest response whose strict parse is `label`."""
    return _known(_WRITTEN, format, "answer format").format(label)


def instruction(format: str, labels: Sequence[str], language: str = "en") -> str:
    """Return the one sentence of a prompt that asks for an answer in `format`, one of `labels`."""
    sentences = _known(_SENTENCES, language, "prompt language")
    sentence = _known(sentences, format, "answer format")
    comma, last = _LISTS[language]
    listed = last.join(part for part in (comma.join(labels[:-1]), labels[-1]) if part)
    return sentence.format(form=write(format, "X"), labels=listed)


def _known(table: Mapping[str, T], name: str, what: str) -> T:
    if name not in table:
        raise UsageError(f"{what} {name!r} is unknown; known: {', '.join(table)}")
    return table[name]
