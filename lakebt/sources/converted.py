"""The rows that a source returns, and a count of those it dropped."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import listed
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Converted:
    """Rows for one table of the lake.

    Attributes
    ----------
    table
        The table they are for.
    frame
        The rows, in lakebt's columns. Not validated: the lake does that.
    n_read
        How many rows, or holdings, the source held.
    dropped
        What was not kept: a count by reason, in words. A reason says what it counts,
        because one row of a source may be two rows of the lake.
    left_out
        Columns of the source that have no place in the table.
    read_as
        What is not as usual in the file: how it is packed, its encoding, what parts its
        cells, its decimal commas.
    noted
        What to know of the rows that are kept, and which were not believed: sentences
        without a full stop.
    """

    table: str
    frame: pd.DataFrame
    n_read: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    read_as: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()

    @property
    def kept(self) -> int:
        """How many rows there are to publish."""
        return len(self.frame)

    def summary(self) -> str:
        """Return one line: rows kept and dropped, what was left out, how it was read.

        Examples
        --------
        >>> import pandas as pd
        >>> Converted(
        ...     table="index_changes",
        ...     frame=pd.DataFrame({"symbol": ["PENN", "INVH"]}),
        ...     n_read=3,
        ...     dropped={"rows without an announcement date": 2},
        ...     left_out=("note",),
        ... ).summary()
        'index_changes: 2 rows from 3 read; dropped: 2 rows without an announcement date; columns left out: note'
        """  # noqa: E501 - one line is the point
        kept = count(self.kept, "row")
        parts = [f"{self.table}: {kept} from {self.n_read:,} read"]
        reasons = [_counted(n, why) for why, n in self.dropped.items() if n]
        if reasons:
            parts.append(f"dropped: {', '.join(reasons)}")
        if self.left_out:
            parts.append(f"columns left out: {listed(self.left_out)}")
        if self.read_as:
            parts.append(f"read as {', '.join(self.read_as)}")
        if self.noted:
            parts.append(f"note: {'; '.join(self.noted)}")
        return "; ".join(parts)


def together(parts: Sequence[Converted]) -> Converted:
    """Return the rows of several sources of one table, and all that is told of them."""
    dropped: dict[str, int] = {}
    for part in parts:
        for why, number in part.dropped.items():
            dropped[why] = dropped.get(why, 0) + number
    return Converted(
        table=parts[0].table,
        frame=pd.concat([part.frame for part in parts], ignore_index=True),
        n_read=sum(part.n_read for part in parts),
        dropped=dropped,
        left_out=_once(part.left_out for part in parts),
        read_as=_once(part.read_as for part in parts),
        noted=_once(part.noted for part in parts),
    )


def _once(told: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(told)))


def _counted(number: int, why: str) -> str:
    """Return a number with a reason, whose first word is a plural."""
    first, _, rest = why.partition(" ")
    return count(number, f"{first.removesuffix('s')} {rest}", many=why)
