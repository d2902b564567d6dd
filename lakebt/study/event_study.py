"""An event study: what changes of an index returned beyond the market, tested."""

from __future__ import annotations

import html
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.analysis.event_study.models import Model
from lakebt.analysis.resampling.draws import check_draws
from lakebt.backtest.costs import BPS
from lakebt.errors import InvalidArgumentError, UntradeableError
from lakebt.events.rules import Anchor
from lakebt.inputs.checks import check_text, one_of
from lakebt.lake.reading.instrument_view import price_history
from lakebt.prices.benchmark import MARKET
from lakebt.study.arguments import Arguments
from lakebt.study.estimation_window import (
    check_apart,
    checked_estimation,
    checked_minimum,
)
from lakebt.study.event_cases import WindowCases, placed, window_cases
from lakebt.study.event_path import average_path
from lakebt.study.event_windows import Pricing, parse_windows
from lakebt.study.scope import Scope
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakebt.facts import IndexChange
    from lakebt.lake.reading.view import View


WINDOWS = (
    ("AD@close", "AD+1@open"),
    ("AD+1@open", "ED-1@close"),
    ("ED-1@close", "ED@close"),
    ("ED@close", "+10"),
)
"""The jump nobody can trade; the way to the effective date; that day; what follows."""

ESTIMATION = (-260, -30)
"""Sessions from the announcement in which a model is estimated."""

MINIMUM = 100
"""Fewer returns than this estimate nothing."""


class EventStudy:
    """What the changes of an index returned around their events.

    Of changes, not of events: each share that enters or leaves counts once. It says
    what happened, with prices as they stand now; estimated is on what was known before
    each announcement alone.

    Parameters
    ----------
    view
        What is known.
    index : str, optional
        The index whose changes are studied.
    changes : sequence of IndexChange, optional
        In the place of an index.
    where : mapping, optional
        Which changes, as `lakebt.Study` takes it.
    side : {"both", "additions", "deletions"}
        Additions and deletions are never mixed: each has its own rows.
    market : str
        The symbol that stands for the market.
    model : {"market_adjusted", "market", "constant_mean"}
        What a share was expected to return: what the market did (nothing is estimated
        but a deviation), alpha and beta times it, or its own mean.
    estimation : pair of int
        First and last session of the estimation window, from the announcement.
    minimum : int
        A change with fewer returns in it is left out of what needs a model.
    windows : sequence of pairs of str
        Each a start and an end, written as entries and exits are.
    draws, seed : int
        Of signs, where there are too many vectors of them to list.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If the view has no such index, or there is no such model.
    UntradeableError
        If no change matches, or none has a price in any window.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=12, jump_bps=300)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> study = lakebt.EventStudy(
    ...     lake.at("R1"),
    ...     index="SIM",
    ...     side="additions",
    ...     market="MKT",
    ...     estimation=(-55, -5),
    ...     minimum=40,
    ...     windows=[("AD@close", "AD+1@open")],
    ... )
    >>> row = study.tests().set_index("test").loc["clustered t"]
    >>> int(row["n"]), bool(row["tradable"]), bool(row["statistic"] > 2)
    (24, False, True)
    >>> directory.cleanup()
    """

    def __init__(
        self,
        view: View,
        *,
        index: str | None = None,
        changes: Sequence[IndexChange] | None = None,
        where: Mapping[str, Any] | None = None,
        side: str = "both",
        market: str = MARKET,
        model: str = "market_adjusted",
        estimation: tuple[int, int] = ESTIMATION,
        minimum: int = MINIMUM,
        windows: Sequence[tuple[str, str]] = WINDOWS,
        draws: int = 9_999,
        seed: int = 0,
    ) -> None:
        arguments = Arguments.parse(
            index=index, changes=changes, where=where, side=side
        )
        self._set(
            Scope(view, arguments),
            market=market,
            model=model,
            estimation=estimation,
            minimum=minimum,
            windows=windows,
            draws=draws,
            seed=seed,
        )

    @classmethod
    def of(cls, scope: Scope, **asked: Any) -> EventStudy:
        """Return the event study of a study's own changes."""
        self = cls.__new__(cls)
        self._set(scope, **asked)
        return self

    def _set(
        self,
        scope: Scope,
        *,
        market: str,
        model: str,
        estimation: tuple[int, int],
        minimum: int,
        windows: Sequence[tuple[str, str]],
        draws: int,
        seed: int,
    ) -> None:
        check_text("market", market)
        check_draws(draws, seed)
        self.view, self.market = scope.view, market
        self.model = Model(one_of(model, Model, what="model"))
        self.estimation = checked_estimation(estimation)
        self.minimum = checked_minimum(minimum, self.estimation)
        self.windows = parse_windows(windows)
        check_apart(self.windows, self.estimation)
        self._draws, self._seed, self._scope = draws, seed, scope
        changes = scope.changes()
        if not changes:
            scope.check_events()
        symbols = sorted({*(change.symbol for change in changes), market})
        history = price_history(scope.view, symbols)
        if market not in history:
            msg = (
                f"market {market!r} has no prices in release {scope.view.release!r}: "
                f"publish them, or pass market= with another symbol"
            )
            raise InvalidArgumentError(msg)
        self._pricing = Pricing(history, market=market, clock=scope.clock)
        self._changes = tuple(sorted(changes, key=_order))
        if not any(cases.changes for cases in self._cases):
            why = self._cases[0].absent[0][1]
            msg = (
                f"no change can be measured in any window: {why}. Publish the prices "
                f"that it needs, or pass other windows="
            )
            raise UntradeableError(msg)

    @cached_property
    def _cases(self) -> tuple[WindowCases, ...]:
        """Of each window and side its changes, priced."""
        return tuple(
            each
            for window in self.windows
            for each in window_cases(
                window,
                self._changes,
                pricing=self._pricing,
                clock=self._scope.clock,
                model=self.model,
                estimation=self.estimation,
                minimum=self.minimum,
            )
        )

    def tests(self) -> pd.DataFrame:
        """Return a row per window, side and test.

        Returns
        -------
        DataFrame
            ``window``, ``side``; ``question``: ``money``, whether it earned money over
            the market, of all changes with prices, or ``typical stock``, whether the
            typical one moved, of those with an estimation window; ``test``; ``n``
            changes on ``n_dates`` announcement dates; ``estimate_bps``, the mean return
            over the market, or the mean CAR, with its 95 % interval ``low_bps`` to
            ``high_bps`` (NaN where the test gives none); ``statistic``, ``degrees`` of
            freedom of its t (infinite of a normal reference, NaN where signs are
            flipped); ``p``, two-sided, NaN where the test is not defined, as clustered
            ones are of one date; ``holds``, True, or the reason why the test does not
            hold for these changes, by what it rejected of true nulls in the calibration
            table; ``tradable``, False where a window begins before an
            order could know of the change.
        """
        rows = [
            {
                "window": str(cases.window),
                "side": cases.side,
                "question": row.question,
                "test": row.name,
                "n": row.n,
                "n_dates": row.n_dates,
                "estimate_bps": row.estimate / BPS,
                "low_bps": row.low / BPS,
                "high_bps": row.high / BPS,
                "statistic": row.statistic,
                "degrees": row.degrees,
                "p": row.p,
                "holds": cases.holds(row),
                "tradable": cases.is_tradable,
            }
            for cases in self._cases
            for row in cases.tests(draws=self._draws, seed=self._seed)
        ]
        return pd.DataFrame(rows)

    def events(self) -> pd.DataFrame:
        """Return a row per window and change that has prices.

        Returns
        -------
        DataFrame
            ``window``, ``side``, ``change_id``, ``symbol``, ``announced`` and
            ``effective`` days; ``start`` and ``end`` sessions; ``over_bps``, what it
            returned over the market from end to end; ``car_bps`` and ``bhar_bps``, the
            abnormal return added up, and held; ``scar``, `car_bps` over its standard
            deviation; ``alpha_bps`` a session, ``beta``, ``deviation_bps`` of the
            residuals and ``n_estimation``, the returns they are of. NaN, and 0, where
            there is no estimation window.
        """
        frames = [cases.events() for cases in self._cases]
        return pd.concat(frames, ignore_index=True)

    def left_out(self) -> pd.DataFrame:
        """Return each change that a window, or its model, is without, and why.

        Returns
        -------
        DataFrame
            ``window``, ``side``, ``change_id``, ``symbol``; ``missing``, ``price`` or
            ``estimation``; ``reason`` in words; ``over_bps``, what it returned over the
            market from end to end, NaN where that cannot be known. Their mean belongs
            beside every result that is without them.
        """
        frames = [cases.left_out() for cases in self._cases]
        return pd.concat(frames, ignore_index=True)

    def path(
        self, anchor: str = "AD", *, before: int = 10, after: int = 20
    ) -> pd.DataFrame:
        """Return the average abnormal return session by session, and its sum.

        Parameters
        ----------
        anchor : {"AD", "ED"}
            What sessions are counted from.
        before, after
            Sessions shown.

        Returns
        -------
        DataFrame
            A row per side and session: ``side``, ``session`` from the anchor;
            ``aar_bps``, the mean abnormal return from the close before; ``caar_bps``,
            its sum from the first session shown, and the 95 % band of that, clustered
            by announcement date with t of the dates less one, ``low_bps`` to
            ``high_bps``; ``n`` changes on ``n_dates`` dates: those with a return in
            every session from the first one to this one.

        Raises
        ------
        InvalidArgumentError
            If a number of sessions is negative.
        UnknownNameError
            If there is no such anchor.
        """
        return average_path(
            self._cases,
            self._pricing,
            clock=self._scope.clock,
            anchor=anchor,
            before=before,
            after=after,
        )

    def plot(self, anchor: str = "AD", *, before: int = 10, after: int = 20) -> Any:
        """Return the path with its band and the lines of AD and ED as a plotly figure.

        The other anchor stands at the median of its sessions. Arguments and errors are
        those of `path`.

        Raises
        ------
        InvalidArgumentError
            If no change has a path.
        """
        from lakebt.report.charts import caar_figure  # noqa: PLC0415 - plotly is slow

        clock = self._scope.clock
        leads = [
            effective - announced
            for change in self._changes
            if (announced := placed(change, Anchor.AD, clock)) is not None
            and (effective := placed(change, Anchor.ED, clock)) is not None
        ]
        lines = {anchor: 0.0}
        if leads:
            lead = float(median(leads))
            lines |= {"ED": lead} if anchor == "AD" else {"AD": -lead}
        return caar_figure(
            self.path(anchor, before=before, after=after),
            anchor=anchor,
            lines=lines,
            market=self.market,
        )

    def summary(self) -> str:
        """Return in words, of each window and side, what happened.

        With the mean intercept of a model that has one, and where what was earned and
        the typical stock give two answers.
        """
        return " ".join(
            cases.summary(draws=self._draws, seed=self._seed)
            for cases in self._cases
            if cases.changes
        )

    @as_words
    def __repr__(self) -> str:
        n = len(self._changes)
        return (
            f"EventStudy({self._scope.arguments.index or 'changes given'}, "
            f"{count(n, 'change')}, {count(len(self.windows), 'window')}, "
            f"{self.model} over {self.market})"
        )

    def _repr_html_(self) -> str:
        shown = self.tests()
        keep = shown["test"].isin(["clustered t", "adjusted BMP"])
        table = shown[keep].drop(columns=["degrees"]).round(4)
        return (
            f"<div><p>{html.escape(self.summary())}</p>"
            f"{table.to_html(index=False, border=0)}</div>"
        )


def _order(change: IndexChange) -> tuple[Any, ...]:
    when = change.announced or change.known_at
    return when, change.index, change.symbol, change.side.value
