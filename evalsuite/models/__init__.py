"""What answers requests: one small file a backend, behind the protocol in `backend`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from evalsuite.errors import UsageError
from evalsuite.models.backend import Backend, BackendSettings

_BUILT_IN = {
    "trivial": "evalsuite.models.trivial:TrivialBaseline",
    "hf": "evalsuite.models.hf:HF",
    "inspect": "evalsuite.models.inspect:Inspect",
    "openai": "evalsuite.models.openai:OpenAI",
    "replay": "evalsuite.models.replay:Replay",
    "tiny": "evalsuite.models.tiny:Tiny",
    "vllm": "evalsuite.models.vllm:VLLM",
}
ENTRY_POINTS = "evalsuite.backends"
TINY = "tiny"
"""The model that comes with the package: the only one whose name has one part."""


def backend_class(prefix: str) -> type[Backend]:
    """Find a backend by the part of a model's name before the slash: built in, or another package's entry point."""
    if prefix in _BUILT_IN:
        module, _, name = _BUILT_IN[prefix].partition(":")
        found: type[Backend] = getattr(import_module(module), name)
        return found
    others = entry_points(group=ENTRY_POINTS)
    if prefix in others.names:
        loaded: type[Backend] = others[prefix].load()
        return loaded
    known = ", ".join(sorted({*_BUILT_IN, *others.names}))
    raise UsageError(f"--model {prefix}/...: no backend has this name; known: {known}")


def split_name(model: str) -> tuple[str, str]:
    """Split `backend/model`; a name without both parts is a `UsageError`, unless it is `tiny`."""
    prefix, slash, name = model.partition("/")
    if model != TINY and not (prefix and slash and name):
        raise UsageError(
            f"--model {model!r}: write it as backend/model, for example openai/NAME or trivial/majority; or {TINY}"
        )
    return prefix, name


def make_backend(model: str, settings: BackendSettings) -> Backend:
    """Make the backend of `backend/model`."""
    backend = backend_class(split_name(model)[0])
    if settings.scoring not in backend.scorings:
        raise UsageError(f"--scoring {settings.scoring}: {model} tells no log-probabilities; hf/, vllm/ and openai/ do")
    return backend(settings)
