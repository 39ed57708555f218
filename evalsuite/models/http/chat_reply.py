"""Chat completions as servers return them: what a reply says, in the dialects of the servers in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from evalsuite.models.finish_reason import FAILED, finish_of
from evalsuite.models.http.error_report import ErrorReport, UnreadableReply, load_reply, outline
from evalsuite.models.http.reply import ServerReply
from evalsuite.models.token_count import token_count

_PROVIDER_FAILED: Final = 502
"""The status of an error that a provider reports in the place of a finish reason, without a code of its own."""


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """The parts of a chat completion that a `Response` needs."""

    text: str
    reasoning: str
    finish: str
    """As in `Response`."""
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


def parse_completion(reply: ServerReply) -> ChatCompletion:
    """Parse a chat completion.

    A reply that reports an error is an `ErrorReport`, one of an unknown shape an `UnreadableReply`, and one that was
    cut off on its way any other `ValueError`.
    """
    content = load_reply(reply.body)
    choices = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise UnreadableReply(f"it has no choices: {outline(content)}")
    choice = choices[0]
    text, reasoning, refusal = _message_texts(choice.get("message"), content)
    finish = _finish(choice, bool(text or reasoning))
    if choice.get("message") is None and finish == "stop":
        # A filter or the token limit may leave no message, a response that ended by itself has one.
        raise UnreadableReply(f"its choice has no message: {outline(content)}")
    if text is None and not reasoning and not choice.get("finish_reason"):
        # There is no text and no reason for that: neither an answer nor the end of one.
        raise UnreadableReply(f"it has neither text nor a finish reason: {outline(content)}")
    usage = content.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return ChatCompletion(
        text=text or "",
        reasoning=reasoning,
        finish="refused" if refusal else finish,
        input_tokens=token_count(usage.get("prompt_tokens")),
        output_tokens=token_count(usage.get("completion_tokens")),
        seconds=reply.seconds,
    )


def _finish(choice: dict[str, Any], has_text: bool) -> str:
    """Return why a choice ended; raise an `ErrorReport` if the provider failed."""
    reason, error = choice.get("finish_reason"), choice.get("error")
    finish = finish_of(reason)
    if error and not (has_text and reason and finish != FAILED):
        raise ErrorReport.of(error, otherwise=_PROVIDER_FAILED)
    if finish == FAILED:
        raise ErrorReport.of(f"the provider failed: finish_reason {reason}", otherwise=_PROVIDER_FAILED)
    return finish


def _message_texts(message: Any, content: Any) -> tuple[str | None, str, bool]:
    """Return a message's text, its reasoning, and whether the text is a refusal; the text is None if there is none.

    The reasoning is `reasoning_content` in DeepSeek and older vLLM, else `reasoning`. A message, or its content, may be
    absent: a content filter or the token limit left nothing of it.
    """
    if message is None:
        return None, "", False
    if not isinstance(message, dict):
        raise UnreadableReply(f"its message is not an object: {outline(content)}")
    text, refusal = message.get("content"), message.get("refusal")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(text, list):
        text, typed_reasoning, typed_refusal = _join_parts(text, content)
        reasoning, refusal = reasoning or typed_reasoning, refusal or typed_refusal
    if refusal and isinstance(refusal, str):
        text = text or refusal
    if not (text is None or isinstance(text, str)) or not isinstance(reasoning, str):
        raise UnreadableReply(f"its message's content is not text: {outline(content)}")
    return text, reasoning, bool(refusal)


def _join_parts(parts: list[Any], content: Any) -> tuple[str, str, str]:
    """Return text, reasoning and refusal of content in typed parts; Mistral's `thinking` parts contain parts too."""
    texts, reasoning, refusals = [], [], []
    for part in parts:
        if not isinstance(part, dict):
            raise UnreadableReply(f"its message's content has a part without a type: {outline(content)}")
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            reasoning.append(_join_parts(inner, content)[0] if isinstance(inner, list) else str(inner))
        elif part.get("type") == "refusal" and isinstance(part.get("refusal"), str):
            refusals.append(part["refusal"])
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts), "".join(reasoning), "".join(refusals)
