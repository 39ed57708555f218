"""`evalsuite train`: each command is one call into the library, which is imported when the command is called.

evalsuite finds this group by the entry point in pyproject.toml.
"""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from evalsuite.cli.task_options import task_arg_option, task_arguments
from evalsuite.util.text import visible
from training.corpora.commands import corpus
from training.model_options import INCOMPLETE, ModelOptions, model_options, tell
from training.synthesis.mentions.commands import mentions
from training.synthesis.refine.commands import mix, refine, review
from training.synthesis.wiki.commands import wiki
from training.traces.commands import traces

if TYPE_CHECKING:
    from training.run_folder import TrainingFolder
    from training.run_spec import TrainingSpec

EXIT_REFUSED: Final = 1
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_DEFAULT_OUT: Final = Path("runs") / "training"


class _OrderedGroup(click.Group):
    """A group whose help lists the commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(name="train", cls=_OrderedGroup)
def cli() -> None:
    """Train a base model by a recipe, stage by stage, each promoted only by its gate."""


@cli.command(short_help="Estimate what a recipe needs, before any GPU hour.")
@click.argument("recipe")
@click.option("--data", type=_FOLDER, help="Folder with the recipe's data folders, to report which of them exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(recipe: str, data: Path | None, as_json: bool) -> None:
    """Estimate what RECIPE, a file or a name, needs: parameters, tokens, steps, memory, FLOPs, GPU-hours, data."""
    from training.estimate import estimate
    from training.estimate.plan_table import print_plan
    from training.recipe import read_recipe

    result = estimate(read_recipe(recipe), data)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        print_plan(result)


@cli.command(short_help="Write the manifest of a data folder.")
@click.argument("data", type=_FOLDER)
@click.option("--about", required=True, help="What the rows are, in one sentence.")
@click.option("--licence", required=True, help="The licence of the rows.")
def freeze(data: Path, about: str, licence: str) -> None:
    """Write the manifest of a stage's data in the folder DATA: of train.jsonl, and of dev.jsonl where it exists."""
    from training.data.manifest import freeze as write

    for file in write(data, about, licence).files:
        click.echo(f"{data / file.path}: {file.rows} rows, sha256 {file.sha256}")


cli.add_command(corpus)


@cli.command(short_help="Train, evaluate, gate and promote, stage by stage.")
@click.argument("recipe")
@click.option("--data", type=_FOLDER, help="Folder with the recipe's data folders; a recipe with a world needs none.")
@click.option("--out", type=_FOLDER, help=f"Folder of this run [default: {_DEFAULT_OUT}/RECIPE/TIME].")
@click.option("--reuse-from", type=_FOLDER, help="Another run, whose finished stages are copied where they are equal.")
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
    folder = TrainingFolder((out or _default_out(spec.recipe.name)).resolve())
    return _run(folder, spec, None if reuse_from is None else TrainingFolder(reuse_from.resolve()))


@cli.command(short_help="Continue an unfinished run.")
@click.argument("run", type=_FOLDER)
def resume(run: Path) -> int:
    """Continue the run in the folder RUN from its last checkpoint; nothing that is finished is repeated."""
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec

    folder = TrainingFolder(run.resolve())
    return _run(folder, read_spec(folder))


@cli.command(short_help="Write report.html and report.md of a run.")
@click.argument("run", type=_FOLDER)
def report(run: Path) -> None:
    """Write report.html and report.md into the folder RUN, finished or not; a run does so after each stage."""
    from training.report import write_report
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec

    folder = TrainingFolder(run.resolve())
    folder.refuse_links()
    for file in write_report(folder, read_spec(folder)):
        click.echo(file)


@cli.command(short_help="Write a run's adapters, merged weights and model card.")
@click.argument("run", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
def export(run: Path, out: Path) -> None:
    """Write what RUN's promoted stages trained: adapters, merged weights, a model card, a manifest of every file."""
    from training.export import export as write
    from training.run_folder import TrainingFolder

    folder = TrainingFolder(run.resolve())
    folder.refuse_links()
    manifest = write(folder, out)
    command = shlex.join(["evalsuite", "train", "verify", str(out / "manifest.json")])
    click.echo(f"{out}: {len(manifest.files)} files; to check them: {command}")


@cli.command(short_help="Show what a medical graph holds.")
@click.option("--graph", "graphs", multiple=True, required=True, help="hpo, icd10cm, a file or a folder; repeatable.")
@click.option("--skip-bad", is_flag=True, help="Leave out what can't be read, and count it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def graph(graphs: tuple[str, ...], skip_bad: bool, as_json: bool) -> None:
    """Read one or more graphs into one, and show its nodes and edges, its sources with their licences, its digest."""
    from training.synthesis.graph import read_graph
    from training.synthesis.graph.summary import lines, summary

    facts = summary(read_graph(graphs, skip_bad))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo("\n".join(visible(line) for line in lines(facts)))


cli.add_command(wiki)
cli.add_command(mentions)


@cli.command(short_help="Draw proven questions from a medical graph.")
@click.option("--graph", "graphs", multiple=True, required=True, help="hpo, icd10cm, a file or a folder; repeatable.")
@click.option("--n", "count", type=click.IntRange(1, 1_000_000), required=True, help="How many questions.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Other seeds give other questions.")
@click.option("--shapes", help="Shapes with commas, each with its share: diagnosis=2,gene=1 [default: every shape].")
@click.option("--mentions", "table", type=_FILE, help="Table of evalsuite train mentions: what is rare is asked more.")
@click.option("--writer", help="backend/model that words the findings of patients; its texts are checked.")
@model_options
@click.option("--skip-bad", is_flag=True, help="Leave out what can't be read of a graph, and count it.")
@click.option("--out", type=_FOLDER, required=True, help="A new folder, or one that a writer is to continue.")
def synthesize(
    graphs: tuple[str, ...],
    count: int,
    seed: int,
    shapes: str | None,
    table: Path | None,
    writer: str | None,
    skip_bad: bool,
    out: Path,
    **options: Any,
) -> int:
    """Draw multiple-choice questions from a graph and write them to a folder, each with the proof of its options.

    With --writer a model writes a vignette of each patient; a text that adds, loses or gives away something is counted
    and not taken. Exit 1: requests failed; the same command sends them again, and no other.
    """
    from training.synthesis.graph.load import read_graph
    from training.synthesis.mentions.table import read_mentions
    from training.synthesis.questions.generate import parse_shares
    from training.synthesis.questions.source import QuestionSource
    from training.synthesis.questions.vignettes import PURPOSE, Fault, Writer
    from training.synthesis.questions.write import synthesize as write

    written_by = None if writer is None else Writer(ModelOptions(**options).spec(writer, seed, PURPOSE), tell)
    shares = None if shapes is None else parse_shares(shapes)
    graph = read_graph(graphs, skip_bad)
    counts = None if table is None else read_mentions(table, graph, skip_bad)
    source = QuestionSource(graph, mentions=None if counts is None else counts.counts)
    manifest = write(source, count, seed, out, shares, None if counts is None else counts.facts, written_by)
    for kind in ("shapes", "tiers"):
        click.echo(f"{kind}: " + ", ".join(f"{name} {n:,}" for name, n in sorted(manifest.made_by[kind].items())))
    click.echo(f"{out}: {count:,} questions, their proofs and a task to evaluate them")
    vignettes = manifest.made_by.get("vignettes", {"written": 0, "refused": {}})
    if written_by is not None:
        refused = "".join(f", {name} {n:,}" for name, n in vignettes["refused"].items())
        click.echo(f"vignettes: written {vignettes['written']:,}{refused}")
    return INCOMPLETE if vignettes["refused"].get(Fault.NO_RESPONSE) else 0


@cli.command(short_help="Write the proofs of a benchmark's items.")
@click.argument("task")
@task_arg_option
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item; may be repeated.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file [default: print them].")
def proofs(task: str, task_args: tuple[str, ...], items: tuple[str, ...], out: Path | None) -> None:
    """Write why the gold label of each item of TASK, such as rare_disease, is right and every other option wrong.

    A line of JSON says what the proofs are of, and under which licence; each line after it is the proof of an item.
    """
    from evalsuite.errors import DataError, ErrorCode
    from evalsuite.tasks.registry import load_task
    from evalsuite.util.atomic_write import write_output
    from evalsuite.util.jsonl import dump_json_line
    from training.synthesis.proofs import proofs as rows_of

    rows = rows_of(load_task(task).with_arguments(task_arguments(task_args)), items)
    lines = [dump_json_line(row) for row in rows]
    if out is None:
        click.echo(b"".join(lines).decode(), nl=False)
        return
    try:
        write_output(out, b"".join(lines))
    except OSError as error:
        message = f"`out` {out}: can't be written: {error.strerror or error}; choose another file"
        raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
    click.echo(f"{out}: the proofs of {len(lines) - 1:,} items")


cli.add_command(refine)
cli.add_command(review)
cli.add_command(mix)
cli.add_command(traces)


@cli.command(short_help="Mask what identifies people in texts.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--field", "fields", multiple=True, required=True, help="Field of the rows that holds text; repeatable.")
@click.option("--options", help="Field with a question's options: a row is set aside where a mask touches one.")
@click.option("--licence", default="not stated", show_default=True, help="The licence of the rows.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="How many processes.")
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
def deidentify(file: Path, fields: tuple[str, ...], options: str | None, licence: str, workers: int, out: Path) -> None:
    """Replace names, dates, numbers and other identifiers in the texts of FILE, one JSON object per line.

    It finds most of them and can't promise all: read a sample of the result before you pass it on.
    """
    from training.synthesis.refine.deidentify.write import Request
    from training.synthesis.refine.deidentify.write import deidentify_file as write

    made_by = write(Request(file, tuple(dict.fromkeys(fields)), options, licence, workers), out).made_by
    rows, masked = made_by["source"]["rows"], made_by["rows_masked"]
    kinds = ", ".join(f"{name} {n:,}" for name, n in made_by["masks_by_kind"].items())
    click.echo(f"{out}: {rows:,} rows, something masked in {masked:,}: {kinds or 'nothing'}")
    if made_by["fields_not_read"]:
        click.echo(f"copied without being read: {visible(', '.join(made_by['fields_not_read']))}")


@cli.command(short_help="Check every checksum of a manifest.")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--data", type=_FOLDER, help="Folder with the data folders that an export was made from, to check too.")
def verify(manifest: Path, data: Path | None) -> None:
    """Check every checksum of MANIFEST, that of an export or of a data folder."""
    from training.export import check_export

    checked = check_export(manifest, data)
    click.echo(f"{manifest}: all {len(checked.files)} files are unchanged")
    if checked.sources and data is None:
        click.echo(f"the data that it was made from were not checked ({', '.join(checked.sources)}): give --data")


def _run(folder: TrainingFolder, spec: TrainingSpec, source: TrainingFolder | None = None) -> int:
    """Check that the run can be trained, train it, and return the exit code."""
    from evalsuite.util.folder_lock import locked
    from training.checks.readiness import refuse_unready
    from training.pipeline.run import prepare_folder, refuse_other_content, run_stages

    # All checks come before the lock, which would create the folder.
    refuse_other_content(folder)
    folder.refuse_links()
    refuse_unready(spec, folder)
    with locked(folder.path):
        prepare_folder(spec, folder, source)
        try:
            result = run_stages(folder, _report)
        except KeyboardInterrupt:
            command = shlex.join(["evalsuite", "train", "resume", str(folder.path)])
            _report(f"stopped; all finished work is on disk. To continue: {command}")
            raise
    if result.refused is None:
        _report(f"every stage is promoted; the model is {result.model}")
        return 0
    _report(f"{result.refused.path.name} was refused: {result.reason}")
    kind = "the last promoted model" if result.any_promoted else "no stage is promoted; the base model"
    _report(f"{kind} is {result.model}")
    return EXIT_REFUSED


def _default_out(recipe: str) -> Path:
    return _DEFAULT_OUT / recipe / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")


def _report(message: str) -> None:
    print(visible(message), file=sys.stderr, flush=True)  # messages quote file names and model output
