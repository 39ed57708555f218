"""What log-likelihood scoring presents of an item, and what it doesn't."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.tasks.continuation import FORMS, continuations
from evalsuite.tasks.item import Item

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40)


@st.composite
def items(draw):
    options = tuple(draw(st.lists(TEXT, min_size=2, max_size=10)))
    labels = tuple("ABCDEFGHIJ"[: len(options)])
    context = tuple(draw(st.lists(st.tuples(TEXT, TEXT), max_size=2)))
    return Item("i", draw(TEXT), options, labels, draw(st.sampled_from(labels)), context)


@given(items(), st.sampled_from(FORMS))
def test_the_gold_label_changes_nothing(item, form):
    presented = {continuations(replace(item, gold=label), form) for label in item.labels}
    assert len(presented) == 1


@given(items())
def test_letters_list_every_option_and_compare_labels(item):
    presented = continuations(item, "letters")
    assert presented.choices == item.labels
    for label, text in zip(item.labels, item.options, strict=True):
        assert f"\n{label}. {text}\n" in presented.context


@given(items(), st.data())
def test_cloze_compares_texts_and_lists_none(item, data):
    presented = continuations(item, "cloze")
    assert presented.choices == item.options
    other = tuple(data.draw(st.permutations(item.options)))
    assert continuations(replace(item, options=other), "cloze").context == presented.context


@given(items(), st.sampled_from(FORMS))
def test_question_and_context_precede_the_answer(item, form):
    context = continuations(item, form).context
    assert context.endswith("\nAnswer:")
    assert context.index(item.question) >= 0
    for heading, text in item.context:
        assert f"{heading}: {text}" in context


def test_options_that_are_their_labels_are_not_lettered():
    item = Item("i", "Does it?", ("yes", "no", "maybe"), ("yes", "no", "maybe"), "yes")
    assert continuations(item, "letters") == continuations(item, "cloze")
    assert continuations(item, "letters").context == "Question: Does it?\nAnswer:"
