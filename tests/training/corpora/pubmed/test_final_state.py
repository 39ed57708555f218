"""Files played in order: updates, versions, deletions, retractions, and files that aren't what they should be."""

import gzip
import random

import numpy as np
import pytest

from evalsuite.errors import DataError, ErrorCode
from tests.training.corpora.pubmed.dump_files import HEAD, citation, plain
from training.corpora.documents import BAD_INPUT, Deleted, Document, Refused
from training.corpora.readers.pubmed import PubmedDump, read_pubmed
from training.corpora.readers.pubmed.scan import scan
from training.corpora.readers.pubmed.xml_elements import MalformedError, elements


def text(pmid, words, version=1, **options):
    return citation(pmid, plain(words), version=version, **options)


def played(dump):
    """Return the documents' texts by id, the ids of deletions, and the reasons of refusals, each in order."""
    records = list(read_pubmed(dump.folder))
    documents = [each for each in records if isinstance(each, Document)]
    assert len({each.id for each in documents}) == len(documents)
    deleted = [each.id for each in records if isinstance(each, Deleted)]
    refused = [(each.reason, each.locator) for each in records if isinstance(each, Refused)]
    return {each.id: each.text for each in documents}, deleted, refused


def test_a_dump_with_updates(dump):
    dump.write(
        "baseline/pubmed26n0001.xml.gz", text(1, "one"), text(2, "two"), text(3, "three"), text(4, "four"),
        text(5, "five v1"),
        text(5, "five v2", version=2), text(6, "six"), text(7, "seven", refs=["RetractionIn"]),
    )  # fmt: skip
    dump.write("baseline/pubmed26n0002.xml.gz", text(10, "ten"), text(11, "eleven v2", version=2), text(12, "twelve"))
    dump.write("updatefiles/pubmed26n0003.xml.gz", text(2, "two, revised"), text(10, "ten, revised"), deleted=[3, 4])
    dump.write(
        "updatefiles/pubmed26n0010.xml.gz", text(4, "four again"), text(11, "eleven v1", version=1), deleted=[99]
    )
    dump.write(
        "updatefiles/pubmed26n0009.xml.gz", text(10, "ten, final"), text(6, "six", types=["Retracted Publication"]),
        text(7, "seven again"), deleted=[(5, 2), 12],
    )  # fmt: skip
    texts, deleted, refused = played(dump)
    assert texts == {
        "pubmed:1": "one",
        "pubmed:2": "two, revised",
        "pubmed:4": "four again",
        "pubmed:5": "five v1",
        "pubmed:7": "seven again",
        "pubmed:10": "ten, final",
        "pubmed:11": "eleven v2",
    }
    assert deleted == ["pubmed:3", "pubmed:12", "pubmed:99"]
    assert refused == [("retracted", "updatefiles/pubmed26n0009.xml.gz:22")]


def test_updates_come_after_the_baseline_whatever_their_names(dump):
    dump.write("updatefiles/a.xml", text(1, "new"))
    dump.write("baseline/b.xml", text(1, "old"))
    assert played(dump)[0] == {"pubmed:1": "new"}


def test_numbers_in_names_are_numbers(dump):
    dump.write("part-10.xml", text(1, "new"))
    dump.write("part-9.xml", text(1, "old"))
    assert played(dump)[0] == {"pubmed:1": "new"}


def test_a_single_file_is_a_dump(dump):
    path = dump.write("any name.xml", text(1, "one"), text(2, "two"), deleted=[2])
    [one, gone] = read_pubmed(path)
    assert (one.text, one.locator, gone.id) == ("one", "any name.xml:4", "pubmed:2")


def test_the_order_is_that_of_a_plain_simulation(dump):
    draw = random.Random(5)
    live = {}
    for number in range(1, 9):
        pairs = draw.sample([(pmid, version) for pmid in range(1, 13) for version in (1, 2, 3)], 9)
        gone = [*draw.sample(pairs, 2), (draw.randint(1, 12), draw.randint(1, 3))]
        dump.write(
            f"pubmed26n{number:04}.xml.gz",
            *(text(pmid, f"{number} {version}", version) for pmid, version in pairs),
            deleted=gone,
        )
        live |= {pair: f"{number} {pair[1]}" for pair in pairs}
        for pair in gone:
            live.pop(pair, None)
    expected = {f"pubmed:{pmid}": live[pmid, version] for pmid, version in sorted(live)}
    assert played(dump)[0] == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace("<PubmedArticleSet>", "<PubmedArticleSet><!-- <AuthorList> -->", 1),
        lambda content: content.replace("<PubmedArticleSet>", "<PubmedArticleSet><?go <MedlineCitation?>", 1),
        lambda content: content.replace("one", "<![CDATA[one]]>"),
        lambda content: content.replace('Version="1"', "Version='1'"),
        lambda content: content.replace('<PMID Version="1">', '<PMID\n  Version = "1" >'),
        lambda content: content.replace('<PMID Version="1">', "<PMID>"),
        lambda content: content.replace("<MedlineCitation ", "<MedlineCitation\n\t"),
        lambda content: content.replace('<PMID Version="1">1<', '<PMID Version="1">\n 001\n<'),
        lambda content: content.replace("<AuthorList", "<AuthorList Note='a>b'"),
        lambda content: content.replace('<AuthorList CompleteYN="Y">', '<AuthorList CompleteYN="Y"/><AuthorList>'),
        lambda content: content.replace("utf-8", "utf-16").encode("utf-16"),
        lambda content: content.replace(HEAD, ""),
        lambda content: content.replace("\n", "\r\n"),
        lambda content: content.replace("\n", ""),
    ],
    ids=range(14),
)
def test_other_ways_to_write_the_same(dump, change):
    deletion = '<DeleteCitation><PMID Version="1">9</PMID></DeleteCitation>'
    content = f"{HEAD}<PubmedArticleSet>\n{text(1, 'one')}{text(2, 'two')}{deletion}"
    dump.write_raw("a.xml.gz", change(content + "</PubmedArticleSet>"))
    texts, deleted, refused = played(dump)
    assert (texts, deleted, refused) == ({"pubmed:1": "one", "pubmed:2": "two"}, ["pubmed:9"], [])


def test_a_file_is_scanned_alike_by_its_tags_and_by_the_parser(dump):
    many = [citation(pmid, plain("x" * (pmid * 37 % 5000)), version=pmid % 3 + 1) for pmid in range(1, 400)]
    path = dump.write("regular.xml", *many, deleted=list(range(1000, 5000)))
    irregular = dump.write("irregular.xml", "<!-- a comment -->", *many, deleted=list(range(1000, 5000)))
    quick, parsed = scan(path), scan(irregular)
    assert (quick.regular, parsed.regular) == (True, False)
    np.testing.assert_array_equal(quick.written, parsed.written)
    np.testing.assert_array_equal(quick.deleted, parsed.deleted)
    assert len(quick.written) == 399
    assert len(quick.deleted) == 4000


def test_lines_count_what_is_not_read(dump):
    dump.write("a.xml", *(text(pmid, "a\nb\nc") for pmid in range(1, 5000)))
    lines = (dump.folder / "a.xml").read_text().splitlines()
    for document in read_pubmed(dump.folder):
        assert lines[int(document.locator.rpartition(":")[2]) - 1] == "<PubmedArticle>"


def test_a_pmid_twice_in_one_file_is_reported_and_the_last_one_counts(dump):
    dump.write("a.xml", text(1, "first"), text(2, "two"), text(1, "last"))
    assert played(dump) == ({"pubmed:1": "last", "pubmed:2": "two"}, [], [("doubled_id", "a.xml:4")])


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_a_file_that_is_cut_off(dump, name):
    draw = random.Random(0)
    path = dump.write(name, *(text(pmid, f"text {pmid} {draw.randbytes(20_000).hex()}") for pmid in range(1, 40)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    dump.write("b.xml", text(100, "whole"))
    texts, _, refused = played(dump)
    assert texts["pubmed:1"].startswith("text 1 ")
    assert texts["pubmed:100"] == "whole"
    assert 5 < len(texts) < 38
    assert [reason for reason, _ in refused] == ["truncated"]


def test_a_file_that_is_no_xml_in_the_middle(dump):
    broken = text(2, "two").replace("two", "a < b & c")
    dump.write("a.xml", text(1, "one"), broken, text(3, "three"))
    line = (dump.folder / "a.xml").read_text("utf-8").partition("a < b")[0].count("\n") + 1
    texts, _, refused = played(dump)
    assert texts == {"pubmed:1": "one"}
    assert refused == [("malformed", f"a.xml:{line}")]
    [damage] = [each for each in read_pubmed(dump.folder) if isinstance(each, Refused)]
    assert "2" in damage.detail


def test_an_element_that_is_not_read_and_has_no_end_joins_no_citations(dump):
    broken = text(2, "two").replace("</AuthorList>", "")
    dump.write("a.xml", text(1, "one"), broken, text(3, "three"))
    texts, _, refused = played(dump)
    assert (texts, [reason for reason, _ in refused]) == ({"pubmed:1": "one"}, ["malformed"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "truncated"),
        ("no XML", "malformed"),
        ("<Other></Other>", "malformed"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><PubmedArticleSet>' + text(1, "&b;") + "</PubmedArticleSet>", "malformed"),
        (b"\x1f\x8b\x08 no gzip", "truncated"),
        (gzip.compress(b"<PubmedArticleSet>", mtime=0)[:-6], "truncated"),
    ],
)
def test_files_that_are_none(dump, content, reason):
    dump.write_raw("a.xml", content)
    dump.write("b.xml", text(2, "two"))
    texts, _, refused = played(dump)
    assert texts == {"pubmed:2": "two"}
    assert [each for each, _ in refused] == [reason]
    assert reason in BAD_INPUT


def test_nothing_outside_of_the_file_is_read(dump, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret 5", "utf-8")
    head = f'<!DOCTYPE PubmedArticleSet [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'
    dump.write("a.xml", citation(1, "<AbstractText>&b;</AbstractText>"), head=head)
    assert not [each for each in read_pubmed(dump.folder) if isinstance(each, Document)]


def test_a_citation_without_an_end_is_not_held_in_memory(dump, monkeypatch):
    monkeypatch.setattr("training.corpora.readers.pubmed.xml_elements.LARGEST", 1 << 19)
    path = dump.write("a.xml", text(1, "y" * (1 << 20)))
    with pytest.raises(MalformedError):
        list(elements(path, regular=False))


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([], ErrorCode.DATA_NOT_FOUND),
        (["readme.txt"], ErrorCode.DATA_NOT_FOUND),
        (["pubmed25n0001.xml.gz", "pubmed26n0001.xml.gz"], ErrorCode.DATA_MALFORMED),
        (["pubmed26n0001.xml.gz", "pubmed26n0001.xml"], ErrorCode.DATA_MALFORMED),
        (["baseline/pubmed26n0001.xml", "updatefiles/pubmed26n0001.xml"], ErrorCode.DATA_MALFORMED),
    ],
)
def test_folders_that_have_no_order(dump, names, code):
    for name in names:
        dump.write(name, text(1, "one"))
    with pytest.raises(DataError) as raised:
        PubmedDump(dump.folder)
    assert raised.value.code == code


def test_a_file_that_changes_while_it_is_read_is_noticed(dump):
    dump.write("a.xml", text(1, "one"), text(2, "two"))
    reading = PubmedDump(dump.folder)
    dump.write("a.xml", text(2, "two"), text(1, "one"))
    assert [each.reason for each in reading.records(0)] == ["malformed", "malformed"]
