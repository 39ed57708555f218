"""What `write` writes is a strict answer; what `instruction` says is none, in either reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import UsageError
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
def test_written_label_is_read_strictly(format, labels, data):
    label = data.draw(st.sampled_from(labels))
    reading = parse(write(format, label), labels, format=format)
    assert (reading.strict.status, reading.strict.label) == ("ok", label)
    assert reading.lenient.label == label


@given(st.sampled_from(FORMATS), label_sets, prose, st.data())
def test_reasoning_before_the_answer_changes_nothing(format, labels, before, data):
    label = data.draw(st.sampled_from(labels))
    reading = parse(f"<think>{before}</think>\n\n{write(format, label)}", labels, format=format)
    assert reading.strict.label == label


@given(st.sampled_from(FORMATS), st.sampled_from(LANGUAGES), label_sets, st.sampled_from(FORMATS))
def test_an_echoed_instruction_is_no_answer(format, language, labels, read_as):
    reading = parse(instruction(format, labels, language), labels, format=read_as)
    assert reading.strict.label is None
    assert reading.lenient.label is None


@given(st.sampled_from(FORMATS), st.sampled_from(LANGUAGES), label_sets, st.data())
def test_an_answer_after_an_echoed_instruction_is_never_another_answer(format, language, labels, data):
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


@pytest.mark.parametrize("call", [lambda: write("xml", "A"), lambda: instruction("boxed", "AB", "de")])
def test_unknown_names_are_one_line_that_lists_the_known(call):
    with pytest.raises(UsageError, match="known: ") as caught:
        call()
    assert "\n" not in str(caught.value)
