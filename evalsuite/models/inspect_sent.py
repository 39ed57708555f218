"""What inspect-ai's providers put into a request: some drop decoding settings that a model doesn't support."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "temperature": frozenset({"temperature"}),
    "top_p": frozenset({"top_p", "topP", "p"}),
    "seed": frozenset({"seed", "random_seed", "randomSeed"}),
}
"""Decoding settings with the names that providers give them: Cohere has p, Mistral random_seed, Google topP."""
_CONTENT: Final = frozenset({"messages", "contents", "input", "system", "system_instruction", "tools", "prompt"})
"""Fields that hold the conversation, not settings."""
_DEEPEST: Final = 4


def observe_requests(api: Any, observe: Callable[[Mapping[str, Any]], None]) -> None:
    """Have `observe` called with the request of each generation of a `ModelAPI`, where the provider tells it."""
    generate: Callable[..., Awaitable[Any]] = api.generate

    async def observed(*args: Any, **kwargs: Any) -> Any:
        result = await generate(*args, **kwargs)
        # A provider returns its output alone, or with a `ModelCall` that holds what it sent.
        if isinstance(result, tuple):
            observe(result[1].request)
        return result

    api.generate = observed


def unsent_settings(request: Mapping[str, Any]) -> set[str]:
    """Return the decoding settings that a provider's request lacks, at any depth outside the conversation."""
    sent = _names(request, _DEEPEST)
    return {setting for setting, names in _NAMES.items() if names.isdisjoint(sent)}


def _names(value: Any, depth: int) -> set[str]:
    if not isinstance(value, Mapping) or not depth:
        return set()
    names = {name for name, field in value.items() if field is not None}
    return names.union(*(_names(field, depth - 1) for name, field in value.items() if name not in _CONTENT))
