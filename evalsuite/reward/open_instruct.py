"""The reward in open-instruct's signature: importing this module registers the verifier `evalsuite`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction

from evalsuite.reward.ground_truth import parse_ground_truth

NAME = "evalsuite"
"""Name of the verifier: the value of a row's column `dataset`."""


class EvalsuiteVerifier(VerifierFunction):
    """The reward of a prediction, by a row's column `ground_truth` that `evalsuite.reward.dataset` wrote."""

    # open-instruct collects its verifiers from `VerifierFunction.__subclasses__()` and calls each with its config.
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
        """Return a result whose score is 1.0 or 0.0."""
        line = label if isinstance(label, str) else label[0]
        return VerificationResult(score=parse_ground_truth(line).score(prediction, query))


def row(example: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a row of `evalsuite.reward.dataset`, made with `render=False`, to open-instruct's columns."""
    return {"messages": example["prompt"], "ground_truth": example["ground_truth"], "dataset": NAME}
