"""Every document that was left out, with the step and the reason, and some examples of each reason to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import pyarrow as pa

DROPPED: Final = "dropped.parquet"
EXAMPLES: Final = 20
"""Examples of a reason that are kept."""
_EXCERPT: Final = 400
_AT_ONCE: Final = 10_000


def schema() -> pa.Schema:
    """Return the columns: `detail` is what was measured, or the id of the document that stays."""
    import pyarrow as pa

    return pa.schema({name: pa.string() for name in ("source", "id", "locator", "step", "reason", "detail")})


def excerpt(text: str) -> str:
    """Return the beginning and the end of a text."""
    half = _EXCERPT // 2
    return text if len(text) <= _EXCERPT else f"{text[:half]} […] {text[-half:]}"


class DroppedWriter:
    """Writes the rows of dropped documents, counts them and keeps examples."""

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet as pq

        self._table = pq.ParquetWriter(folder / DROPPED, schema(), compression="zstd", write_page_checksum=True)
        self._rows: list[dict[str, str]] = []
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.examples: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._table.close()

    def add(self, source: str, identifier: str, locator: str, step: str, reason: str, detail: str, text: str) -> None:
        """Note one document that was left out; `text`: what to look at, of which an excerpt is kept."""
        row = dict(zip(schema().names, (source, identifier, locator, step, reason, detail), strict=True))
        self._rows.append(row)
        self.counts[source, step, reason] += 1
        self.add_example(f"{step}: {reason}", {**row, "text": excerpt(text)})
        if len(self._rows) >= _AT_ONCE:
            self._flush()

    def add_example(self, name: str, example: dict[str, Any]) -> None:
        """Keep an example where there are not enough yet."""
        kept = self.examples.setdefault(name, [])
        if len(kept) < EXAMPLES:
            kept.append(example)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._table.write_table(pa.Table.from_pylist(self._rows, schema()))
        self._rows = []

    def result(self) -> dict[str, Any]:
        """Return the counts and the examples as plain data."""
        counts = [[*key, count] for key, count in sorted(self.counts.items())]
        return {"dropped": counts, "examples": self.examples}


def merged_examples(results: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the first examples of each reason over several tasks."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for name, examples in result["examples"].items():
            kept = found.setdefault(name, [])
            kept += examples[: EXAMPLES - len(kept)]
    return found
