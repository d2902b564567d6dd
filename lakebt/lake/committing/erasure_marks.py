"""Erasures from a release; the ledger keeps them in reserved labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt._messages import as_words
from lakebt.instants import parse_instant
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

REDACTION_LABEL = "lakebt.redaction."
"""How the keys of such labels begin. The ledger's columns are those of old lakes, and a
lakebt that does not know the mark shows it as a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """A note that rows were erased from a release after it was published.

    Attributes
    ----------
    erased_at : datetime
        By the clock of the process that erased, UTC.
    because : str
        The reason.
    certificate : str
        The id of the certificate, which says what was erased and from where.
    rows : mapping of str to int
        The number of rows that the release lost, by table.

    Examples
    --------
    >>> import datetime as dt
    >>> day = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)
    >>> print(
    ...     Redaction(
    ...         erased_at=day,
    ...         because="a wish",
    ...         certificate="E1",
    ...         rows={"index_changes": 2},
    ...     )
    ... )
    2 rows erased from index_changes on 2026-03-01: a wish (certificate E1)
    """

    erased_at: dt.datetime
    because: str
    certificate: str
    rows: Mapping[str, int]

    @as_words
    def __str__(self) -> str:
        return self.words()

    def words(self, table: str | None = None) -> str:
        """Return the redaction as a sentence; with `table`, for that table only."""
        rows = self.rows if table is None else {table: self.rows.get(table, 0)}
        lost = ", ".join(
            f"{count(n, 'row')} erased from {name}" for name, n in sorted(rows.items())
        )
        return (
            f"{lost} on {self.erased_at:%Y-%m-%d}: {self.because} "
            f"(certificate {self.certificate})"
        )

    def told(self) -> dict[str, Any]:
        """Return the redaction as plain JSON values."""
        return {
            "erased_at": self.erased_at.isoformat(),
            "because": self.because,
            "certificate": self.certificate,
            "rows": dict(sorted(self.rows.items())),
        }


def redaction_labels(redactions: Iterable[Redaction]) -> Iterable[tuple[str, str]]:
    """Return redactions as reserved labels, as the ledger keeps them."""
    for number, redaction in enumerate(redactions):
        text = json.dumps(redaction.told(), ensure_ascii=False)
        yield f"{REDACTION_LABEL}{number}", text


def labels_and_redactions(
    labels: Mapping[str, str],
) -> tuple[dict[str, str], tuple[Redaction, ...]]:
    """Return the user's labels, and the redactions, oldest first."""
    others = {k: t for k, t in labels.items() if not k.startswith(REDACTION_LABEL)}
    if len(others) == len(labels):
        return others, ()
    numbers = range(len(labels) - len(others))
    records = (json.loads(labels[f"{REDACTION_LABEL}{number}"]) for number in numbers)
    return others, tuple(
        Redaction(
            erased_at=parse_instant(each["erased_at"], what="erased_at"),
            because=each["because"],
            certificate=each["certificate"],
            rows=dict(each["rows"]),
        )
        for each in records
    )
