"""Shapes that HPO alone doesn't have: drugs and codes, from small graphs written here and from the shared sources."""

import gzip
import re

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training.synthesis.graph import read_graph
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items
from training.synthesis.questions.source import QuestionSource

CHAPTER = """<chapter><name>{number}</name><desc>Chapter {number}</desc>
<section id="{block}"><desc>Block</desc>{codes}</section></chapter>"""
CODE = "<diag><name>{code}</name><desc>{name}</desc>{note}</diag>"


def made(graph, shape, count, seed=1):
    source = QuestionSource(graph)
    return list(make_items(source, generate(source, count, seed, {shape: 1.0}), seed))


@pytest.fixture
def drugs(tmp_path):
    """Ten diseases and ten drugs in a circle: each disease has five drugs, and three more that are not for it."""
    rows = ["subject\tsubject_type\trelation\tobject\tobject_type"]
    for number in range(10):
        for step in range(5):
            rows.append(f"D:{number}\tdrug\ttreats\tX:{(number + step) % 10}\tdisease")
        for step in (6, 7, 8):
            relation = "contraindicated_in" if step == 6 else "not_treats"
            rows.append(f"D:{number}\tdrug\t{relation}\tX:{(number + step) % 10}\tdisease")
    path = tmp_path / "drugs.tsv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(("shape", "steps", "count"), [("no_indication", {7, 8}, 10), ("contraindication", {6}, 8)])
def test_a_drug_that_is_not_for_a_disease_among_those_that_are(drugs, shape, steps, count):
    items = made(read_graph([drugs]), shape, count)
    for each in items:
        disease = int(each.proof["subject"][2:])
        for label, option in each.proof["options"].items():
            step = (disease - int(option["id"][2:])) % 10
            assert step in steps if label == each.item.gold else step < 5
    assert len({(each.proof["subject"], each.proof["answer"]) for each in items}) == count


@pytest.fixture
def codes(tmp_path):
    """Twenty diseases with a code each in two chapters; the first two codes exclude each other."""
    note = "<excludes1><note>dropsy (A02)</note></excludes1>"
    chapters = []
    for number, (letter, block) in enumerate((("A", "A00-A19"), ("B", "B00-B19")), 1):
        listed = [
            CODE.format(code=f"{letter}{at:02}", name=f"name {at}", note=note if (letter, at) == ("A", 1) else "")
            for at in range(10)
        ]
        chapters.append(CHAPTER.format(number=number, block=block, codes="".join(listed)))
    xml = tmp_path / "tabular.xml"
    xml.write_text(f"<ICD10CM.tabular><version>2026</version>{''.join(chapters)}</ICD10CM.tabular>", "utf-8")
    words = ["ague", "dropsy", "quinsy", "scurvy", "rickets", "yaws", "croup", "gout", "mumps", "lupus"]
    terms = [
        f"[Term]\nid: DOID:{letter}{at}\nname: {word}{letter.lower()}itis\nxref: ICD10CM:{letter}{at:02}\n"
        for letter in "AB"
        for at, word in enumerate(words)
    ]
    obo = tmp_path / "own.obo"
    obo.write_text("format-version: 1.2\nontology: own\n\n" + "\n".join(terms), "utf-8")
    return [obo, xml]


def test_the_code_of_a_disease_among_codes_of_its_chapter(codes):
    items = made(read_graph(codes), "code", 20)
    refuted = set()
    for each in items:
        own = each.proof["subject"][5:]
        answer = f"{own[0]}0{own[1:]}"
        assert each.item.options[each.item.labels.index(each.item.gold)] == answer
        assert {option[0] for option in each.item.options} == {own[0]}
        for option in each.proof["options"].values():
            if (answer, option["id"]) == ("A01", "ICD10CM:A02"):
                assert option["refuted"] == "excluded"
            refuted.add(option.get("refuted"))
    assert {each.proof["subject"] for each in items} == {f"DOID:{letter}{at}" for letter in "AB" for at in range(10)}
    assert refuted <= {None, "excluded", "other_value"}


def test_drugs_whose_table_would_give_them_away_are_not_asked_for(mirror):
    """Of PharmacotherapyDB's drugs hardly one is both an indication and none, so that a name alone would tell."""
    with pytest.raises(UsageError) as caught:
        made(read_graph([mirror / "kg" / "pharmacotherapydb_indications.tsv"]), "no_indication", 40)
    assert caught.value.code == ErrorCode.INVALID_ARGUMENT


def test_codes_of_the_disease_ontology_by_its_own_lines(mirror):
    path = mirror / "kg" / "DO_rare_slim.obo.gz"
    own = {}
    for stanza in gzip.decompress(path.read_bytes()).decode().split("\n[Term]\n")[1:]:
        own[re.match(r"id: (\S+)", stanza)[1]] = set(re.findall(r"^xref: ICD10CM:(\S+)", stanza, re.M))
    for each in made(read_graph([path, "icd10cm"]), "code", 200):
        codes = own[each.proof["subject"]]
        right = each.proof["answer"].removeprefix("ICD10CM:")
        assert codes == {right}
        assert each.item.options[each.item.labels.index(each.item.gold)] == right
        for label, code in zip(each.item.labels, each.item.options, strict=True):
            assert label == each.item.gold or not (code.startswith(right) or right.startswith(code))
