"""Words found by arrays are the words that a regular expression finds, and equal words have equal hashes."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.overlap.word_hashes import SEED_WORDS, seed_hashes, word_table

ALPHABET = "ab cdé 10.-\n\tÄß中文がＡ\u0301\U0001d400_²"


def plain_words(text):
    """Words by another road: marks left out, then letters and digits of the first plane in runs."""
    kept = "".join(c if ord(c) < 0x10000 else " " for c in text if unicodedata.category(c) not in ("Mn", "Cf"))
    return re.findall(r"[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[^\W_])+", kept)


@given(st.lists(st.text(ALPHABET, max_size=40), max_size=6))
def test_words_are_those_of_a_regular_expression(texts):
    table = word_table(texts)
    assert [int((table.segments == n).sum()) for n in range(len(texts))] == [len(plain_words(text)) for text in texts]
    shown = [
        [c for c in texts[n][a:b] if unicodedata.category(c) not in ("Mn", "Cf")]
        for n, a, b in zip(table.segments, table.starts, table.ends, strict=True)
    ]
    assert ["".join(word) for word in shown] == [word for text in texts for word in plain_words(text)]


@pytest.mark.parametrize(
    "same",
    [
        ("Große", "GRO\u1e9ee"),
        ("É", "e"),
        ("ｅｃｇ", "ECG"),
        ("cafe\u0301", "CAFÉ"),
        ("\u0421\u043e\u0440", "Cop"),
        ("\u0391\u03a1\u0397", "aph"),
    ],
)
def test_case_accents_width_and_look_alike_letters_do_not_matter(same):
    one, other = (word_table([text]).hashes for text in same)
    assert one.tolist() == other.tolist()


@given(st.lists(st.sampled_from(["10", "20", "mg", "of", "aspirin", "heparin"]), min_size=1, max_size=30))
def test_equal_words_have_equal_hashes_and_others_have_not(words):
    hashes = word_table([" ".join(words)]).hashes.tolist()
    assert len(set(hashes)) == len(set(words))
    assert dict(zip(words, hashes, strict=True)) == {word: word_table([word]).hashes[0] for word in words}


def test_a_word_has_its_hash_wherever_it_stands_in_a_long_text():
    table = word_table(["filler " * 20_000 + "aspirin", "aspirin " * 30_000])
    assert len(set(table.hashes[20_000:].tolist())) == 1


def test_seeds_stay_within_their_text():
    table = word_table(["one two three four", "five six seven", "eight nine ten eleven twelve"])
    seeds, places = table.seeds()
    assert places.tolist() == [0, 7, 8]
    assert np.array_equal(seeds[1:], seed_hashes(table.hashes[7:]))
    assert len(seed_hashes(table.hashes[: SEED_WORDS - 1])) == 0
