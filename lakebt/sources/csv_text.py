"""CSV of other countries and tools: its encoding, its delimiter, its decimal comma.

Each is recognised where the file leaves no doubt, and told; where it does, the error
names the option.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pa_csv

from lakebt.sources import lines
from lakebt.sources.archives import check_option, read_bytes

if TYPE_CHECKING:
    from pathlib import Path


pc: Any = pyarrow.compute

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may part the cells of a line, and what it is called."""

DECIMALS = (".", ",")

_SNIFFED = 2**16

_ADVISED = 2**25
"""How large a file may be that is looked through for lines that are no rows."""

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Bytes that a file begins with, and the encoding they tell of."""
_PLAIN = frozenset({"utf-8", "utf-8-sig"})

_GROUPED = r"^[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?$"
"""A number with a decimal comma, and points between thousands."""

_SURE = r",(?:\d{1,2}|\d{4,})$"
"""A comma that no thousands follow."""


_BETWEEN = "[ '\u2019\u00a0\u2009\u202f]"
"""What parts thousands and is no decimal sign anywhere."""

_SPACED = rf"^[+-]?\d{{1,3}}(?:{_BETWEEN}\d{{3}})+(?:[.,]\d+)?$"
_PLAIN_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_COMMAS = r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$"
_SURE_COMMAS = r",\d{3}[,.]"
"""A comma between thousands that is no decimal one: more follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The dialect of a CSV; None where it is to be detected.

    Attributes
    ----------
    encoding
        As Python calls it: utf-8, latin-1.
    delimiter
        One of `DELIMITERS`.
    decimal
        A point or a comma.
    header_line
        Which line has the names of the columns, from 1.
    footer_lines
        How many lines follow the last row.
    sheet
        Of an Excel file.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header_line: int | None = None
    footer_lines: int | None = None
    sheet: str | None = None

    @property
    def is_part(self) -> bool:
        """Whether the file has lines that are neither header nor rows."""
        return (self.header_line or 1) > 1 or (self.footer_lines or 0) > 0

    def check(self) -> None:
        """Check the options.

        Raises
        ------
        InvalidArgumentError
            If one is none of those there are.
        """
        check_option("delimiter", self.delimiter, tuple(DELIMITERS))
        check_option("decimal", self.decimal, DECIMALS)
        lines.check_number("header_line", self.header_line, least=1)
        lines.check_number("footer_lines", self.footer_lines, least=0)
        try:
            "a".encode(self.encoding or "utf-8")
        except (LookupError, ValueError):
            check_option("encoding", self.encoding, ("utf-8", "utf-16", "latin-1"))


def read_csv(path: Path, *, table: str, dialect: Dialect) -> tuple[pa.Table, list[str]]:
    """Return a CSV with every column as text, and notes on how it was read.

    Parameters
    ----------
    path
        The file, packed or not.
    table
        Where its rows go, for errors.
    dialect
        What is known of it.

    Raises
    ------
    InvalidDataError
        If it cannot be unpacked.
    ValueError
        If the file is empty, or is not text.
    ArrowInvalid
        And Arrow's other errors, for anything else.
    UnicodeDecodeError
        If it is not of the encoding that was named.
    """
    content, packing = read_bytes(path, table=table)
    notes = [packing] if packing else []
    if content is None:
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
    else:
        head = content[:_SNIFFED]
    encoding = dialect.encoding or _encoding(head)
    # Not by its name, which may say that it is packed.
    source: Any = (
        pa.OSFile(str(path), mode="r") if content is None else io.BytesIO(content)
    )
    if encoding in _PLAIN and not dialect.is_part:
        try:
            rows, unusual = _parsed(source, head.decode("utf-8-sig", "ignore"), dialect)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if dialect.encoding or not _is_of_encoding(error):
                raise
            encoding = "cp1252"
        else:
            return rows, [*notes, *unusual]
    text, encoding = _decoded(
        path.read_bytes() if content is None else content, encoding, dialect
    )
    if dialect.is_part:
        text = lines.without(
            text,
            header_line=dialect.header_line or 1,
            footer_lines=dialect.footer_lines or 0,
        )
        notes += lines.told(dialect.header_line, dialect.footer_lines)
    if encoding not in _PLAIN:
        notes.append("latin-1" if encoding == "cp1252" else encoding)
    rows, unusual = _parsed(io.BytesIO(text.encode()), text[:_SNIFFED], dialect)
    return rows, [*notes, *unusual]


def advice(path: Path, *, table: str, dialect: Dialect) -> str:
    """Return which lines seem not to be rows; "" if none, or if the user said so.

    Parameters
    ----------
    path, table, dialect
        As `read_csv` takes them.
    """
    if None not in {dialect.header_line, dialect.footer_lines}:
        return ""
    if path.stat().st_size > _ADVISED:
        return ""
    content, _ = read_bytes(path, table=table)
    whole = path.read_bytes() if content is None else content
    signs = [dialect.delimiter] if dialect.delimiter else list(DELIMITERS)
    try:
        text, _ = _decoded(whole, dialect.encoding or _encoding(whole[:4]), dialect)
        by_sign = [lines.of_text(text, sign) for sign in signs]
    except (csv.Error, ValueError):  # of which it was told already
        return ""
    return lines.advice(max(by_sign, key=lambda each: sum(len(c) for _, c in each)))


def _decoded(whole: bytes, encoding: str, dialect: Dialect) -> tuple[str, str]:
    """Return the text of a file without its mark, and the encoding that it has.

    Raises
    ------
    ValueError
        If it is not of the encoding.
    """
    try:
        text = whole.decode(encoding)
    except UnicodeDecodeError as error:
        if dialect.encoding or encoding not in {"cp1252", *_PLAIN}:
            msg = f"it is not {encoding} ({error.reason}): name its encoding"
            raise ValueError(msg) from None
        return _decoded(whole, "latin-1" if encoding == "cp1252" else "cp1252", dialect)
    return text.removeprefix("\ufeff"), encoding


def _is_of_encoding(error: Exception) -> bool:
    return isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)


def _encoding(head: bytes) -> str:
    """Return the encoding that the first bytes tell of; utf-8 if they tell of none."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if head[1:2] == b"\0" or head[:1] == b"\0":  # letters of two bytes, without a mark
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    return "utf-8"


def _parsed(source: Any, head: str, dialect: Dialect) -> tuple[pa.Table, list[str]]:
    """Return the rows of a file of UTF-8, and what is not as usual in it.

    Raises
    ------
    ValueError
        If there are no rows, or it is no text.
    """
    skipped = 0
    delimiter = dialect.delimiter
    if head.startswith("sep=") and len(head.splitlines()[0]) == len("sep=;"):
        delimiter = delimiter or head[4]  # as Excel begins a file
        head, skipped = head.partition("\n")[2], 1
    if "\0" in head:
        msg = "it holds a NUL character, which no text has"
        raise ValueError(msg)
    delimiter = delimiter or _delimiter(head)
    header = next(csv.reader(io.StringIO(head), delimiter=delimiter), None)
    if not header:
        msg = "it is empty"
        raise ValueError(msg)
    rows: pa.Table = pa_csv.read_csv(
        source,
        read_options=pa_csv.ReadOptions(skip_rows=skipped, block_size=_block(head)),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return rows, [] if delimiter == "," else [DELIMITERS.get(delimiter, delimiter)]


def _block(head: str) -> int:
    """Return how much of a file is parsed at once: lines of wide tables are long."""
    line = len(head.partition("\n")[0])
    return max(2**20, 2**24 if line * 8 > _SNIFFED else 0)


def _delimiter(head: str) -> str:
    """Return what parts the cells: what the first line has most of, outside quotes."""
    line = re.sub(r'"[^"]*"', "", head.partition("\n")[0])
    return max(DELIMITERS, key=lambda each: (line.count(each), each == ","))


def with_points(columns: dict[str, Any], decimal: str | None) -> dict[str, Any] | None:
    """Return columns of numbers with decimal points for commas, None if they have none.

    Parameters
    ----------
    columns
        Of text, by name: those that hold numbers, each of them as it is in the file.
    decimal
        What the file has, if that is known.
    """
    if decimal == ".":
        return None
    if decimal is None:
        is_sure = False
        for values in columns.values():
            some = pc.drop_null(values)
            if not pc.all(pc.match_substring_regex(some, _GROUPED)).as_py():
                return None
            is_sure = is_sure or pc.any(pc.match_substring_regex(some, _SURE)).as_py()
        if not is_sure:
            return None
    return {
        name: pc.replace_substring(
            pc.if_else(
                pc.match_substring_regex(values, _GROUPED),
                pc.replace_substring(values, ".", ""),
                values,
            ),
            ",",
            ".",
        )
        for name, values in columns.items()
    }


def without_groups(
    columns: dict[str, Any], decimal: str | None
) -> dict[str, Any] | None:
    """Return columns of numbers without what parts thousands, None if nothing does.

    Blanks and apostrophes are no decimal signs. Commas are taken off where no number
    could have one for its decimal sign, or where that is named: 1,234 alone is left.

    Parameters
    ----------
    columns, decimal
        As `with_points` takes them.
    """
    spaced = {name: _stripped(v, _SPACED, _BETWEEN) for name, v in columns.items()}
    is_changed = any(not spaced[name].equals(v) for name, v in columns.items())
    is_sure = decimal == "."
    for values in spaced.values():
        some = pc.drop_null(values)
        fits = pc.or_(
            pc.match_substring_regex(some, _COMMAS),
            pc.match_substring_regex(some, _PLAIN_NUMBER),
        )
        if decimal == "," or not pc.all(fits).as_py():
            return spaced if is_changed else None
        is_sure = (
            is_sure or pc.any(pc.match_substring_regex(some, _SURE_COMMAS)).as_py()
        )
    if not is_sure:
        return spaced if is_changed else None
    bare = {name: _stripped(v, _COMMAS, ",") for name, v in spaced.items()}
    is_changed = any(not bare[name].equals(v) for name, v in columns.items())
    return bare if is_changed else None


def _stripped(values: Any, wanted: str, sign: str) -> Any:
    """Return texts without a sign, in those that are numbers written with it."""
    return pc.if_else(
        pc.match_substring_regex(values, wanted),
        pc.replace_substring_regex(values, sign, ""),
        values,
    )
