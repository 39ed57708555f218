"""Steps, memory and FLOPs against arithmetic by hand, on sizes that are easy to multiply.

The model: 2 blocks, hidden 10, 3 heads and 1 of keys and values of dimension 4, intermediate 20, vocabulary 50.
A block's linear layers:      in  out  weights
    q_proj                    10   12      120
    k_proj, v_proj            10    4       40 each
    o_proj                    12   10      120
    gate_proj, up_proj        10   20      200 each
    down_proj                 20   10      200
                                           920, so 1,840 in both; embeddings and head 500 each; norms 60 in all.
"""

from dataclasses import replace

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training.estimate.architecture import Architecture, LinearLayers
from training.estimate.data_needs import DataNeed
from training.estimate.flops import compute_estimate, forward_flops
from training.estimate.memory import activation_bytes, memory_estimate
from training.estimate.workload import Workload, workload
from training.recipe import Recipe

SHAPES = {"q_proj": (10, 12), "k_proj": (10, 4), "v_proj": (10, 4), "o_proj": (12, 10)}
SHAPES |= {"gate_proj": (10, 20), "up_proj": (10, 20), "down_proj": (20, 10)}
SMALL = Architecture(
    model="small",
    config_source="this test",
    layers=2,
    hidden=10,
    heads=3,
    kv_heads=1,
    head_dim=4,
    intermediate=20,
    vocabulary=50,
    parameters=1_840 + 1_000 + 60,
    embeddings=1_000,
    head=500,
    head_norms=False,
    linears={name: LinearLayers(2, 2 * a, 2 * b, 2 * a * b) for name, (a, b) in SHAPES.items()},
)
MISSING = DataNeed("rows", "missing", "")
COMPLETE = DataNeed("rows", "complete", "", rows=110)
COMMON = {
    "data": {"folder": "rows"},
    "optimiser": {"learning_rate": 1e-3, "schedule": "cosine"},
    "evaluation": {"tasks": ["medqa"]},
    "gate": {},
}
PRETRAIN = COMMON | {
    "name": "pretrain",
    "kind": "pretrain",
    "batch": {"sequences": 4, "accumulation": 2, "length": 16},
    "tokens": 1_000,
}
SFT = COMMON | {
    "name": "sft",
    "kind": "sft",
    "batch": {"sequences": 4, "accumulation": 2, "length": 32},
    "epochs": 3,
    "expects": {"rows": 110, "prompt": 5, "completion": 7},
}
GRPO = COMMON | {
    "name": "grpo",
    "kind": "grpo",
    "prompts": 6,
    "micro_batch": 3,
    "rollout": {"generations": 4, "max_tokens": 20},
    "steps": 10,
    "beta": 0.0,
    "expects": {"prompt": 5, "completion": 7},
}
LORA = {
    "r": 2,
    "alpha": 4,
    "targets": ["q_proj", "down_proj"],
}  # 2 x (10 + 12) x 2 + 2 x (20 + 10) x 2 = 88 + 120 = 208


def recipe(stage, **more):
    content = {"name": "small", "about": "", "source": "", "base": {"model": "small"}, "lora": None, "stages": [stage]}
    return Recipe.model_validate(content | more)


def work(stage, devices=1, need=MISSING):
    return workload(recipe(stage).stages[0], devices, need)


def refused(stage, need=MISSING):
    """Return the message with which a stage can't be planned."""
    with pytest.raises(UsageError) as caught:
        work(stage, need=need)
    assert caught.value.code is ErrorCode.INVALID_RECIPE
    return str(caught.value)


def hardware(launch="one", gpus=1, utilisation=1.0, gpu="A100"):
    return {"hardware": {"gpu": gpu, "gpus": gpus, "utilisation": utilisation, "launch": launch}}


# Steps and tokens


def test_pretraining_makes_enough_full_steps_for_its_tokens():
    # 4 x 2 x 16 = 128 tokens a step on one GPU: 1,000 take 8 steps, which are 1,024; 3 GPUs: 384, so 3 steps, 1,152
    assert work(PRETRAIN) == Workload(8, 1_024, 1_024, 16)
    assert work(PRETRAIN, devices=3) == Workload(3, 1_152, 1_152, 16)


def test_fine_tuning_makes_complete_epochs():
    # 110 rows: 28 passes of 4, 14 steps of 2 passes, three times; 330 rows of 12 tokens, 7 of them with a loss
    assert work(SFT) == Workload(42, 3_960, 2_310, 12)
    # on 3 GPUs 110 / 12 = 9.2: 10 passes, 5 steps
    assert work(SFT, devices=3).steps == 15


def test_rows_that_are_held_out_are_not_trained_on():
    stopping = SFT | {"hold_out": 10, "patience": 2}
    assert work(stopping) == Workload(39, 3_600, 2_100, 12)  # 100 rows: 25 passes, 13 steps
    assert work(stopping, need=replace(COMPLETE, has_dev=True)) == work(SFT)
    assert "hold_out" in refused(stopping | {"hold_out": 110})


def test_rows_that_the_recipe_does_not_state_are_counted_from_the_data():
    without_rows = SFT | {"expects": {"prompt": 5, "completion": 7}}
    assert work(without_rows, need=COMPLETE) == work(SFT)
    assert "expects.rows" in refused(without_rows)


@pytest.mark.parametrize("stage", [SFT, GRPO])
def test_a_stage_without_expectations_cannot_be_planned(stage):
    assert "expects: {prompt:" in refused({key: value for key, value in stage.items() if key != "expects"})


def test_a_policy_samples_groups_and_mining_samples_the_whole_pool_each_time():
    # 10 steps x 6 prompts x 4 responses = 240, each of 12 tokens, 7 of them the completion's
    assert work(GRPO) == Workload(10, 2_880, 1_680, 12, 240)
    # mined before steps 1, 5 and 9: 3 times 2 responses to each of 100
    mining = GRPO | {"mining": {"every": 4, "samples": 2}, "expects": GRPO["expects"] | {"rows": 100}}
    assert work(mining).mined == 600
    assert work(mining | {"mining": {"every": 5, "samples": 2}}).mined == 400  # not after the last step


def test_a_pool_of_some_tiers_is_not_all_rows_of_the_data():
    mining = GRPO | {"mining": {"every": 4, "samples": 2}}
    need = replace(COMPLETE, rows=100)
    assert work(mining, need=need).mined == 600
    assert "expects.rows" in refused(mining | {"tiers": ["difficult"]}, need)
    stated = {"tiers": ["difficult"], "expects": GRPO["expects"] | {"rows": 30}}
    assert work(mining | stated, need=need).mined == 180


# FLOPs


def test_the_flops_of_a_forward_pass():
    # 2 x 1,840 per token, attention 4 x 2 layers x 3 heads x 4 x context 12 = 1,152; head 2 x 500 where there is a loss
    assert forward_flops(SMALL, recipe(SFT), 100, 30, 12) == 100 * (3_680 + 1_152) + 30 * 1_000
    assert forward_flops(SMALL, recipe(SFT, lora=LORA), 100, 30, 12) == 100 * (3_680 + 416 + 1_152) + 30_000


def test_training_all_weights_takes_three_forward_passes_and_a_fourth_with_checkpointing():
    amount = Workload(1, 100, 30, 12)
    forward = 100 * (3_680 + 1_152) + 30 * 1_000
    float32 = recipe(SFT, base={"model": "small", "dtype": "float32"})
    assert compute_estimate(SMALL, recipe(SFT), recipe(SFT).stages[0], amount).training == 4 * forward
    assert compute_estimate(SMALL, float32, float32.stages[0], amount).training == 3 * forward


def test_training_adapters_omits_the_gradients_of_frozen_weights():
    adapted = recipe(SFT, lora=LORA)
    forward = 100 * (3_680 + 416 + 1_152) + 30 * 1_000
    gradients = 100 * (416 + 1_152)
    assert (
        compute_estimate(SMALL, adapted, adapted.stages[0], Workload(1, 100, 30, 12)).training
        == 3 * forward + gradients
    )


@pytest.mark.parametrize(
    ("beta", "engine", "passes"), [(0.0, "transformers", 0), (0.1, "transformers", 1), (0.1, "vllm_colocate", 2)]
)
def test_a_policy_is_scored_by_its_reference_and_after_vllm_by_the_policy(beta, engine, passes):
    stage = GRPO | {"beta": beta, "rollout": GRPO["rollout"] | {"engine": engine}}
    planned = recipe(stage)
    forward = 2_880 * (3_680 + 1_152) + 1_680 * 1_000
    estimate = compute_estimate(SMALL, planned, planned.stages[0], work(stage))
    assert (estimate.training, estimate.scoring, estimate.sampling) == (4 * forward, passes * forward, forward)


def test_hours_are_flops_at_the_recipes_share_of_the_peak():
    planned = recipe(SFT, **hardware(utilisation=0.5))
    estimate = compute_estimate(SMALL, planned, planned.stages[0], work(SFT))
    assert estimate.hours == estimate.training_hours == pytest.approx(estimate.training / (156e12 * 3_600))


def test_sampling_takes_as_long_as_its_memory_traffic_where_that_is_longer():
    # 10 batches of 20 tokens at most, each reads 2 x (1,840 + 500) = 4,680 bytes; a token's keys and values take
    # 2 x 2 x 2 layers x 1 x 4 = 32 bytes, and 240 responses read 5 + 3.5 tokens on average, 7 times
    assert SMALL.kv_bytes == 32
    read = 10 * 20 * 4_680 + 240 * 7 * 8.5 * 32
    planned = recipe(GRPO, **hardware())
    estimate = compute_estimate(SMALL, planned, planned.stages[0], work(GRPO))
    assert estimate.sampling_hours == pytest.approx(read / 2.039e12 / 3_600)
    # on two GPUs each reads all weights
    planned = recipe(GRPO, **hardware("fsdp", gpus=2))
    estimate = compute_estimate(SMALL, planned, planned.stages[0], work(GRPO, devices=2))
    assert estimate.sampling_hours == pytest.approx((read + 10 * 20 * 4_680) / 2.039e12 / 3_600)
    # where computing takes longer, it decides
    planned = recipe(GRPO, **hardware(utilisation=1e-6))
    estimate = compute_estimate(SMALL, planned, planned.stages[0], work(GRPO))
    assert estimate.sampling_hours == pytest.approx(estimate.sampling / 312e6 / 3_600)


def test_a_server_counts_as_one_copy_of_the_weights():
    stage = GRPO | {"rollout": GRPO["rollout"] | {"engine": "vllm_server"}}
    one, two = (recipe(stage, **hardware("fsdp", gpus)) for gpus in (1, 2))
    hours = [compute_estimate(SMALL, each, each.stages[0], work(stage)).sampling_hours for each in (one, two)]
    assert hours[0] == hours[1] > 0


def test_mining_is_sampled_and_not_trained_on():
    # 600 responses besides the 240 that are trained on: 3.5 times the sampling, and 35 batches instead of 10
    planned = recipe(GRPO, **hardware())
    plain = compute_estimate(SMALL, planned, planned.stages[0], work(GRPO))
    mining = compute_estimate(SMALL, planned, planned.stages[0], replace(work(GRPO), mined=600))
    assert mining.sampling == 3.5 * plain.sampling
    assert mining.training == plain.training
    assert mining.sampling_hours == pytest.approx(3.5 * plain.sampling_hours)


# Memory


def test_a_block_saves_what_its_backward_pass_needs():
    # norms save 2 h = 20 in float32, attention 2 x (3 + 1) x 4 = 32, the MLP 3 i = 60: 80 + 2 x 92 = 264 bytes;
    # trained weights 20 after the norms, 20 before projections, 20 before down_proj: 2 x 60 more, 384
    assert activation_bytes(SMALL, recipe(SFT), 5) == 5 * (384 + 2 * 2 * 10)  # with the inputs of 2 blocks
    float32 = recipe(SFT, base={"model": "small", "dtype": "float32"})
    assert activation_bytes(SMALL, float32, 5) == 5 * 2 * 4 * (20 + 92 + 60)
    # adapters save the inputs of q_proj, 10, and down_proj, 20, and one byte each for a dropout mask
    assert activation_bytes(SMALL, recipe(SFT, lora=LORA | {"dropout": 0.0}), 5) == 5 * (264 + 2 * 30 + 40)
    assert activation_bytes(SMALL, recipe(SFT, lora=LORA), 5) == 5 * (264 + 3 * 30 + 40)
    # norms of (3 + 1) x 4 = 16 queries and keys
    normed = replace(SMALL, head_norms=True)
    assert activation_bytes(normed, recipe(SFT), 5) == 5 * (384 + 16 * (4 + 2) + 40)
    assert activation_bytes(normed, recipe(SFT, lora=LORA), 5) == 5 * (264 + 16 * 4 + 3 * 30 + 40)


def test_trained_weights_take_16_bytes_and_a_bfloat16_copy():
    planned = recipe(SFT)
    held = memory_estimate(SMALL, planned, planned.stages[0])
    assert held.weights + held.gradients + held.optimiser == 16 * 2_900
    assert held.copies == 2 * 2_900
    assert held.activations == 4 * 32 * (384 + 40)
    assert (held.reference, held.sampling) == (0, 0)
    assert held.total == 18 * 2_900 + 4 * 32 * 424


@pytest.mark.parametrize(("launch", "weight", "gradient", "moments"), [("fsdp", 4, 4, 8), ("deepspeed", 2, 2, 12)])
def test_states_are_divided_into_shards(launch, weight, gradient, moments):
    planned = recipe(SFT, **hardware(launch, gpus=4))
    held = memory_estimate(SMALL, planned, planned.stages[0])
    assert held.weights == 2_900 * weight / 4
    assert held.gradients == 2_900 * gradient / 4
    assert held.optimiser == 2_900 * moments / 4
    assert held.copies == 2 * (1_000 + 2 * 1_900 / 2)  # embeddings and head, and two blocks with their norms


def test_frozen_weights_have_the_recipes_dtype():
    def held(quantise="none", launch="one", gpus=1):
        base = {"model": "small", "quantise": quantise}
        planned = recipe(SFT, lora=LORA, base=base, **hardware(launch, gpus))
        return memory_estimate(SMALL, planned, planned.stages[0])

    assert held().weights == 2 * 2_900 + 4 * 208
    assert held().gradients == 4 * 208
    assert held().optimiser == 8 * 208
    assert held().copies == 0
    assert held(launch="fsdp", gpus=2).weights == (4 * 2_900 + 4 * 208) / 2  # FSDP shards one dtype alone
    # blocks in 4.127 bits, embeddings and norms in bfloat16
    assert held("nf4").weights == pytest.approx(1_840 * 4.127 / 8 + 2 * 1_060 + 4 * 208)


def test_a_reference_is_held_where_all_weights_are_trained_and_beta_is_positive():
    def reference(beta, lora):
        planned = recipe(GRPO | {"beta": beta}, lora=lora)
        return memory_estimate(SMALL, planned, planned.stages[0]).reference

    assert reference(0.1, None) == 4 * 2_900
    assert reference(0.0, None) == reference(0.1, LORA) == 0


@pytest.mark.parametrize(
    ("engine", "launch", "gpus", "held"),
    [
        ("transformers", "one", 1, 24 * 25 * 32),  # every response of a step at its longest, 5 + 20 tokens
        ("transformers", "fsdp", 2, 12 * 25 * 32 + 2 * 2_900),  # half of them each, and the gathered weights
        ("vllm_colocate", "one", 1, 24e9),  # 0.3 x 80 GB
        ("vllm_server", "one", 1, 0),
    ],
)
def test_sampling_needs_memory_for_its_cache(engine, launch, gpus, held):
    planned = recipe(GRPO | {"rollout": GRPO["rollout"] | {"engine": engine}}, **hardware(launch, gpus))
    assert memory_estimate(SMALL, planned, planned.stages[0]).sampling == held


def test_a_forward_pass_of_a_policy_is_a_micro_batch_of_the_longest_sequences():
    planned = recipe(GRPO)
    assert memory_estimate(SMALL, planned, planned.stages[0]).activations == 3 * 25 * (384 + 40)


def test_an_unknown_lora_target_is_refused_with_the_existing_layers():
    planned = recipe(SFT, lora=LORA | {"targets": ["q_proj", "c_attn"]})
    with pytest.raises(UsageError, match=r"c_attn; .*q_proj, k_proj") as caught:
        compute_estimate(SMALL, planned, planned.stages[0], work(SFT))
    assert caught.value.code is ErrorCode.INVALID_RECIPE


DISTILL = COMMON | {
    "name": "distill",
    "kind": "distill",
    "teacher": {"model": "large"},
    "prompts": 24,
    "micro_batch": 3,
    "rollout": {"max_tokens": 20},
    "steps": 10,
    "expects": {"prompt": 5, "completion": 7},
}


def test_distillation_samples_once_for_each_prompt_and_the_teacher_scores_it():
    assert work(DISTILL) == work(GRPO)
    made = recipe(DISTILL, **hardware())
    teacher = replace(SMALL, model="large", head=1_000)
    done = work(DISTILL)
    (alone, scored) = (compute_estimate(SMALL, made, made.stages[0], done, each) for each in (None, teacher))
    # 2,880 tokens through 1,840 weights and attention over 12 tokens, 1,680 of them through a head of 1,000.
    assert scored.scoring - alone.scoring == 2_880 * (2 * 1_840 + 4 * 2 * 3 * 4 * 12) + 1_680 * 2 * 1_000
    (without, holding) = (memory_estimate(SMALL, made, made.stages[0], each) for each in (None, teacher))
    assert holding.reference - without.reference == 2 * teacher.parameters
