"""Check that generation stops at the token with which the chat template ends an assistant's turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from evalsuite.models.optional_packages import describe_error
from training.checks.check_result import CheckResult

_ANSWER: Final = "42"
_CONVERSATION: Final = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _ANSWER}]


def check_end_token(tokenizer: Any, stop_ids: Iterable[int]) -> CheckResult:
    """Check that what the chat template writes after an assistant's turn begins with a token that stops generation.

    `stop_ids` are the ids of such tokens, in addition to the tokenizer's EOS. White space before the token and any
    text after it are allowed.
    """
    try:
        conversation = str(tokenizer.apply_chat_template(_CONVERSATION, tokenize=False))
    except Exception as error:  # a template is a program and may raise anything
        return CheckResult({}, (f"the chat template fails: {describe_error(error)}; correct it",))
    turn_end = conversation.rpartition(_ANSWER)[2]
    ids = tokenizer(turn_end.lstrip(), add_special_tokens=False)["input_ids"]
    known = {*stop_ids, tokenizer.eos_token_id} - {None}
    stops = ", ".join(repr(tokenizer.decode([number])) for number in sorted(known)) or "nothing"
    facts = {"turn_end": turn_end, "stop_tokens": stops}
    if ids and ids[0] in known:
        return CheckResult(facts)
    first = repr(tokenizer.decode(ids[:1])) if ids else "nothing"
    return CheckResult(
        facts,
        (
            f"the chat template ends a turn with {first}, but generation stops at {stops}: the trained model would "
            "not stop when it is evaluated; name the template's token in base.eos, or give the start model a template "
            "that ends a turn",
        ),
    )
