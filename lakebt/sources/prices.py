"""Convert daily bars in the long layout of common downloads.

One row per symbol and day: ``date``, ``symbol``, ``open``, ``high``, ``low``,
``close``, ``basis``, with or without ``volume``.

What the words of the ``basis`` column become:

=====================  ================  ============================================
in the file            in the lake       meaning
=====================  ================  ============================================
``split_adj``          `split_adjusted`  adjusted for splits, not for dividends
``split_adj_recon``    `split_adjusted`  the same, recovered from another source
``div_adj``            `total_return`    all four prices scaled down for dividends paid
                                         later, so that returns include them
=====================  ================  ============================================

lakebt's own words mean themselves. Note that a symbol may change its basis on the way;
every result lists the bases it rests on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError, listed
from lakebt.sources.converted import Converted

if TYPE_CHECKING:
    from collections.abc import Mapping


TABLE = "prices"

BASES: Mapping[str, str] = {
    "raw": "raw",
    "split_adjusted": "split_adjusted",
    "total_return": "total_return",
    "split_adj": "split_adjusted",
    "split_adj_recon": "split_adjusted",
    "div_adj": "total_return",
}
"""The lake's word for the basis of a price, by the file's."""

REQUIRED = ("symbol", "date", "open", "high", "low", "close", "basis")


def convert_prices(frame: pd.DataFrame) -> Converted:
    """Return a long table of bars as rows of ``prices``.

    Parameters
    ----------
    frame
        As described above. ``date`` holds dates, or text; other columns are left out,
        and listed: an adjusted close beside unadjusted prices is good for ratios only.

    Returns
    -------
    Converted
        One row per row. `known_at` is not given: a bar is known from its session's
        close, which is the lake's own rule.

    Raises
    ------
    InvalidDataError
        If a column is missing, or a basis has no word in the lake.
    """
    if missing := [name for name in REQUIRED if name not in frame.columns]:
        problem = (
            f"a table of prices needs column {missing[0]!r}; there are "
            f"{listed(frame.columns, is_quoted=True)}. Rename the one that is meant."
        )
        raise InvalidDataError(TABLE, problem)
    basis = frame["basis"].map(BASES)
    if basis.isna().any():
        row = int(basis.isna().to_numpy().argmax())
        problem = (
            f"row {row}: basis {frame['basis'].iloc[row]!r} is none of "
            f"{', '.join(BASES)}."
        )
        raise InvalidDataError(TABLE, problem)
    kept = [name for name in (*REQUIRED, "volume") if name in frame.columns]
    out = frame[kept].assign(basis=basis, date=_dates(frame["date"]))
    left_out = tuple(name for name in frame.columns if name not in kept)
    return Converted(
        table=TABLE,
        frame=out.rename(columns={"date": "session"}),
        n_read=len(frame),
        left_out=left_out,
    )


def _dates(days: pd.Series) -> pd.Series:
    """Return midnights as dates; the lake explains what is wrong with anything else."""
    if not pd.api.types.is_datetime64_dtype(days):
        return days
    if (days != days.dt.normalize()).any():
        return days
    dates: pd.Series = days.dt.date
    return dates
