"""The significance of a study's rules, corrected for the number of rules."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt._messages import as_words
from lakebt.analysis.clusters import effective_number
from lakebt.analysis.resampling.alternative import Alternative
from lakebt.analysis.resampling.draws import check_draws
from lakebt.analysis.resampling.judgement import (
    FEWEST_BLOCKS,
    FEWEST_FOR_PAIRS,
    judge,
)
from lakebt.backtest.costs import BPS
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_positive, one_of
from lakebt.report.progress import bar
from lakebt.study.beside import beside
from lakebt.study.sentence import Verdict, sentence
from lakebt.values.few_dates import FEW_DATES
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import FloatVector, IntVector
    from lakebt.study.trading import TradedStudy


SKEWED = 1.0
"""Skewness of the sums by date from which flipped signs are wrong on one side."""


class Significance:
    """The tests of a study's rules as one family; see `lakebt.Result.significance`.

    Attributes
    ----------
    draws, seed, alternative, alpha
        As they were asked for.
    block_sessions : int
        Sessions of a block of the calendar: twice the longest hold.
    n_blocks : int
        How many blocks have events.
    method : str
        What decides: ``"pairs"``, ``"flips"``, or ``"nothing"``.
    critical : float
        What the best score has to exceed; NaN where nothing decides.
    null : ndarray of shape (draws,)
        The largest score of any rule by chance, in each draw. Empty where nothing
        decides.
    """

    def __init__(
        self,
        traded: TradedStudy,
        *,
        draws: int,
        seed: int,
        alternative: str,
        alpha: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        check_draws(draws, seed)
        self.alternative = str(one_of(alternative, Alternative, what="alternative"))
        alpha = check_positive("alpha", alpha)
        if alpha >= 1.0:
            msg = f"alpha must be below 1, as 0.05 is, was {alpha:g}"
            raise InvalidArgumentError(msg)
        self.draws, self.seed, self.alpha = draws, seed, float(alpha)
        self._traded = traded
        self._scores = traded.summary.scores(
            traded.clock.sessions, days=traded.by_event.days
        )
        with bar("judging rules", unit="draws", notify=progress) as step:
            self._judged = judge(
                self._scores,
                draws=draws,
                seed=seed,
                alternative=self.alternative,
                alpha=self.alpha,
                progress=step,
            )

    @property
    def block_sessions(self) -> int:
        """Sessions of a block of the calendar."""
        return self._scores.length

    @property
    def n_blocks(self) -> int:
        """How many blocks of the calendar have events."""
        some = self._scores.counts.any(axis=1)
        return len(np.unique(self._scores.block[some]))

    @property
    def method(self) -> str:
        """The method of the test."""
        return self._judged.how

    @property
    def critical(self) -> float:
        """The critical value of the best score."""
        return self._judged.critical

    @property
    def null(self) -> FloatVector:
        """The largest score of any rule by chance, in each draw."""
        return self._judged.maximum.copy()

    def table(self) -> pd.DataFrame:
        """Return a row per entry and exit.

        Returns
        -------
        DataFrame
            ``entry``, ``exit``; ``mean_bps``, the mean score of an event in basis
            points of capital (its net return; of a calendar portfolio what it adds to
            it), its standard error ``se_bps`` and 95 % interval, ``low_bps`` to
            ``high_bps``: clustered by announcement date and, where windows of different
            dates overlap, by session too; ``score``, the sum over the root of the sum
            of squares, of sums by date; ``p`` of the rule alone (signs of blocks
            flipped); ``p_family``, as one of all (pairs of blocks of the calendar,
            studentised in each draw, stepped down) and ``p_family_flips`` (signs of the
            same blocks flipped); ``claimed``; ``n_events``, ``n_dates``,
            ``n_effective_dates``, ``n_blocks``; ``skew`` of the sums by date;
            ``mde_bps`` and ``mde_family_bps``, the smallest effect that is found in 80
            % of cases, alone and among all rules; ``more_dates``, how many more dates
            as these the effect that was seen would need for that, missing where it
            points the other way. NaN for a rule without a tradable event, and of
            p-values where the rule's events lie in fewer than six blocks, which allow
            no verdict.
        """
        judged = self._judged
        rules = self._traded.table[["entry", "exit"]].copy()
        figures = {
            "mean_bps": judged.mean / BPS,
            "se_bps": judged.error / BPS,
            "low_bps": judged.low / BPS,
            "high_bps": judged.high / BPS,
            "score": judged.score,
            "p": judged.p,
            "p_family": judged.p_family,
            "p_family_flips": judged.p_family_flips,
            "claimed": judged.claimed(self.alpha),
            "n_events": judged.n_events,
            "n_dates": judged.n_dates,
            "n_effective_dates": judged.n_effective_dates,
            "n_blocks": judged.n_blocks,
            "skew": judged.skew,
            "mde_bps": judged.detectable / BPS,
            "mde_family_bps": judged.detectable_family / BPS,
            "more_dates": pd.array(judged.more_dates, dtype="Float64").astype("Int64"),
        }
        return rules.assign(**figures)

    def mask(self) -> pd.DataFrame:
        """Return whether each rule is claimed, entries down and exits across."""
        claimed = self._judged.claimed(self.alpha)
        entries, exits = self._traded.entries, self._traded.exits
        return pd.DataFrame(
            claimed.reshape(len(entries), len(exits)),
            index=pd.Index(entries, name="entry"),
            columns=pd.Index(exits, name="exit"),
        )

    def beside(self) -> pd.DataFrame:
        """Return other authors' tests of the best rule, for comparison only.

        Of earning money, whatever `alternative` is.

        Returns
        -------
        DataFrame
            By ``measure``, ``value`` and its ``limit``, in words: ``n_trials``, the
            rules tried in this family, from the lake's trials and here;
            ``expected_maximum_sharpe`` per session, of so many; ``deflated_sharpe``, of
            the highest Sharpe ratio of the study [1]_; ``spa``, the consistent p-value
            of superior predictive ability, of the same blocks [2]_; ``overfitting``,
            the probability of backtest overfitting, of scores over eight parts of the
            study's dates [3]_. NaN where
            there are too few rules, dates or returns.

        Raises
        ------
        LakeError
            If the trials cannot be read.

        References
        ----------
        .. [1] D. H. Bailey and M. Lopez de Prado (2014). "The deflated Sharpe ratio".
           Journal of Portfolio Management 40(5), 94-107.
        .. [2] P. R. Hansen (2005). "A test for superior predictive ability". Journal of
           Business and Economic Statistics 23(4), 365-380.
        .. [3] D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu (2017). "The
           probability of backtest overfitting". Journal of Computational Finance 20(4),
           39-69.
        """
        return beside(self._traded, self._scores, draws=self.draws, seed=self.seed)

    @cached_property
    def best(self) -> tuple[str, str] | None:
        """The entry and exit of the best score; None without a tradable event."""
        row = self._best_row
        if row is None:
            return None
        table = self._traded.table
        return str(table["entry"].iloc[row]), str(table["exit"].iloc[row])

    @cached_property
    def _best_row(self) -> int | None:
        scores = Alternative(self.alternative).scores(self._judged.score)
        return None if np.isnan(scores).all() else int(np.nanargmax(scores))

    @property
    def observed(self) -> float:
        """The best score, as the alternative counts it; NaN without one."""
        row = self._best_row
        scores = Alternative(self.alternative).scores(self._judged.score)
        return float("nan") if row is None else float(scores[row])

    @property
    def sentence(self) -> str:
        """The one sentence that the evidence allows on the best rule."""
        return sentence(self._verdict)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Notes for the reader, a sentence each."""
        return tuple(self._notes())

    def _notes(self) -> list[str]:
        judged = self._judged
        notes = []
        late = int(self._traded.summary.is_late.sum())
        if late:
            notes.append(
                f"{count(late, 'rule')} used a fact that was not yet known, could not "
                f"be traded, and {'is' if late == 1 else 'are'} not among them."
            )
        if 0 < len(self._dates) < FEW_DATES:
            notes.append(
                f"Fewer than {FEW_DATES} announcement dates: no error can be trusted."
            )
        few = int(((judged.n_blocks < FEWEST_BLOCKS) & (judged.n_events > 0)).sum())
        if few and judged.how != "nothing":
            notes.append(
                f"{count(few, 'rule')} with events in fewer than {FEWEST_BLOCKS} "
                f"blocks can show nothing, and {'is' if few == 1 else 'are'} not "
                f"judged."
            )
        blocks = f"{count(self.n_blocks, 'block')} of {self.block_sessions} sessions"
        if judged.how == "pairs":
            notes.append(
                f"Decided by drawing {blocks}, studentised in each draw; flipped signs "
                f"of the same blocks stand beside it."
            )
        if judged.how == "flips":
            notes.append(
                f"Decided by flipping the signs of {blocks}: drawing fewer than "
                f"{FEWEST_FOR_PAIRS} has no power."
            )
            if self._is_skewed_away:
                notes.append(
                    "Sums by date are skewed against what is claimed: flips reject "
                    "about 12 % of true nulls at 5 % then, and up to 24 % where each "
                    "date has one change."
                )
        return notes

    @property
    def _is_skewed_away(self) -> bool:
        """Whether sums by date have a long tail on the side that is not claimed."""
        skew = self._judged.skew[~np.isnan(self._judged.skew)]
        against = {"greater": -skew, "less": skew, "two-sided": np.abs(skew)}
        return bool((against[self.alternative] > SKEWED).any())

    @cached_property
    def _dates(self) -> IntVector:
        """Events of all rules together on each date that has any."""
        by_event = self._traded.by_event
        judged = np.flatnonzero(by_event.judged).tolist()
        days = np.array([by_event.events[event].date for event in judged])
        return np.unique(days, return_counts=True)[1]

    @cached_property
    def _verdict(self) -> Verdict:
        row, judged = self._best_row, self._judged
        decides = {"pairs": judged.p_family, "flips": judged.p_family_flips}

        def at(values: FloatVector | None) -> float:
            return float("nan") if row is None or values is None else float(values[row])

        return Verdict(
            n_rules=int((judged.n_events > 0).sum()),
            n_claimed=int(judged.claimed(self.alpha).sum()),
            n_events=int(self._dates.sum()),
            n_dates=len(self._dates),
            n_effective_dates=effective_number(self._dates),
            legs=self._legs(),
            rule="" if self.best is None else " to ".join(self.best),
            mean_bps=at(judged.mean) / BPS,
            low_bps=at(judged.low) / BPS,
            high_bps=at(judged.high) / BPS,
            p=at(decides.get(judged.how)),
            detectable_bps=at(judged.detectable_family) / BPS,
            alternative=self.alternative,
            n_blocks=self.n_blocks,
            fewest_blocks=FEWEST_BLOCKS,
            alpha=self.alpha,
        )

    def _legs(self) -> str:
        """Return how many changes were traded, in words."""
        nouns = {"additions": "addition", "deletions": "deletion"}
        side = str(self._traded.arguments.side)
        return count(int(self._traded.by_event.n_legs.sum()), nouns.get(side, "change"))

    def plot(self) -> Any:
        """Return the surface, coloured where a rule is claimed, as a plotly figure."""
        from lakebt.report.charts import claims_figure  # noqa: PLC0415 - plotly is slow

        return claims_figure(self.table(), alpha=self.alpha)

    def plot_null(self) -> Any:
        """Return the distribution of the best score by chance as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            Where too few blocks allow no verdict.
        """
        from lakebt.report.charts import null_figure  # noqa: PLC0415 - plotly is slow

        return null_figure(
            self.null,
            observed=self.observed,
            critical=self.critical,
            rule="" if self.best is None else " to ".join(self.best),
            n_rules=self._verdict.n_rules,
        )

    @as_words
    def __repr__(self) -> str:
        return f"Significance({self.sentence})"

    def _repr_html_(self) -> str:
        notes = " ".join(self.notes)
        return (
            f"<div><p>{html.escape(self.sentence)}</p>"
            f'<p style="font-size:12px;opacity:.75">{html.escape(notes)}</p></div>'
        )
