"""The report in a real browser. The requests it makes are recorded: there are none."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

from lakebt.report.html import write_study_report
from tests.nightly import IS_NIGHTLY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page
    from tests.report.conftest import MakeStudy

pytestmark = pytest.mark.slow

DRAWN = {
    "path-figure": ".scatterlayer .trace .js-line",
    "surface-figure": ".heatmaplayer image, .heatmaplayer .hm",
    "waterfall-figure": ".waterfalllayer .point",
    "best-equity": ".scatterlayer .trace .js-line",
    "equity-figure": ".scatterlayer .trace .js-line",
    "best-years": ".scatterlayer .trace .point",
    "ridge-figure": ".scatterlayer .trace .js-line",
    "weights-figure": ".scatterlayer .trace .js-line",
}
"""What is in a figure only if its data was drawn."""

BACKGROUND = (
    "getComputedStyle(document.querySelector('#path-figure .main-svg')).backgroundColor"
)


LOOKS = [("light", 1280), ("dark", 400)]
"""Each scheme and each width; in the nightly profile, each with each."""
if IS_NIGHTLY:
    LOOKS += [("light", 400), ("dark", 1280)]


def test_the_check_itself_sees_a_request_and_an_error(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "leaky.html"
    path.write_text(
        "<img src='http://127.0.0.1:9/x.png'><script>console.error('seen')</script>"
        "<div style='width: 2000px'>wide</div>"
    )

    page.open(path, drawn=False)

    assert "http://127.0.0.1:9/x.png" in page.requests()
    assert any("seen" in error for error in page.errors())
    assert page.overflow() > 0


@pytest.mark.parametrize("report", ["run_report", "study_report"])
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_report_is_drawn_whole_and_alone(
    page: Page, request: pytest.FixtureRequest, report: str, width: int, scheme: str
) -> None:
    path: Path = request.getfixturevalue(report)

    page.open(path, width=width, scheme=scheme)

    assert page.errors() == []
    assert page.requests() == [path.as_uri()]
    assert page.overflow() <= 0
    figures = page.figures()
    assert len(figures) == (6 if report == "study_report" else 2)
    for name in figures:
        assert page.count(f"#{name} svg.main-svg"), name
        assert page.count(f"#{name} {DRAWN[name]}"), name


def test_every_part_of_the_surface_is_there(page: Page, study_report: Path) -> None:
    page.turn_to(study_report)

    assert page.count("#surface-figure .barlayer .point") == 9, "hatched cells"
    assert page.count("#surface-figure .scatterlayer .textpoint") == 27, "numbers"
    assert page.count("#surface-figure .shapelayer path") == 1, "the chosen cell"
    assert page.count("#path-figure .shapelayer path") == 4, "the night, AD, ED, MD"


def test_tables_do_not_widen_a_phone_when_opened(
    page: Page, study_report: Path
) -> None:
    page.turn_to(study_report, width=400)

    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    assert page.count("details[open]") == 4
    assert page.overflow() <= 0
    page.run("document.querySelectorAll('details').forEach(d => { d.open = false; })")


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
    backgrounds = {"dark": "rgb(20, 23, 27)", "light": "rgb(255, 255, 255)"}
    page.turn_to(study_report)
    for scheme in ("dark", "light"):
        page.prefer(scheme)
        wanted = backgrounds[scheme]
        page.wait(f"return {BACKGROUND} === '{wanted}'")
        assert page.background("body") == wanted


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

    page.turn_to(study_report, scheme="dark")
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
    page.turn_to(study_report)
    # Reading a clipboard needs a permission; what is written to it can be caught.
    page.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async"
        " text => { window.copied = text; }}})"
    )

    button = page.driver.find_element(By.CSS_SELECTOR, "button[data-copies]")
    button.click()

    assert page.run("return window.copied").startswith("lakebt study --release SIM")
    assert button.text == "Copied"
    page.leave()
