"""Reading LEAN's factor and map files; a truncated file is refused."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.sources.corporate.action_rows import TABLE
from lakebt.sources.corporate.answers import read_answer
from lakebt.sources.corporate.downloads import LIST

if TYPE_CHECKING:
    from pathlib import Path


FACTORS, MAPS = "factor_files", "map_files"

ZERO = Decimal(0)

_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?\Z")
_NO_NUMBER = ("inf", "e+")


@dataclass(frozen=True, slots=True)
class Factors:
    """One line of a factor file; the reference is 0 where the file has none."""

    day: dt.date
    price: Decimal
    split: Decimal
    reference: Decimal


def files_in(path: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the factor files and the map files, by the instrument's name.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    if not path.exists():
        raise InvalidDataError(TABLE, f"{path} does not exist: check the path.")
    if (path / FACTORS).is_dir() or (path / MAPS).is_dir():
        factors, maps = _in_folder(path / FACTORS), _in_folder(path / MAPS)
    else:
        given = _in_folder(path) if path.is_dir() else {_name(path): path}
        place = path if path.is_dir() else path.parent
        kinds = {name: _is_factors(each) for name, each in given.items()}
        factors = {name: given[name] for name, is_one in kinds.items() if is_one}
        maps = {name: given[name] for name, is_one in kinds.items() if not is_one}
        beside = _in_folder(place.parent / MAPS) if factors else {}
        maps |= {name: each for name, each in beside.items() if name in factors}
    if not factors and not maps:
        problem = f"{path} holds no .csv: name the folder above {FACTORS}."
        raise InvalidDataError(TABLE, problem)
    return factors, maps


def _in_folder(folder: Path) -> dict[str, Path]:
    """Return the CSV files of a folder by name; none if there is no such folder."""
    files = sorted(folder.glob("*.csv")) if folder.is_dir() else []
    return {_name(each): each for each in files if each.name != LIST}


def _name(path: Path) -> str:
    return path.name.removesuffix(".csv").upper()


def _lines(path: Path) -> list[list[str]]:
    """Return the cells of the lines that hold something."""
    lines = read_answer(path).splitlines()
    return [line.strip().split(",") for line in lines if line.strip()]


def _is_factors(path: Path) -> bool:
    first = _lines(path)[0]
    return len(first) > 1 and _NUMBER.match(first[1]) is not None


def read_factors(path: Path) -> tuple[list[Factors], int]:
    """Return the lines of a factor file, and how many LEAN leaves out.

    They are of infinite, rounded or zero factors.

    Raises
    ------
    InvalidDataError
        If it is none, or cut off.
    """
    lines = _lines(path)
    rows: list[Factors] = []
    n_left_out = 0
    for number, cells in enumerate(lines, 1):
        if len(cells) != len(lines[0]) or not 3 <= len(cells) <= 5:
            why = "has another number of cells than the first"
            raise InvalidDataError(TABLE, _damage(path, number, why))
        if any(sign in cell for cell in cells[1:4] for sign in _NO_NUMBER):
            n_left_out += 1
            continue
        day = _day(cells[0], path, number)
        if rows and day <= rows[-1].day:
            why = f"does not follow {rows[-1].day}"
            raise InvalidDataError(TABLE, _damage(path, number, why))
        price, split, *reference = (_value(cell, path, number) for cell in cells[1:4])
        if price * split == 0:
            n_left_out += 1
            continue
        rows.append(Factors(day, price, split, reference[0] if reference else ZERO))
    if not rows or rows[-1].price != 1 or rows[-1].split != 1:
        why = "is the last, and its factors are not 1"
        raise InvalidDataError(TABLE, _damage(path, len(lines), why))
    return rows, n_left_out


def read_tickers(path: Path) -> list[tuple[dt.date, str]]:
    """Return the tickers of a map file, each with its last day; the first day first.

    Raises
    ------
    InvalidDataError
        If it is none, or cut off.
    """
    rows: list[tuple[dt.date, str]] = []
    for number, cells in enumerate(_lines(path), 1):
        ticker = cells[1].strip().upper() if len(cells) in {2, 3} else ""
        if not ticker or _NUMBER.match(ticker):
            raise InvalidDataError(TABLE, _damage(path, number, "is no day and ticker"))
        rows.append((_day(cells[0], path, number), ticker))
        if len(rows) > 1 and rows[-1][0] < rows[-2][0]:
            why = f"does not follow {rows[-2][0]}"
            raise InvalidDataError(TABLE, _damage(path, number, why))
    if len(rows) < 2:
        why = "is the only one, so that no last day is told"
        raise InvalidDataError(TABLE, _damage(path, 1, why))
    return rows


def _day(text: str, path: Path, number: int) -> dt.date:
    """Return a day.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        why = f"begins with {text[:20]!r}, no day"
        raise InvalidDataError(TABLE, _damage(path, number, why)) from None


def _value(text: str, path: Path, number: int) -> Decimal:
    """Return a factor or price.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    if not _NUMBER.match(text.strip()):
        why = f"has {text[:20]!r} for a number"
        raise InvalidDataError(TABLE, _damage(path, number, why))
    return Decimal(text.strip())


def _damage(path: Path, number: int, why: str) -> str:
    return (
        f"file {path}: line {number} {why}: it is cut off, or no file of LEAN's. "
        f"Fetch it again."
    )
