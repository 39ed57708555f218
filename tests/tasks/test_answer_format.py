"""What `write` returns is a strict answer; an `instruction` is none, in the strict and in the lenient parse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.answer_format import FORMATS, LANGUAGES, instruction, write

parse = pytest.importorskip("evalsuite.parser").parse

LETTERS = "ABCDEFGHIJKLMNOPQRSTU"
label_sets = st.one_of(
    st.integers(2, len(LETTERS)).map(lambda count: tuple(LETTERS[:count])),
    st.just(("yes", "no", "maybe")),
    st.just(("yes", "no")),
)
prose = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<\\`#>"), max_size=200).filter(
    lambda text: "answer" not in text.lower()
)


@given(st.sampled_from(FORMATS), label_sets, st.data())
def test_a_written_label_is_parsed_strictly(format, labels, data):
    label = data.draw(st.sampled_from(labels))
    result = parse(write(format, label), labels, format=format)
    assert (result.strict.status, result.strict.label) == ("ok", label)
    assert result.lenient.label == label


@given(st.sampled_from(FORMATS), label_sets, prose, st.data())
def test_reasoning_before_the_answer_changes_nothing(format, labels, before, data):
    label = data.draw(st.sampled_from(labels))
    result = parse(f"<think>{before}</think>\n\n{write(format, label)}", labels, format=format)
    assert result.strict.label == label


@given(st.sampled_from(FORMATS), st.sampled_from(LANGUAGES), label_sets, st.sampled_from(FORMATS))
def test_a_repeated_instruction_is_no_answer(format, language, labels, parsed_as):
    result = parse(instruction(format, labels, language), labels, format=parsed_as)
    assert result.strict.label is None
    assert result.lenient.label is None


@given(st.sampled_from(FORMATS), st.sampled_from(LANGUAGES), label_sets, st.data())
def test_an_answer_after_a_repeated_instruction_is_never_another_answer(format, language, labels, data):
    label = data.draw(st.sampled_from(labels))
    text = f"{instruction(format, labels, language)}\n\nLet me think.\n\n{write(format, label)}"
    assert parse(text, labels, format=format).lenient.label in (label, None)


@given(st.sampled_from(FORMATS), st.sampled_from(LANGUAGES), label_sets)
def test_instruction_names_every_label_and_shows_the_form(format, language, labels):
    sentence = instruction(format, labels, language)
    assert write(format, "X") in sentence
    for label in labels:
        assert label in sentence
    assert sentence.endswith((".", "。"))


@pytest.mark.parametrize(
    ("call", "code", "known"),
    [
        (lambda: write("xml", "A"), ErrorCode.UNKNOWN_ANSWER_FORMAT, FORMATS),
        (lambda: instruction("xml", "AB"), ErrorCode.UNKNOWN_ANSWER_FORMAT, FORMATS),
        (lambda: instruction("boxed", "AB", "de"), ErrorCode.INVALID_ARGUMENT, LANGUAGES),
    ],
)
def test_unknown_names_are_one_line_that_lists_the_known(call, code, known):
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.code is code
    assert ", ".join(known) in str(caught.value) and "\n" not in str(caught.value)
