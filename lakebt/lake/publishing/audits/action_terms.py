"""What a corporate action must say by itself: terms, days and ratios.

And what rows of `instruments` and of `borrow` must satisfy one by one. Rows that take a
fact back need only say which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakebt.lake.tables.arrow import column, pc, truth
from lakebt.lake.tables.rows import flags, integers
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakebt._typing import FloatVector, IntVector
    from lakebt.lake.publishing.audits.finding import Finding, Handed, Severity
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.sessions import Sessions


_MOST_PARTS = 20
"""The denominators of ratios that are meant: no split is of 21 shares into any."""

_ROUNDED, _SAME = 2e-6, 1e-14
"""How far from such a fraction a ratio is that was rounded, and that is the fraction:
7.00000700001 is off by 1e-6, and 0.1428572 by 4e-7."""

_NEEDS = {
    ActionKind.SPLIT: ("ratio",),
    ActionKind.CASH_DIVIDEND: ("cash",),
    ActionKind.SPIN_OFF: ("ratio", "other"),
    ActionKind.RENAME: ("other",),
    ActionKind.MERGER: (),
    ActionKind.DELISTING: (),
}
_MAY_HAVE = {
    ActionKind.MERGER: ("cash", "ratio", "other"),
    ActionKind.DELISTING: ("cash",),
}
_TERMS = ("cash", "ratio", "other")
_CURE = (
    "A split needs ratio, a cash_dividend cash, a spin_off ratio and other, a rename "
    "other, a merger cash, or ratio and other, or all three; a delisting may have "
    "cash; leave the rest empty"
)


def audit_terms(handed: Handed) -> Iterator[Finding]:
    """Give actions whose terms are none: that are short of some, or have too many."""
    rows = handed.rows
    counts = ~flags(rows, "retracted")
    for name in ("cash", "ratio"):
        number = column(rows, name).to_numpy(zero_copy_only=False)
        is_bad = ~np.isnan(number) & ~((number > 0) & (number < np.inf))
        yield from handed.where(
            "terms",
            is_bad & counts,
            f"a {name} that is not positive and finite",
            shown=("kind", name),
            cure="Leave it empty where there is none",
        )
    there = {name: truth(column(rows, name).is_valid()) for name in (*_TERMS, "symbol")}
    kind = column(rows, "kind")
    for each in ActionKind:
        of_kind = truth(pc.equal(kind, each.value)) & counts
        needed = _NEEDS[each]
        allowed = (*needed, *_MAY_HAVE.get(each, ()))
        lacks = np.zeros(len(rows), dtype=bool)
        for name in needed:
            lacks |= ~there[name]
        if each is ActionKind.MERGER:
            lacks |= ~there["cash"] & ~there["ratio"]
            lacks |= there["ratio"] & ~there["other"]
        yield from handed.where(
            "terms",
            of_kind & lacks,
            f"too little for a {each.value}",
            shown=_TERMS,
            cure=_CURE,
        )
        too_much = np.zeros(len(rows), dtype=bool)
        for name in _TERMS:
            too_much |= there[name] & (name not in allowed)
        if each is ActionKind.MERGER:
            too_much |= there["other"] & ~there["ratio"] & ~there["cash"]
        yield from handed.where(
            "terms",
            of_kind & too_much & ~lacks,
            f"more than a {each.value} has",
            shown=_TERMS,
            cure=_CURE,
        )
    itself = truth(pc.equal(column(rows, "symbol"), column(rows, "other")))
    yield from handed.where(
        "itself",
        itself & counts,
        "an other that is the symbol itself",
        shown=("kind", "other"),
        cure="`other` is whose shares the holder gets",
    )


def audit_ex_dates(
    handed: Handed, sessions: Sessions, announced: IntVector
) -> Iterator[Finding]:
    """Give actions whose `ex_date` is no session, or precedes the announcement.

    Parameters
    ----------
    handed
    sessions
        The exchange's calendar.
    announced : ndarray of shape (n_rows,)
        The day of each announcement where the exchange is, in days since 1970; the
        least integer where there is none.
    """
    days = integers(handed.rows, "ex_date")
    counts = ~flags(handed.rows, "retracted")
    yield from handed.where(
        "no_session",
        (sessions.numbers(days.astype("datetime64[D]")) < 0) & counts,
        f"an ex_date without a session of {sessions.exchange} "
        f"(whose calendar runs from {sessions.days[0]} to {sessions.days[-1]})",
        shown=("ex_date",),
        cure=(
            "It is the first session without the entitlement, not the record, pay or "
            "distribution date"
        ),
    )
    yield from handed.where(
        "ex_date",
        (days < announced) & counts,
        "an ex_date before announced",
        shown=("announced", "ex_date"),
        cure="Correct the dates",
    )


def audit_ratios(
    handed: Handed, severity: Callable[[str], Severity]
) -> Iterator[Finding]:
    """Give ratios that were rounded: near a fraction of small numbers, and not it."""
    ratio = column(handed.rows, "ratio").to_numpy(zero_copy_only=False)
    nearest, parts = _nearest(ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(ratio / nearest - 1.0)
    rounded = (off < _ROUNDED) & (off > _SAME)
    which = np.flatnonzero(rounded)
    if not len(which):
        return
    first = which[0]
    of = parts[first]
    meant = f"{nearest[first] * of:.0f}" + (f"/{of:.0f}" if of > 1 else "")
    yield from handed.where(
        "ratios",
        rounded,
        "a ratio that was rounded",
        shown=("ratio",),
        cure=f"Give what is meant, {meant} in the first: fractions are read",
        severity=severity("ratios"),
    )


def _nearest(ratio: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Return the nearest fraction of small numbers to each ratio, and its parts."""
    best = np.full(len(ratio), np.nan)
    parts = np.ones(len(ratio))
    off = np.full(len(ratio), np.inf)
    for of in range(1, _MOST_PARTS + 1):
        near = np.round(ratio * of) / of
        with np.errstate(invalid="ignore"):
            is_nearer = (near > 0) & (np.abs(near - ratio) < off)
        best[is_nearer], parts[is_nearer] = near[is_nearer], of
        off[is_nearer] = np.abs(near - ratio)[is_nearer]
    return best, parts


def audit_validity(handed: Handed) -> Iterator[Finding]:
    """Give identifiers that end before they begin."""
    rows = handed.rows
    ends = column(rows, "valid_to")
    early = truth(pc.less(ends, column(rows, "valid_from")))
    yield from handed.where(
        "valid_to",
        early & ~flags(rows, "retracted"),
        "valid_to before valid_from",
        shown=("valid_to",),
        cure="It is the last day on which the identifier was valid",
    )


def audit_rates(handed: Handed, sessions: Sessions) -> Iterator[Finding]:
    """Give borrow rates that are none, or of a day without a session."""
    rate = column(handed.rows, "rate_bps_per_year").to_numpy(zero_copy_only=False)
    is_rate: BoolVector = (rate >= 0) & (rate < np.inf)
    yield from handed.where(
        "rates",
        ~is_rate & ~np.isnan(rate),
        "a rate that is negative or infinite",
        shown=("rate_bps_per_year",),
        cure="It is what borrowing the shares costs, in basis points per year",
    )
    days = integers(handed.rows, "session").astype("datetime64[D]")
    yield from handed.where(
        "no_session",
        sessions.numbers(days) < 0,
        f"a rate on a day without a session of {sessions.exchange} "
        f"(whose calendar runs from {sessions.days[0]} to {sessions.days[-1]})",
        cure="Leave them out",
    )
