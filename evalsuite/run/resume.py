"""Which settings of a run folder a resumed run takes over: those that can't load code and can't send a key anywhere.

A run folder may be somebody else's. Where code may be loaded from, where a key goes and which variable holds it stands
in the command that resumes the run, never by the folder alone; see `Backend.guarded`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.models import backend_class
from evalsuite.models.backend import BackendSettings
from evalsuite.run.execute import RunRequest
from evalsuite.run.folder_choice import named_folder
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import RunFolder

BASE_URLS = "base_urls"


def resumed(
    path: Path,
    base_urls: Sequence[str] | None = None,
    concurrency: int | None = None,
    data_dir: str | None = None,
    model_args: Mapping[str, str] | None = None,
) -> RunRequest:
    """Return the request that resumes the run in `path`; only what can't change a response may be given anew.

    What the folder alone may not decide has to be repeated: a `RunError` says which `base_urls` and `model_args`.
    """
    folder = RunFolder(path)
    facts = folder.facts
    if "imported" in facts:
        raise RunError(
            ErrorCode.RUN_NOT_RESUMABLE, f"{path}: this run was imported, so there is no model to send requests to"
        )
    spec = RunSpec.from_json(facts.get("spec", {}))
    stored, given = spec.settings, dict(model_args or {})
    _check_model_args(spec, given)
    missing = [
        name for name in sorted(backend_class(spec.backend).guarded(stored)) if name not in given and name != BASE_URLS
    ]
    settings = replace(
        stored,
        base_urls=stored.base_urls if base_urls is None else tuple(base_urls),
        concurrency=stored.concurrency if concurrency is None else concurrency,
        model_args={**stored.model_args, **given},
    )
    # By the arguments of this call, since they may name the variable with the key.
    if base_urls is None and stored.base_urls and BASE_URLS in backend_class(spec.backend).guarded(settings):
        missing.append(BASE_URLS)
    if missing:
        raise _not_allowed(path, stored, missing)
    folder_named = spec.data_dir if data_dir is None else str(Path(data_dir).resolve())
    spec = replace(spec, settings=settings, data_dir=folder_named)
    return RunRequest(spec, partial(named_folder, path), stored_in=folder)


def resume_command(path: Path, spec: RunSpec | None = None) -> str:
    """Return the command that resumes a run; with its spec also the options that a folder alone may not decide."""
    return shlex.join(["evalsuite", "run", "--resume", str(path), *([] if spec is None else _options(spec))])


def _options(spec: RunSpec) -> list[str]:
    guarded, stored = backend_class(spec.backend).guarded(spec.settings), RunSpec.from_json(spec.to_json()).settings
    options = [f"--model-arg={name}={value}" for name, value in stored.model_args.items() if name in guarded]
    return [*options, *(f"--base-url={url}" for url in stored.base_urls if BASE_URLS in guarded)]


def _check_model_args(spec: RunSpec, given: Mapping[str, str]) -> None:
    """Refuse arguments that would change responses, which `named_folder` would call another run."""
    operational, stored = backend_class(spec.backend).operational_args, spec.settings.model_args
    for name, value in given.items():
        if name not in operational and stored.get(name) != value:
            kept = f"the run has {stored[name]}" if name in stored else "the run has none"
            message = f"`model_args` {name}={value}: can't be changed by a resumed run; {kept}"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)


def _not_allowed(path: Path, stored: BackendSettings, missing: Sequence[str]) -> RunError:
    wanted = [f"`model_args` {name}={stored.model_args[name]}" for name in missing if name != BASE_URLS]
    wanted += [f"`base_urls` {url}" for url in stored.base_urls if BASE_URLS in missing]
    return RunError(
        ErrorCode.RUN_NEEDS_PERMISSION,
        f"{path}: its run.json asks for {', '.join(wanted)}; a folder alone decides neither which code is loaded nor "
        "where a key is sent: if that is what you want, repeat it in this call",
    )
