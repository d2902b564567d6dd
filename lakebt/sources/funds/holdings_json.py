"""Holdings in the JSON of Invesco's and Vanguard's pages, as lines of cells.

The lines are those of the issuer's CSV, so that one reader has both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidDataError
from lakebt.sources.corporate.answers import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lakebt.sources.lines import Line


_INVESCO: Mapping[str, str] = {
    "Security Identifier": "cusip",
    "Holding Ticker": "ticker",
    "Shares/Par Value": "units",
    "MarketValue": "marketValueBase",
    "Weight": "percentageOfTotalNetAssets",
    "Name": "issuerName",
    "Class of Shares": "securityTypeName",
}
_VANGUARD: Mapping[str, str] = {
    "SEDOL": "sedol",
    "HOLDINGS": "longName",
    "TICKER": "ticker",
    "% OF FUNDS*": "percentWeight",
    "MARKET VALUE*": "marketValue",
    "SHARES": "sharesHeld",
    "ISIN": "isin",
    "CUSIP": "cusip",
}
"""The column of the CSV, and the name in the JSON."""

_LONGEST_TICKER = 6


def lines_of(path: Path, *, table: str, what: str) -> list[Line]:
    """Return the lines of a file.

    Parameters
    ----------
    path
        The answer that the issuer's page gets.
    table, what
        Where its rows go, and what it should be, for errors.

    Raises
    ------
    InvalidDataError
        If it is none, or is cut off.
    """
    text = read_answer(path, table=table)
    try:
        document: Any = json.loads(text)
    except ValueError:
        problem = f"file {path} is not complete JSON: fetch it again."
        raise InvalidDataError(table, problem) from None
    if isinstance(document, dict) and isinstance(document.get("holdings"), list):
        cells = _invesco(document)
        total, rows = document.get("totalNumberOfHoldings"), document["holdings"]
    elif isinstance(document, dict) and isinstance(document.get("fund"), dict):
        rows = document["fund"].get("entity")
        rows = rows if isinstance(rows, list) else []
        cells, total = _vanguard(document, rows), document.get("size")
    else:
        problem = f"file {path} is JSON, but not {what}: check which file it is."
        raise InvalidDataError(table, problem)
    if isinstance(total, int) and total != len(rows):
        problem = (
            f"file {path} has {len(rows):,} of {total:,} holdings: fetch all of them."
        )
        raise InvalidDataError(table, problem)
    return list(enumerate(cells, 1))


def _invesco(held: Mapping[str, Any]) -> list[list[str]]:
    """Return Invesco's lines; the fund is there if it was asked for by its ticker."""
    day = _text(held.get("effectiveBusinessDate") or held.get("effectiveDate"))[:10]
    cusip = _text(held.get("cusip"))
    fund = cusip if cusip.isalpha() and len(cusip) <= _LONGEST_TICKER else ""
    head = ["Fund Ticker", *_INVESCO, "Date"]
    return [head, *([fund, *row, day] for row in _rows(held["holdings"], _INVESCO))]


def _vanguard(held: Mapping[str, Any], rows: list[Any]) -> list[list[str]]:
    """Return Vanguard's lines, with the day in front."""
    days = [held.get("asOfDate"), *(each.get("asOfDate") for each in rows[:1])]
    day = next((_text(each)[:10] for each in days if each), "")
    body = _rows(rows, _VANGUARD)
    return [[f"as of {day}" if day else ""], list(_VANGUARD), *body, [""]]


def _rows(rows: list[Any], names: Mapping[str, str]) -> list[list[str]]:
    return [[_text(row.get(name)) for name in names.values()] for row in rows]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
