"""An empty folder for files of PubMed."""

import pytest

from tests.training.corpora.pubmed.dump_files import Dump


@pytest.fixture
def dump(tmp_path):
    """Return an empty folder for files."""
    return Dump(tmp_path / "pubmed")
