"""Tiny models and a real vllm server, shared by the integration tests."""

import pytest
import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a tiny random Qwen3-architecture model."""
    return tiny.make_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_adapter(tiny_model):
    """Folder of a random LoRA adapter for `tiny_model`."""
    return tiny.make_adapter(tiny_model.parent / "adapter", tiny_model)
