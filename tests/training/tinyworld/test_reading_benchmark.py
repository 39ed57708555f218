"""tinyworld_reading: the context answers each question with exactly one option, and options differ in one word."""

from collections import Counter

import pytest

from evalsuite.data.load import load
from evalsuite.tasks.continuation import continuations
from evalsuite.tasks.registry import load_suites, load_task
from training.tinyworld.benchmark import SEED, item_row
from training.tinyworld.graph import RELATIONS, make_world
from training.tinyworld.items import LABELS, MIN_OPTIONS
from training.tinyworld.reading_benchmark import ITEMS, READING, reading_items

WORLD = make_world(SEED)
GENERATED = reading_items(WORLD)
KIND = {name: kind for kind, names in WORLD.entities.items() for name in names}
TRUE = {fact.sentence() for fact in WORLD.facts()}


def context(item):
    (_, text), *rest = item.context
    assert not rest
    return [sentence if sentence.endswith(".") else f"{sentence}." for sentence in text.split(". ")]


def gold(item):
    return item.options[item.labels.index(item.gold)]


def parse(sentence):
    """Return the subject, the relation and the object of a sentence."""
    words = sentence.removesuffix(".").split()
    first, last = words[0], words[-1]
    return first, next(r for r in RELATIONS if r.sentences[0].format(first, last) == f"{' '.join(words)}."), last


def test_the_context_contains_exactly_one_option():
    for item in GENERATED:
        assert [option for option in item.options if f"{option}." in context(item)] == [gold(item)], item.id


def test_the_question_is_for_the_object_of_the_gold_option():
    for item in GENERATED:
        subject, relation, end = parse(gold(item))
        assert item.question == relation.question.format(subject)
        assert [parse(fact)[2] for fact in context(item) if parse(fact)[:2] == (subject, relation)] == [end]


def test_options_differ_in_their_last_word_alone_which_is_of_the_kind_of_the_answer():
    for item in GENERATED:
        beginnings, ends = zip(*(option.rsplit(" ", 1) for option in item.options), strict=True)
        assert len(set(beginnings)) == 1 and len(set(ends)) == len(ends)
        assert {KIND[end] for end in ends} == {item.meta["asked"]}
        assert MIN_OPTIONS <= len(ends) <= len(LABELS)


def test_names_from_the_context_are_the_first_distractors():
    for item in GENERATED:
        mentioned = {name for fact in context(item) for name in parse(fact)[::2] if KIND[name] == item.meta["asked"]}
        offered = mentioned & {option.rsplit(" ", 1)[1] for option in item.options}
        assert len(offered) == min(len(mentioned), len(item.options)), item.id


def test_meta_rival_states_whether_another_subject_has_the_same_relation():
    for item in GENERATED:
        same_relation = [fact for fact in context(item) if parse(fact)[1] == parse(gold(item))[1]]
        assert (item.meta["rival"] == "told") == (len(same_relation) == 2), item.id
    assert 0.1 < sum(item.meta["rival"] == "told" for item in GENERATED) / ITEMS < 0.3


def test_the_relations_of_questions_are_equally_frequent():
    counts = Counter(parse(gold(item))[1].name for item in GENERATED)
    assert len(counts) == len(RELATIONS) and max(counts.values()) - min(counts.values()) <= 1


def test_the_facts_of_the_context_are_true_by_chance_alone():
    facts = [fact for item in GENERATED for fact in context(item)]
    assert sum(fact in TRUE for fact in facts) / len(facts) < 0.05


def test_in_cloze_scoring_the_options_follow_context_and_question():
    item = GENERATED[0]
    cloze = continuations(item, "cloze")
    assert cloze.context == f"Facts: {' '.join(context(item))}\n\nQuestion: {item.question}\nAnswer:"
    assert cloze.choices == item.options


@pytest.mark.parametrize("seed", [2, 3])
def test_another_world_has_items_with_its_own_names(seed):
    world = make_world(seed)
    items = reading_items(world)
    names = {name for names in world.entities.values() for name in names}
    assert len(items) == ITEMS
    assert {name for item in items for fact in context(item) for name in parse(fact)[::2]} <= names
    assert [item_row(item) for item in items] != [item_row(item) for item in GENERATED]


def test_the_packages_items_are_those_of_the_generator():
    assert [item_row(item) for item in GENERATED] == [item_row(item) for item in load(load_task(READING)).items]


def test_the_task_is_in_no_suite():
    """Its items are for base models; suites are run with chat models."""
    assert not any(READING in suite.tasks for suite in load_suites().values())
