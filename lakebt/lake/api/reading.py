"""Reading a lake: its releases, views of them, and their differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, NothingKnownError
from lakebt.inputs.checks import check_switch
from lakebt.instants import parse_instant
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import placed
from lakebt.lake.committing.ledger import Release, as_frame, read_state
from lakebt.lake.reading.duckdb_views import SCHEMA, duck_views
from lakebt.lake.reading.release_tables import Pinned
from lakebt.lake.reading.view import View
from lakebt.lake.spark.diff import diff
from lakebt.lake.storage.scan import Cache

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    import pandas as pd
    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.reading.diff import Diff
    from lakebt.lake.storage.catalog import Storage


class Reading(LakeBase):
    """The methods of a lake that read it."""

    def __init__(
        self,
        storage: Storage,
        *,
        exchange: str,
        clock: Callable[[], dt.datetime],
    ) -> None:
        super().__init__(storage, exchange=exchange, clock=clock)
        self._cache = Cache()

    def releases(
        self, labels: Mapping[str, str] | None = None, *, ended: bool = False
    ) -> pd.DataFrame:
        """Return the releases, in the order of their publication.

        Parameters
        ----------
        labels : mapping of str to str, optional
            Only releases with all of these labels.
        ended : bool, default False
            Whether to list ended releases too. They can no longer be read.

        Returns
        -------
        DataFrame
            `name`, `sequence`, `as_of`, `committed_at`, the `tables` and number of
            `rows` published with it, `note` and `labels`. `files` lists the files that
            the rows were read from: `lakebt publish` notes their name, SHA-256, bytes,
            format and rows. `redactions` lists what was erased from the release since:
            `erased_at`, `because`, `certificate` and `rows` by table. With `ended`
            also `ended_at`, NaT for living releases, and `ended_because`.

        Raises
        ------
        InvalidArgumentError
            If `labels` is no mapping, or `ended` is neither True nor False.
        """
        check_switch("ended", ended)
        if labels is not None and not isinstance(labels, Mapping):
            msg = f"labels must map texts to texts, was {labels!r}"
            raise InvalidArgumentError(msg)
        wanted = dict(labels or {}).items()
        ledger = self._ledger()
        listed = ledger.releases if ended else ledger.living
        return as_frame(
            (r for r in listed if wanted <= dict(r.labels).items()), ended=ended
        )

    def at(self, release: str, *, as_of: object = None) -> View:
        """Open a release, as known at its cutoff or at an earlier instant.

        The name of a branch's release begins with the branch, as ``"cleaned.R2"``. In
        the branch itself (`Lake.branch`), ``"R2"`` works too.

        Parameters
        ----------
        release : str
            Its name.
        as_of : str or datetime, optional
            What was known by then is seen; by default by the cutoff.

        Raises
        ------
        BrokenReleaseError
            If the release is not what the ledger says.
        InvalidArgumentError
            If `as_of` is later than the release's cutoff.
        NothingKnownError
            If nothing was known at `as_of`.
        ReleaseEndedError
            If the release has ended.
        UnknownNameError
            If there is no such release.
        """
        storage, name = placed(self._storage, release)
        tables, ledger = read_state(storage)
        pinned = ledger.get(name)
        instant = pinned.as_of
        if as_of is not None:
            instant = parse_instant(as_of, what="as_of")
            if instant > pinned.as_of:
                msg = (
                    f"as_of {instant.isoformat()} is later than the cutoff of release "
                    f"{pinned.name!r}, {pinned.as_of.isoformat()}: a release knows "
                    f"nothing after it"
                )
                raise InvalidArgumentError(msg)
        return self._view(pinned, instant, tables, storage)

    def as_of(self, instant: object) -> View:
        """Open the newest release, as known at an instant.

        The newest release is the one with the highest `sequence`. If the instant is
        later than that release's cutoff, the view says so.

        Parameters
        ----------
        instant : str or datetime
            What was known by then is seen. A text is ISO 8601, with a zone.

        Raises
        ------
        BrokenReleaseError
            If the release is not what the ledger says.
        InvalidArgumentError
            If `instant` is later than the clock.
        NothingKnownError
            If nothing was known at `instant`.
        """
        known_at = parse_instant(instant, what="as_of")
        now = self._clock()
        if known_at > now:
            msg = (
                f"as_of {known_at.isoformat()} lies ahead of the clock, which says "
                f"{now.isoformat()}"
            )
            raise InvalidArgumentError(msg)
        tables, ledger = read_state(self._storage)
        newest = ledger.newest
        if newest is None:
            raise NothingKnownError(known_at, None)
        return self._view(newest, known_at, tables, self._storage)

    def duckdb_views(self, names: str | Iterable[str] | None = None) -> str:
        """Return SQL that creates DuckDB views of releases and branches, by name.

        DuckDB cannot read Iceberg branches or tags by name. Each table gets a view for
        each name, as ``quant."prices@R1"``, with all vintages. The views read metadata
        files that are deleted about ten commits later: do not store the SQL, but call
        this again. Through ``lakebt serve`` DuckDB reads such names without views.

        Parameters
        ----------
        names : str, or iterable of str, optional
            Releases and branches; a branch stands for its newest release. The default
            is the newest release and every branch.

        Returns
        -------
        str
            For DuckDB with its extension ``iceberg``; of a lake in a bucket it needs
            ``httpfs`` and a secret, too.

        Raises
        ------
        BrokenReleaseError
            If a release no longer is what the ledger says.
        InvalidArgumentError
            If `names` names nothing, or a branch that was dropped.
        ReleaseEndedError
            If a release ended.
        UnknownNameError
            If there is no such release or branch.
        """
        views = duck_views(self._storage, names)
        return "\n".join([SCHEMA, *(each.statement for each in views)]) + "\n"

    def _view(
        self,
        release: Release,
        instant: dt.datetime,
        tables: Mapping[str, Table],
        storage: Storage,
    ) -> View:
        pinned = Pinned.check(
            release,
            tables,
            storage=storage,
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
            Its name.
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
        seen: dict[str | None, tuple[Mapping[str, Table], Ledger]] = {}

        def view(release: str) -> View:
            storage, name = placed(self._storage, release)
            if storage.branch not in seen:  # of two releases the tables are the same
                seen[storage.branch] = read_state(storage)
            tables, ledger = seen[storage.branch]
            pinned = ledger.get(name)
            return self._view(pinned, pinned.as_of, tables, storage)

        return diff(table, view(before), view(after))
