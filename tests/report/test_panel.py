"""The panel beside the surface, in a real browser: its numbers are the library's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import lakebt
from lakebt.report import words
from lakebt.values.text import count
from tests.report.panels import COSTS, GRID, MARKET, cells, named, rows, show, text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.report.browser import Page

pytestmark = [pytest.mark.lake, pytest.mark.slow]

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


@pytest.fixture(scope="module", params=STUDIES)
def asked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a study was asked with, beside its grid."""
    return STUDIES[request.param]


@pytest.fixture(scope="module")
def result(asked: dict[str, Any], overlapping: lakebt.View) -> lakebt.Result:
    return lakebt.Study(overlapping, index="SIM", **GRID, **asked).run()


class Report(NamedTuple):
    """A page of a study, and the cell that it showed as it was opened."""

    path: Path
    at_first: str


@pytest.fixture(scope="module")
def report(
    result: lakebt.Result, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """The page, opened anew for the tests of its study."""
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    result.report(path)
    page.open(path)
    return Report(path=path, at_first=text(page, "cell-name"))


UNDRAWN = (
    "window.drawing = [Plotly.react, Plotly.relayout];"
    "Plotly.react = Plotly.relayout = () => {};"
)
DRAWN = "[Plotly.react, Plotly.relayout] = window.drawing;"
"""Charts of all cells in turn take a tenth of a second each, and nobody looks."""


def held_equity(
    result: lakebt.Result, asked: dict[str, Any], entry: str, exit_: str
) -> pd.Series:
    """Return the equity of the portfolio of open events, as the library has it."""
    own = lakebt.Study(result.view, index="SIM", **GRID, **asked).run(record=False)
    equity: pd.Series = own.returns(entry=entry, exit=exit_).add(1.0).cumprod()
    return equity


def test_the_events_of_any_cell_are_the_librarys(
    page: Page, result: lakebt.Result, report: Report
) -> None:
    assert result.best is not None
    assert report.at_first == " to ".join(result.best)
    page.turn_to(report.path)
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
    page: Page, result: lakebt.Result, asked: dict[str, Any], report: Report
) -> None:
    page.turn_to(report.path)
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
    page: Page, result: lakebt.Result, report: Report
) -> None:
    page.turn_to(report.path)
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
    page: Page, result: lakebt.Result, report: Report
) -> None:
    page.turn_to(report.path)
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
    overlapping: lakebt.View,
    result: lakebt.Result,
    asked: dict[str, Any],
    report: Report,
) -> None:
    page.turn_to(report.path)

    table = result.table()
    (row,) = named(table.query("entry == 'AD+2@close' and exit == '1w'"))
    show(page, result, "AD+2@close", "1w")

    grid = {"entries": ["AD+2@close"], "exits": ["1w"]}
    held = {**GRID, **asked, **grid, "aggregate": "calendar"}
    (drawn,) = named(lakebt.Study(overlapping, index="SIM", **held).run().table())
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


def test_charts_are_as_wide_as_their_columns(page: Page, report: Report) -> None:
    for width in (1280, 400):
        page.turn_to(report.path, width=width)
        assert page.overflow() <= 0
