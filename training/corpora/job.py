"""One corpus that is being made: its configuration, its input files, and the folders of its steps."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.package_version import package_version
from training.corpora.config import CorpusConfig, Source
from training.corpora.filters.personal import RULES_VERSION
from training.corpora.readers import READERS
from training.corpora.readers.pubmed.files import pubmed_files

STEPS_VERSION: Final = 2
"""Counts up with each change of a step that changes its results."""
WORK: Final = "work"
"""The folder of what steps hand on, below the corpus's own; deleted when the corpus is complete."""
PUBMED: Final = "pubmed"
"""The reader for which a later file of the folder can change or delete what an earlier one has."""
RUN: Final = "run.json"
"""What the work folder is for: the job's identity."""
_PACKAGES: Final = ("numpy", "pyarrow", "tokenizers", "lxml")


class InputFile(NamedTuple):
    """One file of a source, its path relative to the folder of the inputs."""

    source: str
    path: str
    bytes: int
    sha256: str


class ReadTask(NamedTuple):
    """The files of a source that are read at once."""

    source: str
    paths: tuple[str, ...]


class Job(NamedTuple):
    """What every task of every step knows; it is sent to other processes and machines."""

    config: CorpusConfig
    inputs: Path
    out: Path
    files: tuple[InputFile, ...]
    reads: tuple[ReadTask, ...]
    skip_bad: bool = False

    @property
    def work(self) -> Path:
        """The folder of what steps hand on."""
        return self.out / WORK

    def folder(self, step: str, task: int) -> Path:
        """The folder of one task's result."""
        return self.work / step / f"{task:05d}"

    def source(self, name: str) -> Source:
        """The settings of a source."""
        return next(source for source in self.config.sources if source.name == name)

    def identity(self) -> dict[str, Any]:
        """Return everything that shapes the result, as plain data; two runs share a folder only if it is equal."""
        return {
            "program": "evalsuite train corpus",
            "steps_version": STEPS_VERSION,
            "personal_rules_version": RULES_VERSION,
            # Unicode's tables decide what a word is.
            "python": ".".join(platform.python_version_tuple()[:2]),
            "packages": {name: package_version(name) for name in _PACKAGES},
            "config": self.config.model_dump(mode="json", exclude={"executor"}),
            "skip_bad": self.skip_bad,
            "tasks": len(self.reads),
            "inputs": [file._asdict() for file in self.files],
        }


def make_job(config: CorpusConfig, inputs: Path, out: Path, skip_bad: bool = False) -> Job:
    """Return the job for a configuration after listing and hashing its input files.

    An unknown reader is a `UsageError`; a source without files, a `DataError`.
    """
    refuse_unknown_readers(config)
    files: list[InputFile] = []
    reads: list[ReadTask] = []
    for source in config.sources:
        paths = source_files(source, inputs)
        own = [InputFile(source.name, _name(path, inputs), path.stat().st_size, sha256_of(path)) for path in paths]
        files += own
        reads += _read_tasks(source, own, config.task_bytes)
    return Job(config, inputs.resolve(), out.resolve(), tuple(files), tuple(reads), skip_bad)


def _name(path: Path, inputs: Path) -> str:
    name = path.relative_to(inputs).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        message = f"{path}: its name is no UTF-8, in which a corpus states where a text is from; rename it"
        raise DataError(ErrorCode.DATA_MALFORMED, message) from None
    return name


def _read_tasks(source: Source, files: Sequence[InputFile], most: int) -> Iterator[ReadTask]:
    """Yield the tasks that read a source: small files together, but each of PubMed's alone, as its state is its own."""
    if source.reader == PUBMED:
        most = 0
    group: list[InputFile] = []
    for file in files:
        if group and sum(each.bytes for each in group) + file.bytes > most:
            yield ReadTask(source.name, tuple(each.path for each in group))
            group = []
        group.append(file)
    if group:
        yield ReadTask(source.name, tuple(each.path for each in group))


def refuse_unknown_readers(config: CorpusConfig) -> None:
    """Raise a `UsageError` for the first source whose reader doesn't exist."""
    for source in config.sources:
        if source.reader not in READERS:
            message = f"source {source.name}: no reader {source.reader}; readers are {', '.join(sorted(READERS))}"
            raise UsageError(ErrorCode.INVALID_CORPUS_CONFIG, message)


def source_files(source: Source, inputs: Path) -> list[Path]:
    """Return the files of a source in the order of their names; a source without any is a `DataError`.

    Hidden files, checksums beside files and links are passed over. PubMed's files are in the order in which they count.
    """
    path = inputs / source.path
    if source.reader == PUBMED:
        return pubmed_files(path)
    if path.is_file():
        return [path]
    found = sorted(_below(path, source.files)) if path.is_dir() else []
    if not found:
        wanted = f"no file matches {source.files}" if path.is_dir() else "no such file or folder"
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"source {source.name}: {path}: {wanted}; put its files there")
    return found


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(base, name)
            hidden = name.startswith(".") or name.endswith((".md5", ".sha256"))
            if fnmatchcase(name, pattern) and not hidden and path.is_file() and not path.is_symlink():
                yield path
