"""The start model of the tiny recipe: determined by its seed, small, one token per name, with an induction head."""

import random

import pytest
import torch

from training.tinyworld.corpus import base_documents
from training.tinyworld.graph import make_world
from training.tinyworld.items import LABELS
from training.tinyworld.model import make_model
from training.tinyworld.tokenizer import make_tokenizer

pytestmark = pytest.mark.integration
WORLD = make_world(1)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(WORLD)


def test_the_same_seed_makes_the_same_tokenizer_and_weights(tokenizer):
    again = make_tokenizer(make_world(1))
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    first, second = (make_model(tokenizer, 1).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = make_model(tokenizer, 2).state_dict()
    assert not torch.equal(first["model.layers.3.mlp.up_proj.weight"], other["model.layers.3.mlp.up_proj.weight"])


def test_every_name_and_every_answer_is_one_token(tokenizer):
    for names in WORLD.entities.values():
        for name in names:
            assert len(tokenizer(f" {name}")["input_ids"]) == 1
    for label in LABELS:
        assert tokenizer.tokenize(f"<answer>{label}</answer>") == ["<answer>", label, "</answer>"]


def test_any_text_is_decoded_to_itself(tokenizer):
    text = "Größe: 3 µg\n\n<answer>Q</answer> 你好 <|odd|>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_model_has_one_to_four_million_parameters(tokenizer):
    assert 1_000_000 < make_model(tokenizer, 1).num_parameters() < 4_000_000


def test_the_induction_head_attends_to_what_followed_a_token_before(tokenizer):
    """Its attention there is more than five times as large as if it were uniform."""
    model = make_model(tokenizer, 1)
    model.set_attn_implementation("eager")
    observed, uniform = [], []
    for row in list(base_documents(WORLD, 20, random.Random(0)))[::2]:
        ids = tokenizer(row["prompt"] + row["completion"])["input_ids"]
        with torch.no_grad():
            heads = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
        for place, token in enumerate(ids):
            if tokenizer.decode(token).strip() in {n for names in WORLD.entities.values() for n in names}:
                before = ids.index(token)
                if before < place:
                    observed.append(float(heads[1][0, 0, place, before + 1]))
                    uniform.append(1 / (place + 1))
    assert sum(observed) > 5 * sum(uniform)
