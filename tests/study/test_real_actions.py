"""What real studies earn with the dividends and endings of their shares.

The expected figures were worked out from the same files without lakebt. The data is no
part of the repository: without it these tests skip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.analysis.years import clustered_mean
from lakebt.sources.prices import convert_prices
from lakebt.sources.rebalances import convert_rebalances

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.lake]

AS_OF = "2026-04-01T00:00:00Z"
DATED = {"announced_quality": ["exact", "derived"]}
ACQUIRERS = ("CVS", "CI", "D", "ADI")


def actions(folder: Path) -> pd.DataFrame:
    """Return dividends and mergers as the table has them.

    Dividends are those that the price file's own factors tell: each in the share units
    of its bars, and of the company whose bars they are, where a ticker had two. What
    vendors tell as a dividend and was shares of others is not among them.
    """
    paid = pd.read_csv(folder / "dividends.csv")
    paid = paid.rename(columns={"implied_by_prices_parquet": "cash"})
    paid = paid[(paid["symbol"] != "SPY") & paid["cash"].notna()]
    spy = pd.read_csv(folder / "spy_distributions.csv").assign(symbol="SPY")
    spy = spy.rename(columns={"amount_usd": "cash"})
    deals = pd.read_csv(folder / "mergers.csv")
    deals = deals.rename(columns={"cash_usd": "cash", "acquirer": "other"})
    # A ticker that two companies had ends twice without `instruments`.
    twice = pd.read_csv(folder / "recycled_tickers.csv")["symbol"]
    deals = deals[~deals["symbol"].isin(twice)].assign(kind="merger")
    told = pd.concat([paid, spy]).assign(kind="cash_dividend")
    columns = ["symbol", "ex_date", "kind", "cash", "ratio", "other"]
    return pd.concat([told, deals], ignore_index=True)[columns]


@pytest.fixture(scope="module")
def views(
    realdata: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, lakebt.View]:
    """Prices alone, with what happened to shares, and with four acquirers' bars."""
    folder = realdata / "actions"
    if not folder.exists():
        pytest.skip("the corporate actions are not there")
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("acts") / "lake")
    changes = convert_rebalances(pd.read_csv(realdata / "events.csv"))
    bars = convert_prices(pd.read_parquet(realdata / "prices.parquet")).frame
    first = {changes.table: changes.frame, "prices": bars}
    lake.publish(first, release="PRICES", as_of=AS_OF)
    acts = {"corporate_actions": actions(folder)}
    lake.publish(acts, release="ACTS", as_of="2026-04-01T00:00:01Z")
    more = pd.read_parquet(folder / "raw_bars.parquet")
    more = more[more["symbol"].isin(ACQUIRERS)].assign(basis="raw")
    more = more[
        ["symbol", "session", "open", "high", "low", "close", "volume", "basis"]
    ]
    lake.publish({"prices": more}, release="ALL", as_of="2026-04-01T00:00:02Z")
    return {name: lake.at(name) for name in ("PRICES", "ACTS", "ALL")}


def legs(view: lakebt.View, entry: str, exit_: str, **asked: Any) -> pd.DataFrame:
    """Return the traded legs of one rule against SPY."""
    made = {"index": "SP500", "hedge": "SPY", "missing": "drop_leg", **asked}
    result = lakebt.Study(view, entries=[entry], exits=[exit_], **made).run(
        record=False
    )
    return result.legs().dropna(subset="price_return").assign(facts=_facts(result))


def _facts(result: lakebt.Result) -> str:
    return " | ".join(result.refused()["fact"])


def bps(earned: pd.Series[float]) -> tuple[float, float]:
    """Return the mean in basis points, and its t statistic."""
    error = earned.std(ddof=1) / np.sqrt(len(earned))
    return round(float(earned.mean() * 1e4), 1), round(float(earned.mean() / error), 2)


def test_additions_with_what_the_hedge_owes_and_the_longs_receive(
    views: dict[str, lakebt.View],
) -> None:
    rule = ("AD+1@open", "ED-1@close")
    own = legs(views["ACTS"], *rule, side="additions", where=DATED)
    over = own["price_return"] - own["hedge_return"]
    owed = over - own["hedge_dividend_return"]

    assert len(own) == 242
    assert bps(over) == (-49.0, -1.32)
    assert bps(owed) == (-62.6, -1.69)
    assert int((own["hedge_dividend_return"] > 0.0).sum()) == 82
    assert bps(owed + own["dividend_return"]) == (-61.5, -1.66)
    earned = (owed + own["dividend_return"]).to_numpy()
    dates = pd.factorize(own["event_id"].str.split(":").str[1])[0]
    mean, error = clustered_mean(earned, group=np.zeros(len(own), int), date=dates)
    assert float(mean[0] / error[0]) == pytest.approx(-1.56, abs=0.01)
    received = own[own["dividend_return"] > 0.0]
    paid = received["dividend_return"] * received["entry_price"]
    by_symbol = dict(zip(received["symbol"], paid.round(3), strict=True))
    assert by_symbol == {"MAC": 0.58, "BR": 0.365, "MXIM": 0.46, "EXE": 0.575}


def test_without_actions_the_figures_are_those_of_prices(
    views: dict[str, lakebt.View],
) -> None:
    rule = ("AD+1@open", "ED-1@close")
    own = legs(views["PRICES"], *rule, side="additions", where=DATED)

    assert bps(own["price_return"] - own["hedge_return"]) == (-49.0, -1.32)
    assert not own["dividend_return"].any()
    assert own["ending"].isna().all()


def dividends_by_hand(folder: Path, own: pd.DataFrame) -> Any:
    """Return what one share of each leg was paid while it was held."""
    told = actions(folder / "actions")
    told = told[told["kind"] == "cash_dividend"]
    bars = convert_prices(pd.read_parquet(folder / "prices.parquet")).frame
    in_price = bars[bars["basis"] == "total_return"].groupby("symbol")["session"]
    spans = {name: set(days) for name, days in in_price}
    found = []
    leg: Any
    for leg in own.itertuples():
        name = leg.symbol
        total = 0.0
        for row in told[told["symbol"] == name].itertuples():
            ex_date: Any = pd.Timestamp(str(row.ex_date))
            is_owed = leg.entry_session < ex_date <= leg.exit_session
            if is_owed and ex_date.date() not in spans.get(name, ()):
                total += float(str(row.cash))
        found.append(total)
    return np.array(found)


def test_a_month_after_the_change(
    views: dict[str, lakebt.View], realdata: Path
) -> None:
    added = legs(views["ACTS"], "ED@close", "4w", side="additions", where=DATED)
    deleted = legs(views["ACTS"], "ED@close", "4w", side="deletions", where=DATED)

    assert bps(added["price_return"] - added["hedge_return"])[0] == -61.3
    assert int((added["hedge_dividend_return"] > 0.0).sum()) == 58
    assert int((added["dividend_return"] > 0.0).sum()) == 28
    net = added["price_return"] + added["dividend_return"]
    owed = added["hedge_return"] + added["hedge_dividend_return"]
    paid = dividends_by_hand(realdata, added) / added["entry_price"].to_numpy()
    np.testing.assert_allclose(added["dividend_return"], paid, rtol=1e-9)
    of_deleted = dividends_by_hand(realdata, deleted)
    np.testing.assert_allclose(
        deleted["dividend_return"],
        of_deleted / deleted["entry_price"].to_numpy(),
        rtol=1e-9,
    )
    by_hand = added["price_return"] + paid
    assert bps(by_hand - owed)[0] == bps(net - owed)[0] == -67.3
    short = deleted["hedge_return"] - deleted["price_return"]
    assert bps(short)[0] == 43.9
    short += deleted["hedge_dividend_return"] - deleted["dividend_return"]
    assert bps(short)[0] == 37.1


def test_legs_that_ended_were_paid_for(views: dict[str, lakebt.View]) -> None:
    asked: dict[str, Any] = {"side": "deletions"}
    before, cash, shares = (
        legs(view, "AD+1@open", "4w", **asked) for view in views.values()
    )

    assert [len(own) for own in (before, cash, shares)] == [121, 126, 130]
    ended = cash[cash["ending"].notna()].set_index("symbol")
    assert sorted(ended.index) == ["ABMD", "CERN", "CSRA", "CTXS", "EVHC"]
    prices = ended.loc[["CSRA", "CTXS"], ["entry_price", "exit_price"]].to_numpy()
    assert prices.tolist() == [[41.22, 41.25], [103.82, 104.0]]
    more = shares[shares["ending"].notna()]["symbol"]
    assert sorted(set(more) - set(ended.index)) == ["AET", "ESRX", "MXIM", "SCG"]
    facts = shares["facts"].iloc[0]
    assert "ECA: the view has none (NFX became it by a merger on 2019-02-14)" in facts
    assert "CP: the view has none (KSU became it by a merger on 2021-12-14)" in facts
