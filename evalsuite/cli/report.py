"""`evalsuite report`: a leaderboard and an HTML report of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from evalsuite.analysis.comparability import SETTINGS
from evalsuite.cli.overlap_option import training_overlap_option
from evalsuite.run.summary_schema import ParseMode


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the report.")
@click.option("--stages", help="Names of the first runs as stages of one training run: base,+CPT,+SFT,+RL.")
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME,...",
    help=f"Compare runs that differ in these: {', '.join(SETTINGS)}.",
)
@click.option("--lenient", is_flag=True, help="Rank and compare by lenient accuracy instead of strict.")
@training_overlap_option
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="EVALSUITE_DATA",
    help="Folder with the questions, if not where the runs read them from [env: EVALSUITE_DATA].",
)
def report(
    runs: tuple[Path, ...],
    out: Path,
    stages: str | None,
    allow: tuple[str, ...],
    lenient: bool,
    training_overlap: tuple[tuple[Path, Path], ...],
    data_dir: Path | None,
) -> None:
    """Write a leaderboard (Markdown, CSV, JSON) and an HTML report of RUNS, which are run folders."""
    from evalsuite.report import write_report

    names, allowed = _split(stages or ""), _split(",".join(allow))
    parse_mode: ParseMode = "lenient" if lenient else "strict"
    for file in write_report(runs, out, names, allowed, data_dir, parse_mode, training_overlap):
        click.echo(str(file))


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
