"""The command `evalsuite baselines`: list published scores, and check them for inconsistencies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.published import PublishedDocument, ReportedValue, documents, find_values
from evalsuite.tasks.registry import load_task
from evalsuite.util.format import percent
from evalsuite.util.text import visible


@click.group(invoke_without_command=True, subcommand_metavar="[check [FILE...]]")
@click.option("--task", help="Only values that may be about this task.")
@click.option("--lineage", help="Only values of one lineage: two lineages never share a column.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def baselines(ctx: click.Context, /, task: str | None, lineage: str | None, as_json: bool) -> None:
    """List published scores with their sources, or check them for inconsistencies. None was measured here."""
    if ctx.invoked_subcommand is not None:
        if task or lineage or as_json:
            message = f"options go behind the command: evalsuite baselines {ctx.invoked_subcommand} --json"
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
        return
    if task is not None:
        load_task(task)
    chosen = find_values(task, lineage)
    if as_json:
        click.echo(json.dumps([_facts(reported) for reported in chosen], indent=2, ensure_ascii=False))
        return
    _print_values(chosen)
    if task is None and lineage is None:
        _print_claims(documents())


@baselines.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check published tables for inconsistencies, from their values alone.

    Inconsistencies are facts about the documents: the exit code is 0. A file that can't be read exits with 2.
    """
    from evalsuite.published.consistency import check as check_documents

    read = documents(files)
    findings = check_documents(read)
    count = sum(len(document.reported_values()) for document in read)
    if as_json:
        content: dict[str, Any] = {"documents": [document.name for document in read], "values": count}
        content["findings"] = [finding.model_dump(mode="json") for finding in findings]
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for finding in findings:
        click.secho(visible(f"{finding.document}: {finding.where}"), bold=True)
        click.echo(visible(f"  {finding.kind}: {finding.what}"))
        for line in finding.arithmetic:
            click.secho(visible(f"    {line}"), dim=True)
    click.echo(f"{count} published scores in {len(read)} documents: {len(findings) or 'no'} findings")


def _facts(reported: ReportedValue) -> dict[str, Any]:
    estimate = reported.estimate
    interval = {"low": estimate.low, "high": estimate.high} if estimate else None
    return {**reported.model_dump(mode="json"), "value": reported.value, "n": reported.n, "interval": interval}


def _print_values(chosen: tuple[ReportedValue, ...]) -> None:
    rows = [(v.lineage, v.task or v.benchmark, v.name, v.printed, _interval(v), _source(v)) for v in chosen]
    heads = ("lineage", "task", "model", "%", "[95%] of n", "source")
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads) - 1)]
    for head, row in [(True, heads), *((False, row) for row in rows)]:
        cells = [
            cell.rjust(width) if i == 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, [*widths, 0], strict=True))
        ]
        click.secho(visible("  ".join(cells)), bold=head)
    click.echo(f"{len(rows)} published scores, none of them measured here; baselines check finds inconsistencies")


def _interval(reported: ReportedValue) -> str:
    estimate = reported.estimate
    if estimate is None:
        return reported.metric if reported.metric != "accuracy" else "n unknown"
    return f"[{percent(estimate.low)}, {percent(estimate.high)}] of {reported.n:,}"


def _source(reported: ReportedValue) -> str:
    quoted = " (quoted)" if reported.seen == "quoted" else ""
    return f"{reported.document}{quoted}: {reported.locator}"


def _print_claims(read: tuple[PublishedDocument, ...]) -> None:
    click.echo("\nSystems without a value:")
    for document in read:
        for claim in document.claims:
            click.echo(visible(f"{claim.model}: {claim.text} ({document.name}: {claim.at})"))
