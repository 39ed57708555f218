"""The verdict on a stage: judged by its gate, written to gate.json, and read back."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, NamedTuple

from evalsuite.analysis.comparability import pair
from evalsuite.analysis.compare import compare
from evalsuite.analysis.run_result import RunResult
from evalsuite.errors import ErrorCode, RunError
from evalsuite.gate import GateDecision, gate
from training.promotion.diagnosis import Diagnosis
from training.recipe import Stage
from training.run_folder import SCHEMA, StageFolder, TrainingFolder
from training.run_spec import now

FILE: Final = "gate.json"


class PromotionVerdict(NamedTuple):
    """How a stage ended."""

    promoted: bool
    reason: str
    """Why, in one sentence."""


def judge(candidate: RunResult, baseline: RunResult, stage: Stage) -> GateDecision:
    """Compare a stage's model with the last promoted one by the stage's own gate."""
    return gate(candidate, baseline, stage.gate)


def record_verdict(
    run: TrainingFolder, folder: StageFolder, decision: GateDecision | None, refusal: Diagnosis | None
) -> PromotionVerdict:
    """Write gate.json, then the stage's state; a stage with a `refusal` is refused and keeps its checkpoints.

    `decision` is None where training itself stopped, so that there was no model to evaluate.
    """
    reason = refusal.reason if refusal is not None else _describe(decision)
    verdict = PromotionVerdict(refusal is None, reason)
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **verdict._asdict(),
        "cause": None if refusal is None else refusal.cause,
        "decision": None,
        "comparison": None,
    }
    if decision is not None:
        content["decision"] = _with_relative_paths(run, decision.to_json())
        # The gate's decision has one-sided tests against margins; reports show the two-sided comparison.
        comparison = compare(pair(decision.candidate, decision.baseline))
        content["comparison"] = _with_relative_paths(run, comparison.to_json())
    # The state is written last: after a kill between both files the stage is judged again, from finished evaluations.
    folder.write(FILE, content)
    folder.note(state="promoted" if verdict.promoted else "refused", reason=reason, decided=now())
    if verdict.promoted:
        delete_checkpoints(folder)
    return verdict


def delete_checkpoints(folder: StageFolder) -> None:
    """Delete a stage's checkpoints; a link to a folder on another disk is left alone, since it isn't this run's."""
    if not folder.checkpoints.is_symlink():
        shutil.rmtree(folder.checkpoints, ignore_errors=True)


def read_verdict(folder: StageFolder) -> PromotionVerdict:
    """Return the verdict on a stage, as stage.json holds it; a stage that has not ended is not promoted."""
    facts = folder.read("stage.json")
    return PromotionVerdict(facts.get("state") == "promoted", str(facts.get("reason", "")))


def evaluation_path(run: TrainingFolder, folder: StageFolder, side: Literal["a", "b"]) -> Path | None:
    """Return the run folder of the evaluation after (a) or before (b) a stage; None if gate.json has no comparison.

    A path that is not among the run's evaluations is a `RunError`: the folder may be somebody else's.
    """
    comparison = folder.read(FILE).get("comparison")
    if comparison is None:
        return None
    about = comparison.get(side)
    path = PurePosixPath(str(about.get("path"))) if isinstance(about, dict) else PurePosixPath("..")
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (run.evaluations.name,):
        message = f"{folder.path / FILE}: names an evaluation that is not in the run; was it edited?"
        raise RunError(ErrorCode.RUN_UNREADABLE, message)
    return run.path / path


def _describe(decision: GateDecision | None) -> str:
    assert decision is not None, "a stage is promoted only by a decision of its gate"
    gains = "; ".join(f"{check.task}: {check.message.rstrip('.')}" for check in decision.checks if check.rule == "gain")
    return f"{decision.headline}{f': {gains}' if gains else ''}."


def _with_relative_paths(run: TrainingFolder, facts: dict[str, Any]) -> dict[str, Any]:
    """Name the folders of both evaluations by their path in the run, which may be moved."""
    for about in facts.values():
        if isinstance(about, dict) and "path" in about:
            about["path"] = about["path"].removeprefix(f"{run.path}/")
    return facts
