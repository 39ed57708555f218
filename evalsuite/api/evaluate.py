"""`evaluate`: one model or function on one or more tasks, to a run that can be read, compared and gated."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

from evalsuite.api.chosen_tasks import TaskLike
from evalsuite.api.older_grades import execute_request
from evalsuite.api.request import Model, run_request
from evalsuite.api.run import Run, read_run
from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import Scoring, Thinking
from evalsuite.models.function import INCOMPLETE
from evalsuite.run.event_loop import run_to_end
from evalsuite.run.execute import RunRequest
from evalsuite.run.progress import SilentProgress, listener_for
from evalsuite.run.request_loop import RunOutcome
from evalsuite.util.arguments import BOOLEAN, check_arguments, optional

P = ParamSpec("P")


def evaluate(
    model: Model,
    tasks: TaskLike | Sequence[TaskLike] = (),
    *,
    suite: str | None = None,
    require_all: bool = False,
    name: str | None = None,
    version: str | None = None,
    base_urls: str | Sequence[str] = (),
    samples: int = 1,
    limit: int | None = None,
    answer_format: str | None = None,
    system: str | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_tokens: int | None = None,
    seed: int = 0,
    thinking: Thinking = "auto",
    thinking_budget: int | None = None,
    scoring: Scoring = "generate",
    rotate_options: bool = False,
    chat_template: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    model_args: Mapping[str, str] | None = None,
    concurrency: int | None = None,
    task_args: Mapping[str, object] | None = None,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    progress: bool | None = None,
) -> Run:
    """Evaluate a model on tasks and return the run, which is also on disk.

    `model` is `backend/name`, a `Backend`, or a plain or `async` function from chat messages to the response's text;
    an exception of the function fails that request alone. `tasks` are names, task cards or `Dataset`s of own items.
    `suite` adds the tasks of a suite whose data is there; a warning names the others, which `require_all` refuses.
    The run is written to `out`, or else below `runs/`; the same call resumes a run that was interrupted, and sends only
    the requests that have no response. Requests that fail for good count as wrong and raise a warning; if none has a
    response, that is a `BackendError`.

    `version` identifies a function instead of the digest of its code and of the values that it holds. A function that
    holds objects without a digest, such as a client or a tensor, needs it to be resumed.

    `task_args` are arguments of tasks, such as `{"seed": 7}` where items are drawn; each goes to the tasks that
    take it.

    `progress` shows a bar on a terminal and plain lines elsewhere; None shows the bar on a terminal and nothing
    elsewhere. The function may also be called where an event loop is running, as in a notebook.
    """
    arguments = locals()
    shown = _progress(arguments.pop("progress"))
    request = run_request(**arguments)
    run, notes = run_to_end(lambda: _evaluate(request, shown))
    for warning in notes:
        warnings.warn(warning, stacklevel=2)
    return run


def _awaited(function: Callable[P, Run]) -> Callable[P, Coroutine[Any, Any, Run]]:
    """Return `evaluate` as a coroutine function with the same parameters."""
    signature = inspect.signature(function)

    async def evaluate_async(*args: P.args, **kwargs: P.kwargs) -> Run:
        """Do what `evaluate` does, in the running event loop, which `async` functions share with their caller."""
        given = dict(signature.bind(*args, **kwargs).arguments)
        shown = _progress(given.pop("progress", None))
        run, notes = await _evaluate(run_request(**given), shown)
        for warning in notes:
            warnings.warn(warning, stacklevel=2)
        return run

    evaluate_async.__signature__ = signature  # type: ignore[attr-defined]
    return evaluate_async


evaluate_async = _awaited(evaluate)


async def _evaluate(request: RunRequest, progress: bool | None) -> tuple[Run, list[str]]:
    """Execute a request; return the run and warnings about older grades and about requests without a response."""
    listener = listener_for(progress)
    try:
        completed, note = await execute_request(request, listener)
    finally:
        listener.close()
    outcome = completed.outcome
    missing = _missing(request.spec.model, outcome, listener) if outcome.missing else None
    absent = (f"not run: {line}" for line in request.absent)
    return read_run(outcome.folder.path), [each for each in (*absent, note, missing) if each]


def _progress(progress: bool | None) -> bool | None:
    check_arguments({"progress": optional(BOOLEAN)}, {"progress": progress})
    return progress


def _missing(model: str, outcome: RunOutcome, listener: SilentProgress) -> str:
    revision = str(outcome.folder.facts["identity"]["revision"])
    again = f"call evaluate again with out={str(outcome.folder.path)!r} to send them again"
    if revision.startswith(INCOMPLETE):  # no later call can show that it has the same function
        again = "the function holds objects that have no digest: give a `version` to be able to send them again"
    reasons = [
        f"{each.request.task} {each.request.item.id}: {each.error or 'no reason given'}" for each in listener.failures
    ]
    first = "; ".join(reasons) or "the backend returned nothing for them"
    if outcome.missing == outcome.total:
        raise BackendError(ErrorCode.TOO_MANY_FAILURES, f"{model}: none of {outcome.total} requests succeeded: {first}")
    return (
        f"{model}: {outcome.missing} of {outcome.total} requests have no response and count as wrong ({first}); {again}"
    )
