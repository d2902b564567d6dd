"""The holding of an N-PORT document that a ticker belongs to.

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
    """The strength of a holding's claim to the ticker beside it."""

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


_FORM = re.compile(
    r"\b(inc|incorporated|corp|corporation|co|company|plc|ltd|limited|llc|lp|ag|sa|se|"
    r"nv|bv|spa|ab|asa|oyj|kgaa|gmbh|group|holdings?|trust|bank|bancorp|partners|"
    r"technolog(?:y|ies)|exchange)\b",
    re.IGNORECASE,
)
"""What the name of a company ends with, or nearly."""


def claim_of(
    category: str, title: str, *, derives: bool, units: str, name: str = ""
) -> Claim:
    """Return the claim of a holding to its ticker.

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
    name
        Of the issuer. A company may be called "Options Media Group", or "Global Rights
        Corp": what stands before its form, or first, is its own name.

    Examples
    --------
    >>> claim_of("EC", "Acme Corp", derives=False, units="NS").name
    'SHARE'
    >>> claim_of("EC", "Acme Corp Rights", derives=False, units="NS").name
    'NONE'
    >>> called = "Rights and Issues Trust PLC"
    >>> claim_of("EC", called, derives=False, units="NS", name=called).name
    'OTHER_SHARE'
    """
    if units != "NS" or derives or category.startswith(_NO_SHARE):
        return Claim.NONE
    if _ABOUT.search(_beyond(title, name)) or _is_after_form(name):
        return Claim.NONE
    both = f"{name} {title}"
    is_other = category == "EP" or _OTHER.search(both) or _ABOUT.search(both)
    return Claim.OTHER_SHARE if is_other else Claim.SHARE


def _beyond(title: str, name: str) -> str:
    """Return a title without the words that the issuer's name begins with, too."""
    words, own = title.split(), name.split()
    while words and own and words[0].casefold() == own[0].casefold():
        del words[0], own[0]
    return " ".join(words)


def _is_after_form(name: str) -> bool:
    """Return whether a name says what it is about behind the name of a company."""
    matches = list(_ABOUT.finditer(name))
    if not matches:
        return False
    return matches[-1].start() > 0 and not _FORM.search(name, matches[-1].end())


def tickers_of(rows: pd.DataFrame) -> dict[str, str]:
    """Return the ticker of each ISIN that has one of its own.

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
