"""Corpus frequencies: counted in texts, dumps and JSON lines, read from tables, and what they do to the sampling."""

import bz2
import gzip
import json

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode
from tests.training.synthesis.wiki.small_wiki import dump
from training.synthesis.graph import read_graph
from training.synthesis.mentions.table import read_mentions
from training.synthesis.questions.source import QuestionSource, Weights

NODES = """id\ttype\tname\tsynonyms
X:1\tdisease\tKarst fever\tcave ague|KF
X:2\tdisease\tLoam ague\t
Y:2\tdisease\tLoam ague\t
X:3\tsign\tNight glow\tglow
X:4\tsign\tDay glow\tglow
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "nodes.tsv"
    path.write_text(NODES)
    return path


@pytest.fixture
def graph(table):
    return read_graph([table])


def counted(path, graph):
    return {graph.name(graph.find(each)): count for each, count in read_mentions(path, graph).counts.items()}


def test_names_synonyms_and_abbreviations_are_counted_in_every_kind_of_corpus(table, graph, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text("Karst fever and cave agues. A KF is no kf.\nGlow is ambiguous.\n\nLoam ague")
    (corpus / "b.jsonl.gz").write_bytes(
        gzip.compress(b'{"text": "Night glow in karst fever."}\n{"text": "day glow"}\n')
    )
    (corpus / "c.md.bz2").write_bytes(bz2.compress(b"Loam ague") + bz2.compress(b"s again"))
    (corpus / "ignored.csv").write_text("Karst fever")
    out = tmp_path / "mentions.tsv"
    assert main(["train", "mentions", str(corpus), "--graph", str(table), "--out", str(out)]) == 0
    assert counted(out, graph) == {"Karst fever": 4, "Loam ague": 2, "Night glow": 1, "Day glow": 1}
    assert "several nodes bear, counted for none: 1\n" in out.read_text()


def test_a_dump_is_a_corpus(table, graph, tmp_path):
    (tmp_path / "w.xml.bz2").write_bytes(bz2.compress(dump().encode()))
    out = tmp_path / "mentions.tsv"
    assert main(["train", "mentions", str(tmp_path / "w.xml.bz2"), "--graph", str(table), "--out", str(out)]) == 0
    assert counted(out, graph)["Karst fever"] > counted(out, graph)["Loam ague"] > 3


@pytest.mark.parametrize(
    "text",
    [
        "X:1\t7\nLoam ague\t2\ncave ague\t1\nnobody\t9\nglow\t5\n",
        "name\tcount\nKarst fever\t8\nX:2\t1\nY:2\t1\n",
        "# comment\n\ncount\tother\tid\n8\tx\tX:1\n2\ty\tX:2\n",
    ],
)
def test_rows_name_nodes_by_id_or_name_and_are_added_up(graph, tmp_path, text):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    assert counted(path, graph) == {"Karst fever": 8, "Loam ague": 2}


def test_what_names_no_node_or_several_is_counted(graph, tmp_path):
    path = tmp_path / "m.tsv"
    path.write_text("X:1\t7\nnobody\t9\nglow\t5\n")
    facts = read_mentions(path, graph).facts
    assert (facts["rows"], facts["unknown"], facts["ambiguous"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("X:1\t7\nX:2\t-1\n", 2),
        ("X:1\t7\nX:2\t1.5\n", 2),
        ("X:1\t7\nX:2\t\n", 2),
        ("X:1\t7\nX:2\t99999999999999999\n", 2),
        ("id\tcount\nX:1\t7\nX:2\t٣\n", 3),
        ("X:1\t7\nX:2\t1\t2\n", 2),
        ("id\tname\tsomething\nX:1\tx\t7\n", 1),
        ("id\tname\nX:1\tx\n", 1),
    ],
)
def test_a_broken_table_names_its_line(graph, tmp_path, text, line):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_mentions(path, graph)
    assert str(error.value).startswith(f"{path}:{line}:") and error.value.code == ErrorCode.DATA_MALFORMED
    if line > 1:
        assert read_mentions(path, graph, skip_bad=True).facts["left_out"] == 1


@pytest.mark.parametrize("text", ["", "nobody\t4\n", "id\tcount\n"])
def test_a_table_without_any_node_of_the_graph_is_refused(graph, tmp_path, text):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_mentions(path, graph, skip_bad=True)
    assert error.value.code == ErrorCode.DATA_MALFORMED


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', 2),
        ("a.jsonl", b'{"text": "x"}\n{"other": "x"}\n', 2),
        ("a.txt", b"fine\nno \xff text\n", 2),
        ("a.txt.gz", gzip.compress(b"Karst fever\n" * 10, mtime=0)[:-5], None),
        ("a.xml", dump().encode()[:5000], None),
    ],
)
def test_a_broken_corpus_is_one_line(table, tmp_path, capsys, name, content, line):
    (tmp_path / name).write_bytes(content)
    arguments = ["train", "mentions", str(tmp_path / name), "--graph", str(table), "--out", str(tmp_path / "o.tsv")]
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and f"{tmp_path / name}:{line or ''}" in said[0]
    assert not (tmp_path / "o.tsv").exists()
    assert main([*arguments, "--skip-bad"]) == 0


def test_a_table_never_replaces_a_file(table, tmp_path, capsys):
    corpus = tmp_path / "a.txt"
    corpus.write_text("Karst fever")
    for out in (table, corpus):
        before = out.read_bytes()
        assert main(["train", "mentions", str(corpus), "--graph", str(table), "--out", str(out)]) == 2
        assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_EXISTS}]")
        assert out.read_bytes() == before
    assert main(["train", "mentions", str(corpus), "--graph", str(table), "--out", str(corpus / "m.tsv")]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_NOT_WRITABLE}]")
    new = tmp_path / "new" / "m.tsv"
    assert main(["train", "mentions", str(corpus), "--graph", str(table), "--out", str(new)]) == 0
    assert new.exists()


def test_a_file_counts_once_and_an_empty_corpus_is_refused(table, tmp_path, capsys):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("Karst fever")
    (tmp_path / "b.txt").symlink_to(folder / "a.txt")
    (tmp_path / "empty.jsonl").write_text("")
    command = ["train", "mentions", "--graph", str(table), "--out", str(tmp_path / "m.tsv")]
    for corpus, code in (
        ([folder, folder / "a.txt"], ErrorCode.CONFLICTING_ARGUMENTS),
        ([folder, tmp_path / "b.txt"], ErrorCode.CONFLICTING_ARGUMENTS),
        ([tmp_path / "empty.jsonl"], ErrorCode.DATA_NOT_FOUND),
    ):
        assert main([*command, *map(str, corpus)]) == 2
        assert capsys.readouterr().err.rstrip().endswith(f"[{code}]")
    assert not (tmp_path / "m.tsv").exists()


def test_an_absent_table_is_named_with_its_option(graph, tmp_path):
    with pytest.raises(DataError, match="`mentions`") as error:
        read_mentions(tmp_path / "absent.tsv", graph)
    assert error.value.code == ErrorCode.DATA_NOT_FOUND


def test_what_a_corpus_names_often_is_drawn_less(graph):
    plain, informed = (QuestionSource(graph, Weights(), given) for given in (None, {"X:1": 8}))
    first, second = graph.find("X:1"), graph.find("X:2")
    assert plain.weight(first) == plain.weight(second)
    assert informed.weight(first) == pytest.approx(plain.weight(first) / 3)
    assert informed.weight(second) == plain.weight(second)


@pytest.mark.integration
def test_questions_turn_to_what_the_table_does_not_name(hpo, tmp_path):
    named = {hpo.node(number).id for number in hpo.of_type("disease").tolist()[::2]}
    (tmp_path / "m.tsv").write_text("".join(f"{each}\t100000000\n" for each in sorted(named)))
    command = ["train", "synthesize", "--graph", "hpo", "--n", "60", "--shapes", "diagnosis"]
    assert main([*command, "--mentions", str(tmp_path / "m.tsv"), "--out", str(tmp_path / "out")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "proofs.jsonl").read_text().splitlines()]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["made_by"]["mentions"]["rows"] == len(named)
    # Without the table half of them would be.
    assert sum(row["answer"] in named for row in rows) < 0.1 * len(rows)


def test_links_in_a_folder_are_named_and_not_followed(tmp_path, capsys):
    graph = tmp_path / "own.tsv"
    graph.write_text("subject\tsubject_type\trelation\tobject\tobject_type\nague\tdisease\thas_symptom\tfever\tsign\n")
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    for folder in (corpus, outside):
        folder.mkdir()
        (folder / "a.txt").write_text("ague")
    (corpus / "file.txt").symlink_to(outside / "a.txt")
    (corpus / "folder").symlink_to(outside, target_is_directory=True)
    (corpus / "broken.txt").symlink_to(outside / "nothing.txt")
    out = tmp_path / "out.tsv"
    assert main(["train", "mentions", str(corpus), "--graph", str(graph), "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "1 mentions in 1 texts" in shown.out
    assert all(str(corpus / name) in shown.err for name in ("file.txt", "folder", "broken.txt"))
