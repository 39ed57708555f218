"""Marked-up text as plain text: no number is ever another one than the source's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.corpora.digits import changed_digits
from training.corpora.markup.dialect import Dialect, names
from training.corpora.markup.elements import UnreadableError, parse_html, parse_xml
from training.corpora.markup.flow import render
from training.corpora.markup.source_text import source_text

pytest.importorskip("lxml")

DIALECT = Dialect(
    dropped=names("del gone"),
    formatting=names("b i span a"),
    blocks=names("p div ul ol dl body root"),
    groups=names("figure"),
    headings=names("h1 h2 h3"),
    labels=names("label"),
    notes=names("fn"),
    is_citation=lambda element: element.tag == "xref",
)


def rendered(markup):
    roots = [parse_xml(f'<!DOCTYPE root SYSTEM "absent.dtd"><root>{markup}</root>'.encode())]
    found = render(roots, DIALECT)
    assert changed_digits(source_text(roots, DIALECT), found.text, found.omitted) is None
    return found


LINES = {
    "10<sup>9</sup>/L": "10^9/L",
    "10<sup>-3</sup>": "10^-3",
    "CO<sub>2</sub>": "CO2",
    "<b>2<sup>+</sup></b>": "2^+",
    "<i>p<sub>adj</sub></i> 0.05": "padj 0.05",
    "5<sup>1</sup>/<sub>2</sub>": "5 1/2",
    "5 <sup>1</sup>⁄<sub>2</sub> tablets": "5 1/2 tablets",
    "<sup>1</sup>/<sub>2</sub>5": "1/2 5",
    "CYP2C19<sup>*</sup>2 or CYP2D6<sup>*4</sup>": "CYP2C19*2 or CYP2D6*4",
    "HLA-B<sup>*</sup>57:01": "HLA-B*57:01",
    "12<sup>*</sup> of 30": "12 of 30",
    "20<sup>*</sup>5": "20 5",
    "20<sup>a</sup> mg": "20 mg",
    "20<sup><b>a</b></sup> mg": "20 mg",
    "20<sup>a,b</sup> mg": "20 mg",
    "20 <sup>a</sup> mg": "20 mg",
    "4.5<sup>*</sup>": "4.5",
    "12%<sup>†</sup>": "12%",
    "Group<sup>a</sup>": "Group^a",
    "Ca<sup>2+</sup> and HCO<sub>3</sub><sup>−</sup>": "Ca^2+ and HCO3^−",
    "the 1<sup>st</sup> and 22<sup>nd</sup> day": "the 1st and 22nd day",
    "37<sup>o</sup>C": "37°C",
    "2<sup>n</sup> and 10<sup>x</sup>": "2^n and 10^x",
    "10<sup>2<sup>3</sup></sup>": "10^2^3",
    "x<sup>2 + 1</sup>": "x^(2 + 1)",
    "Drug<sup>®</sup> 5 mg": "Drug® 5 mg",
    "log<sub>10</sub>5": "log10 5",
    "101<sub>2</sub>": "101_2",
    "10<sup>9</sup>5": "10^9 5",
    "1<b>0</b> mg": "10 mg",
    "2<b><i>4</i></b>.<i>5</i> g": "24.5 g",
    "2<gone>3</gone> g": "2 g",
    "Hb &lt;7 g/dL&#160;now": "Hb <7 g/dL now",
    "2&ndash;4&nbsp;g": "2–4 g",
    "pain.<sup><xref>3</xref></sup>": "pain.[3]",
    "pain.<sup><xref>3</xref>,<xref>4</xref>–<xref>6</xref></sup>": "pain.[3,4–6]",
    "pain<sup><xref>3</xref></sup><sup>,</sup><sup><xref>4</xref></sup>": "pain[3],[4]",
    "10<sup><xref>3</xref></sup>": "10[3]",
    "pain <xref>3</xref>.": "pain [3].",
    "pain [<xref>3</xref>, <xref>4</xref>].": "pain [3, 4].",
    "pain (<xref>Karst 2003</xref>)": "pain (Karst 2003)",
    "[<xref>1</xref><xref>2</xref>]": "[1; 2]",
    "Karst<xref><sup>7</sup></xref>": "Karst[7]",
    "<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> x": "1/2 x",
    "<math><msup><mn>10</mn><mi>a</mi></msup></math>": "10^a",
    "<math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup><mo>=</mo><mn>4</mn></math>": "x1^2 = 4",
    "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><msqrt><mn>2</mn></msqrt></mfrac></math>": (
        "(a + 1)/(√(2))"
    ),
}


@pytest.mark.parametrize(("markup", "text"), LINES.items())
def test_a_line_shows_what_the_source_shows(markup, text):
    assert rendered(f"<p>{markup}</p>").text == text


def test_note_marks_are_counted():
    assert rendered("<p>20<sup>a</sup> or 30<sup>b</sup> mg<sup>2</sup></p>").note_marks == 2


BLOCKS = {
    "<h1>Doses</h1><p>One</p><p>Two</p>": "Doses\n\nOne\n\nTwo",
    "<h1>A</h1><h2>B 1</h2><h2>C</h2><p>x</p><h1>D 2</h1>": "A\n\nC\n\nx",
    "<ul><li>5 mg</li><li><p>10 mg</p><ul><li>once</li></ul></li></ul>": "- 5 mg\n- 10 mg\n  - once",
    "<dl><dt>Adult</dt><dd>5 mg</dd><dt>Child</dt><dd>2 mg</dd></dl>": "Adult: 5 mg\nChild: 2 mg",
    "<dl><dt>Adult</dt><dt>Elderly</dt><dd>5 mg</dd><dd>10 mg</dd></dl>": "Adult, Elderly: 5 mg; 10 mg",
    "<dl><dt>Adult:</dt><dd><p>5 mg</p><p>daily</p></dd></dl><p>x</p>": "Adult: 5 mg; daily\n\nx",
    "<dl><dt>Adult</dt></dl><p>5</p><dl><dd>6</dd></dl>": "Adult\n\n5\n\n6",
    "<p>Take 5<fn><label>a</label><p>Or 6.</p></fn> mg.</p>": "Take 5 mg.\n\na Or 6.",
    "loose <p>x</p> ends": "loose\n\nx\n\nends",
}


@pytest.mark.parametrize(("markup", "text"), BLOCKS.items())
def test_paragraphs_lists_and_definitions(markup, text):
    assert rendered(markup).text == text


SPANS = """<table><thead>
<tr><th rowspan="2">Drug</th><th colspan="2">Dose</th></tr><tr><th>mg</th><th>mL</th></tr></thead>
<tbody><tr><td rowspan="3">Karstol</td><td>5</td><td>1</td></tr><tr><td colspan="2">10</td></tr>
<tr><td>15</td><td>3</td></tr></tbody></table>"""


def test_spanned_cells_stand_wherever_they_span():
    expected = ["Drug | Dose mg | Dose mL", "Karstol | 5 | 1", "Karstol | 10 | 10", "Karstol | 15 | 3"]
    assert rendered(SPANS).text.split("\n") == expected


TABLES = {
    "<tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr>": "A | B\n1 | 2",
    "<tr><th>Adult</th><td>1</td></tr><tr><th>Child</th><td>2</td></tr>": "Adult | 1\nChild | 2",
    "<tr><th>A</th><th>B</th></tr><tr><td colspan='2'>Adults 18</td></tr><tr><td>1</td><td/></tr>": (
        "A | B\nAdults 18\n1 |"
    ),
    "<caption>Doses 3</caption><tfoot><tr><td>n 9</td></tr></tfoot><tbody><tr><td>1<br/>2</td></tr></tbody>": (
        "Doses 3\n1 2\nn 9"
    ),
    "<tr><td rowspan='0'>1</td><td>2</td></tr><tr><td>3</td></tr>": "1 | 2\n1 | 3",
    "<tr><td rowspan='99'>1</td><td>2</td></tr><tr><td>3</td></tr>": "1 | 2\n1 | 3",
    "<tr><td><ul><li>5</li><li>6</li></ul></td><td><p>7</p><p>8</p></td></tr>": "5; 6 | 7; 8",
    "<tr><td>10<sup>9</sup></td><td>20<sup>a</sup></td></tr>": "10^9 | 20",
    "<tr><td>1</td><td><table><tr><td>2</td><td>3</td></tr></table></td></tr>": "1 | 2 | 3",
}


@pytest.mark.parametrize(("rows", "text"), TABLES.items())
def test_tables_are_rows(rows, text):
    assert rendered(f"<table>{rows}</table>").text == text


def test_a_group_is_one_paragraph():
    table = "<label>Table 1</label><p>Doses</p><table><tr><td>5</td></tr></table><fn><label>a</label><p>Or 6</p></fn>"
    assert rendered(f"<p>x</p><figure>{table}</figure><p>y</p>").text == "x\n\nTable 1. Doses\n5\na Or 6\n\ny"


@pytest.mark.parametrize(
    "content",
    [
        b"<root><p></root>",
        b'<!DOCTYPE root [<!ENTITY a "5">]><root>&a;</root>',
        b'<!DOCTYPE root [<!ENTITY a SYSTEM "file:///etc/hostname">]><root>&a;</root>',
        b'<!DOCTYPE root SYSTEM "absent.dtd"><root>&nosuchname;</root>',
        b"<root>" + b"<p>" * 150 + b"</p>" * 150 + b"</root>",
        b"<root><table><tr>" + b"<td colspan='999' rowspan='65000'/>" * 300 + b"</tr></table></root>",
    ],
)
def test_what_cannot_be_read_says_where(content):
    with pytest.raises(UnreadableError) as error:
        render([parse_xml(content)], DIALECT)
    assert error.value.line >= 1


TAGS = ["b", "i", "sup", "sub", "xref", "span", "p", "ul", "li", "dt", "dd", "fn", "label", "h2", "figure", "gone"]
OPENING = {tag: (f"<{tag}>", f"</{tag}>") for tag in TAGS}
OPENING["table"] = ("<table><tr><td rowspan='2'>", "</td></tr></table>")
TEXTS = ["2", "40", "1,000", "3.5", " ", " mg", ".", " (", ") ", "/", "–", "a", "&nbsp;"]


def nested(tokens):
    """Return tokens as well-formed mark-up, whatever their order."""
    found, ends = [], []
    for token in tokens:
        if token in OPENING:
            found.append(OPENING[token][0])
            ends.append(OPENING[token][1])
        elif token == "end":
            found.append(ends.pop() if ends else "")
        elif token in ("cell", "row"):
            inside = bool(ends) and ends[-1].startswith("</td>")
            found.append("</td><td colspan='2'>" if inside and token == "cell" else "")
            found.append("</td></tr><tr><td>" if inside and token == "row" else "")
        else:
            found.append(token)
    return "".join(found + ends[::-1])


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*OPENING, *TEXTS, *TEXTS, "end", "end", "end", "cell", "row", "<br/>"]), max_size=25))
def test_no_markup_ever_changes_a_number(tokens):
    rendered(nested(tokens))


def test_html_is_read_as_browsers_read_it():
    root = parse_html(b"<p>Hb <7 g/dL and x<5 &lt;3<p>two<table><tr><td>1<td>2</table>")
    assert render([root], DIALECT).text == "Hb <7 g/dL and x<5 <3\n\ntwo\n\n1 | 2"


def test_raised_text_with_tables_in_one_another_is_read_once():
    depth = 40
    table = "x<table><tr><td>7</td></tr></table>"
    found = rendered(f"<p>a{f'<sup>{table}' * depth}{'</sup>' * depth}</p>")
    assert found.text.count("7") == depth


@pytest.mark.parametrize("mark", ["*" * 5_000, "a," * 5_000 + "b", "a" + " " * 5_000 + "1"])
def test_a_long_mark_behind_a_number(mark):
    assert rendered(f"<p>20<sup>{mark}</sup> mg</p>").text.startswith("20")


def test_cells_that_fill_gigabytes_by_their_spans_are_refused():
    rows = "<tr><td>5</td></tr>" * 500
    table = f"<table><tr><td rowspan='501'>{'dose ' * 20_000}</td><td>5</td></tr>{rows}</table>"
    with pytest.raises(UnreadableError):
        rendered(table)
