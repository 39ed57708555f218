"""Small requests that find out, before items are sent, what a server serves and which fields it honours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import THINKING_SWITCHES
from evalsuite.models.http.adaptation import Adaptation
from evalsuite.models.http.chat_completion import RequestBody
from evalsuite.models.http.chat_reply import ChatCompletion, parse_completion
from evalsuite.models.http.concurrency import Replica
from evalsuite.models.http.error_report import error_message, load_json
from evalsuite.models.http.origin import CONNECT_SECONDS
from evalsuite.models.http.refusal import is_about_model, is_token_limit
from evalsuite.models.http.reply import (
    CHECK_NAME_AND_URL,
    RetryableError,
    ServerReply,
    classify_error,
)
from evalsuite.models.http.transport import Transport
from evalsuite.models.redaction import Redactor

_MODELS_SHOWN: Final = 5
_ADAPTATIONS: Final = 7
"""More than the fields that can be left out or renamed, and the token limits that are tried."""
_REASONING_TOKENS: Final = 16
"""Tokens of a probe that is cut off within the reasoning, but long enough to have some."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a healthy server reports about a model."""

    name: str
    """The server's address without secrets."""
    listed: bool
    context: int | None = None
    """Tokens of prompt and response together."""
    root: str | None = None
    """What the served name refers to: a path or a name on the hub."""
    others: tuple[str, ...] = field(default=(), repr=False)
    """The models that are served instead, if this one isn't listed."""


class ServerProbe:
    """Sends small requests to servers, outside the run's own requests."""

    def __init__(
        self, transport: Transport[ChatCompletion], body: RequestBody, adaptation: Adaptation, redactor: Redactor
    ) -> None:
        self._transport, self._body, self._adaptation, self._redactor = transport, body, adaptation, redactor

    async def check_health(self, replica: Replica, model: str) -> ServedModel | RetryableError:
        """Look the model up in `GET /models`; raise a `BackendError` if it isn't served or the key is refused.

        Servers without that endpoint, or whose list lacks the model (aliases, deployments), must generate one token.
        """
        reply = await self._transport.exchange(replica, "GET", "models", timeout=3 * CONNECT_SECONDS)
        if isinstance(reply, ServerReply) and reply.status not in (404, 405) and not 200 <= reply.status < 300:
            outcome = classify_error(reply, replica.name, self._redactor, succeeded=False)
            reply = outcome if isinstance(outcome, RetryableError) else reply
        if isinstance(reply, RetryableError):
            replica.suspend()
            return reply
        served = _find_model(replica.name, model, reply)
        if not served.listed:
            await self._check_unlisted(replica, model, served)
        return served

    async def _check_unlisted(self, replica: Replica, model: str, served: ServedModel) -> None:
        reply = await self.generate(replica)
        # Only a refusal speaks against the model; a busy or failing server may well serve it.
        if isinstance(reply, RetryableError) or not 400 <= reply.status < 500 or reply.status in (408, 409, 425, 429):
            return
        if is_token_limit(reply.body):  # to run out of tokens the model must be there
            return
        message = self._redactor.redact_line(f"HTTP {reply.status}: {error_message(reply.body)}")
        if reply.status in (401, 403):
            classify_error(reply, replica.name, self._redactor, succeeded=False)
        if reply.status in (400, 422) and not is_about_model(reply.body, model):
            raise BackendError(
                ErrorCode.REQUEST_REFUSED, f"{replica.name}: refuses a request of one word to {model!r}: {message}"
            )
        if not served.others:
            raise BackendError(
                ErrorCode.MODEL_NOT_SERVED,
                f"{replica.name}: no response from model {model!r}: {message}; {CHECK_NAME_AND_URL}",
            )
        first, more = ", ".join(served.others[:_MODELS_SHOWN]), len(served.others) - _MODELS_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        raise BackendError(
            ErrorCode.MODEL_NOT_SERVED,
            f"{replica.name}: does not serve {model!r}; it serves {first}{rest} ({message})",
        )

    async def generate(self, replica: Replica, tokens: int = 1, **fields: Any) -> ServerReply | RetryableError:
        """Generate a few tokens, with `fields` in the body; adapt what the server refuses."""
        for _ in range(_ADAPTATIONS):
            body = self._body.encode_probe(tokens, **fields)
            reply = await self._transport.exchange(replica, "POST", "chat/completions", body)
            if isinstance(reply, RetryableError) or reply.status not in (400, 422):
                break
            if not self._body.raise_fewest_tokens(reply.body):
                self._adaptation.learn(reply.body)
            if self._body.encode_probe(tokens, **fields) == body:
                break
        return reply

    async def require_field(self, replica: Replica, argument: str, name: str, advice: str) -> None:
        """Raise a `UsageError` for `argument` unless the server honours the field `name` that carries it.

        Many servers ignore unknown fields silently, so an invalid value must be refused and the real one accepted.
        """
        fields: dict[str, Any] = {name: ["nonsense"]}
        invalid = await self.generate(replica, **fields)
        reply = await self.generate(replica) if _refused(invalid) else invalid
        if isinstance(reply, RetryableError):
            raise BackendError(
                ErrorCode.SERVER_UNREACHABLE,
                f"{replica.name}: no response to the request that checks whether it honours {name}: {reply.message}",
            )
        if not _refused(invalid):
            raise UsageError(ErrorCode.UNSUPPORTED_BY_BACKEND, f"`{argument}`: {replica.name} ignores {name}; {advice}")
        if _refused(reply):
            message = self._redactor.redact_line(error_message(reply.body))
            raise UsageError(
                ErrorCode.REQUEST_REFUSED, f"`{argument}`: {replica.name} refuses {name}: {message}; {advice}"
            )

    async def render_prompt(self, replica: Replica, **fields: Any) -> str | None:
        """Return a prompt as the server's chat template renders it; None if the server can't report it.

        vLLM's /tokenize, which is at the server's root, renders the template and returns the prompt's tokens as
        strings, with white space in the vocabulary's spelling.
        """
        probe = {"messages": [{"role": "user", "content": "Hello"}], "return_token_strs": True}
        body = orjson.dumps(probe | self._body.template_fields | fields)
        reply = await self._transport.exchange(replica, "POST", "tokenize", body, from_root=True)
        content = _json(reply)
        strings = content.get("token_strs") if isinstance(content, dict) else None
        if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
            return None
        return "".join(strings)

    async def honours_thinking_switch(self, replica: Replica) -> bool | None:
        """Return True if the chat template has a thinking switch, None if unknown; raise a `UsageError` if not."""
        on, off = [
            await self.render_prompt(replica, chat_template_kwargs=dict.fromkeys(THINKING_SWITCHES, switch))
            for switch in (True, False)
        ]
        if on is None or off is None:
            return None
        if on == off:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`thinking`: the chat template at {replica.name} has no such switch; leave it at auto",
            )
        return True

    async def separates_reasoning(self, replica: Replica) -> bool:
        """Return whether the server returns reasoning separately: truncated reasoning then leaves an empty text."""
        reply = await self.generate(replica, _REASONING_TOKENS)
        if isinstance(reply, RetryableError) or reply.status != 200:
            return False
        try:
            return bool(parse_completion(reply).reasoning)
        except ValueError:
            return False


def _find_model(server: str, model: str, reply: ServerReply) -> ServedModel:
    content = _json(reply)
    entries = content.get("data") if isinstance(content, dict) else content
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    for entry in entries:
        if entry.get("id") in (model, f"models/{model}"):  # Google lists models as models/NAME
            return ServedModel(server, True, _integer(entry, "max_model_len"), _string(entry, "root"))
    return ServedModel(server, False, others=tuple(str(entry.get("id")) for entry in entries))


def _json(reply: ServerReply | RetryableError) -> Any:
    if isinstance(reply, RetryableError) or reply.status != 200:
        return None
    try:
        return load_json(reply.body)
    except ValueError:
        return None


def _refused(reply: ServerReply | RetryableError) -> bool:
    return isinstance(reply, ServerReply) and reply.status in (400, 422)


def _integer(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _string(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) else None
