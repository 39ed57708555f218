"""The reward as OpenRLHF calls it: a file that is named to it holds `reward_func = Reward(tokenizer)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.reward.ground_truth import read


class Reward:
    """Pays what follows the prompt in each query; labels are the column `ground_truth`, prompts rendered text.

    OpenRLHF leaves special tokens in what it hands over, the end of the turn among them: the tokenizer says which are
    to be dropped. A query that doesn't begin with its prompt (one that was cut from the left) is paid 0 and counted.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._chat = ChatTemplate(
            tokenizer, None, "auto", str(getattr(tokenizer, "name_or_path", "") or "the tokenizer")
        )

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str], **_: Any
    ) -> dict[str, Any]:
        """Return rewards and scores as tensors of one number a query, and what to log."""
        import torch

        paid = torch.tensor([self.pay(*row) for row in zip(queries, prompts, labels, strict=True)])
        lost = sum(not query.startswith(prompt) for query, prompt in zip(queries, prompts, strict=True))
        logs = {"strict": paid.mean(), "prompt_lost": torch.tensor(lost / max(1, len(queries)))}
        return {"rewards": paid, "scores": paid, "extra_logs": logs}

    def pay(self, query: str, prompt: str, label: str) -> float:
        """Pay one query."""
        truth = read(label)
        if not query.startswith(prompt):
            return 0.0
        return truth.pay(self._chat.spoken(query[len(prompt) :]), prompt)
