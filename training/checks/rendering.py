"""One row rendered with the chat template twice: as evaluation sends the prompt, and as TRL trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalsuite.errors import BackendError
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.optional_packages import describe_error
from training.checks.checked_rows import CheckedRow


class Rendering(NamedTuple):
    """One rendered row."""

    prompt: str
    """The prompt as evaluation sends it, up to where the response begins."""
    prompt_ids: list[int]
    trained_prompt_ids: list[int]
    """The prompt as TRL tokenizes it."""
    opens_reasoning: bool
    """Whether the prompt ends inside `<think>`."""
    conversation: str = ""
    """Prompt and completion as TRL trains on them; empty where the row has no completion."""
    conversation_ids: Sequence[int] = ()
    error: str | None = None
    """Why the template failed, if it did."""


class Renderer:
    """One start model's chat template, applied to rows.

    TRL's side follows `trl.trainer.sft_trainer.tokenize_fn` of TRL 1.16.
    """

    def __init__(self, tokenizer: Any, model: str) -> None:
        self._tokenizer = tokenizer
        self._chat = ChatTemplate(tokenizer, None, "auto", model)

    def __call__(self, row: CheckedRow) -> Rendering:
        """Render a row; an error of the template is returned in `error`."""
        try:
            prompt, opens_reasoning = self._chat.render(row.prompt)
            prompt_ids = self._chat.tokenize(row.prompt).ids
            trained_prompt_ids = self._tokenize(list(row.prompt), add_generation_prompt=True)
            if row.completion is None:
                return Rendering(prompt, prompt_ids, trained_prompt_ids, opens_reasoning)
            turns = [*row.prompt, {"role": "assistant", "content": row.completion}]
            conversation = str(self._tokenizer.apply_chat_template(turns, tokenize=False))
            ids = self._tokenize(turns)
            return Rendering(prompt, prompt_ids, trained_prompt_ids, opens_reasoning, conversation, ids)
        except BackendError as error:
            return Rendering("", [], [], False, error=str(error))
        except Exception as error:  # a template is a program and may raise anything
            return Rendering("", [], [], False, error=f"the chat template fails: {describe_error(error)}")

    def _tokenize(self, turns: list[Any], **options: bool) -> list[int]:
        encoded = self._tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **options)
        return list(encoded["input_ids"])
