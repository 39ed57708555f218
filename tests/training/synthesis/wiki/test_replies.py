"""Replies of a model against one sentence each: what a sentence denies or only supposes is never an edge."""

import json

import pytest

from evalsuite.run_folder import ResponseRecord
from training.synthesis.graph import read_graph
from training.synthesis.graph.linking import Linker
from training.synthesis.wiki.article import Article, ArticleSection
from training.synthesis.wiki.infobox import Box
from training.synthesis.wiki.page import Page
from training.synthesis.wiki.passages import Passage
from training.synthesis.wiki.replies import ReplyReader
from training.synthesis.wiki.statements import Triple

NODES = """id\ttype\tname\tsynonyms
X:1\tdisease\tKarst fever\tcave ague
X:2\tdisease\tLoam ague\t
X:3\tsign\tNight glow\t
X:4\tsign\tBlue palms\t
X:5\tdrug\tCalcidol\t
X:6\tcause\tLimnobacter\t
X:7\tsign\tGlow\t
X:8\tsign\tEcho\t
X:9\tdrug\tEcho\t
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "nodes.tsv"
    path.write_text(NODES)
    graph = read_graph([path])
    reader = ReplyReader(graph, Linker(graph), "openai/scripted")
    article = Article(Page("Karst fever", "1", "2", "2026", "", "", 1), Box(None, (), (), ()), ())

    def outcome(sentence, subject, relation, object, negated=False, evidence=None, finish="stop"):
        section = ArticleSection((), (sentence,), (), 0)
        passage = Passage(article, section, (sentence, "Another one."), ())
        entry = {"subject": subject, "relation": relation, "object": object, "negated": negated}
        text = json.dumps({"relations": [entry | {"evidence": sentence if evidence is None else evidence}]})
        record = ResponseRecord("i", 0, text, "", finish, False, None, None, None, "r")
        (found,) = reader.read(passage, record)
        if not isinstance(found, Triple):
            return found.reason
        return found.subject.name, found.relation, found.object.name, found.negated

    return outcome


@pytest.mark.parametrize(
    ("sentence", "subject", "relation", "object"),
    [
        ("Karst fever is caused by Limnobacter.", "Karst fever", "caused_by", "Limnobacter"),
        ("Limnobacter is the cause of cave ague.", "cave ague", "caused_by", "limnobacter"),
        ("Karst fever brings night glow and blue palms.", "Karst fever", "has_sign", "blue palms"),
        ("Loam ague and karst fever bring night glow.", "Loam ague", "has_sign", "night glow"),
        ("Loam ague, cave ague and others bring night glow.", "Loam ague", "has_sign", "night glow"),
        ("Karst fever brings not only night glow but blue palms.", "Karst fever", "has_sign", "night glow"),
        ("Calcidol treats karst fever.", "Calcidol", "treats", "karst fever"),
        ("Calcidol is contraindicated in karst fever.", "Calcidol", "contraindicated_in", "karst fever"),
        ("Calcidol must not be given in karst fever.", "Calcidol", "contraindicated_in", "karst fever"),
        ("Karst fever brings echo.", "Karst fever", "has_sign", "echo"),
    ],
)
def test_a_plain_sentence_is_an_edge(read, sentence, subject, relation, object):
    found = read(sentence, subject, relation, object)
    assert found[1] == relation and found[3] is False
    assert {found[0].casefold(), found[2].casefold()} == {
        {"cave ague": "karst fever"}.get(each.casefold(), each.casefold()) for each in (subject, object)
    }


@pytest.mark.parametrize(
    "sentence",
    [
        "Karst fever is not caused by Limnobacter.",
        "Karst fever isn't caused by Limnobacter.",
        "Karst fever isn’t caused by Limnobacter.",
        "Karst fever is never caused by Limnobacter.",
        "Neither karst fever nor any ague is caused by Limnobacter.",
        "No karst fever is caused by Limnobacter.",
        "Karst fever is caused by damp air rather than Limnobacter.",
        "Karst fever arises without Limnobacter.",
        "Limnobacter has been excluded as the cause of karst fever.",
        "Karst fever, unlike rust, is caused by Limnobacter.",
        "That karst fever is caused by Limnobacter is a myth.",
        "Karst fever is unrelated to Limnobacter.",
        "Limnobacter cannot cause karst fever.",
        "Limnobacter fails to cause karst fever.",
        "Nobody has shown that karst fever is caused by Limnobacter.",
        "Karst fever is hardly ever caused by Limnobacter.",
    ],
)
def test_no_denial_proves_anything_positive(read, sentence):
    assert read(sentence, "Karst fever", "caused_by", "Limnobacter") == "negated_sentence"
    fragment = sentence[sentence.lower().index("karst") :]
    if "imnobacter" in fragment:
        assert isinstance(read(sentence, "Karst fever", "caused_by", "Limnobacter", evidence=fragment), str)


@pytest.mark.parametrize(
    "sentence",
    [
        "It was once thought that karst fever is caused by Limnobacter.",
        "Karst fever is suspected to be caused by Limnobacter.",
        "Whether Limnobacter causes karst fever is debated.",
        "Karst fever might be caused by Limnobacter.",
        "A hypothesis says that karst fever is caused by Limnobacter, as was suggested.",
    ],
)
def test_no_supposition_is_an_edge(read, sentence):
    assert read(sentence, "Karst fever", "caused_by", "Limnobacter") == "only_supposed"
    assert read(sentence, "Karst fever", "caused_by", "Limnobacter", negated=True) == "only_supposed"


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("Karst fever is not caused by Limnobacter.", True),
        ("Limnobacter does not cause karst fever.", True),
        ("Karst fever is caused by Limnobacter.", False),
        ("Karst fever is not always caused by Limnobacter.", False),
        ("Karst fever is not rare, and it is caused by Limnobacter.", False),
        ("Karst fever is caused by nothing but Limnobacter.", False),
        ("Karst fever is not only caused by Limnobacter.", False),
        ("It is not true that karst fever is not caused by Limnobacter.", False),
        ("Karst fever is caused by Limnobacter and not by rust.", False),
    ],
)
def test_a_denial_stands_between_the_names(read, sentence, denied):
    found = read(sentence, "Karst fever", "caused_by", "Limnobacter", negated=True)
    assert found == (("Karst fever", "caused_by", "Limnobacter", True) if denied else "denial_not_stated")


TWO = "Karst fever brings night glow, and loam ague brings echo."
ONE = "Karst fever brings night glow."
GLOW = ("Karst fever", "has_sign", "Night glow", False)


@pytest.mark.parametrize(
    ("sentence", "stated", "outcome"),
    [
        (TWO, ("Karst fever", "has_sign", "echo"), "another_subject_between"),
        ("Calcidol is contraindicated in cave ague.", ("Calcidol", "treats", "cave ague"), "negated_sentence"),
        ("Calcidol is ineffective in cave ague.", ("Calcidol", "treats", "cave ague"), "negated_sentence"),
        ("Calcidol isn't contraindicated in cave ague.", ("Calcidol", "contraindication", "KF"), "unknown_entity"),
        ("Calcidol isn't unsafe in cave ague.", ("Calcidol", "contraindicated_in", "cave ague"), "negated_sentence"),
        ("Calcidol treats cave ague.", ("Calcidol", "contraindicated_in", "cave ague"), "negated_sentence"),
        (ONE, ("Karst fever", "has_sign", "glow"), "evidence_lacks_object"),
        (ONE, ("night glow", "has_sign", "Karst fever"), "wrong_type"),
        (ONE, ("night glow", "symptom_of", "Karst fever"), GLOW),
        (ONE, ("Karst fever", "Presents with", "night glow"), GLOW),
        (ONE, ("Karst fever", "not_has_sign", "night glow"), "denial_not_stated"),
        ("Echo and cave ague.", ("cave ague", "is_a", "echo"), "unknown_relation"),
        ("Echo and cave ague.", ("echo", "located_in", "cave ague"), "wrong_type"),
    ],
)
def test_a_relation_must_be_the_one_that_is_stated(read, sentence, stated, outcome):
    assert read(sentence, *stated) == outcome


@pytest.mark.parametrize(
    ("evidence", "object", "outcome"),
    [
        ("glow.", "Glow", "evidence_lacks_subject"),
        ("Karst fever brings night", "Night glow", "evidence_lacks_object"),
        ("  Karst fever\nbrings   night glow ", "Night glow", GLOW),
        ("karst fever brings night glow.", "Night glow", "evidence_not_in_passage"),
        ("Karst fever brings night glow. Another one.", "Night glow", "evidence_of_several_sentences"),
    ],
)
def test_evidence_stands_in_one_sentence_word_for_word(read, evidence, object, outcome):
    assert read(ONE, "Karst fever", "has_sign", object, evidence=evidence) == outcome
