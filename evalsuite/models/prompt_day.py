"""The day that chat templates write into prompts: frozen where prompts are rendered here, noted where a server does it.

Llama 3, gpt-oss, Mistral and others begin the system prompt with today's date, so that a run which is resumed on
another day would send other prompts to its last items than to its first ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Final

TEMPLATE_CLOCK: Final = "strftime_now"
"""The function of chat templates that returns the present time; transformers defines it for every template."""
_FORMATS: Final = ("%d %b %Y", "%d %B %Y", "%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y")
_VOCABULARY_SPACE: Final = re.compile("[ĠĊ▁\\s]+")
_FAMILIES: Final = re.compile(
    r"llama-?3[._-]?[123]|gpt-?oss|mistral-small|magistral|ministral|mistral-large|smollm3|granite-?[34]|ernie",
    re.IGNORECASE,
)
"""Models whose own templates write the date (those of the hub, at the time of writing)."""


def clock_of(day: date) -> Callable[[str], str]:
    """Return `strftime_now` for a template, as if it were always noon of this day."""
    return datetime.combine(day, time(12)).strftime


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
