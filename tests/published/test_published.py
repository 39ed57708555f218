"""Published scores: each is in its document, and inconsistencies of a table are found from its values alone."""

import json
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalsuite import published
from evalsuite.data.load import load as load_data
from evalsuite.errors import BaselineError, ErrorCode, UsageError
from evalsuite.published import grim
from evalsuite.published.consistency import check
from evalsuite.stats.intervals import wilson
from evalsuite.tasks.registry import load_task

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
SEEDS = {"reason-med": "000_*.txt", "fleming-r1": "001_*.txt"}
needs_seeds = pytest.mark.skipif(not (SHARED / "seeds").is_dir(), reason="needs ../shared/seeds")
needs_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs ../shared/data")


def seed(name):
    return next((SHARED / "seeds").glob(SEEDS[name])).read_text("utf-8")


def document(name):
    return next(d for d in published.documents() if d.name == name)


def findings(name):
    return check([document(name)])


# Arithmetic, against brute force.

percent = st.integers(0, 10_000).map(lambda v: f"{v / 100:.2f}") | st.integers(0, 1000).map(lambda v: f"{v / 10:.1f}")


def brute(printed, n):
    """Every count of items, printed, with a half rounded either way."""
    step = Fraction(1, 10 ** len(printed.partition(".")[2]))
    found = []
    for k in range(n + 1):
        exact = Fraction(100 * k, n) / step
        nearest = {math.floor(exact + Fraction(1, 2)), math.ceil(exact - Fraction(1, 2))}
        if Fraction(printed) / step in nearest:
            found.append(k)
    return found


@settings(max_examples=150)
@given(printed=percent, n=st.integers(1, 700))
def test_grim_is_what_trying_every_count_finds(printed, n):
    assert list(grim.counts(printed, n)) == brute(printed, n)
    assert grim.fits(printed, n) == bool(brute(printed, n))


@settings(max_examples=100)
@given(printed=percent, n=st.integers(1, 700))
def test_cutting_digits_off_is_what_trying_every_count_finds(printed, n):
    digits = len(printed.partition(".")[2])
    cut = {Fraction(100 * k * 10**digits // n, 10**digits) for k in range(n + 1)}
    assert grim.truncated(printed, n) == (Fraction(printed) in cut)


@settings(max_examples=40)
@given(n=st.integers(1, 900), digits=st.integers(1, 2))
def test_the_share_of_fitting_percentages_is_a_count_of_them(n, digits):
    scale = 10**digits
    fitting = sum(grim.fits(f"{v / scale:.{digits}f}", n) for v in range(1, 100 * scale + 1))
    # A half may have been rounded either way, so that some counts print as two percentages.
    halves = sum((200 * scale * k) % (2 * n) == n for k in range(n + 1))
    assert fitting - halves <= grim.share(n, digits) * 100 * scale <= fitting


@pytest.mark.parametrize("n, coarse", [(1000, 500), (1000, 250), (818, 409), (5621, 803), (1273, 67)])
def test_the_chance_of_a_granularity_is_a_count_of_items(n, coarse):
    both = sum(grim.fits(f"{100 * k / n:.2f}", coarse) for k in range(1, n + 1))
    assert grim.coarse_share(n, coarse, 2) == Fraction(both, n)


def test_ten_multiples_of_a_fifth_are_one_in_1024_at_a_thousand():
    ten = ["76.00", "78.20", "80.40", "77.00", "79.80", "75.20", "77.40", "73.60", "78.60", "74.00"]
    assert grim.granularity(ten, 1000) == (500, Fraction(1, 1024))
    assert grim.granularity(ten[:9], 1000) is None  # 1 in 512 is no finding
    assert grim.granularity([*ten[:9], "74.10"], 1000) is None


# The numbers, against the documents.


@needs_seeds
@pytest.mark.parametrize("name", SEEDS)
def test_every_value_is_printed_in_its_document(name):
    text = Counter(re.findall(r"\d+(?:\.\d+)?", seed(name)))
    recorded = Counter(f.printed.lstrip("+-") for f in document(name).reported_values())
    assert {p: (n, text[p]) for p, n in recorded.items() if text[p] < n} == {}


@needs_seeds
@pytest.mark.parametrize("table", ["Table 1", "Table 2"])
def test_every_row_of_the_tables_of_fleming_is_cell_for_cell_the_documents(table):
    ours = next(t for t in document("fleming-r1").tables if t.name == table)
    lines = re.sub(r"</?b>", "", seed("fleming-r1").split(f"{table}: ", 1)[1]).splitlines()
    rows = [re.findall(r"(?<=[\t ])[+]?\d+\.\d+(?!\d*B)", line) for line in lines if "\t" in line]
    rows, labels = zip(
        *[(r, line) for r, line in zip(rows, [x for x in lines if "\t" in x], strict=True) if r], strict=True
    )
    assert [row.values.split() for row in ours.rows] == list(rows[: len(ours.rows)])
    for row, line in zip(ours.rows, labels, strict=False):
        assert re.sub(r"^(7|32)B ", "", row.name) in line


@needs_seeds
def test_the_sizes_and_options_of_fleming_are_those_of_its_table_4():
    tail = seed("fleming-r1").split("Table 4: ", 1)[1]
    stated = {
        row[0].replace("(", "").replace(")", ""): (int(row[2].split("-")[0]), int(row[3].replace(",", "")))
        for row in (line.split("\t") for line in tail.splitlines())
        if len(row) == 4 and row[3].replace(",", "").isdigit()
    }
    assert len(stated) == 8
    for column in document("fleming-r1").columns.values():
        match = [facts for name, facts in stated.items() if name.startswith(column.heading)]
        assert match == ([(column.options_stated, column.n_stated)] if column.n_stated else [])


@needs_seeds
@pytest.mark.parametrize("name", SEEDS)
def test_differences_and_claims_are_printed_in_the_document(name):
    text = re.sub(r"[−–]", "-", " ".join(re.sub(r"\[\d+\]", "", re.sub(r"(?m)^\d{3}\s", "", seed(name))).split()))
    for difference in document(name).differences:
        assert difference.value in text, difference
    for claim in document(name).claims:
        assert claim.text.lower() in text.lower(), claim


@needs_data
def test_298_is_the_number_of_distinct_medbullets_questions():
    for name in ("medbullets_op4", "medbullets_op5"):
        items = load_data(load_task(name), SHARED / "data").items
        assert (len(items), len({item.group or item.id for item in items})) == (308, 298)


def test_every_value_names_its_source_and_none_was_measured_here():
    for value in published.load():
        assert value.source.title and value.source.authors and value.source.date and value.locator
        assert value.measured_here is False
        assert value.seen == ("document" if value.document in SEEDS else "quoted")
        assert value.seen == "document" or value.source.url


def test_the_tables_of_fleming_are_complete():
    tables = {t.name: t for t in document("fleming-r1").tables}
    assert (len(tables["Table 1"].rows), len(tables["Table 1"].columns)) == (11, 9)
    assert (len(tables["Table 2"].rows), len(tables["Table 2"].keys)) == (7, 11)


# What a report selects.


def test_the_column_of_a_lineage_for_a_task_has_each_model_once_with_its_interval():
    column = published.once(published.find_values(task="pubmedqa", lineage="fleming"))
    names = [f.name for f in column]
    assert len(names) == len(set(names)) == 14
    top = next(f for f in column if f.name == "Fleming-R1-32B")
    assert (top.printed, top.n) == ("80.40", 500)  # not 80.4 of Table 2, and never narrower than 1,000 would be
    assert top.estimate == wilson(0.804 * 500, 500)
    assert {f.lineage for f in published.find_values(lineage="fleming")} == {"fleming"}
    assert {f.lineage for f in published.find_values(task="medqa")} > {"fleming", "huatuo-m1-ii"}
    with pytest.raises(UsageError) as caught:
        published.find_values(lineage="flemming")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT and "flemming" in str(caught.value)


def test_values_that_are_no_share_of_items_have_no_interval():
    for value in published.load():
        assert (value.estimate is None) == (value.n is None)
        assert value.metric == "accuracy" or value.n is None


# The three facts, and what else is there.


def test_flemings_medbullets_fit_298_and_not_308():
    found = [f for f in findings("fleming-r1") if f.where == "Table 1, column Medbullets"]
    assert [f.kind for f in found] == ["items"]
    assert "fit n = 298 and not 308" in found[0].what


def test_298_is_found_even_if_the_file_does_not_name_it(tmp_path):
    facts = yaml.safe_load((ROOT / "baselines/published/fleming-r1.yaml").read_text())
    del facts["columns"]["medbullets"]["plausible_n"]
    found = check([written(tmp_path, facts)])
    what = next(f.what for f in found if f.where == "Table 1, column Medbullets")
    assert "none of the plausible n (308)" in what and what.endswith("all of them fit n = 298")


def test_flemings_pubmedqa_has_the_granularity_of_500():
    found = [f for f in findings("fleming-r1") if f.where == "Table 1, column PubMedQA"]
    assert [f.kind for f in found] == ["granularity"]
    assert "granularity of 500, not of 1,000" in found[0].what and "1 in 1,024" in found[0].what


def test_huatuos_pubmedqa_fits_neither_and_its_average_says_what_it_should_be():
    found = [f for f in findings("fleming-r1") if "HuatuoGPT-O1-7B" in f.where]
    assert {f.kind for f in found} == {"items", "average"}
    items, average = sorted(found, key=lambda f: f.kind, reverse=True)
    assert "64.46 fits neither n = 500 nor 1,000" in items.what
    assert "of 500 items that is 64.60, 323 items" in average.arithmetic


def test_values_below_a_four_option_chance_are_found():
    found = [f for f in findings("fleming-r1") if f.kind == "chance"]
    assert [f.where for f in found] == ["column MedXpertQA"]
    assert any("medxpertqa has 10 options" in line for line in found[0].arithmetic)


def test_medreasons_average_is_a_point_too_high():
    found = [f for f in findings("ii-medical-8b") if f.kind == "average" and "Med-reason" in f.where]
    assert "58.92, not 59.92" in found[0].what and len(found) == 1


# Planted errors, and tables without any.


def written(folder, facts, name="table.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(facts, sort_keys=False))
    return published.read(path)


SIZES = {"medqa": 1273, "medmcqa": 4183, "medbullets_op4": 308, "mmlu_pro_health": 818, "pubmedqa_1000": 1000}


def table(rng, models=9):
    """A clean table: counts of items, printed; averages of the exact values, printed."""
    columns = {
        name: {"heading": name, "task": name, "n_stated": n, "options_stated": 3 if name == "pubmedqa_1000" else 4}
        for name, n in SIZES.items()
    }
    rows = []
    for index in range(models):
        exact = [Fraction(100 * rng.randrange(n // 2, n), n) for n in SIZES.values()]
        mean = sum(exact) / len(exact)
        values = " ".join(f"{float(v):.2f}" for v in [*exact, mean])
        rows.append({"model": f"m{index}", "values": values})
    one = {"name": "Table 1", "columns": list(SIZES), "average": "Avg.", "rows": rows}
    source = {"title": "T", "authors": "A", "date": "2025"}
    return {"source": source, "seen": "quoted", "lineage": "x", "columns": columns, "tables": [one]}


def planted(facts, row, column, value):
    cells = facts["tables"][0]["rows"][row]["values"].split()
    cells[list(SIZES).index(column) if column in SIZES else len(SIZES)] = value
    facts["tables"][0]["rows"][row]["values"] = " ".join(cells)


def print_of(count, n):
    return f"{100 * count / n:.2f}"


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_a_clean_table_gives_no_finding(tmp_path_factory, seed):
    facts = table(random.Random(seed))
    column = [row["values"].split()[-2] for row in facts["tables"][0]["rows"]]
    assume(grim.granularity(column, 1000) is None)
    assert check([written(tmp_path_factory.mktemp("clean"), facts)]) == ()


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_value_that_is_no_count_of_items_is_found(tmp_path_factory, seed):
    rng = random.Random(seed)
    facts = table(rng)
    wrong = rng.choice([f"{v / 100:.2f}" for v in range(5000, 9900) if not grim.fits(f"{v / 100:.2f}", 818)])
    planted(facts, 3, "mmlu_pro_health", wrong)
    del facts["tables"][0]["average"]
    for row in facts["tables"][0]["rows"]:
        row["values"] = " ".join(row["values"].split()[:-1])
    found = [f for f in check([written(tmp_path_factory.mktemp("grim"), facts)]) if f.kind == "items"]
    assert [(f.where, wrong in f.what) for f in found] == [("Table 1, row m3, column mmlu_pro_health", True)]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), points=st.sampled_from([-1.0, -0.1, -0.02, 0.02, 0.05, 1.0]))
def test_an_average_that_does_not_re_add_is_found(tmp_path_factory, seed, points):
    facts = table(random.Random(seed))
    printed = float(facts["tables"][0]["rows"][2]["values"].split()[-1])
    planted(facts, 2, "average", f"{printed + points:.2f}")
    found = [f for f in check([written(tmp_path_factory.mktemp("mean"), facts)]) if f.kind == "average"]
    assert [f.where for f in found] == ["Table 1, row m2, column Avg."]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_two_item_sets_in_one_column_are_found(tmp_path_factory, seed):
    rng = random.Random(seed)
    facts = table(rng)
    facts["columns"]["medbullets_op4"] |= {"n_stated": None, "plausible_n": {298: "distinct"}}
    only = [k for k in range(150, 290) if not grim.fits(print_of(k, 298), 308)]
    other = [k for k in range(150, 290) if not grim.fits(print_of(k, 308), 298)]
    for row in range(9):
        planted(facts, row, "medbullets_op4", print_of(rng.choice(only if row < 4 else other), (298, 308)[row >= 4]))
    found = [f for f in check([written(tmp_path_factory.mktemp("two"), facts)]) if f.kind == "lineage"]
    assert [f.where for f in found] == ["Table 1, column medbullets_op4"]
    assert "298 and of 308" in found[0].what


def test_two_item_sets_in_one_lineage_are_found_across_documents(tmp_path):
    files = []
    for name, n in (("a", 298), ("b", 308)):
        facts = table(random.Random(1))
        facts["columns"]["medbullets_op4"] |= {"n_stated": n}
        for row in range(9):
            facts["tables"][0]["rows"][row]["model"] = f"{name}{row}"
            planted(facts, row, "medbullets_op4", print_of(177 + 7 * row, n))
        del facts["tables"][0]["average"]
        for row in facts["tables"][0]["rows"]:
            row["values"] = " ".join(row["values"].split()[:-1])
        files.append(written(tmp_path, facts, f"{name}.yaml"))
    found = [f for f in check(files) if f.kind == "lineage"]
    assert [f.document for f in found] == ["a, b"]
    assert [f for one in files for f in check([one]) if f.kind == "lineage"] == []


def test_declared_lineages_that_share_a_column_are_found(tmp_path):
    facts = table(random.Random(5))
    facts["tables"][0]["rows"][4]["lineage"] = "y"
    found = check([written(tmp_path, facts)])
    assert [f.where for f in found] == [f"Table 1, column {name}" for name in SIZES]
    assert {f.what for f in found} == {"lineages share a column: x, y"}


def test_two_values_of_one_model_are_found_and_a_rounding_is_not(tmp_path):
    facts = table(random.Random(6))
    cell = facts["tables"][0]["rows"][0]["values"].split()[0]
    again = {"model": "M0", "column": "medqa", "at": "Abstract", "value": f"{float(cell):.1f}"}
    rounded = written(tmp_path, {**facts, "text": [again]})
    assert check([rounded]) == ()
    other = written(tmp_path, {**facts, "text": [{**again, "value": print_of(round(float(cell) * 12.73) - 9, 1273)}]})
    assert [(f.kind, f.where) for f in check([other])] == [("duplicate", "Abstract")]


def test_a_value_below_chance_is_found(tmp_path):
    facts = table(random.Random(7))
    planted(facts, 1, "medqa", print_of(200, 1273))
    found = [f for f in check([written(tmp_path, facts)]) if f.kind != "average"]
    assert [(f.kind, f.where) for f in found] == [("chance", "Table 1, column medqa")]


def test_a_difference_that_does_not_re_subtract_is_found(tmp_path):
    facts = table(random.Random(8))
    first, second = (row["values"].split()[0] for row in facts["tables"][0]["rows"][:2])
    true = float(first) - float(second)
    stated = {"model": "m0", "minus": "m1", "column": "medqa", "at": "Section 5"}
    assert check([written(tmp_path, {**facts, "differences": [{**stated, "value": f"{true:.1f}"}]})]) == ()
    found = check([written(tmp_path, {**facts, "differences": [{**stated, "value": f"{true + 1:.1f}"}]})])
    assert [f.kind for f in found] == ["difference"]


# Bad files, and the command line.


@pytest.mark.parametrize(
    "harm, says",
    [
        (lambda f: planted(f, 1, "medqa", "101.00"), "'101.00' is not a percentage"),
        (lambda f: planted(f, 1, "medqa", "-3"), "'-3' is not a percentage"),
        (lambda f: planted(f, 1, "medqa", "nan"), "'nan' is not a percentage"),
        (lambda f: planted(f, 1, "medqa", "7O.1"), "'7O.1' is not a percentage"),
        (lambda f: planted(f, 1, "medqa", "70.1 70.2"), "7 values for 6 columns"),
        (lambda f: f["tables"][0]["rows"][0].update(values="1.0"), "1 values for 6 columns"),
        (lambda f: f["tables"][0]["rows"][0].update(valeus="1.0"), "no such key"),
        (lambda f: f["columns"]["medqa"].update(task="medqaa"), "did you mean medqa"),
        (lambda f: f["columns"]["medqa"].update(task=""), "needs a task"),
        (lambda f: f["columns"].pop("medqa"), "no column 'medqa'"),
        (lambda f: f["columns"]["medqa"].update(n_stated=0), "greater than 0"),
        (lambda f: f.update(measured_here=True), "measured_here"),
        (lambda f: f.update(seen="heard"), "seen"),
        (lambda f: f.pop("source"), "source"),
        (lambda f: f["tables"][0]["rows"][0].update(protocol={"shot": "5"}), "unknown key 'shot'"),
    ],
)
def test_a_malformed_file_is_named_in_one_line(tmp_path, harm, says):
    facts = table(random.Random(9))
    harm(facts)
    with pytest.raises(BaselineError) as caught:
        written(tmp_path, facts)
    assert caught.value.code is ErrorCode.INVALID_PUBLISHED_SCORES and "table.yaml" in str(caught.value)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "!!python/object/apply:os.system ['true']", "a: &x [*x]"])
def test_anything_else_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(BaselineError) as caught:
        published.read(path)
    assert caught.value.code is ErrorCode.INVALID_PUBLISHED_SCORES and "bad.yaml" in str(caught.value)


def evalsuite(*arguments, cwd):
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVALSUITE_")}
    command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def test_the_command_line_prints_findings_and_exits_0(tmp_path):
    ended = evalsuite("baselines", "check", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    content = json.loads(ended.stdout)
    assert content["values"] == len(published.load())
    assert {"items", "granularity", "chance", "average"} == {f["kind"] for f in content["findings"]}
    text = evalsuite("baselines", "check", cwd=tmp_path).stdout
    for finding in content["findings"]:
        assert finding["where"] in text and finding["what"] in text
        assert finding["arithmetic"] and all(line in text for line in finding["arithmetic"])


def test_the_command_line_lists_numbers_with_their_sources(tmp_path):
    ended = evalsuite("baselines", "--task", "medqa", "--lineage", "fleming", "--json", cwd=tmp_path)
    listed = json.loads(ended.stdout)
    assert {f["task"] for f in listed} == {"medqa"} and len(listed) == 18
    assert all(f["interval"]["low"] < f["value"] < f["interval"]["high"] for f in listed)
    text = evalsuite("baselines", cwd=tmp_path).stdout
    assert "BioMistral-7B: the strongest multilingual open medical baseline" in text


def test_the_command_line_checks_a_file_and_exits_2_where_it_is_malformed(tmp_path):
    facts = table(random.Random(10))
    written(tmp_path, facts, "good.yaml")
    assert "no findings" in evalsuite("baselines", "check", "good.yaml", cwd=tmp_path).stdout
    planted(facts, 0, "medqa", "150")
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(facts))
    for arguments in (("bad.yaml",), ("good.yaml", "bad.yaml"), ("absent.yaml",)):
        ended = evalsuite("baselines", "check", *arguments, cwd=tmp_path)
        assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1, ended.stderr
        assert arguments[-1] in ended.stderr and "Traceback" not in ended.stderr
