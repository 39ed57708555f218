"""The undocumented names of transformers that evalsuite uses: a release that moves them breaks this module alone."""

from __future__ import annotations

from typing import Any

from evalsuite.errors import BackendError
from evalsuite.models.optional_packages import import_optional


def commit_hash(config: Any) -> str | None:
    """Return the hub's commit that a config was loaded from; no documented name tells it. None for a folder."""
    return getattr(config, "_commit_hash", None)


def has_continuous_batching(transformers: Any) -> bool:
    """Return whether this version has continuous batching with a handler for each result."""
    try:
        manager = import_optional("transformers.generation.continuous_batching", "hf").ContinuousBatchingManager
    except (AttributeError, BackendError):
        return False
    return hasattr(manager, "register_result_handler") and hasattr(transformers, "ContinuousBatchingConfig")


def fatal_error(manager: Any) -> Any:
    """Return the error that ended a manager of continuous batching, which `add_request` only tells by None."""
    return manager.background_thread_status.fatal_error
