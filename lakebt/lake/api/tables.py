"""The tables of a lake, and how a user declares one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.inputs.checks import check_switch
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import check_main
from lakebt.lake.declaring.declaration import checked
from lakebt.lake.declaring.declare import declare, listed
from lakebt.lake.keeping.cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lakebt.lake.keeping.cluster import Clustering


class Tables(LakeBase):
    """The part of a lake that lists and declares tables."""

    def declare(
        self,
        name: str,
        *,
        key: Sequence[str],
        columns: Mapping[str, str],
        known_at: str | None = None,
        order: Sequence[str] | None = None,
    ) -> None:
        """Declare a table of your own, which is then published and read like the rest.

        Declaring again what is there changes nothing. Columns that may be empty can be
        added to a table that has rows: releases before it read null for them. Nothing
        else of a table can change.

        Parameters
        ----------
        name : str
            A letter, then at most 62 letters, digits or _. Unique whatever its case.
        key : sequence of str
            The columns that say what a row is a version of: text, dates or instants.
        columns : mapping of str to str
            What each column holds, those of the key included: ``text``, ``number``,
            ``date``, ``instant`` or ``flag``, with a ``?`` behind it where it may be
            empty. `known_at` and `retracted` are added to every table.
        known_at : str, optional
            The column that `known_at` is derived from where it is left out: an instant,
            or a date, which is known at the end of its day in New York.
        order : sequence of str, optional
            How rows are sorted: the key's columns in another order.

        Raises
        ------
        ConflictError
            If others kept changing the table.
        InvalidArgumentError
            If a name, a kind, the key, `known_at` or `order` cannot be used.
        LakeError
            If the lake cannot be written, or the table's declaration was damaged.
        TableExistsError
            If the table is there and is another one.
        UnknownNameError
            If the key or `known_at` name no column.

        Examples
        --------
        >>> import tempfile
        >>> from lakebt import Lake
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     lake = Lake.open(directory)
        ...     lake.declare(
        ...         "ratings",
        ...         key=["symbol", "agency"],
        ...         known_at="announced",
        ...         columns={
        ...             "symbol": "text",
        ...             "agency": "text",
        ...             "announced": "instant",
        ...             "rating": "text?",
        ...         },
        ...     )
        ...     lake.tables()["name"].tolist()[-2:]
        ['borrow', 'ratings']
        """
        check_main(self._storage)
        declaration = checked(
            name, key=key, columns=columns, known_at=known_at, order=order
        )
        declare(self._storage, declaration)

    def cluster_prices(self, by: str, *, dry_run: bool = False) -> Clustering:
        """Choose how prices lie in the files that are written from now on.

        Nothing that is read changes, only how much of the files has to be read for it:
        see docs/scale.md. Files that are there stay as they are until they are folded;
        so choose before the first prices are published. What Spark publishes or folds
        lies by session in any case.

        Parameters
        ----------
        by : {"session", "symbol"}
            ``session``, as in a new lake: some sessions are read without the others.
            ``symbol``: some symbols over all sessions are, and some sessions, two
            calendar years at a time.
        dry_run : bool, default False
            Only say what would happen.

        Returns
        -------
        Clustering
            How new files lay `before`, and lie `after`.

        Raises
        ------
        ConflictError
            If others kept changing the lake.
        InvalidArgumentError
            If this is a branch.
        LakeError
            If the lake cannot be written, or `lakebt serve` serves it: choose where it
            lies.
        UnknownNameError
            If `by` is neither.

        Examples
        --------
        >>> import tempfile
        >>> from lakebt import Lake
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     lake = Lake.open(directory)
        ...     print(lake.cluster_prices(by="symbol", dry_run=True).before)
        ...     print(lake.cluster_prices(by="symbol").after)
        session
        symbol
        """
        check_switch("dry_run", dry_run)
        check_main(self._storage)
        return cluster(self._storage, by, dry_run=dry_run)

    def tables(self) -> pd.DataFrame:
        """Return the tables of facts, the built-in ones first.

        Returns
        -------
        DataFrame
            `name`, `key`, `columns` (what each holds, as `declare` takes it), `rows`
            (all vintages in the newest release), `declared` (whether by a user). A
            table whose declaration was damaged since is not listed; using it says why.
        """
        specs = self._specs()
        return listed(specs, self._ledger().newest)
