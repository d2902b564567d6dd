"""What a portfolio came to: its statistics, and its tables by year and month."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakebt.analysis.performance.definitions import (
    OF_BENCHMARK,
    OF_HELD,
    OF_RETURNS,
    Definition,
)
from lakebt.analysis.performance.drawdown import below_highest, falls
from lakebt.analysis.performance.measures import (
    deviation,
    growth,
    measures,
    measures_against,
    monthly,
    rolling,
)
from lakebt.analysis.sharpe import SESSIONS_PER_YEAR, sharpe_ratio
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from lakebt._typing import FloatVector, IntVector
    from lakebt.analysis.sharpe_definition import SharpeDefinition

_COLUMNS = ["value", "unit", "definition", "source", "when"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """What a portfolio held and traded.

    Attributes
    ----------
    exposure : Series
        By session of the returns, as a multiple of what the portfolio is worth.
    exposure_is, turnover_is
        What is counted, in words.
    turnover
        Bought and sold a year, as a multiple of what the portfolio is worth.
    """

    exposure: pd.Series[float]
    exposure_is: str
    turnover: float
    turnover_is: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Performance:
    """The returns of one portfolio, and what they came to.

    Attributes
    ----------
    returns : Series
        Daily net returns by session, as fractions.
    sharpe_se
        The standard error of their Sharpe ratio.
    definition : SharpeDefinition
        What that ratio is, and how its error was found.
    benchmark : Series, optional
        Returns of each of the same sessions, as fractions; its name is the benchmark's.
    held : Held, optional

    Raises
    ------
    InvalidArgumentError
        If the benchmark has no return of a session.
    """

    returns: pd.Series[float]
    sharpe_se: float
    definition: SharpeDefinition
    benchmark: pd.Series[float] | None = None
    held: Held | None = None
    _values: FloatVector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = np.asarray(self.returns, dtype=np.float64)
        object.__setattr__(self, "_values", values)
        if self.benchmark is not None:
            benchmark = aligned(self.benchmark, self.returns.index)
            object.__setattr__(self, "benchmark", benchmark)

    def numbers(self) -> dict[str, float]:
        """Return every number by its name, as `definitions` has them."""
        values = self._values
        numbers = measures(values, self._months)
        peak, trough, recovery = self._deepest()
        numbers["sharpe_se"] = self.sharpe_se
        numbers["drawdown_fall"] = float(trough - peak) if len(values) else float("nan")
        numbers["drawdown_length"] = (
            float(min(recovery, len(values) - 1) - peak)
            if len(values)
            else float("nan")
        )
        numbers["n_returns"] = float(len(values))
        if self.held is not None:
            exposure = self.held.exposure.to_numpy(dtype=np.float64)
            has = len(exposure) > 0
            numbers["turnover"] = self.held.turnover
            numbers["exposure"] = float(exposure.mean()) if has else float("nan")
            numbers["time_held"] = (
                float((exposure != 0.0).mean()) if has else float("nan")
            )
        if self.benchmark is not None:
            numbers |= measures_against(
                values, np.asarray(self.benchmark, dtype=np.float64)
            )
        return {name: numbers[name] for name in self._definitions()}

    def stats(self) -> pd.DataFrame:
        """Return a row per number.

        Returns
        -------
        DataFrame
            By ``statistic``: ``value``, NaN where there is none; its ``unit``,
            ``definition`` and ``source``; and ``when``, the session it is of, NaT where
            it is of all.
        """
        numbers, when = self.numbers(), self._when()
        rows = {
            name: (numbers[name], one.unit, one.definition, one.source, when.get(name))
            for name, one in self._definitions().items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS)
        frame["when"] = pd.to_datetime(frame["when"]).astype("datetime64[us]")
        return frame.rename_axis("statistic")

    def by_year(self) -> pd.DataFrame:
        """Return a row per calendar year that has a session.

        Returns
        -------
        DataFrame
            By ``year``: ``total_return``, ``max_drawdown`` (within the year),
            ``best_day`` and ``worst_day`` as fractions; ``volatility``, a year;
            ``sharpe``, NaN with fewer than two returns; ``n_returns``; and with a
            benchmark ``benchmark_return``. Parts of years are as they are.
        """
        rows = []
        for year, start, end in _runs(self._index.year.to_numpy()):
            values = self._values[start:end]
            row: dict[str, float] = {
                "year": year,
                "total_return": growth(values),
                "volatility": deviation(values) * float(np.sqrt(SESSIONS_PER_YEAR)),
                "sharpe": sharpe_ratio(values),
                "max_drawdown": float(below_highest(values).min()),
                "best_day": float(values.max()),
                "worst_day": float(values.min()),
                "n_returns": end - start,
            }
            if self.benchmark is not None:
                benchmark = np.asarray(self.benchmark, dtype=np.float64)[start:end]
                row["benchmark_return"] = growth(benchmark)
            rows.append(row)
        columns = [
            *("year", "total_return", "volatility", "sharpe", "max_drawdown"),
            *("best_day", "worst_day", "n_returns"),
            *(() if self.benchmark is None else ("benchmark_return",)),
        ]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"year": "int64", "n_returns": "int64"}).set_index("year")

    def by_month(self) -> pd.DataFrame:
        """Return the return of each month: years down; 1 to 12 and ``year`` across.

        Returns
        -------
        DataFrame
            Fractions, compounded; NaN without a session.
        """
        years = self.by_year()["total_return"]
        frame = pd.DataFrame(
            np.nan, index=years.index, columns=pd.Index([*range(1, 13), "year"])
        )
        if len(self._values):
            months = monthly(self._values, self._months)
            codes = np.unique(self._months)
            rows = np.searchsorted(years.index.to_numpy(), codes // 12)
            cells = frame.to_numpy(copy=True)
            cells[rows, codes % 12] = months
            frame.iloc[:, :] = cells
            frame["year"] = years
        return frame

    def drawdowns(self, most: int = 10) -> pd.DataFrame:
        """Return the deepest falls of equity, the deepest first.

        Parameters
        ----------
        most
            How many at most.

        Returns
        -------
        DataFrame
            ``depth`` as a fraction below 0; ``peak``, NaT if that is the start;
            ``trough``; ``recovery``, NaT if there is none yet; and the sessions
            ``n_fall``, from peak to trough, and ``n_sessions``, from peak to recovery,
            or to the end.
        """
        below = below_highest(self._values)
        peak, trough, recovery = falls(below)
        chosen = np.argsort(below[trough], kind="stable")[: max(most, 0)]
        peak, trough, recovery = peak[chosen], trough[chosen], recovery[chosen]
        last = len(below) - 1
        return pd.DataFrame(
            {
                "depth": below[trough],
                "peak": self._days(peak),
                "trough": self._days(trough),
                "recovery": self._days(recovery),
                "n_fall": trough - peak,
                "n_sessions": np.minimum(recovery, last) - peak,
            }
        )

    def curves(self, sessions: int = 126) -> pd.DataFrame:
        """Return what is drawn, by session.

        Parameters
        ----------
        sessions
            Of each window that rolls, at least 2.

        Returns
        -------
        DataFrame
            ``equity``, from 1 before the first session on; ``drawdown``, a fraction;
            ``rolling_sharpe`` and ``rolling_volatility``, a year, NaN before there are
            as many sessions; with a benchmark its ``benchmark`` equity, and what was
            held as ``exposure``.

        Raises
        ------
        InvalidArgumentError
            If `sessions` is no whole number of at least 2.
        """
        asked: object = sessions
        if not isinstance(asked, int) or isinstance(asked, bool) or asked < 2:
            msg = f"sessions must be a whole number of at least 2, was {asked!r}"
            raise InvalidArgumentError(msg)
        ratio, width = rolling(self._values, sessions)
        with np.errstate(over="ignore"):
            equity = np.cumprod(1.0 + self._values)
        columns = {
            "equity": equity,
            "drawdown": below_highest(self._values),
            "rolling_sharpe": ratio,
            "rolling_volatility": width,
        }
        if self.benchmark is not None:
            columns["benchmark"] = np.cumprod(1.0 + self.benchmark.to_numpy())
        if self.held is not None:
            columns["exposure"] = self.held.exposure.to_numpy()
        return pd.DataFrame(columns, index=self.returns.index)

    @property
    def _index(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.returns.index)

    @property
    def _months(self) -> IntVector:
        index = self._index
        return np.asarray(index.year * 12 + index.month - 1, dtype=np.int64)

    def _definitions(self) -> dict[str, Definition]:
        definitions = dict(OF_RETURNS)
        told, error = str(self.definition), self.definition.error
        definitions["sharpe"] = Definition(
            "ratio a year", told, definitions["sharpe"].source
        )
        definitions["sharpe_se"] = Definition(
            "ratio a year", "standard error of sharpe", error
        )
        if self.held is not None:
            words = {
                "turnover": self.held.turnover_is,
                "exposure": self.held.exposure_is,
            }
            definitions |= {
                name: Definition(one.unit, words.get(name, one.definition), one.source)
                for name, one in OF_HELD.items()
            }
        return definitions | (OF_BENCHMARK if self.benchmark is not None else {})

    def _deepest(self) -> tuple[int, int, int]:
        """Return peak, trough and recovery of the deepest fall; all alike if none."""
        below = below_highest(self._values)
        peak, trough, recovery = falls(below)
        if not len(trough):
            return -1, -1, -1
        row = int(below[trough].argmin())
        return int(peak[row]), int(trough[row]), int(recovery[row])

    def _when(self) -> dict[str, pd.Timestamp]:
        """Return the session of each number that has one."""
        values, index = self._values, self._index
        if not len(values):
            return {}
        months = monthly(values, self._months)
        ends = np.append(np.flatnonzero(np.diff(self._months)), len(values) - 1)
        peak, trough, recovery = self._deepest()
        places = {
            "best_day": int(values.argmax()),
            "worst_day": int(values.argmin()),
            "best_month": int(ends[months.argmax()]),
            "worst_month": int(ends[months.argmin()]),
            "max_drawdown": trough,
            "drawdown_fall": peak,
            "drawdown_length": recovery if trough >= 0 else -1,
        }
        return {
            name: index[place]
            for name, place in places.items()
            if 0 <= place < len(values)
        }

    def _days(self, places: IntVector) -> pd.DatetimeIndex:
        """Return sessions by their places; NaT before the first and after the last."""
        index = self._index
        inside = (places >= 0) & (places < len(index))
        if not len(index):
            return pd.DatetimeIndex([])
        return pd.DatetimeIndex(index[np.where(inside, places, 0)].where(inside))


def aligned(benchmark: pd.Series[float], index: pd.Index) -> pd.Series[float]:
    """Return a benchmark's returns of the sessions of an index.

    Raises
    ------
    InvalidArgumentError
        If it lacks one, or has one that is no number.
    """
    if not benchmark.index.is_unique:
        msg = "benchmark must have one return for each session, has some twice"
        raise InvalidArgumentError(msg)
    returns = benchmark.reindex(index)
    missing = np.flatnonzero(~np.isfinite(returns.to_numpy(dtype=np.float64)))
    if len(missing):
        msg = (
            f"benchmark {benchmark.name} has no return of "
            f"{str(index[missing[0]])[:10]} ({len(missing)} of {len(index)} sessions "
            f"missing): name another, or give one that has them all"
        )
        raise InvalidArgumentError(msg)
    return returns


def _runs(codes: IntVector) -> list[tuple[int, int, int]]:
    """Return each code with where it begins and ends."""
    if not len(codes):
        return []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    ends = np.append(starts[1:], len(codes))
    return [
        (int(codes[start]), int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
    ]
