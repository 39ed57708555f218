"""What traces must be like to be kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalsuite.parser import FORMATS
from evalsuite.util.validation import StrictModel

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Words = Annotated[int, Field(ge=0, le=1_000_000)]
FilterName = Literal[
    "format",
    "length",
    "language",
    "repetition",
    "copied_question",
    "leak",
    "arithmetic",
    "conversions",
    "formulas",
    "units",
    "snippets",
    "assumptions",
]


class TraceFilters(StrictModel):
    """The settings of all filters of traces."""

    skip: Annotated[list[FilterName], Field(default_factory=list)]
    """Filters that are not applied."""
    answer_format: str = "answer_tag"
    """One of the parser's formats."""
    least_words: Words = 30
    most_words: Words = 4_000
    """Of the reasoning; a Chinese or Japanese character is a word."""
    language_share: Share = 0.8
    """Least share of the letters that are of the language's script."""
    repeated: Share = 0.3
    """Largest share of the reasoning's word sequences that repeat an earlier one."""
    copied: Share = 0.8
    """Largest share of the question's word sequences that the reasoning holds."""
    require_assumptions: bool = False
    require_uncertainty: bool = False

    @model_validator(mode="after")
    def _is_satisfiable(self) -> TraceFilters:
        if self.least_words > self.most_words:
            raise ValueError(f"`least_words` ({self.least_words}) is larger than `most_words` ({self.most_words})")
        if self.answer_format not in FORMATS:
            raise ValueError(f"`answer_format` is {self.answer_format!r}, not one of {', '.join(FORMATS)}")
        return self
