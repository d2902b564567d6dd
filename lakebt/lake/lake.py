"""The lake: publish releases into it, and open views of them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lakebt.errors import (
    InvalidArgumentError,
    NothingKnownError,
)
from lakebt.instants import parse_instant, system_clock
from lakebt.lake.committing.releases import Ledger, Release, as_frame, read_ledger
from lakebt.lake.declaring.methods import Declaring
from lakebt.lake.keeping.methods import Keeping
from lakebt.lake.publishing.audits.compare import Comparison
from lakebt.lake.publishing.audits.foresee import foreseen
from lakebt.lake.publishing.publication import examine, prepare
from lakebt.lake.publishing.publish import publish
from lakebt.lake.reading.diff import Diff, diff
from lakebt.lake.reading.pinned import Pinned
from lakebt.lake.reading.view import View
from lakebt.lake.storage.catalog import Storage, open_catalog, open_path
from lakebt.lake.storage.scan import Cache
from lakebt.lake.tables.schemas import LEDGER
from lakebt.lake.trials.methods import Trying
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from lakebt.lake.publishing.audits.own import Audits
    from lakebt.lake.publishing.audits.report import AuditReport
    from lakebt.lake.tables.specs import Specs


class Lake(Declaring, Keeping, Trying):
    """Tables of facts, published as releases and read through views.

    Made by `Lake.open`.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        exchange: str,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._storage = storage
        self._exchange = exchange
        self._clock = clock
        self._cache = Cache()

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        catalog: str | None = None,
        create: bool = True,
        check: bool = True,
        exchange: str = "XNYS",
        clock: Callable[[], dt.datetime] = system_clock,
    ) -> Lake:
        """Open a lake.

        Parameters
        ----------
        path : str or Path, optional
            Directory of an embedded lake: a SQLite catalog and local files.
        catalog : str, optional
            Instead: a catalog of pyiceberg's own configuration.
        create : bool, default True
            Whether to make what is missing.
        check : bool, default True
            Whether its tables must be readable. If not, `doctor` says what is wrong.
        exchange : str, default "XNYS"
            Whose sessions count.
        clock : callable
            Tells the present instant: `as_of` may not lie ahead of it.

        Raises
        ------
        InvalidArgumentError
            If not exactly one of `path` and `catalog` is given, or the exchange is not
            known.
        LakeError
            If there is no lake, or it cannot be read or made.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     Lake.open(directory).releases().empty
        True
        """
        if (path is None) == (catalog is None):
            msg = "pass the path of a lake or catalog=, one of the two"
            raise InvalidArgumentError(msg)
        if not isinstance(exchange, str):
            msg = f"exchange must be a code such as XNYS, was {exchange!r}"
            raise InvalidArgumentError(msg)
        if exchange != "XNYS":  # the default is known to be there, and takes 0.3 s
            Sessions.of(exchange)
        storage = (
            open_path(path, create=create, check=check)
            if path is not None
            else open_catalog(str(catalog), create=create, check=check)
        )
        return cls(storage, exchange=exchange, clock=clock)

    def __repr__(self) -> str:
        ledger = self._ledger()
        newest = ledger.newest
        last = "" if newest is None else f", the last {newest.name!r}"
        count = len(ledger.living)
        noun = "release" if count == 1 else "releases"
        return f"Lake({self._storage.name!r}: {count} {noun}{last})"

    def _repr_html_(self) -> str:
        frame = self.releases()
        frame["tables"] = frame["tables"].map(", ".join)
        shown = frame[["name", "as_of", "tables", "rows", "note"]]
        table = shown.to_html(index=False, border=0, max_rows=30)
        return f"<p><b>lake {html.escape(self._storage.name)}</b></p>{table}"

    def _sessions(self) -> Sessions:
        return Sessions.of(self._exchange)

    def _specs(self) -> Specs:
        """Return what the lake's fact tables are now."""
        self._storage.tables()
        return self._storage.specs

    def _ledger(self) -> Ledger:
        """Return the ledger as it is now."""
        return read_ledger(self._storage, self._storage.tables()[LEDGER])

    def publish(
        self,
        tables: Mapping[str, pd.DataFrame | pa.Table],
        *,
        release: str,
        as_of: object,
        note: str = "",
        labels: Mapping[str, str] | None = None,
        retain_days: int | None = None,
        audits: Audits | None = None,
        fail_on: Iterable[str] = (),
        warn_on: Iterable[str] = (),
    ) -> Release:
        """Publish tables under one new release, all or nothing.

        Parameters
        ----------
        tables : mapping of str to DataFrame or pyarrow.Table
            Rows by table. What a rule derives may be left out: `known_at` of a change
            from `announced` and of a bar from its session's close, and `change_id`.
        release : str
            Its name: a letter, then letters, digits, - or _. Used once, whatever its
            case.
        as_of : str or datetime
            The knowledge cutoff. No row may have been known later, and it may not lie
            ahead of the clock.
        note : str
        labels : mapping of str to str, optional
        retain_days : int, optional
            After so many days `retain` ends it. Kept for good by default.
        audits : mapping of str to function or list of functions, optional
            Your own, by table. One takes the table's rows as a DataFrame, as
            `View.read` gives them, and returns those that offend: a mask, some of the
            rows (with further columns that say why, if you like), or None.
        fail_on : list of str, default ()
            Which of `jumps`, `gaps`, `members` and `coverage` fail instead of warning.
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
        publication = prepare(
            tables,
            release=release,
            as_of=as_of,
            note=note,
            labels=labels,
            retain_days=retain_days,
            audits=audits,
            fail_on=fail_on,
            warn_on=warn_on,
            specs=self._specs(),
            now=self._clock(),
            sessions=self._sessions,
        )
        return publish(
            publication,
            storage=self._storage,
            now=self._clock,
            check=Comparison(
                publication, storage=self._storage, sessions=self._sessions
            ),
        )

    def audit(
        self,
        tables: Mapping[str, pd.DataFrame | pa.Table],
        *,
        release: str,
        as_of: object,
        audits: Audits | None = None,
        fail_on: Iterable[str] = (),
        warn_on: Iterable[str] = (),
    ) -> AuditReport:
        """Say what `publish` would do with the same arguments, and write nothing.

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
        publication = examine(
            tables,
            release=release,
            as_of=as_of,
            audits=audits,
            fail_on=fail_on,
            warn_on=warn_on,
            specs=self._specs(),
            now=self._clock(),
            sessions=self._sessions,
        )
        return foreseen(publication, storage=self._storage, sessions=self._sessions)

    def releases(
        self, labels: Mapping[str, str] | None = None, *, ended: bool = False
    ) -> pd.DataFrame:
        """Return the releases, in the order of their publication.

        Parameters
        ----------
        labels : mapping of str to str, optional
            Only those that carry all of these.
        ended : bool, default False
            Whether to list those that ended too, which can no longer be read.

        Returns
        -------
        DataFrame
            `name`, `sequence`, `as_of`, `committed_at`, `tables` (published with it),
            `rows` (published with it), `note`, `labels`. With `ended` also `ended_at`,
            NaT for those that live, and `ended_because`.
        """
        wanted = dict(labels or {}).items()
        ledger = self._ledger()
        listed = ledger.releases if ended else ledger.living
        return as_frame(
            (r for r in listed if wanted <= dict(r.labels).items()), ended=ended
        )

    def at(self, release: str, *, as_of: object = None) -> View:
        """Open a release, as known at its cutoff or at an earlier instant.

        Raises
        ------
        BrokenReleaseError
            If the release no longer is what the ledger says.
        InvalidArgumentError
            If `as_of` is later than the release's cutoff.
        NothingKnownError
            If nothing was known at `as_of`.
        ReleaseEndedError
            If it ended.
        UnknownNameError
            If there is no such release.
        """
        found = self._ledger().get(release)
        instant = found.as_of
        if as_of is not None:
            instant = parse_instant(as_of, what="as_of")
            if instant > found.as_of:
                msg = (
                    f"as_of {instant.isoformat()} is later than the cutoff of release "
                    f"{found.name!r}, {found.as_of.isoformat()}: a release knows "
                    f"nothing after it"
                )
                raise InvalidArgumentError(msg)
        return self._view(found, instant)

    def as_of(self, instant: object) -> View:
        """Open the newest release, as known at an instant.

        Newest is by `sequence`. The instant may lie past that release's cutoff, and the
        view then says so.

        Raises
        ------
        BrokenReleaseError
            If the release no longer is what the ledger says.
        InvalidArgumentError
            If `instant` lies ahead of the clock.
        NothingKnownError
            If nothing was known by then.
        """
        asked = parse_instant(instant, what="as_of")
        now = self._clock()
        if asked > now:
            msg = (
                f"as_of {asked.isoformat()} lies ahead of the clock, which says "
                f"{now.isoformat()}"
            )
            raise InvalidArgumentError(msg)
        newest = self._ledger().newest
        if newest is None:
            raise NothingKnownError(asked, None)
        return self._view(newest, asked)

    def _view(self, release: Release, instant: dt.datetime) -> View:
        pinned = Pinned.check(
            release,
            self._storage.tables(),
            storage=self._storage,
            cache=self._cache,
            sessions=self._sessions(),
            clock=self._clock,
        )
        return View(pinned, instant=instant)

    def diff(self, table: str, before: str, after: str) -> Diff:
        """Compare one table between two releases, by key.

        Parameters
        ----------
        table : str
        before, after : str
            Names of releases.

        Raises
        ------
        BrokenReleaseError
            If a release no longer is what the ledger says.
        ReleaseEndedError
            If one ended.
        UnknownNameError
            If there is no such table or release.
        """
        return diff(table, self.at(before), self.at(after))
