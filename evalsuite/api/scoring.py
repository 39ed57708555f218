"""The parser, the grade and the reward of a single response."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite import parser
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.grading import grade as grading
from evalsuite.grading.grade import Grade
from evalsuite.models.backend import Finish, PromptSetup
from evalsuite.parser.result import ParseResult
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import DEFAULT
from evalsuite.tasks.item import Item


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
    try:
        return parser.parse(text, labels, options, answer_format, finish, opens_reasoning)
    except ValueError as error:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, str(error)) from None


def grade(
    item: Item,
    text: str,
    *,
    answer_format: str = DEFAULT,
    finish: Finish = "stop",
    opens_reasoning: bool = False,
) -> Grade:
    """Parse a response to an item and compare it with the gold label."""
    _check_format(answer_format)
    record = ResponseRecord(item.id, 0, text, "", finish, opens_reasoning, None, None, None, "")
    return grading.grade(item, record, PromptSetup((item,), answer_format))


def reward(
    text: str, gold: str, labels: Sequence[str], *, answer_format: str = DEFAULT, opens_reasoning: bool = False
) -> float:
    """Return 1.0 if the strict parse of a completion gives the gold label, else 0.0.

    For trainers, which pass columns of a batch, see `evalsuite.reward.StrictReward`.
    """
    _check_format(answer_format)
    return StrictReward(answer_format, opens_reasoning).score(text, gold, labels)


def _check_format(answer_format: str) -> None:
    if answer_format not in parser.FORMATS:
        raise UsageError(
            ErrorCode.UNKNOWN_ANSWER_FORMAT,
            f"`answer_format` {answer_format!r} is unknown; known: {', '.join(parser.FORMATS)}",
        )
