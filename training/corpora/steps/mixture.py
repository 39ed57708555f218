"""Draws documents of each source until its share of the tokens is reached, and gives each one a place in a shard."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Hashes, Places, mixed
from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import atomic_folder
from training.corpora.job import Job
from training.corpora.steps import tokens
from training.corpora.steps.part import read_keys
from training.corpora.steps.parts import all_parts, sources_of
from training.corpora.steps.result import is_done, read_result, write_result

STEP: Final = "mixture"
_SHARDS: Final = "shards.npy"
_KEYS: Final = "keys.npy"
NOT_DRAWN: Final = -1
_DRAW, _ORDER = 1, 2


class Placement(NamedTuple):
    """The shard of each document, `NOT_DRAWN` for one that is not in the corpus, and the key that orders a shard."""

    shards: NDArray[np.int32]
    keys: Hashes


def read_places(job: Job) -> Placement:
    """Return where each document goes."""
    folder = job.folder(STEP, 0)
    return Placement(np.load(folder / _SHARDS, mmap_mode="r"), np.load(folder / _KEYS, mmap_mode="r"))


def shard_count(job: Job) -> int:
    """Return the number of shards."""
    return int(read_result(job.folder(STEP, 0))["shards"])


def mix(job: Job, task: int) -> None:
    """Write the shard of each document, unless it is there. Too few tokens for the shares are a `DataError`."""
    folder = job.folder(STEP, task)
    if is_done(folder):
        return
    parts = all_parts(job)
    counts = np.concatenate([np.empty(0, np.int64), *(tokens.token_counts(job, n) for n in range(len(parts)))])
    ids = np.concatenate([np.empty(0, np.uint64), *(read_keys(part.folder).ids for part in parts)])
    owners = sources_of(job, parts)
    available = np.bincount(owners, counts, len(job.config.sources)).astype(np.int64)
    wanted = requested_tokens(job, available.tolist())
    drawn = np.zeros(len(counts), np.bool_)
    for source, quota in enumerate(wanted):
        numbers = np.flatnonzero((owners == source) & (counts > 0))
        drawn[_draw(numbers, _keys(ids[numbers], job.config.seed, _DRAW), counts, quota)] = True
    keys = _keys(ids, job.config.seed, _ORDER)
    shards = _shards(np.flatnonzero(drawn), keys, counts, job.config.shard_tokens)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        np.save(partial / _SHARDS, shards)
        np.save(partial / _KEYS, keys)
        write_result(partial, _result(job, owners, counts, shards, available, wanted))


def requested_tokens(job: Job, available: list[int]) -> list[int]:
    """Return the tokens that each source is to give, from those that each has."""
    names = [source.name for source in job.config.sources]
    shares = [source.share / sum(each.share for each in job.config.sources) for source in job.config.sources]
    if empty := [name for name, count in zip(names, available, strict=True) if not count]:
        message = f"no document of {', '.join(empty)} passed the rules; see what was dropped in {job.work}"
        raise DataError(ErrorCode.CORPUS_TOO_SMALL, message)
    largest = int(min(count / share for count, share in zip(available, shares, strict=True)))
    settings = job.config.mixture
    total = largest if settings.tokens is None else settings.tokens
    wanted = [round(total * share) for share in shares]
    short = [n for n in range(len(names)) if available[n] < wanted[n] and settings.tokens is not None]
    if short and not settings.allow_short:
        lacking = "; ".join(f"{names[n]} has {available[n]:,} of {wanted[n]:,} tokens" for n in short)
        message = f"mixture.tokens: {lacking}; at most {largest:,}, or set mixture.allow_short"
        raise DataError(ErrorCode.CORPUS_TOO_SMALL, message)
    return [min(count, has) for count, has in zip(wanted, available, strict=True)]


def _keys(ids: Hashes, seed: int, use: int) -> Hashes:
    """Return a number of each document that depends on its id, the seed and the use alone."""
    start = mixed(np.array([(seed + 1) * 0x9E3779B97F4A7C15 + use & 0xFFFFFFFFFFFFFFFF], np.uint64))
    return mixed(mixed(ids ^ start) + start)


def _draw(numbers: Places, keys: Hashes, counts: Places, quota: int) -> Places:
    """Return the documents, in the order of their keys, that reach a number of tokens and exceed it least."""
    ordered = numbers[np.lexsort((numbers, keys))]
    reached = np.cumsum(counts[ordered])
    return ordered[: int(np.searchsorted(reached, quota, side="left")) + 1] if quota else ordered[:0]


def _shards(drawn: Places, keys: Hashes, counts: Places, size: int) -> NDArray[np.int32]:
    """Return the shard of each document: all that are drawn in one random order, cut at equal numbers of tokens."""
    found = np.full(len(counts), NOT_DRAWN, np.int32)
    ordered = drawn[np.lexsort((drawn, keys[drawn]))]
    before = np.cumsum(counts[ordered]) - counts[ordered]
    total = int(counts[ordered].sum())
    shards = max(1, round(total / size))
    numbers = np.minimum(before * shards // max(total, 1), shards - 1)
    found[ordered] = np.unique(numbers, return_inverse=True)[1]  # behind a text longer than a shard one would be empty
    return found


def _result(
    job: Job, owners: Places, counts: Places, shards: NDArray[np.int32], available: Places, wanted: list[int]
) -> dict[str, Any]:
    drawn = shards != NOT_DRAWN
    sources = []
    for number, source in enumerate(job.config.sources):
        own = owners == number
        given = own & drawn
        sources.append(
            {
                "name": source.name,
                "share": source.share,
                "documents_available": int((own & (counts > 0)).sum()),
                "tokens_available": int(available[number]),
                "tokens_requested": wanted[number],
                "documents": int(given.sum()),
                "tokens": int(counts[given].sum()),
            }
        )
    return {"sources": sources, "tokens": int(counts[drawn].sum()), "shards": int(shards.max(initial=0)) + 1}
