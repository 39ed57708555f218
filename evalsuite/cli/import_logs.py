"""`evalsuite import`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(name="import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run: new or empty.")
@click.option("--task", help="Task that the logs are about [default: found by the questions' text].")
@click.option("--format", "answer_format", help="Answer format that their prompts requested.")
@click.option("--labels", help="Labels that their prompts gave to the options, in order: A,B,C [default: as shown].")
@click.option(
    "--metric", "metrics", multiple=True, help="The harness's score to use, if there are several; may be repeated."
)
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="EVALSUITE_DATA", help="Data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
def import_(
    sources: tuple[Path, ...],
    out: Path,
    task: str | None,
    answer_format: str | None,
    labels: str | None,
    metrics: tuple[str, ...],
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a run folder of logs of lm-eval (results_*.json, samples_*.jsonl) or inspect-ai (*.eval, *.json).

    Responses to a task that evalsuite knows are graded by its parser, and the harness's own scores are stored beside
    them; any other task keeps the harness's scores. Several sources form one run: of one model, each task once.
    """
    from evalsuite.interop.import_logs import import_logs

    graded = import_logs(sources, out, task, answer_format, metrics, data_dir, labels.split(",") if labels else None)
    if as_json:
        click.echo(json.dumps(graded.summary.to_json(), indent=2))
    else:
        from evalsuite.cli.run_table import print_run

        print_run(graded, out, alarm=0.05)
