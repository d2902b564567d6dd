"""Strategies that do not look ahead, though some seem to."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lakebt import Lake
from strategies.index_rebalance import IndexRebalance
from strategies.momentum import Momentum
from tests.strategy.audit.leaky import OUTER, equal, spread, today
from tests.strategy.audit.market import WHOLE

if TYPE_CHECKING:
    from lakebt import View


class PastReturns:
    """Ranks by the return of the past month."""

    def target_weights(self, view: View) -> pd.Series:
        closes = view.panel("close", symbols=WHOLE).ffill()
        return spread(closes.iloc[-1] / closes.iloc[-21])


class RollingMean:
    """Compares a close with the mean of the sessions before it."""

    def target_weights(self, view: View) -> pd.Series:
        closes = view.panel("close", symbols=WHOLE)
        return spread((closes / closes.rolling(20, min_periods=5).mean()).iloc[-1])


class ExpandingZScore:
    """Measures a close by the mean and deviation of all that came before."""

    def target_weights(self, view: View) -> pd.Series:
        closes = view.panel("close", symbols=WHOLE)
        past = closes.expanding(20)
        return spread(((closes - past.mean()) / past.std()).iloc[-1])


class HoldingsAsKnown:
    """Holds what the newest accepted report lists."""

    def target_weights(self, view: View) -> pd.Series:
        report = view.read("etf_holdings", where={"index": "SP500"})
        return equal(report["symbol"][report["status"] != "expired"])


class RightLabels:
    """Looks up whole weeks by their last day."""

    def target_weights(self, view: View) -> pd.Series:
        closes = view.panel("close", symbols=WHOLE).ffill()
        weekly = closes.resample("W-FRI", label="right", closed="right").last()
        return spread(weekly.pct_change().iloc[-1])


class Hysteresis:
    """Changes its mind only when the signal moved far since it last did."""

    def __init__(self) -> None:
        self.held: pd.Series | None = None

    def target_weights(self, view: View) -> pd.Series:
        closes = view.panel("close", symbols=WHOLE).ffill()
        signal = spread(closes.iloc[-1] / closes.iloc[-11])
        if self.held is None or (signal - self.held).abs().sum() > 0.3:
            self.held = signal
        return self.held


class CachedByInstant:
    """Keeps what it computed, by what was known, where all its instances find it."""

    known: ClassVar[dict[dt.datetime, pd.Series]] = {}

    def target_weights(self, view: View) -> pd.Series:
        if view.instant not in self.known:
            last = view.panel("close", symbols=WHOLE).ffill().iloc[-1]
            self.known[view.instant] = spread(last)
        return self.known[view.instant]


@functools.cache
def remembered(view: View) -> pd.Series:
    return spread(view.panel("volume", symbols=WHOLE).mean() + np.arange(len(WHOLE)))


class CachedFunction:
    """Calls a function that remembers what it returned for a view."""

    def target_weights(self, view: View) -> pd.Series:
        return remembered(view)


class SeededNoise:
    """Draws its weights one after another, from a seed."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(11)

    def target_weights(self, view: View) -> pd.Series:
        del view
        drawn = self.rng.dirichlet(np.ones(len(WHOLE)))
        return pd.Series(0.5 * drawn, index=list(WHOLE))


class WithGaps:
    """Asks for a symbol that is not listed yet, and skips what is NaN."""

    def target_weights(self, view: View) -> pd.Series:
        start = today(view).date() - dt.timedelta(days=30)
        last = view.panel("close", symbols=[*WHOLE, "GGG"], start=start).iloc[-1]
        return equal(last.index[last.notna()])


class Delisted:
    """Holds everything that ever had a close, at its last one."""

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close").drop(columns="III").ffill().iloc[-1]
        return 0.5 * last / last.sum()


class Announced:
    """Buys what was announced and takes effect in the next two weeks."""

    def target_weights(self, view: View) -> pd.Series:
        now = today(view).date()
        soon = now + dt.timedelta(days=14)
        return equal(
            change.symbol
            for change in view.changes(index="SP500")
            if change.effective and now < change.effective <= soon
        )


class EarningsAsKnown:
    """Ranks by the newest earnings that were public, and by their vintages."""

    def target_weights(self, view: View) -> pd.Series:
        eps = view.read("eps").sort_values("known_at")
        newest = eps.groupby("symbol")["eps"].last()
        told = len(view.vintages("eps", ("AAA", "2021-03-31")))
        return spread(newest) * (1.0 + told) / 2.0


class SplitsAsKnown:
    """Adjusts by the splits that were announced."""

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close", symbols=WHOLE).ffill().iloc[-1]
        for split in view.read("splits").to_dict("records"):
            last[split["symbol"]] /= split["ratio"]
        return equal([*last.index[last < 20.0], "AAA"])


class AdjustedAsKnown:
    """Buys what costs less than 50, by bars without the splits not yet announced."""

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close", symbols=["III"], adjusted="splits").iloc[-1]
        return equal([*last.index[last < 50.0], "AAA"])


class OuterViewThen:
    """Keeps the view of everything, and asks it only for what was known then."""

    def target_weights(self, view: View) -> pd.Series:
        then = OUTER.view.as_of(view.instant)
        return spread(then.panel("close", symbols=WHOLE).ffill().iloc[-1])


class NewestReleaseThen:
    """Opens the newest release itself, as known at the decision."""

    def target_weights(self, view: View) -> pd.Series:
        then = Lake.open(OUTER.path).at("R2", as_of=view.instant)
        return spread(then.panel("close", symbols=WHOLE).ffill().iloc[-1])


class PreparedAsKnown:
    """Prepares the signal of every month beforehand, each on what was known then."""

    def __init__(self, view: View) -> None:
        self.signals: dict[str, pd.Series] = {}
        for month in range(2, 7):
            then = view.as_of(f"2021-{month:02d}-01T00:00:00Z")
            closes = then.panel("close", symbols=WHOLE).ffill()
            self.signals[f"2021-{month:02d}"] = spread(closes.iloc[-1])

    def target_weights(self, view: View) -> pd.Series:
        return self.signals[today(view).strftime("%Y-%m")]


class FirstShown:
    """Waits until a report has shown a change."""

    def target_weights(self, view: View) -> pd.Series:
        shown = [c.symbol for c in view.changes(index="SP500") if c.recorded]
        at = view.first_shown(
            index="SP500",
            symbol="GGG",
            side="addition",
            after=dt.datetime(2021, 3, 1, tzinfo=dt.UTC),
        )
        return equal([*shown, "AAA", *(["BBB"] if at else [])])


CLEAN: tuple[Any, ...] = (
    PastReturns,
    RollingMean,
    ExpandingZScore,
    HoldingsAsKnown,
    RightLabels,
    Hysteresis,
    CachedByInstant,
    CachedFunction,
    SeededNoise,
    WithGaps,
    Delisted,
    Announced,
    EarningsAsKnown,
    SplitsAsKnown,
    AdjustedAsKnown,
    OuterViewThen,
    NewestReleaseThen,
    PreparedAsKnown,
    FirstShown,
    IndexRebalance(hold=5),
    Momentum(formation=30, skip=2, share=0.5),
)
