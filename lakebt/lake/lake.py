"""`Lake`: how it is opened. Its other methods are in `lakebt.lake.api`, by subject."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from lakebt._messages import as_words
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_function, check_switch
from lakebt.instants import system_clock
from lakebt.lake.api.branches import Branches
from lakebt.lake.api.erasures import Erasures
from lakebt.lake.api.keeping import Keeping
from lakebt.lake.api.lineage import Lineages
from lakebt.lake.api.places import Places
from lakebt.lake.api.publishing import Publishing
from lakebt.lake.api.reading import Reading
from lakebt.lake.api.spark import Spark, use_spark
from lakebt.lake.api.tables import Tables
from lakebt.lake.api.trials import Trials
from lakebt.lake.committing.branches import opened
from lakebt.lake.keeping.copies import bring
from lakebt.lake.keeping.exchange import agreed_calendar, wanted_calendar
from lakebt.lake.keeping.move import settle
from lakebt.lake.storage.catalog import check_clock, open_catalog, open_path
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lakebt.lake.storage.reach import Step


class Lake(
    Reading,
    Publishing,
    Branches,
    Tables,
    Keeping,
    Erasures,
    Places,
    Trials,
    Lineages,
    Spark,
):
    """Tables of facts, published as releases and read through views.

    `Lake.open` makes one.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> changes = pd.DataFrame(
    ...     [["SP500", "PENN", "deletion", "2022-09-02", "2022-09-19"]],
    ...     columns=["index", "symbol", "side", "announced", "effective"],
    ... )
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = Lake.open(directory.name)
    >>> release = lake.publish(
    ...     {"index_changes": changes}, release="R1", as_of="2022-12-01T00:00:00Z"
    ... )
    >>> lake.releases()[["name", "rows"]].values.tolist()
    [['R1', 1]]
    >>> lake.at("R1").changes(index="SP500")[0].symbol
    'PENN'
    >>> directory.cleanup()
    """

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        catalog: str | None = None,
        branch: str | None = None,
        create: bool = True,
        check: bool = True,
        exchange: str | None = None,
        closed: Iterable[dt.date | str] = (),
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
        branch : str, optional
            Open this branch of the lake, as `Lake.branch` does.
        create : bool, default True
            Whether to make what is missing.
        check : bool, default True
            Whether its tables must be readable. If not, `doctor` says what is wrong.
        exchange : str, optional
            The exchange whose sessions count, by its ISO 10383 code. The lake keeps it.
            The default is the exchange that the lake was made with, and XNYS for a new
            lake. Days, deadlines and the known_at of dates follow this exchange.
        closed : iterable of date or str, optional
            Days on which the exchange did not open, although the installed calendar
            says so. The lake keeps them.
        clock : callable
            Returns the present instant: `as_of` may not lie ahead of it.
        engine : {"local", "spark"}
            ``"spark"`` uses the Spark session that runs, or starts one.
        spark : pyspark.sql.SparkSession, optional
            A session of your own, made with `spark_conf`. With a session, Spark
            compares releases, `publish` takes Spark DataFrames, and `spark_read`
            returns them.

        Raises
        ------
        InvalidArgumentError
            If not exactly one of `path` and `catalog` is given, the exchange is not
            known or not the lake's, a closed day has bars, `clock` is not a clock, or
            `spark` is not a session.
        LakeError
            If there is no lake, it cannot be read or made, or Spark is not available.
        UnknownNameError
            If the lake has no such branch.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     Lake.open(directory).releases().empty
        True

        A fact that was announced on a day is known when that day ends, in Tokyo nine
        hours before it ends in London:

        >>> changes = pd.DataFrame(
        ...     [["IX", "A", "addition", "2022-09-02", "2022-09-19"]],
        ...     columns=["index", "symbol", "side", "announced", "effective"],
        ... )
        >>> for exchange in ("XTKS", "XLON"):
        ...     with tempfile.TemporaryDirectory() as directory:
        ...         lake = Lake.open(directory, exchange=exchange)
        ...         release = lake.publish(
        ...             {"index_changes": changes},
        ...             release="R1",
        ...             as_of="2022-12-01T12:00:00Z",
        ...         )
        ...         change = lake.at("R1").changes(index="IX")[0]
        ...         print(exchange, change.known_at)
        XTKS 2022-09-02 14:59:59.999999+00:00
        XLON 2022-09-02 22:59:59.999999+00:00
        """
        check_switch("create", create)
        check_switch("check", check)
        if (path is None) == (catalog is None):
            msg = "pass the path of a lake or catalog=, one of the two"
            raise InvalidArgumentError(msg)
        check_function("clock", clock)
        wanted = wanted_calendar(exchange, closed)
        storage = (
            open_path(path, create=create, check=check, exchange=wanted)
            if path is not None
            else open_catalog(str(catalog), create=create, check=check, exchange=wanted)
        )
        use_spark(storage, engine=engine, session=spark)
        kept = agreed_calendar(
            storage, wanted, is_named=exchange is not None, check=check
        )
        if branch is not None:
            storage = opened(storage, branch)
        return cls(storage, exchange=kept, clock=clock)

    @classmethod
    def import_(
        cls,
        source: str | Path,
        path: str | Path,
        *,
        clock: Callable[[], dt.datetime] = system_clock,
        progress: Step | None = None,
    ) -> Lake:
        """Make a lake from an export or a backup, in a new folder, and open it.

        Parameters
        ----------
        source : str or Path
            What `export` or `backup` wrote: a folder, or ``s3://bucket/folder``.
        path : str or Path
            A folder that is not there yet, or empty.
        clock : callable
            As in `open`.
        progress : callable, optional
            Called with the amount done and the total.

        Raises
        ------
        InvalidArgumentError
            If something is in that folder.
        LakeError
            If the source is no lake, or an unfinished copy, or a file of it is gone or
            damaged.
        """
        check_function("clock", clock)
        check_function("progress", progress)
        bring(source, path, step=progress)
        return cls.open(path, create=False, clock=clock)

    @classmethod
    def settle(
        cls,
        path: str | Path,
        *,
        home: str | Path,
        clock: Callable[[], dt.datetime] = system_clock,
        progress: Step | None = None,
    ) -> Lake:
        """Open a lake that was moved or copied by hand, where it lies now.

        Its metadata still holds the old place, so `open` refuses it. This rewrites the
        paths in one transaction, as `move` does. If the process is killed before the
        commit, nothing has changed.

        Parameters
        ----------
        path : str or Path
            Where it lies.
        home : str or Path
            Where it lay, as the error of `open` says.
        clock : callable
            As in `open`.
        progress : callable, optional
            Called with the amount done and the total.

        Raises
        ------
        InvalidArgumentError
            If its metadata holds another place than `home`, or already the right one.
        LakeError
            If it is not a lake, or cannot be read or written.
        """
        check_function("clock", clock)
        check_function("progress", progress)
        return cls.open(settle(path, home, step=progress), create=False, clock=clock)

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process as an address, which is opened there.

        Raises
        ------
        InvalidArgumentError
            If its clock, or its Spark session, cannot travel.
        """
        check_clock(self._clock)
        return self.__dict__

    def __deepcopy__(self, memo: object) -> Lake:
        return self  # two of them would be one lake

    @as_words
    def __repr__(self) -> str:
        ledger = self._ledger()
        newest = ledger.newest
        last = "" if newest is None else f", the last {newest.name!r}"
        living = count(len(ledger.living), "release")
        branch = self._storage.branch
        where = "" if branch is None else f", branch {branch!r}"
        return f"Lake({self._storage.name!r}{where}: {living}{last})"

    def _repr_html_(self) -> str:
        frame = self.releases()
        frame["tables"] = frame["tables"].map(", ".join)
        shown = frame[["name", "as_of", "tables", "rows", "note"]]
        rows = {"rows": "{:,}".format}
        table = shown.to_html(index=False, border=0, max_rows=30, formatters=rows)
        branch = self._storage.branch
        where = "" if branch is None else f", branch {html.escape(branch)}"
        name = html.escape(self._storage.name)
        return f"<p><b>lake {name}{where}</b></p>{table}"
