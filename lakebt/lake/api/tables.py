"""The fact tables of a lake: listing, declaring and clustering them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.inputs.checks import check_switch
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import check_main
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.declaring.declaration import checked
from lakebt.lake.declaring.declare import declare, listed
from lakebt.lake.keeping.cluster import cluster
from lakebt.lake.tables.specs import Specs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lakebt.lake.keeping.cluster import Clustering


class Tables(LakeBase):
    """The methods of a lake that list, declare and cluster tables."""

    def declare(
        self,
        name: str,
        *,
        key: Sequence[str],
        columns: Mapping[str, str],
        known_at: str | None = None,
        order: Sequence[str] | None = None,
    ) -> None:
        """Declare a table of your own; it is then published and read like the others.

        Declaring the same table again changes nothing. You can add columns that may be
        empty to a table that has rows: earlier releases read them as null. Nothing else
        of a table can change.

        Parameters
        ----------
        name : str
            A letter, then at most 62 letters, digits or _. Names that differ only in
            case are the same.
        key : sequence of str
            The columns that identify a fact. Rows with the same key are vintages of
            it. They hold text, dates or instants.
        columns : mapping of str to str
            What each column holds, the key's columns included: ``text``, ``number``,
            ``date``, ``instant`` or ``flag``, with ``?`` at the end if it may be empty.
            lakebt adds `known_at` and `retracted` to every table.
        known_at : str, optional
            The column that gives `known_at` when a row has none: an instant, or a date,
            which counts as known at the end of its day in New York.
        order : sequence of str, optional
            The sort order of rows: the key's columns in another order.

        Raises
        ------
        ConflictError
            If other writers kept changing the table first.
        InvalidArgumentError
            If a name, a kind, the key, `known_at` or `order` cannot be used.
        LakeError
            If the lake cannot be written, or the table's declaration is damaged.
        TableExistsError
            If the table exists and differs from this declaration.
        UnknownNameError
            If the key or `known_at` names a column that is not in `columns`.

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
        """Choose how new files of prices are sorted: by session or by symbol.

        Reads return the same rows; only the share of the files that they touch changes:
        see docs/scale.md. Existing files keep their order until they are folded, so
        choose before you publish the first prices. Files that Spark writes are always
        sorted by session.

        Parameters
        ----------
        by : {"session", "symbol"}
            ``session``, the default of a new lake: reads of some sessions skip the
            others. ``symbol``: reads of some symbols over all sessions skip the other
            symbols, and reads of some sessions touch whole blocks of two calendar
            years.
        dry_run : bool, default False
            Report what would happen and change nothing.

        Returns
        -------
        Clustering
            The order of new files `before` and `after`.

        Raises
        ------
        ConflictError
            If other writers kept changing the lake first.
        InvalidArgumentError
            If this lake is a branch.
        LakeError
            If the lake cannot be written, or `lakebt serve` serves it: then choose on
            the server, where the lake lies.
        UnknownNameError
            If `by` is neither of the two.

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
        """Return the fact tables, the built-in ones first.

        Returns
        -------
        DataFrame
            `name`, `key`, `columns` (what each holds, as in `declare`), `rows` (all
            vintages in the newest release) and `declared` (whether a user declared it).
            A table with a damaged declaration is not listed; using it raises an error
            that says why.
        """
        tables, ledger = read_state(self._storage)
        return listed(Specs(tables), ledger.newest)
