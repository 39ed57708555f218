"""PubMed's yearly baseline and daily updates, as the texts that are valid once all files were played in order."""

from training.corpora.readers.pubmed.dump import PubmedDump, read_pubmed

__all__ = ["PubmedDump", "read_pubmed"]
