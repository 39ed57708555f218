"""The reward as open-instruct calls it: importing this registers the verifier `evalsuite` (rows' column `dataset`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction

from evalsuite.reward.ground_truth import read

NAME = "evalsuite"


class EvalsuiteVerifier(VerifierFunction):
    """Pays a prediction by a row's `ground_truth`, as `evalsuite.reward.dataset` made it."""

    def __init__(self, verifier_config: Any = None) -> None:
        super().__init__(NAME, weight=1.0, verifier_config=verifier_config)

    def __call__(
        self,
        tokenized_prediction: Sequence[int],
        prediction: str,
        label: str | Sequence[str],
        query: str | None = None,
        **_: Any,
    ) -> VerificationResult:
        """Return 1.0 or 0.0 as the score."""
        line = label if isinstance(label, str) else label[0]
        return VerificationResult(score=read(line).pay(prediction, query))


def row(example: Mapping[str, Any]) -> dict[str, Any]:
    """Put a row of `evalsuite.reward.dataset`, made with `render=False`, into open-instruct's columns."""
    return {"messages": example["prompt"], "ground_truth": example["ground_truth"], "dataset": NAME}
