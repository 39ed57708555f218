"""Writes questions to a folder: for training, as a benchmark, with their proofs, under a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from evalsuite.api.dataset import prompt_template
from evalsuite.data.own_items import card_facts
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.reward.train_dataset import train_rows
from evalsuite.run.stored_tasks import ITEMS, write_task_files
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import BUILT_IN, Task
from evalsuite.util.jsonl import dump_json_line
from training.data.manifest import FILE as MANIFEST
from training.data.manifest import TRAIN, Manifest, describe, write_manifest
from training.synthesis.graph.graph import Graph
from training.synthesis.questions.generate import GENERATOR_VERSION, generate
from training.synthesis.questions.items import SyntheticItem, make_items
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.vignettes import PROMPT_VERSION, Writer, Written, write_vignettes

TASK: Final = "synthetic"
PROOFS: Final = "proofs.jsonl"
REFUSED_VIGNETTES: Final = "refused_vignettes.jsonl"
REQUESTS: Final = "requests"
"""The folder of a writer model's responses, by which the same command goes on where it was cut short."""


def synthesize(
    source: QuestionSource,
    count: int,
    seed: int,
    folder: Path,
    shares: Mapping[str, float] | None = None,
    mentions: Mapping[str, Any] | None = None,
    writer: Writer | None = None,
) -> Manifest:
    """Draw questions from a graph and write them to a new folder; return its manifest.

    The folder holds `train.jsonl` (rows of a `grpo` stage, with tiers), `proofs.jsonl` (a row for each question), and
    the task folder `synthetic`, by which they can be evaluated and audited like any benchmark. `mentions`: what the
    manifest says of the table of mentions, by which subjects were drawn. `writer`: a model that words what a question
    states of a patient; the folder may then hold its responses from a call that was cut short.
    """
    _refuse_other_files(folder, writer is not None)
    # Before anything is drawn, so that a folder that can't be made costs no time.
    folder.mkdir(parents=True, exist_ok=True)
    try:
        items = list(make_items(source, generate(source, count, seed, shares), seed))
    except UsageError:
        with suppress(OSError):  # it holds responses
            folder.rmdir()
        raise
    written = None if writer is None else write_vignettes(source, items, writer, folder / REQUESTS)
    items = items if written is None else written.items
    (folder / MANIFEST).unlink(missing_ok=True)  # until all files are there again, none vouches for them
    plain = [each.item for each in items]
    task = _task(plain, source.graph, seed)
    (folder / TASK).mkdir(exist_ok=True)
    write_task_files(folder / TASK, Dataset(task, tuple(plain), task.digest, "", folder / TASK))
    tiers = {each.item.id: each.tier for each in items}
    _write_lines(folder / TRAIN, (row | {"tier": tiers[row["item"]]} for row in train_rows(task, plain, None, None)))
    _write_lines(folder / PROOFS, ({"item": each.item.id} | _named(each.proof, source.graph) for each in items))
    of_task = [(f"{TASK}/{ITEMS}", count), (f"{TASK}/task.yaml", 1), (f"{TASK}/prompt.j2", 1)]
    files = [(TRAIN, count), (PROOFS, count), *of_task]
    made_by = _made_by(source.graph, items, seed) | ({} if mentions is None else {"mentions": dict(mentions)})
    if writer is not None and written is not None:
        _write_lines(folder / REFUSED_VIGNETTES, (each._asdict() for each in written.refused))
        files.append((REFUSED_VIGNETTES, len(written.refused)))
        made_by["vignettes"] = _written_by(writer, written)
    manifest = Manifest(
        name=folder.resolve().name,
        about="Multiple-choice questions drawn from a medical graph, each with a proof.",
        licence=_licences(source.graph),
        files=describe(folder, files),
        made_by=made_by,
    )
    write_manifest(folder, manifest)
    return manifest


def _named(proof: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    """Return a proof with the names of all nodes in it, by their ids: people read it, too."""
    against = (row for each in proof["options"].values() for row in each.get("rows", ()))
    rows = [*proof["stated"], *proof["hidden"], *against]
    ids = [proof["answer"], proof["subject"], *(each["id"] for each in proof["options"].values())]
    ids += [each for row in rows for each in (row[0], row[2])]
    found = {each: graph.find(each) for each in dict.fromkeys(ids)}
    return {**proof, "names": {each: graph.name(node) for each, node in found.items() if node is not None}}


def _refuse_other_files(folder: Path, with_writer: bool) -> None:
    """Raise a `DataError` for a folder that holds anything but what a writer's unfinished or equal call left there."""
    names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if names and not (with_writer and REQUESTS in names):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"{folder}: is not empty (`out`); name a new folder")


def _written_by(writer: Writer, written: Written) -> dict[str, Any]:
    """Return the model with its settings, and what became of its texts."""
    # No address of a server: the same replies give the same folder wherever the model runs.
    return {
        "model": writer.spec.model,
        **asdict(writer.spec.settings.decoding),
        "prompt": PROMPT_VERSION,
        "written": written.written,
        "refused": written.counts,
    }


def _task(items: Sequence[Item], graph: Graph, seed: int) -> Task:
    return Task(
        name=TASK,
        version=1,
        title=f"Questions from a medical graph, seed {seed}",
        about=" ".join(dict.fromkeys(each.attribution for each in graph.sources if each.attribution))
        or "Drawn from a graph of diseases, signs and genes.",
        licence=_licences(graph),
        prompt_template=prompt_template(items),
        folder=BUILT_IN,
        **card_facts(tuple(items)),
    )


def _made_by(graph: Graph, items: Sequence[SyntheticItem], seed: int) -> dict[str, Any]:
    """Return what is needed to draw the same questions again, and how many there are of each kind."""
    return {
        "program": "evalsuite train synthesize",
        "generator": GENERATOR_VERSION,
        "seed": seed,
        "graph": graph.digest,
        "sources": [each._asdict() for each in graph.sources],
        "shapes": dict(Counter(each.item.meta["shape"] for each in items)),
        "tiers": dict(Counter(each.tier for each in items)),
    }


def _licences(graph: Graph) -> str:
    return "; ".join(dict.fromkeys(f"{each.name}: {each.licence}" for each in graph.sources))


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("wb") as stream:
        stream.writelines(dump_json_line(dict(row)) for row in rows)
