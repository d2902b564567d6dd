"""Cleaned texts of a column: without invisible characters.

Filers and programs write blanks, byte order marks and zero-width characters around
names, and ``N/A`` where they have none. What shows nothing is taken off, what stands
for no name is none, and a letter whose accent is a sign of its own is the letter with
it: one name has one spelling. All of it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakebt.errors import InvalidDataError
from lakebt.lake.publishing.audits.finding import Finding, sample
from lakebt.lake.publishing.types import shown
from lakebt.lake.tables.arrow import Array, pc
from lakebt.lake.tables.schemas import ETF_HOLDINGS, INDEX_CHANGES
from lakebt.values.identifiers import (
    composed,
    is_no_isin,
    is_placeholder,
    is_plain,
    names_several,
    trimmed,
    unseen_inside,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Handed, Severity
    from lakebt.lake.tables.schemas import Column, TableSpec


_NUMBERS = frozenset({"isin", "cusip", "figi", "sedol"})
_TICKERS = frozenset({"symbol", "ticker"})
_NAMES = frozenset({"index", "fund", "change_id", "instrument_id", "identifier"})

_LISTED = (ETF_HOLDINGS.name, INDEX_CHANGES.name)
"""The tables of listed shares; prices may be of anything."""

_SAID = {
    "margins": "what cannot be seen was taken off around {}, or joined to its letter",
    "placeholders": "{} no name, and left empty",
}


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """Values of one column that are not as they were handed over.

    Attributes
    ----------
    column, audit
        The column, and which of the two: `margins` or `placeholders`.
    rows
        Their positions.
    was
        What was handed over, by the value's number in `codes`.
    codes
        Per row of `rows` the number of its value.
    """

    column: str
    audit: str
    rows: IntVector
    was: Mapping[int, str]
    codes: IntVector


def cleaned(
    text: Array, *, column: Column, spec: TableSpec, told: list[Cleaned]
) -> Array:
    """Return the texts of a column as they mean something, null where they mean none.

    Parameters
    ----------
    text
        An array of texts.
    column, spec
        What they are for.
    told
        Is given what was changed.

    Raises
    ------
    InvalidDataError
        If a name holds what cannot be seen, or several names, or stands for none
        although there must be one.
    """
    coded = text.dictionary_encode()
    try:
        before = coded.dictionary.to_pylist()
    except UnicodeDecodeError:
        problem = (
            f"column {column.name!r} holds bytes that are not UTF-8. Decode it in the "
            f"encoding that it was written in."
        )
        raise InvalidDataError(spec.name, problem) from None
    is_name = _is_name(column, spec)
    after: list[str | None] = []
    margins: dict[int, str] = {}
    nothing: dict[int, str] = {}
    for code, value in enumerate(before):
        read = value if is_plain(value) else trimmed(value)
        read = composed(read) if is_name else read
        if not read:
            after.append(None)  # a blank symbol is none
            continue
        if read != value:
            margins[code] = value
        if is_name and (fault := _fault(read, column, spec)):
            row = pc.index(coded.indices, pa.scalar(code, coded.indices.type)).as_py()
            problem = (
                f"column {column.name!r}, row {row} has {shown(ascii(read)[1:-1])}, "
                f"{fault}."
            )
            raise InvalidDataError(spec.name, problem)
        if is_name and _is_none(read, column, spec):
            nothing[code] = value
            margins.pop(code, None)
            after.append(None)
            continue
        after.append(read)
    if after == before:
        return text
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for audit, was in (("margins", margins), ("placeholders", nothing)):
        if was:
            rows = np.flatnonzero(np.isin(codes, list(was)))
            told.append(
                Cleaned(
                    column=column.name,
                    audit=audit,
                    rows=rows,
                    was=was,
                    codes=codes[rows],
                )
            )
    return pa.array(after, pa.string()).take(coded.indices)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Values that one audit reports, with their rows.

    Attributes
    ----------
    count
        How many there are.
    handed
        The row of each, or of the first ones, as it is now.
    columns, was
        For each of these rows the column, and what was handed over.
    """

    count: int
    handed: Handed
    columns: tuple[str, ...]
    was: tuple[str, ...]


def changed(handed: Handed, told: list[Cleaned]) -> dict[str, Changed]:
    """Return the changes of rows, by audit.

    Parameters
    ----------
    handed
        The rows as they are now.
    told
        As `cleaned` told it.
    """
    changes = {}
    for audit in _SAID:
        of_audit = [each for each in told if each.audit == audit]
        if of_audit:
            rows = np.concatenate([each.rows for each in of_audit])
            changes[audit] = Changed(
                count=len(rows),
                handed=handed.at(rows),
                columns=tuple(each.column for each in of_audit for _ in each.rows),
                was=tuple(
                    each.was[code] for each in of_audit for code in each.codes.tolist()
                ),
            )
    return changes


def findings(
    found: Mapping[str, Changed], severity: Callable[[str], Severity]
) -> Iterator[Finding]:
    """Yield findings on the changed texts.

    Parameters
    ----------
    found
        As `changed` returns it.
    severity
        Of an audit, by its name.
    """
    for audit, each in found.items():
        lines = [
            f"row {place}: {column} {value!a}"
            for place, column, value in zip(
                each.handed.places[:3], each.columns, each.was, strict=False
            )
        ]
        count = f"{each.count:,} value{'' if each.count == 1 else 's'}"
        if audit == "placeholders":
            count += " stands for" if each.count == 1 else " stand for"
        figures = {"column": list(each.columns), "was": list(each.was)}
        yield Finding(
            table=each.handed.spec.name,
            audit=audit,
            severity=severity(audit),
            message=f"{_SAID[audit].format(count)} ({sample(lines, each.count)}).",
            rows=each.handed.frame(figures),
        )


def _is_name(column: Column, spec: TableSpec) -> bool:
    """Whether a column says which thing is meant, so that rows are joined by it."""
    return column.name in spec.key or column.name in {*_NUMBERS, *_TICKERS, *_NAMES}


def _is_none(name: str, column: Column, spec: TableSpec) -> bool:
    """Whether a name stands for none."""
    if column.name in _NUMBERS:
        return is_no_isin(name)
    is_known = not spec.is_declared or column.name in {*_TICKERS, *_NAMES}
    return is_known and is_placeholder(name)


def _fault(name: str, column: Column, spec: TableSpec) -> str:
    """Return why a name cannot be one, and the cure; empty if it can."""
    if unseen := unseen_inside(name):
        what = "two blanks" if unseen == " " else f"U+{ord(unseen):04X}"
        return f"with {what} inside, which nobody sees. Write the name without"
    if column.required and not column.derived and _is_none(name, column, spec):
        return "which stands for no name. Give one, or leave the row out"
    if column.name in _TICKERS and names_several(name, listed=spec.name in _LISTED):
        return "which names several. Give each a row of its own"
    return ""
