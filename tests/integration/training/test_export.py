"""The export of a run with adapters: weights, model card, manifest and checksums."""

import json

import mini
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

pytestmark = pytest.mark.integration

LORA = {"r": 4, "alpha": 8, "dropout": 0.0}


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tasks, data):
    """The export of a run whose second stage was refused."""
    home = tmp_path_factory.mktemp("lora")
    strict = {"gains": {mini.TASK: 0.5}}
    stages = [mini.trace_stage(2e-2, gate={}), mini.trace_stage(1e-4, gate=strict) | {"name": "more"}]
    recipe = mini.write_recipe(home / "mini.yaml", stages, lora=LORA)
    ended = mini.training("run", recipe, "--data", data, "--out", home / "run", tasks=tasks)
    assert ended.returncode == 1, ended.stderr
    assert str(home / "run/stages/1-traces/model") in ended.stderr
    ended = mini.training("export", home / "run", "--out", home / "export", tasks=tasks)
    assert ended.returncode == 0, ended.stderr
    return home / "export"


def test_only_promoted_stages_are_exported(exported):
    assert [folder.name for folder in (exported / "adapters").iterdir()] == ["1-traces"]
    assert {file.suffix for file in exported.rglob("*") if file.is_file()} <= {".safetensors", ".json", ".jinja", ".md"}


def test_the_merged_weights_answer_as_base_and_adapter_do(exported, data):
    base = AutoModelForCausalLM.from_pretrained(data / "base")
    prompt = AutoTokenizer.from_pretrained(exported / "model")("The patient has chest pain.", return_tensors="pt")
    with torch.no_grad():
        plain = base(**prompt).logits
        merged = AutoModelForCausalLM.from_pretrained(exported / "model")(**prompt).logits
        adapted = PeftModel.from_pretrained(base, exported / "adapters" / "1-traces")(**prompt).logits
    assert torch.allclose(merged, adapted, atol=1e-3) and not torch.allclose(plain, adapted, atol=1e-1)


def test_the_card_has_every_measurement_and_every_verdict(exported):
    card = (exported / "README.md").read_text("utf-8")
    assert card.startswith("---\n") and "not a medical device" in card
    gates = (exported.parent / "run/stages/2-more/gate.json").read_text("utf-8")
    assert "| 1-traces | `letters` | 80 |" in card and "| 2-more | `letters` | 80 |" in card
    assert "- 2-more: refused: " in card and json.loads(gates)["reason"][:30] in card
    assert "`traces` | CC0-1.0" in card
    assert "| 1-traces | `letters` | 80 | 0 |" in card
    overlap = json.loads((exported / "manifest.json").read_text())["made_by"]["benchmark_overlap"]
    assert overlap == {"1-traces": {"letters": {"searched": 80, "found": []}}}


def test_no_file_names_a_path_of_this_machine(exported, data):
    for file in (file for file in exported.rglob("*") if file.suffix in (".json", ".md", ".jinja")):
        text = file.read_text("utf-8")
        assert str(data) not in text and str(exported.parent) not in text, file


def test_every_checksum_is_checked(exported, data, tasks):
    manifest = exported / "manifest.json"
    ended = mini.training("verify", manifest, "--data", data, tasks=tasks)
    assert ended.returncode == 0 and str(len(json.loads(manifest.read_text())["files"])) in ended.stdout
    weights = exported / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    try:
        ended = mini.training("verify", manifest, tasks=tasks)
    finally:
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    assert ended.returncode == 2 and str(weights) in ended.stderr and ended.stderr.count("\n") == 1
