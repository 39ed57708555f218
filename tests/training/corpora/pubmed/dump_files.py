"""Files as PubMed distributes them, written by hand."""

import gzip
from xml.sax.saxutils import escape

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2026//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_260101.dtd">\n'
)
MATHML = 'xmlns:mml="http://www.w3.org/1998/Math/MathML"'


class Dump:
    """A folder of files with citations."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, name, *citations, deleted=(), head=HEAD):
        """Write a file; `deleted`: PMIDs, or pairs of a PMID and a version."""
        pairs = (each if isinstance(each, tuple) else (each, 1) for each in deleted)
        deletions = "".join(f'<PMID Version="{version}">{pmid}</PMID>\n' for pmid, version in pairs)
        end = f"<DeleteCitation>\n{deletions}</DeleteCitation>\n" if deleted else ""
        return self.write_raw(name, f"{head}<PubmedArticleSet>\n{''.join(citations)}{end}</PubmedArticleSet>\n")

    def write_raw(self, name, content):
        """Write a file as it is, compressed if its name says so."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path


def citation(
    pmid, abstract="<AbstractText>A text.</AbstractText>", title="A title.", version=1, types=("Journal Article",),
    refs=(), date="<Year>2014</Year>", other="", vernacular="", language="eng", pmid_element=None,
):  # fmt: skip
    """Return a citation with an abstract's and a title's XML."""
    pmid_element = f'<PMID Version="{version}">{pmid}</PMID>' if pmid_element is None else pmid_element
    kinds = "".join(f'<PublicationType UI="D1">{each}</PublicationType>' for each in types)
    comments = "".join(
        f'<CommentsCorrections RefType="{kind}"><PMID Version="1">999</PMID></CommentsCorrections>' for kind in refs
    )
    return f"""<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM">
    {pmid_element}
    <Article PubModel="Print">
      <Journal><JournalIssue CitedMedium="Print"><PubDate>{date}</PubDate></JournalIssue><Title>J</Title></Journal>
      <ArticleTitle>{title}</ArticleTitle>
      {f"<Abstract>{abstract}</Abstract>" if abstract else ""}
      <AuthorList CompleteYN="Y"><Author><LastName>Doe {pmid}</LastName></Author></AuthorList>
      <Language>{language}</Language>
      <PublicationTypeList>{kinds}</PublicationTypeList>
      {f"<VernacularTitle>{vernacular}</VernacularTitle>" if vernacular else ""}
    </Article>
    <CommentsCorrectionsList>{comments}</CommentsCorrectionsList>
    <MeshHeadingList><MeshHeading><DescriptorName UI="D2">Humans</DescriptorName></MeshHeading></MeshHeadingList>
    {other}
  </MedlineCitation>
  <PubmedData><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId></ArticleIdList></PubmedData>
</PubmedArticle>
"""


def plain(text):
    """Return an abstract without mark-up."""
    return f"<AbstractText>{escape(text)}</AbstractText>"
