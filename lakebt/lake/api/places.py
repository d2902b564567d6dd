"""Moving, copying, backing up and upgrading a lake."""

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
    """The methods of a lake that copy, move and upgrade it."""

    def export(
        self,
        to: str | Path,
        releases: Iterable[str] | None = None,
        *,
        trials: bool = True,
        progress: Step | None = None,
    ) -> Copy:
        """Copy the lake, or some of its releases, to another place.

        A copy in a folder is a lake: lakebt opens it and other engines read it. Other
        engines also read a copy in a bucket, and `import_` makes a lake of it. Every
        file is compared with its digest after it is copied. Others may publish
        meanwhile: the copy holds one state of the lake. An unfinished copy cannot be
        opened; call `export` again, and it continues with the files that are there.

        Parameters
        ----------
        to : str or Path
            A folder that is new or empty; or ``s3://bucket/folder``. The settings of
            the store come from the lake's catalog, else from the environment
            (``AWS_...``).
        releases : iterable of str, optional
            Only these releases, with the snapshots that they pin. By default the copy
            has all of them, with tombstones, branches and the tags of others.
        trials : bool, default True
            Whether to copy the trials, of all releases.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Copy
            Its `releases`, and the number of files and bytes written.

        Raises
        ------
        InvalidArgumentError
            If `to` is not empty or cannot be a place, or `releases` is empty.
        LakeError
            If a file is gone, damaged, or cannot be written.
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

        The first backup is an `export`. Later ones copy only what the backup lacks, and
        delete what the lake no longer has. If the process is killed, the backup is
        still the previous one.

        Parameters
        ----------
        to : str or Path
            A folder, or ``s3://bucket/folder``: empty, or a backup of this lake.
        progress : callable, optional
            Called with the amount done and the total.

        Raises
        ------
        InvalidArgumentError
            If that place holds something else.
        LakeError
            As for `export`; or if somebody published into the backup.
        """
        check_function("progress", progress)
        check_main(self._storage)
        return export(self._storage, to, again=True, step=progress)

    def upgrade(self, *, dry_run: bool = False) -> Upgrade:
        """Upgrade a lake of an older lakebt to the layout of this version.

        lakebt also reads and writes older layouts, but these lack digests of files or
        the lake's calendar. The upgrade is one commit: a killed process leaves the old
        layout or the new one. An older lakebt refuses to open the upgraded lake, and
        names the version to install.

        Parameters
        ----------
        dry_run : bool, default False
            Report what would happen and change nothing.

        Returns
        -------
        Upgrade
            The layouts before and after, and in words what was `done`.

        Raises
        ------
        ConflictError
            If other writers kept committing first.
        InvalidArgumentError
            If `dry_run` is neither True nor False.
        LakeError
            If the lake cannot be written, a file of a release is gone or damaged, or a
            release no longer holds the rows that were published.
        """
        check_switch("dry_run", dry_run)
        check_main(self._storage)
        return upgrade(self._storage, exchange=self._exchange, dry_run=dry_run)

    def move(self, to: str | Path, *, progress: Step | None = None) -> Path:
        """Move the lake to another folder on the same disk; this object follows it.

        Iceberg's metadata holds absolute paths, which are rewritten. Snapshots, tags,
        digests, releases and trials stay the same. If the process is killed, the whole
        lake is in one of the two places.

        Parameters
        ----------
        to : str or Path
            A folder that is new or empty.
        progress : callable, optional
            Called with the amount done and the total.

        Returns
        -------
        Path
            The new folder.

        Raises
        ------
        InvalidArgumentError
            If the lake is not embedded, was opened with Spark, or cannot be moved
            there. To copy it to another disk, use `export`.
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
