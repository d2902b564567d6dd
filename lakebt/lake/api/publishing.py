"""Rows published under a release, or audited only."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

from lakebt.errors import LakebtError, UnknownNameError
from lakebt.instants import system_clock
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import placed_anew
from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.keeping.exchange import wanted_calendar
from lakebt.lake.publishing.audits.comparison import Comparison
from lakebt.lake.publishing.audits.preview import foreseen, foreseen_first
from lakebt.lake.publishing.first_rows import FirstRows, first_rows
from lakebt.lake.publishing.publication import examine, prepare
from lakebt.lake.publishing.publish import publish
from lakebt.lake.publishing.through_server import (
    MovedOnError,
    publish_through,
)
from lakebt.lake.spark.fold import rewriting
from lakebt.lake.spark.publish import brought
from lakebt.lake.tables.specs import Specs
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.table import Table
    from pyspark.sql import DataFrame

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.publishing.audits.audit_report import AuditReport
    from lakebt.lake.publishing.audits.user_audits import Audits
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.storage.catalog import Storage

    Calendar: TypeAlias = tuple[str | None, Sequence[str]]

NEW_YORKS: Calendar = (None, ())
"""The exchange, and the days on which it was closed, of a lake that is told neither."""


class Publishing(LakeBase):
    """The part of a lake that publishes."""

    def publish(
        self,
        tables: Mapping[str, pd.DataFrame | pa.Table | DataFrame],
        *,
        release: str,
        as_of: object,
        note: str = "",
        labels: Mapping[str, str] | None = None,
        files: Iterable[Mapping[str, object]] = (),
        retain_days: int | None = None,
        audits: Audits | None = None,
        fail_on: Iterable[str] = (),
        warn_on: Iterable[str] = (),
    ) -> Release:
        """Publish tables under one new release, all or nothing.

        Parameters
        ----------
        tables : mapping of str to DataFrame or pyarrow.Table
            Rows by table; of Spark's too, where the lake was opened with it. What a
            rule derives may be left out: `known_at` of a change from `announced` and of
            a bar from its session's close, and `change_id`.
        release : str
            Its name: a letter, then letters, digits, - or _. Used once, whatever its
            case. With that of a branch before it, as ``"cleaned.R2"``, it comes to the
            branch, as from the branch itself.
        as_of : str or datetime
            The knowledge cutoff. No row may have been known later, and it may not lie
            ahead of the clock.
        note : str
        labels : mapping of str to str, optional
        files : list of mapping, optional
            What the rows were read from, as ``lakebt publish`` notes it: plain values.
        retain_days : int, optional
            After this many days `retain` ends it. Kept for good by default.
        audits : mapping of str to function or list of functions, optional
            Your own, by table. One takes the table's rows as a DataFrame, as
            `View.read` gives them, and returns those that offend: a mask, some of the
            rows (with further columns that say why, if you like), or None.
        fail_on : list of str, default ()
            Which of `jumps`, `gaps`, `untraded`, `rebased`, `members`, `coverage`,
            `moved`, `margins`, `placeholders`, `ratios`, `splits`, `large_dividends`,
            `stale` and `no_bars` fail instead of warning.
        warn_on : list of str, default ()
            Which of your own warn instead of failing.

        Returns
        -------
        Release
            The same tables and `as_of` under the same name, whatever the order of rows,
            are the release that is there already.

        Warns
        -----
        AuditWarning
            Before anything is written, if there are findings that do not fail.
        SettingsWarning
            Before it is committed, if that drops properties that others gave a table.

        Raises
        ------
        AuditError
            If rows break a rule of their table, or an audit fails; with a report.
        ConflictError
            If other publishers kept coming first.
        ForeignCommitError
            If a table was written by something other than lakebt.
        InvalidArgumentError
            If an argument cannot be used.
        InvalidDataError
            If an audit of your own cannot be run.
        LakeError
            If the lake cannot be written.
        ReleaseExistsError
            If the name holds other content.
        UnknownNameError
            If there is no such table.
        """
        storage, name = placed_anew(self._storage, release)
        with brought(tables, storage=storage, exchange=self._exchange) as held:

            def prepared(specs: Specs) -> Publication:
                return prepare(
                    held,
                    release=name,
                    as_of=as_of,
                    note=note,
                    labels=labels,
                    files=files,
                    retain_days=retain_days,
                    audits=audits,
                    fail_on=fail_on,
                    warn_on=warn_on,
                    specs=specs,
                    now=self._clock(),
                    sessions=self._sessions,
                )

            publication = self._by_what_is_known(prepared)
            try:
                return self._publish(publication, storage)
            except MovedOnError:
                anew = prepared(self._specs())
                if storage.branch is not None:  # else its server writes it, or nobody
                    with contextlib.suppress(MovedOnError):
                        return self._publish(anew, storage)
                return self._publish(anew, storage, at_once=False)

    def _by_what_is_known(
        self, prepared: Callable[[Specs], Publication]
    ) -> Publication:
        """Prepare a publication by the tables there are, or were when last read.

        Whoever compares it with the lake sees whether they are others by now.

        Raises
        ------
        LakebtError
            If it cannot be prepared by those there are.
        """
        known = Specs(self._storage.loaded())
        try:
            return prepared(known)
        except LakebtError:
            if (now := self._specs()).same_as(known):
                raise
        return prepared(now)

    def _publish(
        self,
        publication: Publication,
        storage: Storage,
        *,
        first: AuditReport | None = None,
        at_once: bool = True,
    ) -> Release:
        """Publish what was prepared.

        Parameters
        ----------
        publication
        storage
            Of main, or of a branch.
        first
            What audits found beside no rows.
        at_once
            Whether a server may be asked to do it all, and the tables may be others by
            now than those it was prepared by.

        Raises
        ------
        MovedOnError
            If they are.
        """
        check = Comparison(
            publication, storage=storage, sessions=self._sessions, first=first
        )

        def check_both(tables: Mapping[str, Table], ledger: Ledger) -> None:
            if at_once:
                check_known(publication, tables)
            check(tables, ledger)

        # Whoever has Spark has it fold files, too, which a server does in memory; but
        # branches of a served lake are written by its server alone.
        if at_once and (storage.spark is None or storage.branch is not None):
            done = publish_through(
                publication, storage=storage, now=self._clock, check=check
            )
            if done is not None:
                return done
        with rewriting(storage) as rewriter:
            return publish(
                publication,
                storage=storage,
                rewriter=rewriter,
                now=self._clock,
                check=check_both,
            )

    def audit(
        self,
        tables: Mapping[str, pd.DataFrame | pa.Table | DataFrame],
        *,
        release: str,
        as_of: object,
        audits: Audits | None = None,
        fail_on: Iterable[str] = (),
        warn_on: Iterable[str] = (),
    ) -> AuditReport:
        """Say what `publish` would do with the same arguments, and publish nothing.

        Nothing is written; but of Spark's rows a branch, which is removed again.

        Parameters
        ----------
        tables, release, as_of, audits, fail_on, warn_on
            As for `publish`.

        Returns
        -------
        AuditReport
            Its `findings`, all the `rows` of each, how many rows the lake lacks
            (`tables`), and whether it would be published (`ok`).

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used.
        InvalidDataError
            If an audit of your own cannot be run.
        LakeError
            If the lake cannot be read.
        UnknownNameError
            If there is no such table.
        """
        storage, name = placed_anew(self._storage, release)
        with brought(tables, storage=storage, exchange=self._exchange) as held:
            publication = examine(
                held,
                release=name,
                as_of=as_of,
                audits=audits,
                fail_on=fail_on,
                warn_on=warn_on,
                specs=self._specs(),
                now=self._clock(),
                sessions=self._sessions,
            )
            return foreseen(publication, storage=storage, sessions=self._sessions)


def check_known(publication: Publication, tables: Mapping[str, Table]) -> None:
    """Check that tables are those by which a publication was prepared.

    Raises
    ------
    MovedOnError
        If one was declared anew since, or is gone.
    """
    now = Specs(tables)
    if any(now.get(name) != each.spec for name, each in publication.tables.items()):
        raise MovedOnError


def audit_first(
    tables: Mapping[str, pd.DataFrame | pa.Table],
    *,
    calendar: Calendar = NEW_YORKS,
    **arguments: Any,
) -> AuditReport:
    """Return what publishing into a lake that is yet to be made would do.

    Parameters
    ----------
    tables, **arguments
        As for `Lake.audit`.
    calendar
        As `Lake.open` would be given it.
    """
    first = _first(calendar)
    _check_main(arguments.get("release"))
    publication = examine(tables, **first, now=system_clock(), **arguments)
    return foreseen_first(publication, sessions=first["sessions"])


def publish_first(
    make: Callable[[], Publishing],
    tables: Mapping[str, pd.DataFrame | pa.Table],
    *,
    calendar: Calendar = NEW_YORKS,
    **arguments: Any,
) -> Release:
    """Publish into a lake that is made only if nothing fails. All is audited once.

    Parameters
    ----------
    make
        Makes the lake.
    tables, **arguments
        As for `Lake.publish`.
    calendar
        As `make` gives it to `Lake.open`.

    Raises
    ------
    AuditError
        If rows break a rule of their table, or an audit fails: no lake is made.
    """
    first = _first(calendar)
    _check_main(arguments.get("release"))
    publication = prepare(tables, **first, now=system_clock(), **arguments)
    report = foreseen_first(publication, sessions=first["sessions"])
    report.check()
    lake = make()
    try:
        return lake._publish(publication, lake._storage, first=report)  # noqa: SLF001 - of this module
    except MovedOnError:
        return lake._publish(publication, lake._storage, first=report, at_once=False)  # noqa: SLF001


def first_rows_of(
    lake: Publishing | None,
    tables: Mapping[str, pd.DataFrame],
    *,
    calendar: Calendar = NEW_YORKS,
) -> list[FirstRows]:
    """Return the first rows of tables as they would be published.

    Parameters
    ----------
    lake
        None for one that is yet to be made.
    tables
        What is handed over.
    calendar
        As `Lake.open` would be given it.
    """
    first = _first(calendar)
    if lake is not None:
        first = {"specs": lake._specs(), "sessions": lake._sessions}  # noqa: SLF001
    return [
        first_rows(data, spec=first["specs"].of(name), sessions=first["sessions"])
        for name, data in tables.items()
    ]


def calendar_of(lake: Publishing) -> str:
    """Return whose sessions count in a lake, as `Sessions.of` takes it."""
    return lake._exchange  # noqa: SLF001


def _first(calendar: Calendar) -> dict[str, Any]:
    """Return what a new lake has: the built-in tables, and its exchange's sessions."""
    return {"specs": Specs({}), "sessions": Exchange(wanted_calendar(*calendar))}


def _check_main(release: object) -> None:
    """Check that a release is not to come to a branch, which a new lake has none of.

    Raises
    ------
    UnknownNameError
        If it is.
    """
    if (branch := branch_in(release)) is not None:
        raise UnknownNameError("branch", branch, ())
