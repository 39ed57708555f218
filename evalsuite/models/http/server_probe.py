"""Finding out, before the first question, what a server serves and what it does with what it will be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.http.chat_completion import THINKING_SWITCHES, ChatCompletion, RequestBody, read_completion
from evalsuite.models.http.concurrency import Replica
from evalsuite.models.http.origin import CONNECT_SECONDS
from evalsuite.models.http.reply import RetryableError, ServerReply, error_message, judge, load_json
from evalsuite.models.http.transport import Transport
from evalsuite.models.redaction import Redactor
from evalsuite.parser import reasoning_open

_NAMED: Final = 5
_NEGOTIATIONS: Final = 3
_THOUGHT_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a living server says of a model."""

    name: str
    """What may be told of its address."""
    listed: bool
    context: int | None = None
    """Tokens of prompt and output together."""
    root: str | None = None
    """What the served name stands for: a path or a name on the hub."""
    others: tuple[str, ...] = field(default=(), repr=False)


class ServerProbe:
    """Asks small questions of servers, outside the run's own requests."""

    def __init__(self, transport: Transport[ChatCompletion], body: RequestBody, redactor: Redactor) -> None:
        self._transport, self._body, self._redactor = transport, body, redactor

    async def greet(self, replica: Replica, model: str) -> ServedModel | RetryableError:
        """Look the model up at `GET /models`; `BackendError` where it isn't served or the key isn't taken.

        A server without that address, or whose list lacks the model (aliases, deployments), is asked for one token.
        """
        reply = await self._transport.exchange(replica, "GET", "models", timeout=3 * CONNECT_SECONDS)
        if isinstance(reply, ServerReply) and reply.status not in (404, 405) and not 200 <= reply.status < 300:
            told = judge(reply, replica.name, self._redactor, succeeded=False)
            reply = told if isinstance(told, RetryableError) else reply
        if isinstance(reply, RetryableError):
            replica.set_aside()
            return reply
        served = _look_up(replica.name, model, reply)
        if not served.listed:
            await self._confirm(replica, model, served)
        return served

    async def _confirm(self, replica: Replica, model: str, served: ServedModel) -> None:
        reply = await self.small(replica)
        if isinstance(reply, RetryableError) or not 400 <= reply.status < 500 or reply.status in (408, 409, 425, 429):
            return
        told = self._redactor.redact_line(f"HTTP {reply.status}: {error_message(reply.body)}")
        if reply.status in (401, 403):
            judge(reply, replica.name, self._redactor, succeeded=False)
        if not served.others:
            advice = "is its name right, and does --base-url end where /chat/completions follows (often in /v1)?"
            raise BackendError(f"{replica.name}: no answer from model {model!r}: {told}; {advice}")
        first, more = ", ".join(served.others[:_NAMED]), len(served.others) - _NAMED
        more_told = f" and {more} more" if more > 0 else ""
        raise BackendError(f"{replica.name}: does not serve {model!r}; it serves {first}{more_told} ({told})")

    async def small(self, replica: Replica, tokens: int = 1, **fields: Any) -> ServerReply | RetryableError:
        """Ask for a few tokens, with `fields` in the body; a refused tokens field is learned on the way."""
        for _ in range(_NEGOTIATIONS):
            body = self._body.small(tokens, **fields)
            reply = await self._transport.exchange(replica, "POST", "chat/completions", body)
            if isinstance(reply, RetryableError) or reply.status not in (400, 422):
                break
            self._body.learn(reply.body)
            if self._body.small(tokens, **fields) == body:
                break
        return reply

    async def require(self, replica: Replica, option: str, name: str, advice: str) -> None:
        """Make sure that a field which many servers silently pass over is read: nonsense in it must be refused."""
        fields: dict[str, Any] = {name: ["nonsense"]}
        nonsense = await self.small(replica, **fields)
        reply = await self.small(replica) if _refused(nonsense) else nonsense
        if isinstance(reply, RetryableError):
            raise BackendError(f"{replica.name}: can't find out whether it takes {name}: {reply.told}")
        if not _refused(nonsense):
            raise UsageError(f"{option}: {replica.name} does nothing with {name}; {advice}")
        if _refused(reply):
            told = self._redactor.redact_line(error_message(reply.body))
            raise UsageError(f"{option}: {replica.name} refuses {name}: {told}; {advice}")

    async def opens_reasoning(self, replica: Replica) -> bool | None:
        """Whether the prompt ends inside `<think>` as the server's chat template renders it; None: unknown."""
        prompt = await self.rendered(replica)
        return None if prompt is None else reasoning_open(prompt)

    async def rendered(self, replica: Replica, **fields: Any) -> str | None:
        """A prompt as the server's chat template renders it, None where it doesn't say.

        vLLM's /tokenize, at the server's root, renders the template and returns the prompt's tokens as text, with white
        space in the vocabulary's own spelling.
        """
        question = {"messages": [{"role": "user", "content": "Hello"}], "return_token_strs": True}
        body = orjson.dumps(question | self._body.template_fields | fields)
        reply = await self._transport.exchange(replica, "POST", "tokenize", body, from_root=True)
        content = _json(reply)
        strings = content.get("token_strs") if isinstance(content, dict) else None
        if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
            return None
        return "".join(strings)

    async def switches_thinking(self, replica: Replica) -> bool | None:
        """Whether the chat template minds the thinking switch; one that doesn't is a `UsageError`, None: unknown."""
        on, off = [
            await self.rendered(replica, chat_template_kwargs=dict.fromkeys(THINKING_SWITCHES, on))
            for on in (True, False)
        ]
        if on is None or off is None:
            return None
        if on == off:
            raise UsageError(f"--thinking: the chat template at {replica.name} knows no such switch; leave it at auto")
        return True

    async def splits_reasoning(self, replica: Replica) -> bool:
        """Whether the server returns reasoning apart from the text: a thought cut short then leaves no text."""
        reply = await self.small(replica, _THOUGHT_TOKENS)
        if isinstance(reply, RetryableError) or reply.status != 200:
            return False
        try:
            return bool(read_completion(reply).reasoning)
        except ValueError:
            return False


def _look_up(name: str, model: str, reply: ServerReply) -> ServedModel:
    content = _json(reply)
    cards = content.get("data") if isinstance(content, dict) else content
    cards = [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
    for card in cards:
        if card.get("id") in (model, f"models/{model}"):
            return ServedModel(name, True, _whole(card, "max_model_len"), _string(card, "root"))
    return ServedModel(name, False, others=tuple(str(card.get("id")) for card in cards))


def _json(reply: ServerReply | RetryableError) -> Any:
    if isinstance(reply, RetryableError) or reply.status != 200:
        return None
    try:
        return load_json(reply.body)
    except ValueError:
        return None


def _refused(reply: ServerReply | RetryableError) -> bool:
    return isinstance(reply, ServerReply) and reply.status in (400, 422)


def _whole(card: Mapping[str, Any], key: str) -> int | None:
    value = card.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _string(card: Mapping[str, Any], key: str) -> str | None:
    value = card.get(key)
    return value if isinstance(value, str) else None
