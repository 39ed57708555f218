"""What refusals teach about a server: the fields that it rejects, and what only the caller can change."""

from __future__ import annotations

from collections.abc import MutableMapping

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.http.chat_completion import RequestBody
from evalsuite.models.http.error_report import error_message
from evalsuite.models.http.refusal import rejects, wants_stream
from evalsuite.models.http.thinking import advice_on_thinking
from evalsuite.models.redaction import Redactor


class Adaptation:
    """Changes the request body as refusals ask, and adds to `notes` what a reader of the results must know of it."""

    def __init__(
        self, body: RequestBody, server: str, model: str, redactor: Redactor, notes: MutableMapping[str, str]
    ) -> None:
        self._body, self._server, self._model = body, server, model
        self._redactor, self._notes = redactor, notes

    def learn(self, refusal: bytes, *, accepted: bool = False) -> None:
        """Change what a refusal (the body of a 400 or 422) rejects; raise an error if only the caller can change it.

        `accepted`: whether a request like the refused one was answered before.
        """
        words = self._redactor.redact_line(error_message(refusal))
        if not self._body.streams and wants_stream(refusal):
            raise BackendError(
                ErrorCode.REQUEST_REFUSED,
                f"{self._server}: {words}; have responses streamed: `model_args` stream=true",
            )
        if self._body.switches_thinking and rejects(refusal, "chat_template_kwargs"):
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`thinking`: {self._server} takes no chat_template_kwargs ({words}); "
                f"{advice_on_thinking(self._server, self._model)}",
            )
        for name in sorted(self._body.adapt(refusal, accepted=accepted) - {"stream_options"}):
            self._notes[name] = f"{name} was not sent, since the server refuses it: {words}"
