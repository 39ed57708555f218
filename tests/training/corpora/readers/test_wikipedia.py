"""Articles of a Wikipedia: what templates show is shown before anything is left out."""

import pytest

from evalsuite.errors import DataError, ErrorCode
from tests.training.synthesis.wiki.small_wiki import HEAD, page
from training.corpora.documents import Document, Refused
from training.corpora.readers import READERS

pytest.importorskip("mwparserfromhell")
pytest.importorskip("defusedxml")

SENTENCES = {
    "Take 2{{ndash}}4 g.": "Take 2–4 g.",
    "Take 2{{snd}}4 g.": "Take 2 – 4 g.",
    "Take 2{{en dash}}4 g.": "Take 2–4 g.",
    "Those {{gt}}65 and {{lt}}2 years.": "Those >65 and <2 years.",
    "It is 2{{times}}5{{nbsp}}mg.": "It is 2×5 mg.",
    "It is 10{{e|9}}/L.": "It is 10^9/L.",
    "It is 5{{e|-3}} g.": "It is 5×10^-3 g.",
    "It is 10{{sup|9}}/L of CO{{sub|2}}.": "It is 10^9/L of CO2.",
    "It is 10<sup>9</sup>/L of CO<sub>2</sub>.": "It is 10^9/L of CO2.",
    "It is {{frac|1|2}} of {{nowrap|5 mg}}.": "It is 1/2 of 5 mg.",
    "It is {{convert|325|mg}}.": "It is 325 mg.",
    "It is {{convert|325|mg|gr}}.": "It is 325 mg.",
    "It is {{val|5.1|u=mg}}.": "It is 5.1 mg.",
    "It is {{chem|H|2|O}} or {{chem2|CO2}}.": "It is H2O or CO2.",
    "It is {{lang|la|febris}} or {{abbr|ECG|electrocardiogram}}.": "It is febris or ECG.",
    "Known. Take 2{{mystery|3}}4 g. Then stop.": "Known. Then stop.",
    "A fever.<ref>See 3 of 4.</ref>[[File:A.png|thumb|Figure 5]] [[Category:Fevers 6]][[fr:Fièvre 7]]": "A fever.",
}


def articles(tmp_path, texts):
    for title, text in texts.items():
        (tmp_path / f"{title}.wikitext").write_text(text)
    return list(READERS["wikipedia"](tmp_path))


def test_sentences(tmp_path):
    documents = articles(tmp_path, {f"A{number:02}": text for number, text in enumerate(SENTENCES)})
    assert [each.text for each in documents] == list(SENTENCES.values())


def test_left_out_sentences_are_counted(tmp_path):
    (document,) = articles(tmp_path, {"A": "Known. Take {{mystery}} g. Or {{mystery}}."})
    assert (document.text, document.status) == ("Known.", ("sentences_left_out=2",))


def test_sections_and_paragraphs(tmp_path):
    text = """Lead one. Lead two.

Second paragraph.

== Treatment ==
=== Adults ===
* Take 5 mg.
* Stop.
=== Children ===
Take 2 mg.
== Course ==
{{mystery}}
== References ==
See 9.
"""
    (document,) = articles(tmp_path, {"A": text})
    assert document.text.split("\n\n") == [
        *("Lead one. Lead two.", "Second paragraph.", "Treatment", "Adults", "Take 5 mg.", "Stop."),
        *("Children", "Take 2 mg."),
    ]


BOX = "{{Infobox medical condition|name=Karst fever}}\n"


def dump(tmp_path, *pages, head=HEAD):
    (tmp_path / "dump.xml").write_text(head + "".join(pages) + "</mediawiki>\n")
    return list(READERS["wikipedia"](tmp_path / "dump.xml"))


def test_a_dump(tmp_path):
    document, *refused = dump(
        tmp_path,
        page("Karst fever", BOX + "A fever of 38 days.", 1),
        page("Stone", "A stone of 5 kg.", 2),
        page("Karst (disambiguation)", "* [[Karst fever]]", 3),
    )
    assert isinstance(document, Document)
    assert (document.text, document.licence, document.language) == ("A fever of 38 days.", "CC-BY-SA-4.0", "en")
    assert document.id == "wikipedia:testwiki:1" and document.version == 9001
    assert document.locator.startswith("dump.xml:")
    assert [each.reason for each in refused] == ["not_medical", "disambiguation"]


def test_a_dump_that_is_cut_short(tmp_path):
    (tmp_path / "dump.xml").write_text(HEAD + page("Karst fever", BOX + "A fever.", 1) + page("Cut", "x", 2)[:60])
    document, refused = READERS["wikipedia"](tmp_path / "dump.xml")
    assert document.text == "A fever."
    assert isinstance(refused, Refused) and refused.reason == "truncated"


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError) as error:
        list(READERS["wikipedia"](tmp_path / "absent.xml"))
    assert error.value.code == ErrorCode.DATA_NOT_FOUND
