"""A stage that is killed anywhere and started again ends with the same bits as one that never was."""

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
def whole(request, data, tmp_path_factory):
    """A recipe, and the folder of its stage, trained without a kill."""
    made = KINDS[request.param]
    return made, staged.train(made, tmp_path_factory.mktemp("whole") / "1-stage", data)


def same(found, whole):
    assert staged.weights_of(found.path) == staged.weights_of(whole.path)
    assert staged.rows_of(found.metrics) == staged.rows_of(whole.metrics)
    told = ("state", "steps", "best_step", "tokens", "epochs", "rows")
    assert {key: found.read("stage.json").get(key) for key in told} == {
        key: whole.read("stage.json").get(key) for key in told
    }


def test_the_same_seed_gives_the_same_bits_twice(whole, data, tmp_path):
    made, folder = whole
    same(staged.train(made, tmp_path / "1-stage", data), folder)


def test_killed_at_any_step_it_goes_on_to_the_same_bits(whole, data, tmp_path):
    made, folder = whole
    step = random.SystemRandom().randint(2, folder.read("stage.json")["steps"])
    print(f"killed at line {step}")
    assert staged.train_until("line", step, made, tmp_path / "1-stage", data) == -signal.SIGKILL
    same(staged.train(made, tmp_path / "1-stage", data), folder)


@pytest.mark.parametrize("lora", [None, staged.LORA])
@pytest.mark.parametrize("step", [9, 12, 17])
def test_killed_in_any_epoch_rows_go_on_in_the_same_order(data, tmp_path, step, lora):
    """Five steps an epoch, so that checkpoints 6 and 9 are in the middle of the second and 15 is at the third's end."""
    made = staged.recipe(staged.pretrain("pairs", steps=17), lora=lora)
    folder = staged.train(made, tmp_path / "whole" / "1-stage", data)
    assert staged.train_until("line", step, made, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert checkpoints.latest(tmp_path / "1-stage" / "checkpoints").step == {9: 6, 12: 9, 17: 15}[step]
    same(staged.train(made, tmp_path / "1-stage", data), folder)


@pytest.mark.parametrize("file", [2, 7])
def test_killed_while_it_writes_a_checkpoint_it_goes_on_from_the_one_before(whole, data, tmp_path, file):
    made, folder = whole
    assert staged.train_until("file", file, made, tmp_path / "1-stage", data) == -signal.SIGKILL
    same(staged.train(made, tmp_path / "1-stage", data), folder)


def test_killed_before_the_model_is_written_it_takes_no_step_more(whole, data, tmp_path):
    made, folder = whole
    assert staged.train_until("model", 1, made, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert not (tmp_path / "1-stage" / "model").exists()
    moved = tmp_path / "moved" / "1-stage"
    staged.copy(tmp_path / "1-stage", moved)
    same(staged.train(made, moved, data), folder)


def test_killed_with_its_patience_half_gone_it_stops_where_it_would_have(data, tmp_path):
    # What is learnt from the train rows, always A, is wrong on the dev rows, always B: the loss turns soon.
    train, dev = ([staged.trace(number) for number in range(side, 24, 2)] for side in (0, 1))
    staged.put(data / "turning", train=train, dev=dev)
    made = staged.recipe(
        staged.sft("turning", epochs=60, patience=2, hold_out=None, checkpoint_every=2, rate=2e-3), lora=staged.LORA
    )
    folder = staged.train(made, tmp_path / "whole" / "1-stage", data)
    told = folder.read("stage.json")
    assert told["steps"] == told["best_step"] + 2 * 2 < 60 * 3
    written = [line["step"] for line in folder.read_metrics()]
    number = 1 + next(place for place, step in enumerate(written) if step > told["best_step"] + 2)
    assert staged.train_until("line", number, made, tmp_path / "1-stage", data) == -signal.SIGKILL
    assert checkpoints.latest(tmp_path / "1-stage" / "checkpoints").step == told["best_step"] + 2
    same(staged.train(made, tmp_path / "1-stage", data), folder)


def test_a_stage_that_is_trained_is_left_alone(whole, data, tmp_path):
    made, folder = whole
    again = staged.copy(folder.path, tmp_path / "1-stage")
    again.note(state="training")
    written = {path: path.stat().st_mtime_ns for path in again.model.iterdir()}
    staged.train(made, again.path, data)
    assert again.state == "trained"
    assert {path: path.stat().st_mtime_ns for path in again.model.iterdir()} == written
