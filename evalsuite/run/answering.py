"""The responses of a backend, whose own exceptions become errors that name the model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from evalsuite.errors import BackendError, ErrorCode, EvalsuiteError
from evalsuite.models.backend import Backend, Request, Response
from evalsuite.models.optional_packages import describe_error


async def answers(backend: Backend, requests: Iterator[Request], model: str) -> AsyncGenerator[Response, None]:
    """Yield a backend's responses. An exception of another package's backend is a `BackendError` that names `model`."""
    try:
        async with aclosing(backend.answer(requests)) as responses:
            async for response in responses:
                yield response
    except EvalsuiteError:
        raise
    except Exception as error:
        kind = type(backend)
        if kind.__module__.startswith("evalsuite."):  # a mistake of this package keeps its traceback
            raise
        raise BackendError(
            ErrorCode.ENGINE_FAILED,
            f"{model}: {kind.__name__}.answer raised {type(error).__name__}: {describe_error(error)}",
        ) from error
