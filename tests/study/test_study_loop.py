"""A slow, obvious loop over dictionaries agrees with the study on every column."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.lake, pytest.mark.slow]

ENTRIES = ("AD+1@open", "AD+1@close", "ED-1@close", "ED@open")
EXITS = ("+0", "+1", "1w", "ED@close", "ED+3@open")
COSTS: dict[str, Any] = {
    "commission_bps": 1.5,
    "half_spread_bps": 4.0,
    "borrow_bps_per_year": 150.0,
}
CAPITAL, GROSS = 250_000.0, 1.2
NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class Market:
    """What the loop reads: bars and changes as dictionaries, sessions as a list."""

    bars: dict[tuple[str, dt.date], dict[str, float]]
    changes: list[dict[str, Any]]
    sessions: list[dt.date]


@dataclass
class Row:
    """One event under one rule, as the loop sees it."""

    reason: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    returns: list[float] = field(default_factory=list)
    gross: float = math.nan
    net: float = math.nan
    commission: float = 0.0
    spread: float = 0.0
    borrow: float = 0.0
    gaps: int = 0
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    legs: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """A simulated market with a one-sided event and two holes in its prices."""
    market = simulated_market(seed=7, n_events=7, n_members=1, before=15, after=25)
    changes = market.index_changes
    first_deletions = changes[changes["side"] == "deletion"].index[:2]
    changes = changes.drop(first_deletions).reset_index(drop=True)
    # The hedge as a leg of the event with additions alone; a symbol on both sides.
    added = changes[changes["symbol"].isin(["ADD0001", "ADD0007"])]
    copies = added.assign(symbol=["MKT", "ADD0007"], side=["addition", "deletion"])
    changes = pd.concat([changes, copies], ignore_index=True)
    prices = market.prices
    days = {"ADD0003": None, "DEL0005": None}
    for symbol in days:
        own = prices[prices["symbol"] == symbol].reset_index()
        effective = changes.loc[changes["symbol"] == symbol, "effective"].iloc[0]
        after = own[own["session"] >= effective]
        prices = prices.drop(after["index"].iloc[1:4])  # ED+1 .. ED+3
    # Bars without a trade are no prices: at entries, at exits, between them.
    rng = np.random.default_rng(5)
    without = (prices["symbol"] != "MKT") & (rng.random(len(prices)) < 0.01)
    without |= (prices["symbol"] == "DEL0004") & (rng.random(len(prices)) < 0.2)
    prices.loc[without, "volume"] = 0.0
    prices.loc[prices["symbol"] == "ADD0006", "volume"] = np.nan  # says nothing
    return {
        "prices": prices.reset_index(drop=True),
        "index_changes": changes,
        "etf_holdings": market.etf_holdings,
    }


@pytest.fixture(scope="module")
def market(tables: dict[str, pd.DataFrame]) -> Market:
    prices = tables["prices"]
    bars = {
        (row["symbol"], row["session"]): row
        for row in records(prices)
        if row["volume"] != 0.0
    }
    sessions = sorted({s for symbol, s in bars if symbol == "MKT"})
    return Market(bars, records(tables["index_changes"]), sessions)


@pytest.fixture(scope="module")
def view(
    tables: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> lakebt.View:
    path: Path = tmp_path_factory.mktemp("loop") / "lake"
    lake = lakebt.Lake.open(path)
    lake.publish(tables, release="R1", as_of="2013-01-01T00:00:00Z")
    return lake.at("R1")


def records(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


def anchored(text: str, change: dict[str, Any], market: Market) -> tuple[int, str]:
    """Return the session's place in the list, and open or close."""
    rule, _, at = text.partition("@")
    announced = pd.Timestamp(change["announced"]).tz_convert(NEW_YORK).date()
    anchor = (
        bisect.bisect_right(market.sessions, announced) - 1
        if rule.startswith("AD")
        else bisect.bisect_left(market.sessions, change["effective"])
    )
    return anchor + int(rule[2:] or 0), at or "close"


def leave(
    text: str, entry: int, change: dict[str, Any], market: Market
) -> tuple[int, str]:
    rule, _, at = text.partition("@")
    if rule.endswith("w"):
        day = market.sessions[entry] + dt.timedelta(days=7 * int(rule[:-1]))
        return bisect.bisect_left(market.sessions, day), at or "close"
    if rule.startswith("+"):
        return entry + int(rule), at or "close"
    return anchored(text, change, market)


def price(market: Market, symbol: str, place: int, at: str) -> float:
    bar = market.bars.get((symbol, market.sessions[place]))
    return float(bar[at]) if bar else math.nan


def last_close(market: Market, symbol: str, before: int) -> float:
    for place in range(before - 1, -1, -1):
        found = price(market, symbol, place, "close")
        if not math.isnan(found):
            return found
    return math.nan


def walk(  # noqa: C901, PLR0912, PLR0915 - one walk, no helpers to hide in
    event: list[dict[str, Any]],
    entry: str,
    exit_: str,
    market: Market,
    *,
    hedge: str | None,
    missing: str,
) -> Row:
    row = Row()
    start, when = anchored(entry, event[0], market)
    end, until = leave(exit_, start, event[0], market)
    if (end, until == "close") <= (start, when == "close"):
        row.reason = "exit_before_entry"
        return row
    quotes = {}
    for change in event:
        symbol = str(change["symbol"])
        quotes[symbol, str(change["side"])] = (
            price(market, symbol, start, when),
            price(market, symbol, end, until),
        )
    priced = {k: q for k, q in quotes.items() if not any(map(math.isnan, q))}
    if len(priced) < len(quotes) and (missing == "exclude" or not priced):
        row.reason = "no_price"
        return row
    sides = [side for _, side in priced]
    alone = len(set(sides)) == 1
    if alone and hedge is None:
        row.reason = "one_sided"
        return row
    book: dict[str, Any] = {}
    for (symbol, side), quote in priced.items():
        sign = 1.0 if side == "addition" else -1.0
        other, _ = book.get(symbol, (0.0, quote))
        book[symbol] = (other + sign * GROSS / 2 / sides.count(side), quote)
    if alone and hedge is not None:
        total = sum(weight for weight, _ in book.values())
        other, _ = book.get(hedge, (0.0, None))
        book[hedge] = (
            other - total,
            (price(market, hedge, start, when), price(market, hedge, end, until)),
        )
    sizes = {}
    for symbol, (weight, quote) in book.items():
        sizing = last_close(market, symbol, start)
        sizes[symbol] = weight * CAPITAL / (quote[0] if math.isnan(sizing) else sizing)
    cash = gross_cash = CAPITAL
    for symbol, (weight, quote) in book.items():
        if weight == 0.0:
            continue  # bought as much as sold: nothing is sent
        for place, at, size, paid, target in (
            (start, when, sizes[symbol], quote[0], weight),
            (end, until, -sizes[symbol], quote[1], 0.0),
        ):
            commission = abs(size) * paid * COSTS["commission_bps"] / 1e4
            spread = abs(size) * paid * COSTS["half_spread_bps"] / 1e4
            row.commission += commission
            row.spread += spread
            side = "buy" if size > 0 else "sell"
            row.orders.append(
                (
                    *(market.sessions[place], at, symbol, side, abs(size), paid),
                    *(commission, spread, target),
                )
            )
            if target != 0.0:
                cash -= size * paid + commission + spread
                gross_cash -= size * paid
    marks = {s: quote[0] for s, (_, quote) in book.items()}
    before = CAPITAL
    row.first = market.sessions[start]
    row.last = market.sessions[end]
    for place in range(start, end + 1):
        if place > start:
            days = (market.sessions[place] - market.sessions[place - 1]).days
            short = sum(-n * marks[s] for s, n in sizes.items() if n < 0)
            fee = short * COSTS["borrow_bps_per_year"] / 1e4 / 360 * days
            row.borrow += fee
            cash -= fee
        for symbol in sizes:
            found = price(market, symbol, place, "close")
            row.gaps += math.isnan(found) and place < end
            marks[symbol] = marks[symbol] if math.isnan(found) else found
        if place == end:
            for symbol, size in sizes.items():
                cash += size * book[symbol][1][1]
                gross_cash += size * book[symbol][1][1]
            for order in row.orders:
                if order[0] == market.sessions[end] and order[8] == 0.0:
                    cash -= order[6] + order[7]
            equity, gross = cash, gross_cash
        else:
            held = sum(n * marks[s] for s, n in sizes.items())
            equity, gross = cash + held, gross_cash + held
        if place == start and when == "close":
            continue  # exposure begins with the next session
        row.returns.append(equity / before - 1)
        before = equity
        row.net, row.gross = equity / CAPITAL - 1, gross / CAPITAL - 1
    row.legs = {
        key: (quote[0], quote[1], quote[1] / quote[0] - 1)
        for key, quote in priced.items()
    }
    return row


def events_of(market: Market) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for change in market.changes:
        announced = pd.Timestamp(change["announced"]).tz_convert(NEW_YORK).date()
        key = f"SIM:{announced}:{change['effective']}"
        groups.setdefault(key, []).append(change)
    return groups


@pytest.mark.parametrize("hedge", [None, "MKT"])
@pytest.mark.parametrize("missing", ["exclude", "drop_leg"])
def test_every_column_agrees(
    market: Market, view: lakebt.View, hedge: str | None, missing: str
) -> None:
    result = lakebt.Study(
        view,
        index="SIM",
        entries=ENTRIES,
        exits=EXITS,
        hedge=hedge,
        missing=missing,
        gross=GROSS,
        capital_usd=CAPITAL,
        costs=lakebt.CostModel(**COSTS),
    ).run()

    expected = {
        (event_id, entry, exit_): walk(
            event, entry, exit_, market, hedge=hedge, missing=missing
        )
        for event_id, event in events_of(market).items()
        for entry, exit_ in itertools.product(ENTRIES, EXITS)
    }
    same_refusals(result, expected)
    same_events(result, expected)
    same_orders(result, expected)
    same_legs(result, expected, market, hedge)
    same_table(result, expected, market)
    if hedge is None and missing == "exclude":
        reasons = {row.reason for row in expected.values()}
        assert reasons == {None, "exit_before_entry", "no_price", "one_sided"}


Expected = dict[tuple[str, str, str], Row]


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def same_refusals(result: lakebt.Result, expected: Expected) -> None:
    refused: Any = result.refused().set_index(["event_id", "entry", "exit"])["reason"]

    assert dict(refused) == {k: r.reason for k, r in expected.items() if r.reason}


def same_events(result: lakebt.Result, expected: Expected) -> None:
    events: Any = result.events().set_index(["event_id", "entry", "exit"])

    assert set(events.index) == {k for k, r in expected.items() if not r.reason}
    for key, ours in events.iterrows():
        row = expected[key]
        assert ours["entry_session"].date() == row.first
        assert ours["exit_session"].date() == row.last
        assert ours["n_legs"] == len(row.legs)
        close(ours["gross_return"], row.gross)
        close(ours["net_return"], row.net)
        close(ours["commission_usd"], row.commission)
        close(ours["spread_usd"], row.spread)
        close(ours["borrow_usd"], row.borrow)
        assert ours["n_gaps"] == row.gaps


def same_orders(result: lakebt.Result, expected: Expected) -> None:
    columns = ["session", "at", "symbol", "side", "size", "price"]
    columns += ["commission_usd", "spread_usd", "weight"]
    orders: Any = result.orders()
    for key, ours in orders.groupby(["event_id", "entry", "exit"]):
        rows = sorted(expected[key].orders)
        mine = sorted(
            (row[0].date(), *row[1:]) for row in ours[columns].itertuples(index=False)
        )
        assert [row[:4] for row in mine] == [row[:4] for row in rows]
        close([row[4:] for row in mine], [row[4:] for row in rows])


def same_legs(
    result: lakebt.Result, expected: Expected, market: Market, hedge: str | None
) -> None:
    seen = 0
    for ours in records(result.legs()):
        row = expected[ours["event_id"], ours["entry"], ours["exit"]]
        leg = row.legs.get((ours["symbol"], ours["side"]))
        if leg is None:
            assert math.isnan(ours["price_return"])
            assert math.isnan(ours["hedge_return"])
            continue
        seen += 1
        close([ours["entry_price"], ours["exit_price"], ours["price_return"]], leg)
        if hedge is None:
            assert math.isnan(ours["hedge_return"])
        else:
            start = market.sessions.index(ours["entry_session"].date())
            end = market.sessions.index(ours["exit_session"].date())
            at = "open" if "@open" in ours["entry"] else "close"
            until = "open" if "@open" in ours["exit"] else "close"
            paid = price(market, hedge, start, at)
            close(ours["hedge_return"], price(market, hedge, end, until) / paid - 1)
    assert seen == sum(len(row.legs) for row in expected.values())


def same_table(result: lakebt.Result, expected: Expected, market: Market) -> None:
    table: Any = result.table().set_index(["entry", "exit"])
    for entry, exit_ in itertools.product(ENTRIES, EXITS):
        ours = table.loc[entry, exit_]
        rows = {k[0]: r for k, r in expected.items() if k[1:] == (entry, exit_)}
        done = {k: r for k, r in rows.items() if not r.reason}
        pooled = [value for row in done.values() for value in row.returns]
        assert ours["n_events"] == len(done)
        assert ours["n_returns"] == len(pooled)
        assert ours["n_dates"] == len({k.split(":")[1] for k in done})
        assert ours["n_refused"] == 0
        assert ours["n_untradeable"] == len(rows) - len(done)
        if not done:
            assert math.isnan(ours["sharpe"])
            continue
        for column, values in (
            ("gross_bps", [r.gross for r in done.values()]),
            ("net_bps", [r.net for r in done.values()]),
            ("commission_bps", [r.commission / CAPITAL for r in done.values()]),
            ("spread_bps", [r.spread / CAPITAL for r in done.values()]),
            ("borrow_bps", [r.borrow / CAPITAL for r in done.values()]),
        ):
            close(ours[column], statistics.fmean(values) * 1e4)
        close(ours["sharpe"], ratio(pooled))
        held = {k: sessions_held(row, entry, market) for k, row in done.items()}
        if overlap(held):
            assert ours["se_method"] == "two-way"
            close(ours["sharpe_se"], two_ways(done, held))
        else:
            close(ours["sharpe_se"], jackknife(done))
        series = result.returns(entry=entry, exit=exit_)
        close(series.to_numpy(), pooled)


def ratio(returns: list[float]) -> float:
    if len(returns) < 2:
        return math.nan
    return statistics.fmean(returns) / statistics.stdev(returns) * math.sqrt(252)


def sessions_held(row: Row, entry: str, market: Market) -> list[int]:
    """The sessions of its returns: an entry at the close begins with the next."""
    assert row.first is not None
    first = market.sessions.index(row.first) + (not entry.endswith("@open"))
    return list(range(first, first + len(row.returns)))


def overlap(held: dict[str, list[int]]) -> bool:
    """Whether two dates are open in one session."""
    return any(
        set(mine) & set(theirs)
        for (one, mine), (other, theirs) in itertools.combinations(held.items(), 2)
        if one.split(":")[1] != other.split(":")[1]
    )


def two_ways(done: dict[str, Row], held: dict[str, list[int]]) -> float:
    """The influence of each return on the ratio, by date, by session and by both."""
    whole = [value for row in done.values() for value in row.returns]
    mean, deviation = statistics.fmean(whole), statistics.stdev(whole)
    daily = mean / deviation
    sums: list[dict[Any, float]] = [{}, {}, {}]
    for key, row in done.items():
        date = key.split(":")[1]
        for session, value in zip(held[key], row.returns, strict=True):
            z = (value - mean) / deviation
            own = z - daily / 2 * (z * z - 1)
            for by, name in zip(sums, (date, session, (date, session)), strict=True):
                by[name] = by.get(name, 0.0) + own
    dates, sessions, both = (
        sum(v * v for v in by.values()) * len(by) / (len(by) - 1) for by in sums
    )
    variance = max(dates + sessions - both, dates, sessions)
    return math.sqrt(252 * variance) / len(whole)


def jackknife(done: dict[str, Row]) -> float:
    dates = sorted({key.split(":")[1] for key in done})
    whole = [value for row in done.values() for value in row.returns]
    if len(dates) == 1:
        if len(done) > 1:
            return math.nan
        daily = ratio(whole) / math.sqrt(252)
        return math.sqrt((1 + daily**2 / 2) / len(whole) * 252)
    without = [
        ratio(
            [v for k, r in done.items() if k.split(":")[1] != gone for v in r.returns]
        )
        for gone in dates
    ]
    without = [value for value in without if not math.isnan(value)]
    if len(without) < 2:
        return math.nan
    mean = statistics.fmean(without)
    spread = sum((value - mean) ** 2 for value in without)
    return math.sqrt((len(without) - 1) / len(without) * spread)
