"""The estimates of the shipped recipes against arithmetic from their models' published sizes, and against TRL."""

import json
from dataclasses import replace

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training.estimate import estimate as plan
from training.estimate.architecture import read_architecture
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
    """Return the parameters of an untied decoder; `extra`: parameters per block besides linear layers and two norms."""
    attention = 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim
    block = attention + 3 * hidden * intermediate + 2 * hidden + extra
    return layers * block + hidden + 2 * vocabulary * hidden


@pytest.mark.parametrize(
    ("name", "parameters", "without", "stated"),
    [
        # Qwen3 normalises each head of queries and keys: 2 x 128 weights; Qwen2.5 has biases on q, k and v
        ("reasonmed-8b", decoder(36, 4096, 32, 8, 128, 12288, 151936, 256), 2 * 151936 * 4096, (8.2, 6.95)),
        ("fleming-7b", decoder(28, 3584, 28, 4, 128, 18944, 152064, 3584 + 2 * 512), 2 * 152064 * 3584, (7.61, 6.53)),
        ("fleming-32b", decoder(64, 5120, 64, 8, 128, 25600, 151936, 256), 2 * 151936 * 5120, (32.8, 31.2)),
    ],
)
def test_parameters_are_those_of_the_published_sizes(name, parameters, without, stated):
    shape = read_architecture(read_recipe(name).base, None)
    assert shape.parameters == parameters
    assert shape.embeddings == without
    # the model cards' billions, with and without embeddings, to half a unit of their last digit
    assert shape.parameters / 1e9 == pytest.approx(stated[0], abs=0.05)
    assert (shape.parameters - shape.embeddings) / 1e9 == pytest.approx(stated[1], abs=0.05)
    assert shape.config_source in ("the list of known configs", "the hub's cache")


def test_reasonmed_by_hand():
    planned = plan(read_recipe("reasonmed-8b"))
    # r (in + out): q and o 64 x 8,192; k and v 64 x 5,120; gate, up and down 64 x 16,384; 36 blocks
    assert planned.adapters == {
        "q_proj": 36 * 524_288,
        "k_proj": 36 * 327_680,
        "v_proj": 36 * 327_680,
        "o_proj": 36 * 524_288,
        "gate_proj": 36 * 1_048_576,
        "up_proj": 36 * 1_048_576,
        "down_proj": 36 * 1_048_576,
    }
    assert planned.trained_parameters == 174_587_904
    pretrain, sft, grpo = planned.stages
    # 512 x 32 x 4 on each of 4 GPUs: 262,144 tokens a step; 5e9 / 262,144 = 19,073.5
    assert (pretrain.workload.steps, pretrain.workload.tokens) == (19_074, 19_074 * 262_144)
    # 39,000 rows: 2,438 passes of 4 x 4, 610 steps; 3 epochs of 950 tokens
    assert (sft.workload.steps, sft.workload.tokens) == (1_830, 3 * 39_000 * 950)
    # 2,000 steps x 32 prompts x 8 responses of 700 tokens to 250
    assert (grpo.workload.steps, grpo.workload.sampled, grpo.workload.tokens) == (2_000, 512_000, 512_000 * 950)
    # blocks' weights 36 x 192,937,984 = 6,945,767,424; attention 4 x 36 x 32 x 128 = 589,824 a token of context
    forward = pretrain.workload.tokens * (2 * (6_945_767_424 + 174_587_904) + 589_824 * 512 + 2 * 622_329_856)
    gradients = pretrain.workload.tokens * (2 * 174_587_904 + 589_824 * 512)
    assert pretrain.compute.training == pytest.approx(3 * forward + gradients, rel=1e-12)
    assert pretrain.compute.hours == pytest.approx((3 * forward + gradients) / (0.4 * 989.5e12) / 3_600)
    # 168 GPU-hours: the claimed 200 are plausible; 60 and 320 are many times what the other stages compute
    assert pretrain.ratio == pytest.approx(200 / 168, abs=0.02)
    assert [stage.claimed_hours for stage in planned.stages] == [200, 60, 320]
    # FSDP: base and adapter in float32, a quarter each; for 32 x 512 tokens 2 L h and what a block saves: inputs of its
    # norms and of those of queries and keys in float32, attention, the MLP, and the adapters' inputs with a mask
    assert pretrain.memory.weights == 4 * (8_190_735_360 + 174_587_904) / 4
    norms = 4 * (2 * 4096 + 4096 + 1024)
    block = norms + 2 * (2 * 4096 + 2 * 1024 + 3 * 12288) + 3 * (6 * 4096 + 12288)
    assert pretrain.memory.activations == 16_384 * (2 * 36 * 4096 + block)
    assert grpo.memory.sampling == 24e9
    (note,) = planned.notes
    assert "evalsuite train corpus reasonmed-8b " in note


def test_fleming_7b_by_hand():
    planned = plan(read_recipe("fleming-7b"))
    assert planned.trained_parameters == planned.architecture.parameters == 7_615_616_512
    cold, first, second = planned.stages
    # 19,500 rows: 1,219 passes of 2 x 8, 305 steps, 3 epochs
    assert cold.workload.steps == 915
    assert (first.workload.sampled, first.workload.mined) == (500 * 64 * 8, 0)
    # 4 samples of the pool of 30,000 before steps 1, 201 and 401
    assert (second.workload.sampled, second.workload.mined) == (500 * 64 * 16, 360_000)
    # 28 blocks of 233,046,016 weights; attention 4 x 28 x 28 x 128 = 401,408 a token of context; 4 passes
    forward = cold.workload.tokens * (2 * 6_525_288_448 + 401_408 * 1_100) + cold.workload.loss_tokens * 2 * 544_997_376
    assert cold.compute.training == pytest.approx(4 * forward, rel=1e-12)
    assert cold.memory.weights + cold.memory.gradients + cold.memory.optimiser == 16 * 7_615_616_512 / 8
    assert {stage.ratio for stage in planned.stages} == {None}


def test_fleming_32b_by_hand():
    planned = plan(read_recipe("fleming-32b"))
    # 64 blocks: q and o 64 x 13,312, k and v 64 x 6,144, gate, up and down 64 x 30,720
    assert planned.trained_parameters == 64 * 64 * (2 * 13_312 + 2 * 6_144 + 3 * 30_720)
    first, second = planned.stages
    assert (first.workload.sampled, second.workload.sampled, second.workload.mined) == (153_600, 307_200, 240_000)
    # beta 0: no reference; what vLLM sampled is scored once, by the policy
    assert first.compute.scoring == first.compute.sampling
    assert len(planned.notes) == 2
    assert "65.5 GB" in planned.notes[0] and "262 kB" in planned.notes[0]


def test_tiny_by_hand(capsys):
    planned = plan(read_recipe("tiny"))
    # 1,736 tokens x 128, tied; a block: q, k, v and o 128 x 128, gate, up and down 128 x 384, two norms of 128 and two
    # of 32, a head's width; and the last norm
    block = 4 * 128 * 128 + 3 * 128 * 384 + 2 * 128 + 2 * 32
    assert planned.trained_parameters == planned.architecture.parameters == 1_736 * 128 + 4 * block + 128 == 1_075_584
    assert planned.architecture.embeddings == 1_736 * 128
    # the last stage mines the 486 difficult rows with 4 samples before steps 1 and 21
    assert planned.stages[4].workload.mined == 2 * 4 * 486
    assert {stage.data.state for stage in planned.stages} == {"generated"}
    print_plan(planned)
    assert "1,075,584 trained (100.0%); config from the recipe's world" in capsys.readouterr().out


def test_the_model_of_a_world_is_measured_before_it_exists_as_after(tmp_path):
    from training.tinyworld.build import build

    build(tmp_path, 2)
    recipe = read_recipe("tiny")
    other = recipe.model_copy(update={"world": recipe.world.model_copy(update={"seed": 2})})
    after, before = plan(other, tmp_path), plan(other)
    assert after.architecture.config_source == str(tmp_path / "start")
    assert replace(after.architecture, config_source="") == replace(before.architecture, config_source="")
    assert {stage.data.state for stage in after.stages} == {"complete"}


def test_a_base_model_among_the_data_that_no_world_generates_needs_the_data_folder():
    recipe = read_recipe("tiny")
    for changed in (
        recipe.model_copy(update={"world": None}),
        recipe.model_copy(update={"base": recipe.base.model_copy(update={"model": "./other"})}),
    ):
        with pytest.raises(UsageError) as caught:
            plan(changed)
        assert caught.value.code is ErrorCode.MISSING_ARGUMENT and "`data`" in str(caught.value)


# Against the trainer


@pytest.mark.parametrize(("rows", "held_out"), [(37, 0), (48, 8)])
def test_fine_tuning_makes_as_many_steps_as_trl(tmp_path, rows, held_out):
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
    config = trainer_config.sft(recipe, recipe.stages[0], tmp_path / "out")
    trainer = SFTTrainer(model=recipe.base.model, args=config, train_dataset=data, eval_dataset=data.select(range(2)))
    trainer.train()
    assert trainer.state.global_step == workload(recipe.stages[0], 1, DataNeed("", "missing", "")).steps


def test_vllm_reserves_the_share_that_trl_gives_it():
    from trl import GRPOConfig

    assert GRPOConfig(output_dir="unused", use_cpu=True, bf16=False).vllm_gpu_memory_utilization == VLLM_SHARE


# The printed tables


def test_a_printed_plan_has_parameters_hardware_steps_and_data(tmp_path, capsys):
    planned = plan(read_recipe("reasonmed-8b"), tmp_path)
    print_plan(planned)
    out = capsys.readouterr().out
    for words in (
        "8,190,735,360 parameters",
        "174,587,904 trained (2.1%)",
        "4 x H100 at 40%",
        "the list of known configs",
    ):
        assert words in out
    for words in ("19,074", "200", "claimed / plan", "PubMed abstracts, 2 B tokens", "missing: "):
        assert words in out
    content = json.loads(json.dumps(planned.to_json()))
    assert [stage["data"]["state"] for stage in content["stages"]] == ["missing"] * 3
    assert content["stages"][0]["memory"]["total"] == planned.stages[0].memory.total
    assert content["trained_parameters"] == sum(content["adapters"].values())


def test_a_stage_that_does_not_fit_into_memory_is_noted(capsys):
    recipe = read_recipe("fleming-7b").to_json()
    recipe["hardware"] |= {"gpus": 1, "launch": "one"}
    planned = plan(Recipe.model_validate(recipe))
    # 18 bytes x 7.616e9; 2 x 4,096 tokens that save 28 x 3,584 x 2 bytes and a block's 225,280
    assert pytest.approx(140.4e9, abs=0.05e9) == 18 * 7_615_616_512 + 8_192 * (200_704 + 204_800)
    assert all(value in planned.notes[0] for value in ("cold-start", "140.6 GB", "80 GB"))
    print_plan(planned)
    assert planned.notes[0][:60] in capsys.readouterr().out
    colocated = read_recipe("fleming-32b").to_json()
    for stage in colocated["stages"]:
        stage["rollout"]["engine"] = "vllm_colocate"
    notes = plan(Recipe.model_validate(colocated)).notes
    assert all(value in notes[0] for value in ("30%", "80 GB", "65.5 GB", "vllm_server"))
