"""Days as people write them: ISO, without dashes, American, with a month's name."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


_FOOTNOTE = re.compile(r"\s*\[[^\]]*\]")
_SHAPES: Sequence[tuple[str, str, str]] = (
    (r"\d{4}-\d{2}-\d{2}([T ].*)?", "%Y-%m-%d", ""),
    (r"\d{8}", "%Y%m%d", "days as 20220902"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d", ""),
    (r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}", "%B %d %Y", ""),
    (r"\d{1,2} [A-Za-z]{3,9} \d{4}", "%d %B %Y", ""),
    (r"\d{1,2}-[A-Za-z]{3,9}-\d{4}", "%d-%B-%Y", ""),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y", "days as 31.12.2022"),
)
_SLASHED = r"\d{1,2}/\d{1,2}/\d{4}"
_SLASHED_PARTS = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}(?!\d)")
_LONGEST_GAP = 4
"""Days between most bars of days, at most."""

_SEPT = re.compile(r"\bSept ")


def read_days(
    texts: pd.Series, *, where: str, table: str
) -> tuple[pd.Series, tuple[str, ...]]:
    """Return days, and the way they are written if that is ambiguous.

    Parameters
    ----------
    texts
        All in one shape: those of one file. Of 09/02/2022 the first is the month,
        unless one cannot be, or the rows would be weeks apart and are days apart with
        the day first.
    where
        What they are of, for errors.
    table
        Where their rows go, for errors.

    Raises
    ------
    InvalidDataError
        If one is none, or they are not all alike.

    Examples
    --------
    >>> days, how = read_days(pd.Series(["09/02/2022"]), where="x", table="prices")
    >>> days[0].isoformat(), how
    ('2022-09-02', ('days as 09/02/2022, the month first',))
    """
    plain = texts.astype(str).str.replace(_FOOTNOTE, "", regex=True).str.strip()
    if plain.empty:
        return plain, ()
    first = plain.iloc[0]
    if re.fullmatch(_SLASHED, first):
        return _slashed(plain, where=where, table=table)
    for shape, form, how in _SHAPES:
        if not re.fullmatch(shape, first):
            continue
        if form == "%Y-%m-%d":
            with contextlib.suppress(ValueError):  # most files need no more
                return pd.to_datetime(plain, format=form).dt.date, ()
        fits = plain.str.fullmatch(shape)
        cut = plain.str[:10] if form == "%Y-%m-%d" else plain
        if "." not in form:
            cut = cut.str.replace(r"[.,]", "", regex=True)
        cut = cut.str.replace(_SEPT, "Sep ", regex=True)
        days = pd.to_datetime(cut.where(fits), format=form, errors="coerce")
        if "%B" in form:
            short = pd.to_datetime(
                cut.where(fits), format=form.replace("%B", "%b"), errors="coerce"
            )
            days = days.fillna(short)
        if days.isna().any():
            raise InvalidDataError(table, _damage(plain[days.isna()], shape, where))
        return days.dt.date, ((how,) if how else ())
    raise InvalidDataError(table, _damage(plain, "", where))


def _slashed(
    plain: pd.Series, *, where: str, table: str
) -> tuple[pd.Series, tuple[str, ...]]:
    """Return days as 09/02/2022, in the order that makes them days apart.

    Raises
    ------
    InvalidDataError
        If they are in neither.
    """
    readings = [
        (days, how)
        for form, how in (
            ("%m/%d/%Y", "days as 09/02/2022, the month first"),
            ("%d/%m/%Y", "days as 31/12/2022, the day first"),
        )
        for days in [pd.to_datetime(plain, format=form, errors="coerce")]
        if days.notna().all()
    ]
    if not readings:
        raise InvalidDataError(table, _damage(plain, _SLASHED, where))
    days, how = readings[0]
    if len(readings) > 1 and _gap(readings[1][0]) <= _LONGEST_GAP < _gap(days):
        days, how = readings[1]
    return days.dt.date, (how,)


def _gap(days: pd.Series) -> float:
    """Return how many days lie between most rows and the next; 0 of a single one."""
    gaps = days.drop_duplicates().sort_values().diff().dt.days
    return float(gaps.median()) if len(gaps) > 1 else 0.0


def _damage(plain: pd.Series, shape: str, where: str) -> str:
    """Say which day cannot be read."""
    odd = plain[~plain.str.fullmatch(shape)] if shape else plain
    shown = (odd if len(odd) else plain).iloc[0][:30]
    return (
        f"{where}: {shown!r} is not a day like the others: write days as 2022-09-02, "
        f"or fetch the file again."
    )


def day_reader(
    texts: Iterable[str], *, where: str, table: str
) -> Callable[[str], dt.date | None]:
    """Return a function that reads one day of a column.

    Parameters
    ----------
    texts
        The column: it tells whether 05/12/2022 has the month first, or the day.
    where, table
        Of the column, for errors.

    Raises
    ------
    InvalidDataError
        If some days have the month first, and others the day.

    Examples
    --------
    >>> column = ["05/12/2022", "25/12/2022"]
    >>> read = day_reader(column, where="x.csv", table="prices")
    >>> [read(each).isoformat() for each in column]
    ['2022-12-05', '2022-12-25']
    """
    pairs = [
        (int(match[1]), int(match[2]), text)
        for text in texts
        if (match := _SLASHED_PARTS.match(text.strip()))
    ]
    day_first = [text for one, _, text in pairs if one > 12]
    month_first = [text for _, two, text in pairs if two > 12]
    if day_first and month_first:
        problem = (
            f"{where}: {month_first[0][:30]!r} has the month first, and "
            f"{day_first[0][:30]!r} the day: write all days as 2022-09-02."
        )
        raise InvalidDataError(table, problem)
    return partial(read_day, day_first=bool(day_first))


def read_day(text: str, *, day_first: bool = False) -> dt.date | None:
    """Return the day that a text writes in one of those ways, None if it does not.

    Of 09/02/2022 the first is the month, unless `day_first`.

    Examples
    --------
    >>> read_day("July 9, 2025"), read_day("1976")
    (datetime.date(2025, 7, 9), None)
    """
    plain = _FOOTNOTE.sub("", text).strip()
    slashed = "%d/%m/%Y" if day_first else "%m/%d/%Y"
    shapes = (*_SHAPES, (_SLASHED, slashed, ""))
    for shape, form, _ in shapes:
        if not re.fullmatch(shape, plain):
            continue
        cut = plain[:10] if form == "%Y-%m-%d" else plain
        if "." not in form:
            cut = re.sub(r"[.,]", "", cut)
        cut = _SEPT.sub("Sep ", cut)
        for each in (form, form.replace("%B", "%b")):
            with contextlib.suppress(ValueError):
                return dt.datetime.strptime(cut, each).date()  # noqa: DTZ007 - a day
    return None
