"""Formats whose files are tables: read by `lakebt.sources.files`, then converted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.converted import Converted
from lakebt.sources.corporate import action_rows
from lakebt.sources.corporate.layouts import ActionTables
from lakebt.sources.files import FLAGS, NUMBERS, read_file
from lakebt.sources.source import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping

    from lakebt.sources.corporate.downloads import Downloads


class Tabular(Source):
    """Files of rows and columns, in one layout.

    Parameters
    ----------
    name, table, about
        As `Source` has them.
    rows
        What turns the file's rows, and the exchange, into the lake's rows; None if they
        are that already.
    """

    __slots__ = ("_rows", "about", "name", "table")

    def __init__(
        self,
        *,
        name: str,
        table: str | None,
        about: str,
        rows: Callable[[pd.DataFrame, str], Converted] | None = None,
    ) -> None:
        self.name = name
        self.table = table
        self.about = about
        self._rows = rows

    @property
    def has_exchange(self) -> bool:
        """Whether sessions of an exchange decide what it makes of a file."""
        return self.table == action_rows.TABLE

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        table: str | None = None,
        columns: Mapping[str, str] | None = None,
        constants: Mapping[str, str | float] | None = None,
        leave_out: Collection[str] = (),
        numbers: Collection[str] = NUMBERS,
        flags: Collection[str] = FLAGS,
        encoding: str | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        header_line: int | None = None,
        footer_lines: int | None = None,
        sheet: str | None = None,
        exchange: str = "XNYS",
    ) -> Converted:
        """Return a table as rows of the lake.

        Parameters
        ----------
        source
            A file, a folder or a pattern; or a frame.
        table
            Which table, where the format does not say it.
        columns
            The lake's name of a column by the file's.
        constants
            Columns that the file lacks, the same in every row.
        leave_out
            Columns of the file that are not wanted.
        numbers, flags
            The columns that hold numbers, and true or false.
        encoding
            CSV: as utf-8, utf-16 or latin-1.
        delimiter
            CSV: what parts the cells of a line.
        decimal
            CSV: a point or a comma.
        header_line
            CSV and Excel: which line has the names of the columns.
        footer_lines
            CSV and Excel: how many lines follow the last row.
        sheet
            Excel: the sheet that is meant.
        exchange
            Whose sessions count, where the layout asks for one.

        Returns
        -------
        Converted
            The rows, and what was dropped and left out.

        Raises
        ------
        InvalidArgumentError
            If nothing says which table, or an option of files is given with a frame.
        InvalidDataError
            If the file, or its layout, is not as described.
        """
        target = table or self.table
        if target is None:
            msg = f"format {self.name!r} may fill any table: pass table="
            raise InvalidArgumentError(msg)
        of_files = {
            "encoding": encoding,
            "delimiter": delimiter,
            "decimal": decimal,
            "header_line": header_line,
            "footer_lines": footer_lines,
            "sheet": sheet,
        }
        if isinstance(source, pd.DataFrame):
            for option, value in of_files.items():
                if value is not None:
                    msg = f"{option}={value!r} means nothing for a frame: omit it"
                    raise InvalidArgumentError(msg)
            frame = source.drop(columns=list(leave_out)).rename(columns=columns or {})
            result = Converted(
                table=target,
                frame=frame.assign(**(constants or {})),
                n_read=len(frame),
                left_out=tuple(leave_out),
            )
        else:
            result = read_file(
                source,
                table=target,
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
        if self._rows is None:
            return result
        try:
            converted = self._rows(result.frame, exchange)
        except InvalidDataError as error:
            if isinstance(source, pd.DataFrame):
                raise
            problem = f"file {source}: {error.problem}"
            raise InvalidDataError(error.table, problem) from None
        left_out = result.left_out + converted.left_out
        return replace(converted, left_out=left_out, read_as=result.read_as)


class ActionFiles(Tabular):
    """Tables of corporate actions in common layouts."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            name="actions",
            table=action_rows.TABLE,
            about="corporate actions in the columns that people have",
            rows=lambda frame, of: ActionTables(exchange=of).convert(frame),
        )

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        url: str,
        name: str = "actions.csv",
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download a table, and keep it as it came: see `ActionTables.fetch`.

        Parameters
        ----------
        folder
            Where to; it is made.
        url
            Where from: https.
        name
            What to call the file.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to ask; for tests.
        """
        ActionTables().fetch(
            folder,
            url=url,
            name=name,
            contact=contact,
            downloads=downloads,
        )
