"""What a backend learns while it answers reaches the folder and the reader, also over a resumed run."""

import json

import pytest

import evalsuite as es
from evalsuite.models.backend import Backend, Decoding, Response
from evalsuite.run.progress import Pace


class Reluctant(Backend):
    """Answers A and learns at the first request that its server takes no temperature."""

    learns = True
    fails_from = 10**9

    def __init__(self, settings):
        super().__init__(settings)
        self.answered = 0

    async def answer(self, requests):
        for request in requests:
            if self.learns:
                self.unsent.add("temperature")
                self.notes["temperature"] = "the server takes no temperature"
            self.answered += 1
            if self.answered < self.fails_from:
                yield Response(request, text="<answer>A</answer>")


def stored(folder):
    return [json.loads((folder / name).read_bytes()) for name in ("run.json", "summary.json")]


def notes(summary):
    return [note for task in summary["tasks"].values() for note in task["notes"]]


def test_a_setting_that_was_not_sent_is_null_and_said(tmp_path):
    es.evaluate(Reluctant, "starter_recall", name="m", out=tmp_path / "run")
    run, summary = stored(tmp_path / "run")
    assert run["decoding"]["temperature"] is summary["decoding"]["temperature"] is None
    assert run["identity"]["decoding"]["temperature"] == 0.0, "the identity is what was requested"
    assert summary["decoding"]["max_tokens"] == Decoding().max_tokens
    assert "the server takes no temperature" in notes(summary)


def test_a_resumed_run_keeps_what_an_earlier_process_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(Reluctant, "fails_from", 5)
    es.evaluate(Reluctant, "starter_recall", name="m", out=tmp_path / "run")
    monkeypatch.setattr(Reluctant, "fails_from", 10**9)
    monkeypatch.setattr(Reluctant, "learns", False)
    es.evaluate(Reluctant, "starter_recall", name="m", out=tmp_path / "run")
    run, summary = stored(tmp_path / "run")
    assert run["ended"]["status"] == "finished"
    assert summary["decoding"]["temperature"] is None
    assert "the server takes no temperature" in notes(summary)


@pytest.mark.parametrize(
    ("samples", "temperature", "learns", "questioned"),
    [(4, 0.0, False, True), (4, 0.7, False, False), (1, 0.0, False, False), (4, 0.0, True, False)],
)
def test_greedy_samples_are_questioned(tmp_path, monkeypatch, capsys, samples, temperature, learns, questioned):
    monkeypatch.setattr(Reluctant, "learns", learns)
    es.evaluate(
        Reluctant, "starter_recall", name="m", samples=samples, temperature=temperature, out=tmp_path, progress=True
    )
    run, summary = stored(tmp_path)
    assert ("equal_samples" in run["backend_notes"]) is questioned
    assert any("samples" in note for note in notes(summary)) is questioned
    if questioned:
        printed = capsys.readouterr().err
        assert printed.index(run["backend_notes"]["equal_samples"]) > 0


def test_random_draws_differ_at_temperature_0(tmp_path):
    es.evaluate("trivial/random", "starter_recall", samples=4, out=tmp_path)
    assert stored(tmp_path)[0]["backend_notes"] == {}


def test_runs_are_compared_only_if_a_setting_that_was_not_sent_is_allowed(tmp_path, monkeypatch):
    es.evaluate(Reluctant, "starter_recall", name="m", out=tmp_path / "a")
    monkeypatch.setattr(Reluctant, "learns", False)
    es.evaluate(Reluctant, "starter_recall", name="m", out=tmp_path / "b")
    with pytest.raises(es.EvalsuiteError) as caught:
        es.compare(tmp_path / "a", tmp_path / "b")
    assert caught.value.code is es.ErrorCode.RUNS_NOT_COMPARABLE
    compared = es.compare(tmp_path / "a", tmp_path / "b", allow=["decoding.temperature"])
    assert compared is not None


@pytest.mark.parametrize("batch", [1, 32])
def test_no_estimate_from_the_first_batch(batch):
    """A batch that needs 30 s to warm up says nothing about the 5 s that each later one takes."""
    pace = Pace(100.0)
    for _ in range(batch):
        assert pace.seconds_for(1000, 130.0) is None
        pace.count(130.0)
    assert pace.seconds_for(1000, 130.0) is None
    for at in (135.0, 140.0, 145.0, 150.0):
        for _ in range(batch):
            pace.count(at)
    assert pace.seconds_for(10 * batch, 150.0) == pytest.approx(50.0)


def test_equal_batches_give_an_estimate_behind_the_second():
    pace = Pace(0.0)
    for at in (10.0, 20.0):
        for _ in range(8):
            pace.count(at)
    assert pace.seconds_for(80, 20.0) == pytest.approx(100.0)
    assert pace.seconds_for(0, 20.0) == 0.0


def test_the_estimate_of_a_server_is_its_steady_rate():
    pace = Pace(0.0)
    for number in range(1000):
        pace.count(4.0 + number / 50)
    assert pace.seconds_for(500, 24.0) == pytest.approx(10.0, rel=0.05)
