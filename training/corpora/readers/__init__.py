"""One reader for each source of a corpus."""

from __future__ import annotations

from typing import Final

from training.corpora.documents import Reader
from training.corpora.readers.guideline_pdf import read_guideline_pdf
from training.corpora.readers.html.pages import read_guideline_html
from training.corpora.readers.jats.articles import read_jats
from training.corpora.readers.medlineplus import read_medlineplus
from training.corpora.readers.pubmed import read_pubmed
from training.corpora.readers.rows import read_rows
from training.corpora.readers.statpearls import read_statpearls
from training.corpora.readers.text import read_text
from training.corpora.readers.wikipedia import read_wikipedia

READERS: Final[dict[str, Reader]] = {
    "guideline_html": read_guideline_html,
    "guideline_pdf": read_guideline_pdf,
    "jats": read_jats,
    "medlineplus": read_medlineplus,
    "pubmed": read_pubmed,
    "rows": read_rows,
    "statpearls": read_statpearls,
    "text": read_text,
    "wikipedia": read_wikipedia,
}
"""The readers by the name that a corpus's configuration, ids and manifests use."""
OWN_IDS: Final = frozenset({"guideline_html", "guideline_pdf", "rows", "text"})
"""Readers of files that the user names, so that texts of two sources can have the same id without being the same."""
