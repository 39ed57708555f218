"""Partial generations and their batches, with a tokenizer of one byte per token: budgets, limits and batching."""

from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalsuite.errors import BackendError, ErrorCode, UsageError
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
    """A tokenizer whose tokens are bytes and the given marks; `skip_special_tokens` leaves out special marks."""

    def __init__(self, template=None, marks=("<think>", "</think>"), special=False):
        self.chat_template = template
        self.added_tokens_decoder = {256 + n: Mark(mark, special) for n, mark in enumerate(marks)}

    def get_vocab(self):
        return {str(mark): number for number, mark in self.added_tokens_decoder.items()}

    def get_chat_template(self):
        return self.chat_template

    def apply_chat_template(self, messages, chat_template, tokenize, add_generation_prompt, **switch):
        return compiled(chat_template).render(messages=messages, add_generation_prompt=add_generation_prompt, **switch)

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


@cache
def compiled(template):
    return ImmutableSandboxedEnvironment(keep_trailing_newline=True).from_string(template)


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


def make_generation(chat, text="Which?", context=None, **decoding):
    item = Item(id="1", question=text, options=("a",), labels=("A",), gold="A")
    request = Request("toy", item, 0, ({"role": "user", "content": text},), seed=7)
    return PartialGeneration(request, chat, Decoding(**decoding), context)


def generate(generation, text, end):
    """Generate `text` as a model would, up to the limit of each phase, then an end token if `end`; count the phases."""
    ids = generation._chat.tokenizer(text, add_special_tokens=False)["input_ids"]
    phases = 0
    while True:
        phases += 1
        limit = generation.max_new_tokens
        assert limit > 0
        new, ids = ids[:limit], ids[limit:]
        ended = end and not ids and len(new) < limit
        if generation.extend(new, ended) or not (ids or end):
            return phases


@given(text=st.text(min_size=1), max_tokens=st.integers(1, 60), budget=st.none() | st.integers(1, 60))
def test_a_response_exceeds_neither_max_tokens_nor_the_context(text, max_tokens, budget):
    for context in (None, 50):
        generation = make_generation(make_chat(OPENING), context=context, max_tokens=max_tokens, thinking_budget=budget)
        assume(generation.length_error is None)
        phases = generate(generation, text, end=True)
        response = generation.response()
        assert response.output_tokens <= max_tokens
        assert phases <= 2
        assert context is None or response.input_tokens + response.output_tokens <= context
        assert response.opens_reasoning


@given(reasoning=st.text("abc ", min_size=1, max_size=80), budget=st.integers(1, 40))
def test_reasoning_never_exceeds_its_budget(reasoning, budget):
    generation = make_generation(make_chat(OPENING), max_tokens=200, thinking_budget=budget)
    generate(generation, f"{reasoning}</think>answer", end=True)
    written, close, _ = generation.response().text.partition("</think>")
    assert close
    assert len(written.rstrip("\n")) <= budget
    forced = len(reasoning) >= budget
    assert generation.response().text.startswith(reasoning[:budget] + "\n</think>\n\n") == forced


def test_the_second_phase_continues_behind_the_appended_close():
    generation = make_generation(make_chat(OPENING), max_tokens=100, thinking_budget=5)
    prompt = generation.input_ids
    assert generation.max_new_tokens == 5
    assert not generation.extend(list(b"hmmmm"), ended=False)
    assert generation.input_ids == prompt + list(b"hmmmm\n") + [257] + list(b"\n\n")
    assert generation.max_new_tokens == 95
    assert generation.extend(list(b"B"), ended=True)
    response = generation.response()
    assert (response.text, response.output_tokens, response.finish) == ("hmmmm\n</think>\n\nB", 7, "stop")


def test_each_phase_has_its_own_seed():
    generation = make_generation(make_chat(OPENING), max_tokens=100, thinking_budget=1)
    first = generation.seed
    generation.extend([65], ended=False)
    assert generation.seed != first
    assert 0 <= generation.seed < 2**63


def test_a_budget_does_not_change_a_response_without_reasoning():
    generation = make_generation(make_chat(), max_tokens=100, thinking_budget=3)
    generate(generation, "It is B.", end=True)
    assert generation.response().text == "It is B."


@pytest.mark.parametrize(
    ("text", "opened_by_prompt", "open_at_the_end"),
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
def test_reasoning_open(text, opened_by_prompt, open_at_the_end):
    assert reasoning_open(text, opened_by_prompt) is open_at_the_end


@pytest.mark.parametrize("question", ["plain", "What does <think> mean?", "ends in <think>", " <think> ", "n"])
def test_reasoning_tags_in_a_question_open_no_reasoning(question):
    messages = ({"role": "user", "content": question},)
    assert not make_chat(PLAIN).tokenize(messages).opens_reasoning
    assert make_chat(OPENING).tokenize(messages).opens_reasoning


def test_a_template_that_always_begins_the_response():
    messages = ({"role": "user", "content": "What does <think> mean?"},)
    assert make_chat(TURNS + "[assistant]<think>").tokenize(messages).opens_reasoning
    assert not make_chat(TURNS + "[assistant]").tokenize(messages).opens_reasoning


def test_thinking_off_closes_the_reasoning_block_in_the_prompt():
    messages = ({"role": "user", "content": "?"},)
    off = make_chat(SWITCHED, "off").tokenize(messages)
    assert off.ids[-6:] == [256, 10, 10, 257, 10, 10]
    assert not off.opens_reasoning
    assert make_chat(SWITCHED, "on").tokenize(messages).ids == make_chat(SWITCHED).tokenize(messages).ids


@pytest.mark.parametrize("template", [PLAIN, OPENING, None])
@pytest.mark.parametrize("thinking", ["on", "off"])
def test_a_thinking_switch_that_the_template_ignores_is_refused(template, thinking):
    with pytest.raises(UsageError) as caught:
        make_chat(template, thinking)
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND and "`thinking`" in str(caught.value)


def test_a_template_that_fails_is_an_error_of_one_line():
    with pytest.raises(BackendError) as caught:
        make_chat("{{ messages[0].nothing.more }}").tokenize(({"role": "user", "content": "?"},))
    assert caught.value.code is ErrorCode.CHAT_TEMPLATE_FAILED
    assert "toy" in str(caught.value) and "\n" not in str(caught.value)


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
def test_the_reasoning_marks_of_other_families_become_think_tags(marks, written, special):
    chat = make_chat(tokenizer=Bytes(PLAIN, marks, special))
    ids = chat.tokenizer(written, add_special_tokens=False)["input_ids"]
    reasoning, close, answer = chat.decode(ids).partition("</think>")
    assert (reasoning.replace("\n", ""), close, answer) == ("<think>hmm", "</think>", "B")
    truncated = chat.tokenizer(written.partition("hmm")[0], add_special_tokens=False)["input_ids"]
    assert reasoning_open(chat.decode(truncated))
    assert not reasoning_open(chat.decode(truncated + chat.reasoning_close_ids()))


@given(
    lengths=st.lists(st.integers(0, 200), max_size=80),
    size=st.integers(1, 9),
    unfinished=st.sets(st.integers(0, 79)),
)
def test_batches_contain_each_generation_once_per_phase(lengths, size, unfinished):
    chat = make_chat()
    generations = [make_generation(chat, "x" * length, max_tokens=10, thinking_budget=5) for length in lengths]
    batches = BatchQueue(iter(generations), size)
    seen = []
    while batch := batches.take():
        assert len(batch) <= size
        assert len({generation.phase for generation in batch}) == 1
        assert [len(generation.input_ids) for generation in batch] == sorted(
            (len(generation.input_ids) for generation in batch), reverse=True
        )
        seen += batch
        again = [
            generation for generation in batch if generation.phase == 0 and generations.index(generation) in unfinished
        ]
        for generation in again:
            generation.phase = 1
        batches.put_back(again)
    assert sorted(map(id, seen)) == sorted(
        [id(generation) for generation in generations]
        + [id(generation) for n, generation in enumerate(generations) if n in unfinished]
    )


def test_batches_read_a_bounded_window_of_the_stream():
    chat, taken = make_chat(), []

    def endless():
        while True:
            taken.append(1)
            yield make_generation(chat)

    BatchQueue(endless(), 4).take()
    assert len(taken) <= 64


@pytest.mark.parametrize(
    ("decoding", "code"),
    [
        (Decoding(thinking_budget=0), ErrorCode.INVALID_ARGUMENT),
        (Decoding(thinking_budget=9, thinking="off"), ErrorCode.CONFLICTING_ARGUMENTS),
    ],
)
def test_a_budget_without_meaning_is_refused(decoding, code):
    with pytest.raises(UsageError) as caught:
        check_budget(decoding)
    assert caught.value.code is code


def test_no_budget_goes_with_thinking_off():
    check_budget(Decoding(thinking="off"))
