"""Guidelines as PDF: paragraphs, ruled tables as rows, and no number that two extractions read in two ways."""

import pytest

from evalsuite.errors import DataError, ErrorCode
from training.corpora.documents import Document, Refused
from training.corpora.readers import READERS

pytest.importorskip("pdfplumber")


def pdf(*pages, info="/Title (Karst fever)"):
    """Return a PDF whose pages are lists of `(x, y, size, text)` and of filled boxes `(x, y, width, height)`."""
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en-GB) >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< {info} >>".encode(),
    ]
    for number, parts in enumerate(pages):
        content = "\n".join(
            f"BT /F1 {part[2]} Tf {part[0]} {part[1]} Td ({part[3]}) Tj ET"
            if isinstance(part[3], str)
            else "{:g} {:g} {:g} {:g} re f".format(*part)
            for part in parts
        ).encode("cp1252")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {6 + 2 * number} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    found, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(found))
        found += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = "".join(f"{place:010} 00000 n \n" for place in places).encode()
    size, start = len(objects) + 1, len(found)
    return (
        found
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
        + (b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start))
    )


def read(tmp_path, content, licence="CC BY 4.0"):
    (tmp_path / "karst.pdf").write_bytes(content)
    if licence:
        (tmp_path / "LICENCE").write_text(licence)
    return list(READERS["guideline_pdf"](tmp_path))


def text_of(tmp_path, *pages):
    (document,) = read(tmp_path, pdf(*pages))
    assert isinstance(document, Document), document
    return document.text


def lines(*texts, top=700, x=50, size=10):
    return [(x, top - 12 * number, size, text) for number, text in enumerate(texts)]


def test_a_document(tmp_path):
    (document,) = read(tmp_path, pdf(lines("Take 250 mg twice", "daily for 10 days.")))
    assert document == Document(
        "guideline_pdf:karst.pdf",
        "guideline_pdf",
        "Karst fever",
        "Take 250 mg twice daily for 10 days.",
        "CC-BY-4.0",
        "karst.pdf:1",
        "en-GB",
        (),
    )


def test_raised_and_lowered_numbers(tmp_path):
    page = [(50, 700, 10, "Above 10"), (92.3, 704, 7, "9"), (96.2, 700, 10, "/L, CO"), (125.1, 697, 7, "2")]
    page += [(129, 700, 10, " and 20"), (162.4, 704, 7, "a"), (166.3, 700, 10, " mg")]
    assert text_of(tmp_path, page) == "Above 10^9/L, CO2 and 20 mg"


def test_headings_and_paragraphs(tmp_path):
    page = [
        (50, 730, 16, "Doses"),
        *lines("Adults take 5 mg.", top=700),
        *lines("Children take 2 mg", "or 3 mg.", top=660),
    ]
    assert text_of(tmp_path, page) == "Doses\n\nAdults take 5 mg.\n\nChildren take 2 mg or 3 mg."


def test_hyphens_at_the_end_of_lines(tmp_path):
    page = lines("This is hypo-", "tension at 10-", "20 mmHg, a well-", "known sign, and well-known signs", "are many.")
    assert (
        text_of(tmp_path, page)
        == "This is hypotension at 10-20 mmHg, a well-known sign, and well-known signs are many."
    )


def test_headers_and_footers_of_many_pages_are_left_out(tmp_path):
    pages = [
        [(50, 780, 8, "Karst Board 2024"), *lines(f"Text {number + 7} is here."), (280, 20, 8, f"Page {number} of 3")]
        for number in range(3)
    ]
    assert text_of(tmp_path, *pages) == "Text 7 is here.\n\nText 8 is here.\n\nText 9 is here."


def test_text_that_goes_on_into_the_margin_stays(tmp_path):
    page = lines(*(f"Line {number} of the same text" for number in range(60, 0, -1)), top=760)
    assert text_of(tmp_path, page, page).count("Line 1 of") == 2


def grid(columns, rows):
    """Return the rules of a table by its edges."""
    across = [(columns[0], row, columns[-1] - columns[0], 0.5) for row in rows]
    return across + [(column, rows[-1], 0.5, rows[0] - rows[-1]) for column in columns]


def test_a_ruled_table_is_rows(tmp_path):
    cells = [["Drug", "mg"], ["Karstol", "5"], ["Calcidol", "10"]]
    texts = [(55 + 100 * x, 685 - 20 * y, 10, text) for y, row in enumerate(cells) for x, text in enumerate(row)]
    page = [*lines("Before.", top=740), *grid([50, 150, 250], [700, 680, 660, 640]), *texts, *lines("After.", top=600)]
    assert text_of(tmp_path, page) == "Before.\n\nDrug | mg\nKarstol | 5\nCalcidol | 10\n\nAfter."


def test_spanned_cells_and_two_header_rows(tmp_path):
    rules = [
        *grid([50, 150], [700, 660, 620]),
        *grid([150, 200, 250], [680, 660, 640, 620]),
        (150, 700, 100, 0.5),
        (250, 680, 0.5, 20),
    ]
    texts = [(55, 675, "Drug"), (155, 685, "Dose"), (155, 665, "mg"), (205, 665, "mL"), (55, 635, "Karstol")]
    texts += [(155, 645, "5"), (205, 645, "1"), (155, 625, "10"), (205, 625, "2")]
    page = [*rules, *((x, y, 10, text) for x, y, text in texts)]
    assert text_of(tmp_path, page) == "Drug | Dose mg | Dose mL\nKarstol | 5 | 1\nKarstol | 10 | 2"


def test_struck_out_text_is_left_out(tmp_path):
    page = [
        (50, 700, 10, "Give "),
        (73.3, 700, 10, "500 mg"),
        (73.3, 703, 34.5, 0.6),
        (110.6, 700, 10, "250 mg twice daily"),
    ]
    (document,) = read(tmp_path, pdf(page))
    assert (document.text, document.status) == ("Give 250 mg twice daily", ("struck_out_removed",))


def test_columns_without_rules_stay_apart(tmp_path):
    page = [(50, 700, 10, "Karstol"), (200, 700, 10, "5 mg"), (50, 688, 10, "Calcidol"), (200, 688, 10, "10 mg")]
    assert text_of(tmp_path, page) == "Karstol | 5 mg\n\nCalcidol | 10 mg"


@pytest.mark.parametrize(
    ("content", "licence", "reason"),
    [
        (pdf(lines("5 mg")), "", "licence_missing"),
        (pdf([]), "CC0", "no_text"),
        (b"%PDF-1.7\n", "CC0", "malformed"),
        (b"no PDF", "CC0", "malformed"),
    ],
)
def test_refused_documents(tmp_path, content, licence, reason):
    (record,) = read(tmp_path, content, licence)
    assert isinstance(record, Refused) and (record.reason, record.locator) == (reason, "karst.pdf:1")


def test_text_that_is_printed_twice_to_look_bold_stands_once(tmp_path):
    assert text_of(tmp_path, [(50, 700, 10, "Take 250 mg"), (50.3, 700, 10, "Take 250 mg")]) == "Take 250 mg"


def test_numbers_that_two_extractions_read_differently_are_refused(tmp_path):
    """Whether the gap between the digits is a space, the two libraries decide differently."""
    (record,) = read(tmp_path, pdf([(50, 700, 10, "1"), (57.46, 700, 10, "2")]))
    assert isinstance(record, Refused) and record.reason == "digits_changed"


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError) as error:
        list(READERS["guideline_pdf"](tmp_path))
    assert error.value.code == ErrorCode.DATA_NOT_FOUND
