"""Every setting of the two documents' tables, in the configuration objects of TRL and PEFT."""

import math

import pytest
import staged

from training import trainer_config
from training.recipe import read_recipe
from training.run_folder import StageFolder
from training.stages.job import StageJob

pytestmark = pytest.mark.integration

REASONMED = read_recipe("reasonmed-8b")
FLEMING = [read_recipe("fleming-7b"), read_recipe("fleming-32b")]
PROJECTIONS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def check(config, **expected):
    assert {name: getattr(config, name) for name in expected} == expected


def test_reasonmed_is_qwen3_8b_with_one_shape_of_lora_throughout():
    config = trainer_config.lora(REASONMED.lora)
    check(config, r=64, lora_alpha=128, lora_dropout=0.05, target_modules=PROJECTIONS, bias="none")
    assert config.task_type == "CAUSAL_LM"
    assert REASONMED.base.model == "Qwen/Qwen3-8B"


def test_reasonmed_stage_1(tmp_path):
    config = trainer_config.pretrain(REASONMED, REASONMED.stages[0], tmp_path, devices=4)
    check(config, learning_rate=5e-5, lr_scheduler_type="cosine", warmup_steps=0.03)
    check(config, max_length=512, per_device_train_batch_size=32, gradient_accumulation_steps=4, max_steps=19_074)
    check(config, packing=True, packing_strategy="wrapped", padding_free=False, optim="adamw_torch_fused")
    assert sum(need.tokens for need in REASONMED.stages[0].data.needs) == REASONMED.stages[0].tokens == 5_000_000_000


def test_reasonmed_stage_2(tmp_path):
    config = trainer_config.sft(REASONMED, REASONMED.stages[1], tmp_path)
    check(config, learning_rate=2e-5, lr_scheduler_type="cosine", warmup_steps=0.02, num_train_epochs=3, max_steps=-1)
    check(config, completion_only_loss=True, assistant_only_loss=False, packing=False, loss_type="nll")
    check(config, load_best_model_at_end=True, metric_for_best_model="eval_loss", greater_is_better=False)
    check(config, eval_strategy="steps", eval_steps=REASONMED.stages[1].checkpoint_every, save_steps=config.eval_steps)
    assert REASONMED.stages[1].hold_out == 1_000
    assert REASONMED.stages[1].patience is not None


def test_reasonmed_stage_3(tmp_path):
    config = trainer_config.grpo(REASONMED, REASONMED.stages[2], tmp_path, devices=4)
    check(config, num_generations=8, beta=0.01, learning_rate=1e-6, lr_scheduler_type="constant", max_steps=2_000)
    check(config, num_iterations=1, generation_batch_size=256, use_vllm=True, vllm_mode="colocate", temperature=1.0)
    assert config.reward_weights is None


@pytest.mark.parametrize("recipe", FLEMING, ids=lambda recipe: recipe.name)
def test_fleming_subtracts_the_group_mean_and_raises_the_rollouts(recipe, tmp_path):
    first, second = (
        trainer_config.grpo(recipe, recipe.stage(name), tmp_path, devices=recipe.hardware.gpus)
        for name in ("rlvr-1", "rlvr-2")
    )
    for config in (first, second):
        # Equation 2: no standard deviation. Equation 1: no KL term, no division by a response's length.
        check(config, scale_rewards="none", beta=0.0, loss_type="dr_grpo")
    assert second.num_generations > first.num_generations
    assert recipe.stage("rlvr-1").tiers == ["easy", "moderate"]
    assert recipe.stage("rlvr-1").plateau is not None
    assert recipe.stage("rlvr-2").mining is not None


def test_fleming_32b_has_no_cold_start():
    assert [stage.kind for stage in FLEMING[0].stages] == ["sft", "grpo", "grpo"]
    assert [stage.kind for stage in FLEMING[1].stages] == ["grpo", "grpo"]
    assert [recipe.base.model for recipe in FLEMING] == ["Qwen/Qwen2.5-7B", "Qwen/Qwen3-32B"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_recipe_for_gpus_computes_in_bfloat16_and_one_for_cpus_does_not(dtype, tmp_path):
    base = REASONMED.base.model_copy(update={"dtype": dtype})
    recipe = REASONMED.model_copy(update={"base": base, "seed": 17})
    for config in (
        trainer_config.pretrain(recipe, recipe.stages[0], tmp_path, 4),
        trainer_config.sft(recipe, recipe.stages[1], tmp_path),
        trainer_config.grpo(recipe, recipe.stages[2], tmp_path, 4),
    ):
        on_gpus = dtype == "bfloat16"
        check(config, bf16=on_gpus, fp16=False, gradient_checkpointing=on_gpus, seed=17, data_seed=17)
        check(config, report_to=[], push_to_hub=False, logging_steps=1, save_total_limit=2, trust_remote_code=False)


@pytest.mark.parametrize(
    ("engine", "vllm"),
    [("transformers", (False, None)), ("vllm_colocate", (True, "colocate")), ("vllm_server", (True, "server"))],
)
def test_rollouts(engine, vllm, tmp_path):
    stage = REASONMED.stages[2]
    settings = {"engine": engine, "temperature": 0.7, "max_tokens": 333}
    stage = stage.model_copy(update={"rollout": stage.rollout.model_copy(update=settings)})
    config = trainer_config.grpo(REASONMED, stage, tmp_path, devices=1)
    check(config, use_vllm=vllm[0], temperature=0.7, max_completion_length=333)
    check(config, top_p=1.0, top_k=0, min_p=None, repetition_penalty=1.0, disable_dropout=True)
    check(config, vllm_importance_sampling_correction=True, vllm_importance_sampling_mode="token_truncate")
    check(config, vllm_importance_sampling_clip_max=3.0, vllm_importance_sampling_clip_min=None)
    check(config, use_bias_correction_kl=False, importance_sampling_level="token", generation_kwargs=None)
    if vllm[1]:
        assert config.vllm_mode == vllm[1]


def test_qlora_is_nf4_with_double_quantisation():
    import torch

    config = trainer_config.nf4()
    check(config, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    assert config.bnb_4bit_compute_dtype == torch.bfloat16


@pytest.fixture(scope="module")
def reasonmed(tmp_path_factory):
    """The trainers of the first two stages of Reason·Med's recipe, with a tiny base model on a CPU."""
    from training.stages import pretrain, sft

    data = staged.make_data(tmp_path_factory.mktemp("data"))
    staged.put(data / "traces", train=[staged.trace(number) for number in range(1_030)])
    base = REASONMED.base.model_copy(update={"model": "./base", "dtype": "float32"})
    recipe = REASONMED.model_copy(update={"base": base, "threads": 1})
    out = tmp_path_factory.mktemp("stages")
    jobs = [StageJob(recipe, stage, StageFolder(out / stage.name), data / "base", data) for stage in recipe.stages[:2]]
    return pretrain.prepare(jobs[0]), sft.prepare(jobs[1])


def test_the_optimizer_is_adamw(reasonmed):
    import torch

    for trainer, _ in reasonmed:
        optimizer = trainer.create_optimizer()
        assert isinstance(optimizer, torch.optim.AdamW)
        rate = trainer.args.learning_rate
        for group in optimizer.param_groups:
            assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (rate, (0.9, 0.999), 1e-8, 0.0)
        names = [name for name, weight in trainer.model.named_parameters() if weight.requires_grad]
        assert all(".lora_" in name for name in names)
        assert {name.split(".lora_")[0].rsplit(".", 1)[1] for name in names} == PROJECTIONS


def test_the_learning_rate_warms_up_and_falls_to_0_by_a_cosine(reasonmed):
    for trainer, _ in reasonmed:
        steps = 10_000
        trainer.lr_scheduler = None
        trainer.create_optimizer()
        (rate,) = trainer.create_scheduler(steps, trainer.optimizer).lr_lambdas[:1]
        warm = math.ceil(steps * trainer.args.warmup_steps)
        for step in (0, 1, warm // 2, warm, warm + (steps - warm) // 3, (steps + warm) // 2, steps - 1, steps):
            falling = 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
            assert rate(step) == pytest.approx(step / warm if step < warm else falling)
        assert (rate(0), rate(warm), rate((steps + warm) // 2), rate(steps)) == pytest.approx((0, 1, 0.5, 0))


def test_a_thousand_rows_are_held_out_for_early_stopping(reasonmed):
    from transformers import EarlyStoppingCallback

    trainer, facts = reasonmed[1]
    assert (facts["rows"], facts["held_out"]) == (30, 1_000) == (len(trainer.train_dataset), len(trainer.eval_dataset))
    (callback,) = [call for call in trainer.callback_handler.callbacks if isinstance(call, EarlyStoppingCallback)]
    assert callback.early_stopping_patience == REASONMED.stages[1].patience


def test_the_constant_rate_of_stage_3_is_constant(tmp_path):
    import torch
    from transformers import get_scheduler

    config = trainer_config.grpo(REASONMED, REASONMED.stages[2], tmp_path, devices=4)
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=config.learning_rate)
    schedule = get_scheduler(config.lr_scheduler_type, optimizer, config.get_warmup_steps(2_000), 2_000)
    assert {schedule.lr_lambdas[0](step) for step in (0, 1, 1_000, 1_999)} == {1}
