"""Strategies that look ahead, each in a way of its own.

Each knows the day of a decision; what it must not know is what comes after. `OUTER` is
what careless code keeps in a global: the view of everything.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lakebt import Lake
from tests.strategy.audit.market import WHOLE

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt import View


class OUTER:
    """The lake and its newest release, open to everybody."""

    path: ClassVar[Path]
    view: ClassVar[View]


def today(view: View) -> pd.Timestamp:
    now = pd.Timestamp(view.instant).tz_convert("America/New_York")
    return now.tz_localize(None).normalize()


def equal(symbols: Any) -> pd.Series:
    """Half of capital, the same in each."""
    names = sorted(symbols)
    return pd.Series(dict.fromkeys(names, 0.5 / max(len(names), 1)), dtype=float)


def spread(signal: pd.Series) -> pd.Series:
    """Half of capital, by rank: the more, the higher the signal."""
    rank = signal.dropna().rank()
    return 0.5 * rank / rank.sum()


class BeforeTheAnnouncement:
    """Buys what is added in the next two weeks, announced or not."""

    first = "2021-03-08"

    def target_weights(self, view: View) -> pd.Series:
        now = today(view).date()
        soon = now + dt.timedelta(days=14)
        return equal(
            change.symbol
            for change in OUTER.view.changes(index="SP500")
            if change.effective and now < change.effective <= soon
            if change.side == "addition"
        )


class OnTheReportDate:
    """Holds a fund's list from the day it is about, not from when it was accepted."""

    first = "2021-04-05"

    def target_weights(self, view: View) -> pd.Series:
        report = OUTER.view.read("etf_holdings")
        listed = report[report["status"] != "expired"]
        if listed["date"].max() > today(view):
            listed = view.read("etf_holdings")
        return equal(listed["symbol"])


class TodaysMembers:
    """Ranks those that are members now, in the past too."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        report = OUTER.view.read("etf_holdings")
        members = set(report["symbol"][report["status"] != "expired"])
        closes = view.panel("close")
        return equal(members.intersection(closes.columns))


class NewestRelease:
    """Opens the newest release, with the corrections that came later."""

    first = "2021-03-08"

    def target_weights(self, view: View) -> pd.Series:
        newest = Lake.open(OUTER.path).at("R2")
        before = today(view).date() - dt.timedelta(days=1)
        closes = newest.panel("close", symbols=["DDD"], end=before)
        return equal(["DDD"] if closes["DDD"].iloc[-1] > 200.0 else ["AAA"])


class LooksAtTheCutoff:
    """Holds less, the nearer the end of the data comes."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        left = (OUTER.view.cutoff - view.instant).days
        return pd.Series({"AAA": min(left / 365.0, 1.0)})


class NextRow:
    """Buys what rises until the next close: ``px[i + 1]``."""

    first = "2021-02-01"

    def __init__(self, view: View) -> None:
        self.closes = view.panel("close", symbols=WHOLE)

    def target_weights(self, view: View) -> pd.Series:
        i = int(self.closes.index.searchsorted(today(view))) - 1
        return spread(self.closes.iloc[i + 1] / self.closes.iloc[i])


class ItsOwnClose:
    """Decides before an open on the close of that session."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        closes = OUTER.view.panel("close", symbols=WHOLE)
        moves: pd.DataFrame = closes.pct_change()
        return spread(moves[moves.index == today(view)].iloc[0])


class NegativeShift:
    """Takes the return of tomorrow for a signal of today."""

    first = "2021-02-01"

    def __init__(self, view: View) -> None:
        closes = view.panel("close", symbols=WHOLE)
        self.signal = closes.pct_change().shift(-1)

    def target_weights(self, view: View) -> pd.Series:
        return spread(self.signal[self.signal.index < today(view)].iloc[-1])


class CentredRolling:
    """Compares a close with the mean of the days around it."""

    first = "2021-02-01"

    def __init__(self, view: View) -> None:
        closes = view.panel("close", symbols=WHOLE)
        mean = closes.rolling(11, center=True, min_periods=1).mean()
        self.signal = mean / closes

    def target_weights(self, view: View) -> pd.Series:
        return spread(self.signal[self.signal.index < today(view)].iloc[-1])


class FullSampleZScore:
    """Measures today's close by the mean and deviation of the whole sample."""

    first = "2021-02-01"

    def __init__(self, view: View) -> None:
        closes = view.panel("close", symbols=WHOLE)
        self.score = (closes - closes.mean()) / closes.std()

    def target_weights(self, view: View) -> pd.Series:
        return spread(-self.score[self.score.index < today(view)].iloc[-1])


class FittedOnAllRows:
    """Scales by the least and the largest close there will ever be."""

    first = "2021-02-01"

    def __init__(self) -> None:
        closes = OUTER.view.panel("close", symbols=WHOLE)
        self.least, self.largest = closes.min(), closes.max()

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close", symbols=WHOLE).ffill().iloc[-1]
        scaled = (last - self.least) / (self.largest - self.least)
        return 0.5 * (scaled / scaled.abs().sum()).fillna(0.0)


class BackwardFill:
    """Fills a missing close with the next one."""

    first = "2021-03-15"

    def __init__(self, view: View) -> None:
        self.closes = view.panel("close", symbols=["AAA", "BBB", "CCC"]).bfill()

    def target_weights(self, view: View) -> pd.Series:
        last = self.closes[self.closes.index < today(view)].iloc[-1]
        return 0.5 * last / last.sum()


class ForwardJoin:
    """Joins each day with the next earnings to come: ``direction="forward"``."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        eps = OUTER.view.read("eps").sort_values("known_at")
        asked = pd.DataFrame({"symbol": WHOLE, "at": pd.Timestamp(view.instant)})
        joined = pd.merge_asof(
            asked.astype({"at": eps["known_at"].dtype}),
            eps,
            left_on="at",
            right_on="known_at",
            by="symbol",
            direction="forward",
        )
        if joined["eps"].isna().all():
            return equal(["AAA"])
        return 0.5 * joined.set_index("symbol")["eps"] / joined["eps"].sum()


class ByPeriodEnd:
    """Knows a quarter's earnings on its last day."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        eps = OUTER.view.read("eps")
        ended = eps[eps["period"] < today(view)].sort_values("period")
        newest = ended.groupby("symbol")["eps"].last()
        return spread(newest)


class LaterSplit:
    """Buys what costs less than 20, by prices adjusted for splits still to come."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close", symbols=WHOLE).ffill().iloc[-1]
        splits = OUTER.view.read("splits")
        for split in splits[splits["ex_date"] > today(view)].to_dict("records"):
            last[split["symbol"]] /= split["ratio"]
        return equal([*last.index[last < 20.0], "AAA"])


class AdjustedAfterwards:
    """Buys what costs less than 50, by bars that a vendor adjusted for later splits."""

    first = "2021-02-01"

    def target_weights(self, view: View) -> pd.Series:
        last = view.panel("close", symbols=["III"]).iloc[-1]
        return equal([*last.index[last < 50.0], "AAA"])


class LeftLabels:
    """Looks up weeks by their Monday: the label stands for the days that follow."""

    first = "2021-02-01"

    def __init__(self, view: View) -> None:
        closes = view.panel("close", symbols=WHOLE)
        weekly = closes.resample("W-MON", label="left", closed="left").last()
        self.moves = weekly.pct_change()

    def target_weights(self, view: View) -> pd.Series:
        return spread(self.moves[self.moves.index <= today(view)].iloc[-1])


class KeptInItsClass:
    """Reads everything once, and keeps it where all its instances find it."""

    first = "2021-02-01"
    winners: ClassVar[pd.Series | None] = None

    def target_weights(self, view: View) -> pd.Series:
        del view
        cls = type(self)
        if cls.winners is None:
            closes = OUTER.view.panel("close", symbols=WHOLE)
            cls.winners = closes.iloc[-1] / closes.iloc[0]
        return spread(cls.winners)


def in_a_closure(view: View) -> object:
    """Keeps the frame of everything in a closure."""
    closes = view.panel("close", symbols=WHOLE)

    class Closure:
        def target_weights(self, view: View) -> pd.Series:
            later = closes[closes.index > today(view)].head(20)
            return spread(later.mean())

    return Closure()


in_a_closure.first = "2021-02-01"  # type: ignore[attr-defined]


class FromItsDefault:
    """Has the view of everything as a default, and looks at its last session."""

    first = "2021-02-01"

    def target_weights(self, view: View, outer: type[OUTER] = OUTER) -> pd.Series:
        closes = outer.view.panel("close", symbols=WHOLE)
        return spread(closes.iloc[-1] / closes[closes.index < today(view)].iloc[-1])


class LearnsEveryFourthTime:
    """Carries a ranking from one decision to the next, learnt from the end at times."""

    first = "2021-02-22"

    def __init__(self) -> None:
        self.asked = 0
        self.ranked = pd.Series(np.ones(len(WHOLE)), index=list(WHOLE))

    def target_weights(self, view: View) -> pd.Series:
        self.asked += 1
        closes = view.panel("close", symbols=WHOLE)
        if self.asked % 4 == 0:
            closes = OUTER.view.panel("close", symbols=WHOLE)
            self.ranked = closes.iloc[-1] / closes.iloc[-20]
        return spread(self.ranked)


LEAKY: tuple[Any, ...] = (
    BeforeTheAnnouncement,
    OnTheReportDate,
    TodaysMembers,
    NewestRelease,
    LooksAtTheCutoff,
    NextRow,
    ItsOwnClose,
    NegativeShift,
    CentredRolling,
    FullSampleZScore,
    FittedOnAllRows,
    BackwardFill,
    ForwardJoin,
    ByPeriodEnd,
    LaterSplit,
    AdjustedAfterwards,
    LeftLabels,
    KeptInItsClass,
    in_a_closure,
    FromItsDefault,
    LearnsEveryFourthTime,
)
