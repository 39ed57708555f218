"""docs/recipes.md explains every key that a recipe may have, with its default."""

import re
from pathlib import Path

import pytest

from training import recipe

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
WORDS = {word for span in re.findall(r"`([^`]+)`", PAGE) for word in re.split(r"[^\w]+", span)}
SECTIONS = [part for part in vars(recipe).values() if isinstance(part, type) and issubclass(part, recipe.RecipeSection)]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_explained(section):
    assert section.model_fields.keys() - WORDS == set()


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("hardware.utilisation", recipe.Hardware().utilisation),
        ("checkpoint_every", recipe.Pretrain.model_fields["checkpoint_every"].default),
        ("beta", recipe.Grpo.model_fields["beta"].default),
        ("base.dtype", recipe.Base.model_fields["dtype"].default),
        ("seed", recipe.Recipe.model_fields["seed"].default),
    ],
)
def test_a_documented_default_is_the_default(key, default):
    row = next(line for line in PAGE.splitlines() if re.match(rf"\| (\w+ \| )?`{re.escape(key)}` \|", line))
    assert f"| {default} |" in row
