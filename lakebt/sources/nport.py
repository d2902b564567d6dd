"""Read SEC Form N-PORT: what a registered fund held at the end of a quarter.

The primary document (``primary_doc.xml``) of an NPORT-P filing lists every holding
with its identifiers, balance, value and percentage of net assets. It does **not** say
when it became public: that is the acceptance time in the filing's header on EDGAR, and
without it the holdings cannot be used, so it is a required argument. The report date
is not a substitute. It precedes the publication by about two months.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import defusedxml
import pandas as pd
from defusedxml import ElementTree

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.inputs.places import local_path
from lakebt.instants import new_york_day, parse_date, parse_instant
from lakebt.sources.archives import read_bytes
from lakebt.sources.converted import Converted
from lakebt.sources.csv_text import MARKS
from lakebt.sources.index_names import lake_name
from lakebt.sources.nport_shares import claim_of, tickers_of
from lakebt.values.identifiers import (
    is_no_isin,
    is_placeholder,
    isin_of_cusip,
    names_several,
    trimmed,
)

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from xml.etree.ElementTree import Element


TABLE = "etf_holdings"

NAMESPACE = "{http://www.sec.gov/edgar/nport}"
MOST_BYTES = 2**27
"""How large a document may be: 128 MiB. The largest of index funds have 40."""

FORMS = ("NPORT-P", "NPORT-P/A", "NPORT-NP", "NPORT-NP/A")
NOT_GIVEN = ("", "N/A")
"""What filers write where the schema demands an element and they have no value."""

NO_ISIN = "holdings without an ISIN (cash, futures, swaps and the like)"
CUSIP_ALONE = "holdings with a CUSIP that determines no ISIN (foreign, or miswritten)"
SEVERAL_TICKERS = "tickers that name several, left empty"
SAME_ISIN = "holdings added to another of the same ISIN"

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]\Z")
_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
"""As XML writes one: no inf, and none of what only Python takes for a number."""

_QUANTITIES = {"balance": "balance", "valUSD": "value_usd", "pctVal": "weight_pct"}


def read_nport(
    path: str | os.PathLike[str],
    *,
    known_at: str | dt.datetime,
    fund: str | None = None,
    index: str | None = None,
    symbols: Mapping[str, str] | None = None,
) -> Converted:
    """Read the primary document of an N-PORT filing as one report of ``etf_holdings``.

    Parameters
    ----------
    path
        The XML document.
    known_at
        The instant EDGAR accepted the filing, with a zone. A filing accepted after
        17:30 New York is disseminated on the next business day [1]_: pass that instant
        then.
    fund
        What to call the fund. It is part of the key, so give every report of a fund the
        same name. By default the EDGAR series identifier, which survives renames; the
        series name, or the registrant's, where there is none.
    index
        The index the fund tracks, if it tracks one.
    symbols
        Symbol by ISIN. An ISIN that is not in it gets the document's own ticker if the
        holding is a share and the ticker belongs to that ISIN alone: filers also put
        the issuer's there, on all its bonds, and the share's on its rights and
        warrants. A plain share goes before a unit or a preferred one.

    Returns
    -------
    Converted
        One row per ISIN: fund, date, isin, symbol, name, balance, value_usd, weight_pct
        (of net assets), known_at, and index if it was given. A holding with a CUSIP and
        no ISIN has the ISIN that the CUSIP determines. Lots of one ISIN are
        summed; their balance is empty if they are counted in different units.
        Quantities that the filer did not give are empty.

    Raises
    ------
    InvalidArgumentError
        If `known_at` is not an instant, or lies before the date of the report.
    InvalidDataError
        If the file is missing or truncated, is not an N-PORT document, lacks what a
        report needs, or lists no holding with an ISIN or a CUSIP that determines it.

    References
    ----------
    .. [1] 17 CFR 232.13, "Date of filing; adjustment of filing date".
    """
    path = local_path(path, what="file", cure="fetch the file, and name the copy")
    return read_document(
        _content(path),
        path,
        known_at=known_at,
        fund=fund,
        index=index,
        symbols=symbols,
    )


def read_document(
    content: bytes,
    path: Path,
    *,
    known_at: str | dt.datetime,
    fund: str | None = None,
    index: str | None = None,
    symbols: Mapping[str, str] | None = None,
) -> Converted:
    """Read a primary document that is in memory: see `read_nport`.

    Parameters
    ----------
    content
        The XML document.
    path
        Where it is from, for errors.
    known_at, fund, index, symbols
        As `read_nport` takes them.

    Raises
    ------
    InvalidArgumentError
        As `read_nport` does.
    InvalidDataError
        As it does.
    """
    accepted = parse_instant(known_at, what="known_at")
    root = _parse(content, path)
    general = _general(root, path)
    date = _report_date(general, path)
    if new_york_day(accepted) < date:
        msg = (
            f"known_at {accepted.isoformat()} precedes the report date {date} of "
            f"{path.name}: pass the acceptance time of the filing"
        )
        raise InvalidArgumentError(msg)
    holdings = root.findall(f".//{NAMESPACE}invstOrSecs/{NAMESPACE}invstOrSec")
    rows = pd.DataFrame(
        [_holding(holding, number, path) for number, holding in enumerate(holdings, 1)],
        columns=[
            "isin",
            "cusip",
            "ticker",
            "name",
            "units",
            "claim",
            *_QUANTITIES.values(),
        ],
    )
    fund = fund or _first_given(general, ("seriesId", "seriesName", "regName"))
    if fund is None:
        msg = f"{path.name} names neither series nor registrant: pass fund="
        raise InvalidArgumentError(msg)
    several = rows["ticker"].map(_names_several)
    rows["ticker"] = rows["ticker"].where(~several, None)
    usable = rows[rows["isin"].notna()]
    by_cusip_alone = int((rows["isin"].isna() & rows["cusip"].notna()).sum())
    if usable.empty:
        problem = (
            f"{path.name}: the report of {fund} for {date} lists {len(rows)} holdings, "
            f"none with an ISIN, so there is nothing to publish."
        )
        raise InvalidDataError(TABLE, problem)
    report = _by_isin(usable, symbols or {})
    report.insert(0, "fund", fund)
    report.insert(1, "date", date)
    report["known_at"] = accepted
    if index is not None:
        report["index"] = lake_name(index)
    dropped = {
        NO_ISIN: len(rows) - len(usable) - by_cusip_alone,
        CUSIP_ALONE: by_cusip_alone,
        SAME_ISIN: len(usable) - len(report),
        SEVERAL_TICKERS: int(several.sum()),
    }
    return Converted(
        table=TABLE,
        frame=report,
        n_read=len(rows),
        dropped={why: count for why, count in dropped.items() if count},
    )


def _content(path: Path) -> bytes:
    """Return what a file holds, packed or not.

    Raises
    ------
    InvalidDataError
        If it cannot be read, or is too large to be a document.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            why = f"{path} has more than {MOST_BYTES:,} bytes: check which file it is."
            raise InvalidDataError(TABLE, why)
        content, _ = read_bytes(path, table=TABLE)
        return path.read_bytes() if content is None else content
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror or error}. Check the path."
        raise InvalidDataError(TABLE, why) from None


def _parse(content: bytes, path: Path) -> Element:
    """Return the root of an N-PORT document.

    Raises
    ------
    InvalidDataError
        If it is something else.
    """
    try:
        # As extracted from EDGAR's full-text submissions, documents begin with an empty
        # line, which XML forbids before its declaration.
        root = ElementTree.fromstring(_in_utf8(content).strip())
    except ElementTree.ParseError as error:
        why = (
            f"{path} is not a complete XML document ({error}). Fetch the filing's "
            f"primary_doc.xml again; its rendering for browsers will not do."
        )
        raise InvalidDataError(TABLE, why) from None
    except defusedxml.DefusedXmlException:
        why = f"{path} declares XML entities, which an N-PORT document never does."
        raise InvalidDataError(TABLE, why) from None
    except (LookupError, ValueError) as error:  # UnicodeError is one
        why = (
            f"{path} is written in an encoding that cannot be read ({error}). Fetch "
            f"the filing's primary_doc.xml again."
        )
        raise InvalidDataError(TABLE, why) from None
    if root.tag != f"{NAMESPACE}edgarSubmission":
        why = (
            f"{path} is not an N-PORT document: its root is <{root.tag}>. Fetch the "
            f"filing's primary_doc.xml."
        )
        raise InvalidDataError(TABLE, why)
    form = root.findtext(f"{NAMESPACE}headerData/{NAMESPACE}submissionType", "").strip()
    if form not in FORMS:
        why = f"{path} is of form {form!r}, not one of {', '.join(FORMS)}."
        raise InvalidDataError(TABLE, why)
    return root


def _in_utf8(content: bytes) -> bytes:
    """Return a document as every parser knows it, if a mark tells its encoding.

    What its declaration says of the encoding is true no more, and left out.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            text = content.decode(encoding).removeprefix("\ufeff").strip()
            return _DECLARATION.sub("", text, count=1).encode()
    return content


def _general(root: Element, path: Path) -> Element:
    """Return the part with the names and dates of the report.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    general = root.find(f"{NAMESPACE}formData/{NAMESPACE}genInfo")
    if general is None:
        raise InvalidDataError(TABLE, f"{path} has no <genInfo>: it is incomplete.")
    return general


def _report_date(general: Element, path: Path) -> dt.date:
    """Return the day the holdings were held.

    Raises
    ------
    InvalidDataError
        If the document does not say.
    """
    text = _text(general, "repPdDate")
    try:
        return parse_date(text, what="repPdDate")
    except InvalidArgumentError:
        why = f"{path}: the date of the report, <repPdDate>, is {text!r}."
        raise InvalidDataError(TABLE, why) from None


def _holding(holding: Element, number: int, path: Path) -> tuple[object, ...]:
    """Return what the lake keeps of one holding, in the order of its columns."""
    identifiers = holding.find(f"{NAMESPACE}identifiers")
    isin = _identifier(identifiers, "isin").upper()
    cusip = trimmed(_text(holding, "cusip")).upper()
    if is_no_isin(cusip):
        cusip = ""
    if is_no_isin(isin) or not _ISIN.match(isin):
        isin = isin_of_cusip(cusip, _text(holding, "invCountry")) or ""
    ticker = _identifier(identifiers, "ticker").upper()
    return (
        isin or None,
        cusip or None,
        ticker if ticker and not is_placeholder(ticker) else None,
        _first_given(holding, ("name", "title")),
        _text(holding, "units"),
        claim_of(
            _text(holding, "assetCat"),
            _text(holding, "title"),
            name=_text(holding, "name"),
            derives=holding.find(f"{NAMESPACE}derivativeInfo") is not None,
            units=_text(holding, "units"),
        ),
        *(_quantity(holding, name, number, path) for name in _QUANTITIES),
    )


def _identifier(identifiers: Element | None, kind: str) -> str:
    """Return the first identifier of a kind, empty if there is none."""
    if identifiers is None:
        return ""
    element = identifiers.find(f"{NAMESPACE}{kind}")
    value = "" if element is None else trimmed(element.get("value", ""))
    return "" if value in NOT_GIVEN else value


def _names_several(ticker: object) -> bool:
    return isinstance(ticker, str) and names_several(ticker, listed=True)


def _quantity(holding: Element, name: str, number: int, path: Path) -> float:
    """Return a number, NaN where the filer gave none.

    Raises
    ------
    InvalidDataError
        If there is something else than a number.
    """
    text = _text(holding, name)
    if text in NOT_GIVEN:
        return math.nan
    if not _NUMBER.match(text) or not math.isfinite(float(text)):
        why = f"{path}: holding {number}: <{name}> is {text!r}, not a number."
        raise InvalidDataError(TABLE, why)
    return float(text)


def _text(parent: Element, name: str) -> str:
    return (parent.findtext(f"{NAMESPACE}{name}") or "").strip()


def _first_given(parent: Element, names: Iterable[str]) -> str | None:
    """Return the first of some elements that says anything."""
    for name in names:
        if (text := _text(parent, name)) not in NOT_GIVEN:
            return text
    return None


def _by_isin(rows: pd.DataFrame, symbols: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per ISIN, lots summed, with a symbol where one is known."""
    lots = rows.groupby("isin", sort=False)
    out = lots[list(_QUANTITIES.values())].sum(min_count=1)
    same_unit = lots["units"].first() == lots["units"].last()
    out["balance"] = out["balance"].where(same_unit)
    tickers = {**tickers_of(rows), **symbols}
    known = [tickers.get(isin) for isin in out.index]
    out.insert(0, "symbol", pd.Series(known, out.index, dtype=object))
    out.insert(1, "name", lots["name"].first())
    return out.reset_index()
