"""`evalsuite train wiki`: reads a wiki into tables that `--graph` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalsuite.util.text import visible
from training.model_options import INCOMPLETE, ModelOptions, model_options, tell

if TYPE_CHECKING:
    from training.model_requests import Answers


@click.command(short_help="Read a wiki into a graph with the evidence of each edge.")
@click.argument("dump", type=click.Path(path_type=Path))
@click.option("--graph", "graphs", multiple=True, help="A graph whose names are known, too: hpo, a file; repeatable.")
@click.option("--licence", default="", help="Licence of the texts; that of Wikipedia's dumps is known.")
@click.option("--model", help="backend/model that reads the sentences; without it only infoboxes and links are read.")
@model_options
@click.option("--seed", type=int, default=0, show_default=True, help="Of the model.")
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
    seed: int,
    **options: Any,
) -> int:
    """Read DUMP, a MediaWiki XML dump or a folder of articles, into tables of nodes and triples for `--graph`.

    Pages, redirects, infoboxes and links are read as they are. With --model a model reads the sentences: what it states
    counts only with a sentence that holds both names. The same command again sends only requests without a response.
    """
    from evalsuite.errors import ErrorCode, UsageError
    from evalsuite.util.atomic_write import check_writable
    from evalsuite.util.regular_file import links_in
    from training.synthesis.wiki.agent import PURPOSE, REQUESTS, WikiAgent, WikiSettings, check_folder

    if out is None and not dry_run:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "`out` is missing: name a new folder, or give `dry_run`")
    spec = None if model is None else ModelOptions(**options).spec(model, seed, PURPOSE)
    if out is not None and not dry_run:
        check_folder(out, spec is not None)
        check_writable(out)
    for link in links_in(dump) if dump.is_dir() else ():
        tell(f"a link, which is not followed: {link}")
    agent = WikiAgent(WikiSettings(dump, graphs, licence, skip_bad))
    _show(agent.counts(), agent.problems.messages, sum(agent.problems.counts.values()))
    if out is None or dry_run:
        return 0
    read, answers = ([], None) if spec is None else agent.ask(spec, out / REQUESTS, tell)
    manifest = agent.write(out, read, spec)
    for each in manifest.filters:
        click.echo(f"refused, {each.name}: {each.dropped:,}")
    files = ", ".join(f"{each.rows:,} rows in {each.path}" for each in manifest.files)
    click.echo(f"{out}: {files}")
    return _ended(answers)


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
