"""Puts the finished corpus together: shards, dropped documents, examples, and the manifest, which is written last."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from evalsuite.util.atomic_write import atomic_path, write_atomically
from training.corpora.job import Job
from training.corpora.steps import clean, duplicates, mixture, shards, tokens
from training.corpora.steps.dropped import DROPPED, merged_examples, schema
from training.corpora.steps.parts import all_parts
from training.corpora.steps.result import read_result
from training.data.manifest import File, Filter, Manifest, describe, write_manifest

if TYPE_CHECKING:
    import pyarrow.parquet as pq

EXAMPLES: Final = "examples.json"


def finish(job: Job) -> Manifest:
    """Move the shards into the corpus's folder, write what else belongs there, and return the manifest."""
    files = [_moved(job, shard) for shard in range(mixture.shard_count(job))]
    cleaned = [read_result(job.folder(clean.STEP, task)) for task in range(len(job.reads))]
    found = read_result(job.folder(duplicates.STEP, 0))
    _write_dropped(job)
    examples = dict(sorted(merged_examples([*cleaned, found]).items()))
    write_atomically(job.out / EXAMPLES, orjson.dumps(examples, option=orjson.OPT_INDENT_2))
    counts = _counts(job, cleaned, found)
    licences = _licences(job)
    others = [(DROPPED, sum(counts["dropped_by_reason"].values())), (EXAMPLES, sum(map(len, examples.values())))]
    manifest = Manifest(
        name=job.config.name,
        about=job.config.about,
        licence="; ".join(f"{source}: {', '.join(each)}" for source, each in licences.items()),
        files=[*files, *describe(job.out, others)],
        filters=list(_filters(cleaned, found)),
        made_by={**job.identity(), **counts, "licences": licences},
    )
    write_manifest(job.out, manifest)
    shutil.rmtree(job.work, ignore_errors=True)
    return manifest


def _moved(job: Job, shard: int) -> File:
    """Move a shard out of the work folder, unless it was moved before, and return its entry."""
    folder = job.folder(shards.SHARDS, shard)
    entry = File.model_validate(read_result(folder)["file"])
    if (folder / entry.path).exists():
        (folder / entry.path).replace(job.out / entry.path)
    return entry


def _write_dropped(job: Job) -> None:
    import pyarrow.parquet as pq

    folders = [*(job.folder(clean.STEP, task) for task in range(len(job.reads))), job.folder(duplicates.STEP, 0)]
    with (
        atomic_path(job.out / DROPPED) as partial,
        pq.ParquetWriter(partial, schema(), compression="zstd", write_page_checksum=True) as table,
    ):
        for folder in folders:
            _copy_rows(folder / DROPPED, table)


def _copy_rows(path: Path, table: pq.ParquetWriter) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            table.write_table(file.read_row_group(group, use_threads=False))


def _counts(job: Job, cleaned: list[dict[str, Any]], found: dict[str, Any]) -> dict[str, Any]:
    """Return how many documents each step left, in all and by source."""
    dropped: Counter[str] = Counter()
    sources: dict[str, dict[str, Any]] = {source.name: {"records": 0} for source in job.config.sources}
    personal: Counter[str] = Counter()
    for result in cleaned:
        sources[result["source"]]["records"] += result["records"]
        personal.update(result["personal"])
    for result in (*cleaned, found):
        for source, step, reason, count in result["dropped"]:
            name = f"{step}: {reason}"
            dropped[name] += count
            sources[source][name] = sources[source].get(name, 0) + count
    mixed = read_result(job.folder(mixture.STEP, 0))
    for each in mixed["sources"]:
        sources[each["name"]] |= {key: value for key, value in each.items() if key != "name"}
    counted = [read_result(job.folder(tokens.STEP, task)) for task in range(len(all_parts(job)))]
    kept = ("documents", "kept", "candidates", "differ_in_numbers", "not_compared", "recall_at_threshold")
    return {
        "tokens": mixed["tokens"],
        "tokens_before_mixing": sum(each["tokens"] for each in counted),
        "by_source": sources,
        "dropped_by_reason": dict(sorted(dropped.items())),
        "personal_replaced": dict(sorted(personal.items())),
        "duplicates": {name: found[name] for name in kept},
    }


def _filters(cleaned: list[dict[str, Any]], found: dict[str, Any]) -> Iterator[Filter]:
    """Yield the steps in their order, each with what it kept and dropped; within quality rule by rule."""
    left = sum(result["records"] - result["deleted"] for result in cleaned)
    steps: dict[str, int] = {}
    for result in (*cleaned, found):
        for _, step, reason, count in result["dropped"]:
            name = f"{step}: {reason}" if step == "quality" else step
            steps[name] = steps.get(name, 0) + count
    for name in sorted(steps, key=_place):
        left -= steps[name]
        yield Filter(name=name, kept=left, dropped=steps[name])


def _place(name: str) -> tuple[int, str]:
    order = ("read", "language", "quality", "duplicates")
    return order.index(name.split(":")[0]), name


def _licences(job: Job) -> dict[str, dict[str, int]]:
    """Return how many documents of the corpus have each licence, by source."""
    found: dict[str, Counter[str]] = {source.name: Counter() for source in job.config.sources}
    for shard in range(mixture.shard_count(job)):
        for source, licence, count in read_result(job.folder(shards.SHARDS, shard))["licences"]:
            found[source][licence] += count
    return {source: dict(sorted(counts.items())) for source, counts in found.items()}
