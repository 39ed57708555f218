"""`python -m training.tinyworld OUT` writes a world's data sets, or with `--tasks` its benchmarks."""

from __future__ import annotations

from pathlib import Path

import click

from training.tinyworld.benchmark import SEED, write_tasks
from training.tinyworld.build import build


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", type=int, default=SEED, show_default=True, help="The seed of the world.")
@click.option("--tasks", is_flag=True, help="Write the benchmarks to OUT instead.")
def main(out: Path, seed: int, tasks: bool) -> None:
    """Write a synthetic clinical world to OUT: its data sets base, corpus, traces, questions, and its start model."""
    (write_tasks if tasks else build)(out, seed)
    click.echo(f"world {seed} in {out}")


if __name__ == "__main__":
    main()
