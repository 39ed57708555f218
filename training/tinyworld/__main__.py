"""`python -m training.tinyworld OUT` makes a world's data sets; with `--tasks` its benchmarks."""

from __future__ import annotations

from pathlib import Path

import click

from training.tinyworld.benchmark import SEED, write_tasks
from training.tinyworld.build import build


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", type=int, default=SEED, show_default=True, help="Which world.")
@click.option("--tasks", is_flag=True, help="Write the benchmarks below OUT instead.")
def main(out: Path, seed: int, tasks: bool) -> None:
    """Make a synthetic clinical world: base, corpus, traces, questions and the model to start from, below OUT."""
    (write_tasks if tasks else build)(out, seed)
    click.echo(f"world {seed} in {out}")


if __name__ == "__main__":
    main()
