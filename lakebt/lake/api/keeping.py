"""A lake kept in order: how releases end, what is wrong, and the cures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.errors import UnknownNameError
from lakebt.inputs.checks import check_function, check_switch, check_text
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import branches_in, check_main, is_branch
from lakebt.lake.keeping import branch_requests, repair, retention
from lakebt.lake.keeping.adoption import Appended
from lakebt.lake.keeping.doctor import diagnose
from lakebt.lake.keeping.rebase import Transfer, adoption
from lakebt.lake.publishing.publication import prepare
from lakebt.lake.publishing.publish import publish
from lakebt.lake.spark.fold import rewriting
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.keeping.findings import Diagnosis
    from lakebt.lake.keeping.repair import Repair
    from lakebt.lake.keeping.retention import Retention
    from lakebt.lake.storage.reach import Step


class Keeping(LakeBase):
    """The part of a lake that keeps it."""

    def retain(
        self, *, dry_run: bool = False, progress: Step | None = None
    ) -> Retention:
        """End the releases whose `retain_days` are over, and delete what only they use.

        A release ends `retain_days` days after it was committed, by the lake's clock,
        never before, and only here: neither reading nor publishing ends one. It leaves
        a tombstone, and its name is never used again. Facts that later releases hold
        too stay in those.

        Parameters
        ----------
        dry_run : bool, default False
            Only say what would happen.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Retention
            What ended, and how many snapshots, files and bytes went with it.

        Raises
        ------
        ConflictError
            If others kept writing first.
        InvalidArgumentError
            If `dry_run` is neither True nor False, or `progress` cannot be called.
        ForeignCommitError
            If a table was written by something other than lakebt.
        LakeError
            If the lake cannot be written, or what its releases need cannot be read.
        """
        check_switch("dry_run", dry_run)
        check_function("progress", progress)
        return retention.retain(
            self._storage, now=self._clock(), dry_run=dry_run, step=progress
        )

    def drop(
        self,
        release: str,
        *,
        because: str,
        dry_run: bool = False,
        progress: Step | None = None,
    ) -> Retention:
        """End one release on purpose, whatever its `retain_days`.

        Parameters
        ----------
        release : str
        because : str
            The reason, which its tombstone keeps.
        dry_run : bool, default False
            Only say what would happen.
        progress : callable, optional
            Called with how much is done, and of how much.

        Raises
        ------
        InvalidArgumentError
            If no reason is given.
        ConflictError, ForeignCommitError, LakeError
            As `retain`.
        ReleaseEndedError
            If it ended before.
        UnknownNameError
            If there is no such release.
        """
        check_switch("dry_run", dry_run)
        check_function("progress", progress)
        return retention.drop(
            self._storage,
            release,
            because=because,
            now=self._clock(),
            dry_run=dry_run,
            step=progress,
        )

    def doctor(
        self,
        *,
        files: bool = True,
        deep: bool = False,
        progress: Step | None = None,
    ) -> Diagnosis:
        """Find what is wrong with the lake, and the cure of each. Nothing is changed.

        It works on a lake that is too broken to be read: open it with ``check=False``.

        Parameters
        ----------
        files : bool, default True
            Whether to look at every file of every release too, and for files that
            nothing refers to; without, only the metadata is read. Files on a disk are
            compared with their digests; those in a store are opened.
        deep : bool, default False
            Whether to read all of every file, wherever it is, and to recompute the
            digest of every release from its rows. Of one whose rows the lake had in
            part before, that cannot be done: its files are compared.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Diagnosis
            Its `ok` says whether the lake is healthy, its `frame` has a row for each
            finding: `code`, `table`, `release`, `problem`, `cure`.

        Raises
        ------
        InvalidArgumentError
            If `progress` cannot be called, or a switch is neither True nor False.
        """
        check_function("progress", progress)
        check_switch("files", files)
        check_switch("deep", deep)
        return diagnose(
            self._storage,
            now=self._clock(),
            files=files or deep,
            step=progress,
            is_deep=deep,
        )

    def roll_back(self, table: str) -> Repair:
        """Undo what others committed to a table.

        Its head is again what the ledger says. The snapshots that others made stay
        until `retain` finds that nothing needs them.

        Raises
        ------
        ConflictError
            If others kept writing first.
        LakeError
            If what the ledger says is gone, or the lake cannot be written.
        UnknownNameError
            If there is no such table.
        """
        return repair.roll_back(self._storage, table)

    def adopt(
        self,
        table: str,
        *,
        release: str,
        as_of: object = None,
        note: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Release:
        """Make a release of facts that none of main has: of a table, or of a branch.

        Of a table, those that another engine appended: only if it did nothing else, and
        the rows could have been published: they pass the audits, and none of them is
        there already.

        Of a branch, all that it got since its base, published as by `publish`: through
        all audits, in one commit, as rows that main keeps when the branch is dropped.
        Only if no fact clashes with what main got since that base: see `clashes`.

        Parameters
        ----------
        table : str
            Or a branch.
        release, as_of, note, labels
            As in `Lake.publish`. For a branch `as_of` is the latest of its releases, if
            left out.

        Raises
        ------
        AuditError
            If an audit fails, of a branch's facts.
        ConflictError
            If others kept writing first, or facts of a branch clash with main's.
        ForeignCommitError
            If another table was written by something other than lakebt too.
        InvalidArgumentError
            If an argument cannot be used, or there is nothing to adopt.
        InvalidDataError
            If the rows break a rule of their table.
        LakeError
            If anything but an append was done, or the lake cannot be written.
        ReleaseExistsError
            If the name holds other content.
        UnknownNameError
            If there is no such table or branch.
        """
        check_text("table", table)
        check_main(self._storage)
        specs = self._specs()
        if is_branch(self._storage, table):
            return self._adopt_branch(
                table, release=release, as_of=as_of, note=note, labels=labels
            )
        if table not in [*specs, *specs.damaged]:
            kind = "table or branch"
            known = [*branches_in(self._storage.tables()[LEDGER]), *specs]
            raise UnknownNameError(kind, table, known)
        appended = Appended(self._storage, specs.of(table))
        publication = prepare(
            {table: appended.rows},
            release=release,
            as_of=as_of,
            note=note,
            labels=labels,
            retain_days=None,
            specs=specs,
            now=self._clock(),
            sessions=self._sessions,
        )
        appended.check(publication.tables[table])
        with rewriting(self._storage) as rewriter:
            return publish(
                publication,
                storage=self._storage,
                rewriter=rewriter,
                now=self._clock,
                check=lambda _tables, _ledger: None,
                adopted={table: appended.head},
            )

    def _adopt_branch(self, name: str, **wanted: Any) -> Release:
        """Make a release of main of what a branch got."""

        def transfer() -> Transfer:
            now, sessions = self._clock, self._sessions
            return adoption(self._storage, name, **wanted, now=now, sessions=sessions)

        done = branch_requests.released(
            self._storage,
            name,
            branch_requests.ADOPT,
            {**wanted, "as_of": branch_requests.instant(wanted["as_of"])},
            now=self._clock,
            warned=lambda: transfer().warned(),
        )
        if done is not None:
            return done
        with rewriting(self._storage) as rewriter:
            return transfer().publish(now=self._clock, rewriter=rewriter)

    def restore(self) -> Repair:
        """Put back the tags of living releases, and the settings of the tables.

        Releases that were made before files had digests get them, once it is found that
        they hold what was published, as far as that can be recomputed.

        Raises
        ------
        ConflictError
            If others kept writing first.
        LakeError
            If the lake cannot be written.
        """
        return repair.restore(self._storage)

    def remove_orphans(
        self, *, older_than_hours: float = 24.0, progress: Step | None = None
    ) -> Repair:
        """Delete files in the tables' folders that nothing refers to.

        Files of a name that lakebt does not write, and of a table that has lost
        snapshots of a release, are left alone.

        Parameters
        ----------
        older_than_hours : float, default 24
            By the lake's clock. A publisher may be about to refer to a younger one.
        progress : callable, optional
            Called with how much is done, and of how much.

        Raises
        ------
        InvalidArgumentError
            If `older_than_hours` is less than 1.
        LakeError
            If the lake cannot be read, or a file not be deleted.
        """
        check_function("progress", progress)
        return repair.remove_orphans(
            self._storage,
            now=self._clock(),
            older_than_hours=older_than_hours,
            step=progress,
        )
