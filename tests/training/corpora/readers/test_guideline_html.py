"""Guidelines as pages of HTML: the main text, with tables as rows and without what is struck out."""

import pytest

from evalsuite.errors import DataError, ErrorCode
from training.corpora.documents import Document, Refused
from training.corpora.readers import READERS

pytest.importorskip("lxml")

HEAD = '<title>Karst fever | Board</title><link rel="license" href="https://creativecommons.org/licenses/by/4.0/">'


def page(body, head=HEAD, attributes='lang="en"'):
    return f"<!DOCTYPE html>\n<html {attributes}><head><meta charset=utf-8>{head}</head><body>{body}</body></html>"


def read(tmp_path, content, name="karst.html"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(READERS["guideline_html"](tmp_path))


PAGE = page(
    """<header><a href="/">Board 1999</a></header><nav><ul><li>Menu 1</li></ul></nav>
<main><h1>Karst fever: management</h1><p>Issued in 2023.</p><h2>Doses</h2>
<p>Give <del>500 mg</del> <ins>250 mg</ins> twice daily.<sup><a href="#r2">2</a></sup></p>
<table><caption>Table 1</caption><thead><tr><th rowspan=2>Age<th colspan=2>Dose<tr><th>mg<th>mL</thead>
<tr><td rowspan=2>Adult<td>5<td>1<tr><td>10<sup>a</sup><td>2</table>
<dl><dt>Adult</dt><dd>5 mg</dd></dl><aside><p>Not below 2 years.</p></aside>
<figure><img alt="7"><figcaption>Figure 3. Course</figcaption></figure>
<h2>Empty 8</h2><h2>Stop</h2><ul><li>at Hb <7 g/dL<li>after 3 days</ul><script>var x = 9</script></main>
<footer>Page 4</footer>""",
    HEAD + '<meta name="dcterms.issued" content="2023-05-01"><link rel="canonical" href="https://example.org/karst">',
)
TEXT = """Issued in 2023.

Doses

Give 250 mg twice daily.[2]

Table 1
Age | Dose mg | Dose mL
Adult | 5 | 1
Adult | 10 | 2

Adult: 5 mg

Not below 2 years.

Figure 3. Course

Stop

- at Hb <7 g/dL
- after 3 days"""


def test_a_page_is_its_main_text(tmp_path):
    (document,) = read(tmp_path, PAGE)
    assert document == Document(
        "guideline_html:https://example.org/karst",
        "guideline_html",
        "Karst fever: management",
        TEXT,
        "CC-BY-4.0",
        "karst.html:1",
        "en",
        ("struck_out_removed", "note_marks_removed"),
        year=2023,
    )


BODIES = {
    "<p>Give <s>500 mg</s> 250 mg twice daily</p>": "Give 250 mg twice daily",
    "<p>Give <span style='text-decoration: line-through'>500</span> 250 mg</p>": "Give 250 mg",
    "<p>Give <strike>500</strike> <ins>250 mg</ins> twice daily</p>": "Give 250 mg twice daily",
    "<p>Give <del>500 mg</del><ins>250 mg</ins> twice daily</p>": "Give 250 mg twice daily",
    "<p hidden>5</p><p style='display:none'>6</p><p>7</p>": "7",
    "<p>5<sup>1</sup>/<sub>2</sub> tablets, 10<sup>9</sup>/L, CO<sub>2</sub></p>": "5 1/2 tablets, 10^9/L, CO2",
    "<article><header><p>By 3</p></header><p>x</p></article><aside>9</aside>": "By 3\n\nx",
    "<p>One<br>two</p><hr>three": "One\ntwo\n\nthree",
    "<ol start=4><li>Wash<li>Dry<ul><li>5 min</ul></ol>": "- Wash\n- Dry\n  - 5 min",
    "<p>2&#8211;4&nbsp;g, 1&frac12; h, &ge;65 years &times; 3</p>": "2–4 g, 1½ h, ≥65 years × 3",
    f"<p style='{'text-decoration:' * 5_000}'>5</p>": "5",
    "<math><mfrac><mn>1</mn><mn>3</mn></mfrac></math>": "1/3",
}


@pytest.mark.parametrize(("body", "text"), BODIES.items())
def test_bodies(tmp_path, body, text):
    (document,) = read(tmp_path, page(body))
    assert document.text == text


LICENCES = {
    '<a rel="license" href="/x">Open Government Licence v3.0</a>': "Open Government Licence v3.0",
    '<a href="http://creativecommons.org/licenses/by-nc/3.0/">x</a>': "CC-BY-NC-3.0",
    '<meta name="dcterms.rights" content="Public reuse, Board 2023">': "Public reuse, Board 2023",
}


@pytest.mark.parametrize(("markup", "licence"), LICENCES.items())
def test_licences(tmp_path, markup, licence):
    (document,) = read(tmp_path, page(f"<p>5 mg</p>{markup}", ""))
    assert document.licence == licence


def test_the_licence_may_stand_beside_the_page(tmp_path):
    (tmp_path / "LICENCE.txt").write_text("Creative Commons Attribution 4.0 International\n")
    (document,) = read(tmp_path, page("<p>5 mg</p>", ""))
    assert (document.id, document.licence, document.title) == ("guideline_html:karst.html", "CC-BY-4.0", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page("<p>x</p>", ""), "licence_missing"),
        (page("<p>x</p>", HEAD + '<meta name="robots" content="index, noai">'), "licence_forbids"),
        (page("<p>x</p>", HEAD + '<meta name="tdm-reservation" content="1">'), "licence_forbids"),
        (page("<nav>5</nav>"), "no_text"),
        (page("<div>" * 150 + "5"), "malformed"),
        (b"", "malformed"),
    ],
)
def test_refused_pages(tmp_path, content, reason):
    (record,) = read(tmp_path, content)
    assert isinstance(record, Refused) and (record.reason, record.locator.split(":")[0]) == (reason, "karst.html")


def test_an_old_encoding(tmp_path):
    (document,) = read(tmp_path, page("<p>38 °C</p>").replace("utf-8", "latin-1").encode("latin-1"))
    assert document.text == "38 °C"


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError) as error:
        list(READERS["guideline_html"](tmp_path))
    assert error.value.code == ErrorCode.DATA_NOT_FOUND
