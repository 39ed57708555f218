"""A writer model on loopback: every planted fault is counted under its name, and a killed call loses nothing.

The graph is made here. The server recognises a patient by the findings in the prompt.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from scripted_teacher import Teacher

from evalsuite.cli import main
from training.data.manifest import read_manifest, verify

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
COUNT, SEED = 40, 3
SYLLABLES = ["ba", "cor", "dul", "fen", "gim", "hax", "jor", "kel", "lum", "mip", "nod", "pel", "qua", "rit", "sov"]
SIGNS = [f"{one}{other}ia" for one in SYLLABLES[:6] for other in SYLLABLES[6:12]]
DISEASES = [f"{one}{other}osis" for one in SYLLABLES[8:] for other in SYLLABLES[:4]]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """28 diseases, each with a synonym and some of 36 signs, among many others that have a sign of their own."""
    folder, draw = tmp_path_factory.mktemp("graph") / "own", random.Random(5)
    folder.mkdir()
    nodes, rows = ["id\ttype\tname\tsynonyms"], ["subject\tsubject_type\trelation\tobject\tobject_type\tfrequency"]
    nodes += [f"S:{number}\tsign\t{sign}\t" for number, sign in enumerate(SIGNS)]
    for number, disease in enumerate(DISEASES):
        nodes.append(f"D:{number}\tdisease\t{disease}\tMorbus {disease[:-4]}eri")
        signs = draw.sample(range(len(SIGNS)), 7)
        rows += [f"D:{number}\tdisease\thas_symptom\tS:{sign}\tsign\t19/20" for sign in signs]
    rows += [f"D:{number}\tdisease\thas_symptom\tmalaise\tsign\t" for number in range(100, 200)]
    (folder / "nodes.tsv").write_text("\n".join(nodes) + "\n")
    (folder / "triples.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def templates(graph, tmp_path_factory):
    """The questions without a writer."""
    out = tmp_path_factory.mktemp("templates") / "out"
    assert main(command(graph, out)) == 0
    return out


def command(graph, out):
    options = ["--n", str(COUNT), "--seed", str(SEED), "--shapes", "diagnosis", "--out", str(out)]
    return ["train", "synthesize", "--graph", str(graph), *options]


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def good(signs, disease):
    return f"A patient presents with {', '.join(signs[:-1])} and {signs[-1]}."


FAULTS = {
    "finding_lost": lambda signs, disease: good(signs[1:], disease),
    "finding_added": lambda signs, disease: good([*signs, next(each for each in SIGNS if each not in signs)], disease),
    "option_named": lambda signs, disease: f"{good(signs, disease)} It is Morbus {disease[:-4]}eri.",
    "disease_or_gene": lambda signs, disease: f"{good(signs, disease)} Malaria was considered, as was OTHER.",
    "refusal": lambda signs, disease: f"I'm sorry, but I can't write about {', '.join(signs)}.",
    "not_prose": lambda signs, disease: json.dumps({"vignette": good(signs, disease), "more": []})[:-12],
    "cut_short": lambda signs, disease: {"content": good(signs, disease)[:-1], "finish": "length"},
    "empty_reply": lambda signs, disease: "<think>There is nothing that I could write.",
    "denial": lambda signs, disease: f"{good(signs, disease)} There is no rash.",
    "person_or_number": lambda signs, disease: good(signs, disease).replace("A patient", "A man of 40"),
}


class WriterModel(Teacher):
    """Answers by the findings in a prompt. `hanging`: for which items it never answers."""

    def __init__(self, templates, hanging=()):
        super().__init__({})
        names = {f"S:{number}": name for number, name in enumerate(SIGNS)}
        items = {row["id"]: row for row in lines(templates / "synthetic" / "items.jsonl")}
        self.hanging, self.patients = set(hanging), {}
        for number, proof in enumerate(lines(templates / "proofs.jsonl")):
            signs = [names[row[2]] for row in proof["stated"]]
            options = items[proof["item"]]["options"]
            other = next(each for each in DISEASES if each not in json.dumps(options))
            fault = list(FAULTS)[number // 2] if number % 2 and number // 2 < len(FAULTS) else None
            self.patients[frozenset(signs)] = proof["item"], signs, DISEASES[int(proof["answer"][2:])], fault, other

    def arguments(self):
        return ["--writer", "openai/scripted", *super().arguments()[2:]]

    def expected(self):
        return {item: fault for item, _, _, fault, _ in self.patients.values()}

    def reply(self, body):
        found = re.search(r"exactly these findings: (.*?)\.\n", body["messages"][-1]["content"])
        if found is None:
            return {"content": "ok"}
        item, signs, disease, fault, other = self.patients[frozenset(found[1].split("; "))]
        with self._lock:
            self.requested[item] += 1
        if item in self.hanging:
            return "hang"
        with self._lock:
            self.answered[item] += 1
        text = FAULTS[fault](signs, disease) if fault else f"<think>{disease}?</think>\n{good(signs, disease)}"
        return dict(text) if isinstance(text, dict) else {"content": text.replace("OTHER", other)}


def content(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "requests" not in file.parts
    }


def test_every_planted_fault_is_counted_and_leaves_the_template(graph, templates, tmp_path, capsys):
    out = tmp_path / "out"
    with WriterModel(templates) as model:
        assert main([*command(graph, out), *model.arguments()]) == 0
    before = {row["id"]: row for row in lines(templates / "synthetic" / "items.jsonl")}
    after = {row["id"]: row for row in lines(out / "synthetic" / "items.jsonl")}
    refused = {row["item"]: row["reason"] for row in lines(out / "refused_vignettes.jsonl")}
    assert refused == {item: fault for item, fault in model.expected().items() if fault}
    assert sorted(refused.values()) == sorted(FAULTS)
    for item, row in after.items():
        taken = row["question"].startswith("A patient presents with ")
        assert taken is (item not in refused)
        assert row == before[item] | ({"question": row["question"]} if taken else {})
    named = {name for row in lines(out / "proofs.jsonl") for name in row["names"].items()}
    assert named >= {(f"D:{number}", name) for number, name in enumerate(DISEASES) if f"D:{number}" in dict(named)}
    assert ("S:0", SIGNS[0]) in named
    assert (out / "proofs.jsonl").read_bytes() == (templates / "proofs.jsonl").read_bytes()
    facts = verify(out).made_by["vignettes"]
    assert facts["refused"] == dict.fromkeys(sorted(FAULTS), 1)
    assert (facts["model"], facts["written"]) == ("openai/scripted", COUNT - len(FAULTS))
    assert f"written {COUNT - len(FAULTS)}" in capsys.readouterr().out
    assert set(model.requested.values()) == {1}


def start(graph, model, out):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    arguments = [*command(graph, out), *model.arguments(), "--concurrency", "1"]
    return subprocess.Popen([sys.executable, "-m", "evalsuite", *arguments], env=environment, stdout=subprocess.DEVNULL)


def test_a_killed_call_goes_on_where_it_stopped_and_gives_the_same_bytes(graph, templates, tmp_path):
    with WriterModel(templates) as model:
        items = list(model.expected())
        for item in (items[2], items[-1]):
            model.hanging, model.hung = {item}, threading.Event()
            process = start(graph, model, tmp_path / "killed" / "out")
            assert model.hung.wait(60)
            process.kill()
            process.wait()
            assert not (tmp_path / "killed" / "out" / "manifest.json").exists()
        model.hanging, arguments = set(), [*model.arguments(), "--concurrency", "1"]
        killed, whole = tmp_path / "killed" / "out", tmp_path / "whole" / "out"
        assert main([*command(graph, killed), *arguments]) == 0
        assert set(model.answered) == set(items) and set(model.answered.values()) == {1}
        assert main([*command(graph, whole), *arguments]) == 0
        assert content(killed) == content(whole)
        # The same command once more sends nothing; another one leaves the folder alone.
        assert main([*command(graph, whole), *arguments]) == 0
        assert set(model.answered.values()) == {2}
        assert main([*command(graph, whole), *arguments, "--seed", "4"]) == 2
        assert main(command(graph, whole)) == 2
        assert content(killed) == content(whole)


def test_a_server_that_hangs_leaves_the_template_until_it_answers(graph, templates, tmp_path):
    out = tmp_path / "out"
    with WriterModel(templates) as model:
        hanging = next(iter(model.expected()))
        model.hanging = {hanging}
        arguments = [*command(graph, out), *model.arguments(), "--model-arg", "timeout=1"]
        assert main(arguments) == 1
        assert read_manifest(out).made_by["vignettes"]["refused"]["no_response"] == 1
        model.hanging = set()
        model.released.set()
        assert main(arguments) == 0
    assert set(model.answered.values()) == {1}
    assert "no_response" not in verify(out).made_by["vignettes"]["refused"]
