"""Dumps of MediaWiki: packings, schemas, what is no article, and every way in which a dump can be broken."""

import bz2
import gzip
import re

import pytest

from evalsuite.errors import DataError, ErrorCode
from tests.training.synthesis.wiki.small_wiki import HEAD, PAGES, REDIRECTS, dump, page
from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.xml_dump import XmlDump

TEXT = dump()


def read(path, skip_bad=False):
    problems = Problems(skip_bad)
    source = XmlDump(path)
    return list(source.pages(problems)), source, problems


def multistream(text):
    """Parts of a dump as streams of their own, as the files `pages-articles-multistream` have them."""
    places = [found.start() for found in re.finditer("  <page>", text)][::5]
    parts = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    return b"".join(bz2.compress(part.encode()) for part in parts if part)


@pytest.mark.parametrize(
    ("name", "pack"),
    [("w.xml", str.encode), ("w.xml.gz", lambda text: gzip.compress(text.encode())), ("w.xml.bz2", multistream)],
)
def test_all_packings_give_the_same_pages(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(TEXT))
    pages, source, _ = read(path)
    assert [each.title for each in pages] == [*PAGES, *REDIRECTS]
    assert {each.title: each.text for each in pages} == {**PAGES, **REDIRECTS}
    assert pages[0].revision == "9001" and pages[0].timestamp == "2026-05-02T08:00:00Z" and pages[0].page_id == "1"
    lines = TEXT.splitlines()
    assert all(f"<title>{each.title}</title>" in lines[each.line] for each in pages)
    assert source.counts == {"another namespace": 1, "not wikitext": 1}
    assert source.site.prefix == "testwiki" and "file" in source.site.namespaces
    import hashlib

    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode()), multistream])
def test_a_dump_cut_short_is_one_line_and_what_stood_before_is_kept(tmp_path, share, pack):
    path = tmp_path / "w.xml"
    whole = pack(TEXT)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == ErrorCode.DATA_UNREADABLE
    assert re.match(rf"{re.escape(str(path))}:\d+: ", str(error.value)) and "\n" not in str(error.value)
    pages, _, problems = read(path, skip_bad=True)
    assert problems.counts == {"w.xml": 1}
    assert [each.title for each in pages] == [*PAGES, *REDIRECTS][: len(pages)]
    if pack is str.encode:
        assert problems.messages[0].startswith(f"{path}:{path.read_bytes().count(10) + 1}:")
        assert len(pages) == min(len(PAGES) + len(REDIRECTS), path.read_text().count("</page>"))


def test_every_known_schema_is_read_and_no_other(tmp_path):
    path = tmp_path / "w.xml"
    for version in ("0.3", "0.10", "0.11"):
        path.write_text(TEXT.replace("0.11", version))
        assert len(read(path)[0]) == len(PAGES) + len(REDIRECTS)
    path.write_text(TEXT.replace('version="0.11"', 'version="0.12"'))
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == ErrorCode.DATA_UNREADABLE


def broken(old, new, count=1):
    return TEXT.replace(old, new, count)


@pytest.mark.parametrize(
    ("text", "code", "kept"),
    [
        (broken("<title>Stone lung</title>", ""), ErrorCode.DATA_MALFORMED, -1),
        (broken("<title>Stone lung</title>", "<title>Stone & lung</title>"), ErrorCode.DATA_UNREADABLE, 5),
        (broken("    <revision>", "    <revisions>").replace("</revision>", "</revisions>", 1), None, -1),
        ("<!DOCTYPE m [<!ENTITY a 'b'>]>" + TEXT, ErrorCode.DATA_REFUSED, 0),
        (HEAD + "<a>" * 40, ErrorCode.DATA_REFUSED, 0),
        ("<feed></feed>", ErrorCode.DATA_REFUSED, 0),
        ("", ErrorCode.DATA_UNREADABLE, 0),
        ("= Karst fever =\nno XML", ErrorCode.DATA_UNREADABLE, 0),
        (HEAD + page("Stub", "", 1).replace('bytes="0"', 'bytes="80"') + "</mediawiki>", ErrorCode.DATA_MALFORMED, 0),
    ],
)
def test_broken_dumps(tmp_path, text, code, kept):
    path = tmp_path / "w.xml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == (code or ErrorCode.DATA_MALFORMED)
    assert re.match(rf"{re.escape(str(path))}:\d+: ", str(error.value))
    pages, _, problems = read(path, skip_bad=True)
    assert sum(problems.counts.values()) >= 1
    assert len(pages) == (kept if kept >= 0 else len(PAGES) + len(REDIRECTS) + kept)


def test_an_invalid_byte_names_its_line(tmp_path):
    path = tmp_path / "w.xml"
    path.write_bytes(TEXT.encode().replace(b"Stone lung is a disease", b"Stone \xff lung"))
    with pytest.raises(DataError) as error:
        read(path)
    line = path.read_bytes().split(b"\xff")[0].count(b"\n") + 1
    assert str(error.value).startswith(f"{path}:{line}:")


def test_the_latest_revision_of_a_history_counts(tmp_path):
    path = tmp_path / "w.xml"
    one = page("Karst fever", "new text", 5)
    older = one[one.index("    <revision>") : one.index("  </page>")].replace("new", "old").replace("2026", "2020")
    path.write_text(HEAD + one.replace("  </page>", older + "  </page>") + "</mediawiki>")
    (only,) = read(path)[0]
    assert only.text == "new text" and only.timestamp.startswith("2026")


def test_deleted_text_is_counted_and_empty_text_is_text(tmp_path):
    path = tmp_path / "w.xml"
    gone = page("Gone", "", 5).replace('<text bytes="0"', '<text deleted="deleted" bytes="9"')
    path.write_text(HEAD + gone + page("Empty", "", 6) + "</mediawiki>")
    pages, source, _ = read(path)
    assert [each.title for each in pages] == ["Empty"] and source.counts == {"text deleted": 1}


def test_what_unpacks_without_end_is_refused(tmp_path):
    path = tmp_path / "w.xml.bz2"
    path.write_bytes(bz2.compress((HEAD + page("Long", "a" * 100_000_000, 1) + "</mediawiki>").encode()))
    with pytest.raises(DataError) as error:
        read(path, skip_bad=True)
    assert error.value.code == ErrorCode.DATA_TOO_LARGE


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd0000", b"PK\x03\x040000"])
def test_other_packings_are_refused_by_name(tmp_path, magic):
    path = tmp_path / "w.7z"
    path.write_bytes(magic * 10)
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == ErrorCode.DATA_UNREADABLE
