"""Chapters of a book of the NCBI Bookshelf."""

import pytest

from training.corpora.documents import Document
from training.corpora.readers import READERS

pytest.importorskip("lxml")

LICENCE = """<permissions><copyright-statement>Copyright © 2025, Karst Press LLC.</copyright-statement><license
license-type="open-access"><license-p>Distributed under the terms of the
Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International (CC BY-NC-ND 4.0)
</license-p></license></permissions>"""


def chapter(body, permissions=LICENCE, identity='<book-part-id pub-id-type="pmcid">NBK900001</book-part-id>', book=""):
    return f"""<?xml version="1.0"?>
<book-part-wrapper xmlns:xlink="http://www.w3.org/1999/xlink"><book-meta><book-id>karst</book-id>{book}</book-meta>
<book-part id="article-77" book-part-type="chapter"><book-part-meta>{identity}
<title-group><title>Karst Fever</title></title-group>
<pub-date><year>2025</year></pub-date>{permissions}</book-part-meta>
<body>{body}</body><back><ref-list><ref>1</ref></ref-list></back></book-part></book-part-wrapper>""".encode()


def read(tmp_path, content):
    (tmp_path / "article-77.nxml").write_bytes(content)
    return list(READERS["statpearls"](tmp_path))


BODY = """<sec id="a1"><title>Treatment / Management</title><p>Give 10 mg/kg every 8 hours for WBC above
10<sup>9</sup>/L.<xref ref-type="bibr" rid="r1">[1]</xref><xref ref-type="bibr" rid="r2">[2]</xref></p>
<list list-type="bullet"><list-item><p>Adults: 500 mg</p></list-item>
<list-item><p>Children: 250 mg</p></list-item></list>
<sec><title>Empty</title></sec></sec>
<sec><title>Review Questions</title><table-wrap><table><tbody><tr><td rowspan="2">Day</td>
<td>1</td></tr><tr><td>2</td></tr></tbody></table></table-wrap></sec>"""
TEXT = """Treatment / Management

Give 10 mg/kg every 8 hours for WBC above 10^9/L.[1][2]

- Adults: 500 mg
- Children: 250 mg

Review Questions

Day | 1
Day | 2"""


def test_a_chapter_is_a_document(tmp_path):
    (document,) = read(tmp_path, chapter(BODY))
    assert document == Document(
        "statpearls:NBK900001",
        "statpearls",
        "Karst Fever",
        TEXT,
        "CC-BY-NC-ND-4.0",
        "article-77.nxml:3",
        "en",
        (),
        year=2025,
    )


def test_a_chapter_without_id_or_licence_of_its_own(tmp_path):
    (document,) = read(tmp_path, chapter("<p>x 5</p>", permissions="", identity="", book=LICENCE))
    assert (document.id, document.licence) == ("statpearls:article-77", "CC-BY-NC-ND-4.0")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (chapter("<p>x</p>", permissions=""), "licence_missing"),
        (
            chapter("<p>x</p>", permissions="", book="<permissions>All rights reserved.</permissions>"),
            "licence_forbids",
        ),
        (chapter(""), "no_text"),
        (chapter("<table><tr>5</tr></table>"), "digits_changed"),
        (b"<article/>", "malformed"),
        (b"<book-part-wrapper>", "malformed"),
    ],
)
def test_refused_chapters(tmp_path, content, reason):
    (record,) = read(tmp_path, content)
    assert record.reason == reason
