"""Wikitext as sentences: whatever isn't shown is left out, and no number is ever another one than the source's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthesis.wiki.page import Site
from training.synthesis.wiki.sentences import split_sentences, usable_sentences
from training.synthesis.wiki.wikitext import parse, sections

pytest.importorskip("mwparserfromhell")


def sentences(text):
    return [each for part in sections(parse(text), Site()) for each in usable_sentences(part.text).usable]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Take 2{{ndash}}4 g.", "Take 2–4 g."),
        ("Take 2&ndash;4&nbsp;g.", "Take 2–4 g."),
        ("Take 2{{Snd}}4{{nbsp}}g.", "Take 2 – 4 g."),
        ("Take {{nowrap|2{{ndash}}4 g}}.", "Take 2–4 g."),
        ("Take {{nowrap|1=2 = 2}}.", "Take 2 = 2."),
        ("Take {{convert|2|-|4|g|oz|1}}.", "Take 2–4 g."),
        ("It is {{cvt|5|ft|10|in|m|sigfig=3}}.", "It is 5 ft 10 in."),
        ("It is {{convert|38.5|C|F}}.", "It is 38.5 °C."),
        ("It is {{val|5.1|0.2|u=mg|up=L}}.", "It is 5.1 ± 0.2 mg/L."),
        ("It is {{val|5|to|7|ul=mL}}.", "It is 5 to 7 mL."),
        ("It is {{frac|1|2}} or {{frac|1|1|2}}.", "It is 1/2 or 1 1/2."),
        ("It is {{gaps|12|345}} cells.", "It is 12 345 cells."),
        ("It is 10<sup>9</sup>/L of H<sub>2</sub>O.", "It is 10^9/L of H2O."),
        ("It is {{chem|C|6|H|12|O|6}}.", "It is C6H12O6."),
        ("Take <s>10</s> 20 mg, <del>5</del> not more.", "Take 20 mg, not more."),
        ("A code is {{ICD10|Z|99|1|z|80}}.", "A code is Z99.1."),
        ("An {{abbr|ECG|electrocardiogram 12}} is {{lang|fr|bon 7}}.", "An ECG is bon 7."),
        ("A [[Type 2 thing|T2]] of [[fever]]s.<ref>3 of 4</ref>", "A T2 of fevers."),
        ("{{#invoke:x|2}}{{About|it}}{{A box|3}}\nIt is 5.", "It is 5."),
        ("A ''B'' of '''C'''{{citation needed|date=May 2026}}.", "A B of C."),
        ("A [https://example.org link 5] and <nowiki>[[x]]</nowiki>.", None),
        ("Take 2{{unknown dash}}4 g.", None),
        ("Take 2<ref>x</ref>4 g.", None),
        ("Take 2<!-- to -->4 g.", None),
        ("Take 2''4'' g.", None),
        ("Take 1,<!-- -->000 g.", None),
        ("Take 2&#52; g.", None),
        ("Take 2<s>3</s>4 g.", None),
        ("Take 5[[gram|2]] mg.", None),
        ("Take 5<sub>2</sub> mg.", None),
        ("Take {{convert|many|g|oz}}.", None),
        ("Take {{val|1.2|e=3}}.", None),
        ("It is <math>2^4</math>.", None),
        ("It is {{#expr:2+4}} {{{1|5}}}.", None),
        ("Take {{formatnum:{{#expr:2*3}}}} g.", None),
        ("A <ref>that is never closed. Karst fever is 5.", None),
        ("A {{box|that is never closed. Karst fever is 5.", None),
        ("{| class=x\n| never closed. Karst fever is 5.", None),
    ],
)
def test_a_sentence_shows_what_the_wiki_shows_or_is_not_used(text, shown):
    assert sentences(text) == ([] if shown is None else [shown])


NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
MARKUP = {
    "2": "2",
    "40 mg": "40",
    "1,000": "1,000",
    " and 3.5": "3.5",
    "{{ndash}}": "",
    "{{nbsp}}": "",
    "&thinsp;": "",
    "<!-- 7 -->": "",
    "<ref>8 of 9</ref>": "",
    "{{cn|date=May 2026}}": "",
    "''5''": "5",
    "[[Type 6|61]]": "61",
    "[[File:x.png|thumb|62]]": "",
    "<sup>9</sup>": "9",
    "<sub>12</sub>": "12",
    "<s>13</s>": "",
    "{{convert|14|-|15|kg|lb}}": "14 15",
    "{{val|16.5|0.1|u=g}}": "16.5 0.1",
    "{{nowrap|17{{ndash}}18}}": "17 18",
    "{{gaps|19|200}}": "19 200",
    "{{unknown|21}}": None,
    "&#50;2": None,
    "<math>23</math>": None,
}
PIECES = st.lists(st.tuples(st.sampled_from(sorted(MARKUP)), st.booleans()), min_size=1, max_size=6)


@given(PIECES)
def test_numbers_are_those_of_the_source_or_the_sentence_is_not_used(pieces):
    text = "Take "
    for part, space in pieces:
        # Two pieces of plain text side by side would be one.
        text += (" " if space or (part[0] not in "{&<['" and text[-1].isalnum()) else "") + part
    shown = [MARKUP[part] for part, _ in pieces]
    expected = [number for numbers in shown for number in NUMBER.findall(numbers or "")]
    for sentence in sentences(f"{text} now."):
        assert None not in shown and NUMBER.findall(sentence) == expected


def test_only_the_sentence_with_something_unknown_is_left_out():
    text = "One is fine. Two has {{what is this|5}}. Three is fine.{{cn}} Four{{ndash}}is fine."
    assert sentences(text) == ["One is fine.", "Three is fine.", "Four–is fine."]


def test_boxes_tables_and_lists_are_no_part_of_a_sentence():
    text = "{{Some notice|5}}\nOne.\n{|\n! 2\n|-\n| 3\n|}\n* [[four]]\n* five\n[[File:a.png|thumb|Six 6.]]\n\nSeven."
    assert sentences(text) == ["One.", "four", "five", "Seven."]


def test_sections_are_named_by_their_headings():
    code = parse("Lead.\n== A ==\nx.\n=== B {{small|1}} ===\ny.\n== C ==\nz.")
    assert [part.path for part in sections(code, Site())] == [(), ("A",), ("A", "B 1"), ("C",)]


@pytest.mark.parametrize(
    "text", ["E. coli is e.g. in St. Louis.", "It was 2.5 mg vs. 3 mg.", "Ask Dr. Moss.", "See Fig. 3 of No. 4."]
)
def test_abbreviations_end_no_sentence(text):
    assert split_sentences(text) == [text]


def test_sentences_end_at_marks_before_a_new_one():
    found = split_sentences('He said "yes." Then what? 5 of 6! Fine.')
    assert found == ['He said "yes."', "Then what?", "5 of 6!", "Fine."]


@pytest.mark.parametrize(
    ("text", "title", "section"),
    [
        ("fever", "Fever", ""),
        ("Fever_of unknown  origin#Signs", "Fever of unknown origin", "Signs"),
        (":Category:Fevers", "", ""),
        ("Category:Fevers", "", ""),
        ("image:x.png", "", ""),
        ("de:Fieber", "", ""),
        ("#Signs", "", "Signs"),
        ("Type 2: the return", "Type 2: the return", ""),
    ],
)
def test_links_lead_to_articles(text, title, section):
    assert Site().link(text) == (title, section)
