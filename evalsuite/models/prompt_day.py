"""The day that chat templates write into prompts: frozen where prompts are rendered here, noted where a server does it.

Llama 3, gpt-oss, Mistral and others begin the system prompt with today's date, so that a run which is resumed on
another day would send other prompts to its last items than to its first ones.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Final

_CLOCK: Final = "strftime_now"
"""The function of chat templates that returns the present time; transformers defines it for every template."""
_DIRECTIVES: Final = "aAwdbBmyYHIpMSfjUWcxXGuV"
"""Those of Python's strftime; a hyphen before them (`%-d`) leaves out leading zeros."""
_FORMATS: Final = ("%d %b %Y", "%d %B %Y", "%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y")
_VOCABULARY_SPACE: Final = re.compile("[ĠĊ▁\\s]+")
_FAMILIES: Final = re.compile(
    r"llama-?3[._-]?[123]|gpt-?oss|mistral-small|magistral|ministral|mistral-large|smollm3|granite-?[34]|ernie",
    re.IGNORECASE,
)
"""Models whose own templates write the date (those of the hub, at the time of writing)."""


def with_frozen_clock(template: str, day: date) -> str | None:
    """Return a chat template that takes noon of this day for the present time; None if it never asks for the time.

    A macro of the function's name hides the function. transformers' sandbox passes no functions on to a template, and
    calls for the format of each directive would be lost in a template that builds its formats.
    """
    if _CLOCK not in template:
        return None
    noon = datetime.combine(day, time(12))
    values = {letter: noon.strftime(f"%{letter}") for letter in _DIRECTIVES}
    replaced = "".join(
        f"|replace('%-{letter}', {value.lstrip('0') or '0'!r})|replace('%{letter}', {value!r})"
        for letter, value in values.items()
    )
    # transformers drops the line feed behind a block, so that the template itself still begins a line.
    return f"{{% macro {_CLOCK}(format) -%}}{{{{ format{replaced}|replace('%%', '%') }}}}{{%- endmacro %}}\n{template}"


def frozen_day_note(day: date) -> str:
    """Return the note on prompts that hold the day on which their run was started."""
    return f"the chat template writes the day into each prompt: {day.isoformat()}, on which the run was started"


def server_day_note(model: str, prompt: str | None, today: date) -> str | None:
    """Return the note on a server that writes today's date into prompts; None if it doesn't, or nothing tells.

    `prompt`: one as the server rendered it, in text or in a vocabulary's spelling; None where it can't be had.
    """
    if prompt is None:
        known = bool(_FAMILIES.search(model))
        who = "chat templates of this family write"
    else:
        text = _VOCABULARY_SPACE.sub(" ", prompt)
        known = any(today.strftime(form) in text for form in _FORMATS)
        who = "the server's chat template writes"
    if not known:
        return None
    return (
        f"{who} today's date into each prompt: a run that is resumed on another day sends other prompts, and so do two "
        "runs; a chat template of your own, or a date in the template's own arguments (extra_body), fixes it"
    )
