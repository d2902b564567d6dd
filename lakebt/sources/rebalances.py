"""Convert a table of index rebalances: one row per added and removed pair.

The layout is that of most public lists of index changes:

=========================  =====  ====================================================
column                     needed what it holds
=========================  =====  ====================================================
``index_name``             yes    as in `lakebt.sources.index_names`, or any other
``announcement_date``      yes    the day of the release in New York; empty if unknown
``effective_date``         yes    the first session with the new membership
``added``, ``removed``     yes    tickers of the day; either may be empty, or ``-``, or
                                  a list: ``A, B; C``
``added_px``,              no     keys of the two in a table of prices; empty where it
``removed_px``                    has no usable bars
``reason_class``           no     as in `CAUSES_BY_NAME`
``announcement_quality``   no     exact, derived, news or none
``announcement_source``    no     where the announcement date is from
=========================  =====  ====================================================

**Which symbol.** That of the prices where one is given, else the ticker of the day.
Tickers are used again by other companies, so a ticker of the day that is also the price
key of another row would join prices that have nothing to do with the change: Dell left
an index in 2013, and the DELL of 2024 is another listing. Such a symbol gets the month
of its change, ``DELL-201310``, and joins nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError, listed
from lakebt.facts import ANNOUNCED_QUALITIES, CAUSES, Side
from lakebt.sources.converted import Converted
from lakebt.sources.index_names import lake_name
from lakebt.values.identifiers import is_placeholder, names_several, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping


TABLE = "index_changes"

CAUSES_BY_NAME: Mapping[str, str] = {
    **{cause: cause for cause in CAUSES},
    "merger_acquisition": "merger",
    "spinoff": "spin_off",
}
"""The lake's word for a cause, by the table's."""

QUALITIES_BY_NAME: Mapping[str, str] = {name: name for name in ANNOUNCED_QUALITIES}

REQUIRED = ("index_name", "announcement_date", "effective_date", "added", "removed")
OPTIONAL = (
    *("added_px", "removed_px"),
    *("reason_class", "announcement_quality", "announcement_source"),
)

_BETWEEN = re.compile(r"[,;|\n]")
_TICKERS = ("added", "removed", "added_px", "removed_px")

NO_DATE = "rows without an announcement date, so that no known_at can be derived"
NO_QUALITY = "rows whose announcement date is of quality none"
NO_LEG = "rows with nothing added and nothing removed"
TWICE = "legs told by an earlier row already"


def convert_rebalances(
    frame: pd.DataFrame, *, index_names: Mapping[str, str] | None = None
) -> Converted:
    """Return a table of rebalances as rows of ``index_changes``.

    Parameters
    ----------
    frame
        As described above. Dates may be dates or text. Other columns are left out, and
        listed.
    index_names
        The lake's name of an index, by the table's; all others are as in
        `lakebt.sources.index_names`.

    Returns
    -------
    Converted
        A row per ticker: a row's additions, then its deletions. `known_at` is not
        given: the lake derives it, as the end of the announcement's day in New York.

    Raises
    ------
    InvalidDataError
        If a column is missing, a cause or quality is not among those known, or nothing
        parts the several tickers of a cell.
    """
    if missing := [name for name in REQUIRED if name not in frame.columns]:
        problem = (
            f"a table of rebalances needs column {missing[0]!r}; there are "
            f"{listed(frame.columns, is_quoted=True)}. Rename the one that is meant."
        )
        raise InvalidDataError(TABLE, problem)
    text = pd.DataFrame(
        {
            name: _text(frame[name]) if name in frame.columns else ""
            for name in (*REQUIRED, *OPTIONAL)
        },
        index=frame.index,
    )
    for name in ("announcement_date", "effective_date", *_TICKERS):
        text[name] = text[name].map(lambda cell: "" if is_placeholder(cell) else cell)
    price_keys = {
        key
        for name in ("added_px", "removed_px")
        for c in text[name]
        for key in _parts(c)
    }
    known = index_names or {}
    dropped = dict.fromkeys((NO_DATE, NO_QUALITY, NO_LEG, TWICE), 0)
    legs: dict[tuple[str | None, ...], None] = {}  # a dict, as a set that keeps order
    for number, row in enumerate(text.to_dict("records")):
        quality = row["announcement_quality"]
        if not row["announcement_date"]:
            dropped[NO_DATE] += 1
            continue
        if quality == "none":
            dropped[NO_QUALITY] += 1
            continue
        common = (
            row["announcement_date"],
            row["effective_date"] or None,
            _word(row["reason_class"], CAUSES_BY_NAME, "reason_class", number),
            _word(quality, QUALITIES_BY_NAME, "announcement_quality", number),
            row["announcement_source"] or None,
        )
        index = known.get(row["index_name"]) or lake_name(row["index_name"])
        has_leg = False
        for name, side in (("added", Side.ADDITION), ("removed", Side.DELETION)):
            for ticker, key in _pairs(row[name], row[f"{name}_px"], name, number):
                symbol = _symbol(ticker, key, row["effective_date"], price_keys)
                if names_several(symbol, listed=True):
                    problem = (
                        f"row {number}: {name} {symbol!r} names several: give each a "
                        f"row of its own, or part them by commas."
                    )
                    raise InvalidDataError(TABLE, problem)
                has_leg = True
                leg = (index, symbol, side.value, *common)
                dropped[TWICE] += leg in legs
                legs[leg] = None
        dropped[NO_LEG] += not has_leg
    names = ("index", "symbol", "side", "announced", "effective")
    return Converted(
        table=TABLE,
        frame=pd.DataFrame(
            list(legs),
            columns=[*names, "cause", "announced_quality", "source"],
            dtype=object,
        ),
        n_read=len(frame),
        dropped={why: count for why, count in dropped.items() if count},
        left_out=tuple(name for name in frame.columns if name not in text.columns),
    )


def _pairs(tickers: str, keys: str, column: str, row: int) -> list[tuple[str, str]]:
    """Return each ticker of a cell with its key in the prices, empty if there is none.

    Raises
    ------
    InvalidDataError
        If there are keys, and not one for each ticker.
    """
    listed_here, keyed = _parts(tickers), _parts(keys)
    if not keyed or not listed_here:
        return [(t, "") for t in listed_here] or [("", key) for key in keyed]
    if len(listed_here) != len(keyed):
        problem = (
            f"row {row}: {column} {tickers!r} and {column}_px {keys!r} are not as "
            f"many: give each ticker its own key."
        )
        raise InvalidDataError(TABLE, problem)
    return list(zip(listed_here, keyed, strict=True))


def _parts(cell: str) -> list[str]:
    """Return what commas and the like part in a cell, without what stands for none."""
    parts = [trimmed(part) for part in _BETWEEN.split(cell)]
    return [part for part in parts if part and not is_placeholder(part)]


def _symbol(ticker: str, price_key: str, effective: str, price_keys: set[str]) -> str:
    """Return what a leg is called, so that it joins its own prices or none."""
    if price_key or ticker not in price_keys:
        return price_key or ticker
    return f"{ticker}-{effective[:7].replace('-', '')}"


def _word(value: str, words: Mapping[str, str], column: str, row: int) -> str | None:
    """Return the lake's word for `value`, None for an empty cell.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    if not value:
        return None
    if value not in words:
        problem = f"row {row}: {column} {value!r} is none of {', '.join(words)}."
        raise InvalidDataError(TABLE, problem)
    return words[value]


def _text(values: pd.Series) -> pd.Series:
    """Return dates as ISO text, nulls as empty text, and text without its margins."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d")
    return values.astype(object).where(values.notna(), "").astype(str).map(trimmed)
