"""Counts the tokens of the documents that stay, with the tokenizer of the model that is trained on them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import atomic_folder
from evalsuite.util.installation import install_command
from training.corpora.config import Tokenizer
from training.corpora.job import Job
from training.corpora.steps import duplicates
from training.corpora.steps.part import read_rows
from training.corpora.steps.parts import all_parts
from training.corpora.steps.result import is_done, write_result

if TYPE_CHECKING:
    from pathlib import Path

STEP: Final = "tokens"
_COUNTS: Final = "tokens.npy"
_AT_ONCE: Final = 512


def token_counts(job: Job, task: int) -> NDArray[np.int64]:
    """Return the tokens of each document of one part; 0 for one that doesn't stay."""
    found: NDArray[np.int64] = np.load(job.folder(STEP, task) / _COUNTS)
    return found


def count(job: Job, task: int) -> None:
    """Write the number of tokens of each document of one part, unless it is there."""
    folder = job.folder(STEP, task)
    if is_done(folder):
        return
    part = all_parts(job)[task]
    stays = duplicates.fates(job)[part.rows] == duplicates.STAYS
    found = np.zeros(part.documents, np.int64)
    tokenizer = load_tokenizer(job.config.tokenizer, job.inputs)
    first = 0
    for table in read_rows(part.folder, ["text"]):
        numbers = np.flatnonzero(stays[first : first + len(table)])
        texts = table["text"].take(numbers).to_pylist()
        for start in range(0, len(texts), _AT_ONCE):
            lengths = [len(each) for each in tokenizer.encode_batch_fast(texts[start : start + _AT_ONCE])]
            found[first + numbers[start : start + _AT_ONCE]] = lengths
        first += len(table)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        np.save(partial / _COUNTS, found)
        write_result(partial, {"source": part.source, "documents": int(stays.sum()), "tokens": int(found.sum())})


@lru_cache(maxsize=1)
def load_tokenizer(settings: Tokenizer, inputs: Path) -> Any:
    """Return the tokenizer, without special tokens, truncation and padding.

    A missing package and a tokenizer that can't be read are each a `DataError`.
    """
    try:
        from tokenizers import Tokenizer as FastTokenizer
    except ImportError:
        message = f"counting tokens needs tokenizers: {install_command('corpora')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    try:
        if settings.model.startswith("./"):
            tokenizer = FastTokenizer.from_file(str(inputs / settings.model))
        else:
            tokenizer = FastTokenizer.from_pretrained(settings.model, settings.revision or "main")
    except Exception as error:  # tokenizers raises a bare Exception for whatever its own code finds
        reason = " ".join(str(error).split())[:200]
        message = f"tokenizer {settings.model}: {reason}; give `./FILE`, a tokenizer.json among the inputs"
        raise DataError(ErrorCode.DATA_UNREADABLE, message) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
