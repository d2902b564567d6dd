"""Why a cell has no number: the reasons in their order, and how each is written."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Reason(enum.StrEnum):
    """Why a cell is empty; where several apply, the first in this order counts."""

    NO_ANCHOR = "no_anchor"
    NO_SESSION = "no_session"
    LOOK_AHEAD = "look_ahead"
    EXIT_BEFORE_ENTRY = "exit_before_entry"
    NO_PRICE = "no_price"
    ONE_SIDED = "one_sided"
    RUINED = "ruined"
    # A cell that is untradeable for one of these is not checked for ruin.
    NO_VOLUME = "no_volume"
    TOO_LARGE = "too_large"
    NO_BORROW = "no_borrow"

    @property
    def code(self) -> int:
        """The reason in a column of numbers, where 0 is a cell that is not empty."""
        return _CODES[self]

    @classmethod
    def of_code(cls, code: int) -> Reason:
        """Return the reason of a code greater than 0."""
        return REASONS[code - 1]

    @property
    def is_refusal(self) -> bool:
        """Whether a fact was not yet known; the others could not be filled."""
        return self in {Reason.NO_ANCHOR, Reason.LOOK_AHEAD}


REASONS = tuple(Reason)
"""Every reason, in order."""

_CODES = {reason: code for code, reason in enumerate(REASONS, 1)}

TOO_FEW = "too_few_returns"
"""Why a cell without a Sharpe ratio is shown empty although its events were traded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonText:
    """How a reason is written.

    Attributes
    ----------
    counted
        After a number of events.
    label
        In two or three words.
    meaning
        As the end of a sentence.
    cure
        What to do, as an imperative.
    mark
        In a cell on the terminal.
    hatch
        Of a cell in a chart, as plotly names it: they differ in print, without colour.
        Plotly has seven; what lacks a market is hatched as what lacks a price.
    """

    counted: str
    label: str
    meaning: str
    cure: str
    mark: str
    hatch: str


TEXTS: dict[str, ReasonText] = {
    Reason.NO_ANCHOR: ReasonText(
        counted="without the date a rule counts from",
        label="no such date",
        meaning="the date the rule counts from is not there",
        cure="choose a rule that counts from another date",
        mark="-",
        hatch="\\",
    ),
    Reason.NO_SESSION: ReasonText(
        counted="on a day without a session",
        label="no such session",
        meaning="the rule names a day that is not a session",
        cure="choose a session the exchange is open on",
        mark="o",
        hatch="|",
    ),
    Reason.LOOK_AHEAD: ReasonText(
        counted="looking ahead",
        label="not yet known",
        meaning="needs a fact that was not yet known",
        cure="choose a later entry",
        mark="·",
        hatch="/",
    ),
    Reason.EXIT_BEFORE_ENTRY: ReasonText(
        counted="leaving before entering",
        label="exit before entry",
        meaning="the exit does not follow the entry",
        cure="choose other rules",
        mark="<",
        hatch="-",
    ),
    Reason.NO_PRICE: ReasonText(
        counted="without prices",
        label="no price",
        meaning="a leg has no price to trade at",
        cure='publish the prices, or pass missing="drop_leg"',
        mark="x",
        hatch="x",
    ),
    Reason.ONE_SIDED: ReasonText(
        counted="one-sided",
        label="one side only",
        meaning="the event has only one side, and no hedge",
        cure='pass hedge="SPY", or trade one side alone',
        mark="/",
        hatch="+",
    ),
    Reason.RUINED: ReasonText(
        counted="ruined",
        label="ruined",
        meaning="the equity reached zero",
        cure="lower gross",
        mark="!",
        hatch=".",
    ),
    Reason.NO_VOLUME: ReasonText(
        counted="without a known volume",
        label="no volume",
        meaning="what was traded before is not known, and impact depends on it",
        cure="publish the volumes, or pass costs without impact and max_participation",
        mark="v",
        hatch="x",
    ),
    Reason.TOO_LARGE: ReasonText(
        counted="too large for the market",
        label="too large",
        meaning="an order is a larger part of the volume than max_participation",
        cure="lower capital_usd, or raise max_participation",
        mark="#",
        hatch="x",
    ),
    Reason.NO_BORROW: ReasonText(
        counted="without shares to borrow",
        label="no borrow",
        meaning="a short's shares could not be borrowed, as known before the entry",
        cure="trade the other side alone, or hedge with another symbol",
        mark="b",
        hatch="x",
    ),
    TOO_FEW: ReasonText(
        counted="with too few returns",
        label="too few returns",
        meaning="fewer than two daily returns",
        cure="study more events",
        mark="?",
        hatch="/",
    ),
}
"""How each reason is written, in the order in which they apply."""


def text_of(reason: str) -> ReasonText:
    """Return how a reason is written; an unknown one is shown as it is.

    Examples
    --------
    >>> text_of("look_ahead").label, text_of("quarantined").label
    ('not yet known', 'quarantined')
    """
    unknown = ReasonText(
        counted=reason, label=reason, meaning=reason, cure="", mark="·", hatch="/"
    )
    return TEXTS.get(reason, unknown)


def order_of(reason: str) -> int:
    """Return where a reason stands among all; unknown ones come last."""
    order = list(TEXTS)
    return order.index(reason) if reason in order else len(order)
