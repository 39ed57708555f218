"""Health topics of MedlinePlus: HTML inside of XML."""

from html import escape

import pytest

from training.corpora.documents import Document, Refused
from training.corpora.readers import READERS

pytest.importorskip("lxml")


def topic(summary, attributes='id="901" language="English" date-created="02/03/2016"'):
    return (
        f'<health-topic title="Karst fever" url="https://example.org/k.html" {attributes}>'
        f'<also-called>K 7</also-called><full-summary>{escape(summary)}</full-summary><site title="A 9" url="https://example.org"/></health-topic>'
    )


def read(tmp_path, *topics):
    lines = "\n".join(topics)
    (tmp_path / "topics.xml").write_text(f'<?xml version="1.0"?>\n<health-topics total="2">\n{lines}\n</health-topics>')
    return list(READERS["medlineplus"](tmp_path / "topics.xml"))


def test_topics_in_both_languages(tmp_path):
    english = topic(
        "<h3>What is it?</h3><p>A fever above 38&nbsp;&deg;C.</p><ul><li>1 in 10</li><li>2 &lt; 3</li></ul>"
    )
    spanish = topic("<p>¿Qué es? Fiebre de 38&nbsp;°C.</p>", 'id="902" language="Spanish"')
    assert read(tmp_path, english, spanish) == [
        Document(
            "medlineplus:901",
            "medlineplus",
            "Karst fever",
            "What is it?\n\nA fever above 38 °C.\n\n- 1 in 10\n- 2 < 3",
            "LicenseRef-public-domain",
            "topics.xml:3",
            "en",
            (),
            year=2016,
        ),
        Document(
            "medlineplus:902",
            "medlineplus",
            "Karst fever",
            "¿Qué es? Fiebre de 38 °C.",
            "LicenseRef-public-domain",
            "topics.xml:4",
            "es",
            (),
        ),
    ]


SUMMARIES = {
    "<p>Take <del>500</del><ins>250</ins> mg.</p>": "Take 250 mg.",
    "<p>10<sup>9</sup> and H<sub>2</sub>O</p>": "10^9 and H2O",
    "plain text 5": "plain text 5",
}


@pytest.mark.parametrize(("summary", "text"), SUMMARIES.items())
def test_summaries(tmp_path, summary, text):
    (document,) = read(tmp_path, topic(summary))
    assert document.text == text


@pytest.mark.parametrize(
    ("broken", "reason"),
    [(topic(""), "no_text"), (topic("<p> </p>"), "no_text"), (topic("<p>5</p>", ""), "missing_id")],
)
def test_a_topic_that_is_refused_leaves_the_others(tmp_path, broken, reason):
    refused, document = read(tmp_path, broken, topic("<p>x</p>"))
    assert isinstance(refused, Refused) and (refused.reason, refused.locator) == (reason, "topics.xml:3")
    assert document.text == "x"


def test_another_kind_of_file(tmp_path):
    (tmp_path / "topics.xml").write_text("<topics/>")
    (record,) = READERS["medlineplus"](tmp_path)
    assert (record.reason, record.locator) == ("malformed", "topics.xml:1")
