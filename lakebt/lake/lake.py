"""The lake: publish releases into it, and open views of them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import (
    InvalidArgumentError,
    NothingKnownError,
    UnknownNameError,
)
from lakebt.instants import parse_instant, system_clock
from lakebt.lake.catalog import Storage, open_catalog, open_path
from lakebt.lake.diff import Diff, diff
from lakebt.lake.pinned import Pinned
from lakebt.lake.publication import prepare
from lakebt.lake.publish import publish
from lakebt.lake.releases import Ledger, Release, read_ledger
from lakebt.lake.scan import Cache
from lakebt.lake.schemas import LEDGER, SPECS
from lakebt.lake.view import View
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa


class Lake:
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
        exchange: str = "XNYS",
        clock: Callable[[], dt.datetime] = system_clock,
    ) -> Lake:
        """Open a lake.

        Parameters
        ----------
        path : str or Path, optional
            Directory of an embedded lake: a SQLite catalog and local files.
        catalog : str, optional
            Instead: a catalog of pyiceberg's own configuration. One that is not SQL can
            be read, not published into.
        create : bool, default True
            Whether to make what is missing.
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
            open_path(path, create=create)
            if path is not None
            else open_catalog(str(catalog), create=create)
        )
        return cls(storage, exchange=exchange, clock=clock)

    def __repr__(self) -> str:
        ledger = self._ledger()
        last = "" if ledger.last is None else f", the last {ledger.last.name!r}"
        count = len(ledger.releases)
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
            How long it is meant to be kept.

        Returns
        -------
        Release
            The same tables and `as_of` under the same name, whatever the order of rows,
            are the release that is there already.

        Raises
        ------
        ConflictError
            If other publishers kept coming first.
        ForeignCommitError
            If a table was written by something other than lakebt.
        InvalidArgumentError
            If an argument cannot be used.
        InvalidDataError
            If rows break a rule of their table.
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
            now=self._clock(),
            sessions=self._sessions,
        )
        return publish(publication, storage=self._storage, now=self._clock)

    def releases(self, labels: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Return the releases, in the order of their publication.

        Parameters
        ----------
        labels : mapping of str to str, optional
            Only those that carry all of these.

        Returns
        -------
        DataFrame
            `name`, `sequence`, `as_of`, `committed_at`, `tables` (published with it),
            `rows` (published with it), `note`, `labels`.
        """
        wanted = dict(labels or {}).items()
        found = [r for r in self._ledger().releases if wanted <= dict(r.labels).items()]
        instants = pd.DatetimeTZDtype("us", "UTC")
        return pd.DataFrame(
            {
                "name": pd.Series([r.name for r in found], dtype="str"),
                "sequence": pd.Series([r.sequence for r in found], dtype="int64"),
                "as_of": pd.Series([r.as_of for r in found], dtype=instants),
                "committed_at": pd.Series(
                    [r.committed_at for r in found], dtype=instants
                ),
                "tables": pd.Series([list(r.published) for r in found], dtype=object),
                "rows": pd.Series([r.rows for r in found], dtype="int64"),
                "note": pd.Series([r.note for r in found], dtype="str"),
                "labels": pd.Series([dict(r.labels) for r in found], dtype=object),
            }
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
        last = self._ledger().last
        if last is None:
            raise NothingKnownError(asked, None)
        return self._view(last, asked)

    def _view(self, release: Release, instant: dt.datetime) -> View:
        pinned = Pinned.check(
            release,
            self._storage.tables(),
            storage=self._storage,
            cache=self._cache,
            sessions=self._sessions(),
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
        UnknownNameError
            If there is no such table or release.
        """
        if table not in SPECS:
            raise UnknownNameError("table", str(table), SPECS)
        return diff(table, self.at(before), self.at(after))
