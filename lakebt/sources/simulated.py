r"""A simulated index market with a planted, known effect.

A market factor moves everything; each stock adds its own noise; and around each index
change, additions earn an abnormal return in three parts, deletions the opposite:

- the **jump**, overnight between the close of the announcement's session and the next
  open. The announcement comes after the close, so it cannot be traded;
- the **drift**, in equal steps from that open to the close before the effective
  session;
- the **reversal**, the other way, in equal steps over the sessions after that close.

What is published about their sizes, for the S&P 500:

- From announcement to effective day, additions gained 8.8 % and deletions lost 15.1 %
  on average from 1990 to 2005 [1]_. The default jump and drift add up to the former,
  and deletions mirror additions.
- A significant part comes overnight, before any trade; profits were still possible from
  the first day after the announcement on [2]_. The default jump, a little more than
  half of the whole, is our choice.
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

import numpy as np
import pandas as pd

from lakebt._messages import as_words
from lakebt.errors import InvalidArgumentError
from lakebt.facts import Side
from lakebt.sessions import LAST, Sessions
from lakebt.sources.simulated_facts import (
    BETA_SPREAD,
    FUND,
    INDEX,
    MARKET,
    NOTICE,
    changed_legs,
    holdings_reports,
    index_changes,
)
from lakebt.sources.simulated_prices import (
    Paths,
    Planted,
    market_steps,
    planted_effects,
)

__all__ = ["Planted", "SimulatedMarket", "simulated_market"]


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

    @as_words
    def __repr__(self) -> str:
        return (
            f"SimulatedMarket(index {self.index!r}, seed {self.seed}: "
            f"{len(self.legs):,} legs, {len(self.prices):,} bars, "
            f"as of {self.as_of.isoformat()})"
        )

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
        Its tables, and what its events were made of.

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
    legs = changed_legs(sessions, announced, effective, (n_additions, n_deletions), rng)
    event = legs["event"].to_numpy()
    paths = Paths(
        rng=rng,
        noise=noise_bps_per_day / 1e4,
        market=market_steps(last - first + 1, rng),
        first=first,
    )
    signs = np.where(legs["side"] == Side.ADDITION, 1.0, -1.0)
    effects = planted_effects(
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
        index_changes=index_changes(legs, len(announced), rng, sessions.zone),
        etf_holdings=holdings_reports(legs, members, sessions, as_of),
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
