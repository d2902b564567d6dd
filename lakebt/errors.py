"""Every error and warning that lakebt raises on purpose.

Catch `LakebtError` to catch them all. A bad argument is a `ValueError` too. Each leaf
carries its facts as attributes and says in its message what, where, and what to do
next.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING

from lakebt._messages import listed as listed  # noqa: PLC0414 - for those who raise
from lakebt._messages import printable, shortened

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lakebt._typing import Report


class LakebtError(Exception):
    """Base of every error raised by lakebt.

    Examples
    --------
    >>> import lakebt
    >>> try:
    ...     lakebt.CostModel(commission_bps=-1)
    ... except lakebt.LakebtError as error:
    ...     print(type(error).__name__)
    InvalidArgumentError
    """

    def __str__(self) -> str:
        return printable(self._message())

    def _message(self) -> str:
        return shortened(super().__str__())


class InvalidArgumentError(LakebtError, ValueError):
    """An argument has a value that cannot be used. The message says how to cure it."""

    def _message(self) -> str:
        # What was passed may be a frame, which is written in lines.
        return re.sub(r"\s*\n\s*", " ", super()._message())


class InvalidDataError(LakebtError, ValueError):
    """Data handed over for publication breaks a rule of its table.

    Attributes
    ----------
    table
        The table it was meant for.
    problem
        What is wrong, with the first offending value and its row.
    """

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(table, problem)  # all of them: errors must pickle
        self.table, self.problem = table, problem

    def _message(self) -> str:
        return f"{self.table}: {self.problem} Nothing was published."


class AuditError(InvalidDataError):
    """A release fails its audits, and was not published.

    Attributes
    ----------
    table, problem
        The first failure, and how many more there are.
    report : lakebt.AuditReport
        All findings, with the offending rows.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> import pandas as pd
    >>> prices = pd.DataFrame({"symbol": ["PENN"], "session": "2022-09-02"})
    >>> prices = prices.assign(open=31, high=32, low=30, close=-31.5, basis="raw")
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     lake = lakebt.Lake.open(directory)
    ...     try:
    ...         lake.publish(
    ...             {"prices": prices}, release="R1", as_of="2022-12-01T00:00:00Z"
    ...         )
    ...     except lakebt.AuditError as error:
    ...         print(error.table, error.report.failures[0].audit)
    prices positive
    """

    def __init__(self, table: str, problem: str, report: Report) -> None:
        super().__init__(table, problem)
        self.args = (table, problem, report)  # all of them: errors must pickle
        self.report = report


class UnknownNameError(LakebtError, ValueError):
    """A table, release, index, fund, symbol or column does not exist.

    Attributes
    ----------
    kind, name
        The kind of thing and the name that was given.
    known
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = tuple(known)
        name = str(name)  # whatever was passed
        super().__init__(kind, name, known)
        self.kind, self.name, self.known = kind, name, known

    def _message(self) -> str:
        plain = {name.casefold(): name for name in self.known}
        close = difflib.get_close_matches(self.name.casefold(), plain, n=1)
        hint = f" Did you mean {plain[close[0]]!r}?" if close else ""
        joined = unicodedata.normalize("NFC", self.name)
        if joined != self.name and joined in self.known:
            hint = (
                " Its accents are separate characters: pass it in Unicode's form NFC."
            )
        name, known = shortened(repr(self.name)), listed(self.known)
        return f"unknown {self.kind} {name}.{hint} Known: {known}."


class LookAheadError(LakebtError):
    """An order needs a fact that was not yet known when it had to be sent.

    Attributes
    ----------
    fact
        The fact, in words.
    known_at
        The UTC instant from which it could be known; None if it never was.
    needed_by
        The UTC instant before which the order had to be sent; None if no order could
        be dated without the fact.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=1)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     lake = lakebt.Lake.open(directory)
    ...     release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    ...     rule = {"index": "SIM", "entries": ["AD@close"], "exits": ["+1"]}
    ...     try:
    ...         lakebt.Study(lake.at("R1"), **rule, on_look_ahead="raise").plan()
    ...     except lakebt.LookAheadError as error:
    ...         print(error.known_at > error.needed_by)
    True
    """

    def __init__(
        self, fact: str, known_at: dt.datetime | None, needed_by: dt.datetime | None
    ) -> None:
        super().__init__(fact, known_at, needed_by)
        self.fact, self.known_at, self.needed_by = fact, known_at, needed_by

    def _message(self) -> str:
        known = (
            "never known"
            if self.known_at is None
            else f"known at {_utc(self.known_at)}"
        )
        needed = (
            "" if self.needed_by is None else f", needed before {_utc(self.needed_by)}"
        )
        return (
            f"{self.fact}: {known}{needed}. Enter later, use a fact that was public by "
            f'then, or pass on_look_ahead="mask" to leave the cell empty.'
        )


class UntradeableError(LakebtError):
    """Every cell of a study is untradeable, so there is nothing to show."""


class LakeError(LakebtError):
    """The lake itself cannot be used: missing, unreadable, not writable or corrupt."""


class ReleaseExistsError(LakebtError):
    """A release is write-once, and another release has or had this name.

    Attributes
    ----------
    name, held
        The name that was given, and the release that has it.
    why
        How the two differ.
    ended_at
        When the release that has the name ended, UTC; None if it has not.
    """

    def __init__(
        self, name: str, held: str, why: str, ended_at: dt.datetime | None = None
    ) -> None:
        super().__init__(name, held, why, ended_at)
        self.name, self.held, self.why, self.ended_at = name, held, why, ended_at

    def _message(self) -> str:
        if self.ended_at is not None:
            return (
                f"release {self.held!r} existed until {_utc(self.ended_at)}, and "
                f"{self.name!r} {self.why}. A name is used once, even after its "
                f"release has ended: publish under a new name."
            )
        return (
            f"release {self.held!r} already exists, and {self.name!r} {self.why}. "
            f"A release is write-once: publish under a new name."
        )


class ReleaseEndedError(LakebtError):
    """A release has ended and cannot be read: dropped, or past its `retain_days`.

    Attributes
    ----------
    release
        Its name.
    ended_at
        When it ended, UTC.
    because
        The reason.
    """

    def __init__(self, release: str, ended_at: dt.datetime, because: str) -> None:
        super().__init__(release, ended_at, because)
        self.release, self.ended_at, self.because = release, ended_at, because

    def _message(self) -> str:
        return (
            f"release {self.release!r} ended at {_utc(self.ended_at)}: {self.because}. "
            f"Read another release: `lake.releases()` lists those that live."
        )


class BrokenReleaseError(LakebtError):
    """A release is not what the ledger says: its tag was moved or its data is gone."""

    def __init__(self, release: str, table: str, problem: str) -> None:
        super().__init__(release, table, problem)
        self.release, self.table, self.problem = release, table, problem

    def _message(self) -> str:
        return (
            f"release {self.release!r} cannot be trusted: table {self.table}: "
            f"{self.problem}. Read another release, or restore the table from a backup."
        )


class TableExistsError(LakebtError):
    """A table exists already, and differs from what is declared.

    Attributes
    ----------
    table
        Its name.
    why
        The first thing in which the two differ.
    """

    def __init__(self, table: str, why: str) -> None:
        super().__init__(table, why)
        self.table, self.why = table, why

    def _message(self) -> str:
        return (
            f"table {self.table!r} exists already, and {self.why}. Declare it as it "
            f"is, or under another name: nothing but a column that may be empty can be "
            f"added to it."
        )


class ForeignCommitError(LakebtError):
    """A table of the lake was written by something other than lakebt."""

    def __init__(self, table: str, expected: int | None, found: int | None) -> None:
        super().__init__(table, expected, found)
        self.table, self.expected, self.found = table, expected, found

    def _message(self) -> str:
        return (
            f"table {self.table} was written by something other than lakebt: its head "
            f"is {_snapshot(self.found)}, the ledger says {_snapshot(self.expected)}. "
            f"`lake.doctor()` says by whom, and how to adopt it or roll it back."
        )


class ConflictError(LakebtError):
    """Other writers kept committing first. Nothing was written; try again."""


class NothingKnownError(LakebtError, ValueError):
    """Nothing in the lake was known yet at the given instant."""

    def __init__(self, as_of: dt.datetime, earliest: dt.datetime | None) -> None:
        super().__init__(as_of, earliest)
        self.as_of, self.earliest = as_of, earliest

    def _message(self) -> str:
        nothing = f"nothing in the lake was known at {self.as_of.isoformat()}"
        if self.earliest is None:
            return f"{nothing}: the lake is empty. Publish a release first."
        return (
            f"{nothing}: the earliest known_at is {self.earliest.isoformat()}. "
            f"Ask for a later instant."
        )


class LedgerWarning(UserWarning):
    """A trial could not be recorded; its result is returned all the same."""

    def __str__(self) -> str:
        return printable(super().__str__())


class SettingsWarning(UserWarning):
    """A commit drops properties of a table that no table of a lake may have."""

    def __str__(self) -> str:
        return printable(super().__str__())


class AuditWarning(UserWarning):
    """A release was published with findings that only warn: jumps, gaps and the like.

    Attributes
    ----------
    report : lakebt.AuditReport
        All findings, with the rows.

    Examples
    --------
    >>> import tempfile, warnings
    >>> import lakebt
    >>> import pandas as pd
    >>> close = pd.Series([31.0, 310.0], name="close")
    >>> prices = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], close))
    >>> prices = prices.assign(
    ...     symbol="PENN", session=["2022-09-01", "2022-09-02"], basis="raw"
    ... )
    >>> with (
    ...     tempfile.TemporaryDirectory() as directory,
    ...     warnings.catch_warnings(record=True, action="always") as caught,
    ... ):
    ...     lake = lakebt.Lake.open(directory)
    ...     release = lake.publish(
    ...         {"prices": prices}, release="R1", as_of="2022-12-01T00:00:00Z"
    ...     )
    >>> caught[0].message.report.warnings[0].audit
    'jumps'
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        cure = "`lake.audit` with the same arguments shows the rows, `fail_on` refuses"
        return printable(f"{self.report.summary} {cure} them.")


def _utc(instant: dt.datetime) -> str:
    return f"{instant.replace(tzinfo=None).isoformat(sep=' ')} UTC"


def _snapshot(number: int | None) -> str:
    return "no snapshot" if number is None else f"snapshot {number}"
