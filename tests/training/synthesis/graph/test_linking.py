"""Names in any spelling lead to the right nodes, and to no others."""

import pytest

from training.synthesis.graph import NodeType
from training.synthesis.graph.linking import Linker
from training.synthesis.graph.linking.spelling import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Oedema", "edema"),
        ("anaemias", "Anemia"),
        ("tumours", "Tumor"),
        ("haemorrhage", "hemorrhage"),
        ("diarrhoea", "diarrhea"),
        ("oesophagus", "esophagus"),
        ("leukaemia", "leukemia"),
        ("goitre", "goiter"),
        ("coeliac disease", "celiac disease"),
        ("generalised", "generalized"),
        ("phaeochromocytoma", "pheochromocytoma"),
        ("behaviour", "behavior"),
        ("metastases", "metastasis"),
        ("biopsies", "biopsy"),
        ("viruses", "virus"),
        ("vertebrae", "vertebra"),
        ("Parkinson’s disease", "Parkinson disease"),
        ("type-2 diabetes", "Type 2 Diabetes"),
    ],
)
def test_spellings_of_one_name(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("type 1", "type 2"),
        ("hyperkalemia", "hypokalemia"),
        ("hepatitis B", "hepatitis C"),
        ("ileum", "ilium"),
        ("ileus", "ileum"),
        ("hypertension", "hypotension"),
        ("IL-2", "IL-6"),
        ("no pain", "pain"),
    ],
)
def test_different_names_stay_different(one, other):
    assert folded(one) != folded(other)


def test_no_two_terms_of_the_ontology_fold_into_one(hpo, raw):
    names = {}
    for term, tags in raw.terms.items():
        if "is_obsolete" not in tags:
            names.setdefault(folded(tags["name"][0]), []).append(term)
    assert [same for same in names.values() if len(same) > 1] == []


def test_most_of_the_british_spellings_are_known_without_the_list(raw):
    found = listed = 0
    for tags in raw.terms.values():
        others = {folded(tags["name"][0])} | {
            folded(line.split('"')[1]) for line in tags.get("synonym", ()) if "uk_spelling" not in line
        }
        for line in tags.get("synonym", ()):
            if "uk_spelling" in line:
                listed += 1
                found += folded(line.split('"')[1]) in others
    assert listed == 1073
    assert found / listed > 0.95


@pytest.fixture(scope="module")
def linker(hpo):
    return Linker(hpo, [NodeType.SIGN, NodeType.DISEASE])


def test_names_synonyms_abbreviations_and_ids(hpo, linker):
    assert linker.link("Oedema") == (hpo.find("HP:0000969"),)
    assert linker.link("seizures") == (hpo.find("HP:0001250"),)
    assert linker.link("HP:0001250") == (hpo.find("HP:0001250"),)
    assert linker.link("UMLS:C0036572") == (hpo.find("HP:0001250"),)
    assert linker.link("ADHD") == (hpo.find("HP:0007018"),)
    assert linker.link("adhd") == ()
    assert linker.link("nothing of the kind") == ()


def test_mentions_in_a_sentence(hpo, linker):
    text = "He has generalised oedema, no seizures. Pain in the ataxias' gait ataxia came later."
    found = {text[each.start : each.end]: [hpo.name(node) for node in each.nodes] for each in linker.mentions(text)}
    assert found["generalised oedema"] == ["Generalized edema"]
    assert found["seizures"] == ["Seizure"]
    assert found["gait ataxia"] == ["Gait ataxia"]
    assert "oedema" not in found
