"""`evalsuite train refine`, `review` and `mix`: each is one call into the library, imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.text import visible
from training.model_options import parse_model_args

if TYPE_CHECKING:
    from training.synthesis.refine.label_check import Validator

INCOMPLETE: Final = 1
"""Exit code of a label check that lacks responses."""
NOTHING_KEPT: Final = 1
"""Exit code where no question passed, as `evalsuite train traces` has where it kept no trace."""
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_AT_LEAST_ONE: Final = click.IntRange(1)
_TIERS: Final = click.Choice(["structural", "measured"])
_TIERS_HELP: Final = "Which tier the rows have [default: structural if every question has one]."


@click.command(short_help="Filter questions, and check their labels with a validator.")
@click.argument("questions")
@click.option("--validator", help="backend/model that answers each question [default: only the format filter].")
@click.option("--trials", type=_AT_LEAST_ONE, default=5, show_default=True, help="Independent trials of a question.")
@click.option("--temperature", type=click.FloatRange(0, 100), default=0.7, show_default=True)
@click.option("--max-tokens", type=_AT_LEAST_ONE, help="Token limit of a response, reasoning included.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--thinking", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True)
@click.option("--base-url", "base_urls", multiple=True, help="Address of an OpenAI-compatible server; repeatable.")
@click.option("--model-arg", "model_args", multiple=True, metavar="KEY=VALUE", help="As for evalsuite run; repeatable.")
@click.option("--concurrency", type=_AT_LEAST_ONE, help="Maximum number of requests in flight.")
@click.option("--reject", help="Checks of the audit that reject a row, with commas [default: all but three].")
@click.option("--tiers", type=_TIERS, help=_TIERS_HELP)
@click.option("--licence", help="Licence of the rows of a file; a folder states its own.")
@click.option("--skip-bad", is_flag=True, help="Reject lines that are not JSON instead of stopping there.")
@click.option("--data-dir", type=_FOLDER, envvar="EVALSUITE_DATA", help="Where a task's train items are.")
@click.option("--out", type=_FOLDER, required=True, help="Folder of the result; the same command resumes in it.")
def refine(
    questions: str,
    reject: str | None,
    tiers: Literal["structural", "measured"] | None,
    licence: str | None,
    skip_bad: bool,
    data_dir: Path | None,
    out: Path,
    **validator: Any,
) -> int:
    """Filter QUESTIONS, a folder of evalsuite train synthesize, a file or a task's name, and check their labels.

    A question that the validator never answers right goes to review.jsonl (evalsuite train review), what fails the
    format filter to rejected.jsonl. Exit 1: trials lack a response, and the same command requests them again; or no
    question was kept.
    """
    from training.synthesis.refine.format_filter import REJECTING
    from training.synthesis.refine.question_rows import read_questions
    from training.synthesis.refine.refine import refine as work

    rejecting = REJECTING if reject is None else [name.strip() for name in reject.split(",") if name.strip()]
    source = read_questions(questions, licence, skip_bad, data_dir)
    try:
        found = work(source, out, _validator(**validator), rejecting, tiers, progress=True)
    except KeyboardInterrupt:
        click.echo("stopped; every response is on disk, and the same command requests the others", err=True)
        raise
    for kind in ("rejected", "review", "passed"):
        _echo_counts(kind, found.manifest.made_by.get(kind, {}))
    click.echo(visible(f"{out}: {found.kept:,} kept, {found.review:,} to review, {found.rejected:,} rejected"))
    if found.missing:
        message = f"{found.missing:,} trials have no response; the same command requests them again"
        click.echo(f"evalsuite: {message} [{ErrorCode.RUN_INCOMPLETE}]", err=True)
        return INCOMPLETE
    if not found.kept:
        reviewed = f"; {found.review:,} are to be reviewed: evalsuite train review" if found.review else ""
        click.echo(visible(f"no question was kept, so that nothing can be trained on {out}{reviewed}"), err=True)
        return NOTHING_KEPT
    return 0


def _validator(
    validator: str | None, trials: int, temperature: float, model_args: tuple[str, ...], **settings: Any
) -> Validator | None:
    if validator is None:
        return None
    from training.synthesis.refine.label_check import Validator

    settings["model_args"] = parse_model_args(model_args)
    given = {name: value for name, value in settings.items() if value is not None}
    return Validator(validator, trials, temperature, given)


def _echo_counts(kind: str, counts: dict[str, int]) -> None:
    if counts:
        click.echo(visible(f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))))


@click.command(short_help="Review questions that a validator never answered right.")
@click.argument("folder", type=_FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), default=7576, show_default=True, help="0: any free port.")
@click.option("--apply", "applies", is_flag=True, help="Write the data set that follows from the decisions, to --out.")
@click.option("--tiers", type=_TIERS, help=_TIERS_HELP)
@click.option("--out", type=_FOLDER, help="A new folder, for --apply.")
def review(
    folder: Path, port: int, applies: bool, tiers: Literal["structural", "measured"] | None, out: Path | None
) -> None:
    """Serve a page on this machine that shows each question of FOLDER/review.jsonl and records what reviewers decide.

    Decisions are in FOLDER/decisions.jsonl as soon as they are made. With --apply no page is served: accepted and
    corrected questions join the others in the folder --out, rejected ones are listed with reviewer and reason.
    """
    if applies != (out is not None):
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "--apply and --out belong together: --out names the new folder")
    if out is None:
        _serve(folder, port)
        return
    from training.synthesis.refine.review.apply import apply_decisions

    _, outcome = apply_decisions(folder, out, tiers)
    _echo_counts("review", outcome.counts)
    if outcome.outdated:
        click.echo(f"{outcome.outdated:,} decisions are about other content than is there now; they count for nothing")
    click.echo(visible(f"{out}: {len(outcome.open):,} questions are still to be decided"))


def _serve(folder: Path, port: int) -> None:
    from training.synthesis.refine.review.server import ReviewServer

    with ReviewServer(folder, port) as server:
        if not server.items:
            click.echo(visible(f"{folder}: nothing is to be reviewed"))
            return
        click.echo(visible(f"{len(server.items):,} questions to review; Ctrl-C ends"))
        click.echo(server.address)
        server.serve_forever()


@click.command(short_help="Mix training data of several sources by shares.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE=SHARE...")
@click.option(
    "--n", "count", type=click.IntRange(1, 10**12), help="How many rows [default: as many as the shares allow]."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Other seeds draw other rows.")
@click.option("--allow-short", is_flag=True, help="Take what there is where a source has fewer rows than its share.")
@click.option("--data-dir", type=_FOLDER, envvar="EVALSUITE_DATA", help="Where tasks' train items are.")
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
def mix(
    sources: tuple[str, ...], count: int | None, seed: int, allow_short: bool, data_dir: Path | None, out: Path
) -> None:
    """Draw rows from data folders or tasks, SOURCE=SHARE each, into a folder that a stage can train on.

    A question that two sources have counts for the one that is named first. The manifest and the table say what each
    source was asked for, had and gave.
    """
    from training.synthesis.refine.mix import mix as work
    from training.synthesis.refine.mix import parse_source

    pairs = [parse_source(text) for text in sources]
    shares = dict(pairs)
    if len(shares) < len(pairs):
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, "a source is named twice: add its shares up")
    manifest = work(shares, out, count, seed, allow_short, data_dir)
    for each in manifest.made_by["sources"]:
        reasons = "".join(f", {number:,} {reason}" for reason, number in each["left_out"].items())
        click.echo(
            visible(
                f"{each['name']}: {each['given']:,} of {each['requested']:,} requested; had {each['had']:,}{reasons}"
            )
        )
    click.echo(visible(f"{out}: {manifest.files[0].rows:,} rows"))
