"""The GRPO stage with TRL: prompts, rewards, the reference model, and when a phase ends."""

import json
import shutil

import policies
import pytest

from evalsuite.errors import DataError, ErrorCode, RunError
from training.curriculum.prompt_sampler import PromptSampler
from training.run_folder import StageFolder
from training.stages.rollout_reward import random_reward

pytest.importorskip("trl")

pytestmark = pytest.mark.integration
LORA = {"r": 4, "alpha": 8, "dropout": 0.05}
MINING = {"every": 2, "samples": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A policy, and a data folder."""
    folder = tmp_path_factory.mktemp("world")
    policies.make_items(folder / "data" / "items")
    return policies.make_policy(folder / "base"), folder / "data"


def trained(world, out, number=0, control=False, start=None, lora=None, **stage):
    base, data = world
    recipe = policies.recipe(base, stage, lora=lora)
    return policies.train(recipe, out, start or base, data, number, control)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_the_reference_is_the_start_and_the_same_seed_gives_the_same_bits(world, tmp_path, lora):
    runs = [trained(world, tmp_path / name, lora=lora, steps=3, micro_batch=6) for name in ("one", "two")]
    logged = [list(run.read_metrics()) for run in runs]
    assert logged[0][0]["kl"] == 0.0  # before the first step the policy is the reference
    assert logged[0][-1]["kl"] > 0.0
    assert policies.weights_of(runs[0]) == policies.weights_of(runs[1])
    assert runs[0].completions.read_bytes() == runs[1].completions.read_bytes()
    assert (runs[0].model / "adapter_config.json").exists() == (lora is not None)


def test_a_step_has_the_recipes_prompts_and_groups_and_its_log_agrees_with_the_journal(world, tmp_path):
    folder = trained(world, tmp_path / "run", steps=4, micro_batch=6)
    rows, logged = policies.journal(folder, "completions.jsonl"), list(folder.read_metrics())
    assert [line["step"] for line in logged] == [1, 2, 3, 4]
    drawn = []
    for line in logged:
        step = [row for row in rows if row["step"] == line["step"]]
        groups = [[row for row in step if row["group"] == group] for group in range(3)]
        assert [len({row["item"] for row in group}) for group in groups] == [1, 1, 1]
        assert [len(group) for group in groups] == [4, 4, 4]
        drawn += [group[0]["item"] for group in groups]
        rewards = [[row["reward"] for row in group] for group in groups]
        assert line["reward"] == pytest.approx(sum(map(sum, rewards)) / 12)
        assert line["groups_all_0"] == pytest.approx(sum(not any(group) for group in rewards) / 3)
        assert line["groups_all_1"] == pytest.approx(sum(all(group) for group in rewards) / 3)
        assert line["groups_all_0"] + line["groups_all_1"] == pytest.approx(line["frac_reward_zero_std"])
        assert line["length"] == pytest.approx(sum(row["tokens"] for row in step) / 12)
        assert line["unique_items"] == len(set(drawn))
    assert len(set(drawn)) == 12  # every item once before any is drawn again
    assert {row["reward"] for row in rows} == {0.0, 1.0}


def test_rollouts_and_the_saved_model_stop_at_the_recipes_end_token(world, tmp_path):
    from transformers import AutoTokenizer, GenerationConfig

    base = policies.never_stop(shutil.copytree(world[0], tmp_path / "base"))
    recipe = policies.recipe(base, {"steps": 2})
    with_eos = recipe.model_copy(update={"base": recipe.base.model_copy(update={"eos": "<|im_end|>"})})
    without, ended = (
        policies.train(each, tmp_path / name, base, world[1]) for name, each in (("a", recipe), ("b", with_eos))
    )
    assert [line["clipped"] for line in without.read_metrics()] == [1.0, 1.0]
    assert [line["clipped"] for line in ended.read_metrics()] == [0.0, 0.0]
    assert AutoTokenizer.from_pretrained(ended.model).eos_token == "<|im_end|>"
    assert GenerationConfig.from_pretrained(ended.model).eos_token_id == [2, 0]


@pytest.mark.parametrize("lora", [None, {"r": 4, "alpha": 8, "dropout": 0.5}])
def test_a_models_own_generation_settings_change_no_rollout_and_stay_its_own(world, tmp_path, lora):
    from transformers import GenerationConfig

    rollouts = []
    for name, settings in (("plain", {}), ("own", {"no_repeat_ngram_size": 1, "suppress_tokens": [0, 5, 6, 7]})):
        base = shutil.copytree(world[0], tmp_path / name / "base")
        GenerationConfig(eos_token_id=[2, 0], pad_token_id=0, do_sample=True, **settings).save_pretrained(base)
        folder = policies.train(policies.recipe(base, {"steps": 2}, lora=lora), tmp_path / name / "rl", base, world[1])
        rollouts.append([row["completion"] for row in policies.journal(folder, "completions.jsonl")])
        if lora is None:
            assert GenerationConfig.from_pretrained(folder.model).no_repeat_ngram_size == settings.get(
                "no_repeat_ngram_size"
            )
    assert rollouts[0] == rollouts[1] and len(set(rollouts[0])) > 1


@pytest.mark.parametrize(
    ("engine", "eos", "generation_kwargs"),
    [
        ("vllm_colocate", "<|im_end|>", {"stop_token_ids": [2]}),
        ("vllm_server", "<|im_end|>", {"stop_token_ids": [2]}),
        ("vllm_server", None, None),
        ("transformers", "<|im_end|>", None),
    ],
)
def test_vllm_gets_the_recipes_end_token_as_it_loads_its_own_tokenizer(world, tmp_path, engine, eos, generation_kwargs):
    from training import weights
    from training.stages.grpo import _config
    from training.stages.job import StageJob

    recipe = policies.recipe(world[0], {"rollout": {"generations": 4, "max_tokens": 16, "engine": engine}})
    recipe = recipe.model_copy(update={"base": recipe.base.model_copy(update={"eos": eos})})
    job = StageJob(recipe, recipe.stages[0], StageFolder(tmp_path / "1-rl"), world[0], world[1])
    config = _config(job, recipe.stages[0], weights.load_tokenizer(recipe, world[0], world[1]))
    assert config.generation_kwargs == generation_kwargs


def test_only_the_tiers_of_the_stage_are_drawn(world, tmp_path):
    folder = trained(world, tmp_path / "run", tiers=["easy", "moderate"], prompts=4, steps=2)
    assert {row["item"] for row in policies.journal(folder, "completions.jsonl")} == {f"item-{n}" for n in range(8)}
    with pytest.raises(DataError) as caught:
        trained(world, tmp_path / "few", tiers=["difficult"], prompts=5)
    assert caught.value.code is ErrorCode.TRAINING_NOT_POSSIBLE


def test_rows_need_a_tier_only_where_the_stage_selects_tiers(world, tmp_path):
    base, data = world
    rows = [json.loads(line) for line in (data / "items" / "train.jsonl").read_text().splitlines()]
    without_tier = [{key: value for key, value in row.items() if key != "tier"} for row in rows]
    policies.save_items(tmp_path / "data" / "items", without_tier)
    trained((base, tmp_path / "data"), tmp_path / "run", steps=1)
    with pytest.raises(DataError, match=r"train\.jsonl:1: tier: ") as caught:
        trained((base, tmp_path / "data"), tmp_path / "tiered", tiers=["easy"])
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED


def test_a_tier_without_rows_is_refused(world, tmp_path):
    base, _ = world
    file = policies.make_items(tmp_path / "source") / "train.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()][:4]
    policies.save_items(tmp_path / "data" / "items", rows)
    with pytest.raises(DataError, match=r"tier difficult.* easy$") as caught:
        trained((base, tmp_path / "data"), tmp_path / "run", tiers=["easy", "difficult"])
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED


def test_the_control_gets_random_rewards(world, tmp_path):
    """Only the reward differs: the completions of the first step are the same."""
    plain = trained(world, tmp_path / "plain", steps=3)
    control = trained(world, tmp_path / "control", control=True, steps=3, plateau={"window": 1, "gain": 0.9})
    rows = policies.journal(control, "completions.jsonl")
    assert len(rows) == 36  # the plateau does not end the control
    for place, row in enumerate(rows):
        assert row["reward"] == random_reward(3, row["step"], place % 12)
        assert row["strict"] == float(row["completion"] == f"<answer>{row['gold']}</answer>")
    assert [row["strict"] for row in rows] != [row["reward"] for row in rows]
    before = policies.journal(plain, "completions.jsonl")
    assert [row["completion"] for row in rows[:12]] == [row["completion"] for row in before[:12]]
    for step, line in enumerate(control.read_metrics(), 1):
        assert line["reward"] == pytest.approx(sum(row["reward"] for row in rows if row["step"] == step) / 12)
        assert line["strict"] == pytest.approx(sum(row["strict"] for row in rows if row["step"] == step) / 12)
    assert policies.weights_of(plain) != policies.weights_of(control)


def test_a_plateau_ends_the_phase(world, tmp_path):
    folder = trained(world, tmp_path / "run", steps=9, plateau={"window": 2, "gain": 1.0, "patience": 2})
    assert len(list(folder.read_metrics())) == 6  # a first window, and two that did not rise by 1
    facts = folder.read("stage.json")
    assert facts["ended"]["step"] == facts["steps"] == 6
    assert facts["ended"]["why"].startswith("plateau: ")
    again = trained(world, tmp_path / "run", steps=9, plateau={"window": 2, "gain": 1.0, "patience": 2})
    assert len(list(again.read_metrics())) == 6


def test_a_phase_that_mines_ends_by_the_mean_reward_of_the_pool(world, tmp_path):
    """At the second mining without a gain, whatever the rewards of the prompts that were drawn."""
    rule = {"window": 9, "gain": 1.0, "patience": 2}
    folder = trained(world, tmp_path / "run", steps=9, plateau=rule, mining=MINING)
    assert [line["step"] for line in policies.journal(folder, "mining.jsonl")] == [0, 2, 4]
    ended = folder.read("stage.json")["ended"]
    assert ended["step"] == 4
    assert f"{policies.journal(folder, 'mining.jsonl')[-1]['mean']:.3f} in window 3" in ended["why"]


def test_a_finished_phase_whose_model_was_not_saved_makes_no_further_step(world, tmp_path):
    settings = {"steps": 9, "plateau": {"window": 2, "gain": 1.0, "patience": 2}}
    folder = trained(world, tmp_path / "run", **settings)
    before = policies.weights_of(folder)
    folder.model.rename(tmp_path / "lost")
    folder.note(state="training")
    assert policies.weights_of(trained(world, tmp_path / "run", **settings)) == before
    assert folder.read("stage.json")["steps"] == 6


def test_a_policy_that_no_longer_ends_its_completions_has_collapsed(world, tmp_path):
    """The token limit of 2 cuts off every completion, as if the policy never ended them."""
    short = {"rollout": {"generations": 4, "max_tokens": 2}, "steps": 20}
    with pytest.raises(RunError, match=r"step 10: 100%") as caught:
        trained(world, tmp_path / "run", **short)
    assert caught.value.code is ErrorCode.TRAINING_FAILED
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_second_phase_starts_from_the_first_ones_model(world, tmp_path, lora):
    """Its reference is that model and not the base: the KL divergence of its first step is 0."""
    import torch
    from transformers import AutoModelForCausalLM

    first = trained(world, tmp_path / "stages" / "1-rl", lora=lora, steps=2)
    second = trained(world, tmp_path / "stages" / "2-rl", lora=lora, steps=2, start=first.model, mining=MINING)
    third = trained(world, tmp_path / "stages" / "3-rl", lora=lora, steps=1, start=second.model)
    for folder in (second, third):
        assert next(folder.read_metrics())["kl"] == 0.0
    if lora is not None:
        from peft import PeftModel

        for base, folder in ((world[0], second), (second.path / "start", third)):
            full = AutoModelForCausalLM.from_pretrained(base)
            adapter = first.model if folder is second else second.model
            merged = PeftModel.from_pretrained(full, adapter).merge_and_unload()
            start = AutoModelForCausalLM.from_pretrained(folder.path / "start")
            for name, weight in merged.state_dict().items():
                assert torch.equal(start.state_dict()[name], weight), name


def test_the_prompts_of_each_step_follow_from_the_minings_on_disk(world, tmp_path):
    folder = trained(world, tmp_path / "run", mining=MINING, steps=5)
    minings = policies.journal(folder, "mining.jsonl")
    assert [line["step"] for line in minings] == [0, 2, 4]
    assert all(len(line["right"]) == 12 and max(line["right"]) <= 2 for line in minings)
    assert 0 < sum(minings[0]["right"]) < 24
    from training.curriculum.mining import MiningHistory

    items = [f"item-{row}" for row in range(12)]
    history = MiningHistory(folder.path / "mining.jsonl", items, 4)
    sampler = PromptSampler(12, 3, 4, 1, 5, 3, history.weights_at)
    rows = policies.journal(folder, "completions.jsonl")
    for draw in range(5):
        step = [row["item"] for row in rows if row["step"] == draw + 1]
        assert step == [items[row] for row in sampler.draw(draw) for _ in range(4)]
    assert [line["step"] for line in folder.read_metrics() if "mined_mean" in line] == [1, 2, 4]
    with pytest.raises(RunError) as caught:
        MiningHistory(folder.path / "mining.jsonl", items[:-1], 4)
    assert caught.value.code is ErrorCode.TRAINING_DATA_CHANGED
