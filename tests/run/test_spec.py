"""A run names its model once: whatever is recorded is what answered."""

import json

import pytest

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.run.spec import RunSpec


def spec(**settings):
    return RunSpec("openai", ("medqa",), BackendSettings("org/model", **settings))


def test_the_recorded_name_is_the_name_that_the_backend_gets():
    stored = spec().to_json()
    assert stored["model"] == "openai/org/model" == spec().model
    assert "model" not in stored["settings"] and "backend" not in stored


def test_a_spec_with_a_second_model_name_is_refused_unless_it_is_the_same():
    stored = json.loads(json.dumps(spec().to_json()))
    stored["settings"]["model"] = "org/model"  # as versions before wrote it
    assert RunSpec.from_json(stored) == spec()
    stored["settings"]["model"] = "org/other"
    with pytest.raises(RunError, match=r"openai/org/model.*org/other") as caught:
        RunSpec.from_json(stored)
    assert caught.value.code is ErrorCode.RUN_INCONSISTENT


def test_secrets_in_an_address_are_not_stored():
    stored = spec(base_urls=("https://user:secret@host:1/v1?key=secret",)).to_json()
    assert stored["settings"]["base_urls"] == ["https://host:1/v1"]


@pytest.mark.parametrize("stored", [{}, {"model": 5}, {"model": "hf/x", "settings": []}, {"model": "hf/x", "tasks": 1}])
def test_anything_but_a_spec_is_one_error(stored):
    with pytest.raises(RunError) as caught:
        RunSpec.from_json(stored)
    assert caught.value.code is ErrorCode.RUN_UNREADABLE


@pytest.mark.parametrize(
    ("name", "settings", "more"),
    [
        ("samples", {}, {"samples": 0}),
        ("samples", {}, {"samples": 1_000_001}),
        ("limit", {}, {"limit": 0}),
        ("limit", {}, {"limit": 1 << 63}),
        ("seed", {"decoding": Decoding(seed=1 << 63)}, {}),
        ("seed", {"decoding": Decoding(seed=-(1 << 63) - 1)}, {}),
        ("concurrency", {"concurrency": 1 << 63}, {}),
        ("concurrency", {"concurrency": 0}, {}),
        ("scoring", {"scoring": "guess"}, {}),
        ("temperature", {"decoding": Decoding(temperature=-1)}, {}),
        ("temperature", {"decoding": Decoding(temperature=float("nan"))}, {}),
        ("top_p", {"decoding": Decoding(top_p=0)}, {}),
        ("max_tokens", {"decoding": Decoding(max_tokens=0)}, {}),
        ("max_tokens", {"decoding": Decoding(max_tokens=1 << 63)}, {}),
        ("thinking", {"decoding": Decoding(thinking="maybe")}, {}),
        ("thinking_budget", {"decoding": Decoding(thinking_budget=-1)}, {}),
    ],
)
def test_a_value_out_of_range_is_named_with_its_argument(name, settings, more):
    with pytest.raises(UsageError, match=f"`{name}`") as caught:
        RunSpec("openai", ("medqa",), BackendSettings("m", **settings), **more)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
