"""What a citation's mark-up reads as."""

import gzip
import json

import pytest

from tests.training.corpora.pubmed.dump_files import MATHML, citation, plain
from training.corpora.documents import Document, Refused
from training.corpora.readers.pubmed import read_pubmed

LINE_FEED = "\n"
DEEP = f"<mml:math {MATHML}>{'<mml:mfenced>' * 230}<mml:mn>1</mml:mn>{'</mml:mfenced>' * 230}</mml:math>"
TEXTS = [
    ("10<sup>9</sup>/L", "10^9/L"),
    ("10<sup>-3</sup> mol", "10^-3 mol"),
    ("CO<sub>2</sub> and H<sub>2</sub>O", "CO2 and H2O"),
    ("<b>2<sup>+</sup></b> oedema", "2^+ oedema"),
    ("<i>p<sub>adj</sub></i> &lt; 0.05", "padj < 0.05"),
    ("5<sup>1</sup>/<sub>2</sub> tablets", "5 1/2 tablets"),
    ("<sup>1</sup>/<sub>2</sub> a tablet", "1/2 a tablet"),
    ("20<sup>a</sup> mg", "20 mg"),
    ("20<sup>*</sup> mg", "20 mg"),
    ("Ca<sup>2+</sup> and SO<sub>4</sub><sup>2-</sup>", "Ca^2+ and SO4^2-"),
    ("the 3<sup>rd</sup> day", "the 3rd day"),
    ("<sup>18</sup>F-FDG", "^18F-FDG"),
    ("1<b>0</b> mg and <i>2</i>5 mg", "10 mg and 25 mg"),
    ("1<sub>2</sub>", "1_2"),
    ("10<sup>9</sup>⁄L, 10⁹/L, 5 m², 2½", "10^9⁄L, 10⁹/L, 5 m², 2½"),
    ("<b>a <i>b <u>c<sup>d</sup> e</u> f</i> g</b> h", "a b c^d e f g h"),
    ("two\n      lines\u00a0and\u2009spaces", "two lines and spaces"),
    ("a<!-- a comment 5 -->b <?note 6?>c <![CDATA[d < 7]]>", "ab c d < 7"),
    ("&#945; &amp; &lt;3 &#x3e; 2", "α & <3 > 2"),
    (f"<mml:math {MATHML}><mml:msup><mml:mn>10</mml:mn><mml:mn>9</mml:mn></mml:msup></mml:math>/L", "10^9/L"),
    (f"r <mml:math {MATHML}><mml:mfrac><mml:mn>1</mml:mn><mml:mn>4</mml:mn></mml:mfrac></mml:math>.", "r 1/4."),
    (
        f"<mml:math {MATHML}><mml:semantics><mml:mn>5</mml:mn><mml:annotation>5</mml:annotation></mml:semantics>"
        "</mml:math> g",
        "5 g",
    ),
    (
        f"<DispFormula><math {MATHML.replace(':mml', '')}><msqrt><mn>2</mn></msqrt></math></DispFormula>",
        "√(2)",
    ),
]


def documents(dump, *citations, **options):
    dump.write("pubmed26n0001.xml.gz", *citations, **options)
    records = list(read_pubmed(dump.folder))
    assert all(isinstance(record, Document) for record in records), records
    return records


@pytest.mark.parametrize(("source", "text"), TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("place", ["abstract", "title", "section"])
def test_mark_up(dump, source, text, place):
    if place == "title":
        [document] = documents(dump, citation(1, title=f"About {source}"))
        assert document.title == f"About {text}".strip()
    elif place == "section":
        labelled = f'<AbstractText Label="AIM">x</AbstractText><AbstractText Label="DOSE">Give {source}</AbstractText>'
        [document] = documents(dump, citation(1, labelled))
        assert document.text == f"AIM: x\n\nDOSE: Give {text}"
    else:
        [document] = documents(dump, citation(1, f"<AbstractText>Give {source}</AbstractText>"))
        assert document.text == f"Give {text}"


def test_what_a_document_says(dump):
    [document] = documents(dump, citation(123, plain("A text."), title="A <i>title</i>.", version=2))
    assert document == Document(
        id="pubmed:123",
        source="pubmed",
        title="A title.",
        text="A text.",
        licence="LicenseRef-NLM-PubMed",
        locator="pubmed26n0001.xml.gz:4",
        language="en",
        status=(),
        version=2,
        year=2014,
    )


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ([("BACKGROUND", "a 1"), ("METHODS AND 2", "b 3")], "BACKGROUND: a 1\n\nMETHODS AND 2: b 3"),
        ([("BACKGROUND", ""), ("METHODS 2", "  \n "), ("RESULTS", "b")], "RESULTS: b"),
        ([("RESULTS", "<i> </i>"), ("AIM", "b")], "AIM: b"),
        ([("", "a"), ("UNLABELLED", "b"), (None, "c")], "a\n\nb\n\nc"),
        ([("AIM:", "a"), ("WHY?", "b"), ("CI &lt; 5", "c")], "AIM: a\n\nWHY? b\n\nCI < 5: c"),
    ],
)
def test_sections(dump, sections, text):
    label = [
        'NlmCategory="METHODS"' if each is None else f'Label="{each}" NlmCategory="METHODS"' for each, _ in sections
    ]
    parts = (f"<AbstractText {each}>{part}</AbstractText>" for each, (_, part) in zip(label, sections, strict=True))
    [document] = documents(dump, citation(1, "\n".join(parts)))
    assert document.text == text


def test_the_statement_of_a_copyright_is_the_licence_and_no_text(dump):
    [document] = documents(
        dump, citation(1, "<AbstractText>a</AbstractText><CopyrightInformation>© 2020 X.</CopyrightInformation>")
    )
    assert (document.text, document.licence) == ("a", "© 2020 X.")


def test_other_abstracts_are_documents_of_their_own(dump):
    other = (
        '<OtherAbstract Type="Publisher" Language="fre"><AbstractText Label="BUT">Un texte, 5 mg.</AbstractText>'
        "</OtherAbstract>"
        '<OtherAbstract Type="Publisher" Language="fre"><AbstractText>Encore.</AbstractText></OtherAbstract>'
        '<OtherAbstract Type="plain-language-summary" Language="eng"><AbstractText>Plainly.</AbstractText>'
        "</OtherAbstract>"
        '<OtherAbstract Type="Publisher" Language="ger"><AbstractText>Abstract available from the publisher.'
        "</AbstractText></OtherAbstract>"
    )
    found = documents(dump, citation(1, title="[A title.]", other=other, vernacular="Un titre.", language="fre"))
    assert [(each.id, each.language, each.title, each.text) for each in found] == [
        ("pubmed:1", "en", "[A title.]", "A text."),
        ("pubmed:1#fr", "fr", "Un titre.", "BUT: Un texte, 5 mg."),
        ("pubmed:1#fr-2", "fr", "Un titre.", "Encore."),
        ("pubmed:1#en", "en", "[A title.]", "Plainly."),
    ]
    assert found[0].status == ("translated_title",)
    assert found[1].status == ()


@pytest.mark.parametrize(
    ("title", "vernacular", "expected", "status"),
    [
        ("[On gout].", "", "[On gout].", ("translated_title",)),
        ("[Not Available].", "Sur la goutte.", "Sur la goutte.", ()),
        ("[In process citation]", "", "", ()),
        ("[On] gout", "", "[On] gout", ()),
        ("", "", "", ()),
    ],
)
def test_titles(dump, title, vernacular, expected, status):
    [document] = documents(dump, citation(1, title=title, vernacular=vernacular))
    assert (document.title, document.status) == (expected, status)


@pytest.mark.parametrize(
    ("date", "year", "status"),
    [
        ("<Year>1999</Year><Month>Nov</Month>", 1999, ()),
        ("<MedlineDate>2003 Nov-Dec</MedlineDate>", 2003, ("date_range",)),
        ("<MedlineDate>1998-1999</MedlineDate>", 1998, ("date_range",)),
        ("<MedlineDate>Spring 2000</MedlineDate>", 2000, ()),
        ("<MedlineDate>12th century</MedlineDate>", None, ()),
        ("", None, ()),
    ],
)
def test_dates(dump, date, year, status):
    [document] = documents(dump, citation(1, date=date))
    assert (document.year, document.status) == (year, status)


@pytest.mark.parametrize(
    ("refs", "abstract", "status"),
    [
        (["ErratumIn", "CommentIn", "ErratumIn"], "a", ("erratum",)),
        (["ExpressionOfConcernIn", "UpdateIn"], "a", ("expression_of_concern", "updated")),
        (["ErratumFor", "RetractionOf", "CommentOn"], "a", ()),
        ([], "20<sup>a</sup> mg", ("note_marks_removed",)),
        ([], "a (ABSTRACT TRUNCATED AT 250 WORDS)", ("abstract_truncated",)),
    ],
)
def test_status(dump, refs, abstract, status):
    [document] = documents(dump, citation(1, f"<AbstractText>{abstract}</AbstractText>", refs=refs))
    assert document.status == status


@pytest.mark.parametrize(
    ("citations", "reason"),
    [
        (citation(1, types=("Journal Article", "Retracted Publication")), "retracted"),
        (citation(1, refs=["RetractionIn"]), "retracted"),
        (citation(1, refs=["RetractedandRepublishedIn"]), "retracted"),
        (citation(1, ""), "no_abstract"),
        (citation(1, "<AbstractText/>"), "no_abstract"),
        (citation(1, plain("Abstract available from the publisher.")), "no_abstract"),
        (citation(1, "<AbstractText>&nosuch; 5</AbstractText>"), "malformed"),
        (citation(1, f"<AbstractText>{DEEP}</AbstractText>"), "malformed"),
        (citation(1, pmid_element=""), "missing_id"),
        (citation("PMC5"), "missing_id"),
        (citation(0), "missing_id"),
        (citation(1, version="a"), "missing_id"),
    ],
)
def test_what_is_refused(dump, citations, reason):
    dump.write("pubmed26n0001.xml", citation(7), citations, citation(8))
    before, refused, after = read_pubmed(dump.folder)
    assert isinstance(refused, Refused)
    assert (before.id, refused.reason, after.id) == ("pubmed:7", reason, "pubmed:8")
    assert refused.locator == f"pubmed26n0001.xml:{4 + citation(7).count(LINE_FEED)}"


def test_the_notice_of_a_retraction_is_no_retracted_article(dump):
    [document] = documents(dump, citation(1, types=("Retraction of Publication",), refs=["RetractionOf"]))
    assert document.id == "pubmed:1"


def test_a_book_is_read(dump):
    book = (
        '<PubmedBookArticle><BookDocument><PMID Version="1">5</PMID><Book><PubDate><Year>2011</Year></PubDate></Book>'
        "<ArticleTitle>A chapter</ArticleTitle><Abstract><AbstractText>10<sup>9</sup>/L</AbstractText></Abstract>"
        "</BookDocument><PubmedBookData/></PubmedBookArticle>"
    )
    found = documents(dump, citation(1), book, citation(2))
    assert [each.id for each in found] == ["pubmed:1", "pubmed:5", "pubmed:2"]
    assert (found[1].title, found[1].text, found[1].year) == ("A chapter", "10^9/L", 2011)


def test_real_abstracts_lose_nothing(dump, mirror):
    items = json.loads(gzip.decompress((mirror / "pubmedqa" / "ori_pqal.json.gz").read_bytes()))
    citations, expected = [], {}
    for pmid, item in items.items():
        labels, parts = item["LABELS"], [*item["CONTEXTS"]]
        sections = [*zip(labels, parts, strict=True), ("CONCLUSIONS", item["LONG_ANSWER"])]
        abstract = "".join(
            plain(part).replace("<AbstractText", f'<AbstractText Label="{label}"', 1) for label, part in sections
        )
        citations.append(citation(pmid, abstract))
        expected[f"pubmed:{pmid}"] = "\n\n".join(
            f"{'' if label == 'UNLABELLED' else f'{label}: '}{' '.join(part.split())}" for label, part in sections
        )
    found = {each.id: each.text for each in documents(dump, *citations)}
    assert found == expected
