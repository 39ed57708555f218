"""A row as training will show it to the model and as evaluation would: the same chat template, two callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalsuite.errors import BackendError
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.optional_packages import describe_error
from training.checks.checked_rows import CheckedRow


class Rendering(NamedTuple):
    """One row, rendered."""

    asked: str
    """The prompt as evaluation sends it, up to where the response begins."""
    asked_ids: list[int]
    trained_ids: list[int]
    """The prompt as TRL tokenizes it."""
    opens_reasoning: bool
    whole: str = ""
    """Prompt and completion as TRL trains on them; empty where the row has no completion."""
    whole_ids: Sequence[int] = ()
    trouble: str | None = None
    """Why the template refused, if it did."""


class Renderer:
    """Renders rows with the start model's tokenizer. TRL's way is `trl.trainer.sft_trainer.tokenize_fn` in 1.16."""

    def __init__(self, tokenizer: Any, model: str) -> None:
        self._tokenizer = tokenizer
        self._chat = ChatTemplate(tokenizer, None, "auto", model)

    def __call__(self, row: CheckedRow) -> Rendering:
        """Render a row both ways."""
        try:
            asked, opens = self._chat.render(row.prompt)
            ids = self._chat.tokenize(row.prompt).ids
            trained = self._ids(list(row.prompt), add_generation_prompt=True)
            if row.completion is None:
                return Rendering(asked, ids, trained, opens)
            turns = [*row.prompt, {"role": "assistant", "content": row.completion}]
            whole = str(self._tokenizer.apply_chat_template(turns, tokenize=False))
            return Rendering(asked, ids, trained, opens, whole, self._ids(turns))
        except BackendError as error:
            return Rendering("", [], [], False, trouble=str(error))
        except Exception as error:  # templates raise whatever their authors chose
            return Rendering("", [], [], False, trouble=f"the chat template fails: {describe_error(error)}")

    def _ids(self, turns: list[Any], **how: bool) -> list[int]:
        return list(self._tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **how)["input_ids"])
