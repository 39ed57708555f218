"""`evalsuite import`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(name="import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run; it must not exist.")
@click.option("--task", help="Our task that the logs are about [default: found by what the questions say].")
@click.option("--format", "answer_format", help="Answer format that their prompts asked for.")
@click.option("--metric", "metrics", multiple=True, help="Which of the harness's scores counts; again for each task.")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="EVALSUITE_DATA", help="A mirror of the data.")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
def import_(
    sources: tuple[Path, ...],
    out: Path,
    task: str | None,
    answer_format: str | None,
    metrics: tuple[str, ...],
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a run folder of logs of lm-eval (results_*.json, samples_*.jsonl) or inspect (*.eval).

    Responses to our tasks are graded by our parser, with the harness's own verdict kept beside; any other task keeps
    the harness's scores. Several sources are one run: of one model, each task once.
    """
    from evalsuite.interop.import_logs import import_logs

    summary = import_logs(sources, out, task, answer_format, metrics, data_dir)
    if as_json:
        click.echo(json.dumps(summary.content, indent=2))
    else:
        from evalsuite.cli.run_table import print_run

        print_run(summary, out, alarm=0.05)
