"""The trials of a lake: recorded, read and counted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidArgumentError, LakebtError, LedgerWarning
from lakebt.inputs.checks import check_text
from lakebt.lake.api.base import LakeBase
from lakebt.lake.reading.counterfactual import is_altered
from lakebt.lake.reading.view import View
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials import finished_file
from lakebt.lake.trials import reader as reading
from lakebt.lake.trials.finished_file import FinishedFile
from lakebt.lake.trials.fold import fold_if_many
from lakebt.lake.trials.normalisation import checked
from lakebt.lake.trials.record import record

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from lakebt.lake.api.reading import Reading
    from lakebt.lake.storage.catalog import Storage


class Trials(LakeBase):
    """The methods of a lake that record and read trials."""

    def record(self, rows: pd.DataFrame | pa.Table) -> int:
        """Record new trials, all or nothing, in one commit.

        Several processes may record at once while others publish: no trial is lost and
        none is recorded twice. A recorded trial is never overwritten. If a `trial_id`
        is there already, or comes twice in `rows`, the first row stays, and a row with
        another `digest` is refused. During a look-ahead audit nothing is recorded,
        because the strategy then sees invented data.

        Parameters
        ----------
        rows : DataFrame or pyarrow.Table
            With the columns of `trials`. Columns that may be empty can be left out; NaN
            means empty.

        Returns
        -------
        int
            The number of new trials.

        Warns
        -----
        LedgerWarning
            If a trial is there with another `digest`, but was run with other versions
            of Python or of a library. The row that is there stays.
        SettingsWarning
            If their table has properties that no table of a lake may have.

        Raises
        ------
        ConflictError
            If other writers kept recording first.
        InvalidArgumentError
            If a column is missing, or a value cannot be recorded (the message names the
            column, the value and the row, counted from 0), or a trial is there with
            another `digest` from the same environment.
        LakeError
            If the lake cannot be written, or another program wrote into its trials.
        UnknownNameError
            If the table has no such column.
        """
        return self._record(checked(rows))

    def _record(self, rows: pa.Table, finished: Sequence[FinishedFile] = ()) -> int:
        if is_altered():  # an audit's made-up future is no evidence
            return 0
        count = record(self._storage, rows, finished)
        if count:
            fold_if_many(self._storage)
        return count

    def trials(
        self,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return the recorded trials, newest last.

        Parameters
        ----------
        where : mapping, optional
            A value, or a list of values, by column; None matches a missing value.
        columns : sequence of str, optional
            The columns to return, in this order. The default is all.

        Returns
        -------
        DataFrame
            Sorted by `run_at`, then study, result, entry, exit and `trial_id`. Missing
            numbers are NaN. An empty lake of trials gives no rows, but all columns.

        Raises
        ------
        InvalidArgumentError
            If a value of `where` cannot be compared with its column.
        LakeError
            If the trials cannot be read.
        UnknownNameError
            If there is no such column.
        """
        return frame(reading.trials(self._storage, where, columns))

    def trial(self, trial_id: str) -> pd.Series:
        """Return one trial: a value per column of `trials`.

        Parameters
        ----------
        trial_id : str
            Its 32 hex digits, or at least the first 6: as many as no other trial
            begins with.

        Raises
        ------
        InvalidArgumentError
            If no trial, or more than one, has an id that begins so.
        LakeError
            If the trials cannot be read.
        """
        return frame(reading.one(self._storage, trial_id)).iloc[0].rename(None)

    def trial_ids(self, *, study: str | None = None) -> set[str]:
        """Return the ids of all trials, or of those of one study.

        A trial whose id is among them need not run again.

        Parameters
        ----------
        study : str, optional
            Its name, as the column ``study`` of the trials has it.

        Raises
        ------
        InvalidArgumentError
            If `study` is not a text.
        LakeError
            If the trials cannot be read.
        """
        if study is not None:
            check_text("study", study)
        return reading.ids(self._storage, study)

    def count_trials(self, *, study: str) -> int:
        """Return the number of different rules tried in a study (distinct `rule_id`).

        A rule stays the same on another release, with other code or on another engine.
        This is the number of trials by which the best Sharpe ratio of a study has to be
        deflated [1]_.

        Parameters
        ----------
        study : str
            Its name, as the column ``study`` of the trials has it.

        Raises
        ------
        InvalidArgumentError
            If `study` is not a text.
        LakeError
            If the trials cannot be read.

        References
        ----------
        .. [1] D. H. Bailey and M. Lopez de Prado (2014). "The deflated Sharpe ratio:
           correcting for selection bias, backtest overfitting, and non-normality".
           Journal of Portfolio Management 40(5), 94-107.
        """
        check_text("study", study)
        return reading.count(self._storage, study)


class TrialStore(Trials):
    """The trials of one lake.

    Attributes
    ----------
    address : dict of str to str
        The arguments of `Lake.open` that open the lake again.
    clock : callable
        Returns the present instant.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        exchange: str,
        clock: Callable[[], dt.datetime],
    ) -> None:
        super().__init__(storage, exchange=exchange, clock=clock)
        self.address = dict(storage.address)
        self.clock = clock

    def layout(self) -> str:
        """Return the columns of the trials table, for writing its data files.

        Raises
        ------
        LakeError
            If the table cannot be made, or another program wrote into it.
        """
        return finished_file.layout(self._storage)

    def record_batch(
        self, frames: Sequence[pd.DataFrame], contents: Sequence[bytes], laid_out: str
    ) -> int:
        """Record rows and finished data files in one commit; see `record`.

        Parameters
        ----------
        frames
            Rows, as `record` takes them.
        contents
            As `lakebt.lake.trials.finished_file.pack` returns them.
        laid_out
            The columns that the files were made for, from `layout`.
        """
        finished = [FinishedFile(content, laid_out) for content in contents]
        if not frames:
            return self._record(TRIALS_SPEC.arrow.empty_table(), finished)
        return self._record(checked(pd.concat(frames, ignore_index=True)), finished)


def trials_of(view: View) -> TrialStore:
    """Return the store of trials of a view's lake.

    A view has no such method, because strategies get views. This function is for the
    code that runs strategies.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads here
    return TrialStore(pinned.storage, exchange=pinned.sessions.name, clock=pinned.clock)


def try_to_record(
    view: View, rows: Callable[[dt.datetime], pd.DataFrame], *, what: str
) -> int | None:
    """Record the trials of a run on `view`, or warn that the lake cannot be written.

    Parameters
    ----------
    view
    rows
        A function that makes them from the instant of recording.
    what
        The start of the warning: what was not recorded.

    Returns
    -------
    int or None
        The number of new trials; None if they could not be recorded.

    Warns
    -----
    LedgerWarning
        If the lake cannot be written.

    Raises
    ------
    InvalidArgumentError
        If a trial was recorded before with other numbers.
    """
    store = trials_of(view)
    try:
        return store.record(rows(store.clock()))
    except InvalidArgumentError:  # it came back with other numbers
        raise
    except LakebtError as error:
        msg = f"{what}: {error}"
        warnings.warn(msg, LedgerWarning, stacklevel=5)
        return None


def address_of(view: View) -> dict[str, str]:
    """Return the arguments of `Lake.open` that open the lake of a view."""
    return dict(view._pinned.storage.address)  # noqa: SLF001 - as above


def told_of(view: View) -> tuple[str, ...]:
    """Return the note and the labels of a view's release, for reports."""
    release = view._pinned.release  # noqa: SLF001 - as above
    labels = (f"{name}={text}" for name, text in release.labels.items())
    return tuple(text for text in (release.note, *labels) if text)


def erased_since(view: View, instant: dt.datetime) -> dict[str, tuple[str, ...]]:
    """Return what was erased from a view's release after an instant, by table."""
    release = view._pinned.release  # noqa: SLF001 - as above
    since = [each for each in release.redactions if each.erased_at >= instant]
    tables = sorted({table for each in since for table in each.rows})
    return {
        table: tuple(each.words(table) for each in since if table in each.rows)
        for table in tables
    }


def view_of(lake: Reading, *, release: str, as_of: dt.datetime) -> View:
    """Open the view that a trial was run on, even one past its release's cutoff.

    Raises
    ------
    BrokenReleaseError
        If the release is not what the ledger says.
    NothingKnownError
        If nothing was known at `as_of`.
    ReleaseEndedError
        If the release has ended.
    UnknownNameError
        If there is no such release.
    """
    view = lake.at(release)
    if as_of <= view.cutoff:
        return view.as_of(as_of)
    return View(view._pinned, instant=as_of)  # noqa: SLF001 - what was known by then
