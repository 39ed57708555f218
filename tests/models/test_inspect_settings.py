"""Settings that `inspect/` refuses before anything is sent, and those that it leaves to the provider."""

import pytest

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.inspect_ai import Inspect

SERVER = ("http://127.0.0.1:1/v1",)


@pytest.mark.parametrize("model", ["openai/Qwen3-8B", "openai/MedGemma-27b", "openai/foo1-8b"])
def test_a_foreign_model_behind_the_openai_provider_is_refused(model):
    with pytest.raises(UsageError) as caught:
        Inspect(BackendSettings(model, base_urls=SERVER))
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND
    assert f"inspect/openai-api/SERVICE/{model.removeprefix('openai/')}" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "urls"),
    [
        ("openai/gpt-4o-mini", SERVER),
        ("openai/o3-mini", SERVER),
        ("openai/Qwen3-8B", ()),
        ("openai-api/local/Qwen3-8B", SERVER),
    ],
)
def test_models_of_openai_and_other_providers_are_not(model, urls):
    Inspect(BackendSettings(model, base_urls=urls))


@pytest.mark.parametrize(("top_p", "unsent"), [(1.0, {"top_p"}), (0.9, set())])
def test_a_top_p_of_1_is_left_to_the_provider_and_recorded_as_not_sent(top_p, unsent):
    backend = Inspect(BackendSettings("mockllm/model", Decoding(top_p=top_p)))
    assert backend.unsent == unsent
