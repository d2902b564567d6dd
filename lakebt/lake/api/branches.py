"""Branches of a lake: lakes that stand on a release, and are published into."""

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

        A branch is a lake of its own in the same tables: it is published into, audited,
        viewed, studied and tried as any. It sees the release that it was made at, its
        base, and what is published onto it; never what main gets since, nor main what
        is published onto it. Its releases are named after it, as ``cleaned.R2``, and so
        are their tags; by that name `Lake.at` opens them too, and every result says
        that it is of a branch. Each table has an Iceberg branch of its name.

        Parameters
        ----------
        name : str
            A letter, then letters, digits, - or _; and no release, table, branch or tag
            has it, whatever its case.
        at : str, optional
            Makes it, at this release of main. One that stands there already is opened.

        Returns
        -------
        Lake
            The branch. What is done to a whole lake, as to retain, examine or declare,
            is done in the lake, and not here.

        Raises
        ------
        ConflictError
            If others kept writing first.
        InvalidArgumentError
            If the name cannot be used, it stands on another release, or this is a
            branch already.
        LakeError
            If the lake cannot be written.
        ReleaseEndedError
            If the release ended.
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
            By `name`: `base` (the release of main that it stands on), `made_at`,
            `newest` (its last release) with its `as_of`, how many `releases` and `rows`
            were published onto it, and how many releases main has got since its base
            (`behind`).

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
        """Put what a branch got onto a later release of main, its new base.

        Makes one more release of the branch, of all that the new base is and all that
        the branch got since the old one, audited as any. The releases before it stay.

        Parameters
        ----------
        name : str
            A branch.
        at : str
            A release of main, the base or one after it.
        release : str, optional
            What the branch calls the release that is made: like `at` if left out.
        accept : bool, default False
            Whether to go on although facts clash: both stay, as vintages, and of each
            key the one that was known later is in force.

        Returns
        -------
        Release
            The one made; the branch's last if it stands there already.

        Raises
        ------
        AuditError
            If an audit fails, beside the new base.
        ConflictError
            If facts clash (see `clashes`), or others kept writing first.
        InvalidArgumentError
            If `at` is older than the base, this is a branch, or `accept` is neither
            True nor False.
        LakeError
            If the lake cannot be read or written.
        ReleaseEndedError, ReleaseExistsError, UnknownNameError
            If there is no such branch or release, or the branch has one so called.
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
        """Return the facts of which a branch and main each got what the other lacks.

        Since the branch's base, on the one side and on the other: rows of one key that
        are not the same. Holdings are reports: two of a fund about a day clash as such.

        Parameters
        ----------
        name : str
            A branch.

        Returns
        -------
        DataFrame
            `table`, `key` in words, the newest `main_known_at` and `branch_known_at`,
            and the columns in which those two rows differ (`differs`). Empty if nothing
            clashes, and the branch can be adopted.

        Raises
        ------
        InvalidArgumentError
            If it was dropped, or this is a branch.
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
        """End a branch and all its releases, and delete what only they use.

        Its name is not used again: a result that came from it says what it was, and
        reading it says why it can no longer be had.

        Parameters
        ----------
        name : str
        because : str, optional
            The reason, which its tombstones keep.
        dry_run : bool, default False
            Only say what would happen.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Retention
            Its releases, and how many snapshots, files and bytes went with them.

        Raises
        ------
        ConflictError
            If others kept writing first.
        ForeignCommitError
            If a table was written by something other than lakebt.
        InvalidArgumentError
            If the reason is none, or this is a branch.
        LakeError
            If the lake cannot be written, or what its releases need cannot be read.
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
