"""Files that can't be read whole: one line with file and line, or what is left out is counted."""

import gzip
import shutil

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode, UsageError
from training.synthesis.graph import NodeType, read_graph

OBO = """format-version: 1.2
ontology: own

[Term]
id: DOID:1
name: ague
def: "A disease that has_symptom fever." []

[Term]
id: DOID:2
name: quinsy
{broken}
is_a: DOID:1 ! ague

[Term]
id: DOID:3
name: dropsy
is_a: DOID:1 ! ague
"""
HPOA_HEADER = (
    "#version: 2026-01-01\n"
    "database_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\tonset\tfrequency\tsex\tmodifier\taspect\tbiocuration\n"
)
GOOD_ROW = "OMIM:1\tAgue\t\tHP:0000118\tPMID:1\tPCS\t\t1/2\t\t\tP\tHPO:x\n"
HP_OBO = "ontology: hp\n\n[Term]\nid: HP:0000118\nname: Phenotypic abnormality\n"
XML = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular>
<version>2026</version>
<chapter>
<name>1</name>
<desc>Infections</desc>
<section id="A00-A09">
<desc>Intestinal</desc>
<diag><name>A00</name><desc>Cholera</desc></diag>
<diag><name>A01</name><desc>Typhoid</desc></diag>
</section>
</chapter>
</ICD10CM.tabular>
"""
TSV = "subject\tsubject_type\trelation\tobject\tobject_type\n"


def refused(path, code=ErrorCode.DATA_MALFORMED):
    with pytest.raises(DataError) as caught:
        read_graph([path])
    assert caught.value.code is code
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("no tag at all", 12),
        ('def: "A disease that never ends', 12),
        ('synonym: "throat', 12),
        ("id: DOID:4", 12),
        ("is_a:", 12),
        ("is_a: ! a name alone", 12),
        ("[Ter", 12),
        ("relationship: part_of", 12),
    ],
)
def test_a_broken_frame_is_named_by_its_line_or_left_out(tmp_path, broken, line):
    path = tmp_path / "own.obo"
    path.write_text(OBO.format(broken=broken))
    assert f"{path}:{line}: " in refused(path)
    graph = read_graph([path], skip_bad=True)
    assert graph.problems.counts == {"own.obo": 1}
    assert graph.problems.messages[0].startswith(f"{path}:{line}: ")
    assert [graph.name(each) for each in graph.of_type(NodeType.DISEASE)][:1] == ["ague"]
    assert graph.find("DOID:3") is not None
    assert graph.objects(graph.find("DOID:3"), "is_a").tolist() == [graph.find("DOID:1")]


def test_comments_and_missing_blank_lines_are_no_fault(tmp_path):
    path = tmp_path / "own.obo"
    path.write_text(
        "! a comment\nontology: own\n[Term]\n! another\nid: DOID:1 ! named here\nname: ague\n[Term]\nid: DOID:2\n"
        'name: quinsy\n ! indented\nsynonym: "a \\"bad\\" throat" EXACT abbreviation [] {source="x"}\n'
        'is_a: DOID:1 {source="y"} ! ague\nis_a: DOID:9 ! outside\ncomment: it goes \\\non here\n'
    )
    graph = read_graph([path])
    quinsy = graph.find("DOID:2")
    assert [graph.node(each).id for each in graph.objects(quinsy, "is_a").tolist()] == ["DOID:1", "DOID:9"]
    assert [each.text for each in graph.names(quinsy)] == ["quinsy", 'a "bad" throat']
    assert graph.type(graph.find("DOID:9")) is NodeType.DISEASE
    assert [graph.edge(each).line for each in graph.edges_from(quinsy).tolist()] == [12, 13]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hp.obo").write_text(HP_OBO)
    return tmp_path


def test_an_hpoa_without_a_column_names_it(folder):
    (folder / "phenotype.hpoa").write_text(HPOA_HEADER.replace("\tfrequency", "") + GOOD_ROW)
    assert f"{folder / 'phenotype.hpoa'}:2: " in refused(folder)
    graph = read_graph([folder], skip_bad=True)
    assert graph.problems.counts == {"phenotype.hpoa": 1}
    assert graph.find("HP:0000118") is not None  # the ontology stays usable; without the column no annotation does
    assert graph.edge_count == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1/2", "often"),
        ("1/2", "3/2"),
        ("1/2", "0/0"),
        ("1/2", "250%"),
        ("\tP\t", "\tQ\t"),
        ("\tP\t", "\t\t"),
        ("HP:0000118", "HP:9999999"),
        ("HP:0000118", ""),
        ("OMIM:1", "a disease"),
        ("Ague\t\t", "Ague\tNOPE\t"),
        ("HPO:x", "HPO:x\tone more"),
        ("\tHPO:x", ""),
    ],
)
def test_a_bad_row_of_annotations_is_named_by_its_line_or_left_out(folder, old, new):
    path = folder / "phenotype.hpoa"
    path.write_text(HPOA_HEADER + GOOD_ROW + "\n" + GOOD_ROW.replace(old, new) + GOOD_ROW)
    assert f"{path}:5: " in refused(folder)
    graph = read_graph([path], skip_bad=True)
    assert graph.problems.counts == {"phenotype.hpoa": 1}
    assert graph.edges["line"].tolist() == [3, 6]


def test_a_list_that_is_cut_short_keeps_what_stands_before(tmp_path):
    path = tmp_path / "icd.xml"
    path.write_text(XML[: XML.index("Typhoid") + 3])
    assert f"{path}:10: " in refused(path, ErrorCode.DATA_UNREADABLE)
    graph = read_graph([path], skip_bad=True)
    assert graph.problems.counts == {"icd.xml": 1}
    assert graph.name(graph.find("ICD10CM:A00")) == "Cholera"


def test_entities_are_refused(tmp_path):
    path = tmp_path / "icd.xml"
    path.write_text(XML.replace("<ICD10CM.tabular>", '<!DOCTYPE x [<!ENTITY e "e">]>\n<ICD10CM.tabular>', 1))
    refused(path, ErrorCode.DATA_REFUSED)


@pytest.mark.parametrize(
    "row",
    [
        "ague\tgizmo\thas_symptom\tfever\tsign\n",
        "ague\tdisease\thas_symptom\tGadget::fever\t\n",
        "\tdisease\thas_symptom\tfever\tsign\n",
        "ague\tdisease\t\tfever\tsign\n",
        "ague\tdisease\thas_symptom\tfever\n",
    ],
)
def test_a_bad_triple_is_named_by_its_line_or_left_out(tmp_path, row):
    path = tmp_path / "own.tsv"
    good = "ague\tdisease\thas_symptom\tchill\tsign\n"
    path.write_text(TSV + good + row + good)
    assert f"{path}:3: " in refused(path)
    graph = read_graph([path], skip_bad=True)
    assert graph.problems.counts == {"own.tsv": 1}
    assert graph.edges["line"].tolist() == [2, 4]


def test_a_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("height\tweight\n1\t2\n")
    assert f"{path}:1: " in refused(path)


@pytest.mark.parametrize("content", ["", "\n\n", TSV, TSV + "\n", "# licence: CC0\n" + TSV, "id\ttype\tname\n"])
def test_a_table_without_a_row_gives_no_empty_graph(tmp_path, capsys, content):
    path = tmp_path / "own.tsv"
    path.write_text(content)
    refused(path)
    for options in ([], ["--skip-bad"]):
        assert main(["train", "graph", "--graph", str(path), *options]) == 2
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1) and str(path) in shown.err and "among ;" not in shown.err


def test_two_columns_of_one_name_are_refused(folder):
    path = folder / "own.tsv"
    path.write_text("subject\trelation\tobject\tsubject\nague\thas_symptom\tfever\tgout\n")
    assert f"{path}:1: " in refused(path)
    (folder / "phenotype.hpoa").write_text(HPOA_HEADER.replace("\tonset", "\tfrequency") + GOOD_ROW)
    assert f"{folder / 'phenotype.hpoa'}:2: " in refused(folder)


def test_json_that_is_damaged_or_another_thing_is_refused(tmp_path):
    path = tmp_path / "own.json"
    path.write_text('{"graphs": [\n{"nodes": [}]}')
    assert f"{path}:2: " in refused(path, ErrorCode.DATA_UNREADABLE)
    path.write_text('{"graphs": [{"nodes": [\n{"id": "x:1", "id": "x:2", "lbl": "ague"}]}]}')
    assert f"{path}:2: " in refused(path, ErrorCode.DATA_UNREADABLE)
    path.write_text("[1, 2]")
    refused(path, ErrorCode.DATA_UNREADABLE)
    path.write_text(
        '{"graphs": [{"nodes": [{"id": "x:1", "lbl": "ague"}],\n "edges": [{"sub": "x:1", "obj": "x:2"}]}]}'
    )
    assert f"{path}:2: " in refused(path)


def test_text_of_another_encoding_is_named_by_its_line(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_bytes(TSV.encode() + "ague\tdisease\thas_symptom\tœdème\tsign\n".encode("latin-1", "replace"))
    assert f"{path}:2: " in refused(path, ErrorCode.DATA_UNREADABLE)


def test_gzip_is_read_and_bounded(tmp_path):
    path = tmp_path / "own.obo.gz"
    path.write_bytes(gzip.compress(OBO.format(broken="namespace: own").encode()))
    assert read_graph([path]).find("DOID:2") is not None
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, ErrorCode.DATA_UNREADABLE)


def test_unknown_kinds_of_files_and_missing_ones(tmp_path):
    (tmp_path / "own.doc").touch()
    with pytest.raises(UsageError) as caught:
        read_graph([tmp_path / "own.doc"])
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(UsageError) as caught:
        read_graph([])
    assert caught.value.code is ErrorCode.MISSING_ARGUMENT
    refused(tmp_path / "absent.obo", ErrorCode.DATA_NOT_FOUND)
    refused(tmp_path, ErrorCode.DATA_NOT_FOUND)


def test_the_command_ends_with_2_and_reads_on_if_told_to(tmp_path, capsys):
    path = tmp_path / "own.obo"
    path.write_text(OBO.format(broken="no tag at all"))
    assert main(["train", "graph", "--graph", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert f"{path}:12: " in shown.err
    assert main(["train", "graph", "--graph", str(path), "--skip-bad"]) == 0
    assert f"{path}:12: " in capsys.readouterr().out


def test_the_digest_tells_what_was_read(tmp_path):
    path, copy = tmp_path / "own.obo", tmp_path / "copy" / "own.obo"
    path.write_text(OBO.format(broken="namespace: own"))
    copy.parent.mkdir()
    shutil.copy(path, copy)
    assert read_graph([path]).digest == read_graph([copy]).digest
    copy.write_text(OBO.format(broken="namespace: other"))
    assert read_graph([path]).digest != read_graph([copy]).digest
    copy.write_text(OBO.format(broken="no tag at all"))
    skipped = read_graph([copy], skip_bad=True)
    assert skipped.digest != read_graph([path]).digest
