"""The readers on small graphs of our own, and on real files of other makers."""

import math

import numpy as np
import pytest

from training.synthesis.graph import Findings, NodeType, Polarity, Relation, State, read_graph
from training.synthesis.graph.adjacency import Closure
from training.synthesis.graph.codes import find_code, never_coded_with
from training.synthesis.graph.frequency import parse_frequency
from training.synthesis.graph.readers.definitions import relations_in


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("HP:0040280", 1, 1),
        ("HP:0040282", 0.30, 0.79),
        ("HP:0040285", 0, 0),
        ("50%", 0.5, 0.5),
        ("76.3%", 0.763, 0.763),
        ("0/10", 0, 0.2775),
        ("1/1", 0.2065, 1),
        ("5/13", 0.1771, 0.6448),
    ],
)
def test_the_three_notations_of_a_frequency(text, low, high):
    found = parse_frequency(text)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_one_patient_is_not_always_and_nothing_is_unknown():
    assert parse_frequency("1/1").low < 0.5
    assert parse_frequency("0/3").excluded
    assert parse_frequency("0%").excluded
    assert not parse_frequency("1/100").excluded
    assert math.isnan(parse_frequency("").low)
    assert not parse_frequency("").known
    assert not parse_frequency("").excluded


@pytest.mark.parametrize(
    ("definition", "stated"),
    [
        (
            "A viral infectious disease that results_in infection located_in joint, has_material_basis_in Chikungunya "
            "virus (Alphavirus chikungunya), which is transmitted_by Aedes mosquito bite. The infection has_symptom "
            "fever, has_symptom arthralgia, and has_symptom maculopapular rash.",
            [
                ("results_in", "infection"),
                ("located_in", "joint"),
                ("caused_by", "Chikungunya virus (Alphavirus chikungunya)"),
                ("transmitted_by", "Aedes mosquito bite"),
                ("has_sign", "fever"),
                ("has_sign", "arthralgia"),
                ("has_sign", "maculopapular rash"),
            ],
        ),
        (
            "An ehrlichiosis located in monocyte or located in macrophage, transmitted by black-legged tick (Ixodes "
            "scapularis) or transmitted by castor bean tick (Ixodes ricinus).",
            [
                ("located_in", "monocyte"),
                ("located_in", "macrophage"),
                ("transmitted_by", "black-legged tick (Ixodes scapularis)"),
                ("transmitted_by", "castor bean tick (Ixodes ricinus)"),
            ],
        ),
        (
            "A disease located_in lungs, heart or skin.",
            [("located_in", "lungs"), ("located_in", "heart"), ("located_in", "skin")],
        ),
        ("A disease that has_symptom upper and lower limb pain.", [("has_sign", "upper and lower limb pain")]),
        (
            "A disease that has_symptom lesions on face, hands and feet.",
            [("has_sign", "lesions on face, hands and feet")],
        ),
        ("A disease that is not transmitted_by ticks.", []),
        (
            "A disease has_material_basis_in Salmonella enterica subsp. enterica.",
            [("caused_by", "Salmonella enterica subsp. enterica")],
        ),
        ("A disease without any of it.", []),
    ],
)
def test_the_relations_inside_a_definition(definition, stated):
    assert [(str(relation), target) for relation, target in relations_in(definition)] == stated


def test_the_disease_ontology_in_both_formats(mirror):
    rare = read_graph([mirror / "kg" / "DO_rare_slim.obo.gz"])
    slim = read_graph([mirror / "kg" / "DO_infectious_disease_slim.json.gz"])
    chikungunya = "DOID:0050012"
    stated = [
        sorted(
            (edge.relation, graph.name(edge.object))
            for edge in map(graph.edge, graph.edges_from(graph.find(chikungunya)).tolist())
            if edge.evidence == "definition"
        )
        for graph in (rare, slim)
    ]
    assert stated[0] == stated[1]
    assert ("has_sign", "arthralgia") in stated[0]
    assert len(slim.of_type(NodeType.DISEASE)) + (slim.identity != np.arange(len(slim))).sum() >= 536
    assert (slim.edges["relation"] == slim.relation_number("is_a")).sum() == 498
    assert rare.node(rare.find("DOID:1708")).id == "DOID:0050052"  # an alt_id
    assert rare.name(rare.find("DOID:10242"))  # a parent
    edge = rare.edge(int(rare.edges_from(rare.find("DOID:0040093"), Relation.HAS_CODE)[0]))
    assert rare.node(edge.object).id == "ICD10CM:M32.0"
    assert (edge.source.licence, edge.source.release[:25]) == ("CC0 1.0", "doid/releases/2026-07-31/")


def test_indications_say_what_a_drug_is_not_for(mirror):
    graph = read_graph([mirror / "kg" / "pharmacotherapydb_indications.tsv"])
    assert graph.edge_count == 1388
    alzheimer = graph.find("DOID:10652")
    treated = {graph.name(each) for each in graph.subjects(alzheimer, Relation.TREATS).tolist()}
    denied = {graph.name(each) for each in graph.subjects(alzheimer, Relation.TREATS, Polarity.EXCLUDED).tolist()}
    assert {"Donepezil", "Haloperidol"} <= treated
    assert "Vitamin E" in denied
    assert len(treated) == 9
    assert len(denied) == 7
    kinds = {graph.edge(each).modifiers for each in graph.edges_to(alzheimer).tolist()}
    assert kinds == {("disease-modifying",), ("symptomatic",), ()}


@pytest.fixture(scope="module")
def codes():
    pytest.importorskip("simple_icd_10_cm", reason="needs the package simple-icd-10-cm")
    return read_graph(["icd10cm"])


def test_icd10cm_has_each_code_once(codes):
    oracle = pytest.importorskip("simple_icd_10_cm")
    found = {codes.node(each).id.removeprefix("ICD10CM:") for each in codes.of_type(NodeType.CODE).tolist()}
    assert found == set(oracle.get_all_codes(True))
    assert len(found) == 98_466
    for code in ("S02.101A", "E08.3211", "C50.011", "A00.0", "W74.XXXA"):
        number = find_code(codes, code)
        expected = list(dict.fromkeys(each for each in oracle.get_ancestors(code) if each != code))
        assert sorted(codes.node(each).id[8:] for each in codes.ancestors(number).tolist()) == sorted(expected)
        assert codes.name(number) == oracle.get_description(code)


def test_codes_are_found_in_any_writing(codes):
    assert find_code(codes, "a000") == find_code(codes, "A00.0") == find_code(codes, " A000 ")
    assert find_code(codes, "Z99.99") is None


def test_excludes1_is_inherited_from_all_ancestors(codes):
    # A04's note: bacterial foodborne intoxications, NEC (A05.-)
    forbidden = never_coded_with(codes, find_code(codes, "A04.71"))
    assert {find_code(codes, "A05"), find_code(codes, "A05.0")} <= forbidden
    assert find_code(codes, "A04.72") not in forbidden
    edge = codes.edge(int(codes.edges_from(find_code(codes, "A04"), Relation.EXCLUDES1)[0]))
    assert (edge.evidence, edge.line) == ("bacterial foodborne intoxications, NEC (A05.-)", 335)


TRIPLES = """# licence: CC0 1.0
# release: 7
head\thead_type\trelation\ttail\ttail_type\tfrequency\tnegated
ague\tdisorder\tpresents_with\tfever\tsymptom\t80%\t
ague\tdisorder\thas_symptom\trash\tsymptom\t\ttrue
quinine\tcompound\ttreats\tague\tdisorder\t\t
ague\tdisorder\ttreated_by\tcinchona bark\tcompound\t\t
swamp fever\t\tis_a\tague\t\t\t
ague\tdisorder\tfrightens\tvillagers\t\t\t
"""


def test_triples_of_any_maker(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text(TRIPLES)
    graph = read_graph([path])
    ague = graph.find("ague")
    findings = Findings(graph)
    assert findings.state(ague, graph.find("fever")) is State.PRESENT
    assert findings.of(ague)[graph.find("fever")].frequency.low == pytest.approx(0.8)
    assert findings.state(ague, graph.find("rash")) is State.EXCLUDED
    assert {graph.name(each) for each in graph.subjects(ague, Relation.TREATS).tolist()} == {"quinine", "cinchona bark"}
    assert graph.type(graph.find("swamp fever")) is NodeType.DISEASE
    assert graph.related(graph.find("swamp fever"), ague)
    assert graph.objects(ague, "frightens").tolist() == [graph.find("villagers")]
    assert (graph.sources[0].licence, graph.sources[0].release) == ("CC0 1.0", "7")
    assert graph.edges["line"].tolist() == [4, 5, 6, 7, 8, 9]


def test_triples_without_a_header_and_with_types_in_their_ids(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("Disease::DOID:1\tDaG\tGene::7157\nague\thas_symptom\tfever\n")
    graph = read_graph([path])
    assert graph.type(graph.find("Disease::DOID:1")) is NodeType.DISEASE
    assert graph.type(graph.find("Gene::7157")) is NodeType.GENE
    assert graph.type(graph.find("ague")) is NodeType.DISEASE
    assert graph.type(graph.find("fever")) is NodeType.SIGN


def test_tables_of_nodes_and_edges_in_the_exchange_format_of_knowledge_graphs(tmp_path):
    nodes, edges = tmp_path / "nodes.tsv", tmp_path / "edges.tsv"
    nodes.write_text(
        "id\tcategory\tname\tsynonym\txref\nX:1\tbiolink:Disease\tague\tswamp fever|paludism\tOMIM:1\n"
        "X:2\tbiolink:PhenotypicFeature\tfever\t\t\n"
    )
    edges.write_text("subject\tpredicate\tobject\tnegated\nX:1\tbiolink:has_phenotype\tX:2\tFalse\n")
    graph = read_graph([nodes, edges])
    ague = graph.find("X:1")
    assert [each.text for each in graph.names(ague)] == ["ague", "swamp fever", "paludism"]
    assert graph.objects(ague, Relation.HAS_SIGN).tolist() == [graph.find("X:2")]
    assert graph.xrefs(ague) == ("X:1", "OMIM:1")


def test_an_unknown_ontology_gets_its_types_from_what_it_says(tmp_path):
    path = tmp_path / "own.obo"
    path.write_text(
        "ontology: own\n\n[Term]\nid: X:1\nname: ague\nrelationship: has_symptom Y:1 ! fever\n\n[Term]\nid: X:2\n"
        "name: swamp ague\nis_a: X:1\n\n[Term]\nid: Y:1\nname: fever\n\n[Term]\nid: Y:2\nname: high fever\nis_a: Y:1\n"
        "\n[Term]\nid: Z:1\nname: marsh\n\n[Typedef]\nid: has_symptom\n"
    )
    graph = read_graph([path])
    kinds = {node: graph.type(graph.find(node)) for node in ("X:1", "X:2", "Y:1", "Y:2", "Z:1")}
    assert kinds == {
        "X:1": NodeType.DISEASE,
        "X:2": NodeType.DISEASE,
        "Y:1": NodeType.SIGN,
        "Y:2": NodeType.SIGN,
        "Z:1": NodeType.CONCEPT,
    }


def test_ids_of_one_disease_are_merged_and_kinds_of_it_are_not(tmp_path):
    path = tmp_path / "own.obo"
    path.write_text(
        'ontology: own\n\n[Term]\nid: DOID:1\nname: ague\nxref: MIM:1\nsynonym: "marsh fever" EXACT []\n'
        'synonym: "MF" EXACT abbreviation []\n\n'
        "[Term]\nid: DOID:2\nname: quartan ague\nis_a: DOID:1\nxref: ORDO:5\n\n"
        "[Term]\nid: OMIM:1\nname: AGUE-LIKE DISEASE\n\n[Term]\nid: ORPHA:1\nname: Marsh-Fever\n\n"
        "[Term]\nid: ORPHA:5\nname: quartan fever\n\n[Term]\nid: ORPHA:6\nname: MF\n\n"
        "[Term]\nid: MONDO:7\nname: ague of both kinds\nxref: OMIM:1\nxref: ORPHA:5\n"
    )
    graph = read_graph([path])
    assert graph.find("DOID:1") == graph.find("OMIM:1") == graph.find("ORPHA:1")
    assert graph.find("DOID:2") == graph.find("ORPHA:5")
    assert graph.find("ORPHA:6") != graph.find("DOID:1")
    assert graph.find("DOID:1") != graph.find("DOID:2")
    assert graph.related(graph.find("DOID:1"), graph.find("DOID:2"))


def test_hierarchies_with_a_circle_end(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("a\tis_a\tb\nb\tis_a\tc\nc\tis_a\ta\n")
    graph = read_graph([path])
    assert len(graph.ancestors(graph.find("a"))) == 2
    assert len(graph.descendants(graph.find("a"))) == 2


@pytest.mark.parametrize("seed", range(40))
def test_ancestors_are_what_can_be_reached_even_in_circles(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 9))
    pairs = random.integers(0, size, size=(int(random.integers(1, 14)), 2)).astype(np.int32)
    closure = Closure(pairs[:, 0], pairs[:, 1], size)
    reach = np.zeros((size, size), dtype=bool)
    reach[pairs[:, 0], pairs[:, 1]] = True
    for _ in range(size):
        reach = reach | (reach.astype(int) @ reach.astype(int) > 0)
    np.fill_diagonal(reach, False)
    for number in random.permutation(size).tolist():
        assert closure.ancestors(number).tolist() == np.flatnonzero(reach[number]).tolist()
        assert closure.descendants(number).tolist() == np.flatnonzero(reach[:, number]).tolist()
