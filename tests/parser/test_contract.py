"""The promises of the answer contract, each in a form that can fail."""

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.parser import FORMATS, STATUSES, VERSION, ParseResult, cut_at_stop, final_segment, parse

LABELS = ["A", "B", "C", "D"]
OPTIONS = ["Amiodarone", "Metoprolol", "Digoxin", "Diltiazem"]

# Pieces that meet the parser's rules; strung together they make what a fuzzer of plain characters never finds.
PIECES = [
    "<answer>", "</answer>", "<answer>A</answer>", "<answer>b</answer>", "<ANSWER>C</ANSWER>", "The answer is ",
    "the answer is (D)", "Answer: ", "ANSWER: ", "\nANSWER: C", "\\boxed{", "\\boxed{B}", "}", "(A)", "**B**",
    "**", "A", "B.", " c ", "E", "I", "not ", " or ", ", ", "and ", "Metoprolol", "digoxin", "B. Metoprolol",
    "A. Metoprolol", "option ", "the correct option is ", "is:", "\n", "\n\n", " ", "```\n", "`", '"', "'", "“",
    "答案是", "选", "是", "La respuesta correcta es la ", "Ответ: ", "정답은 ", "Wait, ", "For example, ", "If ", ".",
    "?", "\u200b", "Ａ", "Ｂ", "А", "\u212a", "\ud800", "\x00", "İ", "\u00a0", "because ", "{\"answer\": ",
    "none of the above", "is the correct answer", " is wrong", "$", "&lt;answer&gt;", "\r\n", "yes", "maybe",
]  # fmt: skip
THINKING = ["<think>", "</think>", "<think>B</think>"]

anything = st.text(alphabet=st.characters(), max_size=60) | st.lists(
    st.sampled_from(PIECES + THINKING), max_size=8
).map("".join)
unthinking = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
formats = st.sampled_from(FORMATS)
finishes = st.sampled_from(["stop", "length", "refused", "eos"])
labellings = st.sampled_from([LABELS, ["yes", "no", "maybe"], ["A", "B"], list("ABCDEFGHIJKLMNOPQRSTU")])


def read(text: str, format: str = "answer_tag", finish: str = "stop") -> ParseResult:
    return parse(text, LABELS, OPTIONS, format, finish)


def answers(reading: ParseResult) -> list[tuple[str | None, str]]:
    return [(side.label, side.status) for side in reading]


# --- 1. total


@settings(max_examples=400)
@given(anything, labellings, formats, finishes, st.booleans())
def test_any_text_gets_a_verdict(text: str, labels: list[str], format: str, finish: str, opened: bool) -> None:
    for side in parse(text, labels, None, format, finish, opened):
        assert side.status in STATUSES
        assert side.label is None or side.label in labels
        assert (side.label is not None) == (side.status == "ok") == (side.span is not None)
        assert side.span is None or 0 <= side.span[0] < side.span[1] <= len(text)


@given(st.lists(st.text(max_size=12), min_size=4, max_size=4), anything)
def test_any_option_texts_get_a_verdict(options: list[str], text: str) -> None:
    assert parse(text, LABELS, options).lenient.status in STATUSES


# --- 2. linear (the limits in milliseconds are benchmarks/parser_speed.py; here only that nothing grows faster)


@pytest.mark.parametrize(
    "unit",
    [
        "<answer>",
        " ",
        "answer is ",
        '"',
        "(A",
        "\\boxed{",
        "**",
        "\n",
        "选A",
        "A or ",
        "option ",
        "is: ",
        "<think>",
        "<|channel|>",
        "<|im_end|>",
        "question:\n",
        "assistantfinal",
        "最可能的是",
        "i select (A) ",
        "I, II ",
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.process_time()
        for format in FORMATS:
            read(text, format)
        return time.process_time() - started

    seconds(1_000)
    assert min(seconds(1_600_000) for _ in range(2)) < 40 * max(min(seconds(100_000) for _ in range(3)), 0.002)


# --- 3. strict implies lenient


@settings(max_examples=400)
@given(anything, formats, finishes)
def test_strict_implies_lenient_with_the_same_label(text: str, format: str, finish: str) -> None:
    reading = read(text, format, finish)
    if reading.strict.status == "ok":
        assert reading.lenient[:3] == reading.strict


# --- 4. more reasoning changes nothing


@settings(max_examples=400)
@given(anything, anything, formats, finishes)
def test_more_reasoning_before_a_response_changes_nothing(thought: str, text: str, format: str, finish: str) -> None:
    block = f"<think>{thought}</think>"
    plain, wrapped = read(text, format, finish), read(block + text, format, finish)
    assert answers(wrapped) == answers(plain)
    assert wrapped.lenient.form == plain.lenient.form
    for before, after in zip(plain, wrapped, strict=True):
        assert after.span == (before.span and (before.span[0] + len(block), before.span[1] + len(block)))


@given(anything, unthinking)
def test_reasoning_that_the_prompt_opened_is_read_alike(thought: str, text: str) -> None:
    opened = parse(f"{thought}</think>{text}", LABELS, OPTIONS, prompt_opens_reasoning=True)
    assert answers(opened) == answers(read(text))


# --- 5. equivariance

TEMPLATES = [
    "<answer>{x}</answer>", "<answer>({x})</answer>", "The answer is {x}.", "The answer is {x}",
    "The answer is {x} patient.", "the answer is {x} or {y}", "Answer: {x}", "Answer: {x}, not {y}", "{x}",
    "({x})", "{x}.", "**{x}**", "{x}. Metoprolol", "{x} think so.", "{x}\n{y}", "{x} is the correct answer.",
    "{x} is wrong.", "not {x}", "\\boxed{{{x}}}", "ANSWER: {x}\n", "答案是{x}。", "选{x}。",
    "La respuesta correcta es la {x}.", "A resposta é a letra {x}.", "La réponse est {x}.", "Ответ: {x}",
    "The answer is {x}. The answer is {y}.", "{x} coli is common.", "The answer is {x}. coli.",
    "Vitamin {x} is low.", "I choose {x}.", '{{"answer": "{x}"}}', "The answer is {x} {y}.",
    "<answer>{x}</answer><answer>{y}</answer>", "Maybe the answer is {x}.",
    "{x} and {y} are true; the answer is {x}", "Type {x} reaction",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=3), st.permutations(list("ABCDEFGHIJ")), st.data())
def test_renaming_the_options_renames_the_verdict(
    templates: list[str], renamed: list[str], data: st.DataObject
) -> None:
    labels = list("ABCDEFGHIJ")
    x, y = (data.draw(st.sampled_from(labels)) for _ in "xy")
    rename = dict(zip(labels, renamed, strict=True))
    template = "\n".join(templates)
    plain = parse(template.format(x=x, y=y), labels)
    moved = parse(template.format(x=rename[x], y=rename[y]), renamed)
    assert answers(moved) == [(label and rename[label], status) for label, status in answers(plain)]


@given(st.sampled_from(TEMPLATES), st.permutations(["yes", "no", "maybe"]))
def test_renaming_works_for_words_too(template: str, renamed: list[str]) -> None:
    labels = ["yes", "no", "maybe"]
    rename = dict(zip(labels, renamed, strict=True))
    plain = parse(template.format(x="yes", y="no"), labels)
    moved = parse(template.format(x=rename["yes"], y=rename["no"]), renamed)
    assert answers(moved) == [(label and rename[label], status) for label, status in answers(plain)]


@given(st.permutations(OPTIONS), st.sampled_from(OPTIONS))
def test_an_option_text_follows_its_option(options: list[str], text: str) -> None:
    label = LABELS[options.index(text)]
    assert parse(f"The answer is {text}.", LABELS, options).lenient.label == label


# --- 7. look-alikes

LOOK_ALIKES = {"A": "АΑᎪ𝐀Ⓐ🄰Ꭺ", "B": "ВΒᏴ𝐁Ⓑ🅱", "C": "СϹⅭ𝐂Ⓒ", "K": "КΚ\u212aᏦ"}


@pytest.mark.parametrize(
    "form",
    [
        "<answer>{}</answer>",
        "The answer is {}.",
        "Answer: {}",
        "({})",
        "{}",
        "\\boxed{{{}}}",
        "答案是{}。",
        "Ответ: {}",
    ],
)
@pytest.mark.parametrize("letter", [letter for letters in LOOK_ALIKES.values() for letter in letters])
def test_look_alikes_never_count(form: str, letter: str) -> None:
    reading = parse(form.format(letter), list("ABCDEFGHIJK"))
    assert (reading.strict.label, reading.lenient.label) == (None, None)


@pytest.mark.parametrize("written", ["Ｂ", "ｂ", "\u200bB", "B\u200b", "\ufeffB\u2060", "（Ｂ）"])
def test_full_width_and_zero_width_count_in_lenient_only(written: str) -> None:
    reading = read(f"<answer>{written}</answer>")
    assert (reading.strict.label, reading.lenient.label) == (None, "B")


# --- statuses


@pytest.mark.parametrize(
    ("text", "finish", "strict", "lenient"),
    [
        ("<answer>A</answer>", "stop", "ok", "ok"),
        ("<answer>A</answer>", "length", "ok", "ok"),
        ("<answer>A</answer>", "refused", "refused", "refused"),
        ("I can't help with that.", "stop", "no_answer", "no_answer"),
        ("", "stop", "empty", "empty"),
        ("<think>x</think>\n ", "stop", "empty", "empty"),
        ("", "length", "truncated", "truncated"),
        ("Rate control is", "length", "truncated", "truncated"),
        ("<think>Rate", "stop", "reasoning_unclosed", "reasoning_unclosed"),
        ("<think>Rate", "length", "truncated", "truncated"),
        ("<answer>A</answer><answer>B</answer>", "stop", "several_answers", "several_answers"),
        ("<answer>A</answer><answer>B</answer>", "length", "several_answers", "several_answers"),
        ("<answer>E</answer>", "stop", "not_a_label", "not_a_label"),
        ("<answer>A. Metoprolol</answer>", "stop", "not_a_label", "several_answers"),
        ("<answer></answer>", "stop", "no_answer", "no_answer"),
        ("The answer is A or B.", "stop", "no_answer", "several_answers"),
        ("The answer is B.", "stop", "no_answer", "ok"),
    ],
)
def test_status(text: str, finish: str, strict: str, lenient: str) -> None:
    assert [side.status for side in read(text, finish=finish)] == [strict, lenient]


def test_the_span_shows_what_was_read() -> None:
    text = "<think>A?</think> Rate control: the answer is **B**, because it slows the node."
    start, end = read(text).lenient.span or (0, 0)
    assert text[start:end] == "B" and text[start - 2 : start] == "**"


# --- the final segment and the stop strings


@pytest.mark.parametrize(
    ("text", "opened", "segment"),
    [
        ("B", False, "B"),
        ("B", True, None),
        ("<think>a", False, None),
        ("<think>a</think>B", False, "B"),
        ("a</think>B", True, "B"),
        ("a</think>b</think>C", False, "C"),
        ("<think>a</think>B<think>c", False, None),
    ],
)
def test_final_segment(text: str, opened: bool, segment: str | None) -> None:
    start = final_segment(text, opened)
    assert (None if start is None else text[start:]) == segment


@pytest.mark.parametrize(
    ("text", "opened", "kept"),
    [
        ("The answer is (B).\n\nQuestion: next", False, "The answer is (B).\n\n"),
        ("<think>Question: why?</think>B Question: x", False, "<think>Question: why?</think>B "),
        ("Question: why?</think>B", True, "Question: why?</think>B"),
        ("Question: why?", True, "Question: why?"),
        ("B <think>Question:", False, "B <think>Question:"),
        ("B Question: <think>", False, "B "),
        ("B", False, "B"),
        ("B END C Question: D", False, "B "),
    ],
)
def test_stop_strings_cut_behind_the_reasoning_only(text: str, opened: bool, kept: str) -> None:
    assert cut_at_stop(text, ["Question:", "END"], opened) == kept


@given(anything, st.lists(st.text(max_size=3), max_size=3), st.booleans())
def test_a_stop_string_only_drops_a_tail(text: str, stops: list[str], opened: bool) -> None:
    assert text.startswith(cut_at_stop(text, stops, opened))


# --- a programmer's errors


@pytest.mark.parametrize("labels", [[], ["A", "A"], ["A", "a"], ["A", ""], [" A", "B"]])
def test_unusable_labels_are_refused(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="label"):
        parse("A", labels)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="answer format 'tag'"):
        parse("A", LABELS, format="tag")


def test_options_must_match_the_labels() -> None:
    with pytest.raises(ValueError, match="3 options for 4 labels"):
        parse("A", LABELS, OPTIONS[:3])


def test_the_version_is_a_string_and_the_import_is_light() -> None:
    assert VERSION and isinstance(VERSION, str)
    code = "import sys, evalsuite.parser; print(len({'numpy', 'pydantic', 'json', 'dataclasses'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"
