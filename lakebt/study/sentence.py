"""The one sentence that a study's evidence allows on its best rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lakebt.report import words
from lakebt.values.text import count


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The data of the sentence.

    Attributes
    ----------
    n_rules
        Rules with a traded event.
    n_claimed
        Of these, how many are claimed.
    n_events, n_dates, n_effective_dates
        Of all rules together.
    legs
        Their changes in words, as "242 additions".
    rule
        The best, in words.
    mean_bps, low_bps, high_bps
        What the best made per event, and its 95 % interval; NaN without one.
    p
        Of the best among all rules; NaN where nothing can be shown.
    detectable_bps
        The effect that would have been found among all rules four times in five.
    alternative
        ``"greater"``, ``"less"`` or ``"two-sided"``.
    n_blocks, fewest_blocks
        Blocks of the calendar, and how many a verdict needs.
    alpha
        Level of the family.
    """

    n_rules: int
    n_claimed: int
    n_events: int
    n_dates: int
    n_effective_dates: float
    legs: str
    rule: str
    mean_bps: float
    low_bps: float
    high_bps: float
    p: float
    detectable_bps: float
    alternative: str
    n_blocks: int
    fewest_blocks: int
    alpha: float


_CLAIM = {
    "greater": ("earns money", "earn money"),
    "less": ("loses money", "lose money"),
    "two-sided": ("earns or loses money", "earn or lose money"),
}
"""What a rule does that is claimed, and what several do."""


def sentence(verdict: Verdict) -> str:
    """Return the sentence.

    A p-value never stands without the number of rules tried, and that nothing was found
    never without the effect that would have been.
    """
    if not verdict.n_rules:
        return "No rule has a traded event: nothing can be said."
    start = f"{_rules(verdict)} on {_events(verdict)}"
    if math.isnan(verdict.p):
        return f"{start} {_nothing_shown(verdict)}"
    one, several = _CLAIM[verdict.alternative]
    text = f"{_made(verdict)}, {_among(verdict)}"
    if verdict.n_claimed:
        does = one if verdict.n_claimed == 1 else several
        subject = "" if verdict.n_rules == 1 else f"{count(verdict.n_claimed)} "
        level = f"{100 * verdict.alpha:g} % for all of them together"
        return f"{start} {subject}{does} beyond chance, at {level}: {text}."
    subject = f"nothing shows that it {one}" if verdict.n_rules == 1 else f"none {one}"
    return f"{start} {subject} beyond chance: {text}. {_effect(verdict)}"


def _rules(verdict: Verdict) -> str:
    if verdict.n_rules == 1:
        return f"The one rule, {verdict.rule},"
    return f"Of {count(verdict.n_rules, 'rule')}"


def _events(verdict: Verdict) -> str:
    dates = count(verdict.n_dates, "announcement date")
    equal = round(verdict.n_effective_dates)
    worth = f", worth {count(equal)} equal {'one' if equal == 1 else 'ones'}"
    return (
        f"{count(verdict.n_events, 'event')} ({verdict.legs}, {dates}"
        f"{worth if verdict.n_dates > 1 else ''})"
    )


def _made(verdict: Verdict) -> str:
    who = "it" if verdict.n_rules == 1 else f"the best, {verdict.rule},"
    clause = f"{who} made {_bp(verdict.mean_bps)} bp an event"
    if math.isnan(verdict.low_bps):
        return clause
    return f"{clause} (95 % {verdict.low_bps:+z,.0f} to {verdict.high_bps:+z,.0f})"


def _among(verdict: Verdict) -> str:
    among = (
        "of the one tried"
        if verdict.n_rules == 1
        else f"among the {count(verdict.n_rules)}"
    )
    p = words.p_value(verdict.p)
    return f"p {p if p.startswith('<') else f'= {p}'} {among}"


def _effect(verdict: Verdict) -> str:
    if math.isnan(verdict.detectable_bps):
        return "No effect, of whatever size, could have been found."
    size = f"{verdict.detectable_bps:,.{_digits(verdict.detectable_bps)}f}"
    return f"An effect of {size} bp would have been found four times in five."


def _nothing_shown(verdict: Verdict) -> str:
    blocks = count(verdict.n_blocks, "block")
    return (
        f"nothing can be shown: {_made(verdict)}, but the dates lie in {blocks} of the "
        f"calendar, and fewer than {verdict.fewest_blocks} allow no verdict, whatever "
        f"the effect."
    )


def _digits(bps: float) -> int:
    return 0 if abs(bps) >= 9.95 else 1


def _bp(bps: float) -> str:
    return f"{bps:+z,.{_digits(bps)}f}"
