"""`evalsuite baselines`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from evalsuite.errors import UsageError
from evalsuite.published import PublishedDocument, ReportedValue, documents, figures
from evalsuite.tasks.registry import load_task


@click.group(invoke_without_command=True, subcommand_metavar="[check [FILE...]]")
@click.option("--task", help="Only numbers that may be about this task.")
@click.option("--lineage", help="Only numbers of one lineage: two lineages never share a column.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def baselines(ctx: click.Context, /, task: str | None, lineage: str | None, as_json: bool) -> None:
    """List published numbers with their sources, or find what is wrong with them. None was measured here."""
    if ctx.invoked_subcommand is not None:
        if task or lineage or as_json:
            raise UsageError(f"options go behind the command: evalsuite baselines {ctx.invoked_subcommand} --json")
        return
    if task is not None:
        load_task(task)
    chosen = figures(task, lineage)
    if as_json:
        click.echo(json.dumps([_facts(figure) for figure in chosen], indent=2, ensure_ascii=False))
        return
    _print_figures(chosen)
    if task is None and lineage is None:
        _print_claims(documents())


@baselines.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Find what is wrong with published tables, from their values alone.

    Findings are facts about the world: they leave the exit code 0. A file that can't be read exits with 2.
    """
    from evalsuite.published.consistency import check as find

    read = documents(files)
    findings = find(read)
    count = sum(len(document.figures()) for document in read)
    if as_json:
        content: dict[str, Any] = {"documents": [document.name for document in read], "figures": count}
        content["findings"] = [finding.model_dump(mode="json") for finding in findings]
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for finding in findings:
        click.secho(f"{finding.document}: {finding.where}", bold=True)
        click.echo(f"  {finding.kind}: {finding.what}")
        for line in finding.arithmetic:
            click.secho(f"    {line}", dim=True)
    click.echo(f"{count} published numbers in {len(read)} documents: {len(findings) or 'no'} findings")


def _facts(figure: ReportedValue) -> dict[str, Any]:
    estimate = figure.estimate
    interval = {"low": estimate.low, "high": estimate.high} if estimate else None
    return {**figure.model_dump(mode="json"), "value": figure.value, "n": figure.n, "interval": interval}


def _print_figures(chosen: tuple[ReportedValue, ...]) -> None:
    rows = [(f.lineage, f.task or f.benchmark, f.name, f.printed, _interval(f), _source(f)) for f in chosen]
    heads = ("lineage", "task", "model", "%", "[95%] of n", "source")
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads) - 1)]
    for head, row in [(True, heads), *((False, row) for row in rows)]:
        cells = [
            cell.rjust(width) if i == 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, [*widths, 0], strict=True))
        ]
        click.secho("  ".join(cells), bold=head)
    click.echo(
        f"{len(rows)} published numbers, none of them measured here; baselines check says what is wrong with them"
    )


def _interval(figure: ReportedValue) -> str:
    estimate = figure.estimate
    if estimate is None:
        return figure.metric if figure.metric != "accuracy" else "n unknown"
    return f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}] of {figure.n:,}"


def _source(figure: ReportedValue) -> str:
    quoted = " (quoted)" if figure.seen == "quoted" else ""
    return f"{figure.document}{quoted}: {figure.locator}"


def _print_claims(read: tuple[PublishedDocument, ...]) -> None:
    click.echo("\nNamed without a number:")
    for document in read:
        for claim in document.claims:
            click.echo(f"{claim.model}: {claim.text} ({document.name}: {claim.at})")
