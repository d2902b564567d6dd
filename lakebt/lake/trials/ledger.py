"""The trials of the lake that a view is of: where what is run on it is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.reading.view import View
from lakebt.lake.trials.methods import Trying

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.lake.lake import Lake
    from lakebt.lake.storage.catalog import Storage


class TrialLedger(Trying):
    """The trials of one lake.

    Attributes
    ----------
    address : dict of str to str
        What `Lake.open` has to be told to open the lake again.
    clock : callable
        Tells the present instant.
    """

    def __init__(self, storage: Storage, *, clock: Callable[[], dt.datetime]) -> None:
        self._storage = storage
        self.address = dict(storage.address)
        self.clock = clock


def ledger_of(view: View) -> TrialLedger:
    """Return the trials of the lake that `view` is of.

    A strategy is handed a view, and a view has no such method: this is for what runs
    strategies.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads here
    return TrialLedger(pinned.storage, clock=pinned.clock)


def view_of(lake: Lake, *, release: str, as_of: dt.datetime) -> View:
    """Open the view that a trial was run on, even one past its release's cutoff.

    Raises
    ------
    BrokenReleaseError
        If the release no longer is what the ledger says.
    NothingKnownError
        If nothing was known at `as_of`.
    ReleaseEndedError
        If it ended.
    UnknownNameError
        If there is no such release.
    """
    view = lake.at(release)
    if as_of <= view.cutoff:
        return view.as_of(as_of)
    return View(view._pinned, instant=as_of)  # noqa: SLF001 - what was known by then
