r"""A simulated index market, in which the truth is known because it was planted.

A market factor moves everything; each stock adds its own noise; and around each index
change, additions earn an abnormal return in three parts, deletions the opposite:

- the **jump**, overnight between the close of the announcement's session and the next
  open. The announcement comes after the close, so nobody can trade it;
- the **drift**, in equal steps from that open to the close before the effective
  session;
- the **reversal**, the other way, in equal steps over the sessions after that close.

What is published about their sizes, for the S&P 500:

- From announcement to effective day, additions gained 8.8 % and deletions lost 15.1 %
  on average from 1990 to 2005 [1]_. The default jump and drift add up to the former,
  and deletions mirror additions.
- A significant part comes overnight, before anybody can trade; profits were still to be
  had from the first day after the announcement on [2]_. That the default jump is a
  little more than half of the whole is our choice.
- Part of the rise reverses once the stock is in the index [3]_. That it is half of the
  drift, within twenty sessions, is our choice.
- The effect has faded: additions earned 7.4 % in the 1990s and less than 1 % over the
  past decade, and deletions 0.1 % between 2010 and 2020 [4]_. The defaults are
  therefore a market of the past. For one like today's pass ``jump_bps=80,
  drift_bps=0, reversal_bps=0``, which is of the order of the last figure for additions.

References
----------
.. [1] A. Petajisto (2011). "The index premium and its hidden cost for index funds".
   Journal of Empirical Finance 18(2), 271-288.
.. [2] K. Kappou, C. Brooks and C. Ward (2010). "The S&P500 index effect reconsidered:
   Evidence from overnight and intraday stock price performance and volume". Journal of
   Banking & Finance 34(1), 116-126.
.. [3] M. D. Beneish and R. E. Whaley (1996). "An anatomy of the 'S&P game': The effects
   of changing the rules". Journal of Finance 51(5), 1909-1930.
.. [4] R. Greenwood and M. Sammon (2025). "The disappearing index effect". Journal of
   Finance 80(2), 657-698.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError
from lakebt.facts import Side
from lakebt.instants import NEW_YORK
from lakebt.sessions import LAST, Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import FloatPanel, FloatVector, IntVector

INDEX, FUND, MARKET = "SIM", "SIMETF", "MKT"

# S&P publishes between 17:15 and 19:15 New York, one to three weeks before a change
# takes effect.
ANNOUNCED_FROM, ANNOUNCED_SECONDS = dt.time(17, 15), 2 * 3600
NOTICE = (5, 15)
"""Least and most sessions from the announcement to the effective session."""

# An ordinary equity market: 16 % volatility and 6 % growth per year, three tenths of
# the variance overnight, betas around one.
MARKET_PER_DAY, GROWTH_PER_DAY, OVERNIGHT, BETA_SPREAD = 0.01, 0.06 / 252, 0.3, 0.2

# N-PORT reports become public about 60 days after the quarter.
REPORT_LAG = dt.timedelta(days=59)
ACCEPTED = dt.time(16, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The truth: abnormal simple returns of additions, in basis points.

    Deletions earn the opposite of each.

    Attributes
    ----------
    jump_bps
        From the close of session AD to the open of AD+1.
    drift_bps
        From the open of AD+1 to the close of ED-1.
    reversal_bps
        Lost again from the close of ED-1 to that of `reversal_sessions` sessions later.
    reversal_sessions
        How long that takes.
    """

    jump_bps: float
    drift_bps: float
    reversal_bps: float
    reversal_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedMarket:
    """A market made from a seed.

    Attributes
    ----------
    prices
        Bars of `market` and of the lasting members over the whole span, and of every
        changed symbol around its event.
    index_changes
        Every addition and deletion of index `index`, announced after the close.
    etf_holdings
        Quarterly reports of fund `fund`, which tracks the index.
    as_of
        UTC: the close of the last session, by when all of it was known.
    legs
        A row per change: event (its number), symbol, side, announced_session and
        effective (dates), beta.
    planted
        The truth.
    seed
        What it was made from.
    index, fund, market
        Their names; `market` has prices and can serve as a hedge.
    """

    prices: pd.DataFrame
    index_changes: pd.DataFrame
    etf_holdings: pd.DataFrame
    as_of: dt.datetime
    legs: pd.DataFrame
    planted: Planted
    seed: int
    index: str = INDEX
    fund: str = FUND
    market: str = MARKET

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The frames by table, for `lakebt.Lake.publish`."""
        return {
            "prices": self.prices,
            "index_changes": self.index_changes,
            "etf_holdings": self.etf_holdings,
        }


def simulated_market(
    *,
    seed: int,
    n_events: int = 200,
    n_additions: int = 2,
    n_deletions: int = 2,
    n_members: int = 20,
    jump_bps: float = 500.0,
    drift_bps: float = 380.0,
    reversal_bps: float = 190.0,
    reversal_sessions: int = 20,
    noise_bps_per_day: float = 200.0,
    start: dt.date = dt.date(2010, 1, 4),
    spacing: int = 10,
    before: int = 60,
    after: int = 130,
    exchange: str = "XNYS",
) -> SimulatedMarket:
    """Make a market with index changes and a planted effect.

    The same arguments give the same market. No symbol is a real one's: ADD0001,
    DEL0001, MEM0001 and MKT.

    Parameters
    ----------
    seed
        Of NumPy's default generator.
    n_events
        Announcements; each on a session of its own.
    n_additions, n_deletions
        Changes per event. One of them may be zero, which leaves every event one-sided.
    n_members
        Members that never leave, with prices over the whole span.
    jump_bps, drift_bps, reversal_bps, reversal_sessions
        The planted effect: see `Planted`. The defaults are explained above.
    noise_bps_per_day
        Standard deviation of a stock's own daily return.
    start
        The first session with prices is the first one on or after it.
    spacing
        Sessions between announcements, on average.
    before, after
        Sessions of prices that a changed symbol has before its announcement and after
        its effective session. The default `after` reaches the first report that shows
        the change, and a month beyond.
    exchange
        Whose sessions they are.

    Returns
    -------
    SimulatedMarket

    Raises
    ------
    InvalidArgumentError
        If a count, a size or the calendar leaves no such market.

    Examples
    --------
    >>> market = simulated_market(seed=1, n_events=3)
    >>> market.index_changes[["symbol", "side", "effective"]].head(3)
        symbol      side   effective
    0  ADD0001  addition  2010-04-28
    1  ADD0002  addition  2010-04-28
    2  DEL0001  deletion  2010-04-28
    """
    counts = {
        "n_events": (n_events, 1),
        "n_additions": (n_additions, 0),
        "n_deletions": (n_deletions, 0),
        "n_members": (n_members, 1),
        "reversal_sessions": (reversal_sessions, 1),
        "spacing": (spacing, 1),
        "before": (before, 1),
        "after": (after, reversal_sessions),
        "seed": (seed, 0),
    }
    for name, (count, least) in counts.items():
        _check_count(name, count, least)
    if n_additions + n_deletions == 0:
        msg = "n_additions and n_deletions are both 0: an event needs a change"
        raise InvalidArgumentError(msg)
    sizes = {"jump_bps": jump_bps, "drift_bps": drift_bps, "reversal_bps": reversal_bps}
    for name, size in sizes.items():
        _check_size(name, size, -5_000.0, 5_000.0)
    _check_size("noise_bps_per_day", noise_bps_per_day, 0.0, 1_000.0)
    planted = Planted(
        jump_bps=jump_bps,
        drift_bps=drift_bps,
        reversal_bps=reversal_bps,
        reversal_sessions=reversal_sessions,
    )

    sessions = Sessions.of(exchange)
    rng = np.random.default_rng(seed)
    first = sessions.on_or_after(start)
    slots = first + before + spacing * np.arange(n_events)
    announced = slots + rng.integers(0, spacing, n_events)
    effective = announced + rng.integers(NOTICE[0], NOTICE[1] + 1, n_events)
    last = int(effective.max()) + after
    if last >= len(sessions):
        msg = (
            f"n_events={n_events} with spacing={spacing} from {start} run past the end "
            f"of the calendar, {LAST}: ask for fewer, or start earlier"
        )
        raise InvalidArgumentError(msg)
    legs = _legs(sessions, announced, effective, (n_additions, n_deletions), rng)
    event = legs["event"].to_numpy()
    paths = _Paths(
        rng=rng,
        noise=noise_bps_per_day / 1e4,
        market=_market_steps(last - first + 1, rng),
        first=first,
    )
    signs = np.where(legs["side"] == Side.ADDITION, 1.0, -1.0)
    effects = _effects(
        signs, effective[event] - announced[event], planted, before, after
    )
    starts = announced[event] - before
    changed = paths.bars(
        legs["symbol"].to_numpy(), starts, effects, beta=legs["beta"].to_numpy()
    )
    reach = (effective[event] + after)[changed.pop("path")]
    whole = np.zeros((n_members, last - first + 1, 2))
    members = [f"MEM{number:04d}" for number in range(1, n_members + 1)]
    lasting = paths.bars(
        np.array(members, dtype=object),
        np.full(n_members, first),
        whole,
        beta=1.0 + BETA_SPREAD * rng.standard_normal(n_members),
    )
    lasting.pop("path")
    hedge = paths.market_bars()
    changed = changed[changed["session"].to_numpy() <= reach]
    bars = pd.concat([hedge, lasting, changed], ignore_index=True)
    bars["session"] = sessions.days[bars["session"].to_numpy()].astype(object)
    as_of = sessions.instant(last, "close")
    return SimulatedMarket(
        prices=bars,
        index_changes=_index_changes(legs, len(announced), rng),
        etf_holdings=_holdings(legs, members, sessions, as_of),
        as_of=as_of,
        legs=legs,
        planted=planted,
        seed=seed,
    )


def _check_count(name: str, value: object, least: int) -> None:
    """Refuse anything but a whole number of at least `least`.

    Raises
    ------
    InvalidArgumentError
        With the name and the value.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        msg = f"{name} must be a whole number of at least {least}, was {value!r}"
        raise InvalidArgumentError(msg)


def _check_size(name: str, value: float, least: float, most: float) -> None:
    """Refuse a number outside a range.

    Raises
    ------
    InvalidArgumentError
        With the name, the value and the range.
    """
    if not (math.isfinite(value) and least <= value <= most):
        msg = f"{name} must lie between {least:g} and {most:g}, was {value!r}"
        raise InvalidArgumentError(msg)


def _legs(
    sessions: Sessions,
    announced: IntVector,
    effective: IntVector,
    counts: tuple[int, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return a row per change, additions before deletions within each event."""
    n_events, per_event = len(announced), sum(counts)
    event = np.repeat(np.arange(n_events), per_event)
    is_addition = np.tile(np.arange(per_event) < counts[0], n_events)
    number = np.where(is_addition, is_addition.cumsum(), (~is_addition).cumsum())
    prefix = np.where(is_addition, "ADD", "DEL")
    side = np.where(is_addition, Side.ADDITION.value, Side.DELETION.value)
    return pd.DataFrame(
        {
            "event": event,
            "symbol": [f"{a}{n:04d}" for a, n in zip(prefix, number, strict=True)],
            "side": side.astype(object),
            "announced_session": sessions.days[announced[event]].astype(object),
            "effective": sessions.days[effective[event]].astype(object),
            "beta": 1.0 + BETA_SPREAD * rng.standard_normal(len(event)),
        }
    )


def _effects(
    signs: FloatVector, notice: IntVector, planted: Planted, before: int, after: int
) -> FloatPanel:
    """Return the planted log returns of each leg.

    Parameters
    ----------
    signs, notice : ndarray of shape (n_legs,)
        1 for additions and -1 for deletions; sessions from announced to effective.

    Returns
    -------
    ndarray of shape (n_legs, n_sessions, 2)
        From `before` sessions before the announcement on; overnight, then intraday.
    """
    n_sessions = before + NOTICE[1] + after + 1
    # Half-sessions, 0 the night before the first session's open, so that "from an open
    # to a close" is a range of them.
    half = np.arange(2 * n_sessions)
    night_after_announced = 2 * (before + 1)
    last_step_of_drift = 2 * (before + notice[:, None]) - 1  # the day of ED-1

    def spread(total_bps: float, where: np.ndarray) -> FloatPanel:
        total = np.log1p(signs * total_bps / 1e4)[:, None]
        return np.where(where, total / where.sum(axis=1, keepdims=True), 0.0)

    drifting = (half > night_after_announced) & (half <= last_step_of_drift)
    reversing = (half > last_step_of_drift) & (
        half <= last_step_of_drift + 2 * planted.reversal_sessions
    )
    jumping = np.broadcast_to(half == night_after_announced, drifting.shape)
    steps = (
        spread(planted.jump_bps, jumping)
        + spread(planted.drift_bps, drifting)
        + spread(-planted.reversal_bps, reversing)
    )
    return steps.reshape(len(signs), n_sessions, 2)


def _market_steps(n_sessions: int, rng: np.random.Generator) -> FloatPanel:
    """Return log returns of shape (n_sessions, 2): overnight, intraday."""
    return _noise((n_sessions,), MARKET_PER_DAY, rng) + GROWTH_PER_DAY / 2


def _noise(
    shape: tuple[int, ...], per_day: float, rng: np.random.Generator
) -> FloatPanel:
    """Return overnight and intraday log returns whose simple returns average zero."""
    deviation = per_day * np.sqrt([OVERNIGHT, 1.0 - OVERNIGHT])
    return deviation * rng.standard_normal((*shape, 2)) - deviation**2 / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Paths:
    """Makes bars from the market's steps, noise and effects."""

    rng: np.random.Generator
    noise: float
    market: FloatPanel
    first: int

    def bars(
        self,
        symbols: np.ndarray,
        starts: IntVector,
        effects: FloatPanel,
        *,
        beta: FloatVector,
    ) -> pd.DataFrame:
        """Return a row per symbol and session; `path` says which symbol it was."""
        n_paths, n_sessions, _ = effects.shape
        number = starts[:, None] + np.arange(n_sessions)
        # A window may reach past the last session; the caller drops those rows.
        inside = np.minimum(number - self.first, len(self.market) - 1)
        steps = (
            beta[:, None, None] * self.market[inside]
            + _noise((n_paths, n_sessions), self.noise, self.rng)
            + effects
        )
        at = np.exp(self.rng.uniform(np.log(20.0), np.log(200.0), n_paths))
        bars = self._bars(steps, at, spread=max(self.noise, MARKET_PER_DAY) / 2)
        path = np.repeat(np.arange(n_paths), n_sessions)
        bars.insert(0, "symbol", symbols[path])
        bars.insert(1, "session", number.ravel())
        bars["path"] = path
        return bars

    def market_bars(self) -> pd.DataFrame:
        """Return the market's own bars."""
        bars = self._bars(
            self.market[None], np.array([100.0]), spread=MARKET_PER_DAY / 2
        )
        bars.insert(0, "symbol", MARKET)
        bars.insert(1, "session", self.first + np.arange(len(self.market)))
        return bars

    def _bars(
        self, steps: FloatPanel, at: FloatVector, *, spread: float
    ) -> pd.DataFrame:
        """Return bars whose path from close to open to close is `steps`."""
        log_close = np.log(at)[:, None] + steps.sum(axis=2).cumsum(axis=1)
        close = np.exp(log_close)
        open_ = np.exp(log_close - steps[:, :, 1])
        beyond = np.exp(spread * np.abs(self.rng.standard_normal(steps.shape)))
        volume = 1e6 * np.exp(0.5 * self.rng.standard_normal(close.shape))
        columns = {
            "open": open_,
            "high": np.maximum(open_, close) * beyond[:, :, 0],
            "low": np.minimum(open_, close) / beyond[:, :, 1],
            "close": close,
        }
        return pd.DataFrame(
            {name: values.ravel().round(4) for name, values in columns.items()}
            | {"volume": volume.ravel().round(), "basis": "raw"}
        )


def _index_changes(
    legs: pd.DataFrame, n_events: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the changes as the provider publishes them."""
    seconds = rng.integers(0, ANNOUNCED_SECONDS + 1, n_events)
    announced = [
        dt.datetime.combine(day, ANNOUNCED_FROM, tzinfo=NEW_YORK).astimezone(dt.UTC)
        + dt.timedelta(seconds=int(seconds[event]))
        for event, day in zip(legs["event"], legs["announced_session"], strict=True)
    ]
    return pd.DataFrame(
        {
            "index": INDEX,
            "symbol": legs["symbol"],
            "side": legs["side"],
            "announced": pd.Series(announced, dtype="datetime64[us, UTC]"),
            "effective": legs["effective"],
            "cause": "discretionary",
            "announced_quality": "exact",
            "isin": legs["symbol"].map(_isin),
            "source": "simulated",
        }
    )


def _holdings(
    legs: pd.DataFrame, members: list[str], sessions: Sessions, as_of: dt.datetime
) -> pd.DataFrame:
    """Return the fund's reports that were public by `as_of`."""
    additions = legs[legs["side"] == Side.ADDITION]
    deletions = legs[legs["side"] == Side.DELETION]
    reports = []
    for date, known_at in _reports(legs["announced_session"].iloc[0], sessions, as_of):
        held = [
            *members,
            *deletions.loc[deletions["effective"] > date, "symbol"],
            *additions.loc[additions["effective"] <= date, "symbol"],
        ]
        reports.append(
            pd.DataFrame(
                {
                    "fund": FUND,
                    "index": INDEX,
                    "date": date,
                    "isin": [_isin(symbol) for symbol in held],
                    "symbol": held,
                    "weight_pct": 100.0 / len(held),
                    "known_at": pd.Timestamp(known_at),
                }
            )
        )
    return pd.concat(reports, ignore_index=True)


def _reports(
    first_event: dt.date, sessions: Sessions, as_of: dt.datetime
) -> Iterator[tuple[dt.date, dt.datetime]]:
    """Yield quarter ends and acceptances, from the last one before the first event."""
    quarter = pd.Period(first_event, "Q") - 1
    while True:
        date = quarter.end_time.date()
        day = sessions.date(sessions.on_or_after(date + REPORT_LAG))
        known_at = dt.datetime.combine(day, ACCEPTED, tzinfo=NEW_YORK).astimezone(
            dt.UTC
        )
        if known_at > as_of:
            return
        yield date, known_at
        quarter += 1


def _isin(symbol: str) -> str:
    """Return twelve characters under ZZ, which no country has."""
    return f"ZZ{symbol:0>9}0"
