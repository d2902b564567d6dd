"""Lines of a file that are not rows: titles before the header, totals and notes.

They are never dropped by a guess. The user says how many there are, and is shown what
was left out; an error counts them.
"""

from __future__ import annotations

import collections
import csv
import io
import re
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.values.identifiers import trimmed
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence


Line = tuple[int, list[str]]
"""The number of a line's end, from 1, and its cells; "" is an empty one."""

_ENDS = re.compile(r"\r\n|\n|\r")

_TOTALS = frozenset(
    {
        *("total", "totals", "total:", "grand total", "subtotal", "sub-total"),
        *("sum:", "summe", "gesamt", "gesamtsumme", "insgesamt"),
        *("totale", "totaal", "totalt", "total general", "suma", "razem", "итого"),
        *("合計", "合计", "总计", "總計"),
    }
)
"""What a row begins with that adds up others, whatever its case. SUM is a ticker."""


def check_number(name: str, value: int | None, *, least: int) -> None:
    """Check a number of lines.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    if value is not None and (type(value) is not int or value < least):
        msg = f"{name} must be a whole number from {least}, was {value!r}"
        raise InvalidArgumentError(msg)


def without(text: str, *, header_line: int, footer_lines: int) -> str:
    r"""Return a text from its header to its last row.

    Parameters
    ----------
    text
        Of a whole file. Ends of lines at its own end count as no lines.
    header_line
        Which line the header is, from 1.
    footer_lines
        How many lines follow the last row.

    Raises
    ------
    ValueError
        If that leaves no header, or no row.

    Examples
    --------
    >>> without("Fund\nsymbol\nA\nTotal\n", header_line=2, footer_lines=1)
    'symbol\nA'
    """
    text = text.rstrip("\r\n")
    starts = [0, *(match.end() for match in _ENDS.finditer(text))]
    stops = [*(match.start() for match in _ENDS.finditer(text)), len(text)]
    last = len(starts) - footer_lines
    if header_line > last:
        msg = _too_few(len(starts), header_line, footer_lines)
        raise ValueError(msg)
    return text[starts[header_line - 1] : stops[last - 1]]


def _too_few(lines: int, header_line: int, footer_lines: int) -> str:
    return (
        f"it has {count(lines, 'line')}, too few for header_line={header_line} and "
        f"footer_lines={footer_lines}"
    )


def cut(lines: list[Line], *, header_line: int, footer_lines: int) -> list[Line]:
    """Return lines from the header to the last row.

    Raises
    ------
    ValueError
        If that leaves none.
    """
    if header_line > len(lines) - footer_lines:
        msg = _too_few(len(lines), header_line, footer_lines)
        raise ValueError(msg)
    return lines[header_line - 1 : len(lines) - footer_lines]


def told(header_line: int | None, footer_lines: int | None) -> list[str]:
    """Return the notes on lines that were left out."""
    before, after = (header_line or 1) - 1, footer_lines or 0
    return [
        *([f"{count(before, 'line')} before the header left out"] if before else []),
        *([f"{count(after, 'line')} after the rows left out"] if after else []),
    ]


def of_text(text: str, delimiter: str) -> list[Line]:
    """Return the lines of a text, an empty one without cells."""
    reader = csv.reader(
        io.StringIO(text.rstrip("\r\n"), newline=""), delimiter=delimiter
    )
    return [(reader.line_num, cells) for cells in reader]


def is_total(cells: Sequence[str | None]) -> bool:
    """Whether a row begins with a word for a sum.

    Examples
    --------
    >>> is_total(["Total", "", "100.0"]), is_total(["SUM", "2010-03-01", "10"])
    (True, False)
    """
    first = next((trimmed(cell) for cell in cells if cell and trimmed(cell)), "")
    return first.casefold() in _TOTALS or first in {"Sum", "sum"}


def advice(lines: list[Line]) -> str:
    """Return which lines seem to be no rows, as arguments that say so; "" if none do.

    Most lines have as many cells as the header. The header is the first of them whose
    cells all hold something, each something else.
    """
    widths = collections.Counter(len(cells) for _, cells in lines if len(cells) > 1)
    if not widths:
        return ""
    width = max(widths, key=lambda each: (widths[each], each))
    of_table = [at for at, (_, cells) in enumerate(lines) if len(cells) == width]
    header = next((at for at in of_table if _is_header(lines[at][1])), of_table[0])
    last = of_table[-1]
    while last > header and (is_total(lines[last][1]) or not any(lines[last][1])):
        last -= 1
    before, after = lines[header - 1][0] if header else 0, lines[-1][0] - lines[last][0]
    says: list[str] = []
    arguments: list[str] = []
    if before:
        says.append(f"its header seems to be line {before + 1}")
        arguments.append(f"header_line={before + 1}")
    if after:
        is_one = after == 1
        what = "last line seems" if is_one else f"last {after:,} lines seem"
        says.append(f"its {what} to be no {'row' if is_one else 'rows'}")
        arguments.append(f"footer_lines={after}")
    if not says:
        return ""
    return f"{' and '.join(says)}: pass {' and '.join(arguments)}"


def _is_header(cells: list[str]) -> bool:
    names = [trimmed(cell) for cell in cells]
    return all(names) and len(set(names)) == len(names)
