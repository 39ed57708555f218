"""The rules by which a text is refused or changed, each with a text on either side of it."""

import pytest

from training.corpora.config import Quality
from training.corpora.filters.language import detect_language
from training.corpora.filters.personal import replace_personal
from training.corpora.filters.quality import RULES, first_broken

PLAIN = "The patients were treated with aspirin for ten days and none of them had a second stroke in the first year."


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("unreadable characters", PLAIN + " \ufffd\ufffd"),
        ("unreadable characters", PLAIN + " \x00"),
        ("too few words", "The patients were treated."),
        ("mean word too short", "a b " * 20),
        ("mean word too long", "immunohistochemically " * 10 + "electroencephalographic " * 12),
        ("too few words with letters", PLAIN + " 12345" * 30),
        ("too many symbols", PLAIN + " #tag" * 10),
        ("too many list items", "\n".join(f"- further item {'abcdefghijkl'[n]} of this list" for n in range(12))),
        ("too many lines cut off", "\n".join([PLAIN, "Read on about it ...", "And so on about this …"])),
        ("repeated lines", "\n".join([PLAIN, "Share this page", "Share this page", "Share this page"])),
        ("repeated sequences", " ".join([PLAIN] * 3)),
    ],
)
def test_a_text_breaks_the_rule_and_none_before_it(rule, text):
    refusal = first_broken(text, Quality())
    assert refusal is not None and refusal.rule == rule
    others = first_broken(text, Quality(), [each for each in RULES if each.name != rule])
    assert others is None or others.rule != rule


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "Drug | Dose | Route\n" + "\n".join(f"drug{n} | {n} mg | oral" for n in range(20)),
        "血圧が高い患者では食塩の摂取を減らすことが勧められる。",
        "Objective: To compare. " + PLAIN,
    ],
)
def test_medical_texts_of_every_kind_pass(text):
    assert first_broken(text, Quality()) is None


def test_a_rule_that_is_switched_off_refuses_nothing():
    assert first_broken("Too short.", Quality(fewest_words=None)) is None
    off = Quality.model_validate(dict.fromkeys(Quality.model_fields))
    assert first_broken("", off) is None and first_broken("\ufffd" * 9, off) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PLAIN, "en"),
        ("Der Patient wurde mit Aspirin behandelt und hat keine Schmerzen.", "de"),
        ("Les patients ont été traités par aspirine dans les deux groupes.", "fr"),
        ("Los pacientes fueron tratados con aspirina en el hospital.", "es"),
        ("患者は発熱と咳嗽を主訴に来院した。", "ja"),
        ("患者因发热、咳嗽三天入院。", "zh"),
        ("Больной получал аспирин.", "ru"),
        ("12 34 %", "und"),
        ("", "und"),
        ("The α-subunit of Πρωτεΐνη was found in the cells of the patients.", "en"),
    ],
)
def test_the_language_of_a_text(text, language):
    assert detect_language(text)[0] == language


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("Write to a.b@example.org.", "Write to [EMAIL]."),
        ("Call +1 617 555 0123 now", "Call [PHONE] now"),
        ("Tel (617) 555-0123", "Tel [PHONE]"),
        ("MRN 4839201 was seen", "MRN [MRN] was seen"),
        ("SSN 123-45-6789", "SSN [SSN]"),
    ],
)
def test_what_leads_to_a_person_is_replaced(text, replaced):
    assert replace_personal(text).text == replaced


@pytest.mark.parametrize(
    "text",
    [
        "NCT01234567, ISRCTN12345678, registration number CRD42021234567",
        "Doses of 250 500 1000 mg and 100 200 3000 units",
        "lot number 4839201, catalogue number 12345",
        "Humira and Hashimoto's disease in Boston on 3 March 2021",
        "n = 2345678901; 95% CI 1.2-3.4; 10^9/L",
        "PMID 12345678, doi:10.1000/182, 2019;380:123-134",
        "Roe J, Doe J. Aspirin in stroke.",
    ],
)
def test_what_literature_says_stays(text):
    assert replace_personal(text) == (text, ())


def test_a_long_text_is_read_to_its_end():
    text = "x " * 5_000 + "a.b@example.org " + "y. " * 5_000
    assert replace_personal(text).kinds == ("email",)
