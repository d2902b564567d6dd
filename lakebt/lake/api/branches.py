"""Branches of a lake: each stands on a release of main and has releases of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_function, check_switch
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import check_main, opened
from lakebt.lake.keeping import branch_requests, branches, retention
from lakebt.lake.keeping.rebase import Standing, Transfer, rebasing, warned
from lakebt.lake.spark.fold import rewriting

if TYPE_CHECKING:
    import pandas as pd

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.keeping.retention import Retention
    from lakebt.lake.storage.reach import Step


class Branches(LakeBase):
    """The part of a lake that has branches."""

    def branch(self, name: str, *, at: str | None = None) -> Self:
        """Open a branch, or make one at a release.

        A branch is a lake of its own in the same tables: you publish, audit, view and
        study it like any lake. It sees the release that it was made at, its base, and
        what is published onto it. It does not see what main gets later, and main does
        not see what is published onto the branch. Its releases and their tags carry
        its name, as ``cleaned.R2``; `Lake.at` opens them by that name, and every result
        says that it is of a branch. Each table has an Iceberg branch of that name.

        Parameters
        ----------
        name : str
            A letter, then letters, digits, - or _. No release, table, other branch or
            tag may have the same name, in any case of letters.
        at : str, optional
            Make the branch at this release of main. If the branch stands there already,
            it is opened.

        Returns
        -------
        Lake
            The branch. Operations on a whole lake, such as `retain`, `doctor` or
            `declare`, work on the lake only.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        InvalidArgumentError
            If the name cannot be used, the branch stands on another release, or this
            lake is itself a branch.
        LakeError
            If the lake cannot be written.
        ReleaseEndedError
            If the release has ended.
        UnknownNameError
            If there is no such branch, or no such release.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from lakebt import Lake
        >>> moved = pd.DataFrame(
        ...     [["SP500", "PENN", "deletion", "2022-09-02", "2022-09-19"]],
        ...     columns=["index", "symbol", "side", "announced", "effective"],
        ... )
        >>> directory = tempfile.TemporaryDirectory()
        >>> lake = Lake.open(directory.name)
        >>> as_of = "2022-12-01T00:00:00Z"
        >>> made = lake.publish({"index_changes": moved}, release="R1", as_of=as_of)
        >>> cleaned = lake.branch("cleaned", at="R1")
        >>> more = moved.assign(symbol="LMT", side="addition")
        >>> cleaned.publish({"index_changes": more}, release="R2", as_of=as_of).name
        'cleaned.R2'
        >>> [len(lake.at(n).changes(index="SP500")) for n in ("R1", "cleaned.R2")]
        [1, 2]
        >>> directory.cleanup()
        """
        if self._storage.branch is not None:
            msg = (
                f"this is branch {self._storage.branch!r} already, and no branch has "
                f"branches: open the lake itself"
            )
            raise InvalidArgumentError(msg)
        if at is None:
            there = opened(self._storage, name)
        else:
            now = self._clock
            if branch_requests.made(self._storage, name, at=at, now=now):
                there = self._storage.on(name)
            else:
                there = branches.make(self._storage, name, at=at, now=now)
        return type(self)(there, exchange=self._exchange, clock=self._clock)

    def branches(self) -> pd.DataFrame:
        """Return the branches of the lake.

        Returns
        -------
        DataFrame
            Indexed by `name`: `base` (the release of main that it stands on),
            `made_at`, `newest` (its last release) with its `as_of`, the number of
            `releases` and `rows` published onto it, and the number of releases that
            main has had since its base (`behind`).

        Raises
        ------
        InvalidArgumentError
            If this is a branch.
        LakeError
            If the lake cannot be read.
        """
        check_main(self._storage)
        return branches.listed(self._storage)

    def rebase(
        self,
        name: str,
        *,
        at: str,
        release: str | None = None,
        accept: bool = False,
    ) -> Release:
        """Move a branch onto a later release of main, its new base.

        This makes one more release of the branch. It holds the new base and everything
        published onto the branch since the old base, and passes the same audits as any
        release. The earlier releases of the branch stay.

        Parameters
        ----------
        name : str
            A branch.
        at : str
            A release of main: the base or a later one.
        release : str, optional
            The new release's name in the branch. The default is `at`.
        accept : bool, default False
            Whether to go on although facts clash. Both facts then stay, as vintages,
            and the one with the later `known_at` is in force for its key.

        Returns
        -------
        Release
            The new release; the branch's last one if it already stands on `at`.

        Raises
        ------
        AuditError
            If the branch's facts fail an audit on the new base.
        ConflictError
            If facts clash (see `clashes`), or other writers kept committing first.
        InvalidArgumentError
            If `at` is older than the base, this lake is a branch, or `accept` is
            neither True nor False.
        LakeError
            If the lake cannot be read or written.
        ReleaseEndedError
            If the branch was dropped, or the release has ended.
        ReleaseExistsError
            If the branch already has a release of that name.
        UnknownNameError
            If there is no such branch or release.
        """
        check_switch("accept", accept)
        check_main(self._storage)
        self._specs()
        wanted: dict[str, Any] = {"at": at, "release": release, "accept": accept}

        def transfer() -> Transfer | Release:
            now, sessions = self._clock, self._sessions
            return rebasing(self._storage, name, **wanted, now=now, sessions=sessions)

        done = branch_requests.released(
            self._storage,
            name,
            branch_requests.REBASE,
            wanted,
            now=self._clock,
            warned=lambda: warned(transfer()),
        )
        if done is not None:
            return done
        with rewriting(self._storage) as rewriter:
            onto = transfer()
            if isinstance(onto, Transfer):
                return onto.publish(now=self._clock, rewriter=rewriter)
            return onto

    def clashes(self, name: str) -> pd.DataFrame:
        """Return the facts on which a branch and main disagree since the branch's base.

        Two facts clash if both sides published rows of one key since the base, and the
        rows differ. Holdings are compared as whole reports: two reports of one fund
        about one day clash.

        Parameters
        ----------
        name : str
            A branch.

        Returns
        -------
        DataFrame
            `table`, `key` in words, the `known_at` of the newest row on each side
            (`main_known_at`, `branch_known_at`), and the columns in which those two
            rows differ (`differs`). An empty frame means that the branch can be
            adopted.

        Raises
        ------
        InvalidArgumentError
            If the branch was dropped, or this lake is a branch.
        LakeError
            If the lake cannot be read.
        UnknownNameError
            If there is no such branch.
        """
        check_main(self._storage)
        self._specs()
        return Standing.of(self._storage, name).clashes(None)

    def drop_branch(
        self,
        name: str,
        *,
        because: str | None = None,
        dry_run: bool = False,
        progress: Step | None = None,
    ) -> Retention:
        """End a branch and all its releases, and delete the files that only they use.

        The name is never used again. Results of the branch keep its name, and reading
        it raises an error that gives the reason.

        Parameters
        ----------
        name : str
            As `Lake.branches` lists it.
        because : str, optional
            The reason, which its tombstones keep.
        dry_run : bool, default False
            Report what would happen and change nothing.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Retention
            Its releases, and the number of snapshots, files and bytes deleted.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        ForeignCommitError
            If a table was written by something other than lakebt.
        InvalidArgumentError
            If `because` is empty, or this lake is a branch.
        LakeError
            If the lake cannot be written, or a file that its releases need cannot be
            read.
        UnknownNameError
            If there is no such branch.
        """
        check_switch("dry_run", dry_run)
        check_function("progress", progress)
        if not dry_run:
            done = branch_requests.dropped(
                self._storage, name, because=because, now=self._clock
            )
            if done is not None:
                return done
        return retention.drop_branch(
            self._storage,
            name,
            because=because,
            now=self._clock(),
            dry_run=dry_run,
            step=progress,
        )
