"""`Finding`: the offending rows of an audit, and a line of text about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from lakebt.errors import listed
from lakebt.lake.tables.arrow import take
from lakebt.lake.tables.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from lakebt._typing import IntVector
    from lakebt.lake.tables.arrow import BoolVector
    from lakebt.lake.tables.schemas import TableSpec


Severity: TypeAlias = Literal["fail", "warn"]
"""Whether a finding keeps a release from being published."""

MATTERS = (
    *("columns", "choices", "empty"),
    *("known_after_cutoff", "duplicates", "no_session", "before_close"),
    *("positive", "high_low", "open_range", "close_range", "volume", "finite"),
    *("effective", "known_before", "report_date", "contradiction", "twice"),
    *("terms", "itself", "ex_date", "valid_to", "rates"),
    *("endings", "overlap", "dividends"),
)
"""The audits that always fail, in the order in which they are listed."""

MEANT = ("midnight",)
"""The audits that fail unless `warn_on` names them: what they find may be meant."""

WARNS = (
    *("jumps", "gaps", "untraded", "rebased", "members", "coverage", "moved"),
    *("margins", "placeholders"),
    *("ratios", "splits", "large_dividends", "stale", "no_bars"),
)
"""The audits that warn unless `fail_on` names them."""

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The objection of one audit to rows of one table.

    Attributes
    ----------
    table, audit
        The table, and the audit.
    severity
        ``"fail"`` or ``"warn"``.
    message
        One line: the number of rows, the first few of them, and the cure.
    rows
        All offending rows, with their numbers in the publication (`row`, from 0) if
        they have one, and with the offending figure.
    """

    table: str
    audit: str
    severity: Severity
    message: str
    rows: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Handed:
    """Typed rows of one table, with their places in the publication.

    Attributes
    ----------
    spec
        The table's spec.
    rows
        As `lakebt.lake.publishing.normalisation` returns them, or some of those.
    places
        The place of each row in the publication, from 0.
    """

    spec: TableSpec
    rows: pa.Table
    places: IntVector

    def at(self, which: IntVector) -> Handed:
        """Return the rows at the positions `which`."""
        return Handed(
            spec=self.spec, rows=take(self.rows, which), places=self.places[which]
        )

    def frame(self, figures: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows as a DataFrame, after their places, before `figures`."""
        return numbered(frame(self.rows), self.places).assign(**(figures or {}))

    def where(
        self,
        audit: str,
        broken: BoolVector,
        what: str,
        *,
        shown: Sequence[str] = (),
        cure: str,
        severity: Severity = "fail",
    ) -> Iterator[Finding]:
        """Yield a finding if any row is `broken`.

        Parameters
        ----------
        audit
            The name of the audit.
        broken
            A mask of rows.
        what
            The text after "2 rows have".
        shown
            Columns to show beside the key.
        cure
            What to do, without a full stop.
        severity
            By default a failure.
        """
        which = np.flatnonzero(broken)
        if len(which) == 0:
            return
        key = self.spec.key
        names = (*key, *(name for name in shown if name not in key))
        first = take(self.rows, which[:_SHOWN]).select(names).to_pylist()
        lines = [
            f"row {place}: {listed(f'{n} {v}' for n, v in row.items())}"
            for place, row in zip(self.places[which], first, strict=False)
        ]
        yield Finding(
            table=self.spec.name,
            audit=audit,
            severity=severity,
            message=f"{some(len(which))} {what} ({sample(lines, len(which))}). {cure}.",
            rows=self.at(which).frame(),
        )


def unreadable(spec: TableSpec, problem: str) -> Finding:
    """Return the finding for a table whose columns could not be read."""
    return Finding(
        table=spec.name,
        audit="columns",
        severity="fail",
        message=problem,
        rows=pd.DataFrame(),
    )


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which they are listed, those of users last."""
    order = (*MATTERS, *MEANT, *WARNS)
    return sorted(
        found,
        key=lambda each: order.index(each.audit) if each.audit in order else len(order),
    )


def numbered(rows: pd.DataFrame, places: IntVector) -> pd.DataFrame:
    """Return rows with their places first, in a new DataFrame."""
    frame = rows.reset_index(drop=True)
    frame.insert(0, "row", places)
    return frame


def first(rows: pd.DataFrame) -> list[Any]:
    """Return the few rows that a message shows, with their columns as attributes."""
    return list(rows.head(_SHOWN).itertuples())


def some(count: int, noun: str = "row") -> str:
    """Return "1 row has" or "2 rows have"."""
    return f"1 {noun} has" if count == 1 else f"{count} {noun}s have"


def sample(told: Sequence[str], count: int, *, by: str = "; ") -> str:
    """Return the first few of `count` things, and how many there are more."""
    shown = told[:_SHOWN]
    more = [f"and {count - len(shown)} more"] if count > len(shown) else []
    return by.join([*shown, *more])
