"""Erasure of rows that must not be kept, and its certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.inputs.checks import check_function, check_switch
from lakebt.lake.api.base import LakeBase
from lakebt.lake.erasure.certificate import as_frame
from lakebt.lake.erasure.erase import erase
from lakebt.lake.storage.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.storage.reach import Step


class Erasures(LakeBase):
    """The methods of a lake that erase rows."""

    def erase(
        self,
        table: str,
        *,
        where: Mapping[str, Any],
        reason: str,
        by: str | None = None,
        dry_run: bool = False,
        progress: Step | None = None,
    ) -> Erasure:
        """Erase rows of a table from every release, branch, tag and file of the lake.

        All vintages of the matching rows go, retracted ones too. They leave releases,
        branches, tags of other engines, files that nothing refers to, the bounds in
        manifests, statistics, old metadata, and the panels cached on this machine.
        A text of theirs that no remaining row has is replaced by ``[erased]`` in the
        notes, labels and file names of releases, and in trials. Releases keep their
        names and digests, and are marked as redacted.

        If the process is killed, the lake is either the old one or the new one; the
        next `open` finishes the work. The certificate then lacks its proof: call
        `erase` again with the same arguments to complete it.

        Parameters
        ----------
        table : str
            A fact table: see `Lake.tables`.
        where : mapping
            The rows, as in `View.read`: ``{"symbol": "ACME"}``. It may not be empty.
        reason : str
            Why. The certificate keeps this text, so it may not hold what is erased.
        by : str, optional
            Who erases. The default is the user who is logged in.
        dry_run : bool, default False
            Report what would happen and change nothing.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Erasure
            The number of `rows` that each release lost, the files before and after, and
            the other places that still hold the same texts (`elsewhere`). The lake
            keeps its certificate: see `erasures`.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used, no row matches, or the lake's catalog is
            not SQL and so cannot change several tables in one transaction.
        LakeError
            If a file is gone, damaged or cannot be written, or if another engine
            deleted rows by position.
        UnknownNameError
            If there is no such table or column.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from lakebt import Lake
        >>> changes = pd.DataFrame(
        ...     [
        ...         ["SP500", "PENN", "deletion", "2022-09-02", "2022-09-19"],
        ...         ["SP500", "CSGP", "addition", "2022-09-02", "2022-09-19"],
        ...     ],
        ...     columns=["index", "symbol", "side", "announced", "effective"],
        ... )
        >>> directory = tempfile.TemporaryDirectory()
        >>> lake = Lake.open(directory.name)
        >>> release = lake.publish(
        ...     {"index_changes": changes}, release="R1", as_of="2022-12-01T00:00:00Z"
        ... )
        >>> done = lake.erase(
        ...     "index_changes", where={"symbol": "PENN"}, reason="licence ended"
        ... )
        >>> done.n_rows, done.releases
        (1, ('R1',))
        >>> [change.symbol for change in lake.at("R1").changes(index="SP500")]
        ['CSGP']
        >>> directory.cleanup()
        """
        check_switch("dry_run", dry_run)
        check_function("progress", progress)
        return erase(
            self._storage,
            table,
            where=where,
            reason=reason,
            by=by,
            now=self._clock(),
            zone=self._sessions.zone,
            dry_run=dry_run,
            step=progress,
        )

    def erasures(self) -> pd.DataFrame:
        """List the erasures of the lake, oldest first.

        Returns
        -------
        DataFrame
            A row per certificate, also of a lake behind `lakebt serve` or another
            catalog: `id`, `at` (UTC), `by`, `reason`, `table`, `columns`, `rows`,
            `releases`, and `is_proved`: True if all files were read afterwards and none
            held the texts, or if there was no text to look for. The full certificate is
            the file ``erasures/ID.json`` in the lake's folder, or beside the folder of
            the table `releases` in an object store.

        Raises
        ------
        LakeError
            If they cannot be read.
        """
        with translated(self._storage.where):
            return as_frame(self._storage.erasures.certificates())
