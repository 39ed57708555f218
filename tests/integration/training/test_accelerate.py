"""Several processes train what one trains, and accelerate reads every key of the shipped configs."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import staged
import yaml

import training
from training.pipeline.worker import MODULE
from training.recipe import RECIPES, Hardware, read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec, write_spec

pytestmark = pytest.mark.integration

CONFIGS = Path(training.__file__).parent / "accelerate"
SECONDS = 300


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


def stage_of(sequences, lora):
    """A recipe whose step takes `sequences` rows a device; without dropout, which each draws for itself."""
    batch = {"sequences": sequences, "length": 128}
    return staged.recipe(staged.sft(batch=batch, epochs=1), lora=lora and staged.LORA | {"dropout": 0.0})


def launch(config, processes, recipe, run, data):
    """Train the first stage of a recipe by `accelerate launch`, as the pipeline does, and return its folder."""
    folder = TrainingFolder(run)
    write_spec(folder, TrainingSpec(recipe, data, control=False))
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--config_file", run / "config.yaml", "--num_processes", processes, "--main_process_port", port]
    command = [sys.executable, "-m", "accelerate.commands.launch", *options, "--module", MODULE, "stage", run, "sft"]
    variables = {"PYTHONPATH": str(CONFIGS.parent.parent), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(list(map(str, command)), env={**os.environ, **variables}, capture_output=True, timeout=SECONDS)
    assert ran.returncode == 0, ran.stderr.decode()[-3000:]
    return folder.stage(1, "sft")


def close(first, second):
    from safetensors.torch import load_file
    from torch import allclose

    one, two = (load_file(next(folder.model.glob("*.safetensors"))) for folder in (first, second))
    assert one.keys() == two.keys()
    assert [name for name in one if not allclose(one[name], two[name], atol=2e-5)] == []


PLAIN = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "MULTI_GPU", "use_cpu": True}
LAUNCH = {"num_machines": 1, "machine_rank": 0, "mixed_precision": "no", "main_training_function": "main"}


@pytest.mark.parametrize("lora", [None, staged.LORA], ids=["all weights", "lora"])
def test_two_processes_train_what_one_trains(data, tmp_path, lora):
    alone = staged.train(stage_of(4, lora), tmp_path / "1-sft", data)
    both = launch(PLAIN | LAUNCH, 2, stage_of(2, lora), tmp_path / "run", data)
    close(alone, both)
    facts = [folder.read("stage.json") for folder in (alone, both)]
    for key in ("state", "steps", "rows", "held_out", "tokens", "best_step"):
        assert facts[0][key] == facts[1][key]
    # Only one of the two processes writes the metrics.
    assert [line["step"] for line in both.read_metrics()] == [line["step"] for line in alone.read_metrics()]


@pytest.mark.parametrize("name", ["fsdp", "deepspeed"])
def test_accelerate_reads_every_key_of_the_shipped_configs(name):
    from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file

    found = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
    assert isinstance(found, ClusterConfig)
    assert (str(found.distributed_type.value), found.mixed_precision, found.use_cpu) == (name.upper(), "bf16", False)


def test_deepspeed_is_zero_3_and_saves_full_weights():
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(str(CONFIGS / "deepspeed.yaml")).deepspeed_config
    assert (found["zero_stage"], found["zero3_save_16bit_model"], found["zero3_init_flag"]) == (3, True, True)


def test_every_launch_of_a_recipe_has_a_config():
    for path in RECIPES.glob("*.yaml"):
        recipe = read_recipe(path)
        if recipe.hardware.launch != "one":
            assert (CONFIGS / f"{recipe.hardware.launch}.yaml").is_file()
            assert recipe.base.dtype == "bfloat16"
    choices = set(Hardware.model_json_schema()["properties"]["launch"]["enum"])
    assert choices - {"one"} == {path.stem for path in CONFIGS.glob("*.yaml")}


def test_no_config_repeats_a_setting_of_the_recipe():
    for path in CONFIGS.glob("*.yaml"):
        content = json.dumps(yaml.safe_load(path.read_text()))
        assert "num_processes" not in content
        assert "gradient_accumulation" not in content
