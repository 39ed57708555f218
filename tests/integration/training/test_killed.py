"""A stage that is killed anywhere and resumed ends in the same bits as one that was not."""

import random
import signal

import pytest
import staged

from training.stages import checkpoints

pytestmark = pytest.mark.integration

KINDS = {
    "pretrain": staged.recipe(staged.pretrain()),
    "pretrain with accumulation": staged.recipe(
        staged.pretrain(batch={"sequences": 2, "accumulation": 2, "length": 32}, steps=12)
    ),
    "pretrain on prompts and completions": staged.recipe(staged.pretrain("pairs", steps=17)),
    "sft with lora and early stopping": staged.recipe(staged.sft(), lora=staged.LORA),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", params=KINDS)
def finished(request, data, tmp_path_factory):
    """A recipe, and the folder of its stage, trained without a kill."""
    recipe = KINDS[request.param]
    return recipe, staged.train(recipe, tmp_path_factory.mktemp("finished") / "1-stage", data)


def assert_same(folder, expected):
    assert staged.weights_of(folder.path) == staged.weights_of(expected.path)
    assert staged.rows_of(folder.metrics) == staged.rows_of(expected.metrics)
    keys = ("state", "steps", "best_step", "tokens", "epochs", "rows")
    facts, expected_facts = folder.read("stage.json"), expected.read("stage.json")
    assert [facts.get(key) for key in keys] == [expected_facts.get(key) for key in keys]


def test_the_same_seed_gives_the_same_bits_twice(finished, data, tmp_path):
    recipe, folder = finished
    assert_same(staged.train(recipe, tmp_path / "1-stage", data), folder)


def test_killed_at_any_step_and_resumed_it_ends_in_the_same_bits(finished, data, tmp_path):
    recipe, folder = finished
    step = random.SystemRandom().randint(2, folder.read("stage.json")["steps"])
    print(f"killed at line {step}")
    assert staged.train_until("line", step, recipe, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert_same(staged.train(recipe, tmp_path / "1-stage", data), folder)


@pytest.mark.parametrize("lora", [None, staged.LORA])
@pytest.mark.parametrize("step", [9, 12, 17])
def test_killed_in_any_epoch_and_resumed_rows_keep_their_order(data, tmp_path, step, lora):
    """Five steps per epoch: checkpoints 6 and 9 are in the middle of the second, and 15 is at the end of the third."""
    recipe = staged.recipe(staged.pretrain("pairs", steps=17), lora=lora)
    folder = staged.train(recipe, tmp_path / "finished" / "1-stage", data)
    assert staged.train_until("line", step, recipe, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert checkpoints.latest(tmp_path / "1-stage" / "checkpoints").step == {9: 6, 12: 9, 17: 15}[step]
    assert_same(staged.train(recipe, tmp_path / "1-stage", data), folder)


@pytest.mark.parametrize("file", [2, 7])
def test_killed_while_it_writes_a_checkpoint_it_resumes_from_the_one_before(finished, data, tmp_path, file):
    recipe, folder = finished
    assert staged.train_until("file", file, recipe, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert_same(staged.train(recipe, tmp_path / "1-stage", data), folder)


def test_killed_before_the_model_is_written_it_takes_no_further_step(finished, data, tmp_path):
    recipe, folder = finished
    assert staged.train_until("model", 1, recipe, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert not (tmp_path / "1-stage" / "model").exists()
    moved = tmp_path / "moved" / "1-stage"
    staged.copy(tmp_path / "1-stage", moved)
    assert_same(staged.train(recipe, moved, data), folder)


def test_killed_with_half_of_its_patience_used_it_stops_at_the_same_step(data, tmp_path):
    # The train rows, always A, teach what is wrong on the dev rows, always B: the held-out loss soon rises.
    train, dev = ([staged.trace(number) for number in range(side, 24, 2)] for side in (0, 1))
    staged.put(data / "turning", train=train, dev=dev)
    recipe = staged.recipe(
        staged.sft("turning", epochs=60, patience=2, hold_out=None, checkpoint_every=2, rate=2e-3), lora=staged.LORA
    )
    folder = staged.train(recipe, tmp_path / "finished" / "1-stage", data)
    facts = folder.read("stage.json")
    assert facts["steps"] == facts["best_step"] + 2 * 2 < 60 * 3
    logged = [line["step"] for line in folder.read_metrics()]
    number = 1 + next(place for place, step in enumerate(logged) if step > facts["best_step"] + 2)
    assert staged.train_until("line", number, recipe, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert checkpoints.latest(tmp_path / "1-stage" / "checkpoints").step == facts["best_step"] + 2
    assert_same(staged.train(recipe, tmp_path / "1-stage", data), folder)


def test_a_trained_stage_is_left_as_it_is(finished, data, tmp_path):
    recipe, folder = finished
    again = staged.copy(folder.path, tmp_path / "1-stage")
    again.note(state="training")
    written = {path: path.stat().st_mtime_ns for path in again.model.iterdir()}
    staged.train(recipe, again.path, data)
    assert again.state == "trained"
    assert {path: path.stat().st_mtime_ns for path in again.model.iterdir()} == written
