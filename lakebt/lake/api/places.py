"""A lake in other places: moved, copied, backed up, and of another layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_function, check_switch
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.branches import check_main
from lakebt.lake.keeping.copies import export
from lakebt.lake.keeping.move import move
from lakebt.lake.keeping.upgrade import upgrade
from lakebt.lake.storage.catalog import open_again

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lakebt.lake.keeping.copy_files import Copy
    from lakebt.lake.keeping.upgrade import Upgrade
    from lakebt.lake.storage.reach import Step


class Places(LakeBase):
    """The part of a lake that knows where it lies."""

    def export(
        self,
        to: str | Path,
        releases: Iterable[str] | None = None,
        *,
        trials: bool = True,
        progress: Step | None = None,
    ) -> Copy:
        """Copy the lake to another place, whole or some of its releases.

        A folder is a lake that can be opened, and read by other engines. What is in a
        bucket is read by them too, and by `import_`. Every file is compared with its
        digest once it is there. Others may publish meanwhile: the copy is of one state.
        Until all of it is there it is not opened as a lake; killed, it is done again,
        and what is there is used.

        Parameters
        ----------
        to : str or Path
            A folder that is not there yet, or empty; or ``s3://bucket/folder``. A store
            is reached as the lake's catalog says, else as the environment does
            (``AWS_...``).
        releases : iterable of str, optional
            Only these, with what they pin; all by default, tombstones, branches and
            tags of others too.
        trials : bool, default True
            Whether what was tried goes along, of all releases.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Copy
            Its `releases`, and how many files and bytes were written.

        Raises
        ------
        InvalidArgumentError
            If something is in that place, it cannot be one, or `releases` names none.
        LakeError
            If a file is gone or damaged, or one cannot be written.
        UnknownNameError, ReleaseEndedError
            If a release cannot be copied.
        """
        check_function("progress", progress)
        check_switch("trials", trials)
        check_main(self._storage)
        return export(
            self._storage, to, releases=releases, trials=trials, step=progress
        )

    def backup(self, to: str | Path, *, progress: Step | None = None) -> Copy:
        """Copy the whole lake to a place, or bring an earlier backup up to date.

        As `export`, and again: only what the backup lacks is copied, and what the lake
        no longer has goes. Killed, the backup is the one it was before.

        Parameters
        ----------
        to : str or Path
            A folder, or ``s3://bucket/folder``: empty, or a backup of this lake.
        progress : callable, optional
            Called with how much is done, and of how much.

        Raises
        ------
        InvalidArgumentError
            If something else is in that place.
        LakeError
            As `export`; or if somebody published into the backup.
        """
        check_function("progress", progress)
        check_main(self._storage)
        return export(self._storage, to, again=True, step=progress)

    def upgrade(self, *, dry_run: bool = False) -> Upgrade:
        """Give a lake that an older lakebt made the layout of this one.

        An older lake is read as it is, and written too; what it lacks is that files
        are compared with what was written, or that it keeps its calendar. It is one
        commit: killed at any instant, the lake is the old one or the new. A lake that
        a newer lakebt upgraded is refused, with the version to install.

        Parameters
        ----------
        dry_run : bool, default False
            Only say what would happen.

        Returns
        -------
        Upgrade
            The layouts before and after, and in words what was `done`.

        Raises
        ------
        ConflictError
            If others kept writing first.
        InvalidArgumentError
            If `dry_run` is neither True nor False.
        LakeError
            If the lake cannot be written, a file of a release is gone or damaged, or a
            release holds other rows than were published.
        """
        check_switch("dry_run", dry_run)
        check_main(self._storage)
        return upgrade(self._storage, exchange=self._exchange, dry_run=dry_run)

    def move(self, to: str | Path, *, progress: Step | None = None) -> Path:
        """Move the lake to another folder of the same disk; this object goes along.

        Iceberg's metadata holds absolute paths, which are written anew. Snapshots,
        tags and digests stay what they are, and so do releases and trials. Killed at
        any instant, it is in the one place or in the other, and whole.

        Parameters
        ----------
        to : str or Path
            A folder that is not there yet, or empty.
        progress : callable, optional
            Called with how much is done, and of how much.

        Returns
        -------
        Path
            Where it is now.

        Raises
        ------
        InvalidArgumentError
            If the lake is not embedded, was opened with Spark, or cannot go there: to
            another disk it is copied, with `export`.
        LakeError
            If it cannot be read or written.
        """
        check_function("progress", progress)
        check_main(self._storage)
        if self._storage.spark is not None:
            msg = f"{self._storage.where} was opened with Spark: move it without"
            raise InvalidArgumentError(msg)
        place = move(self._storage, to, step=progress)
        self._storage = open_again({"path": str(place)})
        return place
