"""The review page in a real browser: what a reviewer does, and what a hostile response can't."""

import json
import shutil
import threading

import pytest

pytestmark = pytest.mark.integration
selenium = pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

from evalsuite.cli import main  # noqa: E402
from tests.models.fault_server import FaultServer  # noqa: E402
from tests.training.synthesis.refine.planted import row, says, write_rows  # noqa: E402
from training.synthesis.refine.review.journal import DecisionJournal  # noqa: E402
from training.synthesis.refine.review.server import ReviewServer  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--window-size=1280,900")
HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned=2'>\u202egnp.exe <svg/onload=window.pwned=3>\n"
    "</textarea></pre><a href='javascript:window.pwned=4'>here</a> ${window.pwned = 5}\n<answer>A</answer>"
)


@pytest.fixture
def folder(tmp_path):
    """Three questions to review, one of which is hostile wherever it can be, with hostile responses."""
    rows = [row(n) for n in range(1, 4)]
    rows[1] |= {"id": "<img src=x onerror='window.pwned=6'>", "meta": {"<b>": "<script>window.pwned=7</script>"}}
    rows[1]["question"] += " " + HOSTILE.replace("<answer>A</answer>", "")
    rows[1]["options"]["D"] = "<script>window.pwned=8</script>"
    file = write_rows(tmp_path / "rows.jsonl", rows)
    with FaultServer(lambda *_: says(HOSTILE)) as server:
        command = [
            "train",
            "refine",
            str(file),
            "--licence",
            "ours",
            "--validator",
            "openai/m",
            "--base-url",
            server.url,
        ]
        assert main([*command, "--out", str(tmp_path / "refined")]) == 1  # nothing is kept: all three wait for a review
    return tmp_path / "refined"


@pytest.fixture
def server(folder):
    with ReviewServer(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def open_browser(server):
    """The function that opens a browser of its own, as each reviewer has one."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("needs Chromium and its driver (Debian: chromium, chromium-driver)")
    drivers = []

    def start(name=""):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        drivers.append(driver)
        driver.get(server.address)
        wait(driver, lambda: shown(driver))
        if name:
            one(driver, "#reviewer").send_keys(name, Keys.ESCAPE)
        return driver

    yield start
    try:
        for driver in drivers:
            assert [entry for entry in driver.get_log("browser") if not is_refusal(entry)] == []
            assert driver.execute_script("return window.pwned") is None
            assert {address for address in requested(driver) if not address.startswith(ours(server))} == set()
    finally:
        for driver in drivers:
            driver.quit()


def is_refusal(entry):
    """Chromium logs the reply to a decision that the server refused; the page shows it."""
    return entry["level"] == "INFO" or (entry["source"] == "network" and "status of 400" in entry["message"])


def ours(server):
    return f"http://127.0.0.1:{server.server_port}/", "data:"


def requested(driver):
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def wait(driver, condition):
    """Wait until a condition holds; the page may replace an element while it is read."""
    waiting = WebDriverWait(driver, 60, ignored_exceptions=[NoSuchElementException, StaleElementReferenceException])
    return waiting.until(lambda _: condition())


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def shown(driver):
    """The id of the question that is shown."""
    found = driver.find_elements(By.CSS_SELECTOR, "#question h2")
    return found[0].text if found else ""


def press(driver, *keys):
    ActionChains(driver).send_keys(*keys).perform()


def decided(folder, count):
    found = [(each.item, each.verdict, each.reviewer) for each in DecisionJournal(folder).read()]
    return found if len(found) == count else None


def test_a_reviewer_decides_with_the_keyboard_alone(folder, open_browser):
    driver = open_browser("Ada")
    assert shown(driver) == "q001" and "chosen 5" in one(driver, "#question .options").text
    press(driver, "a")
    wait(driver, lambda: shown(driver) != "q001")
    assert wait(driver, lambda: decided(folder, 1)) == [("q001", "accept", "Ada")]
    press(driver, "j")
    wait(driver, lambda: shown(driver) == "q003")
    press(driver, "r")  # a rejection needs a reason, to which the cursor goes
    wait(driver, lambda: driver.switch_to.active_element.get_attribute("id") == "reason")
    press(driver, "two answers are right")
    ActionChains(driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    wait(driver, lambda: decided(folder, 2))
    assert list(DecisionJournal(folder).read())[1].reason == "two answers are right"
    # The page takes keys again when it knows that the decision is saved.
    wait(driver, lambda: one(driver, "#progress").text.startswith("2 of 3"))
    press(driver, Keys.ESCAPE, "u")
    assert wait(driver, lambda: decided(folder, 3))[2] == ("q003", "withdraw", "Ada")
    assert wait(driver, lambda: one(driver, "#progress").text.startswith("1 of 3"))


def test_a_decision_without_a_name_is_not_made(folder, open_browser):
    driver = open_browser()
    press(driver, "a")
    wait(driver, lambda: driver.switch_to.active_element.get_attribute("id") == "reviewer")
    assert "error" in one(driver, "#message").get_attribute("class") and decided(folder, 0) == []


def test_a_fix_is_what_was_typed_and_a_bad_one_is_refused(folder, open_browser):
    driver = open_browser("Ada")
    press(driver, "f")
    wait(driver, lambda: driver.switch_to.active_element.get_attribute("id") == "edit-question")
    one(driver, "#reason").send_keys("the label was wrong")
    one(driver, "#fix").click()  # nothing is changed yet
    wait(driver, lambda: "error" in one(driver, "#message").get_attribute("class"))
    assert decided(folder, 0) == []
    driver.find_elements(By.CSS_SELECTOR, "#edit input[type=radio]")[2].click()
    words = driver.find_elements(By.CSS_SELECTOR, "#edit input.text")[0]
    words.clear()
    words.send_keys("<b>athetosis</b>")
    one(driver, "#fix").click()
    assert wait(driver, lambda: decided(folder, 1)) == [("q001", "fix", "Ada")]
    (fixed,) = [each.fixed for each in DecisionJournal(folder).read()]
    assert fixed["answer"] == "C" and fixed["options"]["A"] == "<b>athetosis</b>"


def test_hostile_text_is_text(folder, open_browser):
    driver = open_browser("Ada")
    press(driver, "j")
    wait(driver, lambda: shown(driver).startswith("<img"))
    for summary in driver.find_elements(By.CSS_SELECTOR, "#question summary"):
        driver.execute_script("arguments[0].parentElement.open = true", summary)
    text = one(driver, "#question").text
    assert text.count("<script>window.pwned = 1</script>") == 6 and "U+202E" in text
    assert driver.find_elements(By.CSS_SELECTOR, "#question :is(script, img, svg, a, b), #list :is(img, script)") == []
    press(driver, "f")
    wait(driver, lambda: one(driver, "#edit-question").get_attribute("value").count("pwned") == 5)


def test_two_reviewers_see_each_other_and_a_dispute(folder, open_browser):
    ada, ben = open_browser("Ada"), open_browser("Ben")
    press(ada, "a")
    wait(ada, lambda: decided(folder, 1))
    wait(ben, lambda: "accept: Ada" in one(ben, "#list").text)  # without loading the page again
    one(ben, "#reason").send_keys("wrong", Keys.ESCAPE)
    press(ben, "r")
    wait(ben, lambda: decided(folder, 2))
    wait(ada, lambda: "1 disputed" in one(ada, "#progress").text)
    Select(one(ada, "#show")).select_by_value("disputed")
    assert len(ada.find_elements(By.CSS_SELECTOR, "#list li.disputed")) == 1


def test_what_is_typed_survives_a_reload(server, folder, open_browser):
    driver = open_browser("Ada")
    one(driver, "#reason").send_keys("half a thought")
    driver.refresh()
    wait(driver, lambda: shown(driver) == "q001")
    assert one(driver, "#reviewer").get_attribute("value") == "Ada"
    assert wait(driver, lambda: one(driver, "#reason").get_attribute("value")) == "half a thought"
