"""Which holding of an N-PORT document its ticker belongs to.

Filers give a right, a warrant or a bond the ticker of the share that it is about. They
are other securities, with other prices, so the ticker stays with the share.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class Claim(enum.IntEnum):
    """How good a claim a holding has to the ticker that is written beside it."""

    SHARE = 0
    OTHER_SHARE = 1
    """Its own if no plain share has it: a unit, a preferred share, an ADR."""

    NONE = 2
    """It is about a share, and none: a right, a warrant, an option, a bond."""


_NO_SHARE = ("D", "LON", "ABS", "RA", "SN")
"""How the filers' categories of derivatives, debt, loans and notes begin."""

_ABOUT = re.compile(
    r"\b(rights?|rts|warrants?|wts|wrts?|options?|contingent value|escrow)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(units?|cvr|preferred|preference|pfd|prf|adr|ads|gdr|depositary|"
    r"when.issued|wi|convertible|conv)\b",
    re.IGNORECASE,
)


def claim_of(category: str, title: str, *, derives: bool, units: str) -> Claim:
    """Return what claim a holding has to its ticker.

    Parameters
    ----------
    category
        Of the asset, as N-PORT codes it; empty if it says none.
    title
        Of the issue.
    derives
        Whether the filer tells what it is derived from.
    units
        What its balance counts; ``"NS"`` for shares.

    Examples
    --------
    >>> claim_of("EC", "Acme Corp", derives=False, units="NS").name
    'SHARE'
    >>> claim_of("EC", "Acme Corp Rights", derives=False, units="NS").name
    'NONE'
    """
    if units != "NS" or derives or category.startswith(_NO_SHARE):
        return Claim.NONE
    if _ABOUT.search(title):
        return Claim.NONE
    is_other = category == "EP" or _OTHER.search(title)
    return Claim.OTHER_SHARE if is_other else Claim.SHARE


def tickers_of(rows: pd.DataFrame) -> dict[str, str]:
    """Return the ticker of each ISIN that has one for its own.

    Parameters
    ----------
    rows
        With isin, ticker and claim. A ticker that two have an equally good claim to, as
        two classes of a company's shares have, belongs to none.
    """
    claiming = rows[rows["ticker"].notna() & (rows["claim"] < Claim.NONE)]
    best = claiming.groupby("ticker")["claim"].transform("min")
    first = claiming[claiming["claim"] == best]
    owners = first.groupby("ticker")["isin"].nunique()
    own = first[first["ticker"].map(owners) == 1]
    return dict(zip(own["isin"], own["ticker"], strict=True))
