"""A page of YAML that somebody wrote by hand: a card, a policy, a table of published numbers. Never trusted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from evalsuite.errors import EvalsuiteError

MOST_VALUES = 100_000
"""More than any page holds; aliases can unfold a kilobyte into billions."""


def read_page(path: Path, largest: int, error: type[EvalsuiteError]) -> object:
    """Read a page of at most `largest` bytes; what can't be read, or says a key twice, is an `error` of one line."""
    import yaml

    try:
        if path.stat().st_size > largest:
            raise error(f"{path}: larger than {largest} bytes; it should be a page")
        facts = yaml.load(path.read_text("utf-8"), Loader=_loader())
    except OSError as trouble:
        raise error(f"{path}: {trouble.strerror or trouble}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as trouble:
        raise error(f"{path}: not YAML: {' '.join(str(trouble).split())[:200]}") from None
    if sum(1 for _ in islice(_values(facts), MOST_VALUES)) == MOST_VALUES:
        raise error(f"{path}: its aliases unfold to more than {MOST_VALUES:,} values; it should be a page")
    return facts


@cache
def _loader() -> Any:
    """YAML's safe loader, which takes the last of two equal keys in silence; this one refuses them."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            said = (key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge")
            keys = [self.construct_object(key, deep=True) for key in said]
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                raise yaml.YAMLError(f"{twice} is there twice, line {node.start_mark.line + 1}")
            found: dict[Hashable, Any] = super().construct_mapping(node, deep)
            return found

    return Loader


def _values(facts: object) -> Iterator[object]:
    """Every value in a parsed document, as often as it is said."""
    left = [facts]
    while left:
        value = left.pop()
        yield value
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
