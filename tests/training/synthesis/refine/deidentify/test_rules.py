"""The rules of de-identification, without a model: what goes, what stays, and what replaces it."""

import pytest

from training.synthesis.refine.deidentify.deidentify import deidentify, find_identifiers
from training.synthesis.refine.deidentify.lexicon import Lexicon
from training.synthesis.refine.deidentify.model_names import Proposal
from training.synthesis.refine.deidentify.plain_text import PlainText, parts
from training.synthesis.refine.deidentify.rows import RowError, clean_rows, texts_of

NAMES = Lexicon(
    given=frozenset({"jane", "john", "grace", "kayleigh", "ramsay"}),
    surnames=frozenset({"roe", "hunt", "nguyen", "graves"}),
    cities=frozenset({"tulsa", "paris", "rome"}),
    regions=frozenset({"texas", "kenya"}),
)


def found(text: str, proposals=()) -> list[tuple[str, str]]:
    return [(each.kind.value, text[each.start : each.end]) for each in find_identifiers(text, NAMES, proposals)]


def test_the_sentence_with_one_of_each():
    text = "Mrs. Jane Roe, 93 years old, MRN 4839201, seen on 03/14/2021 at St. Mary's Hospital, call 617-555-0123"
    assert found(text) == [
        ("name", "Jane Roe"),
        ("age", "93 years old"),
        ("mrn", "4839201"),
        ("date", "03/14/2021"),
        ("facility", "St. Mary's Hospital"),
        ("phone", "617-555-0123"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Hashimoto thyroiditis and Ramsay Hunt syndrome; Babinski sign; Foley catheter; Swan-Ganz.",
        "Rome IV criteria, Paris classification, HbA1c 7.2%, BP 120/80, 2/6 murmur, strength 5/5, visual acuity 20/40.",
        "An 89-year-old takes Humira for three weeks, vancomycin q12h, since last winter and on Mondays.",
        "Patients over 90 years of age; 95% of patients; the 97th percentile; 90 mg; weight 93 kg; 98 years ago.",
        "In 2019 the 2017 ACC/AHA guideline; lot of 1200 patients; case 1; room 123; PMID 12345678; E11.65.",
        "OCT4, SOX2 and BRCA1; KRAS G12D; E. coli; C. difficile; version 10.2.3; T4N2M0; a 10-14 day course.",
        "He emigrated from Kenya and lives in Texas; the Pain Clinic; Graves disease; our Emergency Hospital.",
    ],
)
def test_what_is_clinical_stays(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Wilson found Wilson disease in Mr. Hodgkin.", [("name", "Wilson"), ("name", "Hodgkin")]),
        ("Ms. Graves has Graves disease; Graves denies pain.", [("name", "Graves"), ("name", "Graves")]),
        ("Jane Roe, MD, and J.T. Maddox left", [("name", "Jane Roe"), ("name", "J.T. Maddox")]),
        ("I live in Tulsa, my name is Kayleigh", [("place", "Tulsa"), ("name", "Kayleigh")]),
        ("ssn 123-45-6789, DOB 3/4/1927", [("ssn", "123-45-6789"), ("date", "3/4/1927")]),
        ("14th of March 2021; 2021-03-14", [("date", "14th of March 2021"), ("date", "2021-03-14")]),
        ("aged 92; she is 101; a 95F, found down", [("age", "92"), ("age", "101"), ("age", "95F")]),
        ("fax to (207) 555-0120 or call 207.555.0119", [("fax", "(207) 555-0120"), ("phone", "207.555.0119")]),
        ("see www.example.org/a, a@example.com", [("url", "www.example.org/a"), ("email", "a@example.com")]),
        ("88 Orchard Lane, Apt 4B; MA 01060", [("place", "88 Orchard Lane, Apt 4B"), ("place", "01060")]),
        ("NPI 1093817465, serial no. BAB55190", [("licence", "1093817465"), ("device", "BAB55190")]),
    ],
)  # fmt: skip
def test_what_identifies_goes(text, expected):
    assert found(text) == expected


def test_a_model_is_believed_only_where_something_agrees():
    text = "Urine Serum is low. Ottavia Brandis came in."
    person = Proposal(text.index("Ottavia"), text.index(" came"), "PERSON")
    assert found(text, [Proposal(0, 11, "PERSON"), person]) == [("name", "Ottavia Brandis")]
    assert found(text) == []


def test_placeholders_are_equal_for_equal_people_and_dates_keep_their_year():
    first, second = deidentify(
        [
            "Mrs. Jane Roe saw Dr. Nguyen on 3/4/2021. Ms. Roe died on 3/5.",
            "Dr. Nguyen, DOB 3/4/1950, is 97 years old.",
        ],
        NAMES,
    )
    assert first.text == "Mrs. [NAME-1] saw Dr. [NAME-2] on 2021. Ms. [NAME-1] died on [DATE-1]."
    assert second.text == "Dr. [NAME-2], DOB [DATE-2], is 90 or older."
    for mask in first.masks:
        assert first.text[mask.start : mask.end] == mask.replacement


def test_spaces_and_hyphens_of_other_kinds_hide_nothing():
    text = "Mr.  Jane\u00a0Roe\u200b, SSN\u00a0123\u201145\u20116789, call 617\u2013555\u20130123 \ud800"
    result = deidentify([text], NAMES)[0]
    assert result.text == "Mr.  [NAME-1]\u200b, SSN\u00a0[SSN-1], call [PHONE-1] \ud800"
    assert PlainText("a  b").text == "a b"


def test_long_texts_are_read_in_parts_whole():
    text = "Aa bb. " * 3000
    assert "".join(part for _, part in parts(text, 4000)) == text
    assert all(text[offset:].startswith(part) for offset, part in parts(text, 4000))
    long = "wife Jane " * 3000 + "MRN 4839201"
    masks = deidentify([long], NAMES)[0].masks
    assert masks[-1].identifier.kind == "mrn" and len(masks) == 3001


def test_rows_keep_their_form_and_options_are_protected():
    row = {"id": 7, "text": {"a": ["Dr. Nguyen left", None]}, "options": ["Nguyen criteria", "x"]}
    clean = clean_rows([row], ["text"], "options", NAMES)[0]
    assert clean.row == {"id": 7, "text": {"a": ["Dr. [NAME-1] left", None]}, "options": row["options"]}
    assert row["text"] == {"a": ["Dr. Nguyen left", None]}
    assert clean.touches_option and clean.masks[0][0] == ("text", "a", 0)
    assert not clean_rows([row], ["text"], None, NAMES)[0].touches_option


@pytest.mark.parametrize("row", [[], {"other": "x"}, {"text": 4839201}, {"text": ["x", {"y": 93.5}]}])
def test_what_is_no_text_is_refused(row):
    with pytest.raises(RowError):
        texts_of(row, ["text"])
