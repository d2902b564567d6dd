"""The report in a real browser. The requests it makes are recorded: there are none."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from lakebt.report.html import write_run_report, write_study_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.report.conftest import MakeRun, MakeStudy

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DRAWN = {
    "path-figure": ".scatterlayer .trace .js-line",
    "surface-figure": ".heatmaplayer image, .heatmaplayer .hm",
    "waterfall-figure": ".waterfalllayer .point",
    "equity-figure": ".scatterlayer .trace .js-line",
    "weights-figure": ".scatterlayer .trace .js-line",
}
"""What is in a figure only if its data was drawn."""


class Page:
    """A browser window of a given width, and what happened in it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def resize(self, width: int) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": width,
                "height": 900,
                "deviceScaleFactor": 1,
                "mobile": width < 640,
            },
        )

    def prefer(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [feature]}
        )

    def open(self, path: Path, *, width: int = 1280, scheme: str = "light") -> None:
        self.log("browser")  # reading empties it
        self.log("performance")
        self.resize(width)
        self.prefer(scheme)
        self.driver.get(path.as_uri())

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def log(self, name: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(name)  # type: ignore[no-untyped-call]
        return entries

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.log("browser")]

    def requests(self) -> list[str]:
        """Return every address asked for, but by the browser itself."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        # The browser's start page is still loading when the first test begins.
        own = ("data:", "blob:", "chrome:")
        return [url for url in urls if not url.startswith(own)]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        overflow: int = self.run(
            "return document.documentElement.scrollWidth"
            " - document.documentElement.clientWidth"
        )
        return overflow

    def figures(self) -> list[str]:
        charts = self.driver.find_elements(By.CSS_SELECTOR, ".chart")
        return [str(chart.get_attribute("id")) for chart in charts]

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def background(self, selector: str) -> str:
        background: str = self.run(
            f"return getComputedStyle(document.querySelector('{selector}'))"
            f".backgroundColor"
        )
        return background


@pytest.fixture(scope="module")
def driver(
    chromium: str, chromedriver: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.get("about:blank")
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: webdriver.Chrome) -> Page:
    return Page(driver)


@pytest.fixture
def study_report(make_study: MakeStudy, tmp_path: Path) -> Path:
    study = make_study(banners=("Facts supplied by the caller.",))
    return write_study_report(study, tmp_path / "study.html")


@pytest.fixture
def run_report(make_run: MakeRun, tmp_path: Path) -> Path:
    return write_run_report(make_run(), tmp_path / "run.html")


@pytest.mark.parametrize("report", ["study_report", "run_report"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_drawn_whole_and_alone(
    page: Page, request: pytest.FixtureRequest, report: str, width: int, scheme: str
) -> None:
    path: Path = request.getfixturevalue(report)

    page.open(path, width=width, scheme=scheme)

    assert page.errors() == []
    assert page.requests() == [path.as_uri()]
    assert page.overflow() <= 0
    figures = page.figures()
    assert len(figures) == (4 if report == "study_report" else 2)
    for name in figures:
        assert page.count(f"#{name} svg.main-svg"), name
        assert page.count(f"#{name} {DRAWN[name]}"), name


def test_the_check_itself_sees_a_request_and_an_error(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "leaky.html"
    path.write_text(
        "<img src='http://127.0.0.1:9/x.png'><script>console.error('seen')</script>"
        "<div style='width: 2000px'>wide</div>"
    )

    page.open(path)

    assert "http://127.0.0.1:9/x.png" in page.requests()
    assert any("seen" in error for error in page.errors())
    assert page.overflow() > 0


def test_every_part_of_the_surface_is_there(page: Page, study_report: Path) -> None:
    page.open(study_report)

    assert page.count("#surface-figure .barlayer .point") == 9, "hatched cells"
    assert page.count("#surface-figure .scatterlayer .textpoint") == 27, "numbers"
    assert page.count("#surface-figure .shapelayer path") == 1, "the chosen cell"
    assert page.count("#path-figure .shapelayer path") == 4, "the night, AD, ED, MD"


def test_tables_do_not_widen_a_phone_when_opened(
    page: Page, study_report: Path
) -> None:
    page.open(study_report, width=400)

    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    assert page.count("details[open]") == 2
    assert page.overflow() <= 0


def test_a_wide_grid_fits_a_phone(
    page: Page, make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study(
        entries=tuple(f"2022-10-{day:02d}@open" for day in range(3, 13)),
        exits=tuple(f"ED+{k}@close" for k in range(10, 30)),
        best=None,
    )

    page.open(write_study_report(study, tmp_path / "wide.html"), width=400)

    assert page.errors() == []
    assert page.overflow() <= 0


def test_figures_follow_the_colours_of_the_reader(
    page: Page, study_report: Path
) -> None:
    page.open(study_report, scheme="dark")
    dark = page.background("body")
    assert dark == "rgb(20, 23, 27)"
    assert page.background("#path-figure .main-svg") == dark

    page.prefer("light")

    WebDriverWait(page.driver, timeout=20).until(
        lambda _: page.background("#path-figure .main-svg") == "rgb(255, 255, 255)"
    )
    assert page.background("body") == "rgb(255, 255, 255)"


def test_figures_have_the_width_of_the_paper_when_printed(
    page: Page, study_report: Path
) -> None:
    def width() -> int:
        return int(
            page.run(
                "return document.querySelector('#path-figure .main-svg')"
                ".getBoundingClientRect().width"
            )
        )

    page.open(study_report, scheme="dark")
    on_screen = width()
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert width() == 680
    assert page.background("#path-figure .main-svg") == "rgb(255, 255, 255)"
    page.run("dispatchEvent(new Event('afterprint'))")
    assert width() == on_screen

    printed = page.driver.execute_cdp_cmd(
        "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
    )
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")


def test_the_button_copies_the_command(page: Page, study_report: Path) -> None:
    page.open(study_report)
    # Reading a clipboard needs a permission; what is written to it can be caught.
    page.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async"
        " text => { window.copied = text; }}})"
    )

    button = page.driver.find_element(By.CSS_SELECTOR, "button[data-copies]")
    button.click()

    assert page.run("return window.copied").startswith("lakebt study --release SIM")
    assert button.text == "Copied"
