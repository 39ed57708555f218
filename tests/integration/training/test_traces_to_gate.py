"""From a graph to a trained model: questions, traces of a scripted teacher, an sft stage on them, its gate."""

import json

import mini
import pytest
from scripted_teacher import Teacher, answer

from evalsuite.cli import main

pytestmark = pytest.mark.integration

CHAPTER = """<chapter><name>{0}</name><desc>Chapter {0}</desc>
<section id="{1}00-{1}09"><desc>Block</desc>{2}</section></chapter>"""
CODE = "<diag><name>{}</name><desc>name {}</desc></diag>"
WORDS = ("ague", "dropsy", "quinsy", "scurvy", "rickets", "yaws", "croup", "gout", "mumps", "lupus")
LETTERS = "ABCDEFGH"
WRONG = 8
"""Questions that the teacher answers wrong."""


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Questions for the codes of 80 invented diseases, drawn from a graph of two files."""
    home = tmp_path_factory.mktemp("graph")
    chapters = [
        CHAPTER.format(number, letter, "".join(CODE.format(f"{letter}{at:02}", at) for at in range(len(WORDS))))
        for number, letter in enumerate(LETTERS, 1)
    ]
    xml = f"<ICD10CM.tabular><version>2026</version>{''.join(chapters)}</ICD10CM.tabular>"
    (home / "tabular.xml").write_text(xml, "utf-8")
    terms = [
        f"[Term]\nid: DOID:{letter}{at}\nname: {word}{letter.lower()}itis\nxref: ICD10CM:{letter}{at:02}\n"
        for letter in LETTERS
        for at, word in enumerate(WORDS)
    ]
    (home / "own.obo").write_text("format-version: 1.2\nontology: own\n\n" + "\n".join(terms), "utf-8")
    graphs = [f"--graph={home / name}" for name in ("own.obo", "tabular.xml")]
    assert (
        main(["train", "synthesize", *graphs, "--shapes", "code", "--n", "80", "--out", str(home / "questions")]) == 0
    )
    return home / "questions"


def test_traces_of_synthesised_questions_train_a_stage_that_its_gate_promotes(questions, tasks, data, tmp_path):
    items = [json.loads(line) for line in (questions / "synthetic/items.jsonl").read_text().splitlines()]
    gold = {item["question"]: item["answer"] for item in items}
    wrong = set(list(gold)[:WRONG])

    def reply(text, number):
        label = gold[text] if text not in wrong else "ABCDE"["BCDEA".index(gold[text])]
        return {"content": f"It fits.\n{answer(label)}"}

    (tmp_path / "filters.yaml").write_text("least_words: 1\n")
    options = ["--student", "none", "--filters", str(tmp_path / "filters.yaml"), "--out", str(tmp_path / "data/made")]
    with Teacher(dict.fromkeys(gold, reply), r"\A(.*)\n") as teacher:
        assert main(["train", "traces", str(questions), *teacher.arguments(), *options]) == 0
    manifest = tmp_path / "data/made/manifest.json"
    assert main(["train", "verify", str(manifest)]) == 0
    stated = json.loads(manifest.read_text())
    assert {each["name"]: (each["kept"], each["dropped"]) for each in stated["filters"]} == {
        "wrong_answer": (len(gold) - WRONG, WRONG)
    }
    assert list(stated["sources"]) == ["questions"]
    (tmp_path / "data/base").symlink_to(data / "base")
    batch = {"sequences": 8, "length": 512}
    gate = {"gains": {mini.TASK: 0.05}}
    stage = mini.stage("sft", "made", "made", 3e-3, batch=batch, epochs=3, gate=gate)
    recipe = mini.write_recipe(tmp_path / "recipe.yaml", [stage])
    ended = mini.training("run", recipe, "--data", tmp_path / "data", "--out", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 0, ended.stderr
    decision = json.loads((tmp_path / "run/stages/1-made/gate.json").read_text())
    assert decision["promoted"]
    assert json.loads((tmp_path / "run/stages/1-made/manifest.json").read_text())["made_by"] == stated["made_by"]
