"""The panel in the hands of a reader: by a click, by keys and by lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

import lakebt
from lakebt.report.html import write_study_report
from lakebt.values.few_dates import FEW, FEW_DATES
from tests.report.panels import COSTS, GRID, rows, show, text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page
    from tests.report.conftest import MakeStudy

pytestmark = [pytest.mark.lake, pytest.mark.slow]


def test_the_panel_flags_few_dates(
    page: Page, overlapping: lakebt.View, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "index": "SIM",
        "entries": ["AD+1@open"],
        "exits": ["+1", "1w"],
    }
    days = (
        lakebt.Study(overlapping, **asked).run(record=False).events()["date"].unique()
    )
    period = (min(days), sorted(days)[9])
    result = lakebt.Study(overlapping, **asked, period=period).run(record=False)
    is_few = result.table().set_index("exit")["n_dates"] < FEW_DATES
    assert set(is_few) == {True, False}, "some have no price"
    result.report(tmp_path / "report.html")

    page.open(tmp_path / "report.html")

    for exit_ in asked["exits"]:
        show(page, result, "AD+1@open", exit_)
        assert text(page, "cell-sharpe").endswith(FEW) is bool(is_few[exit_])


def test_an_exit_of_legs_that_leave_apart_is_among_them(
    overlapping: lakebt.View,
) -> None:
    result = lakebt.Study(overlapping, index="SIM", **GRID).run()

    plan = result.traded.schedule
    assert (plan.apart & result.traded.cells.traded).sum() > 10
    assert any(len(history) > 1 for history in plan.changes.histories)
    assert result.traded.cells.gaps.sum() > 0


@pytest.fixture(scope="module")
def one(overlapping: lakebt.View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("one") / "report.html"
    lakebt.Study(overlapping, index="SIM", costs=COSTS, **GRID).run().report(path)
    return path


def centre(page: Page, entry: int, exit_: int) -> tuple[float, float]:
    """Return where the middle of a cell is in the window."""
    page.run("document.getElementById('surface-figure').scrollIntoView()")
    x, y = page.run(
        "const figure = document.getElementById('surface-figure');"
        "const box = figure.getBoundingClientRect();"
        "const { xaxis, yaxis } = figure._fullLayout;"
        f"return [box.left + xaxis._offset + xaxis.l2p({exit_}),"
        f" box.top + yaxis._offset + yaxis.l2p({entry})]"
    )
    return x, y


def click(page: Page, x: float, y: float) -> None:
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1},
        )


COUNT = """
window.drawn = [];
let plotly;
Object.defineProperty(window, "Plotly", {
  get: () => plotly,
  set(made) {
    for (const name of ["newPlot", "react", "relayout"]) {
      const own = made[name];
      made[name] = (place, ...rest) => {
        window.drawn.push(place.id ?? place);
        return own(place, ...rest);
      };
    }
    const { resize } = made.Plots;
    made.Plots.resize = place => { window.drawn.push(place.id); return resize(place); };
    plotly = made;
  },
});
"""
"""Note which chart is drawn each time that Plotly is asked for one."""


def test_every_chart_is_drawn_once_as_a_page_opens(page: Page, one: Path) -> None:
    page.begin()
    added = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": COUNT}
    )
    try:
        page.open(one)
        page.fit()
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    assert sorted(page.run("return window.drawn")) == sorted(page.figures())

    page.run("lakebt.panel.show(2, 1)")
    more = page.run("return window.drawn")[len(page.figures()) :]
    assert sorted(more) == ["cell-equity", "cell-years", "surface-figure"]


@pytest.mark.parametrize("width", [1280, 400])
def test_a_click_on_a_cell_fills_the_panel(page: Page, one: Path, width: int) -> None:
    page.open(one, width=width)

    click(page, *centre(page, 2, 1))

    page.wait("return document.getElementById('cell-name').textContent.includes('+3')")
    assert text(page, "cell-name") == "AD+2@close to +3"
    assert page.errors() == []
    assert page.requests() == [one.as_uri()]
    assert page.overflow() <= 0


def test_a_click_on_an_empty_cell_says_why_it_is_empty(page: Page, one: Path) -> None:
    page.turn_to(one)

    click(page, *centre(page, 0, 2))

    page.wait("return document.getElementById('cell-sharpe').textContent === 'Empty'")
    assert text(page, "cell-name") == "AD@close to 1w"
    assert "No event was traded: not yet known." in text(page, "cell-rests")
    assert not page.driver.find_element(By.ID, "events").is_displayed()
    assert not page.driver.find_element(By.ID, "cell-equity").is_displayed()


def test_a_cell_is_reached_by_keys_and_by_lists(page: Page, one: Path) -> None:
    page.turn_to(one)
    surface = page.driver.find_element(By.ID, "surface-figure")
    Select(page.driver.find_element(By.ID, "cell-entry")).select_by_visible_text(
        "AD+1@open"
    )
    Select(page.driver.find_element(By.ID, "cell-exit")).select_by_visible_text("+3")
    assert text(page, "cell-name") == "AD+1@open to +3"

    surface.send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert text(page, "cell-name") == "AD+2@close to 1w"
    surface.send_keys(*[Keys.ARROW_LEFT] * 9, *[Keys.ARROW_DOWN] * 9)
    assert text(page, "cell-name") == "ED-1@close to +0", "the corner"
    outlines = page.run(
        "return document.getElementById('surface-figure').layout.shapes"
        ".filter(shape => shape.name === 'cursor').map(shape => [shape.x0, shape.y0])"
    )
    assert outlines == [[-0.5, 2.5]] * 2

    page.driver.find_element(By.ID, "cell-best").click()
    assert text(page, "cell-name").split(" to ")[0] in GRID["entries"]


def test_the_events_are_walked_through_by_keys(page: Page, one: Path) -> None:
    page.turn_to(one)
    page.driver.find_element(By.ID, "cell-best").click()
    names = [row[0] for row in rows(page, "events-table")]
    assert page.count("#events-table button[tabindex='0']") == 1
    first = page.driver.find_element(By.CSS_SELECTOR, "#events-table tbody button")

    first.send_keys(Keys.ARROW_DOWN)
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)

    assert page.driver.switch_to.active_element.text == names[2]
    assert text(page, "orders-name") == f"Orders of {names[2]}"
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert text(page, "orders-name") == f"Orders of {names[1]}"


def test_the_chosen_cell_stays_when_colours_change(page: Page, one: Path) -> None:
    page.turn_to(one, scheme="dark")
    page.run("lakebt.panel.show(1, 2)")

    page.prefer("light")

    page.wait(
        "return getComputedStyle(document.querySelector("
        "'#surface-figure .main-svg')).backgroundColor === 'rgb(255, 255, 255)'"
    )
    assert page.count("#surface-figure .shapelayer path") == 3, "the best, the cursor"
    assert text(page, "cell-name") == "AD+1@open to 1w"
    assert page.errors() == []


def test_without_a_script_the_panel_is_not_there(page: Page, one: Path) -> None:
    page.begin()
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(one, drawn=False)
        assert not page.driver.find_element(By.ID, "cell").is_displayed()
        assert "need JavaScript" in page.driver.find_element(By.TAG_NAME, "header").text
        table = page.driver.find_element(By.CSS_SELECTOR, "#years table")
        assert table.is_displayed()
    finally:
        page.driver.execute_cdp_cmd(
            "Emulation.setScriptExecutionDisabled", {"value": False}
        )
        page.leave()


def test_a_browser_too_old_says_so(page: Page, one: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.html"
    whole = one.read_text("utf-8")
    gone = "<head><script>delete window.DecompressionStream;</script>"
    old.write_text(whole.replace("<head>", gone, 1), "utf-8")

    page.open(old, drawn=False)

    assert "browser of 2023" in page.driver.find_element(By.TAG_NAME, "header").text
    assert not page.driver.find_element(By.ID, "cell").is_displayed()
    assert page.errors() == []


def test_a_study_too_large_to_carry_says_so(
    make_study: MakeStudy,
    overlapping: lakebt.View,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lakebt.report import html  # noqa: PLC0415
    from lakebt.study.panel_data import ingredients  # noqa: PLC0415

    made = ingredients(lakebt.Study(overlapping, index="SIM", **GRID).run().traded)
    monkeypatch.setattr(html, "_MOST_BYTES", 1_000)

    page = write_study_report(make_study(ingredients=made), tmp_path / "large.html")

    shown = page.read_text("utf-8")
    assert "so this page does not carry it: <code>result.events()</code>" in shown
    assert 'id="ingredients"' not in shown
    assert 'id="best-equity"' in shown
