"""Questions from the Human Phenotype Ontology: proofs, balance, the same bits for a seed."""

import json
from collections import Counter, defaultdict

import pytest

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.registry import load_task
from tests.training.synthesis.questions.proof_checker import ProofChecker
from training.data.manifest import verify
from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.generate import generate, parse_shares
from training.synthesis.questions.items import make_items
from training.synthesis.questions.source import QuestionSource

COUNT = 400


@pytest.fixture(scope="module")
def source(hpo):
    return QuestionSource(hpo)


@pytest.fixture(scope="module")
def items(source):
    return list(make_items(source, generate(source, COUNT, 1), 1))


@pytest.fixture(scope="module")
def checker(raw, hpo_folder):
    raw.gene_diseases = defaultdict(set)
    with (hpo_folder / "genes_to_phenotype.txt").open(encoding="utf-8") as stream:
        header = next(stream).rstrip("\n").split("\t")
        for line in stream:
            row = dict(zip(header, line.rstrip("\n").split("\t"), strict=True))
            raw.gene_diseases[f"NCBIGene:{row['ncbi_gene_id']}"].add(row["disease_id"])
    return ProofChecker(raw)


def as_row(item):
    return {"answer": item.gold, "meta": item.meta}


def test_every_proof_holds_on_the_raw_files(items, checker):
    faults = {each.item.id: found for each in items if (found := checker.faults(as_row(each.item), each.proof))}
    assert faults == {}


def test_the_checker_finds_a_planted_second_answer(items, checker):
    """With the answer's own id in the place of a distractor's every shape's proof fails."""
    for shape in {each.item.meta["shape"] for each in items}:
        each = next(each for each in items if each.item.meta["shape"] == shape)
        proof = json.loads(json.dumps(each.proof))
        label = next(label for label in proof["options"] if label != each.item.gold)
        proof["options"][label]["id"] = proof["answer"]
        assert checker.faults(as_row(each.item), proof)


def test_no_text_gives_an_answer_away(items, hpo):
    for each in items:
        answer = hpo.find(each.proof["answer"])
        question = each.item.question.casefold()
        for name in hpo.names(answer):
            if len(name.text) > 3:
                assert name.text.casefold() not in question


def test_options_are_different_things(items, hpo):
    for each in items:
        nodes = [hpo.find(option["id"]) for option in each.proof["options"].values()]
        assert len(set(each.item.options)) == len(nodes)
        assert not any(
            hpo.related(one, other) for at, one in enumerate(nodes) for other in nodes[:at] if one == nodes[0]
        )


def test_a_subtype_or_another_disease_of_the_gene_is_not_refuted_by_silence(items, hpo):
    seen = 0
    for each in items:
        if each.item.meta["shape"] != "diagnosis":
            continue
        genes = set(hpo.objects(hpo.find(each.proof["subject"]), Relation.HAS_GENE).tolist())
        for option in each.proof["options"].values():
            if option.get("refuted") == "discriminating":
                seen += 1
                assert genes.isdisjoint(hpo.objects(hpo.find(option["id"]), Relation.HAS_GENE).tolist())
    assert seen > 100


def test_the_kin_of_a_disease_are_its_subtypes_and_those_of_its_gene(source, hpo):
    diseases = source.signs.diseases.tolist()
    kin = {diseases[place] for place in source.kin.places(hpo.find("OMIM:300514")).tolist()}  # Fanconi anemia, group B
    assert hpo.find("OMIM:609053") in kin  # group I
    assert hpo.find("OMIM:251260") not in kin  # Nijmegen breakage syndrome
    assert hpo.find("OMIM:300514") not in kin


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("HP:0001250", "seizure"),
        ("HP:0000369", "low-set ears"),
        ("HP:0003487", "Babinski sign"),
        ("HP:0001305", "Dandy-Walker malformation"),
        ("OMIM:279000", "Young syndrome"),
    ],
)
def test_a_name_inside_a_sentence_keeps_the_capital_of_a_person_only(source, hpo, node, text):
    assert source.names.inline(hpo.find(node)) == text


def test_no_vague_sign_is_told_or_asked_for(items, hpo):
    for each in items:
        signs = {hpo.find(row[2]) for row in each.proof["stated"]}
        signs |= {hpo.find(option["id"]) for option in each.proof["options"].values()}
        assert not any(
            hpo.type(sign) == NodeType.SIGN and hpo.name(sign).startswith("Abnormal") and len(hpo.descendants(sign))
            for sign in signs
        )


def test_labels_are_gold_equally_often(items):
    counts = Counter(each.item.gold for each in items)
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("trait", ["length", "annotations", "overlap"])
def test_no_rule_that_knows_nothing_beats_chance(items, hpo, source, trait, sign):
    """Within three points of chance, and its standard error at this number of items."""

    def value(item, node, option):
        if trait == "length":
            return len(option)
        if trait == "annotations":
            return source.degree(node)
        return len(set(option.casefold().split()) & set(item.question.casefold().split()))

    right = 0.0
    for each in items:
        nodes = [hpo.find(option["id"]) for option in each.proof["options"].values()]
        pairs = zip(nodes, each.item.options, strict=True)
        values = [sign * value(each.item, node, option) for node, option in pairs]
        best = [label for label, one in zip(each.item.labels, values, strict=True) if one == max(values)]
        right += (each.item.gold in best) / len(best)
    assert abs(right / COUNT - 0.2) < 0.03 + 0.02


def test_a_seed_gives_the_same_questions_and_another_one_others(hpo):
    def drawn(seed):
        source = QuestionSource(hpo)
        return list(make_items(source, generate(source, 20, seed, {"most_frequent": 1.0}), seed))

    again, same, other = drawn(1), drawn(1), drawn(2)
    assert again == same
    assert {each.item.question for each in again} != {each.item.question for each in other}


def test_all_questions_are_different(items):
    assert len({(each.item.question, frozenset(each.item.options)) for each in items}) == COUNT


def test_a_draw_without_replacement_prefers_what_weighs_more():
    first = Counter(Draw(seed).weighted_order("abc", [6.0, 3.0, 1.0])[0] for seed in range(3000))
    for name, share in zip("abc", (0.6, 0.3, 0.1), strict=True):
        assert abs(first[name] / 3000 - share) < 0.04
    assert sorted(Draw(1).weighted_order("abcd", [1, 2, 3, 0])) == ["a", "b", "c"]


def test_a_shuffle_reaches_every_order_equally_often():
    orders = Counter()
    for seed in range(6000):
        values = list("abc")
        Draw(seed).shuffle(values)
        orders["".join(values)] += 1
    assert len(orders) == 6
    assert all(abs(count - 1000) < 150 for count in orders.values())


def test_a_command_writes_rows_proofs_and_a_task_that_passes_its_checks(hpo_folder, tmp_path, monkeypatch):
    out = tmp_path / "questions"
    command = ["train", "synthesize", "--graph", "hpo", "--n", "60", "--seed", "3", "--out", str(out)]
    assert main(command) == 0
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text("utf-8").splitlines()]
    proofs = [json.loads(line) for line in (out / "proofs.jsonl").read_text("utf-8").splitlines()]
    assert [row["item"] for row in rows] == [proof["item"] for proof in proofs]
    assert all(row["gold"] in row["labels"] and row["tier"] in ("easy", "moderate", "difficult") for row in rows)
    manifest = verify(out)
    assert "HPO" in manifest.licence or "hpo" in manifest.licence.lower()
    assert manifest.made_by["seed"] == 3
    monkeypatch.setenv("EVALSUITE_TASKS", str(out))
    dataset = load(load_task("synthetic"))
    assert len(dataset.items) == 60
    assert main(["tasks", "check", "--tasks", "synthetic"]) == 0


@pytest.mark.parametrize("shapes", ["diagnosis=0", "riddle", "diagnosis=x", "diagnosis=nan"])
def test_a_wrong_share_is_one_clear_error(shapes):
    with pytest.raises(UsageError) as caught:
        generate(None, 1, 1, parse_shares(shapes))
    assert caught.value.code == ErrorCode.INVALID_ARGUMENT


def test_more_questions_than_the_graph_has_are_an_error(source):
    with pytest.raises(UsageError) as caught:
        generate(source, 100_000, 1, {"against": 1.0})  # the shape of which there are fewest
    assert caught.value.code == ErrorCode.INVALID_ARGUMENT
