"""What makes two texts different, and what doesn't."""

import pytest

from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import signatures
from training.corpora.duplicates.tokens import token_table


def equal(a: str, b: str) -> bool:
    exact = signatures([a, b], DuplicateSettings()).exact
    return bool((exact[0] == exact[1]).all())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("10 mg", "20 mg"),
        ("type 1", "type 2"),
        ("IL-2", "IL-6"),
        ("age <5", "age >5"),
        ("age <5", "age 5"),
        ("≤5", "<5"),
        ("-5 mg", "5 mg"),
        ("5%", "5"),
        ("+2", "2"),
        ("±2", "2"),
        ("1.5 mg", "15 mg"),
        ("1.5 mg", "1 5 mg"),
        ("1,000 mg", "1.000 mg"),
        ("1/2", "1:2"),
        ("10^9", "109"),
        ("10⁹", "109"),
        ("5½", "51"),
        ("5 µg", "5 mg"),
        ("5 μg", "5 mg"),
        ("a ≠ b", "a = b"),
        ("pain", "no pain"),
        ("effective", "not effective"),
        ("with fever", "without fever"),
        ("肝炎", "腎炎"),
        ("hepatitis B", "hepatitis C"),
    ],
)
def test_what_changes_the_meaning_makes_a_difference(a, b):
    assert not equal(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Aspirin inhibits", "aspirin  inhibits"),
        ("Аѕріrіn", "Aspirin"),  # Cyrillic letters
        ("ΑΒ", "AB"),  # Greek letters
        ("−5", "-5"),
        ("2–4 g", "2-4 g"),
        ("5 µg", "5 ug"),
        ("CO₂", "CO2"),
        ("naïve", "naive"),
        ("ｆｕｌｌ", "full"),
        ("follow-up", "follow up"),
        ("10mg", "10 mg"),
        ("“quoted”, text.", "quoted text"),
        ("so\u00adft", "soft"),
    ],
)
def test_what_only_looks_different_is_equal(a, b):
    assert equal(a, b)


def test_the_tokens_of_a_text_do_not_depend_on_its_neighbours():
    texts = ["2", "-5 mg", "", "naïve\u0301 <", "5", "IL-"]
    whole = token_table(texts)
    for number, text in enumerate(texts):
        alone = token_table([text])
        begin, end = whole.bounds[number], whole.bounds[number + 1]
        assert whole.hashes[begin:end].tolist() == alone.hashes.tolist(), text
        assert whole.kinds[begin:end].tolist() == alone.kinds.tolist(), text


def test_one_text_is_no_sequence_of_texts():
    with pytest.raises(TypeError):
        token_table("a text")
    with pytest.raises(TypeError):
        signatures("a text", DuplicateSettings())
