"""The report of a training run in a real browser, opened from disk, wide and narrow."""

import json
import math
import shutil

import pytest

pytestmark = pytest.mark.integration
pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from training.recipe import read_recipe  # noqa: E402
from training.report import write_report  # noqa: E402
from training.run_folder import TrainingFolder  # noqa: E402
from training.run_spec import TrainingSpec, write_spec  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
GRPO = ("reward", "kl", "clipped", "groups_all_0", "groups_all_1", "length", "grad_norm")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report of two stages that logged every number."""
    run = TrainingFolder(tmp_path_factory.mktemp("run"))
    spec = TrainingSpec(read_recipe("reasonmed-8b"), run.path / "data", control=False)
    write_spec(run, spec)
    for folder, names in zip(spec.stages(run), (("loss",), ("loss", *GRPO)), strict=False):
        folder.note(steps=90, max_steps=90, seconds=60)
        lines = [{"step": n, "time": n, **{name: 0.5 + math.sin(n / 9) / 2 for name in names}} for n in range(1, 91)]
        folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return write_report(run, spec)[0]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.parametrize("width", [1400, 500])
def test_every_curve_is_drawn_and_nothing_is_wider_than_the_page(browser, page, width):
    browser.set_window_size(width, 900)
    browser.get(page.as_uri())
    plots = browser.find_elements(By.CSS_SELECTOR, ".panel .plot")
    assert len(plots) == 1 + 7
    for plot in plots:
        browser.execute_script("arguments[0].scrollIntoView()", plot)
        WebDriverWait(browser, 60).until(lambda _, plot=plot: plot.find_elements(By.CSS_SELECTOR, ".scatterlayer path"))
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_each_curve_has_its_table(browser, page):
    browser.get(page.as_uri())
    rows = browser.execute_script(
        "return [...document.querySelectorAll('.panel')].map((panel) => panel.querySelectorAll('tbody tr').length)"
    )
    assert sorted(rows) == [8] * 7 + [16]
