"""Rows of ``corporate_actions`` as sources make them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError
from lakebt.sources.converted import Converted
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence


TABLE = "corporate_actions"

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One corporate action, per share held at the close before its `ex_date`.

    Attributes
    ----------
    symbol, kind, ex_date
        Whose, what, and the first session without the entitlement.
    cash, ratio, other, currency, label, source
        As the table has them; None where there is none.
    known_at
        When it became public; None where the lake is to derive it.
    """

    symbol: str
    kind: str
    ex_date: dt.date
    cash: float | None = None
    ratio: float | None = None
    other: str | None = None
    currency: str | None = None
    label: str | None = None
    known_at: dt.datetime | None = None
    source: str | None = None


def converted(
    rows: Iterable[ActionRow],
    *,
    n_read: int,
    dropped: Mapping[str, int],
    noted: Sequence[str] = (),
) -> Converted:
    """Return rows as a frame, sorted by symbol, day and kind.

    Parameters
    ----------
    rows
        What is kept.
    n_read, dropped, noted
        As `Converted` has them. Columns that no row fills are left away.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    ordered = sorted(rows, key=lambda row: (row.symbol, row.ex_date, row.kind))
    names = [each.name for each in fields(ActionRow)]
    frame = pd.DataFrame([asdict(row) for row in ordered], columns=names)
    empty = [name for name in names if frame[name].isna().all()]
    made = Converted(
        table=TABLE,
        frame=frame.drop(columns=empty),
        n_read=n_read,
        dropped={why: number for why, number in dropped.items() if number},
        noted=tuple(noted),
    )
    if not ordered:
        summary = made.summary().removeprefix(f"{TABLE}: ")
        raise InvalidDataError(TABLE, f"there is no corporate action: {summary}.")
    return made


def named(what: str, cases: Sequence[str]) -> tuple[str, ...]:
    """Return one note that names the first of some cases, or none if there are none.

    Parameters
    ----------
    what
        In the plural, as "splits not believed".
    cases
        As "T 2022-04-11 1.324".

    Examples
    --------
    >>> named("splits not believed", ["T 2022-04-11 1.324", "GE 2023-01-04 1.281"])
    ('splits not believed (2): T 2022-04-11 1.324, GE 2023-01-04 1.281',)
    """
    if not cases:
        return ()
    more = len(cases) - _NAMED
    tail = f" and {count(more, 'other')}" if more > 0 else ""
    return (f"{what} ({len(cases):,}): {', '.join(cases[:_NAMED])}{tail}",)
