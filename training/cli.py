"""`evalsuite train`: each command is one call into the library, which is imported when the command is called.

evalsuite finds this group by the entry point in pyproject.toml.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from evalsuite.util.text import visible

if TYPE_CHECKING:
    from training.run_folder import TrainingFolder
    from training.run_spec import TrainingSpec

REFUSED: Final = 1
FOLDER: Final = click.Path(file_okay=False, path_type=Path)
HOME: Final = Path("runs") / "training"


@click.group(name="train")
def cli() -> None:
    """Train a base model by a recipe, stage by stage, each promoted only by the gate."""


@cli.command()
@click.argument("recipe")
@click.option("--data", type=FOLDER, help="Folder with the recipe's data folders; a recipe with a world makes its own.")
@click.option("--out", type=FOLDER, help=f"Folder of this run [default: {HOME}/RECIPE/STAMP].")
@click.option("--reuse-from", type=FOLDER, help="Another run, whose finished stages are copied where they are equal.")
@click.option("--random-reward", is_flag=True, help="Train the control: all is equal, but rewards are random.")
def run(recipe: str, data: Path | None, out: Path | None, reuse_from: Path | None, random_reward: bool) -> int:
    """Train a model by RECIPE, a file or a name: train, evaluate, gate, promote, stage by stage.

    Exit 0: every stage is promoted. Exit 1: a stage was refused; the last promoted model is kept and named. The same
    command with the same --out resumes an unfinished run. With --reuse-from, stages that the other run has promoted
    with equal settings, seeds and data are copied instead of being trained again.
    """
    from training.recipe import read_recipe
    from training.run_folder import TrainingFolder
    from training.run_spec import make_spec

    spec = make_spec(read_recipe(recipe), data, random_reward)
    folder = TrainingFolder((out or _new_home(spec.recipe.name)).resolve())
    return _go(folder, spec, None if reuse_from is None else TrainingFolder(reuse_from.resolve()))


@cli.command()
@click.argument("run", type=FOLDER)
def resume(run: Path) -> int:
    """Go on with the run in the folder RUN, from the last checkpoint; what is finished is never done again."""
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec

    folder = TrainingFolder(run.resolve())
    return _go(folder, read_spec(folder))


@cli.command()
@click.argument("recipe")
@click.option("--data", type=FOLDER, help="Folder with the recipe's data folders, to say what of them is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(recipe: str, data: Path | None, as_json: bool) -> None:
    """Say what RECIPE takes, before any GPU hour: parameters, tokens, steps, memory, FLOPs, GPU-hours, data."""
    from training.estimate import estimate as reckon
    from training.estimate.plan_table import print_plan
    from training.recipe import read_recipe

    reckoned = reckon(read_recipe(recipe), data)
    if as_json:
        click.echo(json.dumps(reckoned.to_json(), indent=2))
    else:
        print_plan(reckoned)


@cli.command()
@click.argument("run", type=FOLDER)
def report(run: Path) -> None:
    """Write report.html and report.md into the folder RUN, as far as it has come; a run does so after each stage."""
    from training.report import write_report
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec

    folder = TrainingFolder(run.resolve())
    for file in write_report(folder, read_spec(folder)):
        click.echo(file)


@cli.command()
@click.argument("run", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="A new folder.")
def export(run: Path, out: Path) -> None:
    """Write what RUN's promoted stages made: adapters, merged weights, a card, a manifest with every checksum."""
    from training.export import export as write
    from training.run_folder import TrainingFolder

    manifest = write(TrainingFolder(run.resolve()), out)
    click.echo(f"{out}: {len(manifest.files)} files; check them: evalsuite train verify {out / 'manifest.json'}")


@cli.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--data", type=FOLDER, help="Folder with the data folders that an export was made from: check these too.")
def verify(manifest: Path, data: Path | None) -> None:
    """Check every checksum of MANIFEST, an export's or a data set's."""
    from training.export import check_export

    found = check_export(manifest, data)
    click.echo(f"{manifest}: {len(found.files)} files are as it says")
    if found.sources and data is None:
        click.echo(f"what it was made from wasn't looked at ({', '.join(found.sources)}): give --data DIR")


@cli.command()
@click.argument("data", type=FOLDER)
@click.option("--about", required=True, help="What the rows are, in a sentence.")
@click.option("--licence", required=True, help="The licence that they may be used under.")
def freeze(data: Path, about: str, licence: str) -> None:
    """Write the manifest of a stage's data in the folder DATA: train.jsonl, and dev.jsonl where there is one."""
    from training.data.manifest import freeze as write

    for file in write(data, about, licence).files:
        click.echo(f"{data / file.path}: {file.rows} rows, sha256 {file.sha256}")


def _go(folder: TrainingFolder, spec: TrainingSpec, source: TrainingFolder | None = None) -> int:
    from training.checks.readiness import refuse_unready
    from training.pipeline.folder_lock import claimed
    from training.pipeline.run import begin, go, refuse_foreign

    refuse_foreign(folder)
    refuse_unready(spec, folder)
    with _stoppable(), claimed(folder.path):
        begin(spec, folder, source)
        try:
            ended = go(folder, _tell)
        except KeyboardInterrupt:
            _tell(f"stopped; what is done is on disk. Go on: {_resume(folder)}")
            raise
    if ended.refused is None:
        _tell(f"every stage is promoted; the model is {ended.good}")
        return 0
    _tell(f"{ended.refused.path.name} was refused: {ended.said}")
    _tell(f"the last good model is {ended.good}")
    return REFUSED


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM stop a run as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _new_home(recipe: str) -> Path:
    return HOME / recipe / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")


def _resume(folder: TrainingFolder) -> str:
    return shlex.join(["evalsuite", "train", "resume", str(folder.path)])


def _tell(what: str) -> None:
    print(visible(what), file=sys.stderr, flush=True)
