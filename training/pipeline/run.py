"""Stage after stage: train, evaluate, gate, promote; what a kill leaves behind is gone on with where it stopped.

Every step leaves its outcome on disk before the next begins, and a step that finds its outcome there is not done
again: so the way through a run is the same whether it is begun or resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from evalsuite.errors import RunError, UsageError
from training.checks.preflight import REPORT
from training.child_process import ChildExit, call, environment, launched
from training.data.manifest import Manifest, read_manifest
from training.pipeline import worker
from training.pipeline.progress import watch
from training.pipeline.reuse import reusable_stages, reuse_stages
from training.promotion.diagnosis import cause_of, no_valid_answer
from training.promotion.evaluate import evaluate
from training.promotion.last_promoted import last_promoted, made_by
from training.promotion.verdict import PromotionVerdict, clear, judge, settle, verdict_of
from training.recipe import Stage
from training.report import write_report
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import FILE, ReusedStages, TrainingSpec, data_of, now, read_spec, reused_from, write_spec
from training.stages import checkpoints

LOG: Final = "log.txt"
"""What a stage's processes wrote."""
Tell = Callable[[str], None]


class PipelineResult(NamedTuple):
    """How a run ended."""

    refused: StageFolder | None
    """The stage that was refused; None: all are promoted."""
    said: str
    good: str
    """The last good model."""


def begin(spec: TrainingSpec, run: TrainingFolder, source: TrainingFolder | None) -> None:
    """Make a run's folder what was asked; one that holds another run is a `UsageError`.

    `source`: a run whose promoted stages are to be taken over, as far as they are alike.
    """
    if not (run.path / FILE).exists():
        stages = [] if source is None else reusable_stages(source, run, spec)
        names = [str(stage.path.relative_to(stage.path.parents[1])) for stage in stages]
        write_spec(run, spec, None if source is None else ReusedStages(source.path, names))
        return
    there, taken = read_spec(run), reused_from(run)
    differs = None if there == spec else _differs(there, spec)
    if differs is None and source is not None and (taken is None or taken.run != source.path):
        differs = f"begun from {taken.run if taken else 'none'} there, {source.path} here"
    if differs is not None:
        raise UsageError(
            f"{run.path}: holds another run ({differs}); choose another --out; --reuse-from {run.path} copies "
            "the stages that are promoted there"
        )


def refuse_foreign(run: TrainingFolder) -> None:
    """Refuse a folder that holds something else than a run, before anything is written there."""
    try:
        there = {entry.name for entry in run.path.iterdir()} if run.path.is_dir() else {FILE}
    except OSError as error:
        raise UsageError(f"{run.path}: can't be read: {error.strerror or error}") from None
    if run.path.is_file() or (there and not there & {FILE, ".lock"}):
        raise UsageError(f"{run.path}: not empty and not a training run; choose another --out")


def go(run: TrainingFolder, tell: Tell) -> PipelineResult:
    """Go through the stages from where the run stands, to its end or to the first that is refused."""
    spec = read_spec(run)
    reuse_stages(run, spec, tell)
    make_world(run, spec, tell)
    for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True):
        verdict = _Step(run, spec, stage, folder, tell).go()
        write_report(run, spec)
        if not verdict.promoted:
            return PipelineResult(folder, verdict.said, _good(run, spec))
    return PipelineResult(None, "", _good(run, spec))


def make_world(run: TrainingFolder, spec: TrainingSpec, tell: Tell) -> None:
    """Make the data of a recipe that has a world; the folder appears as a whole."""
    if spec.recipe.world is None or run.data.is_dir():
        return
    tell(f"making {spec.recipe.world.generator}, seed {spec.recipe.world.seed}")
    log = run.path / LOG
    ended = call([worker.MODULE, "world", str(run.path)], environment(spec.recipe), log)
    if ended.code:
        raise RunError(f"{spec.recipe.world.generator}: {ended.said}")


class _Step:
    """One stage of a run."""

    def __init__(self, run: TrainingFolder, spec: TrainingSpec, stage: Stage, folder: StageFolder, tell: Tell) -> None:
        self.run, self.spec, self.stage, self.folder = run, spec, stage, folder
        self.log = folder.path / LOG
        self._tell = tell

    def tell(self, what: str) -> None:
        self._tell(f"{self.folder.path.name}: {what}")

    def go(self) -> PromotionVerdict:
        """Take the stage to its end from the state that it is in."""
        if self.folder.state in ("promoted", "refused"):
            return self._ended()
        manifest = read_manifest(data_of(self.run, self.spec) / self.stage.data.folder)
        self._hold(manifest)
        if self.folder.state == "new":
            reason = self._inspect(manifest)
            if reason is not None:
                return PromotionVerdict(False, reason)
        if self.folder.state == "training":
            self._train()
        if self.folder.state == "trained":
            self._judge()
        return self._ended()

    def _ended(self) -> PromotionVerdict:
        verdict = verdict_of(self.folder)
        if verdict.promoted:
            clear(self.folder)
            self.tell(f"promoted: {verdict.said}")
        return verdict

    def _hold(self, manifest: Manifest) -> None:
        """Hold a stage that has begun to its data: what was changed since is looked at again, or is a `RunError`."""
        if self.folder.state == "new" or self.folder.read("manifest.json") == manifest.to_json():
            return
        if self.folder.model.is_dir() or checkpoints.latest(self.folder.checkpoints) is not None:
            raise RunError(f"{self.folder.path}: its data is not what it began with: put that back, or begin a new run")
        self.folder.note(state="new")

    def _inspect(self, manifest: Manifest) -> str | None:
        """Let the stage begin, or say why it may not: that is not for good, for its data can be mended."""
        self.tell("preflight")
        self.folder.write("manifest.json", manifest.to_json())
        (self.folder.path / REPORT).unlink(missing_ok=True)
        ended = self._work([worker.MODULE, "preflight", str(self.run.path), self.stage.name])
        refusals = self.folder.read(REPORT).get("refusals")
        if refusals:
            more = f" (and {len(refusals) - 1} more: {self.folder.path / REPORT})" if len(refusals) > 1 else ""
            return f"{refusals[0]}{more}"
        self._demand(ended)
        self.folder.note(state="training", settings=self.stage.model_dump(mode="json"), begun=now())
        return None

    def _train(self) -> None:
        """Train to the end, or to the reason that the stage itself gives why it can't be promoted."""
        if self._refusal is None:
            self.tell("training")
            module = [worker.MODULE, "stage", str(self.run.path), self.stage.name]
            with watch(self.folder):
                ended = self._work(launched(module, self.spec.recipe.hardware))
            if self._refusal is None:
                self._demand(ended)
                return
        settle(self.run, self.folder, None, self._refusal)

    @property
    def _refusal(self) -> str | None:
        refusal: str | None = self.folder.read("stage.json").get("refusal")
        return refusal

    def _work(self, module: Sequence[str]) -> ChildExit:
        return call(module, environment(self.spec.recipe, self.run.tasks), self.log)

    def _demand(self, ended: ChildExit) -> None:
        """Raise where a process of the stage has failed."""
        if ended.code:
            raise RunError(f"{self.folder.path.name}: {ended.said}")

    def _judge(self) -> None:
        made = made_by(self.run, self.spec, self.folder)
        before = last_promoted(self.run, self.spec, self.folder)
        self.tell("evaluating what it made")
        candidate = evaluate(self.run, self.spec, made, self.stage.evaluation, self.log)
        self.tell("evaluating the last good model")
        baseline = evaluate(self.run, self.spec, before, self.stage.evaluation, self.log)
        decision = judge(candidate, baseline, self.stage)
        if decision.exit_code == 0:
            cause = no_valid_answer(candidate)
        else:
            cause = cause_of(self.stage, self.folder, decision, self.spec.control)
        settle(self.run, self.folder, decision, cause)


def _good(run: TrainingFolder, spec: TrainingSpec) -> str:
    return str(last_promoted(run, spec).start)


def _differs(there: TrainingSpec, here: TrainingSpec) -> str:
    """The first setting that two runs don't share."""
    return next(_differences(there.to_json(), here.to_json()))


def _differences(there: Any, here: Any, place: str = "") -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in {**there, **here}:
            yield from _differences(there.get(key), here.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for number, (one, other) in enumerate(zip(there, here, strict=True)):
            yield from _differences(one, other, f"{place}.{number}")
    elif there != here:
        yield f"{place}: {there} there, {here} here"
