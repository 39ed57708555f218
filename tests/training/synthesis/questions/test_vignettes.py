"""A model that writes vignettes, on a real server: what keeps to the facts is taken, every planted fault is counted."""

import pytest
from replay_server import ReplayServer

from evalsuite.models.backend import BackendSettings
from training.model_requests import model_spec
from training.synthesis.graph import read_graph
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.vignettes import Fault, Writer, _Vignettes, write_vignettes

DISEASES = ["ague", "dropsy", "quinsy", "scurvy", "rickets", "yaws", "croup", "gout"]
SIGNS = [
    "xeroma",
    "vertigon",
    "tussis",
    "sudor",
    "rigor",
    "pallor",
    "nodus",
    "morbill",
    "livor",
    "kyphon",
    "icterus",
    "hydrops",
]


@pytest.fixture
def source(tmp_path):
    """Eight diseases with six signs each, of which one is common to all, and many more that have another sign."""
    rows = ["subject\tsubject_type\tsubject_name\trelation\tobject\tobject_type\tobject_name\tfrequency"]
    for number, disease in enumerate(DISEASES):
        signs = [(99, "pyrexia"), *((step, SIGNS[(number + step * step) % 12]) for step in range(4))]
        signs.append((number, f"{disease[::-1]}osis"))
        for _, sign in dict.fromkeys(signs):
            rows.append(f"X:{number}\tdisease\t{disease}\thas_symptom\tY:{sign}\tsign\t{sign}\t19/20")
    rows += [f"X:{number}\tdisease\tother {number}\thas_symptom\tY:0\tsign\tmalaise\t" for number in range(8, 99)]
    path = tmp_path / "own.tsv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return QuestionSource(read_graph([path]))


@pytest.fixture
def items(source):
    return list(make_items(source, generate(source, 5, 1, {"diagnosis": 1.0}), 1))


def stated(source, item):
    return [source.names.inline(sign) for sign in _Vignettes(source)._signs(item.proof)]


def replies(source, items):
    """A good text for the first item, and a fault in each of the others."""
    texts = [f"A patient presents with {', '.join(stated(source, each))}." for each in items]
    other = next(sign for sign in SIGNS if sign not in stated(source, items[2]))
    texts[1] = f"A patient presents with {', '.join(stated(source, items[1])[1:])}."
    texts[2] = f"{texts[2][:-1]}, and {other}."
    texts[3] = f"{texts[3]} This is {DISEASES[0]}."
    texts[4] = f"{texts[4]} He is 40 and has not travelled."
    return texts


def test_a_text_that_keeps_the_facts_is_taken_and_every_other_one_is_counted(source, items, tmp_path):
    texts = replies(source, items)
    prompts = [_Vignettes(source).prompt(each).messages[0]["content"] for each in items]
    with ReplayServer({("small", sent): text for sent, text in zip(prompts, texts, strict=True)}) as server:
        spec = model_spec("openai/small", BackendSettings("", base_urls=(server.base_url,)), "vignettes")
        written = write_vignettes(source, items, Writer(spec), tmp_path / "vignettes")
        sent = len(server.requests)
        again = write_vignettes(source, items, Writer(spec), tmp_path / "vignettes")
        assert again == written and len(server.requests) - sent <= 1  # but for a probe of the server
    assert written.items[0].item.question.startswith(texts[0])
    assert [each.item.question for each in written.items[1:]] == [each.item.question for each in items[1:]]
    assert [each.proof for each in written.items] == [each.proof for each in items]
    assert written.written == 1
    assert written.counts[Fault.FINDING_LOST] == 1
    assert written.counts[Fault.FINDING_ADDED] == 1
    assert sum(written.counts.values()) == 4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault.EMPTY_REPLY),
        ("I'm sorry, but I can't write about {signs}.", Fault.REFUSAL),
        ('{{"vignette": "A patient presents with {signs}', Fault.NOT_PROSE),
        ("**Vignette** A patient presents with {signs}.", Fault.NOT_PROSE),
        ("A patient presents with {signs}. What is the diagnosis?", Fault.NOT_PROSE),
        ("A patient presents with {signs}.\u202e", Fault.NOT_PROSE),
        ("A patient presents with {signs}. The diagnosis is {answer}.", Fault.OPTION_NAMED),
        ("A patient presents with {signs}, without a rash.", Fault.DENIAL),
        ("A woman presents with {signs}.", Fault.PERSON_OR_NUMBER),
        ("At 40, a patient presents with {signs}.", Fault.PERSON_OR_NUMBER),
        ("{signs}. " * 40, Fault.TOO_LONG),
        ("A patient presents with {signs}. Seen in the clinic.", None),
    ],
)
def test_each_fault_has_its_name(source, items, text, fault):
    answer = source.names.shown(source.graph.find(items[0].proof["answer"]))
    full = text.format(signs=", ".join(stated(source, items[0])), answer=answer)
    assert _Vignettes(source).fault(items[0], full) == fault


def test_a_model_that_says_nothing_leaves_the_templates(source, items, tmp_path):
    prompts = [_Vignettes(source).prompt(each).messages[0]["content"] for each in items]
    with ReplayServer({("small", sent): " " for sent in prompts}) as server:
        settings = BackendSettings("", base_urls=(server.base_url,))
        spec = model_spec("openai/small", settings, "vignettes")
        written = write_vignettes(source, items, Writer(spec), tmp_path / "v")
    assert written.items == items
    assert (written.written, written.counts) == (0, {Fault.EMPTY_REPLY: 5})
