"""Numbers of one file as people write them: 1,234.5 or 1.234,5, but not both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Mapping


DECIMAL_COMMAS = "decimal commas"

_AMERICAN = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
_EUROPEAN = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_WITH_COMMA = r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?(?:[eE][-+]?\d+)?"
_MONEY = r"[$€£\s]"


def read_numbers(
    columns: Mapping[str, pd.Series], *, where: str, table: str, semicolons: bool
) -> tuple[dict[str, pd.Series], tuple[str, ...]]:
    """Return columns of text as numbers, and their notation if it is not 1,234.5.

    Parameters
    ----------
    columns
        Of one file, by name.
    where, table
        What they are of, and where their rows go, for errors.
    semicolons
        Whether the file parts its cells by them, as is done where commas are decimal.

    Returns
    -------
    numbers : dict of Series
        NaN for what is none.
    read_as : tuple of str
        How they are written, where not as 1,234.5: `DECIMAL_COMMAS`.

    Raises
    ------
    InvalidDataError
        If some numbers have decimal commas, and others commas between thousands.

    Examples
    --------
    >>> cells = {"close": pd.Series(["1.234,5", "2,25"])}
    >>> found, how = read_numbers(cells, where="x", table="prices", semicolons=True)
    >>> found["close"].tolist(), how
    ([1234.5, 2.25], ('decimal commas',))
    """
    numbers_read: dict[str, pd.Series] = {}
    texts: dict[str, pd.Series] = {}
    for name, values in columns.items():
        try:
            numbers_read[name] = pd.to_numeric(values).astype(float)
        except (ValueError, TypeError):  # most files need no more
            texts[name] = _plain(values)
    has_commas = _has_decimal_commas(texts, where, table, semicolons=semicolons)
    if has_commas:
        texts = {name: _plain(values) for name, values in columns.items()}
    for name, plain in texts.items():
        if has_commas:
            with_comma = plain.where(plain.str.fullmatch(_WITH_COMMA).fillna(False))  # noqa: FBT003
            with_comma = with_comma.str.replace(".", "", regex=False)
            with_comma = with_comma.str.replace(",", ".", regex=False)
        else:
            with_comma = plain.str.replace(",", "", regex=False)
        numbers_read[name] = pd.to_numeric(with_comma, errors="coerce").astype(float)
    ordered = {name: numbers_read[name] for name in columns}
    return ordered, ((DECIMAL_COMMAS,) if has_commas else ())


def _plain(values: pd.Series) -> pd.Series:
    return values.astype(str).str.replace(_MONEY, "", regex=True)


def _has_decimal_commas(
    texts: Mapping[str, pd.Series], where: str, table: str, *, semicolons: bool
) -> bool:
    """Whether the commas of a file stand before decimals.

    Raises
    ------
    InvalidDataError
        If some do, and others before thousands.
    """
    cells = {
        cell for values in texts.values() for cell in values.unique() if "," in cell
    }
    american = {cell for cell in cells if _AMERICAN.fullmatch(cell)}
    european = {cell for cell in cells if _EUROPEAN.fullmatch(cell)}
    if european - american and american - european:
        problem = (
            f"{where}: {min(european - american)[:30]!r} has a decimal comma, and "
            f"{min(american - european)[:30]!r} commas between thousands: write all "
            f"alike."
        )
        raise InvalidDataError(table, problem)
    if european - american:
        return True
    return semicolons and bool(european) and not american - european
