"""The stability of a rule: by time, cause and stock, and without each date."""

from __future__ import annotations

import datetime as dt
import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt._messages import as_words
from lakebt.analysis.means import Means, grouped_means, without_each_date
from lakebt.backtest.costs import BPS
from lakebt.errors import UnknownNameError
from lakebt.study.leg_returns import FEWEST_RETURNS, HeldLeg, held_legs
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt._typing import FloatVector, IntVector
    from lakebt.study.trading import TradedStudy


THIRDS = ("quiet", "middle", "loud")

_FIGURES = ("mean_bps", "se_bps", "t", "low_bps", "high_bps")


class Stability:
    """A rule in its parts; made by `lakebt.Result.stability`.

    All is of changes, each for itself: what a stock earned while the rule held it, over
    the hedge if the study has one, before costs; a deletion is sold short. So it is not
    of events, in which several changes share the capital.

    Every table has ``n_changes``, ``n_events``, ``n_dates``; ``mean_bps``, the mean of
    the changes in basis points, with its standard error ``se_bps``, clustered by
    announcement date (NaN with one date); ``t``, the one over the other, NaN where the
    error is zero or missing; and ``low_bps`` to ``high_bps``, the 95 % interval by the
    quantiles of t with ``n_dates - 1`` degrees of freedom.

    Attributes
    ----------
    entry, exit : str
        The rule.
    """

    def __init__(self, study: TradedStudy, *, entry: str, exit_: str) -> None:
        for kind, name, rules in (
            ("entry", entry, study.entries), ("exit", exit_, study.exits),
        ):  # fmt: skip
            if not isinstance(name, str):
                raise UnknownNameError(kind, str(name), [str(each) for each in rules])
        self.entry, self.exit = entry, exit_
        self._hedge = study.arguments.hedge
        self._is_point_in_time = study.is_point_in_time
        self._legs = held_legs(study, entry=entry, exit_=exit_)

    # --- the parts -------------------------------------------------------------------

    def whole(self) -> pd.DataFrame:
        """Return all changes together: a row, or none without a traded change."""
        return self._grouped("all", ["all changes"] * len(self._legs))

    def by_year(self) -> pd.DataFrame:
        """Return a row per year of the events' dates, as ``year``."""
        years = [leg.date.year for leg in self._legs]
        return self._grouped("year", years)

    def by_cause(self) -> pd.DataFrame:
        """Return a row per cause of the changes, as ``cause``, the commonest first."""
        groups = self._grouped("cause", [leg.cause for leg in self._legs])
        order = groups["n_changes"].to_numpy()
        return groups.iloc[np.argsort(-order, kind="stable")].reset_index(drop=True)

    def by_volatility(self) -> pd.DataFrame:
        """Return a row per third of the changes, from quiet stocks to loud ones.

        Volatility is the standard deviation of the stock's returns from close to close,
        over sessions AD-260 to AD-30, with at least 100 of them, each as it was known
        when the entry had to be sent. Changes without it are left out; of fewer than
        three there is no third.

        Returns
        -------
        DataFrame
            ``third``; ``volatility_bps``, the mean volatility of a session.
        """
        known = [leg for leg in self._legs if not np.isnan(leg.volatility)]
        if len(known) < len(THIRDS):
            known = []
        volatility = np.array([leg.volatility for leg in known])
        rank = np.argsort(np.argsort(volatility, kind="stable"), kind="stable")
        third = rank * len(THIRDS) // max(len(known), 1)
        groups = self._grouped("third", third.tolist(), legs=known)
        numbers = groups["third"].to_list()
        means = [volatility[third == number].mean() / BPS for number in numbers]
        groups["third"] = pd.Series([THIRDS[n] for n in numbers], dtype=object)
        groups.insert(1, "volatility_bps", np.array(means, dtype=np.float64))
        return groups

    def without_date(self) -> pd.DataFrame:
        """Return what is left without each announcement date, in the order of ``date``.

        ``n_left_out`` changes were of that date; all other figures are of the rest.
        Empty with fewer than two dates.
        """
        values, dates = self._values, self._dates
        left, means = without_each_date(values, date=dates)
        _, sizes = np.unique(dates, return_counts=True)
        events = {leg.event_id: leg.date.toordinal() for leg in self._legs}
        _, of_date = np.unique(list(events.values()), return_counts=True)
        sizes, of_date = sizes[: len(left)], of_date[: len(left)]
        days = pd.DatetimeIndex(
            [dt.date.fromordinal(day) for day in left.tolist()]
        ).as_unit("us")
        return pd.DataFrame(
            {
                "date": days,
                "n_left_out": sizes,
                "n_changes": len(values) - sizes,
                "n_events": len(events) - of_date,
                "n_dates": means.n_dates,
                **_figures(means),
            }
        )

    @property
    def dates_that_matter(self) -> tuple[dt.date, ...]:
        """The two dates without which t is lowest and highest, in this order.

        Where t is missing, the mean decides. Empty with fewer than two dates.
        """
        left = self.without_date()
        if left.empty:
            return ()
        by = left["mean_bps"] if left["t"].isna().any() else left["t"]
        places = int(by.to_numpy().argmin()), int(by.to_numpy().argmax())
        return tuple(left["date"].iloc[place].date() for place in places)

    def overnight(self) -> pd.DataFrame:
        """Return the changes with the overnight jump, and without it.

        The jump is the stretch from the close of AD to the next open. The second row is
        of the same changes with that stretch cut off, the hedge's too, where the rule
        holds it; ``n_held`` counts those. A change without a price there is in neither.
        """
        known = [leg for leg in self._legs if not np.isnan(leg.without_night)]
        rows = [
            self._grouped("part", [part] * len(known), legs=known, values=values)
            for part, values in (
                ("with the jump", [leg.earned for leg in known]),
                ("without the jump", [leg.without_night for leg in known]),
            )
        ]
        frame = pd.concat(rows, ignore_index=True)
        frame.insert(1, "n_held", sum(leg.held_night for leg in known))
        return frame

    def estimation(self) -> pd.DataFrame:
        """Return the changes with an estimation window, and those without.

        An event study leaves the second out: new listings and spin-offs. The window is
        that of `by_volatility`.
        """
        known = [
            "without a window" if np.isnan(leg.volatility) else "with a window"
            for leg in self._legs
        ]
        return self._grouped("part", known)

    def table(self) -> pd.DataFrame:
        """Return all parts one after another, without the dates left out.

        Returns
        -------
        DataFrame
            ``by``, what it was parted by, and ``part``; then the figures.
        """
        parts = {
            "all": self.whole(),
            "year": self.by_year(),
            "cause": self.by_cause(),
            "volatility": self.by_volatility(),
            "overnight": self.overnight(),
            "estimation": self.estimation(),
        }
        figures = ["n_changes", "n_events", "n_dates", *_FIGURES]
        frames = []
        for by, part in parts.items():
            frame = part[figures].copy()
            frame.insert(0, "part", part.iloc[:, 0].astype(str))
            frame.insert(0, "by", by)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    # --- in words --------------------------------------------------------------------

    def summary(self) -> str:
        """Return the findings in words."""
        whole = self.whole()
        if whole.empty:
            return f"{self.entry} to {self.exit} has no traded change."
        sentences = [self._whole_in_words(whole.iloc[0]), *self._dates_in_words()]
        by_year = self.by_year()
        if len(by_year) > 1:
            gained = int((by_year["mean_bps"] > 0.0).sum())
            years = count(len(by_year), "year")
            sentences.append(f"{count(gained)} of {years} gained on average.")
        thirds = self.by_volatility()
        if not thirds.empty:
            quiet, loud = thirds.iloc[0], thirds.iloc[-1]
            sentences.append(
                f"Stocks that were quiet before: {_mean(quiet)}; loud ones: "
                f"{_mean(loud)}."
            )
        night = self.overnight()
        if len(night) and night["n_held"].iloc[0]:
            full, cut = night.iloc[0], night.iloc[1]
            sentences.append(
                f"With the night after the announcement: {_mean(full)}; without it: "
                f"{_mean(cut)}."
            )
        window = self.estimation()
        if len(window) > 1:
            has, lacks = window.iloc[0], window.iloc[1]
            sentences.append(
                f"With {count(FEWEST_RETURNS)} returns or more before it: "
                f"{_mean(has)}; with fewer, or none: {_mean(lacks)}."
            )
        if not self._is_point_in_time:
            sentences.append("Not point in time: nobody could earn this.")
        return " ".join(sentences)

    def _whole_in_words(self, row: Any) -> str:
        over = f" over {self._hedge}" if self._hedge else ""
        dates = count(row["n_dates"], "announcement date")
        text = (
            f"{self.entry} to {self.exit}: {count(row['n_changes'], 'change')} on "
            f"{dates} made {_bps(row['mean_bps'])} bp each{over}, before costs"
        )
        if np.isnan(row["se_bps"]):
            return f"{text}; one date has no error."
        low, high = _bps(row["low_bps"]), _bps(row["high_bps"])
        return f"{text} (95 % {low} to {high})."

    def _dates_in_words(self) -> list[str]:
        left = self.without_date()
        if len(left) < 3:
            return []
        low, high = self.dates_that_matter
        rows = left.set_index(left["date"].dt.date)
        has_t = not left["t"].isna().any()
        figure = [
            f"t {rows['t'][day]:+.2f}" if has_t else f"{_bps(rows['mean_bps'][day])} bp"
            for day in (low, high)
        ]
        return [f"{figure[0]} without {low}, {figure[1]} without {high}."]

    def plot(self) -> Any:
        """Return the mean without each announcement date as a plotly figure.

        Raises
        ------
        InvalidArgumentError
            With fewer than three dates.
        """
        from lakebt.report.charts import left_out_figure  # noqa: PLC0415 - plotly is slow

        whole = self.whole()
        return left_out_figure(
            self.without_date(),
            mean_bps=float(whole["mean_bps"].iloc[0]) if len(whole) else float("nan"),
            rule=(self.entry, self.exit),
        )

    @as_words
    def __repr__(self) -> str:
        return f"Stability({self.summary()})"

    def _repr_html_(self) -> str:
        shown = self.table().to_html(
            index=False, float_format="{:,.2f}".format, border=0, escape=True
        )
        return f"<div><p>{html.escape(self.summary())}</p>{shown}</div>"

    # --- from legs to figures --------------------------------------------------------

    @cached_property
    def _values(self) -> FloatVector:
        return np.array([leg.earned for leg in self._legs], dtype=np.float64)

    @cached_property
    def _dates(self) -> IntVector:
        return _days(self._legs)

    def _grouped(
        self,
        name: str,
        groups: Sequence[Any],
        *,
        legs: Sequence[HeldLeg] | None = None,
        values: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Return a row per group of changes, in the order of their names."""
        legs = self._legs if legs is None else legs
        if values is None:
            values = [leg.earned for leg in legs]
        named, group = np.unique(np.array(groups, dtype=object), return_inverse=True)
        earned = np.array(values, dtype=np.float64)
        means = grouped_means(earned, group=group, date=_days(legs))
        events: list[set[str]] = [set() for _ in named]
        for number, leg in zip(group.tolist(), legs, strict=True):
            events[number].add(leg.event_id)
        return pd.DataFrame(
            {
                name: named,
                "n_changes": np.bincount(group, minlength=len(named)),
                "n_events": np.array([len(each) for each in events], dtype=np.int64),
                "n_dates": means.n_dates,
                **_figures(means),
            }
        ).infer_objects()


def _days(legs: Sequence[HeldLeg]) -> IntVector:
    return np.array([leg.date.toordinal() for leg in legs], dtype=np.int64)


def _figures(means: Means) -> dict[str, FloatVector]:
    mean, half = means.mean / BPS, means.half_width / BPS
    columns = (mean, means.error / BPS, means.t, mean - half, mean + half)
    return dict(zip(_FIGURES, columns, strict=True))


def _bps(value: float) -> str:
    return f"{value:+z,.{0 if abs(value) >= 9.95 else 1}f}"


def _mean(row: Any) -> str:
    n = count(row["n_changes"], "change")
    return f"{_bps(row['mean_bps'])} bp ({n})"
