"""Trivial baselines: each rule against its definition, and against the counts of the real benchmarks."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load, load_train
from evalsuite.errors import ErrorCode, EvalsuiteError, UsageError
from evalsuite.models.backend import BackendSettings, Request
from evalsuite.models.trivial import RULES, TrivialBaseline
from evalsuite.tasks.answer_format import FORMATS, write
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import DataFile, Task

DATA = Path(__file__).parents[3] / "shared" / "data"
LETTERS = "ABCDEFGHIJ"


@st.composite
def item_sets(draw):
    """Items with two to ten options, some texts shared, some padded."""
    texts = st.text("ab é中 ", max_size=8)
    items = []
    for number in range(draw(st.integers(1, 12))):
        options = tuple(draw(st.lists(texts, min_size=2, max_size=10)))
        labels = tuple(LETTERS[: len(options)])
        items.append(Item(f"i{number}", "Which?", options, labels, draw(st.sampled_from(labels))))
    return dataset(items)


def dataset(items, folder=Path(), **fields):
    task = Task(name="toy", version=1, folder=folder, **fields)
    return Dataset(task, tuple(items), digest="", variant="", root=folder)


async def respond(name, data, format="answer_tag", seeds=(0,)):
    """Return {(item id, sample): response text}."""
    backend = TrivialBaseline(BackendSettings(name))
    await backend.open([data])
    setup = backend.prompt_setup(data, format)
    assert (setup.items, setup.format) == (data.items, format)
    requests = (Request("toy", item, k, (), seed) for item in data.items for k, seed in enumerate(seeds))
    return {(r.request.item.id, r.request.sample): r.text async for r in backend.answer(requests)}


def labels_of(name, data, format="answer_tag", seeds=(0,)):
    """Return {(item id, sample): the label that the response states}."""
    texts = asyncio.run(respond(name, data, format, seeds))
    items = {item.id: item for item in data.items}
    return {
        key: next(label for label in items[key[0]].labels if write(format, label) == text)
        for key, text in texts.items()
    }


@given(st.sampled_from([name for name in RULES if name != "nearest"]), item_sets(), st.sampled_from(FORMATS))
def test_every_baseline_answers_every_item_with_one_of_its_labels_in_the_requested_format(name, data, format):
    labels = labels_of(name, data, format)
    assert set(labels) == {(item.id, 0) for item in data.items}


@given(item_sets())
def test_no_constant_answer_beats_majority(data):
    labels = labels_of("majority", data)
    score = sum(labels[item.id, 0] == item.gold for item in data.items)
    counts = Counter(item.gold for item in data.items)
    assert score >= max(counts.values())
    assert len({labels[item.id, 0] for item in data.items if len(item.labels) == 10}) <= 1


def test_majority_breaks_ties_by_the_first_label_and_falls_back_to_the_first_option():
    golds = ["D", "C", "C", "D"]
    items = [Item(str(n), "?", ("w", "x", "y", "z"), tuple("ABCD"), gold) for n, gold in enumerate(golds)]
    items.append(Item("short", "?", ("w", "x"), ("A", "B"), "B"))
    labels = labels_of("majority", dataset(items))
    assert [labels[str(n), 0] for n in range(4)] == ["C"] * 4
    assert labels["short", 0] == "A"


@given(item_sets())
def test_longest_is_the_first_of_the_longest(data):
    labels = labels_of("longest", data)
    for item in data.items:
        lengths = [len(option.strip()) for option in item.options]
        assert labels[item.id, 0] == item.labels[lengths.index(max(lengths))]


@given(item_sets())
def test_first_is_the_first(data):
    assert all(label == "A" for label in labels_of("first", data).values())


def test_random_is_uniform_over_seeds_and_the_same_for_the_same_seed():
    from scipy.stats import chisquare

    data = dataset([Item("i", "?", tuple("vwxyz"), tuple("ABCDE"), "A")])
    labels = labels_of("random", data, seeds=range(5000))
    counts = Counter(labels.values())
    assert set(counts) == set("ABCDE")
    assert chisquare(list(counts.values())).pvalue > 1e-6
    assert labels == labels_of("random", data, seeds=range(5000))


def train_row(id, question, gold):
    return {"id": id, "question": question, "options": {"A": gold, "B": "none of it"}, "answer": "A"}


def with_train(folder, rows, items):
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return dataset(items, folder, train=(DataFile(path="train.jsonl", items=len(rows)),))


def test_nearest_chooses_the_option_most_like_the_gold_text_of_the_most_similar_question(tmp_path):
    rows = [
        train_row("1", "A child with barking cough and stridor at night", "Nebulised adrenaline"),
        train_row("2", "A man with crushing chest pain and ST elevation", "Primary coronary intervention"),
        train_row("3", "发热伴咳嗽的儿童首选治疗", "阿莫西林口服"),
    ]
    items = [
        Item("cough", "Stridor and a barking cough in a child", ("Oral adrenaline", "Heparin"), ("A", "B"), "B"),
        Item("chest", "Crushing chest pain, ST elevation", ("Aspirin", "primary PCI intervention"), ("A", "B"), "A"),
        Item("zh", "儿童发热咳嗽", ("头孢", "阿莫西林"), ("A", "B"), "B"),
        Item("nothing", "Stridor, cough, child", ("xyz", "uvw"), ("A", "B"), "B"),
        Item("wordless", "?!", ("xyz", "uvw"), ("A", "B"), "B"),
    ]
    labels = labels_of("nearest", with_train(tmp_path, rows, items))
    assert labels == {("cough", 0): "A", ("chest", 0): "B", ("zh", 0): "B", ("nothing", 0): "A", ("wordless", 0): "A"}


def test_nearest_without_train_items_is_an_error_that_names_the_task(tmp_path):
    data = dataset([Item("i", "?", ("x", "y"), ("A", "B"), "A")], tmp_path)
    with pytest.raises(EvalsuiteError, match="toy") as caught:
        asyncio.run(respond("nearest", data))
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND


def test_an_unknown_baseline_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match=", ".join(RULES)) as caught:
        TrivialBaseline(BackendSettings("median"))
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL


def test_a_baseline_has_no_model_arguments():
    with pytest.raises(UsageError, match="k") as caught:
        TrivialBaseline(BackendSettings("first", model_args={"k": "3"}))
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL_ARGUMENT


async def test_a_baseline_lets_other_tasks_of_the_loop_run():
    data = dataset([Item(str(n), "?", ("x", "y"), ("A", "B"), "A") for n in range(1000)])
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(count_turns())
    await respond("first", data)
    task.cancel()
    assert turns > 5


# Accuracy in percent of the constant answer and of the longest option, as the data's description counts them.
ACCURACIES = {
    "medqa": (27.7, 27.0),
    "medqa_5opt": (21.8, 21.1),
    "medmcqa": (32.2, 30.9),
    "pubmedqa": (55.2, None),
    "medxpertqa": (10.7, 9.5),
    "careqa": (26.4, 27.7),
    "medbullets_op4": (28.2, 27.3),
    "medbullets_op5": (24.0, 22.4),
    "mmlu_pro_biology": (12.7, 45.2),
    "mmlu_pro_health": (12.5, 12.2),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", ACCURACIES)
def test_baselines_of_the_real_benchmarks(name):
    data = load(load_task(name), DATA)
    for rule, percent in zip(("majority", "longest"), ACCURACIES[name], strict=True):
        if percent is not None:
            choose = RULES[rule](data)
            right = [choose(Request(name, item, 0, (), 0)) == item.gold for item in data.items]
            assert 100 * sum(right) / len(right) == pytest.approx(percent, abs=0.051)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_nearest_finds_the_train_question_that_equals_an_item():
    data = load(load_task("medqa"), DATA)
    train = load_train(data)[:30]
    choose = RULES["nearest"](data)
    right = [choose(Request("medqa", item, 0, (), 0)) == item.gold for item in train]
    assert all(right)
