"""What must not be kept leaves a lake, and the certificates of that."""

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
    """The part of a lake that forgets."""

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

        All vintages of what matches go, those retracted too: from releases and branches
        and the tags of other engines, from files that nothing names, the smallest and
        largest values in manifests, statistics, old metadata, and the panels that were
        kept on this machine. Texts that no row has any more are replaced by
        ``[erased]`` in notes, labels and names of files of releases, and in trials.
        Releases keep their names and digests, and are marked as redacted. Killed at any
        instant, the lake is the old one or the new: whoever opens it next sees to that.
        The proof is missing then, and is made when the same is erased again, which
        completes the certificate.

        Parameters
        ----------
        table : str
            One of facts: `Lake.tables`.
        where : mapping
            Which rows, as `View.read` takes it: ``{"symbol": "ACME"}``. It may not be
            empty.
        reason : str
            Why. The certificate keeps it, so it may not hold what is erased.
        by : str, optional
            Who; by default the user who is logged in.
        dry_run : bool, default False
            Only say what would happen.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Erasure
            How many `rows` each release lost, the files before and after, and where the
            same texts are still: `elsewhere`. Its certificate is in the lake:
            `erasures`.

        Raises
        ------
        InvalidArgumentError
            If an argument cannot be used, nothing matches, or the lake's catalog is
            not SQL: where several tables cannot be changed at once, nothing is.
        LakeError
            If a file is gone or damaged, or one cannot be written; or if rows were
            deleted by their places by another engine.
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
        """List what was erased from the lake, the first first.

        Returns
        -------
        DataFrame
            A row for each certificate, also of a lake that `lakebt serve` or another
            catalog serves: `id`, `at` (UTC), `by`, `reason`, `table`,
            `columns`, `rows`, `releases`, and `is_proved`, whether all files were read
            afterwards and nothing was found, or there was no text to look for. The
            whole of one is the file ``erasures/ID.json`` in the lake's folder; in a
            store, in the one that has the folder of the table `releases`.

        Raises
        ------
        LakeError
            If they cannot be read.
        """
        with translated(self._storage.where):
            return as_frame(self._storage.erasures.certificates())
