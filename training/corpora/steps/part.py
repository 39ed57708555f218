"""A part: some thousand cleaned documents of one source, with the signatures by which duplicates are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Hashes, Places
from training.corpora.documents import Document
from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import joined, signatures

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = "rows.parquet"
SIGNATURES: Final = "signatures"
_KEYS: Final = "keys.npz"
MOST_DOCUMENTS: Final = 50_000
MOST_CHARACTERS: Final = 100_000_000
_GROUP: Final = 4_000_000
"""Characters whose signatures are computed, and whose rows are written, together."""


class Keys(NamedTuple):
    """What tells which document replaces or deletes which."""

    ids: Hashes
    bases: Hashes
    """The id without what follows "#"."""
    versions: NDArray[np.int64]
    orders: Places
    """The place of the document in what its task has read."""


def id_hash(identifier: str) -> int:
    """Return 64 bits of the hash of an id."""
    return int.from_bytes(blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def text_of(document: Document) -> str:
    """Return what is trained on: the title, a blank line, the text."""
    title, text = document.title.strip(), document.text.strip()
    return text if not title or text.startswith(title) else f"{title}\n\n{text}" if text else title


def schema() -> pa.Schema:
    """Return the columns of a part's rows."""
    import pyarrow as pa

    return pa.schema(
        {
            "id": pa.string(),
            "text": pa.string(),
            "licence": pa.string(),
            "locator": pa.string(),
            "language": pa.string(),
            "status": pa.list_(pa.string()),
            "year": pa.int32(),
        }
    )


def write_part(
    folder: Path, documents: Sequence[tuple[int, Document]], settings: DuplicateSettings, namespace: str = ""
) -> None:
    """Write documents, whose text is final, each with its place in what was read. Raises `OSError`.

    `namespace`: what keeps the ids of a source whose files the user names apart from those of another one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    marks = []
    with pq.ParquetWriter(folder / ROWS, schema(), compression="zstd", write_page_checksum=True) as table:
        for group in _groups([document for _, document in documents]):
            table.write_table(pa.Table.from_pylist([_row(document) for document in group], schema()))
            marks.append(signatures([document.text for document in group], settings))
    joined(marks).save(folder / SIGNATURES)
    ids = [f"{namespace}{document.id}" for _, document in documents]
    np.savez(
        folder / _KEYS,
        ids=np.array([id_hash(each) for each in ids], np.uint64),
        bases=np.array([id_hash(each.partition("#")[0]) for each in ids], np.uint64),
        versions=np.array([document.version for _, document in documents], np.int64),
        orders=np.array([order for order, _ in documents], np.int64),
    )


def read_keys(folder: Path) -> Keys:
    """Return the keys of a part. Raises `OSError`."""
    with np.load(folder / _KEYS) as arrays:
        return Keys(arrays["ids"], arrays["bases"], arrays["versions"], arrays["orders"])


def read_rows(folder: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of a part in groups, with their page checksums verified. Raises `OSError`."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / ROWS, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns), use_threads=False)


def _groups(documents: Sequence[Document]) -> Iterator[list[Document]]:
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text)
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "text": document.text,
        "licence": document.licence,
        "locator": document.locator,
        "language": document.language,
        "status": list(document.status),
        "year": document.year,
    }
