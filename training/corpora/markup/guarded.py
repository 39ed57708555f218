"""Rendering under the digit guard."""

from __future__ import annotations

from collections.abc import Sequence

from training.corpora.digits import changed_digits
from training.corpora.markup.dialect import Dialect
from training.corpora.markup.elements import Element
from training.corpora.markup.flow import Rendered, render
from training.corpora.markup.source_text import source_text


class ChangedDigitsError(ValueError):
    """The digit strings of a text aren't those of its source."""


def guarded(elements: Sequence[Element], dialect: Dialect) -> Rendered:
    """Return elements as text. Raises `UnreadableError`, and `ChangedDigitsError` where a number has changed."""
    rendered = render(elements, dialect)
    changed = changed_digits(source_text(elements, dialect), rendered.text, rendered.omitted)
    if changed is not None:
        raise ChangedDigitsError(changed)
    return rendered
