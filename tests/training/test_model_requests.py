"""Prompts to a real server on loopback: each is requested once, whatever happens in between."""

import pytest
from replay_server import ReplayServer

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.run_folder import RunFolder
from training.model_requests import ask, ask_in_rounds, model_spec, prompt

MODEL = "openai/small"
ABOUT = {"version": 1}


def prompt_of(text):
    return prompt({"role": "user", "content": text})


def spec(server, **settings):
    return model_spec(MODEL, BackendSettings("", base_urls=(server.base_url,), **settings), "reading")


@pytest.fixture
def server():
    with ReplayServer({("small", text): text.upper() for text in ("one", "two", "three")}) as running:
        yield running


def chats(server):
    """Prompts of items, without those by which the backend probes the server."""
    return [body["messages"][-1]["content"] for body in server.requests if body["messages"][-1]["content"] in WORDS]


WORDS = ("one", "two", "three", "four")


def test_equal_prompts_are_one_request_and_nothing_is_requested_again(server, tmp_path):
    prompts = [prompt_of("one"), prompt_of("two"), prompt_of("one")]
    found = ask(spec(server), prompts, tmp_path, ABOUT)
    assert {found.records[each.key].text for each in prompts} == {"ONE", "TWO"}
    assert sorted(chats(server)) == ["one", "two"] and found.sent == 2
    again = ask(spec(server), [*prompts, prompt_of("three")], tmp_path, ABOUT)
    assert sorted(chats(server)) == ["one", "three", "two"] and again.sent == 1
    assert len(again.records) == 3
    assert RunFolder(tmp_path).facts["ended"]["status"] == "finished"


def test_a_request_that_failed_is_sent_again(server, tmp_path):
    prompts = [prompt_of("one"), prompt_of("four")]
    found = ask(spec(server), prompts, tmp_path, ABOUT)
    assert set(found.failed) == {prompts[1].key} and set(found.records) == {prompts[0].key}
    assert RunFolder(tmp_path).facts["ended"]["status"] == "incomplete"
    server.answers = {**server.answers, ("small", "four"): "FOUR"}
    again = ask(spec(server), prompts, tmp_path, ABOUT)
    assert again.records[prompts[1].key].text == "FOUR" and again.sent == 1 and not again.failed


@pytest.mark.parametrize(
    ("settings", "about"), [({"decoding": Decoding(temperature=1.0)}, ABOUT), ({}, {"version": 2})]
)
def test_other_requests_need_another_folder(server, tmp_path, settings, about):
    ask(spec(server), [prompt_of("one")], tmp_path, ABOUT)
    with pytest.raises(RunError) as error:
        ask(spec(server, **settings), [prompt_of("one")], tmp_path, about)
    assert error.value.code == ErrorCode.RUN_MISMATCH


def test_a_changed_response_is_refused(server, tmp_path):
    ask(spec(server), [prompt_of("one")], tmp_path, ABOUT)
    journal = RunFolder(tmp_path).journal("reading")
    journal.write_bytes(journal.read_bytes().replace(b"ONE", b"TWO"))
    with pytest.raises(RunError) as error:
        ask(spec(server), [prompt_of("one")], tmp_path, ABOUT)
    assert error.value.code == ErrorCode.JOURNAL_MALFORMED


@pytest.mark.parametrize("model", ["trivial/majority", "replay/recording.jsonl"])
def test_a_backend_for_items_alone_is_refused(model):
    with pytest.raises(UsageError) as error:
        model_spec(model, BackendSettings(""), "reading")
    assert error.value.code == ErrorCode.UNSUPPORTED_BY_BACKEND


def test_samples_of_a_prompt_are_requests_of_their_own(server, tmp_path):
    prompts = [prompt({"role": "user", "content": "one"}, sample=number) for number in range(3)]
    found = ask(spec(server), prompts, tmp_path, ABOUT)
    assert set(found.records) == {each.key for each in prompts} and len(chats(server)) == 3
    assert len({body["seed"] for body in server.requests if body["messages"][-1]["content"] == "one"}) == 3


def test_rounds_go_on_until_nothing_new_is_wanted_and_again_from_disk(server, tmp_path):
    def plan(answers):
        yield prompt_of("one")
        for first, then in (("one", "two"), ("two", "three")):
            if prompt_of(first).key in answers.records:
                yield prompt_of(then)

    found = ask_in_rounds(spec(server), plan, tmp_path, ABOUT)
    assert [found.records[prompt_of(text).key].text for text in ("one", "two", "three")] == ["ONE", "TWO", "THREE"]
    assert ask_in_rounds(spec(server), plan, tmp_path, ABOUT).sent == 0 and len(chats(server)) == 3


class TwoAtMost:
    """An allowance of two responses; at most one request is in flight."""

    def __init__(self):
        self.spent, self.in_flight, self.most = 0, 0, 0

    def take(self, prompt):
        if self.spent + self.in_flight >= 2 or self.in_flight:
            return False
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        return True

    def finish_request(self, prompt, record):
        self.in_flight -= 1
        self.spent += record is not None

    def spend(self, record):
        self.spent += 1


def test_an_allowance_ends_the_requests_and_a_higher_one_goes_on(server, tmp_path):
    prompts = [prompt_of(text) for text in ("one", "two", "three")]
    for sent in (2, 0):
        allowance = TwoAtMost()
        found = ask_in_rounds(spec(server), lambda _: prompts, tmp_path, ABOUT, allowance=allowance)
        assert (found.sent, found.withheld, allowance.most) == (sent, 1, min(sent, 1))
        assert RunFolder(tmp_path).facts["ended"]["status"] == "incomplete"
    assert ask(spec(server), prompts, tmp_path, ABOUT).sent == 1


def test_what_failed_is_not_sent_twice_in_a_call(server, tmp_path):
    wanted = [prompt_of("four"), prompt_of("one")]
    found = ask_in_rounds(spec(server), lambda _: wanted, tmp_path, ABOUT)
    assert found.sent == 2 and set(found.failed) == {wanted[0].key}
