"""`Terms`: the arguments of a strategy's backtest."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lakebt.backtest.costs import CostModel, parse_costs
from lakebt.events.clock import lead_text, parse_lead
from lakebt.inputs.checks import check_positive, check_return, one_of
from lakebt.inputs.roles import (
    ArgumentList,
    Decides,
    an_option_each,
    argument,
    written_by,
)
from lakebt.instants import parse_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakebt.sessions import At

PERIODS: dict[str, Callable[[dt.date], Any]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day.isocalendar()[:2],
    "monthly": lambda day: (day.year, day.month),
}
"""How often a strategy decides: on the first session whose period is another one."""

UNLIMITED = 1e9
"""`max_gross` of a trial that is run again: it refused nothing when it was run."""


@dataclass(frozen=True, kw_only=True)
class Terms(ArgumentList):
    """The arguments of a strategy's backtest, other than its view and the strategy.

    The fields are the arguments of `lakebt.Backtest`, in the order in which they are
    written.
    """

    start: dt.date = argument(Decides.ORDERS, plain=str)
    end: dt.date = argument(Decides.ORDERS, plain=str)
    rebalance: str = argument(Decides.ORDERS, default="monthly")
    fill: At = argument(Decides.ORDERS, default="open")
    max_gross: float = argument(Decides.REFUSAL, default=2.0)
    capital_usd: float = argument(Decides.LEVEL, default=100_000.0)
    costs: CostModel = argument(
        Decides.LEVEL,
        default=CostModel(),
        plain=CostModel.plain,
        options=an_option_each,
    )
    min_lead: dt.timedelta = argument(
        Decides.ORDERS,
        default=dt.timedelta(minutes=10),
        plain=lead_text,
        options=written_by(lead_text),
    )
    delisting_return: float | None = argument(Decides.ORDERS, default=None)

    @classmethod
    def parse(
        cls,
        *,
        start: str | dt.date,
        end: str | dt.date,
        rebalance: str = "monthly",
        fill: str = "open",
        costs: CostModel | None = None,
        max_gross: float = 2.0,
        capital_usd: float = 100_000.0,
        min_lead: str | dt.timedelta = "10min",
        delisting_return: float | None = None,
    ) -> Terms:
        """Return a user's terms, checked.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used; the message names it and the cure.
        UnknownNameError
            If a word is unknown.
        """
        return cls(
            start=parse_date(start, what="start"),
            end=parse_date(end, what="end"),
            rebalance=one_of(rebalance, PERIODS, what="rebalance"),
            fill=cast("At", one_of(fill, ("open", "close"), what="fill")),
            max_gross=check_positive("max_gross", max_gross),
            capital_usd=check_positive("capital_usd", capital_usd),
            costs=parse_costs(costs),
            min_lead=parse_lead(min_lead),
            delisting_return=check_return("delisting_return", delisting_return),
        )

    @classmethod
    def read(cls, rule: Mapping[str, Any], costs: Mapping[str, Any]) -> Terms:
        """Return the terms of a recorded rule; what only refuses is let through."""
        plain = {
            name: rule[name] for name in cls.names(~Decides.REFUSAL) if name in rule
        }
        return cls.parse(**plain, costs=CostModel(**costs), max_gross=UNLIMITED)

    def rule(self) -> dict[str, Any]:
        """Return the part of a trial's rule that the terms are: all but the costs.

        Without a `delisting_return` it is that of a run before there was one.
        """
        rule = {name: value for name, value in self.plain().items() if name != "costs"}
        if self.delisting_return is None:
            del rule["delisting_return"]
        return rule
