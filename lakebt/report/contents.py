"""The contents of a report, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

    from lakebt._typing import FloatVector
    from lakebt.report.panel_data import Ingredients
    from lakebt.report.sheet_data import SheetData


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The Sharpe ratio of the curve that is drawn: of the calendar portfolio.

    Attributes
    ----------
    sharpe, sharpe_se : float
        Per year; NaN with fewer than two returns.
    n_returns : int
        Sessions from the first with exposure to the last exit.
    """

    sharpe: float
    sharpe_se: float
    n_returns: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Chance:
    """The significance of the rules, corrected for their number.

    Attributes
    ----------
    sentence : str
        What may be said, and no more.
    notes : tuple of str
        What must be known to read it, a sentence each.
    rules : DataFrame
        A row per rule: ``entry``, ``exit``, ``mean_bps``, ``p_family``,
        ``p_family_flips``, ``claimed``, ``n_events``.
    alpha : float
        Of all rules together.
    best : tuple of (str, str) or None
        Entry and exit of the highest score.
    observed, critical : float
        That score, and what it has to exceed; NaN where nothing can be shown.
    null : ndarray of shape (draws,)
        The largest score by chance; empty where nothing can be shown.
    """

    sentence: str
    notes: tuple[str, ...]
    rules: pd.DataFrame
    alpha: float
    best: tuple[str, str] | None
    observed: float
    critical: float
    null: FloatVector


@dataclass(frozen=True, kw_only=True, eq=False)
class Pretended:
    """The results of the rules with look-ahead, which could not be earned.

    Attributes
    ----------
    sentence : str
    rules, facts : DataFrame
        As `lakebt.study.hindsight.Hindsight` has them.
    """

    sentence: str
    rules: pd.DataFrame
    facts: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class StudyContents:
    """The contents of a study's report.

    Attributes
    ----------
    index : str
        Whose changes were traded.
    entries, exits : tuple of str
        The rows and columns of the surface, as they were written.
    table : DataFrame
        A row per `entry` and `exit`: `sharpe`, `sharpe_se` (per year; NaN where the
        cell is empty), `n_returns`, `n_events`, `n_dates`, `n_refused`, `n_untradeable`
        (counts), `gross_bps`, `commission_bps`, `spread_bps`, `borrow_bps`,
        `reweighting_bps` (0 where it is left out), `net_bps` (means per event, basis
        points of capital; costs are positive, and gross less costs is net).
    empty : DataFrame
        A row per `entry`, `exit` and `reason` for which events are left out, with their
        number `n_events`; and of one such event, where it is told, `fact`, `known_at`,
        `needed_by` (UTC; missing where it does not apply).
    refused : DataFrame
        Events left out of the chosen cell, or of any if none is chosen, a row per event
        and reason: `event_id`, `entry`, `exit`, `reason`, `fact`, `known_at`,
        `needed_by`. It need not hold them all.
    n_refused : mapping of str to int
        How many events each reason leaves out, whether or not `refused` has them.
    best : tuple of (str, str) or None
        Entry and exit of the chosen cell; None if every cell is empty.
    equity : Series
        Net equity of the chosen cell by session, starting at 1. In calendar order, or
        one event after the other; empty if there is no chosen cell.
    years : DataFrame
        The chosen cell by year: `year`, `n_events`, `n_dates`, `mean_bps` and `se_bps`
        (net per event), `sharpe`, `sharpe_se`; empty if there is no chosen cell.
    path : DataFrame
        From `lakebt.analysis.path.event_path`; may be empty.
    left_out : str
        What the result rests on, in one line.
    first, last : date or None
        First and last announcement (or effective) date of the events.
    n_events : int
        Events asked for, whether they ran or not.
    aggregate : str
        "pooled" or "calendar".
    definition : str
        The Sharpe ratio's definition, in one line.
    banners : tuple of str
        What must be read first, in red. Empty when nothing must.
    provenance : mapping of str to str
        Release, as-of instant, snapshots, rules, costs, versions; in the order shown.
    command : str
        What reproduces the result, or "none: " and why nothing does.
    is_point_in_time : bool
        Whether every order was decided on facts known in time. If not, nothing here
        is called tradable.
    market : str or None
        The symbol that `path` is measured against; None if it is a plain return.
    ingredients : Ingredients or None
        What every cell is made of, for a panel that shows any of them; without, the
        report has no such panel.
    why_no_panel : str
        Why there are no ingredients, as a sentence; empty if nothing is to be said.
    dividends_bps : float
        Of the chosen cell: received less owed, in basis points per event; a part of its
        gross.
    headline : Headline or None
        Of the portfolio whose curve is `equity`. None if no cell is chosen, or if the
        surface is of that portfolio itself.
    event_returns : Series or None
        Net return of each traded event of the chosen cell, as fractions.
    sheet : SheetData or None
        Of the calendar portfolio of the chosen cell; without, the page has none.
    chance : Chance or None
        The rules compared with chance; None leaves the section out.
    pretended : Pretended or None
        The rules with look-ahead; None leaves the section out.
    lineage : str
        The lineage of the result as SVG; empty if it is unknown.
    """

    index: str
    entries: tuple[str, ...]
    exits: tuple[str, ...]
    table: pd.DataFrame
    empty: pd.DataFrame
    refused: pd.DataFrame
    n_refused: Mapping[str, int]
    best: tuple[str, str] | None
    equity: pd.Series[float]
    years: pd.DataFrame
    path: pd.DataFrame
    left_out: str
    first: dt.date | None
    last: dt.date | None
    n_events: int
    aggregate: str
    definition: str
    banners: tuple[str, ...]
    provenance: Mapping[str, str]
    command: str
    is_point_in_time: bool = True
    market: str | None = None
    ingredients: Ingredients | None = None
    why_no_panel: str = ""
    dividends_bps: float = 0.0
    headline: Headline | None = None
    chance: Chance | None = None
    event_returns: pd.Series[float] | None = None
    sheet: SheetData | None = None
    pretended: Pretended | None = None
    lineage: str = ""


@dataclass(frozen=True, kw_only=True)
class RunContents:
    """The contents of a strategy's report.

    Attributes
    ----------
    title : str
        The strategy's name.
    sharpe, sharpe_se : float
        Per year; NaN with fewer than two returns.
    n_returns : int
        Daily net returns behind `sharpe`.
    equity : Series
        Net equity by session, starting at 1 at the close of the session before the
        first that was traded.
    weights : DataFrame
        Target weights: a row per decision's session, a column per symbol; missing is 0.
    costs : mapping of str to float
        What was paid, each name with its unit (``commission_usd``, ``spread_bps``).
    definition, banners, provenance, command, lineage
        As in `StudyContents`.
    actions : mapping of str to str
        What corporate actions did to what was held, in words; empty if nothing.
    sheet : SheetData or None
        What it came to; without, the page has its equity alone.
    """

    title: str
    sharpe: float
    sharpe_se: float
    n_returns: int
    equity: pd.Series[float]
    weights: pd.DataFrame
    costs: Mapping[str, float]
    definition: str
    banners: tuple[str, ...]
    provenance: Mapping[str, str]
    command: str
    actions: Mapping[str, str] = field(default_factory=dict)
    sheet: SheetData | None = None
    lineage: str = ""
