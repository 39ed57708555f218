"""The parser, the grade and the reward of a single response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, get_args

from evalsuite import parser
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.grading import grade as grading
from evalsuite.grading.grade import Grade
from evalsuite.models.backend import PromptSetup
from evalsuite.models.finish_reason import Finish
from evalsuite.parser.result import ParseResult
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import DEFAULT
from evalsuite.tasks.item import Item
from evalsuite.util.arguments import BOOLEAN, LABELS, TEXT, TEXTS, check_arguments, instance_of, one_of, optional

_TYPES: Final = {"text": TEXT, "answer_format": TEXT, "opens_reasoning": BOOLEAN}
_FINISH: Final = one_of(get_args(Finish))


def parse(
    text: str,
    labels: Sequence[str],
    options: Sequence[str] | None = None,
    *,
    answer_format: str = DEFAULT,
    finish: Finish = "stop",
    opens_reasoning: bool = False,
) -> ParseResult:
    """Parse a response strictly and leniently, as every run does.

    `labels` are the item's labels ("ABCD" will do), `options` their texts, by which the lenient parse also accepts an
    option that is named by its text. `finish` is "length" if the token limit ended the response. `opens_reasoning` says
    that the prompt ended inside an open reasoning block.
    """
    check_arguments({**_TYPES, "finish": _FINISH, "labels": LABELS, "options": optional(TEXTS)}, locals())
    with _parser_errors():
        return parser.parse(text, labels, options, answer_format, finish, opens_reasoning)


def grade(
    item: Item,
    text: str,
    *,
    answer_format: str = DEFAULT,
    finish: Finish = "stop",
    opens_reasoning: bool = False,
) -> Grade:
    """Parse a response to an item and compare it with the gold label."""
    check_arguments({**_TYPES, "finish": _FINISH, "item": instance_of(Item, "an Item")}, locals())
    _check_format(answer_format)
    record = ResponseRecord(item.id, 0, text, "", finish, opens_reasoning, None, None, None, "")
    with _parser_errors():
        return grading.grade(item, record, PromptSetup((item,), answer_format))


def reward(
    text: str, gold: str, labels: Sequence[str], *, answer_format: str = DEFAULT, opens_reasoning: bool = False
) -> float:
    """Return 1.0 if the strict parse of a completion gives the gold label, else 0.0.

    For trainers, which pass columns of a batch, see `evalsuite.reward.StrictReward`.
    """
    check_arguments({**_TYPES, "gold": TEXT, "labels": LABELS}, locals())
    _check_format(answer_format)
    with _parser_errors():
        return StrictReward(answer_format, opens_reasoning).score(text, gold, labels)


@contextmanager
def _parser_errors() -> Iterator[None]:
    """Turn the parser's errors about labels and options into a `UsageError`."""
    try:
        yield
    except ValueError as error:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, str(error)) from None


def _check_format(answer_format: str) -> None:
    if answer_format not in parser.FORMATS:
        raise UsageError(
            ErrorCode.UNKNOWN_ANSWER_FORMAT,
            f"`answer_format` {answer_format!r} is unknown; known: {', '.join(parser.FORMATS)}",
        )
