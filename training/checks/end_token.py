"""Whether generation stops at what a model is taught to end its turn with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from evalsuite.models.optional_packages import describe_error
from training.checks.check_result import CheckResult

_SAID: Final = "42"
_PROBE: Final = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _SAID}]


def ending(tokenizer: Any, ends: Iterable[int]) -> CheckResult:
    """Look whether what the chat template writes behind an assistant's turn begins with a token that ends a response.

    `ends`: such tokens, beside the tokenizer's own. White space before it is fine, and so is anything behind it.
    """
    try:
        whole = str(tokenizer.apply_chat_template(_PROBE, tokenize=False))
    except Exception as error:  # templates raise whatever their authors chose
        return CheckResult({}, (f"the chat template fails: {describe_error(error)}; mend it",))
    written = whole.rpartition(_SAID)[2]
    ids = tokenizer(written.lstrip(), add_special_tokens=False)["input_ids"]
    known = {*ends, tokenizer.eos_token_id} - {None}
    stops = ", ".join(repr(tokenizer.decode([number])) for number in sorted(known)) or "nothing"
    facts = {"written": written, "stops": stops}
    if ids and ids[0] in known:
        return CheckResult(facts)
    first = repr(tokenizer.decode(ids[:1])) if ids else "nothing"
    return CheckResult(
        facts,
        (
            f"the chat template ends a turn with {first}, generation stops at {stops}: what is trained would not stop "
            "where it is asked to; name the template's token in base.eos, or give the start model a template that "
            "ends a turn",
        ),
    )
