"""The three recipes' plans against arithmetic from their models' published sizes, and against TRL."""

import json
from dataclasses import replace

import pytest

from evalsuite.errors import UsageError
from training.estimate import estimate as plan
from training.estimate.architecture import architecture
from training.estimate.data_needs import DataNeed
from training.estimate.memory import VLLM_SHARE
from training.estimate.plan_table import print_plan
from training.estimate.workload import workload
from training.recipe import Recipe, read_recipe

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


# The three recipes, by hand from their models' published configs


def decoder(layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary, extra):
    """Untied; `extra`: parameters a block beside its linear layers' weights and its two norms."""
    attention = 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim
    block = attention + 3 * hidden * intermediate + 2 * hidden + extra
    return layers * block + hidden + 2 * vocabulary * hidden


@pytest.mark.parametrize(
    ("name", "parameters", "without", "stated"),
    [
        # Qwen3 norms each head of queries and keys: 2 x 128 weights; Qwen2.5 has biases on q, k and v
        ("reasonmed-8b", decoder(36, 4096, 32, 8, 128, 12288, 151936, 256), 2 * 151936 * 4096, (8.2, 6.95)),
        ("fleming-7b", decoder(28, 3584, 28, 4, 128, 18944, 152064, 3584 + 2 * 512), 2 * 152064 * 3584, (7.61, 6.53)),
        ("fleming-32b", decoder(64, 5120, 64, 8, 128, 25600, 151936, 256), 2 * 151936 * 5120, (32.8, 31.2)),
    ],
)
def test_parameters_are_those_of_the_published_sizes(name, parameters, without, stated):
    shape = architecture(read_recipe(name).base, None)
    assert shape.parameters == parameters
    assert shape.embeddings == without
    # the model cards' billions, with and without embeddings, to half a unit of their last digit
    assert shape.parameters / 1e9 == pytest.approx(stated[0], abs=0.05)
    assert (shape.parameters - shape.embeddings) / 1e9 == pytest.approx(stated[1], abs=0.05)
    assert shape.origin in ("the plan's own list", "the hub's cache")


def test_reasonmed_by_hand():
    found = plan(read_recipe("reasonmed-8b"))
    # r (in + out): q and o 64 x 8,192; k and v 64 x 5,120; gate, up and down 64 x 16,384; 36 blocks
    assert found.adapters == {
        "q_proj": 36 * 524_288,
        "k_proj": 36 * 327_680,
        "v_proj": 36 * 327_680,
        "o_proj": 36 * 524_288,
        "gate_proj": 36 * 1_048_576,
        "up_proj": 36 * 1_048_576,
        "down_proj": 36 * 1_048_576,
    }
    assert found.trained == 174_587_904
    pretrain, sft, grpo = found.stages
    # 512 x 32 x 4 on each of 4 GPUs: 262,144 tokens a step; 5e9 / 262,144 = 19,073.5
    assert (pretrain.amount.steps, pretrain.amount.tokens) == (19_074, 19_074 * 262_144)
    # 39,000 rows: 2,438 passes of 4 x 4, 610 steps; 3 epochs of 950 tokens
    assert (sft.amount.steps, sft.amount.tokens) == (1_830, 3 * 39_000 * 950)
    # 2,000 steps x 32 prompts x 8 responses of 700 tokens to 250
    assert (grpo.amount.steps, grpo.amount.sampled, grpo.amount.tokens) == (2_000, 512_000, 512_000 * 950)
    # blocks' weights 36 x 192,937,984 = 6,945,767,424; attention 4 x 36 x 32 x 128 = 589,824 a token of context
    ahead = pretrain.amount.tokens * (2 * (6_945_767_424 + 174_587_904) + 589_824 * 512 + 2 * 622_329_856)
    gradients = pretrain.amount.tokens * (2 * 174_587_904 + 589_824 * 512)
    assert pretrain.compute.training == pytest.approx(3 * ahead + gradients, rel=1e-12)
    assert pretrain.compute.hours == pytest.approx((3 * ahead + gradients) / (0.4 * 989.5e12) / 3_600)
    # 168 GPU-hours: the claimed 200 are plausible; 60 and 320 are many times what the other stages compute
    assert pretrain.ratio == pytest.approx(200 / 168, abs=0.02)
    assert [stage.claimed_hours for stage in found.stages] == [200, 60, 320]
    # FSDP: base and adapter in float32, a quarter each; for 32 x 512 tokens 2 L h and what a block keeps: inputs of its
    # norms and of those of queries and keys in float32, attention, the MLP, and the adapters' inputs with a mask
    assert pretrain.memory.weights == 4 * (8_190_735_360 + 174_587_904) / 4
    norms = 4 * (2 * 4096 + 4096 + 1024)
    block = norms + 2 * (2 * 4096 + 2 * 1024 + 3 * 12288) + 3 * (6 * 4096 + 12288)
    assert pretrain.memory.activations == 16_384 * (2 * 36 * 4096 + block)
    assert grpo.memory.sampling == 24e9
    assert found.notes == ()


def test_fleming_7b_by_hand():
    found = plan(read_recipe("fleming-7b"))
    assert found.trained == found.shape.parameters == 7_615_616_512
    cold, first, second = found.stages
    # 19,500 rows: 1,219 passes of 2 x 8, 305 steps, 3 epochs
    assert cold.amount.steps == 915
    assert (first.amount.sampled, first.amount.mined) == (500 * 64 * 8, 0)
    # the pool of 30,000 is asked 4 times before steps 1, 201 and 401
    assert (second.amount.sampled, second.amount.mined) == (500 * 64 * 16, 360_000)
    # 28 blocks of 233,046,016 weights; attention 4 x 28 x 28 x 128 = 401,408 a token of context; 4 passes
    ahead = cold.amount.tokens * (2 * 6_525_288_448 + 401_408 * 1_100) + cold.amount.labelled * 2 * 544_997_376
    assert cold.compute.training == pytest.approx(4 * ahead, rel=1e-12)
    assert cold.memory.weights + cold.memory.gradients + cold.memory.optimiser == 16 * 7_615_616_512 / 8
    assert {stage.ratio for stage in found.stages} == {None}


def test_fleming_32b_by_hand():
    found = plan(read_recipe("fleming-32b"))
    # 64 blocks: q and o 64 x 13,312, k and v 64 x 6,144, gate, up and down 64 x 30,720
    assert found.trained == 64 * 64 * (2 * 13_312 + 2 * 6_144 + 3 * 30_720)
    first, second = found.stages
    assert (first.amount.sampled, second.amount.sampled, second.amount.mined) == (153_600, 307_200, 240_000)
    # beta 0: no reference; what vLLM sampled is scored once, by the policy
    assert first.compute.scoring == first.compute.sampling
    assert len(found.notes) == 2
    assert "65.5 GB of weights and 262 kB of cache a token" in found.notes[0]


def test_tiny_by_hand(capsys):
    found = plan(read_recipe("tiny"))
    # 1,736 tokens x 128, tied; a block: q, k, v and o 128 x 128, gate, up and down 128 x 384, two norms of 128 and two
    # of 32, a head's width; and the last norm
    block = 4 * 128 * 128 + 3 * 128 * 384 + 2 * 128 + 2 * 32
    assert found.trained == found.shape.parameters == 1_736 * 128 + 4 * block + 128 == 1_075_584
    assert found.shape.embeddings == 1_736 * 128
    # of all rows of its data the last stage mines the 486 difficult ones, 4 times before steps 1 and 21
    assert found.stages[4].amount.mined == 2 * 4 * 486
    assert {stage.supply.state for stage in found.stages} == {"made"}
    print_plan(found)
    assert "1,075,584 trained (100.0%); config from the recipe's world" in capsys.readouterr().out


def test_a_world_s_model_is_measured_as_it_is_built(tmp_path):
    from training.tinyworld.build import build

    build(tmp_path, 2)
    recipe = read_recipe("tiny")
    other = recipe.model_copy(update={"world": recipe.world.model_copy(update={"seed": 2})})
    there, ahead = plan(other, tmp_path), plan(other)
    assert there.shape.origin == str(tmp_path / "start")
    assert replace(there.shape, origin="") == replace(ahead.shape, origin="")
    assert {stage.supply.state for stage in there.stages} == {"there"}


def test_a_folder_among_the_data_that_no_world_makes_is_asked_for():
    recipe = read_recipe("tiny")
    for changed in (
        recipe.model_copy(update={"world": None}),
        recipe.model_copy(update={"base": recipe.base.model_copy(update={"model": "./other"})}),
    ):
        with pytest.raises(UsageError, match=r"a folder among the recipe's data: say where that is, with --data"):
            plan(changed)


# Against the trainer


@pytest.mark.parametrize(("rows", "held_out"), [(37, 0), (48, 8)])
def test_fine_tuning_takes_the_steps_of_trl(tmp_path, rows, held_out):
    from datasets import Dataset
    from tiny import make_model
    from trl import SFTTrainer

    from training import trainer_config

    stage = read_recipe("fleming-7b").to_json()["stages"][0]
    stage |= {"batch": {"sequences": 3, "accumulation": 2, "length": 64}, "epochs": 2, "patience": None}
    stage |= {"hold_out": None, "expects": {"rows": rows, "prompt": 4, "completion": 4}}
    if held_out:
        stage |= {"hold_out": held_out, "patience": 2}
    content = read_recipe("fleming-7b").to_json() | {"stages": [stage]}
    content["base"] |= {"model": str(make_model(tmp_path / "model")), "dtype": "float32"}
    recipe = Recipe.model_validate(content)
    row = {"prompt": [{"role": "user", "content": "yes?"}], "completion": [{"role": "assistant", "content": "no"}]}
    data = Dataset.from_list([row] * (rows - held_out))
    asked = trainer_config.sft(recipe, recipe.stages[0], tmp_path / "out")
    trainer = SFTTrainer(model=recipe.base.model, args=asked, train_dataset=data, eval_dataset=data.select(range(2)))
    trainer.train()
    assert trainer.state.global_step == workload(recipe.stages[0], 1, DataNeed("", "missing", "")).steps


def test_vllm_reserves_the_share_that_trl_gives_it():
    from trl import GRPOConfig

    assert GRPOConfig(output_dir="unused", use_cpu=True, bf16=False).vllm_gpu_memory_utilization == VLLM_SHARE


# What is printed


def test_a_plan_says_what_a_reader_needs(tmp_path, capsys):
    found = plan(read_recipe("reasonmed-8b"), tmp_path)
    print_plan(found)
    said = capsys.readouterr().out
    for words in ("8,190,735,360 parameters", "174,587,904 trained (2.1%)", "4 x H100 at 40%", "the plan's own list"):
        assert words in said
    for words in ("19,074", "200", "claimed / plan", "PubMed abstracts, 2 B tokens", "missing: "):
        assert words in said
    content = json.loads(json.dumps(found.to_json()))
    assert [stage["supply"]["state"] for stage in content["stages"]] == ["missing"] * 3
    assert content["stages"][0]["memory"]["total"] == found.stages[0].memory.total
    assert content["trained"] == sum(content["adapters"].values())


def test_what_does_not_fit_is_said(capsys):
    recipe = read_recipe("fleming-7b").to_json()
    recipe["hardware"] |= {"gpus": 1, "launch": "one"}
    found = plan(Recipe.model_validate(recipe))
    # 18 bytes x 7.616e9; 2 x 4,096 tokens that keep 28 x 3,584 x 2 bytes and a block's 225,280
    assert pytest.approx(140.4e9, abs=0.05e9) == 18 * 7_615_616_512 + 8_192 * (200_704 + 204_800)
    assert "stage cold-start needs 140.6 GB of an H100's 80 GB" in found.notes[0]
    print_plan(found)
    assert found.notes[0][:60] in capsys.readouterr().out
    colocated = read_recipe("fleming-32b").to_json()
    for stage in colocated["stages"]:
        stage["rollout"]["engine"] = "vllm_colocate"
    notes = plan(Recipe.model_validate(colocated)).notes
    assert "vLLM's 30% of an H100's 80 GB don't hold 65.5 GB of weights: say engine: vllm_server" in notes[0]
