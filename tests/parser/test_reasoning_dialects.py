"""Every family's marks: reasoning is never graded, its marks never cost an answer, and an unclosed block has none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.models.local.tokenizer_dialect import dialect_of, with_think_marks
from evalsuite.parser import DIALECTS, FORMATS, ParseResult, ReasoningDialect, parse, prompt_opens_reasoning
from evalsuite.tasks.answer_format import write

LABELS = ["A", "B", "C", "D"]
OPTIONS = ["Insulin", "Metformin", "Glipizide", "Sitagliptin"]
THOUGHT = "First I take it for A: <answer>A</answer>. The answer is A."
by_name = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)

MARKS = sorted({mark for d in DIALECTS for mark in (*d.openings, *d.closings, *d.leading, *d.end_of_turn)})
WRAPPERS = [wrapper for dialect in DIALECTS for wrapper in dialect.wrappers]
PIECES = [
    *MARKS, *(mark for wrapper in WRAPPERS for mark in wrapper), "<answer>B</answer>", "The answer is C.", "ANSWER: D",
    "\n", " ", "A", "**B**", "so", "<", "|>", "[", "analysis", "think", "\\boxed{A}", ".",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def read(text: str, format: str = "answer_tag", finish: str = "stop") -> ParseResult:
    return parse(text, LABELS, OPTIONS, format, finish)


def blocks(dialect: ReasoningDialect, thought: str) -> list[str]:
    """The dialect's reasoning with every pair of its marks."""
    openings = [*dialect.openings, *(mark + "x" for mark in dialect.leading)]
    return [opening + thought + closing for opening in openings for closing in dialect.closings]


@by_name
@settings(max_examples=60)
@given(thought=texts, text=texts, format=st.sampled_from(FORMATS), finish=st.sampled_from(["stop", "length"]))
def test_more_reasoning_before_a_response_changes_nothing(
    dialect: ReasoningDialect, thought: str, text: str, format: str, finish: str
) -> None:
    plain = read(text, format, finish)
    for block in blocks(dialect, thought):
        wrapped = read(block + text, format, finish)
        for before, after in zip(plain, wrapped, strict=True):
            assert (after.label, after.status) == (before.label, before.status)
            assert after.span == (before.span and (before.span[0] + len(block), before.span[1] + len(block)))


@by_name
@pytest.mark.parametrize("format", FORMATS)
def test_the_answer_behind_the_reasoning_is_read(dialect: ReasoningDialect, format: str) -> None:
    for block in blocks(dialect, THOUGHT):
        assert (
            read(f"{block}\n\nIt must be metformin. {write(format, 'B')}".replace(". ANSWER", ".\nANSWER"), format)[
                0
            ].label
            == "B"
        )


@by_name
def test_a_block_that_never_closed_has_no_answer(dialect: ReasoningDialect) -> None:
    for opening in (*dialect.openings, *(mark + "x" for mark in dialect.leading)):
        text = f"{opening}{THOUGHT}"
        assert {side.status for side in read(text)} == {"reasoning_unclosed"}
        assert {side.status for side in read(text, finish="length")} == {"truncated"}


@by_name
def test_a_closing_mark_counts_where_the_prompt_opened_the_block(dialect: ReasoningDialect) -> None:
    for closing in dialect.closings:
        text = f"{THOUGHT}{closing}<answer>B</answer>"
        for opened in (True, False):
            assert parse(text, LABELS, OPTIONS, prompt_opens_reasoning=opened).strict.label == "B"
    assert parse(THOUGHT, LABELS, OPTIONS, prompt_opens_reasoning=True).strict.status == "reasoning_unclosed"


@pytest.mark.parametrize("mark", sorted({mark for dialect in DIALECTS for mark in dialect.end_of_turn}))
@pytest.mark.parametrize("format", FORMATS)
def test_an_end_of_turn_mark_behind_the_answer_is_dropped(mark: str, format: str) -> None:
    for tail in (mark, f"\n{mark}\n", mark * 3):
        reading = read(f"It is metformin.\n{write(format, 'B')}{tail}", format)
        assert (reading.strict.label, reading.lenient.label) == ("B", "B")
    assert read(f"It is metformin.\n{write(format, 'B')}{mark} or so", format).strict.label is None


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper[0])
@pytest.mark.parametrize("format", FORMATS)
def test_an_outer_wrapper_of_the_whole_segment_is_removed(wrapper: tuple[str, str], format: str) -> None:
    answer = f"It is metformin.\n{write(format, 'B')}"
    whole = f"<think>{THOUGHT}</think>\n{wrapper[0]}\n{answer}\n{wrapper[1]}<|im_end|>"
    collides = format == "answer_tag" and wrapper[0] == "<answer>"
    assert read(whole, format).strict.label == (None if collides else "B")
    assert read(f"{answer}\n{wrapper[1]}", format).strict.label is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("analysisThe user wants a letter. The answer is A.assistantfinalThe answer is B.", "B"),
        ("analysisMaybe A.assistantcommentary to=notes A assistantfinal<answer>B</answer>", "B"),
        ("analysisThe user wants a letter. The answer is A.", None),
        ("thought\nThe answer is A. So the reply is: <answer>A</answer>", None),
        ("Analysis: the dose is low. The answer is B.", "B"),
        ("analysis of the options leaves one. The answer is B.", "B"),
        ("My thought process is short. The answer is B.", "B"),
        ("<think>A</think>## Thinking\nA\n## Final Response\nThe answer is B.", "B"),
        ("<answer>\nThe answer is B, for the kidneys are well.\n</answer>", "B"),
        ("The answer is <|begin_of_box|>B<|end_of_box|>.", "B"),
    ],
)
def test_what_is_left_of_marks_is_still_told_from_an_answer(text: str, label: str | None) -> None:
    assert read(text).lenient.label == label


@pytest.mark.parametrize("opening", sorted({mark for dialect in DIALECTS for mark in dialect.openings}))
def test_a_prompt_that_ends_in_an_opening_mark_opens_reasoning(opening: str) -> None:
    assert prompt_opens_reasoning(f"Question?\n{opening}\n")
    assert prompt_opens_reasoning(f"Question?Ċ{opening}Ċ")
    assert not prompt_opens_reasoning(f"Write your reasoning behind {opening}. Question?\n")


@by_name
def test_a_tokenizer_is_recognised_by_the_dialects_own_token(dialect: ReasoningDialect) -> None:
    if dialect.token is None:
        assert dialect_of({dialect.openings[0]} if dialect.openings else set()).name == "think"
        return
    assert dialect_of({dialect.token, "<|im_end|>"}) is dialect
    for closing in dialect.closings:
        if not closing.isalpha():  # words are what is left without the special tokens, which a tokenizer has
            written = f"{dialect.openings[0]}so A{closing}B"
            assert with_think_marks(written, dialect) == "<think>so A</think>B"


def test_no_mark_grows_out_of_a_closing_mark_and_what_follows() -> None:
    # A closing mark whose tail begins another mark would be read differently with one more block before it.
    closings = {mark for dialect in DIALECTS for mark in dialect.closings}
    for closing in closings:
        tails = {closing[at:] for at in range(1, len(closing))}
        assert not [mark for mark in MARKS for tail in tails if mark.startswith(tail)]
