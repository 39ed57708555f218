"""Items: one right option by the graph, all options of one kind, none of a held-out disease where training asks."""

import random

import pytest

from evalsuite.data.load import load
from evalsuite.reward.train_dataset import refuse_test_items
from evalsuite.tasks.registry import load_task
from training.tinyworld.benchmark import HARD, PATHS, SEED, TASK, benchmark, native
from training.tinyworld.graph import RELATIONS, make_world
from training.tinyworld.items import FEWEST, LABELS, make_item
from training.tinyworld.paths import split_paths

WORLD = make_world(SEED)
SPLITS = split_paths(WORLD)
ITEMS = benchmark(WORLD, SPLITS)
ALL = [pair for items in ITEMS.values() for pair in items]
KIND = {name: kind for kind, names in WORLD.entities.items() for name in names}


def meant(question):
    """All entities that a question may mean: read from the named entity outwards, each step a set of edges."""
    start = next(word for word in question.rstrip("?").split() if word in KIND)
    reached, text = {start}, question.replace(start, "@")
    while text != "@":
        relation, text = next(
            (relation, text.replace(form.format("@"), "@"))
            for relation in RELATIONS
            for form in (relation.noun, relation.asks)
            if form.format("@") in text
        )
        reached = {end for (subject, name), end in WORLD.edges.items() if subject in reached and name == relation.name}
    return reached


def test_exactly_one_option_answers_the_question():
    for _, item in ALL:
        right = meant(item.question) & set(item.options)
        assert right == {item.options[item.labels.index(item.gold)]}, item.id


def test_options_are_of_the_kind_that_is_asked_for_and_none_twice():
    for path, item in ALL:
        assert {KIND[option] for option in item.options} == {KIND[path.end]}
        assert len(set(item.options)) == len(item.options)
        assert FEWEST <= len(item.options) <= len(LABELS)


def test_the_drugs_of_a_disease_compete():
    """The drug that palliates is offered for the one that treats far more often than a drug drawn blindly would be."""
    path = next(p for p in SPLITS.paths["test"] if p.facts[-1].relation.name == "treated_with")
    palliates = WORLD.edges[path.facts[-1].subject, "palliated_with"]
    draw = random.Random(0)
    made = [make_item(WORLD, SPLITS, path, "x", draw) for _ in range(300)]
    offered = sum(palliates in item.options for item in made) / len(made)
    blindly = sum(len(item.options) - 1 for item in made) / len(made) / (len(WORLD.entities["drug"]) - 1)
    assert offered > 2 * blindly


def test_what_training_asks_never_names_a_held_out_disease():
    silent, draw = SPLITS.silent(WORLD), random.Random(0)
    assert len(silent) == 2 * len(SPLITS.held_out)
    for path in SPLITS.paths["train"]:
        item = make_item(WORLD, SPLITS, path, "x", draw, known=True)
        assert not silent & {*path.nodes, *item.options}


def test_the_tasks_share_no_path_with_each_other_or_with_other_splits():
    own, hard = ({path for path, _ in ITEMS[name]} for name in (TASK, HARD))
    assert not own & hard
    assert own | hard <= set(SPLITS.paths["test"])
    assert {path.tier for path in hard} == {"difficult"}
    assert len(own) == len(ITEMS[TASK]) == sum(PATHS.values()) >= 1000
    assert len(ITEMS[HARD]) == 2 * len(hard) >= 500


def test_both_items_of_a_path_are_one_cluster_with_other_options():
    items = [item for _, item in ITEMS[HARD]]
    for first, second in zip(items[::2], items[1::2], strict=True):
        assert (first.question, first.group) == (second.question, second.group)
        assert set(first.options) != set(second.options)


@pytest.mark.parametrize("name", [TASK, HARD])
def test_the_bundled_items_are_what_the_generator_makes(name):
    made = [native(item) for _, item in ITEMS[name]]
    assert made == [native(item) for item in load(load_task(name)).items]


def test_training_questions_are_no_test_items():
    draw = random.Random(0)
    items = [make_item(WORLD, SPLITS, path, path.question(), draw, known=True) for path in SPLITS.paths["train"]]
    refuse_test_items(items, "train", load_task(TASK), user_items=True)
