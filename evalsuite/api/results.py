"""What is done with finished runs: comparing, gating, reporting, and importing logs of other harnesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

from evalsuite.analysis import compare as comparing
from evalsuite.analysis import regrade as regrading
from evalsuite.analysis.comparability import check_distinct, pair
from evalsuite.analysis.compare import Comparison
from evalsuite.analysis.regrade import Regraded
from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.analysis.training_overlap import read_overlaps
from evalsuite.api.run import RUN, Run, RunLike, read_run
from evalsuite.gate import decision
from evalsuite.gate.decision import GateDecision
from evalsuite.gate.policy import GatePolicy, policy_of, read_policy
from evalsuite.run.execute import RUNS
from evalsuite.run.summary_schema import ParseMode
from evalsuite.util.arguments import (
    NAMES,
    PATH,
    TEXT,
    ArgumentType,
    check_arguments,
    instance_of,
    names_of,
    one_of,
    optional,
)

_PARSE_MODE: Final = one_of(get_args(ParseMode))
_POLICY: Final = optional(instance_of(GatePolicy | Mapping | str | Path, "a path, a mapping or a GatePolicy"))
TrainingOverlaps = Mapping[str | Path, str | Path]
"""By the folder of a run: the overlap.json of its model's training data."""
_OVERLAPS: Final = optional(
    ArgumentType(
        lambda value: isinstance(value, Mapping) and all(PATH.accepts(part) for pair in value.items() for part in pair),
        "a mapping from run folders to overlap.json files",
    )
)
_COMPARE_TYPES: Final = {
    "tasks": NAMES,
    "allow": NAMES,
    "parse_mode": _PARSE_MODE,
    "a": RUN,
    "b": RUN,
    "training_overlap": _OVERLAPS,
    "clean": instance_of(bool, "True or False"),
}
_REPORT_TYPES: Final = {
    "runs": instance_of(RunLike | Sequence, "a run or a list of runs"),
    "out": PATH,
    "stages": NAMES,
    "allow": NAMES,
    "data_dir": optional(PATH),
    "parse_mode": _PARSE_MODE,
    "training_overlap": _OVERLAPS,
}
_IMPORT_TYPES: Final = {
    "path": ArgumentType(
        lambda value: (
            PATH.accepts(value) or (isinstance(value, Sequence) and len(value) > 0 and all(map(PATH.accepts, value)))
        ),
        "a path or a list of paths",
    ),
    "out": optional(PATH),
    "task": optional(TEXT),
    "answer_format": optional(TEXT),
    "metrics": NAMES,
    "data_dir": optional(PATH),
}


def compare(
    a: RunLike,
    b: RunLike,
    *,
    tasks: Sequence[str] = (),
    allow: Sequence[str] = (),
    parse_mode: ParseMode = "strict",
    training_overlap: TrainingOverlaps | None = None,
    clean: bool = False,
) -> Comparison:
    """Compare two runs on the same items: paired differences A - B, with intervals and exact tests.

    `tasks` restricts the comparison; `allow` names settings in which the runs may differ, which is a `RunError`
    otherwise; `parse_mode` is "strict" or "lenient". `training_overlap` has, by run, the overlap.json of its model's
    training data; with `clean` only the items count that none of these has.
    """
    check_arguments(_COMPARE_TYPES, locals())
    runs = _result(a), _result(b)
    check_distinct(runs)
    overlaps = read_overlaps(_named(training_overlap), runs)
    return comparing.compare(pair(*runs, names_of(tasks), names_of(allow)), parse_mode, overlaps, clean)


def gate(
    candidate: RunLike,
    baseline: RunLike,
    policy: GatePolicy | Mapping[str, Any] | str | Path | None = None,
    *,
    training_overlap: TrainingOverlaps | None = None,
) -> GateDecision:
    """Decide whether a candidate may replace a baseline: pass, fail or undecided.

    `policy` is the path of a policy file, its content as a mapping, or a `GatePolicy`; None is the default policy.
    `training_overlap` is that of `compare`; a policy with `clean: true` requires the candidate's.
    """
    check_arguments({"policy": _POLICY, "candidate": RUN, "baseline": RUN, "training_overlap": _OVERLAPS}, locals())
    if policy is None:
        rules = GatePolicy()
    elif isinstance(policy, str | Path):
        rules = read_policy(Path(policy))
    else:
        rules = policy if isinstance(policy, GatePolicy) else policy_of(policy)
    runs = _result(candidate), _result(baseline)
    check_distinct(runs)
    return decision.gate(*runs, rules, read_overlaps(_named(training_overlap), runs))


def _named(overlaps: TrainingOverlaps | None) -> list[tuple[Path, Path]]:
    return [(Path(run), Path(file)) for run, file in (overlaps or {}).items()]


def regrade(run: RunLike, data_dir: str | Path | None = None) -> Regraded:
    """Grade a run's stored responses again with the present parser; return what changed. No request is sent.

    The previous grades and summary are stored beside the new ones, under the previous parser's name. `data_dir` is
    where the questions are, if not where the run had them from.
    """
    check_arguments({"run": RUN, "data_dir": optional(PATH)}, locals())
    path = run.path if isinstance(run, Run | RunResult) else Path(run)
    return regrading.regrade(path, None if data_dir is None else Path(data_dir))


def report(
    runs: RunLike | Sequence[RunLike],
    out: str | Path,
    *,
    stages: Sequence[str] = (),
    allow: Sequence[str] = (),
    data_dir: str | Path | None = None,
    parse_mode: ParseMode = "strict",
    training_overlap: TrainingOverlaps | None = None,
) -> tuple[Path, ...]:
    """Write a leaderboard and an HTML report of runs into the folder `out`; return the files, report.html first.

    `stages` names the first runs as stages of training, in their order; `allow`, `parse_mode` and `training_overlap`
    are those of `compare`; `data_dir` is where the questions are, if not where the runs had them from.
    """
    from evalsuite.report import write_report

    check_arguments(_REPORT_TYPES, locals())
    listed = [runs] if isinstance(runs, RunLike) else list(runs)
    for run in listed:
        check_arguments({"runs": RUN}, {"runs": run})
    paths = [_result(run).path for run in listed]
    folder = None if data_dir is None else Path(data_dir)
    overlaps = _named(training_overlap)
    return write_report(paths, Path(out), names_of(stages), names_of(allow), folder, parse_mode, overlaps)


def import_log(
    path: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    task: str | None = None,
    answer_format: str | None = None,
    metrics: Sequence[str] = (),
    data_dir: str | Path | None = None,
) -> Run:
    """Turn logs of lm-eval or inspect-ai into a run, written to `out` or else below `runs/imported`.

    Several paths are one run: of one model, each task once. `task` names the task that they are about, which is
    otherwise found by content, `answer_format` the format that their prompts requested, `metrics` the harness's scores
    that count where there are several.
    """
    from evalsuite.interop.import_logs import import_logs

    check_arguments(_IMPORT_TYPES, locals())
    sources = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    start = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    folder = RUNS / "imported" / start if out is None else Path(out)
    import_logs(sources, folder, task, answer_format, names_of(metrics), None if data_dir is None else Path(data_dir))
    return read_run(folder)


def _result(run: RunLike) -> RunResult:
    if isinstance(run, Run):
        return run.result
    result = run if isinstance(run, RunResult) else read_result(Path(run))
    result.check_responses()  # the grades are those of the responses in the folder
    return result
