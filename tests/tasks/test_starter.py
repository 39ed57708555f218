"""The bundled starter set: sourced, balanced, without leaks or repeats; and its hand-written recording."""

import asyncio
import json
import re
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations
from math import exp, log, sqrt
from pathlib import Path

import pytest

from evalsuite.data.load import load
from evalsuite.grading.grade import grade
from evalsuite.models.backend import BackendSettings, Request
from evalsuite.models.replay import Replay
from evalsuite.models.trivial import RULES
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task

EXAMPLE = Path(__file__).parents[2] / "examples" / "starter_recording.jsonl"
SETS = {name: load(load_task(name)) for name in load_suites()["starter"].tasks}
ITEMS = [(name, item) for name, data in SETS.items() for item in data.items]
STATUSES = {"ok", "no_answer", "several_answers", "not_a_label", "reasoning_unclosed", "truncated", "empty", "refused"}

each_set = pytest.mark.parametrize("name", SETS)


def choices(item):
    return zip(item.labels, item.options, strict=True)


def accuracy(name, choose):
    return sum(choose(item) == item.gold for item in SETS[name].items) / len(SETS[name].items)


def test_four_shapes_in_four_formats():
    assert len(ITEMS) >= 60
    assert {data.task.format for data in SETS.values()} == set(FORMATS)
    assert {len(data.items[0].labels) for data in SETS.values()} == {3, 4, 5, 10}


def test_the_starter_set_is_no_part_of_the_benchmarks():
    assert not set(SETS) & set(load_suites()["all"].tasks)


@each_set
def test_the_card_describes_the_items(name):
    task, items = SETS[name].task, SETS[name].items
    counts = Counter(item.gold for item in items)
    assert task.items == len(items)
    assert task.option_counts == Counter(len(item.options) for item in items)
    assert task.chance == pytest.approx(sum(1 / len(item.options) for item in items) / len(items), abs=5e-5)
    assert task.constant.label == RULES["majority"](SETS[name])(Request(name, items[0], 0, (), 0))
    assert task.constant.accuracy == pytest.approx(max(counts.values()) / len(items), abs=5e-5)
    assert task.digest and not SETS[name].notes


@each_set
def test_every_label_is_the_gold_label_equally_often(name):
    counts = Counter(item.gold for item in SETS[name].items)
    assert set(counts) == set(SETS[name].items[0].labels)
    assert len(set(counts.values())) == 1


@each_set
@pytest.mark.parametrize("measure", [len, lambda text: -len(text), lambda text: len(text.split()), str.lower])
def test_the_form_of_an_option_does_not_leak_the_gold_label(name, measure):
    def choose(item):
        return max(choices(item), key=lambda choice: measure(choice[1]))[0]

    assert accuracy(name, choose) <= SETS[name].task.chance + 0.1


@each_set
def test_words_shared_with_the_question_do_not_leak_the_gold_label(name):
    def words(text):
        return set(re.findall(r"\w{4,}", text.lower()))

    def choose(item):
        return max(choices(item), key=lambda choice: len(words(choice[1]) & words(item.question)))[0]

    assert accuracy(name, choose) <= SETS[name].task.chance + 0.1


@pytest.mark.parametrize(("name", "item"), ITEMS, ids=lambda part: getattr(part, "id", part))
def test_an_item_is_well_formed(name, item):
    assert item.gold in item.labels
    assert len({option.lower() for option in item.options}) == len(item.options)
    assert item.question.endswith("?")
    assert item.meta["subject"]
    gold = item.options[item.labels.index(item.gold)]
    if name != "starter_evidence":
        assert gold.lower() not in item.question.lower()
    else:
        assert [heading for heading, _ in item.context] == ["Background", "Methods", "Results"]


def test_every_item_names_the_source_of_its_fact():
    for data in SETS.values():
        for line in (data.task.folder / "items.jsonl").read_text("utf-8").splitlines():
            source = json.loads(line)["source"]
            assert len(source) > 20
            assert not re.search(r"doi|https?:|PMID|10\.\d{4}", source), (
                "a title, a body and a year; nothing to mistype"
            )


def test_evidence_states_that_its_studies_are_invented():
    data = SETS["starter_evidence"]
    prompt = TaskPrompt(data.task, data.task.format)
    assert all("invented" in prompt.messages(item)[-1]["content"] for item in data.items)


@pytest.mark.parametrize("item", SETS["starter_evidence"].items, ids=lambda item: item.id)
def test_the_numbers_of_a_study_agree_with_each_other(item):
    results = dict(item.context)["Results"].replace(",", "")
    for count, whole, percent in re.findall(r"(\d+) of (?:the )?(\d+)[^.()]*?\((?:sensitivity )?(\d+\.\d)%", results):
        assert 100 * int(count) / int(whole) == pytest.approx(float(percent), abs=0.051)
    intervals = re.findall(r"(-?\d+\.\d+)[^()\d-]*\(?(?:95% CI )?(-?\d+\.\d+)%? to (-?\d+\.\d+)%?", results)
    assert intervals
    assert all(float(low) < float(value) < float(high) for value, low, high in intervals)
    risks = re.search(r"risk ratio (\d\.\d+) ?:? ?\(?95% CI (\d\.\d+) to (\d\.\d+)", results)
    arms = [(int(a), int(n)) for a, n in re.findall(r"(\d+) of (\d+)", results)]
    if risks and len(arms) >= 2:
        (a, n), (b, m) = arms[:2]
        ratio, error = log((a / n) / (b / m)), sqrt(1 / a - 1 / n + 1 / b - 1 / m)
        computed = [exp(ratio + z * error) for z in (0, -1.96, 1.96)]
        assert computed == pytest.approx([float(part) for part in risks.groups()], abs=0.006)


def test_no_two_items_are_alike():
    for (_, a), (_, b) in combinations(ITEMS, 2):
        texts = [" ".join((item.question, *(text for _, text in item.context))) for item in (a, b)]
        matcher = SequenceMatcher(None, *texts, autojunk=False)
        if matcher.real_quick_ratio() > 0.75 and matcher.quick_ratio() > 0.75:
            assert matcher.ratio() < 0.75, (a.id, b.id)


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are in the repository, not in the package")
def test_the_recording_answers_every_item_and_shows_every_status():
    backend = Replay(BackendSettings(str(EXAMPLE)))
    facts = asyncio.run(backend.open(list(SETS.values())))
    assert facts["models"] == ["written-by-hand"]
    strict, rescued = Counter(), 0
    for name, data in SETS.items():
        setup = backend.prompt_setup(data, "answer_tag")
        assert setup.items == data.items
        assert setup.format == data.task.format
        assert any("Written by hand" in note for note in setup.notes)

        async def collect(name=name, items=setup.items):
            requests = (Request(name, item, 0, (), 0) for item in items)
            return [response async for response in backend.answer(requests)]

        for response in asyncio.run(collect()):
            item = response.request.item
            record = ResponseRecord(item.id, 0, response.text, "", response.finish, False, None, None, None, "")
            graded = grade(item, record, setup)
            strict[graded.strict.status, graded.strict.correct] += 1
            rescued += graded.lenient.correct and not graded.strict.correct
    assert {status for status, _ in strict} == STATUSES
    assert strict["ok", True] and strict["ok", False] and rescued
