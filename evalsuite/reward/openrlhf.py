"""The reward in OpenRLHF's signature: a file of yours that holds `reward_func = Reward(tokenizer)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.reward.ground_truth import parse_ground_truth


class Reward:
    """The reward of what follows the prompt in each query; labels are the column `ground_truth`, prompts rendered text.

    OpenRLHF leaves special tokens in the decoded query, including the one that ends the turn; the tokenizer determines
    which are dropped. A query that does not begin with its prompt, because it was truncated on the left, has the
    reward 0 and is counted.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._chat = ChatTemplate(
            tokenizer, None, "auto", str(getattr(tokenizer, "name_or_path", "") or "the tokenizer")
        )

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str], **_: Any
    ) -> dict[str, Any]:
        """Return `rewards` and `scores`, tensors with one number per query, and `extra_logs`."""
        import torch

        rewards = torch.tensor([self.score(*row) for row in zip(queries, prompts, labels, strict=True)])
        truncated = sum(not query.startswith(prompt) for query, prompt in zip(queries, prompts, strict=True))
        logs = {"strict": rewards.mean(), "prompt_truncated": torch.tensor(truncated / max(1, len(queries)))}
        return {"rewards": rewards, "scores": rewards, "extra_logs": logs}

    def score(self, query: str, prompt: str, label: str) -> float:
        """Return the reward of one query."""
        truth = parse_ground_truth(label)
        if not query.startswith(prompt):
            return 0.0
        return truth.score(self._chat.clean(query[len(prompt) :]), prompt)
