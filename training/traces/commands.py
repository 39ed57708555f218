"""`evalsuite train traces`: one call into the library, which is imported when the command is called."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from evalsuite.util.text import visible
from training.model_options import INCOMPLETE, parse_model_args, tell

if TYPE_CHECKING:
    from evalsuite.run.spec import RunSpec
    from training.traces.attempts import Band, TraceSettings
    from training.traces.meter import Meter
    from training.traces.run import Traces

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_AT_LEAST_ONE: Final = click.IntRange(1)


@click.command(short_help="Have a teacher write reasoning traces for an sft stage.")
@click.argument("questions")
@click.option("--teacher", required=True, help="backend/model that writes the traces.")
@click.option("--mode", type=click.Choice(["question", "resample", "gold"]), default="question", show_default=True)
@click.option("--samples", type=_AT_LEAST_ONE, help="Most tries of a question [default: 1; resample: 8].")
@click.option("--band", metavar="LOW..HIGH", help="Keep questions whose share of right tries is in the band.")
@click.option("--refine", type=click.IntRange(0, 100), default=0, help="Rounds of refinement for what fails.")
@click.option("--strategies", help="Of refinement, with commas [default: all three in turn].")
@click.option("--temperature", type=click.FloatRange(0, 100), help="[default: 0; resample: 0.7]")
@click.option("--max-tokens", type=_AT_LEAST_ONE, default=8192, show_default=True, help="Of a response.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--thinking", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True)
@click.option("--base-url", multiple=True, help="Address of an OpenAI-compatible server; repeated for replicas.")
@click.option("--model-arg", "model_args", multiple=True, metavar="KEY=VALUE", help="Argument of the backend.")
@click.option("--concurrency", type=_AT_LEAST_ONE, default=64, show_default=True, help="Requests in flight.")
@click.option("--student", default="think", show_default=True, help="Reasoning marks of the student; none: no marks.")
@click.option("--opens-reasoning", is_flag=True, help="The student's chat template opens the reasoning in the prompt.")
@click.option("--format", "answer_format", help="Answer format [default: the task's].")
@click.option("--filters", type=_FILE, help="YAML file with the settings of the filters.")
@click.option("--prices", type=_FILE, help="YAML file with prices of a million tokens by model.")
@click.option("--budget", help="Most that may be spent: '20 USD', '500k tokens'; a higher one goes on later.")
@click.option(
    "--dry-run", is_flag=True, help="Say how many items, tokens, hours and how much money, and request nothing."
)
@click.option("--limit", type=_AT_LEAST_ONE, help="Only the first so many questions.")
@click.option("--licence", help="Licence of the rows of a file; a folder and a task state their own.")
@click.option("--data-dir", type=_FOLDER, envvar="EVALSUITE_DATA", help="Where a task's train items are.")
@click.option("--out", type=_FOLDER, help="A new folder, or one to continue.")
def traces(
    questions: str,
    answer_format: str | None,
    filters: Path | None,
    limit: int | None,
    licence: str | None,
    data_dir: Path | None,
    prices: Path | None,
    budget: str | None,
    dry_run: bool,
    out: Path | None,
    **options: Any,
) -> int:
    """Have a teacher reason through QUESTIONS: a task's train items, a folder of train synthesize or refine, a file.

    A trace is kept if its strict answer is the gold label and no filter finds a fault; each other is written with its
    reason. The same command again requests only what has no response. Exit 1: responses are missing.
    """
    from evalsuite.errors import ErrorCode, UsageError
    from evalsuite.util.atomic_write import check_writable
    from training.traces.filter_file import read_filters
    from training.traces.forecast import forecast
    from training.traces.questions import questions_from
    from training.traces.run import make_traces
    from training.traces.student import student_of
    from training.traces.trace_folder import REQUESTS, claim

    if out is None and not dry_run:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "`out` is missing: name a new folder, or give `dry_run`")
    settings = _settings(options)
    spec = _spec(settings.mode, options)
    settings.check(spec.settings.decoding.temperature)
    found = questions_from(questions, answer_format, licence, limit, data_dir)
    for name, count in found.test_items_of.items():
        tell(f"{count:,} of these items are test items of {name}: don't evaluate what is trained on them by it")
    student = student_of(options["student"], found.format, options["opens_reasoning"])
    applied, meter = read_filters(filters), _meter(spec, prices, budget)
    if out is not None:
        claim(out)
    if out is None or dry_run:
        expected = forecast(found, spec, settings, meter, None if out is None else out / REQUESTS)
        click.echo("\n".join(expected.lines()))
        return 0
    check_writable(out)
    return _ended(make_traces(found, spec, settings, applied, student, out, tell, meter), out)


def _meter(spec: RunSpec, prices: Path | None, budget: str | None) -> Meter:
    from training.traces.meter import Meter
    from training.traces.prices import parse_budget, read_tariff

    tariff = None if prices is None else read_tariff(prices, spec.model)
    limit = None if budget is None else parse_budget(budget, tariff)
    return Meter(spec.settings.decoding.max_tokens, tariff, limit)


def _settings(options: dict[str, Any]) -> TraceSettings:
    from training.traces.attempts import TRIES, TraceSettings
    from training.traces.teacher_prompts import STRATEGIES

    mode, named = options["mode"], options["strategies"]
    strategies = tuple(STRATEGIES) if named is None else tuple(name.strip() for name in named.split(","))
    band = None if options["band"] is None else _band(options["band"])
    return TraceSettings(mode, options["samples"] or TRIES[mode], band, options["refine"], strategies)


def _band(text: str) -> Band:
    from evalsuite.errors import ErrorCode, UsageError
    from training.traces.attempts import Band

    low, dots, high = text.partition("..")
    try:
        band = Band(float(low), float(high))
    except ValueError:
        band = Band(1, 0)
    if not dots or not 0 <= band.low <= band.high <= 1:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`band` {text!r}: write it as 0.1..0.7, from 0 to 1")
    return band


def _spec(mode: Literal["question", "resample", "gold"], options: dict[str, Any]) -> RunSpec:
    from evalsuite.models.backend import BackendSettings, Decoding
    from training.model_requests import model_spec
    from training.traces.attempts import TEMPERATURES
    from training.traces.run import PURPOSE

    given = options["temperature"]
    temperature = TEMPERATURES[mode] if given is None else given
    settings = BackendSettings(
        model="",
        decoding=Decoding(
            temperature, max_tokens=options["max_tokens"], seed=options["seed"], thinking=options["thinking"]
        ),
        base_urls=options["base_url"],
        concurrency=options["concurrency"],
        model_args=parse_model_args(options["model_args"]),
    )
    return model_spec(options["teacher"], settings, PURPOSE)


def _ended(made: Traces, out: Path) -> int:
    """Say what was made, and return the exit code."""
    answers = made.answers
    click.echo(
        f"requests: {answers.sent:,} sent now, {len(answers.records):,} answered, {len(answers.failed):,} failed"
    )
    reasons = Counter(
        attempt.verdict.reason for each in made.outcomes for attempt in each.attempts if attempt.verdict is not None
    )
    reasons += Counter(each.verdict.reason for each in made.outcomes if each.verdict is not None)
    if reasons:
        click.echo("discarded: " + ", ".join(f"{name} {count:,}" for name, count in sorted(reasons.items())))
    usage = made.meter.to_json()
    cost = f", {usage['cost']} {usage['currency']}" if "cost" in usage else ""
    click.echo(f"spent: {usage['input_tokens']:,} tokens of prompts, {usage['output_tokens']:,} of responses{cost}")
    click.echo(visible(f"{out}: {made.kept:,} traces of {len(made.outcomes):,} questions"))
    if answers.withheld:
        message = (
            f"the budget is spent: {answers.withheld:,} requests were not sent; the same command with a higher one"
        )
        click.echo(f"{message} goes on", err=True)
    elif made.pending:
        message = f"{made.pending:,} questions lack a response; the same command requests them again"
        click.echo(message, err=True)
    elif not made.kept:
        click.echo("no trace was kept: there is nothing to train on", err=True)
    return INCOMPLETE if made.pending or not made.kept else 0
