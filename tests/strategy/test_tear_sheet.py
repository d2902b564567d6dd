"""What a strategy's run came to, against its own tables and the market's closes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.report.charts import growth_figure
from lakebt.report.palette import THEMES, rgb
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.report.tear_sheet import TearSheet

pytestmark = pytest.mark.lake


class Pairs:
    """Long one member and short another, the other way round each time."""

    def __init__(self) -> None:
        self.sign = 1.0

    def target_weights(self, view: lakebt.View) -> pd.Series:
        self.sign = -self.sign if view.release else 1.0
        return pd.Series({"MEM0001": 0.7 * self.sign, "MEM0002": -0.5 * self.sign})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Run:
    market = simulated_market(seed=4, n_events=4, n_members=4, before=12, after=110)
    path: Path = tmp_path_factory.mktemp("sheet") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    costs = lakebt.CostModel(commission_bps=2.0, borrow_bps_per_year=200.0)
    return lakebt.Backtest(
        lake.at("R1"), Pairs, start="2010-02-01", end="2010-06-30", costs=costs
    ).run(record=False)


@pytest.fixture(scope="module")
def sheet(run: lakebt.Run) -> TearSheet:
    return run.tear_sheet(benchmark="MKT")


def test_it_says_what_the_run_says(run: lakebt.Run, sheet: TearSheet) -> None:
    table = sheet.stats()

    assert table.loc["sharpe", "value"] == run.sharpe()
    assert table.loc["sharpe_se", "value"] == run.sharpe_se()
    assert table.loc["sharpe", "definition"] == str(run.definition)
    assert table.loc["total_return", "value"] == pytest.approx(
        float(run.equity().iloc[-1]) - 1.0, rel=1e-12
    )
    assert sheet.numbers() == pytest.approx(table["value"].to_dict(), nan_ok=True)


def test_turnover_and_exposure_are_those_of_its_tables(
    run: lakebt.Run, sheet: TearSheet
) -> None:
    bars = run.view.read("prices", where={"symbol": ["MEM0001", "MEM0002"]})
    closes = bars.assign(session=pd.DatetimeIndex(bars["session"]))
    traded: dict[Any, float] = {}
    for order in run.orders().to_dict("records"):
        usd = order["size"] * order["price"]
        traded[order["session"]] = traded.get(order["session"], 0.0) + usd
    value, turnover, gross = run.value(), 0.0, []
    before = run.terms.capital_usd
    price = {
        (row["session"], row["symbol"]): row["close"]
        for row in closes.to_dict("records")
    }
    first = run.returns().index[0]
    for day in run.positions().index:
        shares = run.positions().loc[day]
        turnover += traded.get(day, 0.0) / before
        before = value[day]
        if day >= first:
            worth = [
                abs(shares[name]) * price[day, name] for name in ("MEM0001", "MEM0002")
            ]
            gross.append(sum(worth) / before)

    found = sheet.stats()["value"]

    assert found["turnover"] == pytest.approx(
        turnover * 252.0 / len(run.returns()), rel=1e-12
    )
    assert found["exposure"] == pytest.approx(sum(gross) / len(gross), rel=1e-12)
    assert found["time_held"] == 1.0


def test_the_benchmark_is_the_markets_closes(run: lakebt.Run, sheet: TearSheet) -> None:
    bars = run.view.read("prices", where={"symbol": "MKT"})
    closes = pd.Series(bars["close"].to_numpy(), pd.DatetimeIndex(bars["session"]))
    moved = closes.sort_index().pct_change().reindex(run.returns().index)

    found = sheet.stats()["value"]

    total = float(np.prod(1.0 + moved.to_numpy())) - 1.0
    assert found["benchmark_return"] == pytest.approx(total)
    assert found["beta"] == pytest.approx(
        run.returns().cov(moved) / moved.var(), rel=1e-9
    )
    given = run.stats(benchmark=moved.rename("mine"))["value"]
    assert given["alpha"] == pytest.approx(found["alpha"], rel=1e-9)


def test_without_the_market_there_is_no_benchmark(run: lakebt.Run) -> None:
    assert "beta" not in run.stats().index
    with pytest.raises(lakebt.LakebtError, match="'SPX' has no prices here: publish"):
        run.stats(benchmark="SPX")
    with pytest.raises(lakebt.LakebtError, match="a symbol or a series"):
        run.stats(benchmark=3)  # type: ignore[arg-type]


def test_every_figure_is_drawn(sheet: TearSheet) -> None:
    figures = sheet.plots()

    assert list(figures) == [
        *("equity", "months", "rolling", "returns", "exposure", "positions")
    ]
    assert all(len(figure.data) for figure in figures.values())
    equity = figures["equity"].data[1]
    assert list(equity.y) == pytest.approx(sheet.curves()["equity"].tolist())
    assert sheet.plot_equity(log=True).layout.yaxis.type == "log"
    with pytest.raises(lakebt.LakebtError, match="at least 2, was 1"):
        sheet.plot_rolling(1)


def test_it_is_read_in_text_and_in_a_notebook(sheet: TearSheet) -> None:
    text, page = repr(sheet), sheet._repr_html_()

    ratio = sheet.numbers()["sharpe"]
    assert f"{ratio:.2f}".replace("-", "\N{MINUS SIGN}") in text
    for name in ("Worst drawdown", "Information ratio", "Turnover"):
        assert name in text
        assert name in page
    assert "2010" in page
    assert ">Jan</th>" in page
    is_open = str(sheet.stats().loc["drawdown_length", "when"]) == "NaT"
    assert ("not recovered" in text, "not recovered" in page) == (is_open, is_open)
    assert not math.isnan(ratio)


@pytest.mark.slow
def test_the_page_has_the_sheet(run: lakebt.Run, tmp_path: Path) -> None:
    run.report(tmp_path / "run.html")

    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    for name in ("growth", "months", "rolling", "returns", "exposure", "positions"):
        assert f'id="{name}-figure"' in page
    assert 'id="equity-figure"' not in page
    assert "Joanes and Gill (1998)" in page
    assert len(page) < 2_300_000


def test_a_button_that_is_on_can_be_read_in_either_theme(sheet: TearSheet) -> None:
    """Plotly fills it with #F4FAFF, also on a dark page."""
    for theme in THEMES:
        figure = growth_figure(sheet.curves(), theme=theme)
        (menu,) = figure.layout.updatemenus
        for paper in ("#f4faff", menu.bgcolor):
            assert contrast(menu.font.color, paper) >= 3.9, (theme, paper)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    light = []
    for colour in (one, other):
        parts = [part / 255 for part in rgb(colour)]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)
