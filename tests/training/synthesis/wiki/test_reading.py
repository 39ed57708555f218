"""The whole way from the small wiki to tables: what its infoboxes and links state, and what is refused by name."""

import json
import shutil

import pytest

from evalsuite.cli import main
from evalsuite.errors import ErrorCode
from tests.training.synthesis.wiki.small_wiki import PAGES, REDIRECTS, dump
from training.synthesis.graph import NodeType, Relation, read_graph
from training.synthesis.graph.linking import Linker

pytest.importorskip("mwparserfromhell")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wiki")
    file = folder / "testwiki-20260501-pages-articles.xml"
    file.write_text(dump(), "utf-8")
    assert main(["train", "wiki", str(file), "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def graph(out):
    return read_graph([out])


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def stated(graph, relation):
    edges = [graph.edge(number) for number in range(graph.edge_count)]
    return {(graph.name(each.subject), graph.name(each.object)) for each in edges if each.relation == relation}


@pytest.mark.parametrize(
    ("relation", "pairs"),
    [
        (
            Relation.HAS_SIGN,
            {
                ("Karst fever", "Night glow"),
                ("Karst fever", "Tunnel cough"),
                ("Loam ague", "Blue palms"),
                ("Loam ague", "Night glow"),
            },
        ),
        (
            Relation.CAUSED_BY,
            {("Karst fever", "Limnobacter karstii"), ("Loam ague", "Candle smoke"), ("Blue palms", "Loam ague")},
        ),
        (Relation.TREATS, {("Calcidol", "Karst fever")}),
        (Relation.RESULTS_IN, {("Karst fever", "Stone lung")}),
        (Relation.DIAGNOSED_BY, {("Karst fever", "Drip test")}),
        (Relation.HAS_CODE, {("Karst fever", "Z99"), ("Karst fever", "Z98.7")}),
        ("has_risk_factor", {("Karst fever", "Candle smoke")}),
        ("differential_diagnosis", {("Karst fever", "Loam ague")}),
        (
            "links_to",
            {
                ("Karst fever", "Limnobacter karstii"),
                ("Karst fever", "Calcidol"),
                ("Karst fever", "Night glow"),
            },
        ),
    ],
)
def test_fields_and_links_become_edges(graph, relation, pairs):
    assert stated(graph, relation) == pairs


def test_each_edge_says_where_it_stands_and_under_which_terms(graph):
    for edge in map(graph.edge, range(graph.edge_count)):
        title, revision, timestamp, place = edge.references
        assert title in PAGES and revision.startswith("revision 90") and timestamp.startswith("2026-05-")
        assert place.split(":")[0] in ("infobox", "section")
        assert edge.source.licence == "CC BY-SA 4.0" and edge.source.attribution and edge.source.release == "20260501"


def test_redirects_are_synonyms_unless_they_lead_to_a_part(graph):
    karst = graph.find("testwiki:Karst_fever")
    names = {each.text for each in graph.names(karst)}
    assert names == {"Karst fever", "Cave fever", "KF", "Cave ague", "limestone fever"}
    assert graph.type(karst) == NodeType.DISEASE and set(graph.xrefs(karst)) >= {"OMIM:999001", "MESH:D999001"}
    assert Linker(graph).link("nyctophosphoria") == (graph.find("testwiki:Night_glow"),)
    # Several ids of one vocabulary are those of kinds of the disease.
    assert graph.xrefs(graph.find("testwiki:Loam_ague")) == ("testwiki:Loam_ague",)


def test_disambiguations_talk_and_pages_that_are_not_medical_are_no_entities(graph):
    named = {graph.name(number) for number in range(len(graph))}
    assert not named & {"Echo", "Candle", "Talk:Karst fever", "Karst fever.css", "Humming", "Speleology fever clinic"}


def test_what_a_field_says_beyond_a_link_is_refused_by_name(out):
    refused = rows(out / "refused.jsonl")
    found = {(each["place"].removeprefix("infobox: "), each["content"]): each["reason"] for each in refused}
    assert found == {
        ("symptoms", "no Blue palms"): "link_with_further_words",
        ("symptoms", "Marble gait in children"): "link_with_further_words",
        ("diagnosis", "see lamp method"): "link_with_further_words",
        ("symptoms", "Echo"): "disambiguation",
        ("symptoms", "Humming"): "redirect_to_part",
        ("symptoms", "sleeplessness"): "unlinked_text",
        ("treatment", "rest"): "unlinked_text",
        ("treatment", "?"): "unreadable_markup",
    }


def test_the_manifest_counts_and_its_checksums_hold(out):
    assert main(["train", "verify", str(out / "manifest.json")]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["licence"] == "CC BY-SA 4.0"
    counts = manifest["made_by"]["counts"]
    assert counts["pages"] == len(PAGES) + len(REDIRECTS) and counts["redirects"] == len(REDIRECTS)
    assert counts["articles"] == 8 and counts["disambiguation pages"] == 1
    assert {each["name"]: each["dropped"] for each in manifest["filters"]}["link_with_further_words"] == 3
    assert {row["title"]: row["revision"] for row in rows(out / "articles.jsonl")}["Karst fever"] == "9001"


def test_the_same_dump_gives_the_same_bytes_and_a_full_folder_is_refused(out, tmp_path):
    dumped = next(out.parent.glob("*.xml"))
    assert main(["train", "wiki", str(dumped), "--out", str(tmp_path / "again")]) == 0
    for file in out.glob("*.*l*"):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    assert main(["train", "wiki", str(dumped), "--out", str(out)]) == 2


def test_a_folder_of_articles_gives_the_same_edges(out, graph, tmp_path, capsys):
    for title, text in {**PAGES, **REDIRECTS}.items():
        (tmp_path / "pages").mkdir(exist_ok=True)
        (tmp_path / "pages" / f"{title}.wikitext").write_text(text, "utf-8")
    arguments = ["train", "wiki", str(tmp_path / "pages"), "--licence", "CC BY-SA 4.0"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    other = read_graph([tmp_path / "out" / "nodes.tsv", tmp_path / "out" / "triples.tsv"])
    for relation in (Relation.HAS_SIGN, Relation.CAUSED_BY, Relation.TREATS):
        assert stated(other, relation) == stated(graph, relation)


def test_text_and_markdown_are_read_with_the_names_of_a_graph(out, tmp_path, capsys):
    folder = tmp_path / "pages"
    folder.mkdir()
    text = "# On caves\n\n## Fevers\n\n**Karst fever** brings [night glow](x.md) in 2–4 days.\n"
    (folder / "On_caves.md").write_text(text, "utf-8")
    (folder / "More.txt").write_text("Loam ague brings blue palms.\n\nNothing here.")
    tables = ["--graph", str(out / "nodes.tsv"), "--graph", str(out / "triples.tsv")]
    assert main(["train", "wiki", str(folder), *tables, "--dry-run"]) == 0
    counts = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert counts["articles"] == "2" and counts["requests"] == "2" and counts["sentences"] == "3"
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_dump_is_read(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["train", "wiki", str(tmp_path / "absent.xml"), "--out"]
    assert main([*arguments, str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_NOT_WRITABLE}]")
    assert main([*arguments, str(tmp_path / "new" / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_bad_input_is_one_line_and_exit_code_2(out, tmp_path, capsys):
    whole = next(out.parent.glob("*.xml")).read_text("utf-8")
    short = tmp_path / "short.xml"
    short.write_text(whole[: len(whole) // 2], "utf-8")
    arguments = ["train", "wiki", str(short), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and f"{short}:{short.read_text().count(chr(10)) + 1}:" in said[0] and "--skip-bad" in said[0]
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--skip-bad"]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["made_by"]["left_out"]["count"] == 1
    assert read_graph([tmp_path / "out" / "triples.tsv"]).edge_count > 5
    for wrong in (tmp_path / "absent.xml", shutil.copytree(tmp_path / "out", tmp_path / "copy") / "requests"):
        assert main(["train", "wiki", str(wrong), "--out", str(tmp_path / "other")]) == 2


def test_links_in_a_folder_of_articles_are_counted_and_not_followed(tmp_path, capsys):
    articles, outside = tmp_path / "articles", tmp_path / "outside"
    for folder in (articles, outside):
        folder.mkdir()
        (folder / f"{folder.name}.txt").write_text("Ague is a disease.")
    (articles / "file.txt").symlink_to(outside / "outside.txt")
    (articles / "folder").symlink_to(outside, target_is_directory=True)
    assert main(["train", "wiki", str(articles), "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "pages: 1\n" in shown.out and "links, which are not followed: 2\n" in shown.out
    assert all(str(articles / name) in shown.err for name in ("file.txt", "folder"))
