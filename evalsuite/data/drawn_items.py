"""Items that a generator draws: drawn once, kept in the user's cache folder, and compared with the lock.

cache/evalsuite/drawn/<digest of all that the items depend on>.jsonl      a header, then one item a line

The cache is never trusted: a file whose header or checksum doesn't fit, or whose items are invalid, is drawn again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

from evalsuite.data import canonical, item_lock
from evalsuite.data.item_generator import ItemGenerator, described, find_generator
from evalsuite.data.own_items import native_row, own_items
from evalsuite.errors import DataError, ErrorCode, EvalsuiteError
from evalsuite.tasks.generated_items import GeneratedItems
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import Task
from evalsuite.tasks.task_arguments import Value, shown_arguments
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import dump_json_line, parse_json
from evalsuite.util.regular_file import read_regular_file
from evalsuite.version import __version__

_SLOW: Final = 2.0
"""Seconds from which on drawing is worth a file."""
_LARGEST: Final = 1 << 28
"""Bytes of the largest file in the cache that is read."""
_drawn: dict[str, tuple[Item, ...]] = {}
"""Items that this process has drawn or read, by the digest of all that they depend on."""


@dataclass(frozen=True)
class Drawing:
    """The items of one task with its arguments, and what they depend on."""

    task: Task
    generated: GeneratedItems
    generator: ItemGenerator

    @property
    def made_by(self) -> str:
        """The generator and what it draws from, with their versions."""
        packages = "".join(f", {name} {version}" for name, version in sorted(self.generated.packages.items()))
        return f"{self.generated.generator} {self.generator.version}{packages}"

    @property
    def variant(self) -> str:
        """What these items are among those that the task may have."""
        arguments = shown_arguments(self.task.arguments)
        return f"{self.made_by}; {arguments}" if arguments else self.made_by

    @cached_property
    def key(self) -> str:
        """Digest of all that the items depend on."""
        return hashlib.sha256(orjson.dumps(self._facts, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def _facts(self) -> dict[str, Any]:
        return {
            "evalsuite": __version__,
            "made_by": self.made_by,
            "settings": self.generated.settings,
            "arguments": self.task.arguments,
            "items": self.task.items,
        }

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items; what is wrong with the generator, or with an item, is a `DataError`."""
        if self.key not in _drawn:
            _drawn[self.key] = self._cached() or self._draw()
        return _drawn[self.key]

    def _draw(self) -> tuple[Item, ...]:
        start, arguments = time.monotonic(), dict[str, Value](self.task.arguments)
        try:
            rows = list(self.generator.draw(self.generated.settings, arguments))
        except EvalsuiteError as error:
            raise DataError(error.code, f"{self.task.name}: {error}") from None
        except (Exception, SystemExit) as error:  # whatever is wrong with another package stops its own tasks alone
            message = f"{self.task.name}: generator {self.generated.generator!r} {described(error)}"
            raise DataError(ErrorCode.GENERATOR_FAILED, message) from error
        items = own_items(rows, f"{self.task.name}: {self.variant}")
        if self.task.items not in (0, len(items)):
            message = f"{self.task.name}: {self.variant}: {len(items)} items where the card says {self.task.items}"
            raise DataError(ErrorCode.DATA_CHANGED, message)
        if time.monotonic() - start > _SLOW:
            self._keep(items)
        return items

    @property
    def _file(self) -> Path:
        return drawn_folder() / f"{self.key}.jsonl"

    def _keep(self, items: tuple[Item, ...]) -> None:
        """Write items to the cache, if it can be written."""
        rows = b"".join(dump_json_line(native_row(item)) for item in items)
        header = {
            "task": self.task.name,
            "variant": self.variant,
            "licence": self.task.licence,
            "attribution": self.generated.attribution,
            "key": self.key,
            "sha256": hashlib.sha256(rows).hexdigest(),
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, dump_json_line(header) + rows)
        except OSError:
            return

    def _cached(self) -> tuple[Item, ...]:
        """Return the items of an intact file in the cache; empty: there is none."""
        try:
            header, _, rows = read_regular_file(self._file, _LARGEST).partition(b"\n")
            stated = parse_json(header)
            expected = {"key": self.key, "sha256": hashlib.sha256(rows).hexdigest()}
            if not isinstance(stated, dict) or not stated.items() >= expected.items():
                return ()
            items = own_items((parse_json(line) for line in rows.splitlines()), self.task.name)
        except (OSError, ValueError, DataError):
            return ()
        return items if self.task.items in (0, len(items)) else ()


def drawn_folder() -> Path:
    """Return the folder in which drawn items are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "evalsuite" / "drawn"


def drawing_of(task: Task) -> Drawing | None:
    """Return what draws a task's items; None: they come from files. A generator that can't be used is a `DataError`."""
    generated = task.generated
    return None if generated is None else Drawing(task, generated, find_generator(task, generated))


def load_drawn(drawing: Drawing, check: bool = True) -> Dataset:
    """Return the items with their digest; with `check`, items that the lock pins and that differ are a `DataError`."""
    task, items = drawing.task, drawing.items
    digest = canonical.digest(items)
    notes = [drawing.generated.attribution] if drawing.generated.attribution else []
    if check:
        notes += _checked(drawing, digest)
    return Dataset(task, items, digest, drawing.variant, task.folder, tuple(notes))


def _checked(drawing: Drawing, digest: str) -> list[str]:
    """Compare items with the lock, and return what a reader of the results must know."""
    task = drawing.task
    pinned = item_lock.read_digests(task.folder)
    if not pinned:
        return [f"no lock pins {drawing.variant}: the digest is {digest}"]
    section = lock_section(drawing)
    if section not in pinned:
        message = f"{task.name}: {drawing.made_by} would draw its items, items.lock is about {', '.join(pinned)}"
        raise DataError(ErrorCode.DATA_CHANGED, f"{message}; evalsuite data lock --tasks {task.name} writes it again")
    if task.given_arguments:
        return [f"drawn with {shown_arguments(task.given_arguments)}, which no lock pins: the digest is {digest}"]
    if digest != pinned[section]:
        changed = item_lock.describe_differences(drawing.items, item_lock.read_lock(task.folder)[section])
        message = f"{task.name}: {drawing.variant}: not the locked items: {changed or 'digest differs'}"
        raise DataError(ErrorCode.DATA_CHANGED, f"{message}; install {task.name}'s packages again")
    return []


def lock_section(drawing: Drawing) -> str:
    """Return the section of `items.lock` that pins the items which the defaults of the arguments give."""
    defaults: Mapping[str, Value] = {name: each.default for name, each in drawing.generated.arguments.items()}
    shown = shown_arguments(defaults)
    return f"{drawing.made_by}; {shown}" if shown else drawing.made_by
