"""How `lakebt publish` reads files: which layout, and what becomes of their columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakebt.cli import options
from lakebt.errors import InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from lakebt.sources.converted import Converted
    from lakebt.sources.source import Source


FILES = "How files are read"

HOLDINGS, INSTRUMENTS = "etf_holdings", "instruments"

HeaderLine = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="CSV and Excel: which line has the names of the columns.",
        show_default="1",
        rich_help_panel=FILES,
    ),
]
FooterLines = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="CSV and Excel: how many lines follow the last row, as a total and notes.",
        show_default="0, and a total is refused",
        rich_help_panel=FILES,
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Excel: the sheet that is meant.",
        show_default="the only one that holds something",
        rich_help_panel=FILES,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the files of one command are read.

    Attributes
    ----------
    formats
        As given: ``NAME`` or ``TABLE=NAME``.
    columns, constants
        ``[TABLE:]THEIRS=OURS`` and ``[TABLE:]OURS=VALUE``.
    leave_out
        ``[TABLE:]COLUMN``.
    known_at, fund, index
        Of N-PORT documents.
    kinds
        What the columns of declared tables hold, by table and column.
    encoding, delimiter, decimal
        Of CSV files; None where each is to say it.
    header_line, footer_lines, sheet
        Of CSV and Excel files.
    instruments
        What gives the rows of ``instruments`` that are there, None without any.
    exchange
        What gives the calendar of the lake, as it is asked for or as the lake has it.
    typed
        Options of formats that no command has by itself: texts by name.
    """

    formats: Sequence[str]
    columns: Sequence[str]
    constants: Sequence[str]
    leave_out: Sequence[str]
    known_at: str | None
    fund: str | None
    index: str | None
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header_line: int | None = None
    footer_lines: int | None = None
    sheet: str | None = None
    instruments: Callable[[], pd.DataFrame | None] = lambda: None
    exchange: Callable[[], str] = lambda: "XNYS"
    typed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def read(self, path: Path, *, table: str, tables: Sequence[str]) -> Converted:
        """Read one file as rows of its table.

        Parameters
        ----------
        path, table
            As the command line pairs them.
        tables
            All that are published.
        """
        from lakebt.sources.files import flags_of, numbers_of
        from lakebt.sources.formats import format_of, read_source, source_of

        chosen = self._format(table, tables)
        columns = dict(
            options.pair(text, option="--map", example="date=session")
            for text in _scoped(self.columns, table, tables)
        )
        numbers, flags = numbers_of(table), flags_of(table)
        if table in self.kinds:
            numbers = _of_kind(self.kinds[table], "number")
            flags = _of_kind(self.kinds[table], "flag")
        constants: dict[str, str | float] = {}
        for text in _scoped(self.constants, table, tables):
            name, value = options.pair(text, option="--set", example="basis=raw")
            constants[name] = _number(value) if name in numbers else value
        source = source_of(chosen or format_of(path))
        own_options = self._asked(source, table, tables)
        if table == HOLDINGS and "instruments" in source.options():
            own_options.setdefault("instruments", self.instruments())
        if source.has_exchange:
            own_options["exchange"] = self.exchange()
        return read_source(
            path,
            table=table,
            file_format=chosen,
            columns=columns,
            constants=constants,
            leave_out=_scoped(self.leave_out, table, tables),
            numbers=numbers,
            flags=flags,
            **own_options,
        )

    def _asked(
        self, source: Source, table: str, tables: Sequence[str]
    ) -> dict[str, Any]:
        """Return the options for a source, and those that no source has.

        Options for the format of another table are left out.
        """
        from lakebt.sources.formats import source_of

        known = source.options()
        others = [
            source_of(name).options()
            for each in tables
            if each != table
            for name in (self._format(each, tables) or "ours", "nport")
        ]
        found: dict[str, Any] = {}
        for name, texts in {**self._standing(), **self.typed}.items():
            meant = texts
            if all(isinstance(text, str) for text in texts):
                meant = _scoped(texts, table, tables)
            if not meant:
                continue
            if name in known:
                is_text = isinstance(meant[0], str)
                found[name] = known[name].value(meant) if is_text else meant[0]
            elif not any(name in each for each in others):
                found[name] = meant[0]
        return found

    def _standing(self) -> dict[str, Sequence[Any]]:
        """Return the options that are there for every format, by name, if given."""
        standing = {
            "known_at": self.known_at,
            "fund": self.fund,
            "index": self.index,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "decimal": self.decimal,
            "header_line": self.header_line,
            "footer_lines": self.footer_lines,
            "sheet": self.sheet,
        }
        return {name: [v] for name, v in standing.items() if v is not None}

    def files(self, place: Path, *, table: str, tables: Sequence[str]) -> list[Path]:
        """Return the files that a place means, or itself where its format reads it.

        Parameters
        ----------
        place, table
            As the command line pairs them.
        tables
            All that are published.
        """
        from lakebt.sources.archives import files_of
        from lakebt.sources.formats import FORMATS

        chosen = self._format(table, tables)
        if chosen is not None and FORMATS[chosen].is_whole:
            return [place]
        return files_of(place, table=table)

    def format_of(self, path: Path, *, table: str, tables: Sequence[str]) -> str:
        """Return the format that a file of a table is read in."""
        from lakebt.sources.formats import format_of

        return self._format(table, tables) or format_of(path)

    def _format(self, table: str, tables: Sequence[str]) -> str | None:
        """Return the format named for a table, None if none is.

        Raises
        ------
        InvalidArgumentError
            If a format is for a table that is not published.
        UnknownNameError
            If there is no such format.
        """
        from lakebt.sources.formats import FORMATS

        layout = None
        for text in self.formats:
            target, equals, name = text.rpartition("=")
            if name not in FORMATS:
                kind = "format"
                raise UnknownNameError(kind, name, FORMATS)
            source = FORMATS[name]
            meant = [target] if equals else [source.table, *source.also]
            if None not in meant and not set(meant) & set(tables):
                msg = (
                    f"--format {text} is for table {meant[0]!r}, which no file is "
                    f"given for: write {meant[0]}=FILE"
                )
                raise InvalidArgumentError(msg)
            if None in meant or table in meant:
                layout = name
        return layout


def _of_kind(kinds: Mapping[str, str], kind: str) -> frozenset[str]:
    """Return the columns of a kind, whether or not they may be empty."""
    return frozenset(
        name for name, tables in kinds.items() if tables.rstrip("?") == kind
    )


def _number(text: str) -> str | float:
    """Return a number; text that is none stays, for the lake to name."""
    try:
        return float(text)
    except ValueError:
        return text


def _scoped(texts: Sequence[str], table: str, tables: Sequence[str]) -> list[str]:
    """Return those meant for a table: its own, and those that name none."""
    columns = []
    for text in texts:
        scope, colon, rest = text.partition(":")
        if colon and scope in tables:
            if scope == table:
                columns.append(rest)
        else:
            columns.append(text)
    return columns
