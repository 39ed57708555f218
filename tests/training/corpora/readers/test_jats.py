"""Articles of PubMed Central: all paragraphs, tables and foot notes, with licence, ids and what became of them."""

import io
import tarfile

import pytest

from evalsuite.errors import DataError, ErrorCode
from training.corpora.documents import Deleted, Document, Refused
from training.corpora.readers import READERS

pytest.importorskip("lxml")

CC_BY = (
    '<permissions><copyright-year>2024</copyright-year><license><ali:license_ref xmlns:ali="http://www.niso.org/schemas/'
    'ali/1.0/">https://creativecommons.org/licenses/by/4.0/</ali:license_ref>'
    "<license-p>Open access.</license-p></license></permissions>"
)
IDS = '<article-id pub-id-type="pmid">99000001</article-id><article-id pub-id-type="pmc">9000001</article-id>'
DATE = '<pub-date pub-type="ppub"><year>2025</year></pub-date><pub-date pub-type="epub"><year>2024</year></pub-date>'


def article(body="<p>Take 5 mg.</p>", meta="", permissions=CC_BY, ids=IDS, attributes="", back="", title="Karst fever"):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving and Interchange DTD v1.3//EN" "absent.dtd">
<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML" {attributes}>
<front><article-meta>{ids}<title-group><article-title>{title}</article-title></title-group>{DATE}
<permissions-x/>{permissions}{meta}</article-meta></front><body>{body}</body><back>{back}</back></article>""".encode()


def read(tmp_path, content, name="PMC9000001.nxml"):
    file = tmp_path / name
    file.write_bytes(content)
    return list(READERS["jats"](file))


def text_of(tmp_path, **parts):
    (document,) = read(tmp_path, article(**parts))
    assert isinstance(document, Document), document
    return document.text


def test_an_article_states_where_it_is_from(tmp_path):
    (document,) = read(tmp_path, article(title="Karst fever<xref ref-type='fn'>*</xref> in <italic>H. karsti</italic>"))
    assert document == Document(
        "jats:PMC9000001",
        "jats",
        "Karst fever in H. karsti",
        "Take 5 mg.",
        "CC-BY-4.0",
        "PMC9000001.nxml:3",
        "en",
        (),
        year=2024,
    )


BODIES = {
    "<sec><label>2.1</label><title>Doses</title><p>Cited.<sup><xref ref-type='bibr' rid='B3'>3</xref></sup></p>"
    "<p>Not cited.</p><sec><title>Empty 7</title></sec><sec><title>Children</title><p>2 mg</p></sec></sec>": (
        "2.1 Doses\n\nCited.[3]\n\nNot cited.\n\nChildren\n\n2 mg"
    ),
    "<p>10<sup>9</sup>/L, 10<sup>-3</sup>, CO<sub>2</sub>, "
    "<bold>2<sup>+</sup></bold>, <italic>p<sub>adj</sub></italic></p>": ("10^9/L, 10^-3, CO2, 2^+, padj"),
    "<p>5<sup>1</sup>/<sub>2</sub> tablets or 20<sup>a</sup> mg</p>": "5 1/2 tablets or 20 mg",
    "<p>20<xref ref-type='table-fn' rid='t1'><sup>a</sup></xref> "
    "and 30<sup><xref ref-type='fn' rid='n1'>1</xref></sup></p>": ("20 and 30[1]"),
    "<p>See <xref ref-type='table' rid='t1'>Table 1</xref> and <xref ref-type='bibr' rid='B1'>Karst 2003</xref>.</p>": (
        "See Table 1 and Karst 2003."
    ),
    "<p>Dose <inline-formula><alternatives>"
    "<tex-math>\\documentclass[12pt]{minimal}\\begin{document}$$x^9$$\\end{document}"
    "</tex-math><mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math></alternatives>"
    "</inline-formula> mg</p>": "Dose x^2 mg",
    "<p>Rate <tex-math>\\documentclass[12pt]{minimal}\\begin{document}$$r^{2}$$\\end{document}</tex-math></p>": (
        "Rate $r^{2}$"
    ),
    "<p>Give:<list list-type='order'><list-item><label>1.</label><p>5 mg</p></list-item><list-item><p>6 mg</p>"
    "</list-item></list>then stop.</p>": "Give:\n\n- 1. 5 mg\n- 6 mg\n\nthen stop.",
    "<def-list><def-item><term>Adult</term><def><p>5 mg</p></def></def-item></def-list>": "Adult: 5 mg",
    "<fig id='f1'><label>Figure 2</label><caption><title>Course.</title><p>n = 12.</p></caption><graphic/></fig>": (
        "Figure 2. Course.\nn = 12."
    ),
    "<p>Give <strike>500 mg</strike> 250 mg.</p>": "Give 250 mg.",
    "<boxed-text><title>Key points</title><p>1 in 4</p></boxed-text><disp-quote><p>So it was.</p></disp-quote>": (
        "Key points\n\n1 in 4\n\nSo it was."
    ),
    "<table-wrap><label>Table 1</label><caption><p>Doses</p></caption><table><thead>"
    "<tr><th rowspan='2'>Drug</th><th colspan='2'>Dose</th></tr><tr><th>mg</th><th>mL</th></tr></thead><tbody>"
    "<tr><td rowspan='2'>Karstol</td><td>5<sup>a</sup></td><td>1</td></tr>"
    "<tr><td>10</td><td>2</td></tr></tbody></table>"
    "<table-wrap-foot><fn><label><sup>a</sup></label>"
    "<p>Halve at 65 years.</p></fn></table-wrap-foot></table-wrap>": (
        "Table 1. Doses\nDrug | Dose mg | Dose mL\nKarstol | 5 | 1\nKarstol | 10 | 2\na Halve at 65 years."
    ),
    "<table-wrap><table><tgroup cols='2'><colspec colname='a'/><colspec colname='b'/><thead><row><entry>Drug</entry>"
    "<entry>mg</entry></row></thead><tbody><row><entry morerows='1'>Karstol</entry><entry>5</entry></row><row>"
    "<entry>6</entry></row><row><entry>x</entry><entry namest='b' nameend='b'>7</entry></row></tbody></tgroup></table>"
    "</table-wrap>": "Drug | mg\nKarstol | 5\nKarstol | 6\nx | 7",
}


@pytest.mark.parametrize(("body", "text"), BODIES.items())
def test_bodies(tmp_path, body, text):
    assert text_of(tmp_path, body=body) == text


def test_abstract_appendix_and_floating_tables_belong_to_the_text(tmp_path):
    content = article(
        body="<p>Body 2.</p>",
        meta="<abstract><sec><title>Aim</title><p>Abstract 1.</p></sec></abstract>"
        "<abstract abstract-type='graphical'><p>No 9.</p></abstract>",
        back="<ack><p>Thanks to 8.</p></ack><ref-list><ref><mixed-citation>7</mixed-citation></ref></ref-list>"
        "<app-group><app><title>Appendix</title><p>Scale 3.</p></app></app-group>",
    ).replace(b"</article>", b"<floats-group><fig><label>Figure 4</label></fig></floats-group></article>")
    (document,) = read(tmp_path, content)
    assert document.text == "Aim\n\nAbstract 1.\n\nBody 2.\n\nAppendix\n\nScale 3.\n\nFigure 4."


def test_removed_note_marks_are_stated(tmp_path):
    (document,) = read(tmp_path, article(body="<p>20<sup>a</sup> mg</p>"))
    assert document.status == ("note_marks_removed",)


def test_a_translated_abstract_is_a_document_of_its_own(tmp_path):
    titles = "<trans-title-group xml:lang='es'><trans-title>Fiebre</trans-title></trans-title-group>"
    meta = f"<title-group>{titles}</title-group>"
    documents = read(tmp_path, article(meta=f"{meta}<trans-abstract xml:lang='es'><p>Dar 5 mg.</p></trans-abstract>"))
    assert [(each.id, each.language, each.title, each.text) for each in documents[1:]] == [
        ("jats:PMC9000001#es", "es", "Fiebre", "Dar 5 mg.")
    ]


def licence(text, url=""):
    return f"<permissions><license xlink:href='{url}'><license-p>{text}</license-p></license></permissions>"


LICENCES = {
    licence("Open.", "http://creativecommons.org/licenses/by-nc-nd/3.0/igo"): "CC-BY-NC-ND-3.0",
    licence("Open.", "https://creativecommons.org/publicdomain/zero/1.0/"): "CC0-1.0",
    licence("Under the Creative Commons Attribution-NonCommercial License (x)"): "CC-BY-NC",
    licence("Distributed under the terms of the Creative Commons Attribution 4.0 International License"): "CC-BY-4.0",
    licence(
        "Under <ext-link xlink:href='https://creativecommons.org/licenses/by-sa/4.0/'>it</ext-link>"
    ): "CC-BY-SA-4.0",
    licence("Unrestricted research re-use is granted."): "Unrestricted research re-use is granted.",
    "<permissions><copyright-statement>A work of the government in the public domain.</copyright-statement>"
    "</permissions>": "LicenseRef-public-domain",
    "<permissions><copyright-statement>All rights are reserved, including those for text and data mining, AI training. "
    "For all open access content, the relevant licensing terms apply.</copyright-statement><license "
    "xlink:href='http://creativecommons.org/licenses/by/4.0/'/></permissions>": "CC-BY-4.0",
}


@pytest.mark.parametrize(("permissions", "name"), LICENCES.items())
def test_licences(tmp_path, permissions, name):
    (document,) = read(tmp_path, article(permissions=permissions))
    assert document.licence == name


RETRACTS = "<related-article related-article-type='{}' ext-link-type='{}' xlink:href='{}'/>"
REFUSED = {
    "licence_missing": {"permissions": "<permissions><copyright-year>2020</copyright-year></permissions>"},
    "licence_forbids": {"permissions": licence("All rights reserved. No part of this article may be reproduced.")},
    "missing_id": {"ids": ""},
    "retracted": {"meta": RETRACTS.format("retraction-forward", "pubmed", "99000002")},
    "digits_changed": {"body": "<table-wrap><table><tbody><td>lost 5</td></tbody></table></table-wrap>"},
    "no_text": {"body": "<p> </p>"},
}


@pytest.mark.parametrize(("reason", "parts"), REFUSED.items())
def test_refused_articles(tmp_path, reason, parts):
    (record,) = read(tmp_path, article(**parts))
    assert isinstance(record, Refused) and record.reason == reason
    assert record.locator.startswith("PMC9000001.nxml:")


@pytest.mark.parametrize(
    "statement",
    [
        "All rights reserved, including for text and data mining and AI training.",
        "Text and data mining is not permitted.",
        "It may not be used for machine learning.",
        "© 2024 Karst Press. All rights reserved.",
    ],
)
def test_a_statement_that_reserves_the_use_is_refused(tmp_path, statement):
    (record,) = read(
        tmp_path,
        article(permissions=f"<permissions><copyright-statement>{statement}</copyright-statement></permissions>"),
    )
    assert isinstance(record, Refused) and record.reason == "licence_forbids"


def test_a_title_that_begins_with_retracted_is_refused(tmp_path):
    (record,) = read(tmp_path, article(title="RETRACTED ARTICLE: Karst fever"))
    assert isinstance(record, Refused) and record.reason == "retracted"


def test_a_retraction_notice_deletes_what_it_names(tmp_path):
    meta = RETRACTS.format("retracted-article", "pmc", "PMC9000007") + RETRACTS.format(
        "retracted-article", "doi", "10.1/x"
    )
    notice, deleted = read(tmp_path, article(attributes="article-type='retraction'", meta=meta))
    assert notice.reason == "retraction_notice"
    assert deleted == Deleted("jats:PMC9000007", "PMC9000001.nxml:3", for_good=True)


def test_an_erratum_is_stated(tmp_path):
    (document,) = read(tmp_path, article(meta=RETRACTS.format("correction-forward", "doi", "10.1/x")))
    assert document.status == ("erratum",)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"<article>\n<front>\n</article>", 3), (b"<book/>", 1), (b'<!DOCTYPE article [<!ENTITY a "b">]>\n<article/>', 1)],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, content, line):
    (record,) = read(tmp_path, content)
    assert (record.reason, record.locator) == ("malformed", f"PMC9000001.nxml:{line}")


def packed(tmp_path, members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_packages_and_folders(tmp_path):
    other = IDS.replace("9000001", "9000002")
    members = {"PMC1/a.nxml": article(), "PMC1/a.jpg": b"x", "PMC2/b.nxml": article(ids=other)}
    (tmp_path / "oa.tar.gz").write_bytes(packed(tmp_path, members))
    (tmp_path / "c.nxml").write_bytes(article(ids=IDS.replace("9000001", "9000003")))
    records = list(READERS["jats"](tmp_path))
    assert [(each.id, each.locator) for each in records] == [
        ("jats:PMC9000003", "c.nxml:3"),
        ("jats:PMC9000001", "oa.tar.gz/PMC1/a.nxml:3"),
        ("jats:PMC9000002", "oa.tar.gz/PMC2/b.nxml:3"),
    ]


def test_a_member_whose_name_is_no_utf_8_has_a_place_that_a_table_can_hold(tmp_path):
    (record,) = read(tmp_path, packed(tmp_path, {"a\udce9.nxml": article()}), "oa.tar.gz")
    assert isinstance(record, Document) and record.locator.encode() == b"oa.tar.gz/a?.nxml:3"


def test_a_file_beside_packages_is_passed_over_in_a_source(tmp_path):
    (tmp_path / "filelist.csv").write_text("Article File,PMID")
    assert list(READERS["jats"](tmp_path / "filelist.csv", tmp_path)) == []


def test_a_package_that_is_cut_short(tmp_path):
    whole = packed(tmp_path, {f"{number}.nxml": article(body=f"<p>{'5 mg ' * 9000}</p>") for number in range(3)})
    records = read(tmp_path, whole[: len(whole) * 2 // 3], "oa.tar.gz")
    assert records[-1].reason == "truncated"


def test_nothing_to_read(tmp_path):
    for path in (tmp_path, tmp_path / "absent.nxml"):
        with pytest.raises(DataError) as error:
            list(READERS["jats"](path))
        assert error.value.code == ErrorCode.DATA_NOT_FOUND
