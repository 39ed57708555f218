"""All that a reward must know of an item, in one line of text: trainers that hand a reward one string take it so."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, NamedTuple

from evalsuite.errors import UsageError
from evalsuite.reward.strict_reward import StrictReward

_REWARD: Final = StrictReward()


class GroundTruth(NamedTuple):
    """What a completion is paid by; `str` writes it as one line of JSON and `read` reads that."""

    gold: str
    labels: tuple[str, ...]
    format: str
    opens_reasoning: bool = False

    def __str__(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=False)

    def pay(self, response: str, prompt: str | None = None) -> float:
        """Pay one response: 1.0 or 0.0."""
        return _REWARD.pay(response, self.gold, self.labels, prompt, self.format, self.opens_reasoning)


@lru_cache(maxsize=1 << 16)
def read(line: str) -> GroundTruth:
    """Read what `str` wrote; anything else is a `UsageError`, for it could never be paid."""
    try:
        fields = json.loads(line)
        labels = tuple(fields["labels"])
        texts = (fields["gold"], fields["format"], *labels)
        if not all(isinstance(text, str) for text in texts) or not isinstance(fields["opens_reasoning"], bool):
            raise TypeError
        return GroundTruth(fields["gold"], labels, fields["format"], fields["opens_reasoning"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            f"ground truth {line[:80]!r} was not made by evalsuite.reward.dataset: point the trainer at its column "
            "ground_truth"
        ) from None
