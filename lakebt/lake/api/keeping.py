"""Maintenance of a lake: ending releases, finding damage and repairing it."""

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
    """The methods of a lake that maintain it."""

    def retain(
        self, *, dry_run: bool = False, progress: Step | None = None
    ) -> Retention:
        """End the releases whose `retain_days` have passed, and delete their files.

        A release may end `retain_days` days after its commit, by the lake's clock. Only
        this method ends it: reading and publishing never do. It leaves a tombstone, and
        its name is never used again. Files and facts that other releases need stay.

        Parameters
        ----------
        dry_run : bool, default False
            Report what would happen and change nothing.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Retention
            The releases that ended, and the number of snapshots, files and bytes
            deleted.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        InvalidArgumentError
            If `dry_run` is neither True nor False, or `progress` cannot be called.
        ForeignCommitError
            If a table was written by something other than lakebt.
        LakeError
            If the lake cannot be written, or a file that its releases need cannot be
            read.
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
        """End one release now, whatever its `retain_days`.

        Parameters
        ----------
        release : str
            Its name; of a branch with that before it, as ``"cleaned.R2"``.
        because : str
            The reason, which its tombstone keeps.
        dry_run : bool, default False
            Report what would happen and change nothing.
        progress : callable, optional
            Called with the amount done and the total.

        Raises
        ------
        InvalidArgumentError
            If no reason is given.
        ConflictError, ForeignCommitError, LakeError
            As `retain`.
        ReleaseEndedError
            If it has ended already.
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
        """Find what is wrong with the lake, and say how to cure it; change nothing.

        It also works on a lake that cannot be read: open that with ``check=False``.

        Parameters
        ----------
        files : bool, default True
            Whether to check every file of every release, and to look for files that
            nothing refers to; if False, only the metadata is read. Files on a disk are
            compared with their digests; files in an object store are opened.
        deep : bool, default False
            Whether to read every file in full, wherever it lies, and to recompute the
            digest of every release from its rows. The digest of a release that repeats
            rows which the lake already had cannot be recomputed: its files are
            compared instead.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Diagnosis
            `ok` says whether the lake is healthy, and `frame` has a row per finding:
            `code`, `table`, `release`, `problem`, `cure`.

        Raises
        ------
        InvalidArgumentError
            If `progress` cannot be called, or `files` or `deep` is neither True nor
            False.
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
        """Undo the commits that other programs made to a table.

        The table's head is set back to the snapshot in the ledger. The snapshots of
        others stay until `retain` finds that nothing needs them.

        Parameters
        ----------
        table : str
            Its name.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        LakeError
            If the snapshot in the ledger is gone, or the lake cannot be written.
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
        """Make a release of main from the rows of another engine, or from a branch.

        From a table: the rows that another engine appended. It must have done nothing
        else, and the rows must be fit to publish: they pass the audits, and the table
        does not hold any of them already.

        From a branch: everything published onto it since its base, as `publish` would
        do it, through all audits and in one commit. Main keeps these rows when the
        branch is dropped. No fact may clash with what main got since the base: see
        `clashes`.

        Parameters
        ----------
        table : str
            A table or a branch.
        release, as_of, note, labels
            As in `Lake.publish`. For a branch, `as_of` defaults to the latest `as_of`
            of its releases.

        Raises
        ------
        AuditError
            If the facts of a branch fail an audit.
        ConflictError
            If other writers kept committing first, or facts of the branch clash with
            main's.
        ForeignCommitError
            If something other than lakebt also wrote to another table.
        InvalidArgumentError
            If an argument cannot be used, or there is nothing to adopt.
        InvalidDataError
            If the rows break a rule of their table.
        LakeError
            If the other engine did anything but append, or the lake cannot be written.
        ReleaseExistsError
            If a release of that name has other content.
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
        """Make a release of main from what was published onto a branch."""

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

        Releases from before lakebt kept digests of files get them now, if they hold
        what was published, as far as that can be recomputed.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        LakeError
            If the lake cannot be written.
        """
        return repair.restore(self._storage)

    def remove_orphans(
        self, *, older_than_hours: float = 24.0, progress: Step | None = None
    ) -> Repair:
        """Delete files in the tables' folders that nothing refers to.

        It leaves alone files whose names lakebt does not write, and the files of a
        table that has lost snapshots of a release.

        Parameters
        ----------
        older_than_hours : float, default 24
            The least age of a file, by the lake's clock. A publisher that runs now may
            be about to refer to a younger file.
        progress : callable, optional
            Called with the amount done and the total.

        Raises
        ------
        InvalidArgumentError
            If `older_than_hours` is less than 1.
        LakeError
            If the lake cannot be read, or a file cannot be deleted.
        """
        check_function("progress", progress)
        return repair.remove_orphans(
            self._storage,
            now=self._clock(),
            older_than_hours=older_than_hours,
            step=progress,
        )
