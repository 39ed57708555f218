"""A sixth of the Human Phenotype Ontology's diseases, of which questions are drawn fast."""

import re

import pytest

from training.synthesis.graph import read_graph
from training.synthesis.questions.source import QuestionSource


@pytest.fixture(scope="session")
def small_folder(hpo_folder, tmp_path_factory):
    """A folder with the annotations of every sixth disease of the release, and the files beside it."""
    folder = tmp_path_factory.mktemp("hpo")
    with (hpo_folder / "phenotype.hpoa").open(encoding="utf-8") as rows, (folder / "phenotype.hpoa").open("w") as out:
        out.writelines(row for row in rows if row[0] in "#d" or int(re.sub(r"\D", "", row.split("\t")[0])) % 6 == 0)
    for name in ("hp.obo", "genes_to_phenotype.txt"):
        (folder / name).symlink_to(hpo_folder / name)
    return folder


@pytest.fixture(scope="session")
def small(small_folder):
    """The graph of these files."""
    return read_graph([small_folder])


@pytest.fixture(scope="session")
def source(small):
    """What questions are drawn from."""
    return QuestionSource(small)
