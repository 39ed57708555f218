"""The first problem of a file is named by its place, once, in one line."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from evalsuite.util.validation import StrictModel, first_problem


class Inner(StrictModel):
    kind: Literal["inner"] = "inner"
    share: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"


class Other(StrictModel):
    kind: Literal["other"] = "other"


class Outer(StrictModel):
    count: int = 0
    name: str = ""
    parts: tuple[Annotated[Inner | Other, Field(discriminator="kind")], ...] = ()


def problem(content, **options):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(content)
    text = first_problem(caught.value, "file", **options)
    assert "\n" not in text
    return text


def test_place_and_number_of_problems_are_given():
    assert problem({"count": "1"}).startswith("count: ")
    assert "more" not in problem({"count": "1"})
    assert problem({"count": "1", "name": 2, "nome": 3}).endswith("(and 2 more)")
    assert problem([]).startswith("file: ")
    assert problem({"nome": 3}) == "nome: no such key"


def test_tags_of_a_union_are_hidden_and_its_members_joined():
    content = {"parts": ({"kind": "inner", "share": -1},)}
    assert problem(content, hidden=("inner",)).startswith("parts.0.share.")
    joined = problem(content, hidden=("inner",), depth=4)
    assert joined.startswith("parts.0.share: ") and " or " in joined and "more" not in joined


def test_a_model_is_frozen_and_typed_strictly():
    with pytest.raises(ValidationError):
        Outer(count=1).count = 2
    with pytest.raises(ValidationError):
        Outer(count=1.0)
