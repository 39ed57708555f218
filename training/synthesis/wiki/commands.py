"""`evalsuite train wiki`: reads a wiki into tables that `--graph` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from evalsuite.util.text import visible

if TYPE_CHECKING:
    from evalsuite.run.spec import RunSpec
    from training.model_requests import Answers

INCOMPLETE: Final = 1
"""Exit code where some passages have no response; 2 is for a reading that can't be made."""


@click.command(short_help="Read a wiki into a graph with the evidence of each edge.")
@click.argument("dump", type=click.Path(path_type=Path))
@click.option("--graph", "graphs", multiple=True, help="A graph whose names are known, too: hpo, a file; repeatable.")
@click.option("--licence", default="", help="Licence of the texts; that of Wikipedia's dumps is known.")
@click.option("--model", help="backend/model that reads the sentences; without it only infoboxes and links are read.")
@click.option("--base-url", multiple=True, help="Address of an OpenAI-compatible server; repeated for replicas.")
@click.option("--model-arg", "model_args", multiple=True, metavar="KEY=VALUE", help="Argument of the backend.")
@click.option("--temperature", type=click.FloatRange(0, 100), default=0.0, show_default=True)
@click.option("--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="Of a reply.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Requests in flight.")
@click.option("--dry-run", is_flag=True, help="Say how many pages, passages and requests there are, and stop.")
@click.option("--skip-bad", is_flag=True, help="Leave out what can't be read, and count it.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder, or one to continue.")
def wiki(
    dump: Path,
    graphs: tuple[str, ...],
    licence: str,
    model: str | None,
    dry_run: bool,
    skip_bad: bool,
    out: Path | None,
    **options: Any,
) -> int:
    """Read DUMP, a MediaWiki XML dump or a folder of articles, into tables of nodes and triples for `--graph`.

    Pages, redirects, infoboxes and links are read as they are. With --model a model reads the sentences: what it states
    counts only with a sentence that holds both names. The same command again sends only requests without a response.
    """
    from evalsuite.errors import ErrorCode, UsageError
    from evalsuite.util.atomic_write import check_writable
    from training.synthesis.wiki.agent import REQUESTS, WikiAgent, WikiSettings, check_folder

    if out is None and not dry_run:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "`out` is missing: name a new folder, or give `dry_run`")
    spec = None if model is None else _spec(model, options)
    if out is not None and not dry_run:
        check_folder(out, spec is not None)
        check_writable(out)
    agent = WikiAgent(WikiSettings(dump, graphs, licence, skip_bad))
    _show(agent.counts(), agent.problems.messages, sum(agent.problems.counts.values()))
    if out is None or dry_run:
        return 0
    read, answers = ([], None) if spec is None else agent.ask(spec, out / REQUESTS, _tell)
    manifest = agent.write(out, read, spec)
    for each in manifest.filters:
        click.echo(f"refused, {each.name}: {each.dropped:,}")
    files = ", ".join(f"{each.rows:,} rows in {each.path}" for each in manifest.files)
    click.echo(f"{out}: {files}")
    return _ended(answers)


def _spec(model: str, options: Mapping[str, Any]) -> RunSpec:
    from evalsuite.errors import ErrorCode, UsageError
    from evalsuite.models.backend import BackendSettings, Decoding
    from training.model_requests import model_spec
    from training.synthesis.wiki.agent import PURPOSE

    pairs = [arg.partition("=") for arg in options["model_args"]]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` {wrong[0]!r}: write it as KEY=VALUE")
    settings = BackendSettings(
        model="",
        decoding=Decoding(options["temperature"], max_tokens=options["max_tokens"], seed=options["seed"]),
        base_urls=options["base_url"],
        concurrency=options["concurrency"],
        model_args={key: value for key, _, value in pairs},
    )
    return model_spec(model, settings, PURPOSE)


def _show(counts: Mapping[str, int], messages: list[str], left_out: int) -> None:
    for name, count in counts.items():
        click.echo(f"{name}: {count:,}")
    if left_out:
        click.echo(f"left out, as it can't be read: {left_out:,}, the first of them:")
        for message in messages[:10]:
            click.echo(f"  {visible(message)}")


def _ended(answers: Answers | None) -> int:
    """Say what was requested, and return the exit code."""
    if answers is None:
        return 0
    click.echo(
        f"requests: {answers.sent:,} sent now, {len(answers.records):,} answered, {len(answers.failed):,} failed"
    )
    if not answers.failed:
        return 0
    reason = visible(next(iter(answers.failed.values())))
    click.echo(f"some requests failed, one with: {reason}; the same command sends them again", err=True)
    return INCOMPLETE


def _tell(line: str) -> None:
    click.echo(visible(line), err=True)
