"""The reference answer of one training row as one line of JSON, for trainers that pass a reward a single string."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, NamedTuple

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.util.jsonl import parse_json

_REWARD: Final = StrictReward()


class GroundTruth(NamedTuple):
    """One row's reference answer: `str` writes it as one line of JSON, `parse_ground_truth` reads that line."""

    gold: str
    labels: tuple[str, ...]
    format: str
    opens_reasoning: bool = False

    def __str__(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=False)

    def score(self, response: str, prompt: str | None = None) -> float:
        """Return the reward of one response: 1.0 or 0.0."""
        return _REWARD.score(response, self.gold, self.labels, prompt, self.format, self.opens_reasoning)


# Trainers parse the same line once per completion: a group of 16 completions shares one prompt and one line.
@lru_cache(maxsize=1 << 16)
def parse_ground_truth(line: str) -> GroundTruth:
    """Parse what `str(GroundTruth(...))` wrote.

    Anything else is a `UsageError`: a row with a malformed reference could never earn a reward, and training on it
    would fail silently.
    """
    try:
        fields = parse_json(line)
        labels = tuple(fields["labels"])
        texts = (fields["gold"], fields["format"], *labels)
        if not all(isinstance(text, str) for text in texts) or not isinstance(fields["opens_reasoning"], bool):
            raise TypeError
        return GroundTruth(fields["gold"], labels, fields["format"], fields["opens_reasoning"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            ErrorCode.TRAINING_DATA_MALFORMED,
            f"ground truth {line[:80]!r} was not written by evalsuite.reward.dataset: configure the trainer to read "
            "the column ground_truth",
        ) from None
