"""Where the releases and the trials of a lake came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakeError, UnknownNameError
from lakebt.inputs.checks import check_switch, is_text
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.release_names import on
from lakebt.lake.lineage.releases import Releases
from lakebt.lake.lineage.tracing import TRIAL_COLUMNS, Tracing
from lakebt.lake.trials import reader

if TYPE_CHECKING:
    from lakebt.lake.lineage.lineage import Lineage
    from lakebt.lake.reading.view import View


class Lineages(LakeBase):
    """The part of a lake that says where its numbers came from."""

    def lineage(self, of: str, *, files: bool = False) -> Lineage:
        """Trace a release or a trial: what it was made of, and what came of it.

        Back from a trial to the release it was run on and the code that ran it; from a
        release to the snapshots of its tables, to the publications that brought their
        rows, and to the files that those were read from, with their digests and what
        their format dropped. Onward from a release to every trial that was run on it.

        Parameters
        ----------
        of : str
            The name of a release, of main or of a branch, ended or not; or the id of a
            trial, or its first digits, at least 6.
        files : bool, default False
            Whether to list each data file of the snapshots, too.

        Returns
        -------
        Lineage
            As a frame, as events of OpenLineage, and as a picture, which a notebook
            shows.

        Raises
        ------
        InvalidArgumentError
            If it is neither the one nor the other; or begins several trials.
        LakeError
            If the lake cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> import lakebt
        >>> from lakebt.sources.sample import sample_releases
        >>> directory = tempfile.TemporaryDirectory()
        >>> lake = lakebt.Lake.open(directory.name)
        >>> for sample in sample_releases():
        ...     made = lake.publish(
        ...         dict(sample.tables), release=sample.name, as_of=sample.as_of
        ...     )
        >>> lake.lineage("Q3_2022").counts()
        {'publication': 3, 'snapshot': 2, 'release': 1}
        >>> directory.cleanup()
        """
        check_switch("files", files)
        releases = Releases(self._storage)
        tables = self._storage.on(None).tables()
        tracing = Tracing(releases, tables, with_files=files)
        name = on(self._storage.branch, of)
        release = releases.get(name) if is_text(name) else None
        if release is None:
            row = self._tried(of, releases.names)
            return tracing.lineage(tracing.trial(row))
        asked = tracing.release(release)
        rows = reader.trials(self._storage, {"release": name}, TRIAL_COLUMNS)
        for row in rows.to_pylist():
            tracing.trial(row)
        return tracing.lineage(asked)

    def _tried(self, of: object, names: tuple[str, ...]) -> dict[str, object]:
        """Return the trial of an id.

        Raises
        ------
        InvalidArgumentError
            If there is none, nor a release of that name.
        """
        try:
            found = reader.one(self._storage, of)
        except InvalidArgumentError as error:
            unknown = UnknownNameError("release", str(of), names)
            msg = f"{unknown} lake.releases() lists all. Nor is it a trial: {error}"
            raise InvalidArgumentError(msg) from None
        row: dict[str, object] = found.select(list(TRIAL_COLUMNS)).to_pylist()[0]
        return row


def picture_of(view: View, *, result: str, called: str, code: str) -> str:
    """Return where what was run on a view came from, recorded or not, as SVG.

    Parameters
    ----------
    view
    result
        Its id.
    called
        What people call it.
    code
        The version of the code that ran it.

    Returns
    -------
    str
        Empty if the lake cannot be read any more.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads to its lake
    try:
        releases = Releases(pinned.storage)
        tables = pinned.storage.on(None).tables()
    except LakeError:
        return ""
    tracing = Tracing(releases, tables, with_files=False)
    return tracing.lineage(tracing.result(pinned.release, result, called, code)).svg()
