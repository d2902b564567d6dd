"""The layouts of files, by name: what ``lakebt publish --format`` takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.sources import nport, prices, rebalances
from lakebt.sources.corporate import action_rows
from lakebt.sources.corporate.edgar import EdgarActions
from lakebt.sources.corporate.layouts import ActionTables
from lakebt.sources.corporate.lean import LeanActions
from lakebt.sources.corporate.yahoo import YahooActions
from lakebt.sources.files import FLAGS, NUMBERS, read_file
from lakebt.sources.packed import kind_of

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Callable, Collection, Mapping

    import pandas as pd

    from lakebt.sources.converted import Converted


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One layout of files.

    Attributes
    ----------
    name
        What it is called on the command line.
    table
        The only table it can fill; None if any.
    about
        One line for the help page.
    convert
        What turns the file's rows into the lake's; None if they are that already, or
        are not rows.
    read
        What reads a file, or a whole folder, by itself; None where its rows are those
        of a table.
    """

    name: str
    table: str | None
    about: str
    convert: Callable[[pd.DataFrame], Converted] | None = None
    read: Callable[[Path], Converted] | None = None


FORMATS: Mapping[str, Format] = {
    found.name: found
    for found in (
        Format(
            name="ours",
            table=None,
            about="the lake's own columns (.csv, .xlsx, .parquet)",
        ),
        Format(
            name="rebalances",
            table=rebalances.TABLE,
            about="a row per added and removed pair (.csv, .xlsx, .parquet)",
            convert=rebalances.convert_rebalances,
        ),
        Format(
            name="prices",
            table=prices.TABLE,
            about="a row per day and symbol, with its basis (.csv, .xlsx, .parquet)",
            convert=prices.convert_prices,
        ),
        Format(
            name="nport",
            table=nport.TABLE,
            about="an SEC N-PORT primary document (.xml); needs its acceptance time",
        ),
        Format(
            name="actions",
            table=action_rows.TABLE,
            about="corporate actions in the columns that people have (.csv, .xlsx, "
            ".parquet)",
            convert=ActionTables().convert,
        ),
        Format(
            name="lean",
            table=action_rows.TABLE,
            about="LEAN's factor and map files: a folder, or one file",
            read=LeanActions().convert,
        ),
        Format(
            name="yahoo",
            table=action_rows.TABLE,
            about="Yahoo's dividends and splits (.json, .csv): a folder, or one file",
            read=YahooActions().convert,
        ),
        Format(
            name="edgar",
            table=action_rows.TABLE,
            about="filings on Form 8-K (.txt): a folder, or one file",
            read=EdgarActions().convert,
        ),
    )
}


def read_source(
    path: str | os.PathLike[str],
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
) -> Converted:
    """Read a file of any known layout as rows for one table.

    Parameters
    ----------
    path
        The file.
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
    name = file_format or ("nport" if kind_of(Path(path)) == ".xml" else "ours")
    if name not in FORMATS:
        kind = "format"
        raise UnknownNameError(kind, name, FORMATS)
    chosen = FORMATS[name]
    if chosen.table not in {None, table}:
        msg = f"format {name!r} fills table {chosen.table!r}, not {table!r}"
        raise InvalidArgumentError(msg)
    tabular: dict[str, object] = {
        "columns": columns,
        "constants": constants,
        "leave_out": leave_out,
        "encoding": encoding,
        "delimiter": delimiter,
        "decimal": decimal,
        "header_line": header_line,
        "footer_lines": footer_lines,
        "sheet": sheet,
    }
    report: dict[str, object] = {
        "known_at": known_at,
        "fund": fund,
        "index": index,
        "symbols": symbols,
    }
    foreign = report
    if name == "nport" or chosen.read is not None:
        foreign = tabular if name == "nport" else {**tabular, **report}
    for option, value in foreign.items():
        if value:
            msg = f"{option}={value!r} means nothing for format {name!r}: omit it"
            raise InvalidArgumentError(msg)
    if name == "nport":
        if known_at is None:
            msg = (
                f"{Path(path).name}: pass known_at, the acceptance time of the filing: "
                f"an N-PORT document does not say when it became public"
            )
            raise InvalidArgumentError(msg)
        return nport.read_nport(
            path, known_at=known_at, fund=fund, index=index, symbols=symbols
        )
    if chosen.read is not None:
        return chosen.read(Path(path))
    ours = read_file(
        path,
        table=table,
        columns=columns,
        constants=constants,
        leave_out=leave_out,
        numbers=numbers,
        flags=flags,
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        header_line=header_line,
        footer_lines=footer_lines,
        sheet=sheet,
    )
    if chosen.convert is None:
        return ours
    converted = chosen.convert(ours.frame)
    left_out = ours.left_out + converted.left_out
    return replace(converted, left_out=left_out, read_as=ours.read_as)
