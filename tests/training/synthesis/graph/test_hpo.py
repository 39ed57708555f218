"""The graph `hpo` against a slow reader of the same files, and what is easily got wrong in them."""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from training.synthesis.graph import Findings, NodeType, Polarity, Relation, State

RELATIONS = {"P": "has_sign", "I": "has_inheritance", "C": "has_course", "M": "has_modifier", "H": "has_history"}


def hpoa_edges(graph) -> np.ndarray:
    source = next(number for number, each in enumerate(graph.sources) if each.name == "phenotype.hpoa")
    return np.flatnonzero(graph.edges["source"] == source)


def test_every_row_of_the_annotations_is_an_edge_with_its_line(hpo, raw):
    edges = hpoa_edges(hpo)
    assert hpo.edges["line"][edges].tolist() == [row["line"] for row in raw.rows]
    assert len(raw.rows) == 271_702
    for place in random.Random(1).sample(range(len(edges)), 2000):
        edge, row = hpo.edge(int(edges[place])), raw.rows[place]
        assert hpo.node(edge.subject).id == row["database_id"]
        assert hpo.node(edge.object).id == row["hpo_id"]
        assert edge.relation == RELATIONS[row["aspect"]]
        assert edge.polarity == Polarity.CONFLICTING or (edge.polarity == Polarity.EXCLUDED) == raw.absent(row)
        assert (hpo.node(edge.onset).id if edge.onset >= 0 else "") == row["onset"]
        assert (edge.sex, edge.evidence) == (row["sex"], row["evidence"])
        assert ";".join(edge.references) == row["reference"]
        assert ";".join(edge.modifiers) == row["modifier"]
        if "/" in row["frequency"]:
            assert f"{edge.frequency.affected}/{edge.frequency.patients}" == row["frequency"]
        assert edge.frequency.known == bool(row["frequency"])
        assert edge.locator == f"phenotype.hpoa:{row['line']}"
        assert edge.source.release == "2025-01-16"


def test_every_term_with_its_parents_is_in_the_graph(hpo, raw):
    assert len(raw.terms) == 19_484
    rows = np.flatnonzero(hpo.edges["relation"] == hpo.relation_number(Relation.IS_A))
    found = Counter((hpo.node(edge.subject).id, hpo.node(edge.object).id) for edge in map(hpo.edge, rows.tolist()))
    stated = Counter(
        (term, value.split(" ! ")[0]) for term, tags in raw.terms.items() for value in tags.get("is_a", ())
    )
    assert found == stated
    for term in random.Random(2).sample(sorted(raw.terms), 300):
        tags = raw.terms[term]
        node = hpo.node(hpo._nodes.numbers[term])
        assert node.name == tags["name"][0]
        assert node.obsolete == (tags.get("is_obsolete") == ["true"])
        assert set(node.xrefs) >= {value.split(" ")[0] for value in tags.get("xref", ())}
        if not node.obsolete and hpo.find(term) == node.number:
            assert {hpo.node(each).id for each in hpo.ancestors(node.number).tolist()} == raw.ancestors(term)


def test_absence_is_read_in_both_places(hpo, raw):
    denied = [row for row in raw.rows if row["qualifier"] == "NOT"]
    none_of_some = [row for row in raw.rows if row["frequency"].startswith("0/")]
    assert (len(denied), len(none_of_some)) == (711, 2000)
    assert len({row["database_id"] for row in none_of_some}) == 1089
    by_line = dict(zip(hpo.edges["line"][hpoa_edges(hpo)].tolist(), hpoa_edges(hpo).tolist(), strict=True))
    for row in (*denied, *none_of_some):
        assert hpo.edges["polarity"][by_line[row["line"]]] != Polarity.PRESENT


def test_contradictory_rows_are_used_for_nothing(hpo, raw):
    said = defaultdict(set)
    for row in raw.rows:
        said[row["database_id"], row["hpo_id"], row["aspect"]].add(raw.absent(row))
    contradictory = {key for key, verdicts in said.items() if len(verdicts) == 2}
    assert len(contradictory) == 34
    findings = Findings(hpo)
    for disease, sign, _ in contradictory:
        assert findings.state(hpo.find(disease), hpo.find(sign)) is State.CONFLICTING
        assert hpo.find(sign) not in findings.present(hpo.find(disease))
        assert findings.deciding(hpo.find(disease), hpo.find(sign)) == ()


def test_no_frequency_is_unknown_and_not_always(hpo, raw):
    unstated = [row["line"] for row in raw.rows if not row["frequency"]]
    assert len(unstated) == 64_217
    edges = hpoa_edges(hpo)
    assert hpo.edges["line"][edges][np.isnan(hpo.edges["low"][edges])].tolist() == unstated


def test_only_aspect_p_is_a_sign(hpo, raw):
    edges = hpoa_edges(hpo)
    counts = {
        name: int((hpo.edges["relation"][edges] == hpo.relation_number(name)).sum()) for name in RELATIONS.values()
    }
    assert counts == {
        "has_sign": 254_621,
        "has_inheritance": 8_854,
        "has_course": 8_020,
        "has_modifier": 77,
        "has_history": 130,
    }
    assert hpo.type(hpo.find("HP:0000007")) is NodeType.INHERITANCE  # autosomal recessive
    assert hpo.type(hpo.find("HP:0003577")) is NodeType.COURSE  # congenital onset
    assert hpo.type(hpo.find("HP:0012825")) is NodeType.MODIFIER  # mild
    assert hpo.type(hpo.find("HP:0001250")) is NodeType.SIGN  # seizure


def test_a_sign_holds_for_its_ancestors_and_says_nothing_of_its_descendants(hpo, raw):
    findings = Findings(hpo)
    diseases = defaultdict(list)
    for row in raw.rows:
        if row["aspect"] == "P":
            diseases[hpo.find(row["database_id"])].append(row)
    chosen = random.Random(3).sample(sorted(diseases), 60)
    signs = sorted(term for term in raw.terms if hpo.find(term) is not None and "HP:0000118" in raw.ancestors(term))
    for disease in chosen:
        said = defaultdict(set)
        for row in diseases[disease]:
            said[row["hpo_id"]].add(raw.absent(row))
        have = {sign for sign, verdict in said.items() if verdict == {False}}
        lack = {sign for sign, verdict in said.items() if verdict == {True}}
        closed = have.union(*(raw.ancestors(sign) for sign in have))
        for sign in {*random.Random(disease).sample(signs, 150), *said, *closed}:
            stated = sign in closed
            excluded = not lack.isdisjoint(raw.ancestors(sign) | {sign})
            expected = (
                State.CONFLICTING
                if len(said.get(sign, ())) == 2 or (stated and excluded)
                else State.PRESENT
                if stated
                else State.EXCLUDED
                if excluded
                else State.UNKNOWN
            )
            assert findings.state(disease, hpo.find(sign)) is expected


def test_the_edges_that_decide_prove_the_state(hpo, raw):
    findings = Findings(hpo)
    disease = hpo.find("OMIM:614923")
    for sign in sorted(findings.present(disease))[:40]:
        deciding = findings.deciding(disease, sign)
        assert deciding
        for edge in map(hpo.edge, deciding):
            target = hpo.node(edge.object).id
            assert hpo.node(sign).id in raw.ancestors(target) | {target}
            assert edge.polarity is Polarity.PRESENT


def test_one_disease_under_two_ids_is_one(hpo, raw):
    ids = defaultdict(set)
    for row in raw.rows:
        ids[row["disease_name"].lower()].add(row["database_id"])
    shared = [each for each in ids.values() if len(each) > 1]
    assert len(shared) == 526
    for same in shared:
        assert len({hpo.find(each) for each in same}) == 1
        assert {hpo.node(each).id for each in hpo.members(hpo.find(min(same)))} >= same


def test_diseases_that_share_their_whole_set_of_signs_are_found(hpo, raw):
    signs = defaultdict(set)
    for row in raw.rows:
        if row["aspect"] == "P" and row["qualifier"] != "NOT":
            signs[row["database_id"]].add(row["hpo_id"])
    groups = Counter(map(frozenset, signs.values()))
    assert sum(count for count in groups.values() if count > 1) == 539  # zero frequencies counted as present

    merged = defaultdict(lambda: defaultdict(set))
    for row in raw.rows:
        if row["aspect"] == "P":
            merged[hpo.find(row["database_id"])][row["hpo_id"]].add(raw.absent(row))
    same = defaultdict(set)
    for disease, said in merged.items():
        have = {sign for sign, verdict in said.items() if verdict == {False}}
        closed = have.union(*(raw.ancestors(sign) for sign in have))
        lack = {sign for sign, verdict in said.items() if verdict == {True}}
        unsure = {sign for sign, verdict in said.items() if len(verdict) == 2}
        kept = frozenset(sign for sign in closed - unsure if lack.isdisjoint(raw.ancestors(sign) | {sign}))
        if kept:
            same[kept].add(disease)
    assert sorted(map(sorted, Findings(hpo).same_signs())) == sorted(
        sorted(each) for each in same.values() if len(each) > 1
    )


def test_retired_ids_lead_to_those_that_replace_them(hpo, raw):
    replaced = {
        term: tags["replaced_by"][0] for term, tags in raw.terms.items() if len(tags.get("replaced_by", ())) == 1
    }
    assert len(replaced) == 355
    alternatives = {old: term for term, tags in raw.terms.items() for old in tags.get("alt_id", ())}
    assert len({old for old in alternatives if "is_obsolete" in raw.terms.get(old, ())}) == 387
    for old, new in {**alternatives, **replaced}.items():
        while new in replaced:
            new = replaced[new]
        assert hpo.node(hpo.find(old)).id == new
    for term, tags in raw.terms.items():
        if tags.get("consider") and not tags.get("replaced_by") and term not in alternatives:
            assert hpo.node(hpo.find(term)).id == term
            assert hpo.consider(term) == tuple(tags["consider"])


def test_parent_and_child_are_not_two_answers(hpo):
    seizure, tonic, ataxia = (hpo.find(each) for each in ("HP:0001250", "HP:0032792", "HP:0001251"))
    assert hpo.related(seizure, tonic)
    assert hpo.related(tonic, seizure)
    assert hpo.related(seizure, seizure)
    assert not hpo.related(tonic, ataxia)


@pytest.mark.parametrize("reader", ["genes_to_phenotype.txt"])
def test_genes_are_joined_to_their_diseases(hpo, hpo_folder, reader):
    stated = set()
    with (hpo_folder / reader).open(encoding="utf-8") as stream:
        header = next(stream).rstrip("\n").split("\t")
        for line in stream:
            row = dict(zip(header, line.rstrip("\n").split("\t"), strict=True))
            stated.add((row["disease_id"], f"NCBIGene:{row['ncbi_gene_id']}", row["gene_symbol"]))
    rows = np.flatnonzero(hpo.edges["relation"] == hpo.relation_number(Relation.HAS_GENE))
    found = [(hpo.node(edge.subject).id, hpo.node(edge.object)) for edge in map(hpo.edge, rows.tolist())]
    assert sorted((disease, gene.id, gene.name) for disease, gene in found) == sorted(stated)
    assert {gene.type for _, gene in found} == {NodeType.GENE}


def test_of_several_names_of_a_disease_the_first_is_its_name_and_the_others_are_synonyms(hpo, raw):
    names = defaultdict(dict)
    for row in raw.rows:
        names[row["database_id"]].setdefault(row["disease_name"], row["line"])
    several = {disease: list(found) for disease, found in names.items() if len(found) > 1}
    assert len(several) == 80
    for disease, found in several.items():
        node = hpo.node(hpo._nodes.numbers[disease])
        assert node.name == found[0]
        assert {each.text for each in node.synonyms} >= set(found[1:])
    # No second name is that of another disease of its vocabulary, so that it could make two diseases one.
    first = {(disease.partition(":")[0], found): disease for disease, each in names.items() for found in list(each)[:1]}
    for disease, found in several.items():
        assert {first.get((disease.partition(":")[0], name), disease) for name in found[1:]} == {disease}
    assert hpo.find("OMIM:272300") != hpo.find("OMIM:614249")
