"""The path of an event: average cumulative return over the market, in event time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.prices.history import PriceHistory
from lakebt.prices.total_return import ReturnPrices
from lakebt.sessions import half_session

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from lakebt._typing import FloatPanel, FloatVector, IntVector

LegSide: TypeAlias = Literal["addition", "deletion"]

OVERNIGHT = 2.0
"""Width of the stretch from the announcement's close to the next open, in sessions.

Wider than the half session it lasts, so that it can be seen and labelled.
"""

_BPS = 1e4
_COLUMNS = ["x", "label", "side", "mean_bps", "low_bps", "high_bps", "n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLeg:
    """One change, placed on the calendar.

    Attributes
    ----------
    event_id, symbol, side
        What moved, and in which event.
    announced, effective
        Numbers of the sessions AD and ED.
    recorded
        Number of the session MD; None if no report has shown the change.
    date
        Day of the announcement: the cluster of the standard error.
    """

    event_id: str
    symbol: str
    side: LegSide
    announced: int
    effective: int
    date: dt.date
    recorded: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAxis:
    """The points of event time, and where each lies on the chart."""

    before: int
    after: int
    median: int

    @property
    def between(self) -> int:
        """How many closes are shown from AD+1 to ED-1."""
        return max(self.median - 1, 0)

    @property
    def effective_x(self) -> float:
        """Where ED lies."""
        return OVERNIGHT + self.median

    def x(self) -> FloatVector:
        """Return where each point lies."""
        return np.concatenate(
            [
                np.arange(-self.before, 1.0),
                [OVERNIGHT],
                OVERNIGHT + np.arange(1.0, self.between + 1),
                self.effective_x + np.arange(self.after + 1.0),
            ]
        )

    def labels(self, *, exact: bool) -> list[str]:
        """Name each point; "~" marks those that not every leg has on that session."""
        inner = [f"{'' if exact else '~'}AD+{k}" for k in range(1, self.between + 1)]
        if inner:
            inner[0] = "AD+1"
        if len(inner) > 1:
            inner[-1] = "ED-1"
        return [
            *(f"AD-{k}" for k in range(self.before, 0, -1)),
            "AD",
            "AD+1 open",
            *inner,
            "ED",
            *(f"ED+{k}" for k in range(1, self.after + 1)),
        ]

    def span(self, leg: PathLeg) -> tuple[int, int]:
        """Return the first and the last session of a leg's own path."""
        end = max(leg.announced + 1, leg.effective) + self.after
        return leg.announced - self.before, end

    def rows(self, leg: PathLeg) -> IntVector:
        """Return where each point of `leg` lies in its prices, -1 if nowhere.

        The prices start at session AD - `before` and hold the open and the close of
        each session in turn.
        """
        lead = leg.effective - leg.announced
        if lead > 1 and self.between:
            inner = np.rint(np.linspace(1, lead - 1, self.between))
        else:
            inner = np.full(self.between, np.nan)
        later = np.arange(lead, lead + self.after + 1)
        closes = np.concatenate([inner, later]) + self.before
        return np.concatenate(
            [
                half_session(np.arange(self.before + 1), "close"),
                [half_session(self.before + 1, "open")],
                np.where(
                    np.isnan(closes),
                    -1,
                    half_session(np.nan_to_num(closes).astype(np.int64), "close"),
                ),
            ]
        ).astype(np.int64)

    def place(self, leg: PathLeg) -> float:
        """Return where MD of `leg` lies on the axis; NaN if it has none."""
        if leg.recorded is None:
            return float("nan")
        since, lead = leg.recorded - leg.announced, leg.effective - leg.announced
        if since <= 0:
            return float(since)
        if since >= lead:
            return self.effective_x + since - lead
        return OVERNIGHT + since * self.median / lead


class LegPrices(Protocol):
    """Prices of changes and of a market, from which paths are made."""

    def of_market(self, symbol: str, first: int, last: int) -> FloatVector:
        """Return its open and close of each session, by the numbers of these."""
        ...

    def of_legs(
        self, legs: Sequence[PathLeg], axis: EventAxis
    ) -> Iterator[tuple[int, FloatVector]]:
        """Yield the place of each leg, in any order, and its prices over its span."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class AllPrices:
    """Those of one history that has all of them."""

    history: PriceHistory

    def of_market(self, symbol: str, first: int, last: int) -> FloatVector:
        """Return its open and close of each session."""
        return ReturnPrices(self.history).window([symbol], first, last)[:, 0]

    def of_legs(
        self, legs: Sequence[PathLeg], axis: EventAxis
    ) -> Iterator[tuple[int, FloatVector]]:
        """Yield each leg's place and prices."""
        prices = ReturnPrices(self.history)
        for place, leg in enumerate(legs):
            yield place, prices.window([leg.symbol], *axis.span(leg))[:, 0]


def event_path(
    legs: Sequence[PathLeg],
    prices: PriceHistory | LegPrices,
    *,
    market: str | None,
    before: int = 10,
    after: int = 20,
    lead: int | None = None,
) -> pd.DataFrame:
    r"""Average cumulative return over the market by side, in event time.

    With :math:`P` a leg's price and :math:`M` the market's, the path at a point
    :math:`t` is the mean over legs of

    .. math:: \frac{P_t}{P_{AD}} - \frac{M_t}{M_{AD}}

    where AD is the close of the announcement's session, so that it is zero there.
    Closes are counted from AD up to AD, and from ED on; the open of AD+1 is a point of
    its own, because what happened before it no order could catch. Legs differ in how
    many sessions lie between AD and ED: the closes from AD+1 to ED-1 are shown as many
    as the median leg has (the lower median), and each leg gives the close nearest to
    that share of its own way.

    Parameters
    ----------
    legs
        One per change. The order does not matter.
    prices
        Those of the legs' symbols and of `market`. A price is used as it stands now:
        this is a description of what happened, not a decision.
    market
        The symbol whose return is taken off; None takes nothing off.
    before, after
        Sessions shown before AD and after ED.
    lead
        Sessions from AD to ED that the axis has; those of the median leg if not given.

    Returns
    -------
    DataFrame
        A row per point and side that has legs, in the order of time: `x` (position on
        the axis, in sessions, 0 at AD; the night after AD is `OVERNIGHT` wide), `label`
        ("AD-10", "AD", "AD+1 open", "~AD+4", "ED-1", "ED+20"; "~" where legs of
        different length were laid over one another), `side`, `mean_bps`, `low_bps` and
        `high_bps` (mean -+ 1.96 standard errors), all in basis points of the price at
        the close of AD, and `n` (legs).

        If any leg has an MD, a last row with label "MD", side "all" and no mean says
        where MD lies for the median leg and how many legs have one.

    Raises
    ------
    InvalidArgumentError
        If `before` or `after` is negative.

    Notes
    -----
    NaN rule: a leg without a price of its own or of the market at a point is left out
    there, and `n` says so; one without a close on AD is left out everywhere.

    The standard error allows for legs announced on the same day, which move together:
    clusters are the days of announcement [1]_,

    .. math:: \frac{1}{n} \sqrt{\frac{G}{G-1} \sum_{g=1}^G
       \left(\sum_{i \in g} (r_i - \bar r)\right)^2}

    The interval takes the quantiles of t with :math:`G - 1` degrees of freedom. With
    fewer than two days it is NaN.

    References
    ----------
    .. [1] A. C. Cameron and D. L. Miller (2015). "A practitioner's guide to
       cluster-robust inference". Journal of Human Resources 50(2), 317-372.
    """
    check_sides(before=before, after=after)
    if not legs:
        return pd.DataFrame(columns=_COLUMNS)

    leads = np.array([leg.effective - leg.announced for leg in legs])
    shown = median_lead(legs) if lead is None else lead
    axis = EventAxis(before=before, after=after, median=shown)
    whole = AllPrices(history=prices) if isinstance(prices, PriceHistory) else prices
    returns = _returns(legs, whole, axis=axis, market=market)
    days = np.unique([leg.date.toordinal() for leg in legs], return_inverse=True)[1]
    exact = bool((np.maximum(leads, 1) == shown).all())
    frames = []
    for side in ("addition", "deletion"):
        chosen = np.array([leg.side == side for leg in legs])
        if not chosen.any():
            continue
        mean, reach, n = _clustered(returns, days, np.flatnonzero(chosen))
        frames.append(
            pd.DataFrame(
                {
                    "x": axis.x(),
                    "label": axis.labels(exact=exact),
                    "side": side,
                    "mean_bps": _BPS * mean,
                    "low_bps": _BPS * (mean - reach),
                    "high_bps": _BPS * (mean + reach),
                    "n": n,
                }
            )
        )
    path = pd.concat(frames).sort_values(["x", "side"], kind="stable")
    places = np.array([axis.place(leg) for leg in legs])
    if (known := ~np.isnan(places)).any():
        nan = float("nan")
        row = [np.median(places[known]), "MD", "all", nan, nan, nan, known.sum()]
        path = pd.concat([path, pd.DataFrame([row], columns=_COLUMNS)])
    return path.reset_index(drop=True)


def check_sides(*, before: object, after: object) -> None:
    """Refuse numbers of sessions that are none.

    Raises
    ------
    InvalidArgumentError
        If one is no whole number, or negative.
    """
    for name, sessions in (("before", before), ("after", after)):
        if not isinstance(sessions, int) or isinstance(sessions, bool):
            msg = f"{name} must be a number of sessions, was {sessions!r}"
            raise InvalidArgumentError(msg)
        if sessions < 0:
            msg = f"{name} must not be negative, was {sessions}"
            raise InvalidArgumentError(msg)


def median_lead(legs: Sequence[PathLeg]) -> int:
    """Return how many sessions the median leg has from AD to ED; at least 1."""
    leads = np.array([leg.effective - leg.announced for leg in legs])
    return max(int(np.percentile(leads, 50, method="lower")), 1)


def _returns(
    legs: Sequence[PathLeg],
    prices: LegPrices,
    *,
    axis: EventAxis,
    market: str | None,
) -> FloatPanel:
    """Return each leg's cumulative return over the market, points across."""
    first = min(axis.span(leg)[0] for leg in legs)
    last = max(axis.span(leg)[1] for leg in legs)
    index = np.ones(2 * (last - first + 1))
    if market is not None:
        index = prices.of_market(market, first, last)

    points = len(axis.x())
    returns = np.full((len(legs), points), np.nan)
    base = half_session(axis.before, "close")
    for row, own in prices.of_legs(legs, axis):
        start = legs[row].announced - axis.before
        over = index[half_session(start - first, "open") :][: len(own)]
        rows = axis.rows(legs[row])
        excess = own / own[base] - over / over[base]
        returns[row] = np.where(rows >= 0, excess[rows], np.nan)
    return returns


_AT_ONCE = 8
"""Points of all legs that are looked at together, about: of many they are large."""


def _clustered(
    returns: FloatPanel, clusters: npt.NDArray[np.intp], legs: IntVector
) -> tuple[FloatVector, FloatVector, IntVector]:
    """Return mean, half of its 95 % interval, and count, of each point of some legs."""
    points = np.arange(returns.shape[1])
    parts = np.array_split(points, max(len(points) // _AT_ONCE, 1))
    bands = [_of_points(returns[legs[:, None], part], clusters[legs]) for part in parts]
    mean, reach, n = (np.concatenate(each) for each in zip(*bands, strict=True))
    return mean, reach, n


def _of_points(
    values: FloatPanel, clusters: npt.NDArray[np.intp]
) -> tuple[FloatVector, FloatVector, IntVector]:
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy takes 0.1 s

    present = ~np.isnan(values)
    n = present.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0.0).sum(axis=0) / n
        off = np.where(present, values - mean, 0.0)
        groups = clusters.max() + 1
        sums = np.zeros((groups, values.shape[1]))
        np.add.at(sums, clusters, off)
        counts = np.zeros((groups, values.shape[1]))
        np.add.at(counts, clusters, present)
        g = (counts > 0).sum(axis=0).astype(float)
        small = np.where(g > 1, g / (g - 1), np.nan)
        error = np.sqrt(small * (sums**2).sum(axis=0)) / n
        reach = stdtrit(np.where(g > 1, g - 1, np.nan), 0.975) * error
    return mean, reach, n
