"""Quantities as charts write them: each is read as it is meant, or refused under its reason."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.traces.quantities import Quantity, Refusal, convert, read_quantity
from training.traces.quantities.quantity import hydrogen_from_ph
from training.traces.quantities.units import REFUSED, SPELLINGS, registry

LINES = (Path(__file__).parent / "quantities.tsv").read_text("utf-8").splitlines()
ROWS = [tuple((line + "\t\t\t").split("\t")[:4]) for line in LINES[1:] if not line.startswith("#")]
UNITS = {"K0": None, "ratio%": "%"}


@pytest.mark.parametrize(("text", "substance", "unit", "value"), ROWS)
def test_the_table_of_quantities(text, substance, unit, value):
    read = read_quantity(text, substance or None)
    if unit.startswith("!"):
        assert isinstance(read, Refusal) and read.reason == unit[1:]
        return
    assert isinstance(read, Quantity), read
    target = UNITS.get(unit, unit)
    converted = read if target is None else convert(read, target)
    if value.startswith("!"):
        assert isinstance(converted, Refusal) and converted.reason == value[1:]
    else:
        assert isinstance(converted, Quantity), converted
        assert converted.value == pytest.approx(float(value), rel=1e-6)


def test_the_table_has_three_hundred_quantities():
    assert len(ROWS) >= 300 and len(set(ROWS)) == len(ROWS)


@pytest.mark.parametrize(
    ("text", "relation"),
    [("<5 mg", "<"), ("≥ 3 mg", ">="), ("≤ 1 mg", "<="), ("> 2 mg", ">"), ("~2 mg", "="), ("2 mg", "=")],
)
def test_a_bound_is_no_value(text, relation):
    assert read_quantity(text).relation == relation


def test_a_clearance_converts_with_the_patients_surface():
    normalised = read_quantity("60 mL/min/1.73 m2")
    assert convert(normalised, "mL/min", body_surface=2.0).value == pytest.approx(69.364, abs=0.001)


def test_the_hydrogen_ions_of_a_ph():
    assert hydrogen_from_ph(7.40) == pytest.approx(39.8, abs=0.05)


def test_every_spelling_is_a_unit_of_the_registry_and_none_is_also_refused():
    assert not SPELLINGS.keys() & REFUSED.keys()
    for spelling in SPELLINGS:
        assert isinstance(read_quantity(f"1 {spelling}"), Quantity), spelling


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIKLMNOPRSTUVW"), min_size=1, max_size=8))
def test_a_token_that_is_not_listed_gives_no_number(token):
    read = read_quantity(f"3 {token}")
    if isinstance(read, Quantity):
        known = {*SPELLINGS, "C", "F", "Celsius", "Fahrenheit"}
        assert token in known or token.removeprefix("deg") in known


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    read = read_quantity(text)
    assert isinstance(read, Quantity | Refusal)
    if isinstance(read, Quantity):
        registry().Quantity(1.0, read.unit)
        assert not math.isnan(read.value)
