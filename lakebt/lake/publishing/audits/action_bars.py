"""Audits of actions beside bars: what the prices say happened on an `ex_date`.

Either may come first: the split before its first bar, or the bars years before their
actions are published. If neither side is new, a finding is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.lake.publishing.audits.bars_in_force import LONG_AGO
from lakebt.lake.publishing.audits.finding import Finding, first, sample, some
from lakebt.lake.publishing.audits.neighbours import day_index
from lakebt.lake.reading.instrument_rows import in_force_of
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.schemas import CORPORATE_ACTIONS
from lakebt.prices.actions import ActionKind
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.bars_in_force import Bars
    from lakebt.lake.publishing.audits.finding import Severity
    from lakebt.prices.instruments import Instruments


ACTION_COLUMNS = (
    *("action_id", "symbol", "kind", "ex_date", "cash", "ratio", "other"),
    *("known_at", "retracted"),
)

LARGE = 0.25
"""A dividend above this part of the last close is told: special, or another unit."""

_CLEAR = np.log(1.2)
"""A smaller split than this is lost in what prices do anyway."""


def audit_beside_bars(
    actions: pa.Table,
    place: IntVector,
    bars: Bars,
    *,
    told: Instruments,
    severity: Callable[[str], Severity],
) -> Iterator[Finding]:
    """Give actions that the bars contradict, and bars that an action makes stale.

    Parameters
    ----------
    actions
        With `ACTION_COLUMNS`, all vintages.
    place : ndarray of shape (n_actions,)
        Where each was handed over; -1 for those the lake holds.
    bars
        Of their symbols, and of the shares that come of them.
    told
        The instrument of each ticker: bars of its next holder are not stale.
    severity
        Of an audit, by its name.
    """
    at = in_force_of(actions, ["action_id"])
    facts = frame(take(actions, at))
    facts["row"] = place[at]
    facts["code"] = facts["symbol"].map(bars.codes).fillna(-1).astype(np.int64)
    facts["day"] = facts["ex_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    code, day = facts["code"].to_numpy(), facts["day"].to_numpy()
    after = bars.first_from(code, day)
    has_after = bars.near(after, code, day)
    has_before = bars.near(after - 1, code, day)
    if len(bars.day):
        last, then = np.maximum(after - 1, 0), np.minimum(after, len(bars.day) - 1)
        facts["last_close"] = np.where(has_before, bars.close[last], np.nan)
        facts["close"] = np.where(has_after, bars.close[then], np.nan)
        facts["is_raw"], facts["is_total"] = bars.is_raw[last], bars.is_total[last]
        facts["is_new"] = (facts["row"] >= 0) | (
            (has_after & (bars.place[then] >= 0))
            | (has_before & (bars.place[last] >= 0))
        )
        yield from _dividends(facts, severity)
        yield from _splits(facts, severity("splits"))
        yield from _spin_offs(facts, bars, severity("splits"))
        yield from _stale(facts, bars, told, severity("stale"))
    barless = facts[(facts["code"] < 0) & (facts["row"] >= 0)]
    if len(barless):
        names = sorted(set(barless["symbol"]))
        yield Finding(
            table=CORPORATE_ACTIONS.name,
            audit="no_bars",
            severity=severity("no_bars"),
            message=(
                f"{some(len(names), 'symbol')} actions and no bar "
                f"({sample(names, len(names), by=', ')}). Publish their prices, or "
                f"write the symbol as the price table does."
            ),
            rows=_told(barless),
        )


def _dividends(
    facts: pd.DataFrame, severity: Callable[[str], Severity]
) -> Iterator[Finding]:
    """Find dividends of as much as the share, or of a large part of it."""
    paid = facts[(facts["kind"] == ActionKind.CASH_DIVIDEND) & facts["is_new"]]
    paid = paid[~paid["is_total"] & paid["last_close"].notna()]
    if paid.empty:
        return
    later = _later_ratios(facts).reindex(paid.index)
    per_bar = later.where(~paid["is_raw"], 1.0)
    paid = paid.assign(part=paid["cash"] / per_bar / paid["last_close"])
    cure = "Look for another unit, or another symbol's dividend"
    for audit, wanted, what, level in (
        ("dividends", paid["part"] >= 1.0, "at or above the last close", "fail"),
        (
            "large_dividends",
            (paid["part"] > LARGE) & (paid["part"] < 1.0),
            f"above {100 * LARGE:.0f} % of the last close",
            severity("large_dividends"),
        ),
    ):
        some_of = paid[wanted]
        if some_of.empty:
            continue
        lines = [
            f"{_where(row)}: cash {row.cash:g}, close {row.last_close:g} before"
            for row in first(some_of)
        ]
        yield Finding(
            table=CORPORATE_ACTIONS.name,
            audit=audit,
            severity="fail" if level == "fail" else "warn",
            message=(
                f"{some(len(some_of), 'dividend')} an amount {what} "
                f"({sample(lines, len(some_of))}). {cure}."
            ),
            rows=_told(some_of),
        )


def _later_ratios(facts: pd.DataFrame) -> pd.Series:
    """Return what one share of each action's day has become by splits since."""
    is_split = facts["kind"] == ActionKind.SPLIT
    splits = facts[is_split].groupby(["symbol", "day"])["ratio"].prod().reset_index()
    by_symbol = dict(iter(splits.groupby("symbol")))
    later = pd.Series(1.0, index=facts.index)
    for symbol, own in facts[facts["symbol"].isin(by_symbol.keys())].groupby("symbol"):
        days = by_symbol[symbol]["day"].to_numpy()
        ratios = by_symbol[symbol]["ratio"].to_numpy()
        tails = np.append(np.cumprod(ratios[::-1])[::-1], 1.0)
        later[own.index] = tails[np.searchsorted(days, own["day"], side="right")]
    return later


def _splits(facts: pd.DataFrame, severity: Severity) -> Iterator[Finding]:
    """Find splits that raw prices do not show, and that adjusted ones do."""
    splits = facts[(facts["kind"] == ActionKind.SPLIT)].copy()
    splits["ratio"] = splits.groupby(["symbol", "day"])["ratio"].transform("prod")
    splits = splits[splits["is_new"] & splits["close"].notna()]
    splits = splits[splits["last_close"].notna()].drop_duplicates(["symbol", "day"])
    move = np.log(splits["close"] / splits["last_close"])
    ratio = np.log(splits["ratio"])
    shows = np.abs(move + ratio) < np.abs(move)
    is_odd = (shows != splits["is_raw"]) & (np.abs(ratio) > _CLEAR)
    yield from _moved(splits[is_odd], severity, "split")


def _spin_offs(
    facts: pd.DataFrame, bars: Bars, severity: Severity
) -> Iterator[Finding]:
    """Find spin-offs that raw prices do not show, and that adjusted ones do."""
    spun = facts[(facts["kind"] == ActionKind.SPIN_OFF) & facts["is_new"]]
    spun = spun[spun["close"].notna() & spun["last_close"].notna()].copy()
    code = _integers(spun["other"].map(bars.codes).fillna(-1))
    day = _integers(spun["day"])
    then = bars.first_from(code, day)
    is_there = bars.near(then, code, day)
    at = np.minimum(then, len(bars.day) - 1)
    child = np.where(is_there, bars.close[at], np.nan)
    spun["child_close"] = child
    spun["given"] = spun["ratio"] * child
    whole = spun.groupby(["symbol", "day"])["given"].transform("sum", min_count=1)
    left = 1.0 - whole / spun["last_close"]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected, move = np.log(left), np.log(spun["close"] / spun["last_close"])
    shows = np.abs(move - expected) < np.abs(move)
    is_odd = (shows != spun["is_raw"]) & (expected < -_CLEAR)
    yield from _moved(spun[is_odd], severity, "spin-off")


def _moved(rows: pd.DataFrame, severity: Severity, what: str) -> Iterator[Finding]:
    if rows.empty:
        return
    lines = [
        f"{_where(row)}: ratio {row.ratio:g}, "
        f"{'raw' if row.is_raw else 'adjusted'} close {row.last_close:g}, then "
        f"{row.close:g}"
        for row in first(rows)
    ]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="splits",
        severity=severity,
        message=(
            f"{some(len(rows), what)} prices that say otherwise: raw ones did not "
            f"move, or adjusted ones did ({sample(lines, len(rows))}). Look for a "
            f"wrong ex_date, ratio or basis."
        ),
        rows=_told(rows),
    )


def _stale(
    facts: pd.DataFrame, bars: Bars, told: Instruments, severity: Severity
) -> Iterator[Finding]:
    """Find bars of symbols at or after their ending."""
    is_ending = facts["kind"].isin([k for k in ActionKind if k.is_ending])
    ended = facts[is_ending & (facts["code"] >= 0)].copy()
    code, day = ended["code"].to_numpy(), ended["day"].to_numpy()
    begin = bars.first_from(code, day)
    end = bars.first_from(code + 1, np.full(len(code), LONG_AGO))
    news = np.concatenate([[0], np.cumsum(bars.place >= 0)])
    is_new = (ended["row"].to_numpy() >= 0) | (news[end] > news[begin])
    late = (end > begin) & is_new
    for place in np.flatnonzero(late).tolist() if told else ():
        since = day_index(bars.day[[begin[place]]])[0].date()
        late[place] = told.at(str(ended["symbol"].iloc[place]), since) is None
    if not late.any():
        return
    rows = ended[late].assign(
        bars=(end - begin)[late],
        first_bar=day_index(bars.day[begin[late]]),
        last_bar=day_index(bars.day[end[late] - 1]),
    )
    lines = [
        f"{_where(row)}: {count(row.bars, 'bar')}, the first on {row.first_bar.date()}"
        for row in first(rows)
    ]
    yield Finding(
        table=CORPORATE_ACTIONS.name,
        audit="stale",
        severity=severity,
        message=(
            f"{some(len(rows), 'symbol')} bars at or after its ending, which are "
            f"ignored ({sample(lines, len(rows))}). Leave them out, or correct the "
            f"ex_date; another company needs another symbol."
        ),
        rows=_told(rows),
    )


def _integers(values: pd.Series) -> IntVector:
    return np.asarray(values.to_numpy(), dtype=np.int64)


def _where(row: Any) -> str:
    where = f"row {row.row}:" if row.row >= 0 else "the lake's"
    return f"{where} {row.symbol} {row.kind} on {row.ex_date.date()}"


def _told(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as a report lists them: where they were, and the figures."""
    inner = ["code", "day", "is_raw", "is_total", "is_new"]
    outer = rows.drop(columns=[name for name in inner if name in rows])
    outer = outer.reset_index(drop=True)
    return outer[["row", *(n for n in outer.columns if n != "row")]].reset_index(
        drop=True
    )
