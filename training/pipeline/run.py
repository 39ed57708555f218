"""Takes a run through its stages: train, evaluate, judge, promote; a run that was stopped continues where it was.

Every step leaves its outcome on disk before the next starts, and a step whose outcome is on disk is not repeated. So a
new run and a resumed one follow the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from evalsuite.errors import ErrorCode, RunError, UsageError
from training.checks.check_result import REPORT
from training.child_process import ChildExit, environment, run_module, with_launcher
from training.data.manifest import Manifest, read_manifest
from training.pipeline import worker
from training.pipeline.progress import watch
from training.pipeline.reuse import reusable_stages, reuse_stages
from training.promotion.diagnosis import Cause, Diagnosis, diagnose, without_valid_answer
from training.promotion.evaluate import evaluate
from training.promotion.last_promoted import last_promoted, model_of
from training.promotion.verdict import PromotionVerdict, delete_checkpoints, judge, read_verdict, record_verdict
from training.recipe import Stage
from training.report import write_report
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import FILE, ReusedStages, TrainingSpec, data_of, now, read_spec, reused_from, write_spec
from training.stages import checkpoints

LOG: Final = "log.txt"
"""Output of a stage's processes."""
Report = Callable[[str], None]
"""Shows a line to the person who waits."""


class PipelineResult(NamedTuple):
    """How a run ended."""

    refused: StageFolder | None
    """The stage that was refused; None if all are promoted."""
    reason: str
    """Why it was refused."""
    model: str
    """The last promoted model; the base model if no stage is promoted."""
    any_promoted: bool


def prepare_folder(spec: TrainingSpec, run: TrainingFolder, source: TrainingFolder | None) -> None:
    """Write run.json into a new folder; a folder that holds another run is a `UsageError`.

    `source` is a run whose promoted stages are to be reused where they are equal.
    """
    if not (run.path / FILE).exists():
        stages = [] if source is None else reusable_stages(source, run, spec)
        names = [str(stage.path.relative_to(stage.path.parents[1])) for stage in stages]
        write_spec(run, spec, None if source is None else ReusedStages(source.path, names))
        return
    existing, reused = read_spec(run), reused_from(run)
    difference = None if existing == spec else next(_differences(existing.to_json(), spec.to_json()))
    if difference is None and source is not None and (reused is None or reused.run != source.path):
        difference = f"reuse_from: {reused.run if reused else 'none'} in the folder, {source.path} requested"
    if difference is not None:
        raise UsageError(
            ErrorCode.RUN_MISMATCH,
            f"{run.path}: holds another run ({difference}); choose another `out`; with this folder as `reuse_from` its "
            "promoted stages are copied",
        )


def refuse_other_content(run: TrainingFolder) -> None:
    """Raise a `UsageError` for a folder that holds something else than a run, before anything is written into it."""
    try:
        names = {entry.name for entry in run.path.iterdir()} if run.path.is_dir() else {FILE}
    except OSError as error:
        message = f"{run.path}: can't be read: {error.strerror or error}"
        raise UsageError(ErrorCode.RUN_UNREADABLE, message) from None
    # A lock alone is what a process leaves that was killed before it wrote run.json.
    if run.path.is_file() or (names and not names & {FILE, ".lock"}):
        message = f"{run.path}: not empty and not a training run; choose another `out`"
        raise UsageError(ErrorCode.OUTPUT_EXISTS, message)


def run_stages(run: TrainingFolder, report: Report) -> PipelineResult:
    """Take a run from its present state to its end, or to the first stage that is refused."""
    spec = read_spec(run)
    reuse_stages(run, spec, report)  # before the world is made: it copies the world of the reused stages
    make_world(run, spec, report)
    for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True):
        verdict = _StageRun(run, spec, stage, folder, report).finish()
        write_report(run, spec)  # also of a refused stage
        if not verdict.promoted:
            return _result(run, spec, folder, verdict.reason)
    return _result(run, spec, None, "")


def make_world(run: TrainingFolder, spec: TrainingSpec, report: Report) -> None:
    """Make the data of a recipe that has a world, unless they are complete already."""
    if spec.recipe.world is None or run.data.is_dir():
        return
    report(f"making {spec.recipe.world.generator}, seed {spec.recipe.world.seed}")
    ended = run_module([worker.MODULE, "world", str(run.path)], environment(spec.recipe), run.path / LOG)
    if ended.status:
        raise RunError(ended.error_code, f"{spec.recipe.world.generator}: {ended.message}")


class _StageRun:
    """One stage of a run, taken to its verdict from the state that is on disk."""

    def __init__(
        self, run: TrainingFolder, spec: TrainingSpec, stage: Stage, folder: StageFolder, report: Report
    ) -> None:
        self.run, self.spec, self.stage, self.folder = run, spec, stage, folder
        self.log = folder.path / LOG
        self._report = report

    def report(self, message: str) -> None:
        self._report(f"{self.folder.path.name}: {message}")

    def finish(self) -> PromotionVerdict:
        """Do all that the stage's state says is left, and return the verdict."""
        if self.folder.state in ("promoted", "refused"):
            return self._verdict()
        manifest = read_manifest(data_of(self.run, self.spec) / self.stage.data.folder)
        self._check_data(manifest)
        # Each step changes the state that the next `if` reads.
        if self.folder.state == "new":
            refusal = self._preflight(manifest)
            if refusal is not None:
                return PromotionVerdict(False, refusal)
        if self.folder.state == "training":
            self._train()
        if self.folder.state == "trained":
            self._judge()
        return self._verdict()

    def _verdict(self) -> PromotionVerdict:
        verdict = read_verdict(self.folder)
        if verdict.promoted:
            delete_checkpoints(self.folder)  # again: a kill may have come between the verdict and their deletion
            self.report(f"promoted: {verdict.reason}")
        return verdict

    def _check_data(self, manifest: Manifest) -> None:
        """Refuse data that changed since the first checkpoint; before it, a change sends the stage to preflight."""
        if self.folder.state == "new" or self.folder.read("manifest.json") == manifest.to_json():
            return
        if self.folder.model.is_dir() or checkpoints.latest(self.folder.checkpoints) is not None:
            message = f"{self.folder.path}: its data changed after training started: restore them, or start a new run"
            raise RunError(ErrorCode.TRAINING_DATA_CHANGED, message)
        self.folder.note(state="new")

    def _preflight(self, manifest: Manifest) -> str | None:
        """Run the preflight checks and return why the stage may not start: not for good, data can be corrected."""
        self.report("preflight")
        self.folder.write("manifest.json", manifest.to_json())
        (self.folder.path / REPORT).unlink(missing_ok=True)  # or an older report would answer for a check that crashed
        ended = self._run_worker([worker.MODULE, "preflight", str(self.run.path), self.stage.name])
        # The exit status doesn't distinguish a refusal from another error, but only a refusal is written down.
        refusals = self.folder.read(REPORT).get("refusals")
        if refusals:
            more = f" (and {len(refusals) - 1} more: {self.folder.path / REPORT})" if len(refusals) > 1 else ""
            return f"{refusals[0]}{more}"
        self._raise_if_failed(ended)
        self.folder.note(state="training", settings=self.stage.model_dump(mode="json"), started=now())
        return None

    def _train(self) -> None:
        """Train to the end, or to the reason that the stage itself records why it can't be promoted."""
        if self._refusal is None:
            self.report("training")
            module = [worker.MODULE, "stage", str(self.run.path), self.stage.name]
            with watch(self.folder):
                ended = self._run_worker(with_launcher(module, self.spec.recipe.hardware))
            if self._refusal is None:
                self._raise_if_failed(ended)
                return
        record_verdict(self.run, self.folder, None, Diagnosis(Cause.STOPPED, self._refusal))

    @property
    def _refusal(self) -> str | None:
        refusal: str | None = self.folder.read("stage.json").get("refusal")
        return refusal

    def _run_worker(self, module: Sequence[str]) -> ChildExit:
        return run_module(module, environment(self.spec.recipe, self.run.tasks), self.log)

    def _raise_if_failed(self, ended: ChildExit) -> None:
        if ended.status:
            raise RunError(ended.error_code, f"{self.folder.path.name}: {ended.message}")

    def _judge(self) -> None:
        trained = model_of(self.run, self.spec, self.folder)
        before = last_promoted(self.run, self.spec, self.folder)  # where the stage started
        self.report("evaluating the trained model")
        candidate = evaluate(self.run, self.spec, trained, self.stage.evaluation, self.log)
        self.report("evaluating the model before it")
        baseline = evaluate(self.run, self.spec, before, self.stage.evaluation, self.log)
        decision = judge(candidate, baseline, self.stage)
        if decision.exit_code == 0:  # the policy may let an undecided gate pass
            refusal = without_valid_answer(candidate)
        else:
            refusal = diagnose(self.stage, self.folder, decision, self.spec.control)
        record_verdict(self.run, self.folder, decision, refusal)


def _result(run: TrainingFolder, spec: TrainingSpec, refused: StageFolder | None, reason: str) -> PipelineResult:
    any_promoted = any(folder.state == "promoted" for folder in spec.stages(run))
    return PipelineResult(refused, reason, str(last_promoted(run, spec).start), any_promoted)


def _differences(existing: Any, requested: Any, place: str = "") -> Iterator[str]:
    """Yield the settings in which two specs differ, each with its place and both values."""
    if isinstance(existing, dict) and isinstance(requested, dict):
        for key in {**existing, **requested}:
            yield from _differences(existing.get(key), requested.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(existing, list) and isinstance(requested, list) and len(existing) == len(requested):
        for number, (one, other) in enumerate(zip(existing, requested, strict=True)):
            yield from _differences(one, other, f"{place}.{number}")
    elif existing != requested:
        yield f"{place}: {existing} in the folder, {requested} requested"
