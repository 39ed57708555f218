"""`evalsuite report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the report.")
@click.option("--stages", help="Names of the first runs as stages of training: base,+CPT,+SFT,+RL 1,+RL 2.")
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME,...",
    help="Compare runs that differ in these: prompt_digest, format, decoding, samples, rotate_options, parser.",
)
@click.option("--lenient", is_flag=True, help="Go by the lenient parse of the answers instead of the strict one.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="EVALSUITE_DATA",
    help="Where the questions are, if not where the runs had them from (EVALSUITE_DATA).",
)
def report(
    runs: tuple[Path, ...],
    out: Path,
    stages: str | None,
    allow: tuple[str, ...],
    lenient: bool,
    data_dir: Path | None,
) -> None:
    """Write a leaderboard (Markdown, CSV, JSON) and an HTML report of RUNS, run folders of `evalsuite run`."""
    from evalsuite.report import write_report

    names, allowed = _listed(stages or ""), _listed(",".join(allow))
    for file in write_report(runs, out, names, allowed, data_dir, "lenient" if lenient else "strict"):
        click.echo(str(file))


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
