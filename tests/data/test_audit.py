"""The audit detects by itself what the mirror's list of anomalies, counted by hand, holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.cli import main
from evalsuite.data.audit.item_audit import audit
from evalsuite.data.audit.item_checks import (
    CHECKS,
    encoding_damage,
    gold_in_question,
    missing_figure,
    option_is_another_label,
)
from evalsuite.data.audit.missing_letters import missing_letters
from evalsuite.data.duplicates import grams, near_duplicates
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import resolve

SAME = {
    "duplicate_options": "identical_option_texts",
    "duplicate_gold": "gold_text_also_under_another_letter",
    "options_differ_in_case_only": "option_texts_identical_after_casefold_only",
    "option_is_another_label": "option_text_is_a_letter_that_is_not_its_own_label",
    "option_is_none": "option_text_is_the_word_None",
    "outer_space": "option_with_leading_or_trailing_space",
}
"""Checks here, and those of the list with the same definition."""


@pytest.fixture(scope="module")
def audited(mirror) -> dict[str, Any]:
    return audit(resolve(None, "all"), mirror).content


@pytest.fixture(scope="module")
def known(mirror) -> dict[str, Any]:
    return json.loads((mirror / "anomalies.json").read_text())


def files(audited: dict[str, Any], known: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each audited file with its entry in the list; PubMedQA has none there."""
    named = ((entry, entry["file"].removesuffix(" (dev)").removesuffix(" (train)")) for entry in audited["files"])
    return [(entry, known["files"][name]) for entry, name in named if name in known["files"]]


@pytest.mark.parametrize("check", SAME)
def test_findings_are_the_listed_items(audited, known, check):
    for entry, listed in files(audited, known):
        found = entry["outer_space"] if check == "outer_space" else entry["checks"][check]
        expected = [name.removeprefix("row:") for name in listed.get(SAME[check], {}).get("items", [])]
        assert sorted(found["items"]) == sorted(expected), entry["file"]


def test_gold_labels_and_trivial_baselines_are_the_listed_ones(audited, known):
    for entry, listed in files(audited, known):
        raw = entry.get("before_shuffle", entry)
        assert raw["gold"] == listed["gold_histogram"], entry["file"]
        assert raw["constant"]["accuracy"] == listed["constant_answer_baseline"]["accuracy"]
        if "before_shuffle" not in entry:  # a tie in length goes to the first option, and that depends on the order
            assert entry["longest"] == listed["longest_option_baseline"], entry["file"]


def test_label_skew_is_detected(audited):
    skewed = {entry["task"] for entry in audited["files"] if entry["label_skew"]}
    assert skewed == {"jmed", "pubmedqa", "pubmedqa_1000"}
    jmed = next(entry for entry in audited["files"] if entry["task"] == "jmed")
    assert jmed["before_shuffle"]["constant"] == {"label": "A", "accuracy": 0.8501}
    assert jmed["constant"]["accuracy"] < 0.23


def test_equal_stems_are_the_listed_groups(audited, known):
    for key, name in (("same_question", "same_question_text_groups"),
                      ("same_question_and_options", "same_question_and_option_set_groups")):  # fmt: skip
        for entry, listed in files(audited, known):
            assert entry[key]["groups"] == listed.get(name, {}).get("count", 0), entry["file"]


def test_near_duplicates_are_the_listed_pairs(audited, known):
    """Of the files that are tasks' own; the list has no file with itself under another name and no PubMedQA."""

    def pairs(lists: list[dict[str, Any]], a: str, b: str) -> dict[frozenset[str], set[frozenset[str]]]:
        found: dict[frozenset[str], set[frozenset[str]]] = {}
        for entry in lists:
            names = [entry[key].removesuffix(" (dev)").removesuffix(" (train)") for key in (a, b)]
            ids = {frozenset((f"{names[0]} {x[0].removeprefix('row:')}", f"{names[1]} {x[1].removeprefix('row:')}"))
                   for x in entry["items"]}  # fmt: skip
            found.setdefault(frozenset(names), set()).update(ids)
        return found

    expected = pairs(known["near_duplicate_questions"], "file_a", "file_b")
    found = pairs(audited["near_duplicates"], "a", "b")
    for names, ids in expected.items():
        if not any("huatuogpt" in name for name in names):  # no task's file
            assert found[names] == ids, names
    beyond = {names for names in found if names not in expected}
    twins = [names for names in beyond if all("medbullets" in name for name in names)]
    assert len(twins) == 1
    assert all(any("us_test.5options" in n or "pubmedqa" in n for n in names) for names in beyond - {*twins})


def test_an_item_of_two_tasks_in_one_file_is_no_duplicate_of_itself(audited):
    """PubMedQA's official 500 and its 1,000 are parts of one file."""
    for entry in (*audited["near_duplicates"], *audited["same_items"]):
        names = [entry[side].removesuffix(" (dev)").removesuffix(" (train)") for side in "ab"]
        assert names[0] != names[1] or all(a != b for a, b, *_ in entry["items"]), entry["a"]


def test_missing_letters_are_detected_without_a_word_list(audited, known):
    for entry in audited["files"]:
        assert set(entry["missing_letters"]) == ({"rt"} if entry["task"] == "medmcqa" else set()), entry["file"]
    for entry, listed in files(audited, known):
        if entry["task"] == "medmcqa":  # the list looked for a few words only
            sample = next(value for key, value in listed.items() if key.startswith("letters_rt_lost"))
            missed = set(sample["items"]) - set(entry["missing_letters"]["rt"]["items"])
            assert len(missed) <= 0.01 * len(sample["items"])


def test_missing_figures_hold_the_listed_ones_but_for_prose(audited, known):
    """The list took every "figure", "image", "photograph" and "exhibit", also "exhibit tremors" and "body image"."""
    for entry, listed in files(audited, known):
        expected = {name.removeprefix("row:") for name in
                    listed.get("stem_refers_to_a_figure_or_image_that_is_absent", {}).get("items", [])}  # fmt: skip
        found = set(entry["checks"]["missing_figure"]["items"])
        if entry["task"] == "careqa":
            assert len(found) <= 2 and len(expected) == 16, "all sixteen are prose"
        else:
            assert len(expected - found) <= 5, entry["file"]


def test_invisible_characters_hold_the_listed_ones(audited, known):
    """Soft hyphens, which the list did not look for, are the difference."""
    for entry, listed in files(audited, known):
        expected = listed.get("no_break_space_or_zero_width_in_text", {}).get("items", [])
        found = set(entry["checks"]["invisible_characters"]["items"])
        assert {name.removeprefix("row:") for name in expected} <= found
        assert len(found) <= len(expected) + 1


def test_an_audit_is_written_as_json_and_as_markdown(mirror, tmp_path):
    json_file, page = audit(resolve("jmed,medbullets_op4", None), mirror).write(tmp_path)
    assert {entry["task"] for entry in json.loads(json_file.read_text())["files"]} == {"jmed", "medbullets_op4"}
    text = page.read_text()
    assert "in the file A 85.0%" in text and "116: The question refers to a figure" in text


def item(question: str = "q", options: tuple[str, ...] = ("x", "y"), gold: str = "A") -> Item:
    return Item("1", question, options, tuple("ABCDEFGHIJ"[: len(options)]), gold)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("A photograph of the nails is shown.", True),
        ("The findings are seen in Figure A.", True),
        ("There is a lesion on the arm (see image).", True),
        ("An ECG is shown.", True),
        ("A CT scan of the head is shown below. What is the diagnosis?", True),
        ("Laboratory results are shown below:", False),
        ("Her hands exhibit fine tremors.", False),
        ("The clinical picture suggests sepsis.", False),
        ("A distorted body image is typical.", False),
        ("Which drug has been shown to reduce mortality?", False),
        ("A CT scan has been shown to be useful.", False),
    ],
)
def test_only_a_question_that_refers_to_a_figure_lacks_one(question, missing):
    assert missing_figure(item(question)) is missing


@pytest.mark.parametrize(
    ("question", "options", "found"),
    [
        ("Elevated N-acetylaspartic acid is found. Which gene?", ("ASPA", "PPOX"), False),
        ("The enzyme ASPA is lacking. Which gene?", ("ASPA", "PPOX"), True),
        ("Heparin or aspirin?", ("heparin", "aspirin"), False),
        ("诊断为急性胰腺炎的患者", ("急性胰腺炎", "胆囊炎"), True),
        ("A (+)-catechin is given.", ("(+)-catechin", "water"), True),
    ],
)
def test_the_gold_text_counts_in_the_question_as_whole_words(question, options, found):
    assert gold_in_question(item(question, options=options)) is found


def test_an_option_that_is_its_own_label_is_no_finding():
    assert option_is_another_label(item(options=("B", "A")))
    assert option_is_another_label(item(options=("a.", "c.")))
    assert not option_is_another_label(item(options=("A", "b.")))
    assert not option_is_another_label(item(options=("X", "VII")))


INTACT = (
    "naïve β-cells, 5 µg/dl ≥ 37.5 °C, Sjögren – Crohn’s “…” ½ ± 10²",
    "Das macht Spaß“, sagte er; GROSS-Ä –",
    "Il est né…», voilà",
    "A & B; AT&T; R&D;",
    "患者の血圧は80/50である。",
    "Жалобы на кашель",
)


@pytest.mark.parametrize("text", INTACT)
def test_what_is_written_in_any_script_is_no_encoding_damage(text):
    assert not encoding_damage(item(text, (text, "y")))


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["café", "5 µg", "β-cell", "37 °C", "Łódź", "≥ 5", "кашель", "血圧は八十", "😀 x"])
def test_text_in_another_encoding_than_its_own_is_damage(text, codec):
    try:
        misread = text.encode().decode(codec)
    except UnicodeDecodeError:
        return  # this codec would have refused it
    assert encoding_damage(item(misread)) and encoding_damage(item(options=("x", misread)))


@pytest.mark.parametrize(
    "text", ["caf\ufffd", "a\x00b", "x\x85y", "1&nbsp;mg", "&lt;5", "&#946;", "&#x3b2;", "a_x000D_b"]
)
def test_lost_characters_and_escapes_are_damage(text):
    assert encoding_damage(item(text)) and encoding_damage(item(options=("x", text)))


@given(st.text(), st.lists(st.text(), min_size=2, max_size=10))
def test_no_check_fails_on_any_text(question, options):
    for check in CHECKS.values():
        assert isinstance(check(item(question, tuple(options))), bool)


WORDS = st.lists(st.sampled_from([f"w{i}" for i in range(500)]), min_size=12, max_size=60)


@given(WORDS, st.integers(0, 1000))
def test_a_stem_with_one_changed_word_is_a_near_duplicate_when_it_is_long(words, place):
    other = list(words)
    other[place % len(words)] = "changed"
    stems = [grams(" ".join(words)), grams(" ".join(other)), grams("too short")]
    found = [(pair.a, pair.b) for pair in near_duplicates(stems)]
    if len(words) >= 40:
        assert (0, 1) in found
    assert (0, 2) not in found


def test_typing_errors_are_not_missing_letters():
    others = dict.fromkeys(("arthritis", "artery", "mortality", "kidney", "fracture", "liver"), 9)
    typos = [(str(i), {"arthits", "liver"}) for i in range(5)]
    assert missing_letters(typos, others) == {}
    damaged = [(str(i), {("ahritis", "aery", "moality")[i % 3]}) for i in range(60)]
    assert set(missing_letters(damaged + typos, others)) == {"rt"}


def test_an_audit_to_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["data", "audit", "--tasks", "starter_recall", "--out", str(tmp_path / "file" / "x")]) == 2
    error = capsys.readouterr().err
    assert error.rstrip().endswith("[output_not_writable]") and error.count("\n") == 1 and "Traceback" not in error
