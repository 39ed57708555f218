"""How families of models mark their reasoning, put into the `<think>` that the answer parser reads."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

OPEN, CLOSE = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class ReasoningDialect:
    """A family's marks: how a reasoning block opens, how it closes, and what else is only ceremony."""

    marker: str
    """The token that a tokenizer of the family has."""
    open: str
    close: str
    ceremony: tuple[str, ...] = ()

    def translate(self, text: str) -> str:
        """Write the marks as `<think>` and `</think>`."""
        text = text.replace(self.open, OPEN).replace(self.close, CLOSE)
        for words in self.ceremony:
            text = text.replace(words, "")
        return text


PLAIN = ReasoningDialect(OPEN, OPEN, CLOSE)
_HARMONY = "<|channel|>"
_DIALECTS = (
    # gpt-oss: channels, each a message of its own.
    ReasoningDialect(
        _HARMONY,
        f"{_HARMONY}analysis<|message|>",
        f"<|end|><|start|>assistant{_HARMONY}final<|message|>",
        (f"{_HARMONY}final<|message|>",),
    ),
    ReasoningDialect("<|channel>", "<|channel>thought", "<channel|>"),  # Gemma 4
    ReasoningDialect(
        "<unused94>", "<unused94>thought", "<unused95>"
    ),  # MedGemma; Gemma 3 has the token too and never uses it
    ReasoningDialect("[THINK]", "[THINK]", "[/THINK]"),  # Magistral
    ReasoningDialect("<seed:think>", "<seed:think>", "</seed:think>"),  # Seed-OSS
    ReasoningDialect("<mm:think>", "<mm:think>", "</mm:think>"),  # MiniMax-M3
)


def dialect_of(vocabulary: Container[str]) -> ReasoningDialect:
    """Find the dialect that a tokenizer's vocabulary speaks; most speak plain `<think>`."""
    return next((dialect for dialect in _DIALECTS if dialect.marker in vocabulary), PLAIN)
