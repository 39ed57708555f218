"""One reader for each source of a corpus."""

from __future__ import annotations

from typing import Final

from training.corpora.documents import Reader
from training.corpora.readers.pubmed import read_pubmed

READERS: Final[dict[str, Reader]] = {"pubmed": read_pubmed}
"""The readers by the name that a corpus's configuration, ids and manifests use."""
