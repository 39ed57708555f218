"""Items: one right option by the graph, options of one kind, and no held-out names in training items."""

import random

import pytest

from evalsuite.data.load import load
from evalsuite.reward.train_dataset import refuse_test_items
from evalsuite.tasks.registry import load_task
from training.tinyworld.benchmark import HARD, PATHS, SEED, TASK, item_row, path_benchmarks
from training.tinyworld.graph import RELATIONS, make_world
from training.tinyworld.items import LABELS, MIN_OPTIONS, make_item
from training.tinyworld.paths import split_paths

WORLD = make_world(SEED)
SPLITS = split_paths(WORLD)
ITEMS = path_benchmarks(WORLD, SPLITS)
ALL = [pair for items in ITEMS.values() for pair in items]
KIND = {name: kind for kind, names in WORLD.entities.items() for name in names}


def answers(question):
    """Return all entities that answer a question, following its relations from the mentioned entity."""
    start = next(word for word in question.rstrip("?").split() if word in KIND)
    reached, text = {start}, question.replace(start, "@")
    while text != "@":
        relation, text = next(
            (relation, text.replace(form.format("@"), "@"))
            for relation in RELATIONS
            for form in (relation.noun_phrase, relation.question)
            if form.format("@") in text
        )
        reached = {end for (subject, name), end in WORLD.edges.items() if subject in reached and name == relation.name}
    return reached


def test_exactly_one_option_answers_the_question():
    for _, item in ALL:
        right = answers(item.question) & set(item.options)
        assert right == {item.options[item.labels.index(item.gold)]}, item.id


def test_options_are_distinct_and_of_the_kind_of_the_answer():
    for path, item in ALL:
        assert {KIND[option] for option in item.options} == {KIND[path.end]}
        assert len(set(item.options)) == len(item.options)
        assert MIN_OPTIONS <= len(item.options) <= len(LABELS)


def test_the_drugs_of_a_disease_compete():
    """The drug that palliates a disease is a distractor for the one that treats it far more often than by chance."""
    path = next(p for p in SPLITS.paths["test"] if p.facts[-1].relation.name == "treated_with")
    palliates = WORLD.edges[path.facts[-1].subject, "palliated_with"]
    draw = random.Random(0)
    items = [make_item(WORLD, SPLITS, path, "x", draw) for _ in range(300)]
    observed = sum(palliates in item.options for item in items) / len(items)
    chance = sum(len(item.options) - 1 for item in items) / len(items) / (len(WORLD.entities["drug"]) - 1)
    assert observed > 2 * chance


def test_training_items_never_mention_a_held_out_disease():
    held_out, draw = SPLITS.held_out_names(WORLD), random.Random(0)
    assert len(held_out) == 2 * len(SPLITS.held_out)
    for path in SPLITS.paths["train"]:
        item = make_item(WORLD, SPLITS, path, "x", draw, for_training=True)
        assert not held_out & {*path.nodes, *item.options}


def test_the_tasks_share_no_path_with_each_other_or_another_split():
    normal, hard = ({path for path, _ in ITEMS[name]} for name in (TASK, HARD))
    assert not normal & hard
    assert normal | hard <= set(SPLITS.paths["test"])
    assert {path.tier for path in hard} == {"difficult"}
    assert len(normal) == len(ITEMS[TASK]) == sum(PATHS.values()) >= 1000
    assert len(ITEMS[HARD]) == 2 * len(hard) >= 500


def test_both_items_of_a_path_are_one_cluster_with_different_options():
    items = [item for _, item in ITEMS[HARD]]
    for first, second in zip(items[::2], items[1::2], strict=True):
        assert (first.question, first.group) == (second.question, second.group)
        assert set(first.options) != set(second.options)


@pytest.mark.parametrize("name", [TASK, HARD])
def test_the_packages_items_are_those_of_the_generator(name):
    generated = [item_row(item) for _, item in ITEMS[name]]
    assert generated == [item_row(item) for item in load(load_task(name)).items]


def test_training_items_are_no_test_items():
    draw = random.Random(0)
    items = [make_item(WORLD, SPLITS, path, path.question(), draw, for_training=True) for path in SPLITS.paths["train"]]
    refuse_test_items(items, "train", load_task(TASK), user_items=True)
