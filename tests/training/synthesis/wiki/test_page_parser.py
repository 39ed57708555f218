"""A page that takes the parser too long, or ends it, is refused alone."""

import os
import signal

import pytest

from training.synthesis.wiki.page import Page, Site
from training.synthesis.wiki.page_parser import LARGEST_TEXT, PageParser

pytest.importorskip("mwparserfromhell")


def page(text):
    return Page("Karst fever", "1", "2", "", "", text, 1)


LONG = page("Karst fever is [[rare]], {{as it|seems|so=far}}, and ''this'' goes on.\n\n" * 2000)
SHORT = page("{{Infobox disease|symptoms=[[Echo]]}} Karst fever is rare.")


def test_a_page_beyond_its_processor_time_is_refused_and_the_next_is_read():
    with PageParser(seconds=0.02) as parser, pytest.raises(ValueError):
        parser.read(LONG, Site())
    with PageParser() as parser:
        assert parser.read(SHORT, Site()).sections[0].sentences == ("Karst fever is rare.",)
        os.kill(parser._child.pid, signal.SIGKILL)
        with pytest.raises(ValueError):
            parser.read(SHORT, Site())
        assert parser.read(SHORT, Site()).box.items[0].text == "Echo"
        with pytest.raises(ValueError):
            parser.read(page("x" * (LARGEST_TEXT + 1)), Site())


def test_the_process_ends_with_its_parent():
    with PageParser() as parser:
        parser.read(SHORT, Site())
        child = parser._child
    assert child.returncode == 0
