"""When two rows of training data are the same question, or the same text: what a mixture has only once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple

from evalsuite.errors import UsageError
from evalsuite.tasks.answer_format import LANGUAGES, instruction
from training.data.rows import ChatTurn, CorpusText, PromptCompletion, RewardPrompt, Row, Trace

_DIGEST_BYTES: Final = 16


class RowKey(NamedTuple):
    """What a row has in common with its duplicates, and with all rows of its question; these must agree in the answer.

    `question` is empty for a row that has no answer.
    """

    content: bytes
    question: bytes
    answer: bytes


def row_key(row: Row) -> RowKey:
    """Return the key of a row.

    Two prompts of a `grpo` stage are the same question if they agree but for white space, letter case, the order of
    their options and the requested answer format; their answers are the texts of the gold options. Two traces are the
    same if prompt and completion are; a question may have several, but with one answer. Two texts of a corpus are the
    same if they are equal.
    """
    if isinstance(row, RewardPrompt | Trace):
        stem, options = _question(_text(row.prompt), tuple(row.labels), row.format)
        question, answer = _digest(stem, *sorted(options.values())), _digest(options.get(row.gold, row.gold))
        if isinstance(row, RewardPrompt):
            return RowKey(question, question, answer)
        return RowKey(_digest(_text(row.prompt), _text(row.completion)), question, answer)
    if isinstance(row, PromptCompletion):
        return RowKey(_digest(row.prompt, row.completion), b"", b"")
    assert isinstance(row, CorpusText)
    return RowKey(_digest(row.text), b"", b"")


def _text(turns: Sequence[ChatTurn]) -> str:
    return "\n".join(turn.content for turn in turns if turn.role != "system")


def _question(text: str, labels: tuple[str, ...], format: str) -> tuple[str, dict[str, str]]:
    """Divide a prompt into what it asks, without the answer instruction, and its options by label."""
    for sentence in _instructions(format, labels):
        text = text.replace(sentence, "")
    options: dict[str, str] = {}
    stem = []
    for line in text.splitlines():
        found = _option(labels).match(line)
        if found is None:
            stem.append(line)
        else:
            options[found[1]] = _normalised(line[found.end() :])
    return "\n".join(stem), options


@lru_cache(maxsize=1024)
def _instructions(format: str, labels: tuple[str, ...]) -> list[str]:
    found = []
    for language in LANGUAGES:
        with suppress(UsageError):
            found.append(instruction(format, labels, language))
    return found


@lru_cache(maxsize=1024)
def _option(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of an option's line: `A. `, `(A) `, `A: `."""
    names = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"\s*\(?({names})[.):]\s+")


def _normalised(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(*texts: str) -> bytes:
    content = "\x00".join(map(_normalised, texts)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
