"""Backends by name: `backend/model` to the class that answers requests; one module per backend."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendSettings, Scoring

_BUILT_IN = {
    "trivial": "evalsuite.models.trivial:TrivialBaseline",
    "function": "evalsuite.models.function:FunctionBackend",
    "hf": "evalsuite.models.hf:HF",
    "inspect": "evalsuite.models.inspect_ai:Inspect",
    "openai": "evalsuite.models.openai:OpenAI",
    "replay": "evalsuite.models.replay:Replay",
    "tiny": "evalsuite.models.tiny:Tiny",
    "vllm": "evalsuite.models.vllm:VLLM",
}
"""Prefix to module and class; imported only when used, since some need optional packages."""
ENTRY_POINTS = "evalsuite.backends"
"""Entry point group under which other packages register backends."""
TINY = "tiny"
"""The model that is part of this package: the only one whose name has no slash."""


def backend_class(prefix: str) -> type[Backend]:
    """Return the backend class for the part of a model's name before the slash: built in, or an entry point."""
    if prefix in _BUILT_IN:
        module, _, name = _BUILT_IN[prefix].partition(":")
        built_in: type[Backend] = getattr(import_module(module), name)
        return built_in
    plugins = entry_points(group=ENTRY_POINTS)
    if prefix in plugins.names:
        return _plugin(plugins[prefix])
    known = ", ".join(sorted({*_BUILT_IN, *plugins.names}))
    raise UsageError(ErrorCode.UNKNOWN_BACKEND, f"`model` {prefix}/...: no backend has this name; known: {known}")


def _plugin(point: EntryPoint) -> type[Backend]:
    """Import another package's backend; whatever is wrong with it is a `BackendError` that names it."""
    try:
        plugin = point.load()
    except Exception as error:
        message = f"{point.name}/: {point.value} can't be imported: {type(error).__name__}: {error}; update the package"
        raise BackendError(ErrorCode.MISSING_PACKAGE, message) from error
    if not (isinstance(plugin, type) and issubclass(plugin, Backend)):
        message = f"{point.name}/: {point.value} is no Backend; update the package"
        raise BackendError(ErrorCode.MISSING_PACKAGE, message)
    return plugin


def split_name(model: str) -> tuple[str, str]:
    """Split `backend/model`; a name without both parts is a `UsageError`, unless it is `tiny`."""
    prefix, slash, name = model.partition("/")
    if model != TINY and not (prefix and slash and name):
        raise UsageError(
            ErrorCode.UNKNOWN_MODEL,
            f"`model` {model!r}: write it as backend/model, for example openai/NAME or trivial/majority; or {TINY}",
        )
    return prefix, name


def model_name(prefix: str, name: str) -> str:
    """Join a backend's prefix and a name to `backend/name`: the inverse of `split_name`."""
    return f"{prefix}/{name}" if name else prefix


def prefix_of(backend: type[Backend]) -> str:
    """Return the prefix under which a backend is registered; of another class its own name in lower case.

    A class that isn't registered and is called like a registered prefix is a `UsageError`.
    """
    place = f"{backend.__module__}:{backend.__qualname__}"
    registered = _BUILT_IN | {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    own = backend.__name__.lower()
    prefix = next((prefix for prefix, known in registered.items() if known == place), own)
    if prefix == own and registered.get(prefix, place) != place:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"{backend.__qualname__}: {prefix}/ is another backend; rename the class, so that runs distinguish them",
        )
    return prefix


def make_backend(prefix: str, settings: BackendSettings) -> Backend:
    """Construct the backend with this prefix; a `UsageError` if it does not support `settings.scoring`."""
    backend = backend_class(prefix)
    check_scoring(backend, model_name(prefix, settings.model), settings.scoring)
    return backend(settings)


def check_scoring(backend: type[Backend], model: str, scoring: Scoring) -> None:
    """Raise a `UsageError` if a backend does not support a scoring method."""
    if scoring not in backend.scorings:
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            f"`scoring` {scoring}: {model} has no log-probabilities; use hf/, vllm/ or openai/",
        )
