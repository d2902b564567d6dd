"""What all methods of a lake share: its tables, its exchange and its clock."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lakebt.inputs.checks import check_function
from lakebt.instants import parse_instant
from lakebt.lake.committing.ledger import Ledger, read_ledger
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.tables.specs import Specs


def _present(clock: Callable[[], object]) -> dt.datetime:
    """Return the instant of a clock, checked: a user's clock may return anything."""
    return parse_instant(clock(), what="the instant of the lake's clock")


class LakeBase:
    """The state of a lake, which its methods of each subject build on.

    Raises
    ------
    InvalidArgumentError
        If `clock` is not a clock.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        exchange: str,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._storage = storage
        self._exchange = exchange
        self._sessions = Exchange(exchange)
        check_function("clock", clock)
        self._clock = functools.partial(_present, clock)

    def _specs(self) -> Specs:
        """Return what the lake's fact tables are now."""
        self._storage.tables()
        return self._storage.specs

    def _ledger(self) -> Ledger:
        """Return the ledger as it is now."""
        return read_ledger(self._storage, self._storage.ledger())
