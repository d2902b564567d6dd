"""The article's experiment: as it was published, and corrected one step at a time.

The conventions here are the article's own (40 times leverage, a year of 365 days, exits
that fall on a Saturday) and no part of `lakebt.Study`. They are kept to be looked at.

Prices are real where they are present. Where they are not, a simulated market has an
event on the same dates, under symbols that are nobody's: no real ticker gets an
invented price.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt import AuditWarning, Lake, Side
from lakebt.sources.prices import convert_prices
from lakebt.sources.sample import sample_releases
from lakebt.sources.simulated import SimulatedMarket, simulated_market
from lakebt.values.few_dates import mark

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt import Result, View

ANNOUNCED, EFFECTIVE = dt.date(2022, 9, 2), dt.date(2022, 9, 19)
REPORTED = dt.date(2022, 9, 30)
"""The date the holdings report is about, which the article takes for its MD."""
ACCEPTED = dt.date(2022, 11, 28)
"""The day the report was accepted, and so the first on which anybody had it."""

SIGNALS = {"AD": ANNOUNCED, "ED": EFFECTIVE, "MD": REPORTED}
HOLDING_DAYS = {"1 d": 1, "5 d": 5, "1 w": 7, "2 w": 14, "3 w": 21, "4 w": 28}
FIRST, LAST = dt.date(2022, 8, 1), dt.date(2022, 12, 1)
CASH_USD = 100_000.0
TRADED = ("PENN", "PVH", "INVH", "CSGP")

# The first seed whose only event has the article's dates.
SEED = 109


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """The rebalance of September 2022, or its simulated twin.

    Attributes
    ----------
    source : str
        Where the prices are from, in words.
    release, index : str
        Where the lake has it.
    shorts, longs : tuple of str
        Deleted and added symbols.
    opens, closes : DataFrame
        Sessions of the article's window down, symbols across: the shorts first.
    """

    source: str
    release: str
    index: str
    shorts: tuple[str, ...]
    longs: tuple[str, ...]
    opens: pd.DataFrame
    closes: pd.DataFrame

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that is traded."""
        return (*self.shorts, *self.longs)


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How the experiment is run. The defaults are the article's.

    Attributes
    ----------
    leg : float
        Target of each leg as a multiple of equity. The article's ``size=10`` with
        ``targetpercent`` is ten times the equity, four legs forty times.
    days_per_year : int
        What the Sharpe ratio is annualised with; ``freq="d"`` means 365 to vectorbt.
    exposed : bool
        Whether the window holds only the sessions with exposure, rather than all 87.
    exits_fire : bool
        Whether an exit on a day without a session is moved to the next session, rather
        than never happening.
    as_known : bool
        Whether an entry that needs a report nobody had is left out.
    """

    leg: float = 10.0
    days_per_year: int = 365
    exposed: bool = False
    exits_fire: bool = False
    as_known: bool = False


PUBLISHED = Conventions()


def corrections() -> dict[str, Conventions]:
    """Return the experiment as published, then each correction on top of the last."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("1. gross exposure 1, not 40", {"leg": 0.25}),
        ("2. a year of 252 sessions, not 365 days", {"days_per_year": 252}),
        ("3. only the sessions with exposure", {"exposed": True}),
        ("4. Saturday exits fire on the next session", {"exits_fire": True}),
        ("5. no report before it was accepted", {"as_known": True}),
    ]
    found = {"as published": PUBLISHED}
    last = PUBLISHED
    for name, change in steps:
        last = found[name] = replace(last, **change)
    return found


# --- data ----------------------------------------------------------------------------


def twin() -> SimulatedMarket:
    """Return a simulated market whose only event has the article's dates."""
    market = simulated_market(seed=SEED, n_events=1, start=dt.date(2022, 6, 1))
    dates = market.index_changes["announced"].dt.tz_convert("America/New_York").dt.date
    assert set(dates) == {ANNOUNCED}  # noqa: S101 - the seed was chosen for it
    assert set(market.index_changes["effective"]) == {EFFECTIVE}  # noqa: S101
    return market


def build_lake(folder: Path, *, data: Path | None) -> tuple[Lake, Episode]:
    """Publish the article's facts, the simulated twin and, where present, real prices.

    Parameters
    ----------
    folder : Path
        Where to make the lake.
    data : Path or None
        The folder of real prices; None where they are not here.

    Returns
    -------
    (Lake, Episode)
        The lake, and the episode to run the experiment on.
    """
    lake = Lake.open(folder)
    for release in sample_releases():
        lake.publish(
            release.tables,
            release=release.name,
            as_of=release.as_of,
            note="as the article prints it",
        )
    market = twin()
    with warnings.catch_warnings():
        # Its funds are others than the article's, which therefore seem to be missing.
        warnings.simplefilter("ignore", AuditWarning)
        lake.publish(
            market.tables,
            release="SIMULATED",
            as_of=market.as_of,
            note="no real symbol, a planted effect",
        )
    if data is None:
        source = "a simulated market (the real prices are not here)"
        view, index = lake.at("SIMULATED"), market.index
        sides = market.index_changes.set_index("symbol")["side"]
        shorts = tuple(sides.index[sides == Side.DELETION])
        longs = tuple(sides.index[sides == Side.ADDITION])
    else:
        bars = pd.read_parquet(data / "prices.parquet")
        bars = bars[
            bars["symbol"].isin([*TRADED, "SPY"])
            & bars["date"].between("2022-06-01", "2023-01-31")
        ]
        lake.publish(
            {"prices": convert_prices(bars).frame},
            release="REAL_PRICES",
            as_of="2023-02-01T00:00:00Z",
            note="real, split-adjusted",
        )
        source, view, index = "real prices", lake.at("REAL_PRICES"), "SP500"
        shorts, longs = TRADED[:2], TRADED[2:]
    opens, closes = (
        view.panel(column, symbols=[*shorts, *longs], start=FIRST, end=LAST)
        for column in ("open", "close")
    )
    return lake, Episode(
        source=source,
        release=view.release,
        index=index,
        shorts=shorts,
        longs=longs,
        opens=opens,
        closes=closes,
    )


# --- what changed --------------------------------------------------------------------


def queries(before: View, after: View, *, fund: str) -> pd.DataFrame:
    """Compare three ways of asking what entered and what left a fund.

    Parameters
    ----------
    before, after
        The lake at the article's two tags.
    fund : str
        Whose holdings.

    Returns
    -------
    DataFrame
        Rows that entered and rows that left, by way of asking.
    """
    old, new = (
        view.read("etf_holdings", where={"fund": fund}) for view in (before, after)
    )
    # What the article's UPDATE and MERGE INTO leave: every matched row with the newer
    # date and acceptance, and what is no longer held still there, as expired.
    printed = ["symbol", "isin", "known_at", "date"]
    kept_old, kept_new = (
        report[report["status"] != "expired"] for report in (old, new)
    )
    found = {
        "the two queries as printed": (
            _except(new, old, printed),
            _except(old, new, printed),
        ),
        "EXCEPT on the ISINs of the two reports": (
            _except(kept_new, kept_old, ["isin"]),
            _except(kept_old, kept_new, ["isin"]),
        ),
    }
    return pd.DataFrame(found, index=["entered", "left"]).T


def _except(one: pd.DataFrame, other: pd.DataFrame, columns: list[str]) -> int:
    """Return how many rows SQL's EXCEPT gives."""
    rows = (
        one[columns].drop_duplicates().merge(other[columns], how="left", indicator="_")
    )
    return int((rows["_"] == "left_only").sum())


# --- the experiment ------------------------------------------------------------------


def backtest(
    episode: Episode, entry: dt.date, exit_: dt.date, conventions: Conventions
) -> Any:
    """Return the article's trade as a ``vectorbt.Portfolio``.

    The signals are dates; every order is filled at the open of the session after, and
    sized on the close of the session before. A signal on a day without a session never
    fires, unless the conventions move it.
    """
    import vectorbt  # noqa: PLC0415 - 3 s and 300 MB

    sessions = episode.closes.index
    if conventions.exits_fire:
        exit_ = sessions[sessions >= pd.Timestamp(exit_)][0].date()
    size = pd.DataFrame(np.nan, index=sessions, columns=episode.closes.columns)
    for symbol in episode.symbols:
        sign = -1.0 if symbol in episode.shorts else 1.0
        size.loc[sessions == pd.Timestamp(entry), symbol] = sign * conventions.leg
        size.loc[sessions == pd.Timestamp(exit_), symbol] = 0.0
    return vectorbt.Portfolio.from_orders(
        episode.closes,
        size=size.shift(1),
        size_type="targetpercent",
        price=episode.opens,
        val_price=episode.closes.shift(1),
        init_cash=CASH_USD,
        allow_partial=False,
        fees=0.0,
        direction="both",
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )


def sharpe(portfolio: Any, conventions: Conventions) -> float:
    """Return the Sharpe ratio of a trade as the conventions have it."""
    returns = portfolio.returns()
    if conventions.exposed:
        filled = portfolio.orders.records_arr["idx"]
        is_closed = not portfolio.assets().iloc[-1].any()
        last = int(filled.max()) if is_closed else len(returns) - 1
        returns = returns.iloc[int(filled.min()) : last + 1]
    year = f"{conventions.days_per_year} days"
    return float(returns.vbt.returns(freq="1D", year_freq=year).sharpe_ratio())


def cells(episode: Episode, conventions: Conventions = PUBLISHED) -> pd.DataFrame:
    """Run every signal and holding period; once, however often they are asked for.

    Returns
    -------
    DataFrame
        A row per `signal` and `exit_after`: `sharpe`, `n_orders`, `final_usd` (what the
        account of 100,000 USD is worth on the last session), whether the exit `fired`
        (its day is a session), and whether the account was `lost` on the way. NaN, 0
        and False where the conventions leave the cell out.
    """
    return _cells(episode, conventions).copy()


@functools.cache
def _cells(episode: Episode, conventions: Conventions) -> pd.DataFrame:
    sessions = episode.closes.index
    rows = []
    for (signal, entry), (holding, days) in itertools.product(
        SIGNALS.items(), HOLDING_DAYS.items()
    ):
        row: dict[str, Any] = {"signal": signal, "exit_after": holding}
        if conventions.as_known and signal == "MD" and entry < ACCEPTED:
            rows.append(row | {"n_orders": 0, "fired": False, "lost": False})
            continue
        exit_ = entry + dt.timedelta(days=days)
        portfolio = backtest(episode, entry, exit_, conventions)
        # asked for as `returns` does, so that vectorbt works it out once
        value = portfolio.value(group_by=None, in_sim_order=False)
        rows.append(
            row
            | {
                "sharpe": sharpe(portfolio, conventions),
                "n_orders": len(portfolio.orders.records_arr),
                "final_usd": float(value.iloc[-1]),
                "fired": conventions.exits_fire or pd.Timestamp(exit_) in sessions,
                "lost": bool((value <= 0.0).any()),
            }
        )
    return pd.DataFrame(rows)


def _across(rows: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Return values of the cells as a table: signals down, holding periods across."""
    return pd.DataFrame(
        values.to_numpy().reshape(len(SIGNALS), len(HOLDING_DAYS)),
        index=pd.Index(rows["signal"].unique(), name="signal"),
        columns=pd.Index(rows["exit_after"].unique(), name="exit after"),
    )


def printed(episode: Episode, conventions: Conventions = PUBLISHED) -> pd.DataFrame:
    """Return the table with two decimals and its marks.

    ``*``: the exit is on a day without a session and never fired. ``†``: the account
    was lost on the way. ``·``: left out.
    """
    rows = cells(episode, conventions)
    traded = rows["n_orders"] > 0
    text = rows["sharpe"].map("{:.2f}".format).where(traded, "·")
    text += rows["fired"].map({True: "", False: " *"}).where(traded, "")
    text += rows["lost"].map({True: " †", False: ""})
    return _across(rows, text)


def corrected(episode: Episode) -> pd.DataFrame:
    """Return the table as published and after each correction, one under the other."""
    return pd.concat(
        {name: printed(episode, how) for name, how in corrections().items()},
        names=["", "signal"],
    )


# --- lakebt's own answer -------------------------------------------------------------


def told(row: pd.Series) -> str:
    """Return a cell of `with_error`, from its row of the table."""
    if row["n_refused"]:
        return "refused"
    if np.isnan(row["sharpe"]):
        return "·"
    error = "?" if np.isnan(row["sharpe_se"]) else f"{row['sharpe_se']:.1f}"
    return f"{row['sharpe']:.1f} ± {error} {mark(row['n_dates'])}".rstrip()


def with_error(result: Result) -> pd.DataFrame:
    """Return the surface of a result with its standard errors, as text.

    ``refused``: the cell needs a fact that was not yet known. ``·``: fewer than two
    daily returns. A dagger: fewer than ten announcement dates, so that no error can be
    trusted. ``?``: no error, of several events of one date.
    """
    shown = [told(row) for _, row in result.table().iterrows()]
    return pd.DataFrame(
        np.array(shown).reshape(len(result.entries), len(result.exits)),
        index=pd.Index(result.entries, name="entry"),
        columns=pd.Index(result.exits, name="exit"),
    )
