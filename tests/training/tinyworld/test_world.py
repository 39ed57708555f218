"""The world: determined by its seed, with distinct names, functional relations, and each path in one split."""

from collections import Counter

import pytest

from training.tinyworld.graph import COUNTS, RELATIONS, make_world
from training.tinyworld.paths import MAX_FACTS, all_paths, split_paths

WORLDS = {seed: make_world(seed) for seed in (1, 2, 3)}
each = pytest.mark.parametrize("world", WORLDS.values(), ids=str)


def test_a_world_is_determined_by_its_seed():
    assert make_world(1) == WORLDS[1]
    assert split_paths(make_world(1)) == split_paths(WORLDS[1])
    assert make_world(1).edges != WORLDS[2].edges


@each
def test_names_are_distinct(world):
    names = [name for kind in world.entities.values() for name in kind]
    assert len(set(names)) == len(names) == sum(COUNTS.values())


@each
def test_every_subject_has_one_object_of_the_right_kind(world):
    facts = list(world.facts())
    assert len(facts) == sum(COUNTS[relation.subject] for relation in RELATIONS)
    for fact in facts:
        assert fact.subject in world.entities[fact.relation.subject]
        assert fact.object in world.entities[fact.relation.object]


@each
def test_a_drug_has_at_most_one_relation_to_a_disease(world):
    for disease in world.entities["disease"]:
        drugs = [f.object for f in world.facts() if f.subject == disease and f.relation.object == "drug"]
        assert len(set(drugs)) == len(drugs) == 3


@each
def test_objects_are_equally_frequent(world):
    for relation in RELATIONS:
        used = Counter(f.object for f in world.facts() if f.relation == relation)
        assert max(used.values()) - min(used[name] for name in world.entities[relation.object]) <= 1


@each
def test_every_path_is_in_exactly_one_split(world):
    splits = split_paths(world)
    divided = [path for paths in splits.paths.values() for path in paths]
    assert len(set(divided)) == len(divided)
    assert set(divided) == set(all_paths(world))
    assert {len(path.facts) for path in divided} == set(range(1, MAX_FACTS + 1))


@each
def test_held_out_diseases_occur_on_paths_of_their_split_alone(world):
    splits = split_paths(world)
    assert Counter(splits.held_out.values()) == {"dev": 6, "test": 12}
    for split, paths in splits.paths.items():
        for path in paths:
            assert splits.held_out.get(path.disease(world), split) == split


@each
def test_each_fact_of_a_path_begins_where_the_one_before_ends(world):
    for path in split_paths(world).paths["train"]:
        for before, after in zip(path.facts, path.facts[1:], strict=False):
            assert before.object == after.subject
        assert len(set(path.nodes)) == len(path.nodes)
