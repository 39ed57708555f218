"""What all models of files that people write share: strict validation, and its errors in one line."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, ValidationError


class StrictModel(BaseModel):
    """Frozen, typed strictly, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def first_problem(
    error: ValidationError, root: str, *, depth: int | None = None, hidden: Collection[str] = frozenset()
) -> str:
    """Return the first problem in one line: its place, what is wrong, and how many more problems there are.

    `root` is the place of a problem of the whole file. `depth` is how many parts of the place are named; problems that
    have these parts in common, such as one for each member of a union, are then joined by "or". `hidden` are parts that
    pydantic adds to the place and that no file has, such as the tag of a union.
    """
    problems = error.errors()
    place = problems[0]["loc"][:depth]
    alike = problems[:1] if depth is None else [each for each in problems if each["loc"][: len(place)] == place]
    reasons = dict.fromkeys(
        "no such key" if each["type"] == "extra_forbidden" else each["msg"].removeprefix("Value error, ")
        for each in alike
    )
    more = f" (and {len(problems) - len(alike)} more)" if len(problems) > len(alike) else ""
    return f"{'.'.join(str(part) for part in place if part not in hidden) or root}: {' or '.join(reasons)}{more}"
