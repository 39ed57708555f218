"""Articles in a folder: files of wikitext (`.wikitext`, `.txt`) or Markdown (`.md`), each named by its title."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.regular_file import files_in, links_in, read_regular_file
from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.page import Page, Site

SUFFIXES: Final = (".wikitext", ".txt", ".md")
_LARGEST: Final = 16 << 20
_REDIRECT: Final = re.compile(r"\s*#REDIRECT:?\s*\[\[([^\]|#]+)", re.IGNORECASE)
_MARKDOWN: Final = (
    (re.compile(r"^```.*?^```\s*$", re.MULTILINE | re.DOTALL), "\n"),
    (re.compile(r"^\|.*\|\s*$", re.MULTILINE), ""),
    (re.compile(r"!\[[^\[\]\n]{0,300}\]\([^()\n]{0,500}\)"), ""),
    (re.compile(r"\[([^\[\]\n]{1,300})\]\([^()\n]{0,500}\)"), r"\1"),
    (re.compile(r"^#\s+(.+?)\s*#*$", re.MULTILINE), ""),
    (re.compile(r"^##\s+(.+?)\s*#*$", re.MULTILINE), r"== \1 =="),
    (re.compile(r"^#{3,6}\s+(.+?)\s*#*$", re.MULTILINE), r"=== \1 ==="),
    (re.compile(r"^[-+]\s+", re.MULTILINE), "* "),
    (re.compile(r"(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1"), r"\2"),
)


class ArticleFolder:
    """A folder that can be read again and again. `counts`: how many files the last reading left out, by reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site = Site(name=path.resolve().name)
        self.counts: Counter[str] = Counter()
        self.sha256 = ""

    def pages(self, problems: Problems) -> Iterator[Page]:
        """Yield the articles by name. A file that is no UTF-8 text, or too large, is a problem."""
        digest, self.counts = hashlib.sha256(), Counter()
        files = [file for file in files_in(self.path) if not file.name.startswith(".")]
        self.counts["links, which are not followed"] = sum(1 for _ in links_in(self.path))
        for file in files:
            if file.suffix.lower() not in SUFFIXES:
                self.counts["another kind of file"] += 1
                continue
            content = self._content(file, problems)
            digest.update(f"{file.relative_to(self.path).as_posix()}\0{len(content)}\0".encode() + content)
            page = self._page(file, content, problems)
            if page is not None:
                yield page
        self.sha256 = digest.hexdigest()
        if not files:
            raise DataError(ErrorCode.DATA_NOT_FOUND, f"{self.path}: no {', '.join(SUFFIXES)} in this folder")

    def _content(self, file: Path, problems: Problems) -> bytes:
        try:
            return read_regular_file(file, _LARGEST)
        except OSError as error:
            problems.add(file, 1, f"can't be read ({error})", ErrorCode.DATA_UNREADABLE)
            return b""

    def _page(self, file: Path, content: bytes, problems: Problems) -> Page | None:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            problems.add(file, line, "not UTF-8 text; save the file as UTF-8", ErrorCode.DATA_UNREADABLE)
            return None
        if file.suffix.lower() == ".md":
            for pattern, form in _MARKDOWN:
                text = pattern.sub(form, text)
        redirect = _REDIRECT.match(text)
        return Page(self.site.title(file.stem), "", "", "", redirect[1].strip() if redirect else "", text, 1)
