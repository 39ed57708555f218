"""One reader for each source of a corpus."""

from __future__ import annotations

from typing import Final

from training.corpora.documents import Reader

READERS: Final[dict[str, Reader]] = {}
"""The readers by the name that a corpus's configuration, ids and manifests use."""
