"""Prices, budgets, and a meter that never lets more through than the budget allows."""

import random
from decimal import Decimal

import pytest

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.run_folder import ResponseRecord
from training.model_requests import prompt
from training.traces.meter import Meter, Usage
from training.traces.prices import Budget, Tariff, parse_budget, read_tariff

USD = Tariff("USD", Decimal("0.15"), Decimal("0.60"))


def record(inputs, outputs):
    return ResponseRecord("item", 0, "", "", "stop", False, inputs, outputs, 1.0, "")


def prompt_of(number, size=400):
    return prompt({"role": "user", "content": f"{number:>{size}}"})


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("20 USD", Budget(Decimal(20), "USD")),
        ("0.5usd", Budget(Decimal("0.5"), "USD")),
        ("500k tokens", Budget(Decimal(500_000), "tokens")),
        ("2.5M tokens", Budget(Decimal(2_500_000), "tokens")),
        ("1000tokens", Budget(Decimal(1_000), "tokens")),
    ],
)
def test_budgets_as_people_write_them(text, budget):
    assert parse_budget(text, USD) == budget


@pytest.mark.parametrize("text", ["20", "USD", "", "-1 USD", "1e3 USD", "20 $", "20 USD 5", "1,000 USD", "2 m tokens"])
def test_other_texts_are_no_budget(text):
    with pytest.raises(UsageError) as error:
        parse_budget(text, USD)
    assert error.value.code == ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(("text", "tariff"), [("20 EUR", USD), ("20 USD", None)])
def test_a_currency_needs_its_prices(text, tariff):
    with pytest.raises(UsageError) as error:
        parse_budget(text, tariff)
    assert error.value.code == ErrorCode.CONFLICTING_ARGUMENTS


def test_prices_are_exact_to_the_last_digit():
    assert USD.cost(1_000_000, 0) == Decimal("0.15")
    assert USD.cost(3, 7) == Decimal("0.00000465")


@pytest.mark.parametrize(
    "content",
    [
        "currency: USD\nmodels: {openai/a: {input: 1}}",
        "currency: dollars\nmodels: {openai/a: {input: 1, output: 2}}",
        "currency: USD\nmodels: {openai/a: {input: -1, output: 2}}",
        "currency: USD\nmodels: {openai/a: {input: .inf, output: 2}}",
        "currency: USD\nmodels: {openai/b: {input: 1, output: 2}}",
        "- a",
        "",
    ],
)
def test_a_table_that_can_not_be_used_is_refused(tmp_path, content):
    (tmp_path / "prices.yaml").write_text(content)
    with pytest.raises(UsageError) as error:
        read_tariff(tmp_path / "prices.yaml", "openai/a")
    assert error.value.code == ErrorCode.INVALID_ARGUMENT


def test_a_table_names_models_as_the_command_does(tmp_path):
    (tmp_path / "prices.yaml").write_text("currency: EUR\nmodels:\n  openai/a: {input: 0.1, output: 2}\n")
    assert read_tariff(tmp_path / "prices.yaml", "openai/a") == Tariff("EUR", Decimal("0.1"), Decimal("2"))


@pytest.mark.parametrize(("unit", "tariff"), [("tokens", None), ("USD", USD)])
def test_responses_never_exceed_the_budget_and_leave_less_than_one_request(unit, tariff):
    draw = random.Random(1)
    limit = Decimal(20_000) if tariff is None else Decimal("0.01")
    meter = Meter(200, tariff, Budget(limit, unit))
    waiting, in_flight = [prompt_of(number) for number in range(500)], []
    while True:
        while waiting and len(in_flight) < 16 and meter.take(waiting[-1]):
            in_flight.append(waiting.pop())
        if not in_flight:
            break
        sent = in_flight.pop(draw.randrange(len(in_flight)))
        meter.finish_request(sent, None if draw.random() < 0.1 else record(draw.randint(50, 264), draw.randint(1, 200)))
    most = meter.most(prompt_of(0))
    assert most == Usage(264, 200)
    spent, one = (meter.spent.tokens, most.tokens) if tariff is None else (meter.cost, tariff.cost(*most))
    assert limit - one < spent <= limit and waiting


def test_stored_responses_count_and_what_no_server_counted_is_taken_as_the_most():
    meter = Meter(200, USD)
    meter.spend(record(10, 20))
    meter.spend(record(None, 20))
    assert meter.spent == Usage(210, 40) and meter.uncounted == 1
    assert meter.to_json() == {
        "input_tokens": 210,
        "output_tokens": 40,
        "responses_without_counts": 1,
        "cost": "0.000056",
        "currency": "USD",
    }
