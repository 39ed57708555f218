"""Which texts are removed as duplicates, and which stay."""

import random
from itertools import combinations

import numpy as np
import pytest

from training.corpora.duplicates.find import EXACT, NEAR, find_duplicates
from training.corpora.duplicates.recall import measured_recall
from training.corpora.duplicates.settings import DuplicateSettings, bands_for, candidate_probability
from training.corpora.duplicates.signatures import is_complete, load_signatures, signatures

SETTINGS = DuplicateSettings()
WORDS = [a + b + c for a in ("al", "be", "co", "du", "fe") for b in ("ra", "li", "mo", "nu") for c in ("st", "n", "x")]


def text_of(rng: random.Random, words: int = 200) -> str:
    return " ".join(rng.choices(WORDS, k=words)) + "."


def found(texts, settings=SETTINGS):
    return find_duplicates([signatures(texts, settings)], settings)


def changed(text: str, rng: random.Random, times: int) -> str:
    words = text.split()
    for place in rng.sample(range(len(words) - 1), times):
        words[place] = "altered"
    return " ".join(words)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.rstrip(".").split()
    return {tuple(words[n : n + 5]) for n in range(len(words) - 4)}


def test_equal_texts_of_any_length_are_duplicates_and_the_first_complete_one_stays():
    result = found(["Fever.", "a b", "fever", "A b.", "fever."])
    assert (result.kind == 0).sum() == 2 and result.kind[[0, 3]].tolist() == [0, 0]
    assert result.stays.tolist() == [0, 3, 0, 3, 0]


def test_texts_without_any_word_are_never_duplicates():
    assert found(["", "...", "", " ", "—"]).kind.tolist() == [0] * 5


def test_no_text_at_all():
    assert len(found([]).kind) == 0 and len(find_duplicates([], SETTINGS).kind) == 0


def test_short_texts_that_differ_in_a_number_stay():
    texts = ["Give 10 mg.", "Give 20 mg.", "type 1 diabetes", "type 2 diabetes", "IL-2", "IL-6"]
    assert found(texts).kind.tolist() == [0] * 6


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("10 mg", "20 mg"),
        ("10 mg", "10 g"),
        ("10 µg", "10 mg"),
        ("<5 points", ">5 points"),
        ("effective", "not effective"),
        ("type 1", "type 2"),
        ("10^9", "10^6"),
        ("with 5", "without 5"),
    ],
)
def test_long_texts_that_differ_in_a_number_a_unit_or_a_negation_stay(before, after):
    rest = [text_of(random.Random(n)) for n in (1, 2)]
    texts = [f"{rest[0]} It was {each} in all. {rest[1]}" for each in (before, after)]
    result = found(texts)
    assert result.kind.tolist() == [0, 0] and set(result.apart) <= {(0, 1), (1, 0)} and result.apart_count == 1
    relaxed = DuplicateSettings(numbers_agree=False)
    assert sorted(found(texts, relaxed).kind.tolist()) == [0, NEAR]


def test_the_longest_complete_text_stays_and_not_the_first():
    whole = text_of(random.Random(5))
    cut = " ".join(whole.split()[:185])
    longer_but_cut = whole.rstrip(".") + " and further words of it which end in the mid..."
    result = found([cut, whole, longer_but_cut])
    assert result.kind.tolist() == [NEAR, 0, NEAR] and result.stays.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("It ends.", True),
        ("It ends (see there).", True),
        ("He said “no.”", True),
        ("as shown before.3", True),
        ("治療する。", True),
        ("It ends in the mid", False),
        ("It ends...", False),
        ("It ends…", False),
        ("It ends. (ABSTRACT TRUNCATED AT 250 WORDS)", False),
        ("", False),
    ],
)
def test_a_text_that_is_cut_off_is_recognised(text, complete):
    assert is_complete(text) is complete


def test_each_removed_text_is_like_one_that_stays_and_no_two_that_stay_are_alike():
    rng = random.Random(7)
    texts = [text_of(rng, 120) for _ in range(40)]
    texts += [changed(text, rng, times) for text in texts for times in (1, 2, 4)]
    texts += [changed(texts[-1], rng, 2), *texts[3:6]]
    sets = [shingles(text) for text in texts]

    def jaccard(a: int, b: int) -> float:
        return len(sets[a] & sets[b]) / len(sets[a] | sets[b])

    result = found(texts)
    kept = np.flatnonzero(result.kind == 0).tolist()
    assert all(jaccard(a, b) < SETTINGS.threshold for a, b in combinations(kept, 2))
    for number in np.flatnonzero(result.kind == NEAR).tolist():
        assert result.kind[result.stays[number]] == 0
        assert jaccard(number, int(result.stays[number])) == pytest.approx(float(result.similarity[number]))
        assert result.similarity[number] >= SETTINGS.threshold
    assert (result.kind == EXACT).sum() >= 3


def test_a_crowd_of_like_texts_keeps_one():
    rng = random.Random(9)
    text = text_of(rng)
    result = found([changed(text, rng, 1) for _ in range(150)])
    assert (result.kind == 0).sum() == 1 and result.not_compared == 0


def test_parts_and_their_order_on_the_disk_change_nothing(tmp_path):
    rng = random.Random(3)
    texts = [text_of(rng) for _ in range(30)]
    texts += [changed(text, rng, 2) for text in texts[:10]] + texts[:3] + [""]
    whole = found(texts)
    for number, part in enumerate((texts[:7], [], texts[7:])):
        signatures(part, SETTINGS).save(tmp_path / str(number))
    parted = find_duplicates([load_signatures(tmp_path / str(number)) for number in range(3)], SETTINGS)
    assert parted.kind.tolist() == whole.kind.tolist() and parted.stays.tolist() == whole.stays.tolist()


def test_the_recall_at_the_threshold_is_measured_and_high():
    rng = random.Random(11)
    recall = measured_recall([signatures([text_of(rng) for _ in range(1500)], SETTINGS)], SETTINGS)
    assert recall.pairs == 1500 and recall.found / recall.pairs >= 0.99


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
def test_bands_are_chosen_for_a_lower_threshold(threshold):
    bands, rows = bands_for(threshold)
    assert candidate_probability(threshold, bands, rows) >= 0.997
    assert candidate_probability(threshold - 0.2, bands, rows) >= 0.5
