"""Read YAML files that people write by hand: task cards, policies, recipes, published scores. None is trusted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, EvalsuiteError

MAX_VALUES: Final = 100_000
"""More values than any such file holds; aliases can unfold a kilobyte into billions."""
MAX_DEPTH: Final = 100
"""Deepest nesting of lists and mappings. libyaml composes recursively, and a few thousand levels overflow its stack."""


def read_yaml(path: Path, max_bytes: int, error: type[EvalsuiteError], code: ErrorCode) -> object:
    """Parse a YAML file with the safe loader and return its content.

    A file that can't be read, is larger than `max_bytes`, is nested too deeply, unfolds to too many values or gives a
    key of a mapping twice raises `error` with `code` and a message of one line.
    """
    import yaml

    try:
        if path.stat().st_size > max_bytes:
            raise error(code, f"{path}: larger than {max_bytes} bytes, too large for a file written by hand")
        text = path.read_text("utf-8")
        _check_depth(text)
        content = yaml.load(text, Loader=_loader())
    except OSError as problem:
        raise error(code, f"{path}: {problem.strerror or problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise error(code, f"{path}: not YAML: {' '.join(str(problem).split())[:200]}") from None
    if sum(1 for _ in islice(_values(content), MAX_VALUES)) == MAX_VALUES:
        raise error(code, f"{path}: aliases unfold to more than {MAX_VALUES:,} values")
    return content


def _check_depth(text: str) -> None:
    """Raise a `YAMLError` if lists and mappings are nested more deeply than `MAX_DEPTH`.

    Events come from a parser with a stack of its own, so this pass is safe at any depth, and it costs about a third of
    the time of loading. It ends at the first level that is too deep.
    """
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = "" if event.start_mark is None else f", line {event.start_mark.line + 1}"
                raise yaml.YAMLError(f"lists and mappings are nested more than {MAX_DEPTH} deep{line}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@cache
def _loader() -> Any:
    """Return PyYAML's safe loader, changed to refuse duplicate keys and merge keys that unfold without bound.

    PyYAML takes the last of two equal keys without a warning. ruamel.yaml refuses them, but reads all task cards
    together in 215 ms instead of 15 ms with its pure loader and in 25 ms with its C loader, and it parses YAML 1.2, in
    which `yes` is a string.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        merged_pairs = 0

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

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            """Copy the pairs of merged mappings (`<<`) into a node; called for each reference to a mapping as well."""
            super().flatten_mapping(node)
            # Lists of merges of lists of merges grow by a factor with each level and vanish again in the mapping, whose
            # keys are the same, so counting values at the end would be too late.
            self.merged_pairs += len(node.value)
            if self.merged_pairs > MAX_VALUES:
                raise yaml.YAMLError(f"aliases unfold to more than {MAX_VALUES:,} values")

    return Loader


def _values(content: object) -> Iterator[object]:
    """Yield every value of a document, as often as aliases repeat it."""
    pending = [content]
    while pending:
        value = pending.pop()
        yield value
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
