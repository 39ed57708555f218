"""Reading: the facts that are told have one answer among the options, which differ in nothing else."""

from collections import Counter

import pytest

from evalsuite.data.load import load
from evalsuite.tasks.continuation import continuations
from evalsuite.tasks.registry import load_suites, load_task
from training.tinyworld.benchmark import SEED, native
from training.tinyworld.graph import RELATIONS, make_world
from training.tinyworld.items import FEWEST, LABELS
from training.tinyworld.reading_benchmark import ITEMS, READING, reading_items

WORLD = make_world(SEED)
MADE = reading_items(WORLD)
KIND = {name: kind for kind, names in WORLD.entities.items() for name in names}
TRUE = {fact.state() for fact in WORLD.facts()}


def told(item):
    (_, text), *rest = item.context
    assert not rest
    return [sentence if sentence.endswith(".") else f"{sentence}." for sentence in text.split(". ")]


def gold(item):
    return item.options[item.labels.index(item.gold)]


def read(sentence):
    """Subject, relation, object."""
    words = sentence.removesuffix(".").split()
    first, last = words[0], words[-1]
    return first, next(r for r in RELATIONS if r.states[0].format(first, last) == f"{' '.join(words)}."), last


def test_exactly_one_option_is_told():
    for item in MADE:
        assert [option for option in item.options if f"{option}." in told(item)] == [gold(item)], item.id


def test_the_question_asks_for_it():
    for item in MADE:
        subject, relation, end = read(gold(item))
        assert item.question == relation.asks.format(subject)
        assert [read(fact)[2] for fact in told(item) if read(fact)[:2] == (subject, relation)] == [end]


def test_options_differ_in_their_last_word_alone_which_is_of_the_kind_that_is_asked_for():
    for item in MADE:
        begun, ends = zip(*(option.rsplit(" ", 1) for option in item.options), strict=True)
        assert len(set(begun)) == 1 and len(set(ends)) == len(ends)
        assert {KIND[end] for end in ends} == {item.meta["asked"]}
        assert FEWEST <= len(ends) <= len(LABELS)


def test_told_names_are_offered_first():
    for item in MADE:
        told_ends = {name for fact in told(item) for name in read(fact)[::2] if KIND[name] == item.meta["asked"]}
        offered = told_ends & {option.rsplit(" ", 1)[1] for option in item.options}
        assert len(offered) == min(len(told_ends), len(item.options)), item.id


def test_a_rival_is_the_same_relation_of_another_subject():
    for item in MADE:
        of_it = [fact for fact in told(item) if read(fact)[1] == read(gold(item))[1]]
        assert (item.meta["rival"] == "told") == (len(of_it) == 2), item.id
    assert 0.1 < sum(item.meta["rival"] == "told" for item in MADE) / ITEMS < 0.3


def test_every_relation_is_asked_for_about_equally_often():
    asked = Counter(read(gold(item))[1].name for item in MADE)
    assert len(asked) == len(RELATIONS) and max(asked.values()) - min(asked.values()) <= 1


def test_what_is_told_is_true_by_chance_alone():
    facts = [fact for item in MADE for fact in told(item)]
    assert sum(fact in TRUE for fact in facts) / len(facts) < 0.05


def test_by_cloze_the_options_follow_the_facts_and_the_question():
    item = MADE[0]
    shown = continuations(item, "cloze")
    assert shown.context == f"Facts: {' '.join(told(item))}\n\nQuestion: {item.question}\nAnswer:"
    assert shown.choices == item.options


@pytest.mark.parametrize("seed", [2, 3])
def test_another_world_has_items_of_its_own_names(seed):
    world = make_world(seed)
    items = reading_items(world)
    names = {name for names in world.entities.values() for name in names}
    assert len(items) == ITEMS
    assert {name for item in items for fact in told(item) for name in read(fact)[::2]} <= names
    assert [native(item) for item in items] != [native(item) for item in MADE]


def test_the_bundled_items_are_what_the_generator_makes():
    assert [native(item) for item in MADE] == [native(item) for item in load(load_task(READING)).items]


def test_it_is_in_no_suite():
    """Its items are for models that complete text; a first run asks for answers."""
    assert not any(READING in suite.tasks for suite in load_suites().values())
