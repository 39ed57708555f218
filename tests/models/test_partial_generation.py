"""Drafts and their batches, with a tokenizer of one byte a token: budgets, limits and who is generated with whom."""

from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Decoding, Request
from evalsuite.models.local.batching import BatchQueue
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.local.partial_generation import PartialGeneration, check_budget
from evalsuite.parser import reasoning_open
from evalsuite.tasks.item import Item

TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
PLAIN = TURNS + "{% if add_generation_prompt %}[assistant]{% endif %}"
OPENING = TURNS + "{% if add_generation_prompt %}[assistant]<think>\n{% endif %}"
SWITCHED = PLAIN + "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"


class Bytes:
    """A tokenizer: a token is a byte, or one of the marks in `marks`; special ones vanish where that is asked."""

    def __init__(self, template=None, marks=("<think>", "</think>"), special=False):
        self.chat_template = template
        self.added_tokens_decoder = {256 + n: Mark(mark, special) for n, mark in enumerate(marks)}

    def get_vocab(self):
        return {str(mark): number for number, mark in self.added_tokens_decoder.items()}

    def get_chat_template(self):
        return self.chat_template

    def apply_chat_template(self, messages, chat_template, tokenize, add_generation_prompt, **switch):
        template = ImmutableSandboxedEnvironment(keep_trailing_newline=True).from_string(chat_template)
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **switch)

    def __call__(self, text, add_special_tokens):
        ids = []
        while text:
            mark = next((n for n, mark in self.added_tokens_decoder.items() if text.startswith(str(mark))), None)
            ids += [mark] if mark else text[0].encode()
            text = text[len(str(self.added_tokens_decoder[mark])) if mark else 1 :]
        return {"input_ids": ids}

    def decode(self, ids, skip_special_tokens):
        marks = self.added_tokens_decoder
        parts = (b"" if n > 255 and skip_special_tokens and marks[n].special else piece(marks, n) for n in ids)
        return b"".join(parts).decode(errors="replace")


def piece(marks, number):
    return str(marks[number]).encode() if number > 255 else bytes([number])


class Mark(str):
    """An added token."""

    __slots__ = ("special",)

    def __new__(cls, text, special):
        mark = super().__new__(cls, text)
        mark.special = special
        return mark


def make_chat(template=PLAIN, thinking="auto", tokenizer=None):
    return ChatTemplate(tokenizer or Bytes(template), None, thinking, "toy")


def make_draft(chat, text="Which?", context=None, **decoding):
    item = Item(id="1", question=text, options=("a",), labels=("A",), gold="A")
    request = Request("toy", item, 0, ({"role": "user", "content": text},), seed=7)
    return PartialGeneration(request, chat, Decoding(**decoding), context)


def write(draft, text, end):
    """Play the model: write `text`, as much at a time as the draft allows, and end where it is through if `end`."""
    ids = draft._chat.tokenizer(text, add_special_tokens=False)["input_ids"]
    legs = 0
    while True:
        legs += 1
        assert draft.limit > 0
        now, ids = ids[: draft.limit], ids[draft.limit :]
        ended = end and not ids and len(now) < draft.limit
        if draft.add(now, ended) or not (ids or end):
            return legs


@given(text=st.text(min_size=1), most=st.integers(1, 60), budget=st.none() | st.integers(1, 60))
def test_limits_hold(text, most, budget):
    for context in (None, 50):
        draft = make_draft(make_chat(OPENING), context=context, max_tokens=most, thinking_budget=budget)
        assume(draft.too_long is None)
        legs = write(draft, text, end=True)
        response = draft.response()
        assert response.output_tokens <= most
        assert legs <= 2
        assert context is None or response.input_tokens + response.output_tokens <= context
        assert response.opens_reasoning


@given(thought=st.text("abc ", min_size=1, max_size=80), budget=st.integers(1, 40))
def test_reasoning_never_exceeds_its_budget(thought, budget):
    draft = make_draft(make_chat(OPENING), max_tokens=200, thinking_budget=budget)
    write(draft, f"{thought}</think>answer", end=True)
    reasoning, close, _ = draft.response().text.partition("</think>")
    assert close
    assert len(reasoning.rstrip("\n")) <= budget
    forced = len(thought) >= budget
    assert draft.response().text.startswith(thought[:budget] + "\n</think>\n\n") == forced


def test_the_model_goes_on_behind_the_forced_close():
    draft = make_draft(make_chat(OPENING), max_tokens=100, thinking_budget=5)
    prompt = draft.ids
    assert draft.limit == 5
    assert not draft.add(list(b"hmmmm"), ended=False)
    assert draft.ids == prompt + list(b"hmmmm\n") + [257] + list(b"\n\n")
    assert draft.limit == 95
    assert draft.add(list(b"B"), ended=True)
    response = draft.response()
    assert (response.text, response.output_tokens, response.finish) == ("hmmmm\n</think>\n\nB", 7, "stop")


def test_each_leg_has_a_seed_of_its_own():
    draft = make_draft(make_chat(OPENING), max_tokens=100, thinking_budget=1)
    first = draft.seed
    draft.add([65], ended=False)
    assert draft.seed != first
    assert 0 <= draft.seed < 2**63


def test_an_answer_without_reasoning_is_not_broken_up():
    draft = make_draft(make_chat(), max_tokens=100, thinking_budget=3)
    write(draft, "It is B.", end=True)
    assert draft.response().text == "It is B."


@pytest.mark.parametrize(
    ("text", "opened", "still"),
    [
        ("", False, False),
        ("", True, True),
        ("x</think>y", True, False),
        ("<think>x", False, True),
        ("<think>x</think>y<think>z", False, True),
        ("<think>x</think>y", True, False),
        ("y", False, False),
    ],
)
def test_reasoning_open(text, opened, still):
    assert reasoning_open(text, opened) is still


@pytest.mark.parametrize("question", ["plain", "What does <think> mean?", "ends in <think>", " <think> ", "n"])
def test_a_question_about_tags_opens_nothing(question):
    messages = ({"role": "user", "content": question},)
    assert not make_chat(PLAIN).tokenize(messages).opens_reasoning
    assert make_chat(OPENING).tokenize(messages).opens_reasoning


def test_a_template_that_begins_the_response_unasked():
    messages = ({"role": "user", "content": "What does <think> mean?"},)
    assert make_chat(TURNS + "[assistant]<think>").tokenize(messages).opens_reasoning
    assert not make_chat(TURNS + "[assistant]").tokenize(messages).opens_reasoning


def test_thinking_off_closes_the_block_in_the_prompt():
    messages = ({"role": "user", "content": "?"},)
    off = make_chat(SWITCHED, "off").tokenize(messages)
    assert off.ids[-6:] == [256, 10, 10, 257, 10, 10]
    assert not off.opens_reasoning
    assert make_chat(SWITCHED, "on").tokenize(messages).ids == make_chat(SWITCHED).tokenize(messages).ids


@pytest.mark.parametrize("template", [PLAIN, OPENING, None])
@pytest.mark.parametrize("thinking", ["on", "off"])
def test_a_switch_that_does_nothing_is_refused(template, thinking):
    with pytest.raises(UsageError):
        make_chat(template, thinking)


def test_a_template_that_fails_is_one_line():
    with pytest.raises(BackendError) as caught:
        make_chat("{{ messages[0].nothing.more }}").tokenize(({"role": "user", "content": "?"},))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("marks", "written"),
    [
        (("[THINK]", "[/THINK]"), "[THINK]hmm[/THINK]B"),
        (("<unused94>", "<unused95>"), "<unused94>thought\nhmm<unused95>B"),
        (("<|channel>", "<channel|>"), "<|channel>thought\nhmm<channel|>B"),
        (
            ("<|channel|>", "<|message|>", "<|start|>", "<|end|>"),
            "<|channel|>analysis<|message|>hmm<|end|><|start|>assistant<|channel|>final<|message|>B",
        ),
    ],
)
@pytest.mark.parametrize("special", [True, False])
def test_other_marks_become_think(marks, written, special):
    chat = make_chat(tokenizer=Bytes(PLAIN, marks, special))
    ids = chat.tokenizer(written, add_special_tokens=False)["input_ids"]
    thought, close, answer = chat.decode(ids).partition("</think>")
    assert (thought.replace("\n", ""), close, answer) == ("<think>hmm", "</think>", "B")
    cut = chat.tokenizer(written.partition("hmm")[0], add_special_tokens=False)["input_ids"]
    assert reasoning_open(chat.decode(cut))
    assert not reasoning_open(chat.decode(cut + chat.forced_close()))


@given(
    lengths=st.lists(st.integers(0, 200), max_size=80),
    size=st.integers(1, 9),
    unfinished=st.sets(st.integers(0, 79)),
)
def test_batches_lose_and_repeat_nothing(lengths, size, unfinished):
    chat = make_chat()
    drafts = [make_draft(chat, "x" * length, max_tokens=10, thinking_budget=5) for length in lengths]
    batches = BatchQueue(iter(drafts), size)
    seen = []
    while batch := batches.take():
        assert len(batch) <= size
        assert len({draft.leg for draft in batch}) == 1
        assert [len(draft.ids) for draft in batch] == sorted((len(draft.ids) for draft in batch), reverse=True)
        seen += batch
        again = [draft for draft in batch if draft.leg == 0 and drafts.index(draft) in unfinished]
        for draft in again:
            draft.leg = 1
        batches.put_back(again)
    assert sorted(map(id, seen)) == sorted(
        [id(draft) for draft in drafts] + [id(draft) for n, draft in enumerate(drafts) if n in unfinished]
    )


def test_batches_take_a_bounded_window():
    chat, taken = make_chat(), []

    def endless():
        while True:
            taken.append(1)
            yield make_draft(chat)

    BatchQueue(endless(), 4).take()
    assert len(taken) <= 64


def test_budgets_that_mean_nothing():
    check_budget(SimpleNamespace(thinking_budget=None, thinking="off"))
    for decoding in (Decoding(thinking_budget=0), Decoding(thinking_budget=9, thinking="off")):
        with pytest.raises(UsageError):
            check_budget(decoding)
