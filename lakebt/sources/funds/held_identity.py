"""The security of a row in a holdings file: its ISIN, or a substitute for one."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError
from lakebt.inputs.places import local_path
from lakebt.instants import parse_date
from lakebt.prices.instruments import ISIN, SYMBOL, Identifier, Instruments
from lakebt.sources.files import read_file
from lakebt.values.identifiers import is_no_isin, is_placeholder, isin_of_cusip

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet


PREFIX = "TICKER:"
"""What the identifier of a holding begins with that has only a ticker. No ISIN has a
colon, so that none is ever equal to it."""

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]\Z")
_PARTS = re.compile(r"[./ -]")
_NEEDED = ("instrument_id", "identifier", "kind", "valid_from")
_TABLE = "instruments"


@dataclass(frozen=True, slots=True)
class Identities:
    """The rows of ``instruments``, for any spelling of a share class."""

    told: Instruments
    spellings: Mapping[str, AbstractSet[str]]

    def find(self, ticker: str, day: dt.date) -> tuple[str, str] | None:
        """Return the ISIN and the symbol of a ticker on a day, None if not known.

        A ticker that two instruments had on the day is not known.
        """
        pairs = {
            (isin, symbol)
            for symbol in self.spellings.get(bare(ticker), ())
            for own in self.told.claims(symbol, day)
            if (isin := self.told.name_of(own, day, kind=ISIN)) is not None
        }
        exact = {each for each in pairs if each[1] == ticker} or pairs
        return exact.pop() if len(exact) == 1 else None


def bare(ticker: str) -> str:
    """Return a ticker without the separator between a symbol and its share class.

    Examples
    --------
    >>> bare("BRK.B"), bare("BRK/B"), bare("BRKB")
    ('BRKB', 'BRKB', 'BRKB')
    """
    return _PARTS.sub("", ticker).upper()


def identities_of(
    given: str | os.PathLike[str] | pd.DataFrame | None,
) -> Identities | None:
    """Return the identities in rows of ``instruments``, None without rows.

    Parameters
    ----------
    given
        A frame, or a file of them (.csv, .xlsx, .parquet).

    Raises
    ------
    InvalidDataError
        If the columns are not there.
    InvalidArgumentError
        If a day is none.
    """
    if given is None:
        return None
    if not isinstance(given, pd.DataFrame):
        path = local_path(given, what="file of instruments", cure="fetch it")
        given = read_file(path, table=_TABLE).frame
    if missing := [each for each in _NEEDED if each not in given.columns]:
        problem = f"instruments have no column {missing[0]!r}: pass rows of that table."
        raise InvalidDataError(_TABLE, problem)
    days = [_day(each, "valid_from") for each in given["valid_from"]]
    if not days:
        return None
    rows = given.assign(valid_from=pd.Series(days, given.index, dtype=object))
    rows = _in_force(rows)
    ends = rows["valid_to"] if "valid_to" in rows.columns else [None] * len(rows)
    named = zip(
        rows["instrument_id"].astype(str),
        rows["kind"].astype(str),
        rows["identifier"].astype(str),
        rows["valid_from"],
        ends,
        strict=True,
    )
    instruments = Instruments(
        tuple(
            Identifier(
                instrument_id=own,
                kind=kind,
                identifier=name,
                first=first,
                last=_day(last, "valid_to") or dt.date.max,
            )
            for own, kind, name, first, last in named
            if first is not None
        )
    )
    spellings: dict[str, set[str]] = {}
    for each in instruments.identifiers:
        if each.kind == SYMBOL:
            spellings.setdefault(bare(each.identifier), set()).add(each.identifier)
    return Identities(instruments, spellings)


def _in_force(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the newest vintage of each key, without what was retracted."""
    if "known_at" in rows.columns:  # the newest vintage of each key
        known = pd.to_datetime(
            rows["known_at"].astype(str), utc=True, format="ISO8601", errors="coerce"
        )
        rows = rows.assign(known_at=known).sort_values(
            "known_at", kind="stable", na_position="first"
        )
        rows = rows.drop_duplicates([*_NEEDED], keep="last")
    if "retracted" in rows.columns:
        rows = rows[~rows["retracted"].eq(other=True)]
    return rows


def _day(value: object, what: str) -> dt.date | None:
    """Return a day, None where there is none."""
    if value is None or value == "" or pd.isna(value):  # type: ignore[call-overload]
        return None
    return parse_date(value, what=f"{what} of instruments")


def identified(
    *,
    ticker: str,
    isin: str,
    cusip: str,
    country: str,
    day: dt.date,
    identities: Identities | None,
) -> tuple[str | None, str | None]:
    """Return the identifier and the symbol of a row; None where it has none.

    Parameters
    ----------
    ticker, isin, cusip, country
        As the file has them, "" for what it has not. `cusip` may be an ISIN, as State
        Street's column "Identifier" is one for shares of other countries.
    day
        Of the report.
    identities
        What ``instruments`` say.
    """
    symbol = None if not ticker or is_placeholder(ticker) else ticker
    known = identities.find(symbol, day) if identities and symbol else None
    for each in (isin.upper(), cusip.upper()):
        if _ISIN.match(each) and not is_no_isin(each):
            return each, known[1] if known else symbol
    own = isin_of_cusip(cusip.upper(), _country(country))
    if own is not None and not cusip.startswith("99"):
        return own, known[1] if known else symbol
    if known is not None:
        return known
    return (f"{PREFIX}{symbol}" if symbol else None), symbol


def _country(name: str) -> str:
    return "CA" if name.casefold() in {"ca", "canada"} else "US"
