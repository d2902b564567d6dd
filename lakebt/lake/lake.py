"""The lake: publish releases into it, and open views of them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, NothingKnownError
from lakebt.instants import parse_instant, system_clock
from lakebt.lake.api.keeping import Keeping
from lakebt.lake.api.publishing import Publishing
from lakebt.lake.api.spark import Sparking, use_spark
from lakebt.lake.api.tables import Declaring
from lakebt.lake.api.trials import Trying
from lakebt.lake.committing.ledger import Ledger, Release, as_frame, read_ledger
from lakebt.lake.reading.release_tables import Pinned
from lakebt.lake.reading.view import View
from lakebt.lake.spark.diff import diff
from lakebt.lake.storage.catalog import Storage, open_catalog, open_path
from lakebt.lake.storage.scan import Cache
from lakebt.lake.tables.schemas import LEDGER
from lakebt.sessions import Sessions
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from lakebt.lake.reading.diff import Diff
    from lakebt.lake.tables.specs import Specs


class Lake(Publishing, Declaring, Keeping, Trying, Sparking):
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
        engine: str = "local",
        spark: object = None,
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
        engine : {"local", "spark"}
            With ``"spark"`` a Spark session is started, or the one that runs is taken.
        spark : pyspark.sql.SparkSession, optional
            Your own, made with `spark_conf`. With either, Spark compares releases,
            `publish` takes Spark's DataFrames, and `spark_read` gives them.

        Raises
        ------
        InvalidArgumentError
            If not exactly one of `path` and `catalog` is given, the exchange is not
            known, or `spark` is no session.
        LakeError
            If there is no lake, or it cannot be read or made; or Spark cannot be had.

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
        use_spark(storage, engine=engine, session=spark)
        return cls(storage, exchange=exchange, clock=clock)

    def __repr__(self) -> str:
        ledger = self._ledger()
        newest = ledger.newest
        last = "" if newest is None else f", the last {newest.name!r}"
        living = count(len(ledger.living), "release")
        return f"Lake({self._storage.name!r}: {living}{last})"

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
