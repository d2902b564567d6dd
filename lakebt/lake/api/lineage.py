"""The lineage of the releases and trials of a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakeError, UnknownNameError
from lakebt.inputs.checks import check_switch, is_text
from lakebt.lake.api.base import LakeBase
from lakebt.lake.committing.release_names import on
from lakebt.lake.lineage.releases import Releases
from lakebt.lake.lineage.tracing import TRIAL_COLUMNS, Tracing
from lakebt.lake.tables.schemas import LEDGER
from lakebt.lake.trials import reader

if TYPE_CHECKING:
    from lakebt.lake.lineage.lineage import Lineage
    from lakebt.lake.reading.view import View


class Lineages(LakeBase):
    """The method of a lake that traces its releases and trials."""

    def lineage(self, of: str, *, files: bool = False) -> Lineage:
        """Trace a release or a trial to its sources, and a release to its trials.

        Backwards, a trial leads to its release and to the code that ran it. A release
        leads to the snapshots of its tables, to the publications that brought the rows,
        and to the files they were read from, with their digests and what their format
        dropped. Forwards, a release leads to every trial that was run on it.

        Parameters
        ----------
        of : str
            The name of a release of main or of a branch, even an ended one; or the id
            of a trial, or at least its first 6 digits.
        files : bool, default False
            Whether to list each data file of the snapshots, too.

        Returns
        -------
        Lineage
            As a frame, as OpenLineage events, and as a picture that a notebook shows.

        Raises
        ------
        InvalidArgumentError
            If `of` names neither a release nor a trial, or several trials begin with
            these digits.
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
        tables = self._storage.on(None).tables()
        releases = Releases(self._storage, tables[LEDGER])
        tracing = Tracing(releases, tables, with_files=files)
        name = on(self._storage.branch, of)
        release = releases.get(name) if is_text(name) else None
        if release is None:
            row = self._tried(of, releases.names)
            return tracing.lineage(tracing.trial(row))
        nodes = tracing.release(release)
        rows = reader.trials(self._storage, {"release": name}, TRIAL_COLUMNS)
        for row in rows.to_pylist():
            tracing.trial(row)
        return tracing.lineage(nodes)

    def _tried(self, of: object, names: tuple[str, ...]) -> dict[str, object]:
        """Return the trial of an id.

        Raises
        ------
        InvalidArgumentError
            If there is none, nor a release of that name.
        """
        try:
            trial = reader.one(self._storage, of)
        except InvalidArgumentError as error:
            unknown = UnknownNameError("release", str(of), names)
            msg = f"{unknown} lake.releases() lists all. Nor is it a trial: {error}"
            raise InvalidArgumentError(msg) from None
        row: dict[str, object] = trial.select(list(TRIAL_COLUMNS)).to_pylist()[0]
        return row


def picture_of(view: View, *, result: str, called: str, code: str) -> str:
    """Return the lineage of a result or run, recorded or not, as SVG.

    Parameters
    ----------
    view
    result
        The id of the result.
    called
        Its name in the picture.
    code
        The version of the code that ran it.

    Returns
    -------
    str
        Empty if the lake can no longer be read.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads to its lake
    try:
        tables = pinned.storage.on(None).tables()
        releases = Releases(pinned.storage, tables[LEDGER])
    except LakeError:
        return ""
    tracing = Tracing(releases, tables, with_files=False)
    return tracing.lineage(tracing.result(pinned.release, result, called, code)).svg()
