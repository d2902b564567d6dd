"""A thousand events under a thousand rules, in one file that a browser opens."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.sources.simulated import simulated_market
from tests.nightly import IS_NIGHTLY

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.report.browser import Page

pytestmark = [pytest.mark.lake, pytest.mark.slow]

ENTRIES = [
    f"{anchor}{offset}@{at}"
    for anchor, offsets in (
        ("AD", [f"+{k}" for k in range(1, 16)]),
        ("ED", [f"-{k}" for k in range(9, 0, -1)] + ["", "+1", "+2", "+3"]),
    )
    for offset in offsets
    for at in ("open", "close")
][:55]
EXITS = [
    *(f"+{k}" for k in range(1, 16)),
    *("1w", "2w", "3w", "4w", "5w", "6w"),
    *("ED-1@close", "ED+5@close", "ED+10@open"),
]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    """1,000 events of four legs under 1,320 rules; no price is round."""
    market = simulated_market(
        seed=1, n_events=1_000, spacing=3, after=60, start=dt.date(2008, 1, 2)
    )
    bars = ["open", "high", "low", "close"]
    prices = market.prices.assign(**{name: market.prices[name] / 3.0 for name in bars})
    path: Path = tmp_path_factory.mktemp("large") / "lake"
    lake = lakebt.Lake.open(path)
    tables = {"prices": prices, "index_changes": market.index_changes}
    lake.publish(tables, release="R1", as_of=market.as_of)
    costs = lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=50.0)
    return lakebt.Study(
        lake.at("R1"), index="SIM", entries=ENTRIES, exits=EXITS, costs=costs
    ).run(record=False)


@pytest.fixture(scope="module")
def report(result: lakebt.Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    result.report(path)
    return path


def test_the_report_is_below_six_megabytes(result: lakebt.Result, report: Path) -> None:
    assert result.traded.cells.traded.sum() > 1_000_000
    assert 4_000_000 < report.stat().st_size < 6_000_000


@pytest.mark.parametrize("width", [400, 1280] if IS_NIGHTLY else [400])
def test_it_opens_and_answers(
    page: Page, result: lakebt.Result, report: Path, width: int
) -> None:
    page.open(report, width=width)
    assert page.errors() == []
    assert page.requests() == [report.as_uri()]
    assert page.overflow() <= 0
    assert page.count("#surface-figure .heatmaplayer image") == 1

    started = time.perf_counter()
    page.run(f"lakebt.panel.show({ENTRIES.index('AD+3@open')}, {EXITS.index('3w')})")
    took = time.perf_counter() - started

    # A fraction of a second on an idle machine.
    assert took < 10.0
    own = result.events().query("entry == 'AD+3@open' and exit == '3w'")
    assert page.count("#events-table tbody tr") == len(own)
    found = page.run(
        f"return lakebt.panel.of({ENTRIES.index('AD+3@open')}, {EXITS.index('3w')})"
        f".map(event => event.net)"
    )
    assert sorted(found) == pytest.approx(sorted(own["net_return"]), abs=1e-9)
    check_listed(page, own)


def check_listed(page: Page, own: pd.DataFrame) -> None:
    """Check that events stand by date, and the print has as many worst as best."""
    cells = "[...row.cells].map(cell => cell.textContent)"
    kept = "#events-table tbody tr:not(.unprinted)"
    all_, printed = (
        page.run(f"return [...document.querySelectorAll('{rows}')].map(row => {cells})")
        for rows in ("#events-table tbody tr", kept)
    )
    entered = [row[5] for row in all_]  # a fixed number of sessions later
    assert entered == sorted(str(day.date()) for day in own["entry_session"])
    by_net = own.sort_values("net_return")["event_id"].tolist()
    assert {row[0] for row in printed} == {*by_net[:12], *by_net[-12:]}


def test_what_a_notebook_shows_stays_small(result: lakebt.Result) -> None:
    assert len(result._repr_html_()) < 200_000
