"""Read YAML files that people write by hand: task cards, policies, recipes, published scores. None is trusted."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, EvalsuiteError

MAX_VALUES: Final = 100_000
"""More values than any such file holds; aliases can unfold a kilobyte into billions."""
MAX_DEPTH: Final = 100
"""Deepest nesting of lists and mappings. libyaml composes recursively, and a few thousand levels overflow its stack."""
_LONGEST_NUMBER: Final = 100
"""Characters; YAML 1.1 also reads `1:20:30` as a number, in time that grows with the square of its length."""


def read_yaml(path: Path, max_bytes: int, error: type[EvalsuiteError], code: ErrorCode) -> object:
    """Parse a YAML file with the safe loader and return its content.

    A file that can't be read, is larger than `max_bytes`, is nested too deeply, unfolds to too many values, uses tags
    or gives a key of a mapping twice raises `error` with `code` and a message of one line. All of that is known before
    any value is built.
    """
    import yaml

    try:
        text = _read_text(path, max_bytes)
        if text is None:
            raise error(code, f"{path}: larger than {max_bytes} bytes, too large for a file written by hand")
        _check_events(text)
        content: object = yaml.load(text, Loader=_loader())
    except OSError as problem:
        raise error(code, f"{path}: {problem.strerror or problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as problem:
        raise error(code, f"{path}: not YAML: {' '.join(str(problem).split())[:200]}") from None
    return content


def _read_text(path: Path, max_bytes: int) -> str | None:
    """Return a file's text; None if it is larger than `max_bytes`."""
    if path.exists() and not path.is_file():  # a pipe would block for ever, a device never ends
        raise OSError(0, "not a regular file")
    with path.open("rb") as stream:
        raw = stream.read(max_bytes + 1)
    return None if len(raw) > max_bytes else raw.decode("utf-8")


class _Budget:
    """What the events of a document amount to: its depth, and the values that its aliases unfold to."""

    def __init__(self) -> None:
        self.open: list[tuple[str | None, int]] = []
        """Anchor of each open collection, and the values that were counted before it."""
        self.values = 0
        self.unfolded: dict[str, int] = {}
        """Values behind each anchor whose node is complete."""

    def add(self, event: Any) -> None:
        """Count one event; a document that exceeds a limit is a `YAMLError` with its line."""
        import yaml

        line = "" if event.start_mark is None else f", line {event.start_mark.line + 1}"
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.open.pop()
            if anchor is not None:
                self.unfolded[anchor] = self.values - before
            return
        if not isinstance(event, yaml.NodeEvent):
            return
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.unfolded:
                raise yaml.YAMLError(f"the alias *{event.anchor} refers to nothing, or to what it is part of{line}")
            self.values += self.unfolded[event.anchor]
        elif (tag := getattr(event, "tag", None)) is not None:
            raise yaml.YAMLError(f"tags such as {tag[:40]} have no place in such a file{line}")
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open.append((event.anchor, self.values))
            self.values += 1
        else:
            self.values += 1
            if event.anchor is not None:
                self.unfolded[event.anchor] = 1
        if len(self.open) > MAX_DEPTH:
            raise yaml.YAMLError(f"lists and mappings are nested more than {MAX_DEPTH} deep{line}")
        if self.values > MAX_VALUES:
            raise yaml.YAMLError(f"more than {MAX_VALUES:,} values, aliases unfolded{line}")


def _check_events(text: str) -> None:
    """Raise a `YAMLError` for a document that is nested too deeply or unfolds to too many values.

    Events come from a parser with a stack of its own, so this pass is safe at any depth, and it costs about a third of
    the time of loading. It ends at the first limit that is exceeded. A merge (`<<`) counts as its alias does.
    """
    import yaml

    budget = _Budget()
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        budget.add(event)


@cache
def _loader() -> Any:
    """Return PyYAML's safe loader, changed to refuse duplicate keys and numbers of absurd length.

    PyYAML takes the last of two equal keys without a warning. ruamel.yaml refuses them, but reads all task cards
    together in 215 ms instead of 15 ms with its pure loader and in 25 ms with its C loader, and it parses YAML 1.2, in
    which `yes` is a string.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen = set()
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    continue
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, Hashable):
                    break  # the call below refuses it with its place
                if key in seen:
                    raise yaml.YAMLError(f"duplicate key {key}, line {key_node.start_mark.line + 1}")
                seen.add(key)
            mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
            return mapping

        def construct_scalar(self, node: yaml.Node) -> Any:
            if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"a number of {len(node.value)} characters, line {line}; quote it if it is a text")
            return super().construct_scalar(node)

    return Loader


_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
