"""The proofs of 1,000 questions from the whole Human Phenotype Ontology, checked on its raw rows by another program."""

import pytest

from tests.training.synthesis.conftest import *  # noqa: F403
from tests.training.synthesis.questions.proof_checker import ProofChecker
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items
from training.synthesis.questions.source import QuestionSource

pytestmark = pytest.mark.integration


def test_every_proof_holds_on_the_raw_files(hpo, raw, hpo_folder):
    source, checker = QuestionSource(hpo), ProofChecker.of(raw, raw.rows, hpo_folder)
    named = generate(source, 200, 1, {"against": 1.0, "discriminating": 1.0})
    items = list(make_items(source, [*generate(source, 800, 1), *named], 1))
    rows = {each.item.id: {"answer": each.item.gold, "meta": each.item.meta} for each in items}
    faults = {each.item.id: found for each in items if (found := checker.faults(rows[each.item.id], each.proof))}
    assert faults == {}
