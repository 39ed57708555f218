"""Questions from the Human Phenotype Ontology: proofs, balance, the same bits for a seed."""

import dataclasses
import json
from collections import Counter, defaultdict

import pytest

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.registry import load_task
from tests.training.synthesis.conftest import rows_of
from tests.training.synthesis.questions.proof_checker import ProofChecker
from training.data.manifest import verify
from training.synthesis.graph.findings import State
from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case, EvenDraw
from training.synthesis.questions.generate import generate, parse_shares
from training.synthesis.questions.items import make_items
from training.synthesis.questions.kin import Kin
from training.synthesis.questions.leaks import leaks
from training.synthesis.questions.shapes.contrast import disjoint_sets
from training.synthesis.questions.source import QuestionSource

COUNT = 300


@pytest.fixture(scope="module")
def items(source):
    named = generate(source, 10, 1, {"against": 1.0, "discriminating": 1.0})
    return list(make_items(source, [*generate(source, COUNT, 1), *named], 1))


@pytest.fixture(scope="module")
def checker(raw, small_folder):
    return ProofChecker.of(raw, rows_of(small_folder / "phenotype.hpoa"), small_folder)


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


def test_no_text_gives_an_answer_away(items, small):
    for each in items:
        answer = small.find(each.proof["answer"])
        question = each.item.question.casefold()
        for name in small.names(answer):
            if len(name.text) > 3:
                assert name.text.casefold() not in question


def test_options_are_different_things(items, small):
    for each in items:
        nodes = [small.find(option["id"]) for option in each.proof["options"].values()]
        assert len(set(each.item.options)) == len(nodes)
        assert not any(
            small.related(one, other) for at, one in enumerate(nodes) for other in nodes[:at] if one == nodes[0]
        )


def test_a_subtype_or_another_disease_of_the_gene_is_not_refuted_by_silence(items, small):
    seen = 0
    for each in items:
        if each.item.meta["shape"] != "diagnosis":
            continue
        genes = set(small.objects(small.find(each.proof["subject"]), Relation.HAS_GENE).tolist())
        for option in each.proof["options"].values():
            if option.get("refuted") == "discriminating":
                seen += 1
                assert genes.isdisjoint(small.objects(small.find(option["id"]), Relation.HAS_GENE).tolist())
    assert seen > 100


def test_the_kin_of_a_disease_are_its_subtypes_and_those_of_its_gene(hpo):
    kin = Kin(hpo)
    group_b = hpo.find("OMIM:300514")  # Fanconi anemia
    assert kin.are(group_b, hpo.find("OMIM:609053"))  # group I
    assert not kin.are(group_b, hpo.find("OMIM:251260"))  # Nijmegen breakage syndrome
    marfan, lens = hpo.find("OMIM:154700"), hpo.find("OMIM:129600")  # ectopia lentis; both of FBN1
    assert kin.are(marfan, lens)
    assert not kin.alike(marfan, lens)


def test_a_table_of_signs_says_what_the_rules_of_findings_say(source, small):
    """On diseases with a denied sign, and some others; where rows contradict each other the table is the stricter."""
    table, draw = source.signs, Draw("signs")
    signs = draw.sample(small.of_type(NodeType.SIGN).tolist(), 150)
    for disease in [*draw.sample(list(source.denied), 60), *draw.sample(table.diseases.tolist(), 20)]:
        asked = [*signs, *table.findings.of(disease)]
        states = {sign: table.findings.state(disease, sign) for sign in asked}
        has = {sign for sign in asked if table.has(disease, sign)}
        present = {sign for sign, state in states.items() if state == State.PRESENT}
        assert has == present or (has < present and State.CONFLICTING in states.values())
        assert [s for s in asked if table.lacks(disease, s)] == [s for s in asked if states[s] == State.EXCLUDED]
        assert all(states[sign] == State.UNKNOWN for sign in asked if table.is_silent(disease, sign))
        assert all((disease in table.having(sign)) == table.has(disease, sign) for sign in asked)


def test_bits_say_the_same_as_the_table(source):
    table, bits, draw = source.signs, source.bits, Draw("bits")
    signs = draw.sample(sorted(source.tellable.by_sign), 150)
    for disease in [*draw.sample(list(source.denied), 40), *draw.sample(source.tellable.subjects, 20)]:
        for sign in signs:
            one = bits.of([sign])
            assert bool(one & bits.had(disease)) == table.has(disease, sign)
            assert bool(one & bits.lacked(disease)) == table.lacks(disease, sign)
            assert bool(one & bits.spoken(disease)) != table.is_silent(disease, sign)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("HP:0004322", "HP:0000098", True),  # short and tall stature
        ("HP:0003510", "HP:0000098", True),  # severe short stature, a kind of the first
        ("HP:0001252", "HP:0001276", True),  # hypotonia, hypertonia
        ("HP:0000252", "HP:0000256", True),  # microcephaly, macrocephaly
        ("HP:0001873", "HP:0001894", True),  # thrombocytopenia, thrombocytosis
        ("HP:0001256", "HP:0010864", True),  # mild and severe intellectual disability
        ("HP:0001250", "HP:0002069", True),  # seizure, and a kind of it
        ("HP:0000218", "HP:0000189", False),  # high palate, narrow palate
        ("HP:0004322", "HP:0001252", False),
    ],
)
def test_opposites_are_not_told_of_one_patient(source, small, one, other, clash):
    for pair in ((one, other), (other, one)):
        together = source.clashes.together()
        assert [together.add(small.find(each)) for each in pair] == [True, not clash]


def test_no_question_tells_signs_that_clash(items, source, small):
    for each in items:
        together = source.clashes.together()
        if each.item.meta["shape"] in ("diagnosis", "gene", "allelic", "next_finding", "other_disorder"):
            assert all(together.add(small.find(sign)) for sign in dict.fromkeys(row[2] for row in each.proof["stated"]))


def test_every_option_of_a_set_is_the_answer_once(items):
    """But for the last set, of which only some may be asked."""
    for shape in ("diagnosis", "gene"):
        answers = defaultdict(Counter)
        for each in (each for each in items if each.item.meta["shape"] == shape):
            ids = frozenset(option["id"] for option in each.proof["options"].values())
            answers[ids][each.proof["answer"]] += 1
        incomplete = [ids for ids, counts in answers.items() if set(counts.values()) != {1} or len(counts) < 5]
        assert len(answers) > 2
        assert len(incomplete) <= 1


@pytest.mark.parametrize("rule", ["longest", "shortest", "middle", "annotated", "rare", "commas", "overlap", "bm25"])
def test_no_rule_that_knows_nothing_beats_chance(items, source, rule):
    """Within three points of chance, and its interval at this number of items."""
    degrees = {source.names.shown(number): source.degree(number) for number in range(len(source.graph))}
    plain = [each.item for each in items]
    score = next(each for each in leaks([], plain, degrees) if (each.rule, each.shape) == (rule, "all"))
    assert score.interval[0] - 0.03 < 0.2 < score.interval[1] + 0.03


def test_a_rule_that_finds_a_planted_leak_scores_above_chance(items, source):
    """Were every answer written longer, the longest option would be it; by words as well, as `sign` names it."""
    planted = []
    for each in items:
        place = each.item.labels.index(each.item.gold)
        options = list(each.item.options)
        options[place] += " with this sign, of all the options the one with most text"
        planted.append(dataclasses.replace(each.item, options=tuple(options)))
    degrees = defaultdict(int)
    found = {each.rule: each.accuracy for each in leaks(planted[:200], planted[200:], degrees) if each.shape == "all"}
    assert found["longest"] > 0.9
    assert min(found["words"], found["commas"]) > 0.5
    assert found["shortest"] == 0


def test_an_option_is_right_in_a_fifth_of_its_questions():
    """Of two kinds of nodes, of which one is an answer four times as often as the other if drawn as they come."""
    cases = [
        Case(subject, answer, [node for node in range(20) if node != answer], 1.0 + subject % 3, subject)
        for subject in range(200)
        for answer in sorted({subject % 10, (7 * subject) % 10, 10 + subject % 10})
    ]
    even, draw = EvenDraw(cases), Draw("even")
    right, wrong = Counter(), Counter()
    for _ in range(100):
        for drawn in filter(None, (even.drawn(subject, draw) for subject in even.subjects)):
            right[drawn.case.answer] += 1
            wrong.update(drawn.distractors)
            assert drawn.case.answer not in drawn.distractors and len(set(drawn.distractors)) == 4
    assert len(right) == 20
    assert all(0.85 < wrong[node] / (4 * right[node]) < 1.18 for node in range(20))


def test_what_can_never_be_wrong_is_no_option():
    cases = [
        Case(subject, subject % 8, [n for n in range(7) if n != subject % 8], 1.0, subject) for subject in range(80)
    ]
    even = EvenDraw(cases)
    assert {case.answer for case in cases if case.subject in even.subjects} == set(range(7))
    assert EvenDraw([]).subjects == EvenDraw(cases[7:8]).subjects == []


@pytest.mark.parametrize(
    ("compatible", "found"),
    [
        ([0b110, 0b101, 0b011], [[0, 1, 2]]),
        ([0b010, 0b101, 0b010], []),
        ([0b011110, 0b011101, 0b011011, 0b010111, 0b001111, 0b000000], [[0, 1, 2]]),
        ([0b000110, 0b000101, 0b000011, 0b110000, 0b101000, 0b011000], [[0, 1, 2], [3, 4, 5]]),
    ],
)
def test_sets_are_of_places_that_are_all_compatible(compatible, found):
    assert disjoint_sets(compatible, 3) == found


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("HP:0001250", "seizure"),
        ("HP:0000369", "low-set ears"),
        ("HP:0000817", "reduced eye contact"),
        ("HP:0003487", "Babinski sign"),
        ("HP:0001305", "Dandy-Walker malformation"),
        ("OMIM:279000", "Young syndrome"),
    ],
)
def test_a_name_inside_a_sentence_keeps_the_capital_of_a_person_only(source, small, node, text):
    assert source.names.inline(small.find(node)) == text


def test_no_vague_sign_is_told_or_asked_for(items, small):
    for each in items:
        signs = {small.find(row[2]) for row in each.proof["stated"]}
        signs |= {small.find(option["id"]) for option in each.proof["options"].values()}
        assert not any(
            small.type(sign) == NodeType.SIGN
            and small.name(sign).startswith("Abnormal")
            and len(small.descendants(sign))
            for sign in signs
        )


def test_labels_are_gold_equally_often(items):
    counts = Counter(each.item.gold for each in items)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_seed_gives_the_same_questions_and_another_one_others(small):
    def drawn(seed):
        source = QuestionSource(small)
        shares = {"diagnosis": 1.0, "most_frequent": 1.0, "next_finding": 1.0}
        return list(make_items(source, generate(source, 30, seed, shares), seed))

    again, same, other = drawn(1), drawn(1), drawn(2)
    assert again == same
    assert {each.item.question for each in again} != {each.item.question for each in other}


def test_all_questions_are_different(items):
    assert len({each.item.question for each in items}) == len(items) >= COUNT


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


def test_a_command_writes_rows_proofs_and_a_task_that_passes_its_checks(small_folder, tmp_path, monkeypatch):
    out = tmp_path / "questions"
    command = ["train", "synthesize", "--graph", str(small_folder), "--n", "60", "--seed", "3", "--out", str(out)]
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


@pytest.mark.parametrize("shape", ["against", "no_indication", "code"])
def test_more_questions_than_the_graph_has_are_an_error(small, shape):
    """Of the last two a graph of signs and genes has none at all."""
    with pytest.raises(UsageError) as caught:
        generate(QuestionSource(small), 100_000, 1, {shape: 1.0})
    assert caught.value.code == ErrorCode.INVALID_ARGUMENT
