#!/bin/sh
# Package:   pypdf 7.1.1, pypdfium2 5.15.2, pdfplumber 0.11.10, on a PDF that reportlab 5.1.0 writes.
# Guess:     a raised number is separated from the one before it, or at least stands behind it in its line.
# Behaviour: "10^9/L" is "109/L" in pypdf and PDFium, and "10 /L" below a line "9" in pdfplumber's extract_text. A dose with a line
#            through it, which readers of the page know to be withdrawn, is extracted like any other text by all three.
# Seen:      pypdf: "above 109/L"; pypdfium2: "above 109\r\n/L"; pdfplumber: "9\nabove 10 /L"; "Give 500 mg 250 mg" in each.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q pypdf==7.1.1 pypdfium2==5.15.2 pdfplumber==0.11.10 reportlab==5.1.0

cat > show.py <<'PY'
import pdfplumber
import pypdf
import pypdfium2
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate

style = getSampleStyleSheet()["BodyText"]
texts = ["above 10<super>9</super>/L", "Give <strike>500 mg</strike> 250 mg"]
SimpleDocTemplate("page.pdf").build([Paragraph(text, style) for text in texts])
with pdfplumber.open("page.pdf") as pdf:
    plumbed = pdf.pages[0].extract_text()
seen = {
    "pypdf": pypdf.PdfReader("page.pdf").pages[0].extract_text(),
    "pypdfium2": pypdfium2.PdfDocument("page.pdf")[0].get_textpage().get_text_range(),
    "pdfplumber": plumbed,
}
for name, text in seen.items():
    print(f"{name}: {text!r}")
fused = "above 109" in seen["pypdf"] and "above 109" in seen["pypdfium2"] and "9\nabove 10 /L" in seen["pdfplumber"]
kept = all("500 mg" in text for text in seen.values())
raise SystemExit(0 if fused and kept else 1)
PY
env/bin/python show.py
