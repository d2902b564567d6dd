"""The sources of data by name, as in ``lakebt publish --format``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.sources import prices, rebalances
from lakebt.sources.archives import kind_of
from lakebt.sources.corporate.edgar import EdgarActions
from lakebt.sources.corporate.lean import LeanActions
from lakebt.sources.corporate.yahoo import YahooActions
from lakebt.sources.csv_folder import CsvFolder
from lakebt.sources.files import FLAGS, NUMBERS
from lakebt.sources.funds.issuers import (
    InvescoHoldings,
    IsharesHoldings,
    SpdrHoldings,
    VanguardHoldings,
)
from lakebt.sources.membership import Membership
from lakebt.sources.nport_filings import NportFilings
from lakebt.sources.tabular import ActionFiles, Tabular
from lakebt.sources.wikipedia import Wikipedia
from lakebt.sources.yahoo_bars import YahooBars

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Collection, Mapping

    from lakebt.sources.converted import Converted
    from lakebt.sources.source import Source


FORMATS: Mapping[str, Source] = {
    found.name: found
    for found in (
        Tabular(name="ours", table=None, about="the lake's own columns"),
        Tabular(
            name="rebalances",
            table=rebalances.TABLE,
            about="index changes: a row per added and removed pair",
            rows=lambda frame, _: rebalances.convert_rebalances(frame),
        ),
        Tabular(
            name="prices",
            table=prices.TABLE,
            about="a row per day and symbol, with its basis",
            rows=lambda frame, _: prices.convert_prices(frame),
        ),
        NportFilings(),
        IsharesHoldings(),
        SpdrHoldings(),
        InvescoHoldings(),
        VanguardHoldings(),
        ActionFiles(),
        LeanActions(),
        YahooActions(),
        EdgarActions(),
        YahooBars(),
        CsvFolder(),
        Wikipedia(),
        Membership(),
    )
}
"""Each source of data by its name: see `lakebt.sources.source.Source`."""


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format of a file if the user names none.

    Examples
    --------
    >>> format_of("primary_doc.xml"), format_of("bars.csv.gz")
    ('nport', 'ours')
    """
    return "nport" if kind_of(Path(path)) == ".xml" else "ours"


def source_of(name: str) -> Source:
    """Return the source with a name.

    Raises
    ------
    UnknownNameError
        If there is none.

    Examples
    --------
    >>> source_of("yahoo").table
    'corporate_actions'
    """
    if name not in FORMATS:
        kind = "format"
        raise UnknownNameError(kind, name, FORMATS)
    return FORMATS[name]


def read_source(
    path: str | os.PathLike[str] | pd.DataFrame,
    *,
    table: str,
    file_format: str | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str | float] | None = None,
    leave_out: Collection[str] = (),
    numbers: Collection[str] = NUMBERS,
    flags: Collection[str] = FLAGS,
    known_at: str | dt.datetime | None = None,
    fund: str | None = None,
    index: str | None = None,
    symbols: Mapping[str, str] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header_line: int | None = None,
    footer_lines: int | None = None,
    sheet: str | None = None,
    **options: Any,
) -> Converted:
    """Read a file of any known layout as rows for one table.

    Parameters
    ----------
    path
        The file, folder or pattern; or a frame.
    table
        The table its rows are for.
    file_format
        One of `FORMATS`; by default ``nport`` for a ``.xml`` and ``ours`` for anything
        else.
    columns, constants, leave_out, numbers, flags
        Of tabular files, applied before the conversion: see
        `lakebt.sources.files.read_file`.
    known_at, fund, index, symbols
        Of N-PORT documents: see `lakebt.sources.nport.read_nport`.
    encoding, delimiter, decimal, header_line, footer_lines, sheet
        Of CSV and Excel files: see `lakebt.sources.files.read_file`.
    **options
        What else `convert` of the format takes.

    Returns
    -------
    Converted
        The rows, and what was dropped and left out.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    InvalidArgumentError
        If the format is not for the table, or an argument is not for the format.
    """
    read = path if isinstance(path, pd.DataFrame) else Path(path)
    usual = "ours" if isinstance(read, pd.DataFrame) else format_of(read)
    chosen = source_of(file_format or usual)
    if not chosen.fills(table):
        msg = f"format {chosen.name!r} fills table {chosen.table!r}, not {table!r}"
        raise InvalidArgumentError(msg)
    given: dict[str, object] = {
        "columns": columns,
        "constants": constants,
        "leave_out": leave_out,
        "known_at": known_at,
        "fund": fund,
        "index": index,
        "symbols": symbols,
        "encoding": encoding,
        "delimiter": delimiter,
        "decimal": decimal,
        "header_line": header_line,
        "footer_lines": footer_lines,
        "sheet": sheet,
        **options,
    }
    chosen.check_options(given)
    made, given = chosen.made_with(given)
    given |= {"table": table, "numbers": numbers, "flags": flags}
    taken = inspect.signature(made.convert).parameters
    return made.convert(
        read,
        **{k: v for k, v in given.items() if k in taken and v is not None},
    )
