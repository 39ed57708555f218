"""The agent that reads a wiki, with a scripted model on loopback: every fault planted is caught under its own name.

The wiki is made here, in export schema 0.11; each article is read by one request, and the server answers by its title.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evalsuite.cli import main
from training.synthesis.graph import Polarity, read_graph

pytest.importorskip("mwparserfromhell")
ROOT = Path(__file__).parents[3]
SENTENCES = "{name} shows itself by blue palms. {name} does not cause night glow. {name} is thought to cause echo."


def article(name, kind="medical condition", text=SENTENCES):
    return f"""<page><title>{name}</title><ns>0</ns><id>{len(name)}</id><revision><id>7</id>
<timestamp>2026-05-01T00:00:00Z</timestamp><contributor><ip>::1</ip></contributor><origin>7</origin>
<model>wikitext</model><format>text/x-wiki</format><text bytes="1" sha1="x">{{{{Infobox {kind}|name={name}}}}}
{text.format(name=name)}</text><sha1>x</sha1></revision></page>
"""


def dump(names):
    head = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">'
    head += "<siteinfo><sitename>Wikipedia</sitename><dbname>testwiki</dbname></siteinfo>\n"
    signs = (article(name, "symptom", "A sign.") for name in ("Blue palms", "Night glow", "Echo"))
    return head + "".join(signs) + "".join(map(article, names)) + "</mediawiki>\n"


def relation(name, **changed):
    entry = {"subject": name, "relation": "has_sign", "object": "blue palms", "negated": False}
    return entry | {"evidence": f"{name} shows itself by blue palms."} | changed


def reply(*entries):
    return json.dumps({"relations": entries})


GOOD = {
    "Amber fever": lambda name: reply(relation(name)),
    "Basalt fever": lambda name: f"Here they are:\n```json\n{reply(relation(name))}\n```\n",
    "Chalk fever": lambda name: f"<think>{{is it}}?</think>{reply(relation(name, relation='presents_with'))}",
}


def denied(name, **changed):
    text = f"{name} does not cause night glow."
    return relation(name, **({"object": "night glow", "negated": True, "evidence": text} | changed))


def invented(name):
    return reply(relation(name, evidence=f"{name} brings blue palms."))


def supposed(name):
    return relation(name, object="echo", evidence=f"{name} is thought to cause echo.")


def two_sentences(name):
    return reply(relation(name, evidence=SENTENCES.format(name=name).rpartition(" " + name)[0]))


FAULTS = {
    "Dune fever": ("no_evidence", lambda name: reply(relation(name, evidence=" "))),
    "Ember fever": ("unknown_entity", lambda name: reply(relation(name, object="green toes"))),
    "Fen fever": ("evidence_lacks_object", lambda name: reply(relation(name, object="night glow"))),
    "Gravel fever": ("evidence_lacks_subject", lambda name: reply(relation(name, subject="Amber fever"))),
    "Heath fever": ("refusal", lambda name: "I'm sorry, but I can't help with medical content."),
    "Inlet fever": ("half_json", lambda name: reply(relation(name))[:60]),
    "Jade fever": ("unknown_relation", lambda name: reply(relation(name, relation="is_nice_to"))),
    "Kelp fever": ("evidence_not_in_passage", invented),
    "Lava fever": ("negated_sentence", lambda name: reply(denied(name, negated=False))),
    "Moss fever": ("negated_sentence", lambda name: reply(denied(name, negated=False, relation="presents_with"))),
    "Nook fever": ("only_supposed", lambda name: reply(supposed(name))),
    "Opal fever": ("wrong_type", lambda name: reply(relation(name, relation="treats"))),
    "Peat fever": ("denial_not_stated", lambda name: reply(relation(name, negated=True))),
    "Quartz fever": ("no_json", lambda name: "There are none."),
    "Reed fever": ("malformed_entry", lambda name: reply(relation(name, negated="no"))),
    "Sand fever": ("malformed_json", lambda name: reply(relation(name)).replace('"relation":', '"subject":')),
    "Tide fever": ("unexpected_json", lambda name: json.dumps({"answer": relation(name)})),
    "Umber fever": ("evidence_of_several_sentences", two_sentences),
    "Vale fever": ("same_entity", lambda name: reply(relation(name, object=name))),
    "Willow fever": ("empty_reply", lambda name: "<think>nothing comes of this"),
}
HANGS = "Zinc fever"
ANSWERS = {**GOOD, **{name: text for name, (_, text) in FAULTS.items()}, "Yew fever": lambda name: reply(denied(name))}
ANSWERS[HANGS] = GOOD["Amber fever"]


class Model:
    """A server that answers by the article's title. `hanging` says for which titles it never answers."""

    def __init__(self, hanging=()):
        self.hanging, self.asked, self.answered = set(hanging), Counter(), Counter()
        self.hung, self._released = threading.Event(), threading.Event()

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def arguments(self):
        return ["--model", "openai/scripted", "--base-url", f"http://127.0.0.1:{self._server.server_port}/v1"]

    def text(self, prompt):
        found = re.search(r"^Article: (.*)$", prompt, re.MULTILINE)
        if found is None:
            return "ok"
        self.asked[found[1]] += 1
        if found[1] in self.hanging:
            self.hung.set()
            self._released.wait(60)
            return None
        self.answered[found[1]] += 1
        return ANSWERS[found[1]](found[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._send({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = self.model.text(body["messages"][-1]["content"])
        if text is None:
            self.close_connection = True
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        facts = {"id": "x", "object": "chat.completion", "created": 0, "model": "scripted"}
        self._send(facts | {"choices": [choice]})

    def _send(self, content):
        payload = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def wiki(tmp_path_factory):
    path = tmp_path_factory.mktemp("wiki") / "testwiki-20260501-pages-articles.xml"
    path.write_text(dump(ANSWERS), encoding="utf-8")
    return path


def refused(folder):
    rows = [json.loads(line) for line in (folder / "refused.jsonl").read_text("utf-8").splitlines()]
    return {(row["page"], row["reason"]) for row in rows}


def test_every_planted_fault_is_refused_under_its_name(wiki, tmp_path):
    with Model() as model:
        assert main(["train", "wiki", str(wiki), *model.arguments(), "--out", str(tmp_path / "out")]) == 0
    assert set(model.asked) == set(ANSWERS) and set(model.asked.values()) == {1}
    assert refused(tmp_path / "out") == {(name, reason) for name, (reason, _) in FAULTS.items()}
    graph = read_graph([tmp_path / "out" / "triples.tsv", tmp_path / "out" / "nodes.tsv"])
    edges = [graph.edge(number) for number in range(graph.edge_count)]
    read = {(graph.name(each.subject), graph.name(each.object), each.polarity) for each in edges}
    assert read == {
        *((name, "Blue palms", Polarity.PRESENT) for name in (*GOOD, HANGS)),
        ("Yew fever", "Night glow", Polarity.EXCLUDED),
    }
    assert all(each.evidence in SENTENCES.format(name=graph.name(each.subject)) for each in edges)
    assert {each.references[1:] for each in edges} == {
        ("revision 7", "2026-05-01T00:00:00Z", "section: lead", "model openai/scripted")
    }
    again = [*model.arguments(), "--out", str(tmp_path / "out")]
    files = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("*.*")}
    with Model() as other:
        again[3] = other.arguments()[3]
        assert main(["train", "wiki", str(wiki), *again]) == 0
    assert not other.asked
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").glob("*.*")} == files


def start(wiki, model, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "evalsuite", "train", "wiki", wiki, *model.arguments(), "--out", folder]
    return subprocess.Popen([*map(str, command), "--concurrency", "1"], env=environment, stdout=subprocess.DEVNULL)


def test_a_killed_reading_goes_on_where_it_stopped(wiki, tmp_path):
    titles = list(ANSWERS)
    with Model() as model:
        for title in (titles[3], titles[12], titles[-1]):
            model.hanging, model.hung = {title}, threading.Event()
            process = start(wiki, model, tmp_path / "killed")
            assert model.hung.wait(60)
            process.kill()
            process.wait()
        model.hanging = set()
        assert start(wiki, model, tmp_path / "killed").wait() == 0
        # What the server was still to answer when the process was killed has no response; all else is asked once.
        assert set(model.answered) == set(titles) and set(model.answered.values()) == {1}
        assert start(wiki, model, tmp_path / "whole").wait() == 0
    for name in ("nodes.tsv", "triples.tsv", "refused.jsonl", "articles.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_server_that_hangs_leaves_its_passage_without_a_response(wiki, tmp_path):
    arguments = ["--model-arg", "timeout=1", "--out", str(tmp_path / "out")]
    with Model({HANGS}) as model:
        assert main(["train", "wiki", str(wiki), *model.arguments(), *arguments]) == 1
        assert (HANGS, "no_response") in refused(tmp_path / "out")
        model.hanging = set()
        assert main(["train", "wiki", str(wiki), *model.arguments(), *arguments]) == 0
    assert set(model.answered.values()) == {1}
    assert (HANGS, "no_response") not in refused(tmp_path / "out")
