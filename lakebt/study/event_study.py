"""`EventStudy`: abnormal returns around index changes, with tests."""

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
"""The untradeable jump; the way to the effective date; that day; what follows."""

ESTIMATION = (-260, -30)
"""Sessions from the announcement in which a model is estimated."""

MINIMUM = 100
"""Fewer returns than this estimate nothing."""


class EventStudy:
    """Abnormal returns of shares around their additions to and deletions from an index.

    The unit is a change, not an event: each share that enters or leaves counts once.
    The study describes what happened, with prices as they are known now. Only its
    models are estimated on what was known before each announcement.

    Parameters
    ----------
    view
        The release and the instant that the study reads.
    index : str, optional
        The index whose changes are studied.
    changes : sequence of IndexChange, optional
        Your own changes, instead of `index`.
    where : mapping, optional
        Keeps the changes whose columns match, as in `lakebt.Study`.
    side : {"both", "additions", "deletions"}
        Additions and deletions are never mixed: each side has its own rows.
    market : str
        The symbol that stands for the market.
    model : {"market_adjusted", "market", "constant_mean"}
        The expected return of a share: the market's return (only a deviation is
        estimated), alpha plus beta times the market's, or the share's own mean.
    estimation : pair of int
        First and last session of the estimation window, from the announcement.
    minimum : int
        The least number of returns in the estimation window. Statistics that need a
        model leave out changes with fewer.
    windows : sequence of pairs of str
        Each has a start and an end, written like entries and exits.
    draws, seed : int
        Number and seed of random sign flips, if there are too many to list.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used; the message names it and the cure.
    UnknownNameError
        If the view has no such index, or there is no such model.
    UntradeableError
        If no change matches, or no change has prices in any window.

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
        """Return the event study of a study's own changes.

        Parameters
        ----------
        scope, **asked
            The changes and their sessions; the rest as `Result.event_study` takes it.
        """
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
        """The priced changes of each window and side."""
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
            ``window``, ``side``; ``question``: ``money`` (did the changes earn more
            than the market? over all changes with prices) or ``typical stock`` (did the
            typical share move? over changes with an estimation window); ``test``;
            ``n`` changes on ``n_dates`` announcement dates; ``estimate_bps``, the mean
            return over the market, or the mean CAR, with its 95 % interval ``low_bps``
            to ``high_bps`` (NaN if the test has none); ``statistic``; ``degrees`` of
            freedom of its t distribution (infinite for a normal one, NaN for sign
            flips); ``p``, two-sided, NaN if the test is not defined, as clustered tests
            on one date; ``holds``, True, or the reason why the test is not reliable
            for these changes, by its rejections of true nulls in the calibration table;
            ``tradable``, False if the window begins before an order could know of the
            change.
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
            ``effective`` days; ``start`` and ``end`` sessions; ``over_bps``, the return
            over the market from start to end; ``car_bps`` and ``bhar_bps``, the
            abnormal return added up, and compounded; ``scar``, `car_bps` over its
            standard deviation; ``alpha_bps`` per session, ``beta``, the residuals'
            ``deviation_bps`` and ``n_estimation``, the number of returns they are
            estimated from. NaN, and 0 for the number, without an estimation window.
        """
        frames = [cases.events() for cases in self._cases]
        return pd.concat(frames, ignore_index=True)

    def left_out(self) -> pd.DataFrame:
        """Return the changes left out of each window or of its model, and the reason.

        Returns
        -------
        DataFrame
            ``window``, ``side``, ``change_id``, ``symbol``; ``missing``, ``price`` or
            ``estimation``; ``reason`` in words; ``over_bps``, the return over the
            market from start to end, NaN if it is unknown. Show its mean beside every
            result that leaves these changes out.
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
            The session that is number 0.
        before, after
            The number of sessions shown before and after it.

        Returns
        -------
        DataFrame
            A row per side and session: ``side``, ``session`` from the anchor;
            ``aar_bps``, the mean abnormal return from the close before; ``caar_bps``,
            its sum from the first session shown, with its 95 % band ``low_bps`` to
            ``high_bps`` (clustered by announcement date, t with one degree of freedom
            less than dates); ``n`` changes on ``n_dates`` dates: those with a return
            in every session up to this one.

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

        The line of the other anchor is at the median of its sessions. Arguments and
        errors are those of `path`.

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
        """Return the findings of each window and side in words.

        They include the mean intercept, if the model has one, and say where the two
        questions, money and the typical stock, have different answers.
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
