"""The private names of other libraries that we rely on, in one module each; a failed test's name says which broke."""

import importlib
import inspect

import policies
import pytest
import tiny

pytestmark = pytest.mark.integration

NAMES = [
    "inspect_ai._util.error.PrerequisiteError",
    "transformers.ContinuousBatchingConfig",
    "transformers.generation.continuous_batching.ContinuousBatchingManager.register_result_handler",
    "transformers.integrations.is_deepspeed_zero3_enabled",
    "transformers.trainer_utils.align_special_tokens",
    "peft.tuners.trainable_tokens.TrainableTokensLayer",
    "peft.tuners.tuners_utils.BaseTunerLayer.get_base_layer",
    "trl.GRPOTrainer._generate",
    "trl.GRPOTrainer._get_train_sampler",
    "vllm.lora.request.LoRARequest",
    "vllm.sampling_params.RequestOutputKind.FINAL_ONLY",
    "vllm.v1.engine.async_llm.AsyncLLM.add_lora",
    "vllm.v1.engine.async_llm.AsyncLLM.from_engine_args",
    "vllm.v1.engine.async_llm.AsyncLLM.get_tokenizer",
    "vllm.v1.engine.async_llm.AsyncLLM.shutdown",
    "vllm.v1.engine.exceptions.EngineDeadError",
]
ATTRIBUTES = [
    ("transformers.generation.continuous_batching.ContinuousBatchingManager", "background_thread_status"),
    ("trl.GRPOTrainer", "_metrics"),
    ("vllm.SamplingParams", "logprob_token_ids"),
    ("vllm.v1.engine.async_llm.AsyncLLM", "model_config"),
]
"""Names that only instances have: (class, attribute)."""


def resolve(name):
    """Return what a dotted name stands for; skips where the library isn't installed, or has no torch to run on."""
    library, *path = name.split(".")
    if library != "inspect_ai":
        pytest.importorskip("torch")
    found = pytest.importorskip(library)
    for depth, part in enumerate(path, 1):
        if not hasattr(found, part):
            importlib.import_module(".".join([library, *path[:depth]]))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_where_it_was(name):
    assert resolve(name) is not None


@pytest.mark.parametrize(("method", "parameters"), [("_generate", "prompts"), ("_get_train_sampler", "dataset")])
def test_trls_private_methods_take_what_we_give_them(method, parameters):
    assert list(inspect.signature(resolve(f"trl.GRPOTrainer.{method}")).parameters) == ["self", parameters]


@pytest.mark.parametrize(("owner", "attribute"), ATTRIBUTES)
def test_an_attribute_is_set_by_its_class(owner, attribute):
    assert attribute in inspect.getsource(resolve(owner))


def test_a_config_of_transformers_knows_its_commit():
    transformers = pytest.importorskip("transformers")
    from evalsuite.models.local.transformers_private_api import commit_hash

    config = transformers.Qwen3Config()
    config._commit_hash = "abc"
    assert commit_hash(config) == "abc" and commit_hash(transformers.Qwen3Config()) is None


def test_trls_completions_are_messages_in_the_order_of_their_prompts(tmp_path):
    pytest.importorskip("trl")
    from training.run_folder import StageFolder
    from training.stages import grpo
    from training.stages.job import StageJob

    tiny.make_model(tmp_path / "base")
    policies.make_items(tmp_path / "items")
    recipe = policies.recipe(tmp_path / "base", {"steps": 1})
    job = StageJob(recipe, recipe.stages[0], StageFolder(tmp_path / "out"), tmp_path / "base", tmp_path)
    trainer, _ = grpo.prepare(job)
    trainer.model.eval()
    prompts = [row["prompt"] for row in trainer.train_dataset.select(range(3))]
    completions = trainer.complete(prompts)
    assert [[message["role"] for message in completion] for completion in completions] == [["assistant"]] * 3
    assert trainer._metrics["eval"] and not trainer._metrics["train"]
    trainer.discard_evaluation_metrics()
    assert not trainer._metrics["eval"]
