"""`evalsuite gate`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.analysis.comparability import check_distinct
from evalsuite.analysis.run_result import read_result
from evalsuite.analysis.training_overlap import read_overlaps
from evalsuite.cli.overlap_option import training_overlap_option
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError
from evalsuite.gate import (
    GateDecision,
    GatePolicy,
    RuleCheck,
    junit,
    junit_error,
    markdown,
    markdown_error,
    read_policy,
)
from evalsuite.gate import gate as judge
from evalsuite.gate.policy import MACRO
from evalsuite.util.atomic_write import write_output
from evalsuite.util.format import percent, points
from evalsuite.util.text import visible

_WIDTH = 100
_UNFINISHED = "the gate did not finish"
_STYLE = {"pass": "bold green", "fail": "bold red", "undecided": "bold yellow"}
_COLUMNS = ("task", "n", "baseline", "candidate", "difference [bounds]", "must be", "outcome")


@click.command()
@click.option(
    "--candidate",
    required=True,
    type=click.Path(path_type=Path),
    help="Run of the model to be judged.",
)
@click.option("--baseline", required=True, type=click.Path(path_type=Path), help="Run of the model in use.")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="Policy file, as examples/gate.yaml.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML here.")
@click.option(
    "--markdown", "markdown_file", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown here."
)
@training_overlap_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gate(
    candidate: Path,
    baseline: Path,
    policy_file: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
    training_overlap: tuple[tuple[Path, Path], ...],
    as_json: bool,
) -> int:
    """Say whether a candidate may replace a baseline: exit 0 pass, 1 fail, 3 undecided, 2 unusable input.

    Runs are run folders, or the summary.json in one with grades.parquet beside it. Without a policy no task, nor their
    average, may lose more than the margin that follows from its number of items.
    """
    # A gate that is killed half-way must not leave an old verdict behind.
    _write_both(junit_file, markdown_file, junit_error(_UNFINISHED), markdown_error(_UNFINISHED))
    try:
        policy = read_policy(policy_file) if policy_file else GatePolicy()
        runs = read_result(candidate), read_result(baseline)
        check_distinct(runs)
        decision = judge(*runs, policy, read_overlaps(training_overlap, runs))
    except EvalsuiteError as error:
        _write_both(junit_file, markdown_file, junit_error(str(error)), markdown_error(str(error)))
        if as_json:
            click.echo(json.dumps({"schema": 1, "outcome": "unusable", "exit": 2, "error": str(error)}, indent=2))
        raise
    _write_both(junit_file, markdown_file, junit(decision), markdown(decision))
    if as_json:
        click.echo(json.dumps(decision.to_json(), indent=2))
    else:
        print_decision(decision)
    return decision.exit_code


def print_decision(decision: GateDecision) -> None:
    """Print the rules, the reasons of those that don't pass, and the outcome last."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.width = max(console.width, _WIDTH)
    for name, result in (("candidate", decision.candidate), ("baseline ", decision.baseline)):
        console.print(
            Text(f"{name}  {visible(result.full_model)}", style="bold"), Text(f"  {visible(str(result.path))}")
        )
    console.print(_table(decision), soft_wrap=False, crop=False)
    console.print(
        f"percent and points, {decision.policy.require} parse; bounds: one-sided, 95% each, paired on the items\n",
        style="dim",
    )
    for check in decision.checks:
        if check.outcome != "pass" or check.limit is not None:
            console.print(Text(f"{_name(check)}, {check.rule}: {check.message}"), soft_wrap=False)
    for note in decision.notes:
        console.print(Text(visible(note), style="yellow"))
    headline = Text(decision.outcome.upper(), style=_STYLE[decision.outcome])
    console.print(headline.append(f": {decision.headline}", style="bold"))


def _table(decision: GateDecision) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for column in _COLUMNS:
        left = column in ("task", "outcome")
        table.add_column(Text(column), justify="left" if left else "right", no_wrap=column != "task", overflow="fold")
    for check in decision.checks:
        if check.verdict is not None:
            table.add_row(*_row(check, decision))
    return table


def _row(check: RuleCheck, decision: GateDecision) -> list[str | Text]:
    assert check.verdict is not None, "a row is about a difference"
    verdict = check.verdict
    task = next((each for each in decision.tasks if each.task == check.task), None)
    numbers = ["", "", ""]
    if task is not None:
        count = str(task.n) if task.samples == 1 else f"{task.n} x {task.samples}"
        numbers = [count, percent(task.baseline), percent(task.candidate)]
    difference = f"{points(verdict.value)} [{points(verdict.low):>5}, {points(verdict.high):>5}]"
    outcome = Text(check.outcome, style=_STYLE[check.outcome])
    # `0 - margin`, so that a required gain above 0 is +0.0 and not −0.0.
    return [_name(check), *numbers, difference, f"> {points(0 - verdict.margin)}", outcome]


def _name(check: RuleCheck) -> str:
    return "macro average" if check.task == MACRO else visible(check.task)


def _write_both(junit_file: Path | None, markdown_file: Path | None, xml: bytes, text: str) -> None:
    for path, content in ((junit_file, xml), (markdown_file, text.encode("utf-8", "replace"))):
        if path is None:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_output(path, content)
        except OSError as error:
            raise RunError(
                ErrorCode.OUTPUT_NOT_WRITABLE, f"{path}: can't be written: {error.strerror or error}"
            ) from None
