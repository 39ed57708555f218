"""Write a file like those of PubMed's baseline.

    python benchmarks/pubmed_baseline.py FILE.xml.gz [--citations 100000] [--seed 0]

Citations are made up, with authors, affiliations, MeSH headings and references in the number that real ones have, so
that the file is about as large for each citation. In one citation of three, three sentences in ten have mark-up, of
every kind that PubMed allows. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
from collections.abc import Iterator
from pathlib import Path

SYLLABLES = re.findall(r"\w+", "ta re mo li ne ca pho gly cer ni do ste va sa cu lo bi mi ro pa the ra ge na xi")
LABELS = ("BACKGROUND", "OBJECTIVE", "METHODS", "RESULTS", "CONCLUSIONS")
MARKED = (
    "a count of 10<sup>9</sup>/L",
    "10<sup>-3</sup> mol/L of Ca<sup>2+</sup>",
    "SpO<sub>2</sub> of 91% and CO<sub>2</sub>",
    "<b>2<sup>+</sup></b> oedema",
    "<i>p<sub>adj</sub></i> &lt; 0.05",
    "5<sup>1</sup>/<sub>2</sub> tablets",
    "20<sup>a</sup> mg or 40<sup>*</sup> mg",
    "the 3<sup>rd</sup> of 4 <u>groups</u>",
    "<sup>18</sup>F-FDG and <sup>99m</sup>Tc",
    "<i>in vivo</i> (n = 12)",
    '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mrow><mml:msup><mml:mi>r</mml:mi><mml:mn>2</mml:mn>'
    "</mml:msup><mml:mo>=</mml:mo><mml:mfrac><mml:mn>1</mml:mn><mml:mn>4</mml:mn></mml:mfrac></mml:mrow></mml:math>",
)
HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>\n'
)


class Words:
    """Made-up words, names and sentences."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.marked = 0.0
        """The part of sentences that have mark-up."""
        self.words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(5000)]

    def some(self, count: int) -> str:
        """Return words in a row."""
        return " ".join(self.draw.choices(self.words, k=count))

    def sentence(self) -> str:
        """Return a sentence, now and then with a number."""
        begin = self.some(self.draw.randint(5, 12)).capitalize()
        number = f" {self.draw.randint(1, 900)}.{self.draw.randint(0, 9)} mg (95% CI {self.draw.randint(2, 90)} to 99)"
        return f"{begin}{number if self.draw.random() < 0.3 else ''} {self.some(self.draw.randint(3, 9))}."

    def text(self, sentences: int) -> str:
        """Return sentences; in one text of four, some with mark-up."""
        parts = [self.sentence() for _ in range(sentences)]
        for place in range(sentences):
            if self.draw.random() < self.marked:
                parts[place] = f"{parts[place][:-1]} with {self.draw.choice(MARKED)}."
        return " ".join(parts)


def abstract(words: Words) -> str:
    """Return an abstract: structured, plain, or none."""
    kind = words.draw.random()
    if kind < 0.15:
        return ""
    if kind < 0.6:
        return f"<Abstract><AbstractText>{words.text(words.draw.randint(5, 12))}</AbstractText></Abstract>"
    sections = (
        f'<AbstractText Label="{label}" NlmCategory="{label}">{words.text(words.draw.randint(1, 4))}</AbstractText>\n'
        for label in LABELS
    )
    return f"<Abstract>{''.join(sections)}<CopyrightInformation>© The Authors.</CopyrightInformation></Abstract>"


def author(words: Words) -> str:
    """Return an author with an affiliation."""
    return (
        f'<Author ValidYN="Y"><LastName>{words.some(1).title()}</LastName><ForeName>{words.some(1).title()}</ForeName>'
        f"<Initials>A</Initials>\n<AffiliationInfo><Affiliation>{words.some(14).title()}."
        "</Affiliation></AffiliationInfo></Author>\n"
    )


def mesh(words: Words) -> str:
    """Return a MeSH heading."""
    number = words.draw.randint(1, 99999)
    return (
        f'<MeshHeading><DescriptorName UI="D{number:06}" MajorTopicYN="N">{words.some(2)}</DescriptorName>'
        f'<QualifierName UI="Q{number:06}" MajorTopicYN="Y">{words.some(1)}</QualifierName></MeshHeading>\n'
    )


def reference(words: Words) -> str:
    """Return a reference with the PMID that it names."""
    pmid = words.draw.randint(1, 39_000_000)
    return (
        f"<Reference><Citation>{words.some(6).capitalize()}. 2001 Jan;12(3):45-9</Citation><ArticleIdList>"
        f'<ArticleId IdType="pubmed">{pmid}</ArticleId></ArticleIdList></Reference>\n'
    )


def citation(words: Words, pmid: int) -> str:
    """Return one citation."""
    draw = words.draw
    words.marked = 0.3 * (draw.random() < 1 / 3)
    date = "<Year>2014</Year><Month>Mar</Month>" if draw.random() < 0.95 else "<MedlineDate>2003 Nov-Dec</MedlineDate>"
    kinds = "Retracted Publication" if draw.random() < 0.001 else "Journal Article"
    other = (
        f'<OtherAbstract Type="Publisher" Language="fre"><AbstractText>{words.text(4)}</AbstractText></OtherAbstract>'
    )
    erratum = '<CommentsCorrections RefType="ErratumIn"><RefSource>J. 2015</RefSource></CommentsCorrections>'
    references = "".join(reference(words) for _ in range(draw.choice((0, 0, 0, 20, 40))))
    return f"""<PubmedArticle>
<MedlineCitation Status="MEDLINE" IndexingMethod="Automated" Owner="NLM">
<PMID Version="1">{pmid}</PMID>
<DateCompleted><Year>2015</Year><Month>02</Month><Day>11</Day></DateCompleted>
<DateRevised><Year>2022</Year><Month>12</Month><Day>07</Day></DateRevised>
<Article PubModel="Print"><Journal><ISSN IssnType="Print">0006-2944</ISSN>
<JournalIssue CitedMedium="Print"><Volume>13</Volume><Issue>2</Issue><PubDate>{date}</PubDate></JournalIssue>
<Title>{words.some(3).title()}</Title><ISOAbbreviation>J</ISOAbbreviation></Journal>
<ArticleTitle>{words.text(1)}</ArticleTitle>
<Pagination><StartPage>12</StartPage><EndPage>19</EndPage><MedlinePgn>12-9</MedlinePgn></Pagination>
<ELocationID EIdType="doi" ValidYN="Y">10.1016/{pmid}</ELocationID>
{abstract(words)}
<AuthorList CompleteYN="Y">{"".join(author(words) for _ in range(draw.randint(1, 8)))}</AuthorList>
<Language>eng</Language>
<PublicationTypeList><PublicationType UI="D016428">{kinds}</PublicationType></PublicationTypeList></Article>
<MedlineJournalInfo><Country>Netherlands</Country><MedlineTA>J</MedlineTA>
<NlmUniqueID>0151424</NlmUniqueID></MedlineJournalInfo>
<CitationSubset>IM</CitationSubset>
<CommentsCorrectionsList>{erratum if draw.random() < 0.01 else ""}</CommentsCorrectionsList>
<MeshHeadingList>{"".join(mesh(words) for _ in range(draw.randint(5, 14)))}</MeshHeadingList>
{other if draw.random() < 0.02 else ""}</MedlineCitation>
<PubmedData><History>
<PubMedPubDate PubStatus="pubmed"><Year>2014</Year><Month>3</Month><Day>1</Day></PubMedPubDate></History>
<PublicationStatus>ppublish</PublicationStatus>
<ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>
<ArticleId IdType="doi">10.1016/{pmid}</ArticleId></ArticleIdList>
<ReferenceList>{references}</ReferenceList></PubmedData>
</PubmedArticle>
"""


def content(citations: int, seed: int) -> Iterator[str]:
    """Yield the file in parts."""
    words = Words(random.Random(seed))
    yield HEAD
    for pmid in range(1, citations + 1):
        yield citation(words, pmid)
    yield "</PubmedArticleSet>\n"


def write(path: Path, citations: int, seed: int) -> None:
    """Write a compressed file."""
    with (
        path.open("wb") as stored,
        gzip.GzipFile(filename="", fileobj=stored, mode="wb", mtime=0, compresslevel=6) as packed,
    ):
        for part in content(citations, seed):
            packed.write(part.encode())


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--citations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.file, arguments.citations, arguments.seed)


if __name__ == "__main__":
    main()
