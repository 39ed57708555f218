"""`evalsuite train corpus`: one call into the library, imported when the command is called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from evalsuite.util.text import visible

if TYPE_CHECKING:
    from training.data.manifest import Manifest

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Make a corpus from public sources, or plan it.")
@click.argument("config")
@click.option("--inputs", type=_FOLDER, help="Folder with the sources' files [default: that of the file CONFIG].")
@click.option("--out", type=_FOLDER, help="Folder of the corpus; the same command resumes in it.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes of this machine, in the place of CONFIG's.")
@click.option("--skip-bad", is_flag=True, help="Leave out what can't be read of a file, and count it.")
@click.option("--plan", is_flag=True, help="Only say what it needs: files, bytes, tokens, hours and disk.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def corpus(
    config: str,
    inputs: Path | None,
    out: Path | None,
    workers: int | None,
    skip_bad: bool,
    plan: bool,
    as_json: bool,
) -> None:
    """Make a corpus by CONFIG, a YAML file or a name: read, clean, remove duplicates, count tokens, mix, write shards.

    The folder is one that a pretrain stage takes. Each document that was left out stands in dropped.parquet with its
    reason, and twenty examples of each reason in examples.json.
    """
    from training.corpora.config import read_config
    from training.corpora.job import make_job, refuse_unknown_readers
    from training.corpora.run import run

    settings = read_config(config)
    refuse_unknown_readers(settings)
    if workers is not None:
        settings = settings.with_workers(workers)
    # A configuration of the package has no inputs beside it.
    folder = inputs or (Path(config).parent if Path(config).is_file() else Path())
    if plan:
        from training.corpora.plan import make_plan, print_plan

        result = make_plan(settings, folder)
        click.echo(json.dumps(result.to_json(), indent=2)) if as_json else print_plan(result)
        return
    if out is None:
        raise click.UsageError("--out is needed: the folder of the corpus")
    job = make_job(settings, folder, out, skip_bad)
    try:
        manifest = run(job, _report)
    except KeyboardInterrupt:
        _report("stopped; every finished task is on disk, and the same command goes on from there")
        raise
    _print_result(out, manifest)


def _report(message: str) -> None:
    print(visible(message), file=sys.stderr, flush=True)  # messages quote file names


def _print_result(out: Path, manifest: Manifest) -> None:
    for each in manifest.filters:
        click.echo(visible(f"{each.name}: {each.dropped:,} dropped, {each.kept:,} left"))
    for name, counts in manifest.made_by["by_source"].items():
        click.echo(visible(f"{name}: {counts['documents']:,} documents, {counts['tokens']:,} tokens"))
    recall = manifest.made_by["duplicates"]["recall_at_threshold"]
    if recall["pairs"]:
        click.echo(f"recall of near duplicates at the threshold: {recall['found']:,} of {recall['pairs']:,}")
    shards = manifest.split_files("train")
    click.echo(visible(f"{out}: {manifest.tokens:,} tokens in {len(shards):,} shards"))
