"""The report in a real browser, opened from disk: what a reader does, and what a hostile response can't."""

import base64
import json
import re
import shutil
import time

import pytest

pytestmark = pytest.mark.integration
selenium = pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

from evalsuite.cli import main  # noqa: E402
from evalsuite.report import write_report  # noqa: E402
from evalsuite.util.checksum import with_checksum  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--window-size=1280,900")
HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    "<!--<script>",
    '<img src=x onerror="window.pwned = 3">',
    "<svg/onload=window.pwned=4>",
    "[click](javascript:window.pwned=5) <a href='javascript:window.pwned=6'>here</a>",
    "line\u2028separator\u2029paragraph",
    "lone \ud800 surrogate \udfff",
    "nul \x00 bell \x07 escape \x1b[31m delete \x7f",
    "turned \u202egnp.exe\u202c \u2066isolated\u2069",
    "`${window.pwned = 7}` {{ 7 * 7 }}",
    '"; window.pwned = 8; //',
)


@pytest.fixture(scope="module")
def report(replay, tmp_path_factory):
    """A report of three runs: one that says hostile things, and two that differ on every third item."""
    place = tmp_path_factory.mktemp("report")

    def hostile(item, number, say):
        content = HOSTILE[number % len(HOSTILE)]
        return f"<think>{content}</think>😀 {content}\n{say(item.gold)}"

    def better(item, number, say):
        return f"I read everything with care.\n{say(item.gold)}"

    def worse(item, number, say):
        label = next(label for label in item.labels if label != item.gold) if number % 3 == 0 else item.gold
        return f"A pheasant flew by.\n{say(label)}"

    name = "<img src=x onerror='window.pwned=9'></script><script>window.pwned=10</script>\u202e-8B"
    runs = [
        replay(place / "hostile", name, hostile),
        replay(place / "better", "Better-8B", better),
        replay(place / "worse", "Worse-70B", worse),
    ]
    for name in ("summary.json", "run.json"):  # as if it had been run with another prompt: its cells are marked
        file = runs[0] / name
        edited = re.sub(r'("prompt_digest": ")\w+', r"\1other", file.read_text())
        file.write_text(json.dumps(with_checksum(json.loads(edited))))
    write_report(runs, place / "out", stage_names=["base", "+SFT", "+RL"], allow=["prompt_digest"])
    return place / "out" / "report.html"


@pytest.fixture
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip("needs Chromium and its driver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.set_script_timeout(30)
    yield driver
    try:
        assert [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"] == []
        assert {
            address for address in requested(driver) if not address.startswith(("file:", "data:", "blob:"))
        } == set()
        assert driver.execute_script("return window.pwned") is None
    finally:
        driver.quit()


def requested(driver):
    """Every address that the page requested."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def opened(driver, report, link=""):
    driver.get(f"{report.as_uri()}{link}")
    return driver


def wait(driver, condition):
    return WebDriverWait(driver, 15).until(lambda _: condition())


def all_of(driver, selector):
    return driver.find_elements(By.CSS_SELECTOR, selector)


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def scroll_through(driver):
    height = driver.execute_script("return document.documentElement.scrollHeight")
    for y in range(0, height, 600):
        driver.execute_script(f"window.scrollTo({{top: {y}, behavior: 'instant'}})")
        time.sleep(0.1)


def items(driver):
    """Come to the items' table and wait for its rows."""
    driver.execute_script("document.getElementById('items').scrollIntoView({behavior: 'instant'})")
    wait(driver, lambda: all_of(driver, "#items-table tbody tr"))


def shown_items(driver):
    script = "return [...document.querySelectorAll('#items-table tbody tr th')].map((cell) => cell.innerText)"
    return driver.execute_script(script)


def names(driver):
    return [each.text for each in all_of(driver, "#board tr[data-row] th a") if each.is_displayed()]


def test_everything_comes_into_view_without_an_error_or_a_request(browser, report):
    opened(browser, report)
    scroll_through(browser)
    items(browser)
    wait(browser, lambda: len(all_of(browser, ".plot .main-svg")) >= 6)
    assert len(all_of(browser, "section.charts")) == len(all_of(browser, ".plot.js-plotly-plot"))


def test_the_board_sorts_in_both_directions_and_says_so(browser, report):
    opened(browser, report)
    one(browser, "#grouped").click()
    head = one(browser, "#board th[data-sort='macro']")
    column = "#board tr[data-row] td[data-key='macro'] .value"
    for direction, reverse in (("descending", True), ("ascending", False)):
        one(browser, "#board th[data-sort='macro'] button").send_keys(Keys.ENTER)
        assert head.get_attribute("aria-sort") == direction
        values = [float(each.text) for each in all_of(browser, column)]
        assert len(values) == 3 and values == sorted(values, reverse=reverse)
    assert "ascending" in one(browser, "#board-status").get_attribute("textContent")


def test_the_board_filters_by_name_and_hides_empty_groups(browser, report):
    opened(browser, report)
    one(browser, "#board-search").send_keys("WORSE")
    assert names(browser) == ["Worse-70B"]
    assert [each.text for each in all_of(browser, "#board tr.group th") if each.is_displayed()] == ["10B-100B"]


def test_the_board_shows_each_measure(browser, report):
    opened(browser, report)
    cell = "#board tr[data-row='worse-70b'] td[data-key='macro'] .value"
    strict = one(browser, cell).text
    one(browser, "#measure label:nth-of-type(3)").click()
    assert one(browser, cell).text == "0.0" and not all_of(browser, "#board td.leads")
    one(browser, "#measure label:nth-of-type(1)").click()
    assert one(browser, cell).text == strict and all_of(browser, "#board td.leads")


def test_an_item_opens_by_keyboard_turns_pages_and_gives_the_focus_back(browser, report):
    opened(browser, report)
    items(browser)
    one(browser, "#items-table tbody tr").send_keys(Keys.ARROW_DOWN)
    second = browser.switch_to.active_element
    name = second.find_element(By.CSS_SELECTOR, "th").text
    second.send_keys(Keys.ENTER)
    wait(browser, lambda: all_of(browser, "#item[open] .response"))
    assert one(browser, "#item-title").text.endswith(name)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    wait(browser, lambda: not one(browser, "#item-title").text.endswith(name))
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    wait(browser, lambda: one(browser, "#item-title").text.endswith(name))
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait(browser, lambda: not all_of(browser, "#item[open]"))
    assert browser.switch_to.active_element.find_element(By.CSS_SELECTOR, "th").text == name


def test_a_link_opens_its_item_with_both_models_and_the_span_that_was_read(browser, report):
    opened(browser, report, "#starter_recall/r05/worse-70b/0/better-8b")
    wait(browser, lambda: len(all_of(browser, "#item[open] .answer .response")) == 2)
    assert [each.text for each in all_of(browser, "#item .answer h3")] == ["Worse-70B", "Better-8B"]
    verdicts = [each.text for each in all_of(browser, "#item .verdicts dd strong")]
    marked = [each.text for each in all_of(browser, "#item .response mark")]
    assert [text[-1] for text in verdicts[::2]] == marked
    gold = one(browser, "#item .options .gold strong").text
    assert marked[1] == gold and verdicts[2].startswith("✓")


def test_a_link_into_nothing_says_so(browser, report):
    opened(browser, report, "#starter_recall/no-such-item/better-8b")
    wait(browser, lambda: all_of(browser, "#item[open]"))
    assert "no item no-such-item" in one(browser, "#item-body").text
    opened(browser, report, "#%E0%A4%A/broken")
    assert not all_of(browser, "#item[open]")


def test_the_items_filter_by_verdict_alone_and_against_another_run(browser, report):
    opened(browser, report)
    items(browser)
    Select(one(browser, "#items-a")).select_by_value("worse-70b")
    Select(one(browser, "#items-filter")).select_by_value("wrong")
    wait(browser, lambda: all("✗" in row.text for row in all_of(browser, "#items-table tbody tr")))
    wrong = shown_items(browser)
    Select(one(browser, "#items-filter")).select_by_value("all")
    wait(browser, lambda: len(shown_items(browser)) > len(wrong))
    assert len(wrong) == -(-len(shown_items(browser)) // 3)
    Select(one(browser, "#items-b")).select_by_value("better-8b")
    wait(browser, lambda: "only-b" in [each.get_attribute("value") for each in all_of(browser, "#items-filter option")])
    Select(one(browser, "#items-filter")).select_by_value("only-b")
    wait(browser, lambda: shown_items(browser) == wrong)


def test_search_finds_questions_and_when_asked_responses(browser, report):
    opened(browser, report)
    items(browser)
    Select(one(browser, "#items-a")).select_by_value("worse-70b")
    every = wait(browser, lambda: len(shown_items(browser)) > 1 and shown_items(browser))
    one(browser, "#items-search").send_keys("pheasant")
    wait(browser, lambda: shown_items(browser) == [])
    one(browser, "#items-deep").click()
    wait(browser, lambda: shown_items(browser) == every)
    one(browser, "#items-search").clear()
    one(browser, "#items-search").send_keys(every[0])
    wait(browser, lambda: every[0] in shown_items(browser))


def test_nothing_that_a_model_wrote_runs_or_breaks_the_page(browser, report):
    opened(browser, report)
    scroll_through(browser)
    items(browser)
    candidates = [each.get_attribute("value") for each in all_of(browser, "#items-a option")]
    run = next(each for each in candidates if each not in ("better-8b", "worse-70b"))
    Select(one(browser, "#items-a")).select_by_value(run)
    ids = wait(browser, lambda: len(shown_items(browser)) >= len(HOSTILE) and shown_items(browser))
    all_of(browser, "#items-table tbody tr")[0].send_keys(Keys.ENTER)
    for number in range(len(HOSTILE)):
        wait(
            browser,
            lambda n=number: one(browser, "#item-title").text.endswith(ids[n]) and all_of(browser, "#item mark"),
        )
        for details in all_of(browser, "#item details:not([open]) > summary"):
            details.click()
        body = one(browser, "#item-body")
        assert (
            all_of(browser, "#item-body img, #item-body svg, #item-body a, #item-body script, #item-body iframe") == []
        )
        assert one(browser, "#item .response mark").text == one(browser, "#item .options .gold strong").text
        assert "U+202E" in body.text or "gnp.exe" not in body.text
        assert "U+D800" in body.text or "surrogate" not in body.text
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script("return window.pwned") is None
    assert all_of(browser, "body > footer")[0].text.startswith("evalsuite")


def test_dark_mode_recolours_the_page_and_its_plots(browser, report):
    opened(browser, report)
    browser.execute_script("document.getElementById('differences').scrollIntoView({behavior: 'instant'})")
    wait(browser, lambda: all_of(browser, "#differences .xtick text"))

    def colours():
        script = """
            const rgb = (element, what) => getComputedStyle(element)[what].match(/[\\d.]+/g).slice(0, 3).map(Number);
            const tick = document.querySelector('#differences .xtick text');
            return [rgb(document.body, 'backgroundColor'), rgb(tick, 'fill')];
        """
        return [sum(colour) / 3 for colour in browser.execute_script(script)]

    paper, ink = colours()
    assert paper > 200 and ink < 80
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    wait(browser, lambda: colours()[0] < 60 and colours()[1] > 180)


def test_a_phone_scrolls_tables_and_never_the_page(browser, report):
    phone = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    opened(browser, report)
    scroll_through(browser)
    items(browser)
    width = "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    assert browser.execute_script(width) == 375 and all_of(browser, "#board td .mark")
    one(browser, "#items-table tbody tr").click()
    wait(browser, lambda: all_of(browser, "#item[open] .response"))
    assert browser.execute_script(width) == 375
    assert browser.execute_script("const d = document.getElementById('item'); return d.scrollWidth <= d.clientWidth")


def test_it_prints(browser, report):
    opened(browser, report)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    document = base64.b64decode(printed["data"])
    assert document.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", document)) >= 2


def test_without_its_items_the_page_says_where_they_must_be(browser, report, tmp_path):
    alone = tmp_path / "report.html"
    alone.write_bytes(report.read_bytes())
    opened(browser, alone)
    browser.execute_script("document.getElementById('items').scrollIntoView({behavior: 'instant'})")
    wait(browser, lambda: "must lie beside this page" in one(browser, "#items-status").text)
    browser.get_log("browser")


def test_a_reader_of_screens_finds_names_and_tables(browser, report):
    opened(browser, report)
    scroll_through(browser)
    items(browser)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"] and "role" in n]
    needing = ("button", "link", "textbox", "searchbox", "combobox", "radio", "checkbox", "image", "img", "region")
    unnamed = [role for role, name in named if role in needing and not name.strip()]
    assert unnamed == []
    assert ("heading", "Leaderboard") in named and ("navigation", "Sections") in named
    assert any(role in ("image", "img") and name.startswith("Forest plot") for role, name in named)
    assert sum(role == "columnheader" for role, _ in named) >= 10 and sum(role == "rowheader" for role, _ in named) >= 3


def test_of_a_hundred_thousand_responses_only_what_is_shown_is_loaded(browser, tmp_path):
    run = tmp_path / "large"
    command = [
        "run",
        "--model",
        "trivial/random",
        "--tasks",
        "starter_recall",
        "--samples",
        "5000",
        "--temperature",
        "1",
    ]
    assert main([*command, "--out", str(run)]) == 0
    write_report([run], tmp_path / "out")
    chunks = len(list((tmp_path / "out").rglob("responses-*.js")))
    opened(browser, tmp_path / "out" / "report.html")
    items(browser)
    assert "of 100,000 responses" in one(browser, "#items-status").text and chunks > 10
    Select(one(browser, "#items-filter")).select_by_value("wrong")
    wait(browser, lambda: "100,000 of" not in one(browser, "#items-status").text)
    assert len(shown_items(browser)) == 50
    one(browser, "#items-table tbody tr").send_keys(Keys.ENTER)
    wait(browser, lambda: all_of(browser, "#item[open] .response"))
    assert sum("responses-" in address for address in set(requested(browser))) == 1


def test_each_order_of_the_options_is_a_row_that_says_which_it_is(browser, tmp_path):
    run = tmp_path / "rotated"
    command = ["run", "--model", "trivial/first", "--tasks", "starter_recall", "--rotate-options", "--samples", "2"]
    assert main([*command, "--temperature", "1", "--out", str(run)]) == 0
    write_report([run], tmp_path / "out")
    opened(browser, tmp_path / "out" / "report.html")
    items(browser)
    assert "200 of 200 responses" in one(browser, "#items-status").text
    row = all_of(browser, "#items-table tbody tr")[3]
    assert "rotation 1, sample 1" in row.text
    row.send_keys(Keys.ENTER)
    wait(browser, lambda: all_of(browser, "#item[open] .response"))
    assert "rotation 1, sample 1" in one(browser, "#item-title").text
    content = one(browser, "#item-body").text
    assert "moved up by 1" in content and "ANSWER: A" in content
    verdict = one(browser, "#item-body .verdicts dd strong")
    assert verdict.text.endswith("B"), "what stands first under rotation 1 is the item's own B"
