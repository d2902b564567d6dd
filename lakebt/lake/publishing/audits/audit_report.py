"""`AuditReport`: the findings of an audit, and what would be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.errors import AuditError, UnknownNameError, listed
from lakebt.values.text import count, marked

if TYPE_CHECKING:
    import datetime as dt

    from lakebt.lake.publishing.audits.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Count:
    """The number of rows of one table in a publication, and of those that are new.

    Attributes
    ----------
    table
        The table.
    rows
        Rows in the publication; None if they could not be read.
    new
        Rows that the lake lacks; None if they were not compared with it.
    """

    table: str
    rows: int | None
    new: int | None

    @property
    def there(self) -> int | None:
        """Rows that the lake has already; None if they were not compared with it."""
        if self.rows is None or self.new is None:
            return None
        return self.rows - self.new


@dataclass(frozen=True, kw_only=True, repr=False)
class AuditReport:
    """The findings of the audits of a publication, and whether it can be published.

    Attributes
    ----------
    release, as_of
        The name and the cutoff of the release.
    exists
        Whether the release is there already, with the same content.
    refused
        Why it cannot be published whatever its rows, as when its name is taken; empty
        if it can.
    counts
        Counts per table, in the order of the publication.
    found
        The findings, in the order in which they are shown.

    Examples
    --------
    A price that is no price keeps a release from being published:

    >>> import tempfile
    >>> import lakebt
    >>> import pandas as pd
    >>> prices = pd.DataFrame(
    ...     [["PENN", "2022-09-02", 31.0, 32.0, 30.0, -31.5, "raw"]],
    ...     columns=["symbol", "session", "open", "high", "low", "close", "basis"],
    ... )
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> report = lake.audit(
    ...     {"prices": prices}, release="R1", as_of="2022-12-01T00:00:00Z"
    ... )
    >>> report.ok
    False
    >>> report.offending()[["symbol", "close"]].drop_duplicates().values.tolist()
    [['PENN', -31.5]]
    >>> directory.cleanup()
    """

    release: str
    as_of: dt.datetime
    counts: tuple[Count, ...]
    found: tuple[Finding, ...]
    exists: bool = False
    refused: str = ""

    @property
    def ok(self) -> bool:
        """Whether it can be published or is there already: no audit fails."""
        return not self.refused and not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that keep it from being published."""
        return tuple(each for each in self.found if each.severity == "fail")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that only warn."""
        return tuple(each for each in self.found if each.severity == "warn")

    @property
    def findings(self) -> pd.DataFrame:
        """A row per finding: `table`, `audit`, `severity`, `rows`, `message`."""
        return pd.DataFrame(
            {
                "table": pd.Series([f.table for f in self.found], dtype="str"),
                "audit": pd.Series([f.audit for f in self.found], dtype="str"),
                "severity": pd.Series([f.severity for f in self.found], dtype="str"),
                "rows": pd.Series([len(f.rows) for f in self.found], dtype="int64"),
                "message": pd.Series([f.message for f in self.found], dtype="str"),
            }
        )

    @property
    def tables(self) -> pd.DataFrame:
        """A row per table: `table`, `rows`, `new`, `there` (in the lake already).

        Empty where rows could not be read, or were not compared with the lake.
        """
        counts = [(c.table, c.rows, c.new, c.there) for c in self.counts]
        frame = pd.DataFrame(counts, columns=["table", "rows", "new", "there"])
        return frame.astype(
            {"table": "str", "rows": "Int64", "new": "Int64", "there": "Int64"}
        )

    def rows(self, table: str, audit: str) -> pd.DataFrame:
        """Return all offending rows of a finding.

        Parameters
        ----------
        table, audit
            As in `findings`.

        Returns
        -------
        DataFrame
            `row` is the row's number in the publication, from 0; then the columns of
            the table, or those of the finding, with the offending figure.

        Raises
        ------
        UnknownNameError
            If there is no such finding.
        """
        parts = [f.rows for f in self.found if (f.table, f.audit) == (table, audit)]
        if not parts:
            known = dict.fromkeys(f"{f.table} {f.audit}" for f in self.found)
            raise UnknownNameError("finding", f"{table} {audit}", known)
        return pd.concat(parts, ignore_index=True)

    def offending(self) -> pd.DataFrame:
        """Return the rows of all findings below each other, for a file.

        Returns
        -------
        DataFrame
            `table`, `audit`, `severity`, then the columns of any finding.
        """
        parts = [
            pd.concat(
                [
                    pd.DataFrame(
                        {"table": f.table, "audit": f.audit, "severity": f.severity},
                        index=f.rows.index,
                    ),
                    f.rows,
                ],
                axis=1,
            )
            for f in self.found
        ]
        if not parts:
            return pd.DataFrame(columns=["table", "audit", "severity", "row"])
        return pd.concat(parts, ignore_index=True)

    def records(self) -> list[dict[str, Any]]:
        """Return a record per table, with its findings and their first rows."""
        return [
            {
                "release": self.release,
                "as_of": self.as_of,
                "table": count.table,
                "rows": count.rows,
                "new": count.new,
                "there": count.there,
                "ok": self.ok,
                "exists": self.exists,
                "refused": self.refused,
                "findings": [
                    {
                        "audit": f.audit,
                        "severity": f.severity,
                        "rows": len(f.rows),
                        "message": f.message,
                        "first": f.rows.head(3).to_dict(orient="records"),
                    }
                    for f in self.found
                    if f.table == count.table
                ],
            }
            for count in self.counts
        ]

    @property
    def verdict(self) -> str:
        """The outcome in one line: published, refused, or there already."""
        if self.refused:
            return self.refused
        if self.failures:
            fail = count(len(self.failures), "audit fails", many="audits fail")
            return f"release {self.release!r} would not be published: {fail}."
        if self.exists:
            return f"release {self.release!r} holds exactly this already."
        warnings = self.warnings
        also = f", with {count(len(warnings), 'finding')}" if warnings else ""
        return f"release {self.release!r} would be published{also}."

    @property
    def summary(self) -> str:
        """One line: the findings that only warn, each with its number of rows."""
        counts = [f"{f.table} {f.audit} ({len(f.rows):,})" for f in self.warnings]
        return f"release {self.release!r} has findings: {', '.join(counts)}."

    def check(self) -> None:
        """Check that no audit fails.

        Raises
        ------
        AuditError
            If one fails; with the first failure, and the number of others.
        """
        if not self.failures:
            return
        first, *others = self.failures
        problem = first.message
        if others:
            names = listed(dict.fromkeys(f"{f.table} {f.audit}" for f in others))
            fail = count(len(others), "more audit fails", many="more audits fail")
            problem += f" {fail}: {names}."
        raise AuditError(first.table, problem, self)

    @as_words
    def __str__(self) -> str:
        lines = [self.verdict]
        lines += [f"{f.severity}: {f.table} {f.audit}: {f.message}" for f in self.found]
        return "\n".join(lines)

    @as_words
    def __repr__(self) -> str:
        return f"AuditReport({self.verdict})"

    def _repr_html_(self) -> str:
        table = self.findings.to_html(index=False, border=0) if self.found else ""
        return marked(self.verdict, good=self.ok) + table
