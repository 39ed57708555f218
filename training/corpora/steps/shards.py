"""Sorts the documents into shards: each part is split by shard, and each shard is put together from all parts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from evalsuite.util.atomic_write import atomic_folder
from evalsuite.util.file_digest import sha256_of
from training.corpora.job import Job
from training.corpora.steps import mixture, tokens
from training.corpora.steps.part import read_rows
from training.corpora.steps.parts import PartInfo, all_parts
from training.corpora.steps.result import is_done, read_result, write_result

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT: Final = "split"
SHARDS: Final = "shards"
_PIECES: Final = "pieces.arrow"
_GROUP_ROWS: Final = 5_000


def shard_name(shard: int, count: int) -> str:
    """Return the name of a shard, by which a stage finds it."""
    return f"train-{shard:05d}-of-{count:05d}.parquet"


def split(job: Job, task: int) -> None:
    """Write one part's documents in batches, one for each shard, unless they are there."""
    folder = job.folder(SPLIT, task)
    if is_done(folder):
        return
    part = all_parts(job)[task]
    table, shards = _drawn(job, part, task)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        held = _write_pieces(partial / _PIECES, table, shards)
        write_result(partial, {"shards": held})


def _drawn(job: Job, part: PartInfo, task: int) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """Return the rows of a part that are in the corpus, with their keys and tokens, and the shard of each."""
    import pyarrow as pa

    placement = mixture.read_places(job)
    shards = placement.shards[part.rows]
    drawn = np.flatnonzero(shards != mixture.NOT_DRAWN)
    table = pa.concat_tables(read_rows(part.folder, ["text", "id", "licence", "language", "locator", "year"]))
    table = table.take(pa.array(drawn))
    table = table.append_column("source", pa.array([part.source] * len(drawn), pa.string()))
    table = table.append_column("tokens", pa.array(tokens.token_counts(job, task)[drawn], pa.int64()))
    table = table.append_column("key", pa.array(np.asarray(placement.keys[part.rows])[drawn], pa.uint64()))
    return table, shards[drawn]


def _write_pieces(path: Path, table: pa.Table, shards: np.ndarray[tuple[int], np.dtype[np.int32]]) -> list[int]:
    """Write one record batch for each shard that has rows, and return the shards."""
    import pyarrow as pa

    order = np.argsort(shards, kind="stable")
    held, starts = np.unique(shards[order], return_index=True)
    sorted_rows = table.take(pa.array(order)).combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(path, table.schema, options=options) as writer:
        for start, end in pairwise([*starts.tolist(), len(order)]):
            writer.write_table(sorted_rows.slice(start, end - start), max_chunksize=end - start)
    return [int(shard) for shard in held]


def assemble(job: Job, task: int) -> None:
    """Write one shard from the pieces of all parts, unless it is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = job.folder(SHARDS, task)
    if is_done(folder):
        return
    pieces = [piece for part in range(len(all_parts(job))) for piece in _pieces(job, part, task)]
    table = pa.concat_tables(pieces)
    order = np.argsort(table["key"].to_numpy(), kind="stable")
    table = table.take(pa.array(order)).drop_columns(["key"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        path = partial / shard_name(task, mixture.shard_count(job))
        pq.write_table(table, path, compression="zstd", row_group_size=_GROUP_ROWS, write_page_checksum=True)
        entry = {"path": path.name, "rows": len(table), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        licences = Counter(zip(table["source"].to_pylist(), table["licence"].to_pylist(), strict=True))
        write_result(partial, {"file": entry, "licences": [[*key, count] for key, count in sorted(licences.items())]})


def _pieces(job: Job, part: int, shard: int) -> list[pa.Table]:
    import pyarrow as pa

    folder = job.folder(SPLIT, part)
    held = read_result(folder)["shards"]
    if shard not in held:
        return []
    with pa.memory_map(str(folder / _PIECES)) as source:
        reader = pa.ipc.open_file(source)
        batch = reader.get_batch(held.index(shard))
        return [pa.Table.from_batches([batch])]
