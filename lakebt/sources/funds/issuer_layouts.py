"""How each issuer writes its holdings: the columns, the day, the fund."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One issuer's layout of holdings.

    Attributes
    ----------
    name
        Of the format.
    what
        What such a file is, with an article.
    columns
        The file's names of a column, in small letters, by lakebt's.
    needs
        Columns, as lakebt calls them, that the header must have.
    has_end
        Whether a blank line, with or without notes after it, ends the holdings.
    fund
        What tells the fund's ticker in the lines before the header.
    """

    name: str
    what: str
    columns: Mapping[str, tuple[str, ...]]
    needs: tuple[str, ...]
    has_end: bool = True
    fund: re.Pattern[str] | None = None


ISHARES = Layout(
    name="ishares",
    what="a holdings file of iShares",
    columns={
        "ticker": ("ticker",),
        "name": ("name",),
        "kind": ("asset class",),
        "value_usd": ("market value",),
        "weight_pct": ("weight (%)",),
        "balance": ("shares", "quantity"),
        "country": ("location",),
        "isin": ("isin",),
        "cusip": ("cusip",),
    },
    needs=("ticker", "name", "kind", "weight_pct"),
)

SPDR = Layout(
    name="spdr",
    what="a holdings file of State Street's SPDR funds",
    columns={
        "name": ("name",),
        "ticker": ("ticker",),
        "cusip": ("identifier",),
        "weight_pct": ("weight",),
        "balance": ("shares held", "par value"),
        "value_usd": ("market value",),
        "sedol": ("sedol",),
    },
    needs=("name", "cusip", "sedol", "weight_pct"),
    fund=re.compile(r"ticker(?: symbol)?:?\n([A-Z]{1,6})\b", re.IGNORECASE),
)

INVESCO = Layout(
    name="invesco",
    what="a holdings file of Invesco",
    columns={
        "fund": ("fund ticker",),
        "cusip": ("security identifier",),
        "ticker": ("holding ticker", "holdings ticker"),
        "name": ("name",),
        "kind": ("class of shares", "sector"),
        "balance": ("shares/par value", "shares/par"),
        "value_usd": ("marketvalue", "market value"),
        "weight_pct": ("weight", "percentageoffund"),
        "date": ("date", "positiondate"),
    },
    needs=("fund", "ticker", "name", "weight_pct"),
    has_end=False,
)

VANGUARD = Layout(
    name="vanguard",
    what="a holdings file of Vanguard",
    columns={
        "sedol": ("sedol",),
        "name": ("holdings", "holding name"),
        "ticker": ("ticker",),
        "weight_pct": ("% of funds*", "% of fund*", "% of funds", "% of fund"),
        "value_usd": ("market value*", "market value"),
        "balance": ("shares",),
        "country": ("country",),
        "isin": ("isin",),
        "cusip": ("cusip",),
    },
    needs=("sedol", "name", "ticker", "weight_pct"),
    fund=re.compile(r"\(([A-Z]{2,6})\)"),
)

LAYOUTS = (ISHARES, SPDR, INVESCO, VANGUARD)

_MONTHS = {
    month: number
    for number, month in enumerate(
        [
            *("jan", "feb", "mar", "apr", "may", "jun"),
            *("jul", "aug", "sep", "oct", "nov", "dec"),
        ],
        start=1,
    )
}
"""As issuers write them, whatever the language of this machine."""

_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_AMERICAN = re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)")
_NAMED = re.compile(r"(?<!\d)(\d{1,2})[-/ ]([A-Za-z]{3})[a-z]*[-/ ](\d{4})(?!\d)")
_SPELLED = re.compile(r"\b([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})(?!\d)")


def day_in_text(text: str) -> str | None:
    """Return the first day in a text as ISO 8601, None if there is none.

    A day of numbers alone is American, month first, as these issuers write it.

    Examples
    --------
    >>> [day_in_text(each) for each in ("Mar 24, 2023", "As of 12-Sep-2026")]
    ['2023-03-24', '2026-09-12']
    >>> day_in_text("as of 09/30/2020"), day_in_text("IVV_2023-03-24.csv")
    ('2020-09-30', '2023-03-24')
    """
    if match := _ISO.search(text):
        return match[0]
    if match := _AMERICAN.search(text):
        return f"{match[3]}-{int(match[1]):02}-{int(match[2]):02}"
    if (match := _NAMED.search(text)) and match[2].casefold() in _MONTHS:
        return f"{match[3]}-{_MONTHS[match[2].casefold()]:02}-{int(match[1]):02}"
    if (match := _SPELLED.search(text)) and match[1].casefold() in _MONTHS:
        return f"{match[3]}-{_MONTHS[match[1].casefold()]:02}-{int(match[2]):02}"
    return None
