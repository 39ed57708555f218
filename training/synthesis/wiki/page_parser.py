"""Parses pages in a process of its own: whatever a page does to the parser ends that process and not the reading.

Broken or hostile markup can take a parser of wikitext very long. A page has `SECONDS` of processor time; the process
that goes beyond is ended by its own timer, the page is refused, and the next one gets a new process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command
from training.child_process import with_own_code
from training.synthesis.wiki.article import Article, read_article
from training.synthesis.wiki.page import Page, Site

SECONDS: Final = 10.0
"""Processor time of one page; a long article takes less than two."""
_MODULE: Final = "training.synthesis.wiki.page_parser"
_ANSWER: Final[TypeAdapter[Article | str]] = TypeAdapter(Article | str)
LARGEST_TEXT: Final = 4 << 20
"""Characters of the longest page that is parsed; MediaWiki's own limit is 2 MiB."""


class PageParser:
    """Reads articles one after the other: `with PageParser() as parser:`."""

    def __init__(self, seconds: float = SECONDS) -> None:
        if importlib.util.find_spec("mwparserfromhell") is None:
            message = f"reading articles needs the package mwparserfromhell: {install_command('synthesis')}"
            raise DataError(ErrorCode.MISSING_PACKAGE, message)
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def read(self, page: Page, site: Site) -> Article:
        """Return a page as an article. Raises `ValueError` for one that can't be parsed within the limits."""
        if len(page.text) > LARGEST_TEXT:
            raise ValueError(f"longer than {LARGEST_TEXT:,} characters")
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        try:
            pickle.dump((page, site, self._seconds), child.stdin)
            child.stdin.flush()
            # As JSON: a process that has read a stranger's markup is not to choose what is built here.
            found = _ANSWER.validate_json(child.stdout.readline())
        except (BrokenPipeError, ValidationError):
            status = self._end()
            over = status == -getattr(signal, "SIGPROF", 0)
            reason = f"takes more than {self._seconds:g} s to parse" if over else f"ends the parser (status {status})"
            raise ValueError(f"{reason}: broken markup?") from None
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            command = [sys.executable, "-m", _MODULE]
            pipe = subprocess.PIPE
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=with_own_code(dict(os.environ)))
        return self._child

    def _end(self) -> int:
        """End the process and return its status."""
        child, self._child = self._child, None
        if child is None:
            return 0
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return child.wait()


def _serve() -> None:
    """Answer each page on standard input with its article, or the reason why there is none, until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process by closing its input
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            page, site, seconds = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        _limit(seconds)
        found: Any
        try:
            found = read_article(page, site)
        except (ValueError, RecursionError, MemoryError) as error:
            found = str(error) or type(error).__name__
        _limit(0)
        answers.write(_ANSWER.dump_json(found) + b"\n")
        answers.flush()


def _limit(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    _serve()
