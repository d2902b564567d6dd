"""The panel beside the surface, in a real browser: its numbers are the library's."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

import lakebt
from lakebt.report import words
from lakebt.report.html import write_study_report
from lakebt.sources.simulated import simulated_market
from lakebt.values.few_dates import FEW, FEW_DATES
from lakebt.values.text import count

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page
    from tests.report.conftest import MakeStudy

pytestmark = [pytest.mark.lake, pytest.mark.slow]

MARKET = "MKT"
GRID: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "AD+2@close", "ED-1@close"],
    "exits": ["+0", "+3", "1w", "ED-1@close", "ED+2@open", "MD@close"],
}
COSTS = lakebt.CostModel(
    commission_bps=1.5, half_spread_bps=2.0, borrow_bps_per_year=300.0
)
STUDIES: dict[str, dict[str, Any]] = {
    "both sides": {"costs": COSTS},
    "hedged": {
        "side": "additions",
        "hedge": MARKET,
        "costs": COSTS,
        "aggregate": "calendar",
        "weighting": "leg",
        "max_weight": 0.3,
    },
    "one side": {"side": "deletions", "gross": 1.7, "capital_usd": 12_345.0},
    "legs left out": {"missing": "drop_leg", "hedge": MARKET, "costs": COSTS},
    "with hindsight": {"on_look_ahead": "allow", "aggregate": "calendar"},
}


def corrected(prices: pd.DataFrame) -> pd.DataFrame:
    """Return every seventh bar a little higher, as known four days later."""
    rows = prices[prices["symbol"] != MARKET].iloc[::7].copy()
    rows[["open", "high", "low", "close"]] *= 1.001
    later = pd.to_datetime(rows["session"]).dt.tz_localize("America/New_York")
    return rows.assign(known_at=later + pd.Timedelta("4D17h"))


def postponed(changes: pd.DataFrame) -> pd.DataFrame:
    """Return one leg of every third event with a later date, as known two days on."""
    rows = changes.iloc[::12].copy()
    rows["effective"] = [day + dt.timedelta(days=7) for day in rows["effective"]]
    return rows.assign(known_at=rows["announced"] + pd.Timedelta("2D"))


def with_both_sides(changes: pd.DataFrame) -> pd.DataFrame:
    """Add changes of symbols that are on the other side too, and of the hedge."""
    added = changes[changes["side"] == "addition"].iloc[::9]
    hedge = changes[changes["side"] == "addition"].iloc[4::11]
    rows = [changes, added.assign(side="deletion"), hedge.assign(symbol=MARKET)]
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    """Overlapping events, with missing bars, corrections and no round prices."""
    market = simulated_market(
        seed=11, n_events=24, n_members=2, before=12, after=90, spacing=4
    )
    rng = np.random.default_rng(4)
    prices = market.prices
    kept = (prices["symbol"] == MARKET) | (rng.random(len(prices)) > 0.02)
    prices = prices[kept]
    odd = prices["symbol"].str.endswith(("3", "7"))
    columns = ["open", "high", "low", "close"]
    prices.loc[odd, columns] = prices.loc[odd, columns] / 3.0
    path: Path = tmp_path_factory.mktemp("panel") / "lake"
    lake = lakebt.Lake.open(path)
    changes = with_both_sides(market.index_changes)
    tables = {**market.tables, "prices": prices, "index_changes": changes}
    lake.publish(tables, release="R1", as_of=market.as_of)
    lake.publish(
        {
            "prices": corrected(prices),
            "index_changes": postponed(market.index_changes),
        },
        release="R2",
        as_of=market.as_of,
    )
    return lake.at("R2")


@pytest.fixture(scope="module", params=STUDIES)
def asked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a study was asked with, beside its grid."""
    return STUDIES[request.param]


@pytest.fixture(scope="module")
def result(asked: dict[str, Any], view: lakebt.View) -> lakebt.Result:
    return lakebt.Study(view, index="SIM", **GRID, **asked).run()


@pytest.fixture(scope="module")
def report(result: lakebt.Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    result.report(path)
    return path


UNDRAWN = (
    "window.drawing = [Plotly.react, Plotly.relayout];"
    "Plotly.react = Plotly.relayout = () => {};"
)
DRAWN = "[Plotly.react, Plotly.relayout] = window.drawing;"
"""Charts of all cells in turn take a tenth of a second each, and nobody looks."""


def show(page: Page, result: lakebt.Result, entry: str, exit_: str) -> None:
    place = f"{result.entries.index(entry)}, {result.exits.index(exit_)}"
    page.run(f"lakebt.panel.show({place})")


def named(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a frame, their values by name."""
    return list(frame.itertuples())


def text(page: Page, name: str) -> str:
    return page.driver.find_element(By.ID, name).text


def cells(name: str) -> str:
    """Return the script of what stands in a table, row by row."""
    return (
        f"[...document.querySelectorAll('#{name} tbody tr')]"
        f".map(row => [...row.cells].map(cell => cell.textContent))"
    )


def rows(page: Page, name: str) -> list[list[str]]:
    found: list[list[str]] = page.run(f"return {cells(name)}")
    return found


def held_equity(
    result: lakebt.Result, asked: dict[str, Any], entry: str, exit_: str
) -> pd.Series:
    """Return the equity of the portfolio of open events, as the library has it."""
    own = lakebt.Study(result.view, index="SIM", **GRID, **asked).run(record=False)
    equity: pd.Series = own.returns(entry=entry, exit=exit_).add(1.0).cumprod()
    return equity


def test_the_events_of_any_cell_are_the_librarys(
    page: Page, result: lakebt.Result, report: Path
) -> None:
    page.open(report)
    assert result.best is not None
    assert text(page, "cell-name") == " to ".join(result.best), "at first the best"
    page.run(UNDRAWN)

    events = result.events()
    traded = events[["entry", "exit"]].drop_duplicates().to_numpy().tolist()
    assert len(traded) > 10
    for entry, exit_ in traded:
        own = events[(events["entry"] == entry) & (events["exit"] == exit_)]
        legs = result.legs(entry=entry, exit=exit_).dropna(subset="weight")
        counted = legs.groupby(["event_id", "side"]).size().unstack(fill_value=0)  # noqa: PD010
        counted = counted.reindex(columns=["addition", "deletion"], fill_value=0)
        sides = {
            str(name): [str(n) for n in row] for name, *row in counted.itertuples()
        }
        place = f"{result.entries.index(entry)}, {result.exits.index(exit_)}"
        table, found = page.run(
            f"lakebt.panel.show({place});"
            f"return [{cells('events-table')},"
            f" lakebt.panel.of({place}).map(e => [e.id, e.net])]"
        )
        assert {row[0]: row[1:] for row in table} == {
            row.event_id: [
                words.bps(row.net_return * 1e4),
                words.bps(row.gross_return * 1e4),
                *sides[row.event_id],
                str(row.entry_session.date()),
                str(row.exit_session.date()),
            ]
            for row in named(own)
        }
        net = own.set_index("event_id")["net_return"]
        for event, value in found:
            assert value == pytest.approx(net[event], abs=1e-9)
    assert page.errors() == []
    page.run(DRAWN)


def test_the_equity_of_a_cell_is_that_of_its_returns(
    page: Page, result: lakebt.Result, asked: dict[str, Any], report: Path
) -> None:
    page.turn_to(report)
    entry, exit_ = "AD+1@open", "1w"
    equity = held_equity(result, {**asked, "aggregate": "calendar"}, entry, exit_)

    show(page, result, entry, exit_)

    drawn = page.run("return [...document.getElementById('cell-equity').data[0].y]")
    np.testing.assert_allclose(drawn, [1.0, *equity], rtol=1e-9)
    n = count(len(equity), "session")
    assert text(page, "cell-growth") == (
        f"1 became {equity.iloc[-1]:,.4f} in {n}, net of costs."
    )
    days = page.run("return document.getElementById('cell-equity').data[0].x")
    assert days[1:] == [str(day)[:10] for day in equity.index]


def test_the_orders_of_any_event_are_the_librarys(
    page: Page, result: lakebt.Result, report: Path
) -> None:
    page.turn_to(report)
    entry, exit_ = "AD+1@open", "ED+2@open"
    show(page, result, entry, exit_)

    names = [row[0] for row in rows(page, "events-table")]
    assert len(names) > 5
    shown = page.run(
        "return [...document.querySelectorAll('#events-table tbody button')].map("
        "button => { button.click();"
        f" return [document.getElementById('orders-name').innerText,"
        f" {cells('orders-table')}]; }})"
    )
    for name, (title, table) in zip(names, shown, strict=True):
        orders = result.orders(event=name, entry=entry, exit=exit_)
        assert table == [
            [
                order.symbol,
                order.side,
                str(order.session.date()),
                order.at,
                f"{order.size:,.2f}",
                decimals(order.price),
            ]
            for order in named(orders)
        ]
        assert title == f"Orders of {name}"


def decimals(price: float) -> str:
    """Write a price with two to four decimals."""
    return f"{price:,.4f}".removesuffix("0").removesuffix("0")


def test_the_years_of_a_cell_are_the_librarys(
    page: Page, result: lakebt.Result, report: Path
) -> None:
    page.turn_to(report)
    years = result.by_year(entry="AD+2@close", exit="+3")

    show(page, result, "AD+2@close", "+3")

    drawn = page.run(
        "const trace = document.getElementById('cell-years').data[1];"
        "return [trace.x.map(Math.round), [...trace.y],"
        " trace.error_y.array.map(e => Number.isFinite(e) ? e : null)]"
    )
    assert drawn[0] == years["year"].tolist()
    np.testing.assert_allclose(drawn[1], years["mean_bps"])
    errors = [np.nan if error is None else error for error in drawn[2]]
    np.testing.assert_allclose(errors, years["se_bps"])


def test_the_head_of_the_panel_says_what_the_table_does(
    page: Page,
    view: lakebt.View,
    result: lakebt.Result,
    asked: dict[str, Any],
    report: Path,
) -> None:
    page.turn_to(report)

    table = result.table()
    (row,) = named(table.query("entry == 'AD+2@close' and exit == '1w'"))
    show(page, result, "AD+2@close", "1w")

    grid = {"entries": ["AD+2@close"], "exits": ["1w"]}
    held = {**GRID, **asked, **grid, "aggregate": "calendar"}
    (drawn,) = named(lakebt.Study(view, index="SIM", **held).run().table())
    assert text(page, "cell-sharpe") == (
        f"{words.sharpe(drawn.sharpe)} {words.error(drawn.sharpe_se)}"
    )
    pooled = f"{words.sharpe(row.sharpe)} {words.error(row.sharpe_se)}"
    if asked.get("aggregate") != "calendar":
        assert f"Pooled: {pooled}" in text(page, "cell-rests")
    assert f"from {row.n_events} events on {row.n_dates} dates" in text(
        page, "cell-rests"
    )
    assert f"{words.bps(row.net_bps)} bp net." in text(page, "cell-money")


def test_the_panel_flags_few_dates(
    page: Page, view: lakebt.View, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "index": "SIM",
        "entries": ["AD+1@open"],
        "exits": ["+1", "1w"],
    }
    days = lakebt.Study(view, **asked).run(record=False).events()["date"].unique()
    period = (min(days), sorted(days)[9])
    result = lakebt.Study(view, **asked, period=period).run(record=False)
    is_few = result.table().set_index("exit")["n_dates"] < FEW_DATES
    assert set(is_few) == {True, False}, "some have no price"
    result.report(tmp_path / "report.html")

    page.open(tmp_path / "report.html")

    for exit_ in asked["exits"]:
        show(page, result, "AD+1@open", exit_)
        assert text(page, "cell-sharpe").endswith(FEW) is bool(is_few[exit_])


def test_an_exit_of_legs_that_leave_apart_is_among_them(view: lakebt.View) -> None:
    result = lakebt.Study(view, index="SIM", **GRID).run()

    plan = result.traded.schedule
    assert (plan.apart & result.traded.cells.traded).sum() > 10
    assert any(len(history) > 1 for history in plan.changes.histories)
    assert result.traded.cells.gaps.sum() > 0


@pytest.fixture(scope="module")
def one(view: lakebt.View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("one") / "report.html"
    lakebt.Study(view, index="SIM", costs=COSTS, **GRID).run().report(path)
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
    view: lakebt.View,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lakebt.report import html  # noqa: PLC0415
    from lakebt.study.panel_data import ingredients  # noqa: PLC0415

    made = ingredients(lakebt.Study(view, index="SIM", **GRID).run().traded)
    monkeypatch.setattr(html, "_MOST_BYTES", 1_000)

    page = write_study_report(make_study(ingredients=made), tmp_path / "large.html")

    shown = page.read_text("utf-8")
    assert "so this page does not carry it: <code>result.events()</code>" in shown
    assert 'id="ingredients"' not in shown
    assert 'id="best-equity"' in shown


def test_charts_are_as_wide_as_their_columns(page: Page, report: Path) -> None:
    for width in (1280, 400):
        page.turn_to(report, width=width)
        assert page.overflow() <= 0
