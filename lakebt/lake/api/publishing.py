"""Publishing rows under a release, or only auditing them."""

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
    """The methods of a lake that publish and audit."""

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
            Rows by table. A lake opened with Spark takes Spark DataFrames, too. Columns
            that lakebt can derive may be left out: `change_id`, and `known_at`, which
            comes from `announced` for a change and from the session's close for a bar.
        release : str
            The release's name: a letter, then letters, digits, - or _. A name is used
            only once, in any case of letters. A name with a branch before it, as
            ``"cleaned.R2"``, publishes into that branch.
        as_of : str or datetime
            The knowledge cutoff. No row may have a later `known_at`, and the cutoff may
            not be later than the clock.
        note : str
            What it is, in your words, for whoever reads the ledger.
        labels : mapping of str to str, optional
            What you call it by, such as ``{"vendor": "A"}``, kept in the ledger.
        files : list of mapping, optional
            The files of the rows, as ``lakebt publish`` notes them: plain values.
        retain_days : int, optional
            After this many days `retain` ends the release. By default it is kept.
        audits : mapping of str to function or list of functions, optional
            Your own, by table. Each takes the table's rows as `View.read` returns them,
            and returns the offending ones: a mask, rows (columns may say why), or None.
        fail_on : list of str, default ()
            Which of `jumps`, `gaps`, `untraded`, `rebased`, `members`, `coverage`,
            `moved`, `margins`, `placeholders`, `ratios`, `splits`, `large_dividends`,
            `stale` and `no_bars` fail instead of warning.
        warn_on : list of str, default ()
            Which of your own audits warn instead of failing.

        Returns
        -------
        Release
            If the name exists with the same tables and `as_of`, whatever the order of
            the rows, this is the existing release.

        Warns
        -----
        AuditWarning
            Before anything is written, if there are findings that do not fail.
        SettingsWarning
            Before the commit, if it drops properties that others gave a table.

        Raises
        ------
        AuditError
            If rows break a rule of their table, or an audit fails. It has the report.
        ConflictError
            If other publishers kept committing first.
        ForeignCommitError
            If a table was written by something other than lakebt.
        InvalidArgumentError
            If an argument cannot be used.
        InvalidDataError
            If an audit of your own cannot be run.
        LakeError
            If the lake cannot be written.
        ReleaseExistsError
            If a release of that name has other content.
        UnknownNameError
            If there is no such table.
        """
        storage, name = placed_anew(self._storage, release)
        with brought(tables, storage=storage, exchange=self._exchange) as spark_rows:

            def prepared(specs: Specs) -> Publication:
                return prepare(
                    spark_rows,
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
                if storage.branch is not None:  # only its server writes a branch
                    with contextlib.suppress(MovedOnError):
                        return self._publish(anew, storage)
                return self._publish(anew, storage, at_once=False)

    def _by_what_is_known(
        self, prepared: Callable[[Specs], Publication]
    ) -> Publication:
        """Prepare a publication with the last known specs of the tables.

        The specs may be outdated: `check_known` compares them with the lake before the
        commit.

        Raises
        ------
        LakebtError
            If the tables cannot be prepared with the current specs.
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
        """Publish a prepared publication.

        Parameters
        ----------
        publication
        storage
            The storage of main or of a branch.
        first
            The findings of audits beside an empty lake.
        at_once
            Whether a server may commit it in one request. The tables may then have
            changed since it was prepared.

        Raises
        ------
        MovedOnError
            If the tables have changed.
        """
        check = Comparison(
            publication, storage=storage, sessions=self._sessions, first=first
        )

        def check_both(tables: Mapping[str, Table], ledger: Ledger) -> None:
            if at_once:
                check_known(publication, tables)
            check(tables, ledger)

        # A lake opened with Spark also folds files with it, while a server folds them
        # in memory. But only the server writes branches of a served lake.
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
        """Report what `publish` would do with the same arguments; publish nothing.

        Nothing is written, except that Spark rows are staged on an Iceberg branch that
        is removed again.

        Parameters
        ----------
        tables, release, as_of, audits, fail_on, warn_on
            As for `publish`.

        Returns
        -------
        AuditReport
            The `findings`, the offending `rows` of each, the number of rows that the
            lake lacks (`tables`), and whether `publish` would succeed (`ok`).

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
        with brought(tables, storage=storage, exchange=self._exchange) as spark_rows:
            publication = examine(
                spark_rows,
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
    """Check that the tables are still those that a publication was prepared with.

    Raises
    ------
    MovedOnError
        If a table was declared anew since then, or is gone.
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
    """Return what publishing into a new lake would do, without making the lake.

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
    """Publish into a new lake, which is made after the rows pass their audits.

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
    """Return the first rows of each table as they would be published.

    Parameters
    ----------
    lake
        None for a lake that is not made yet.
    tables
        The rows to publish.
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
    """Return the built-in tables and the sessions of a new lake's exchange."""
    return {"specs": Specs({}), "sessions": Exchange(wanted_calendar(*calendar))}


def _check_main(release: object) -> None:
    """Check that a release name has no branch in it: a new lake has no branches.

    Raises
    ------
    UnknownNameError
        If the name has a branch in it.
    """
    if (branch := branch_in(release)) is not None:
        raise UnknownNameError("branch", branch, ())
