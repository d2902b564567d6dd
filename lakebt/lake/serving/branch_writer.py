"""Makes, rebases, adopts and drops branches, each as one request, where the lake lies.

What is published onto a branch comes as any release does: see `release_writer`.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import TYPE_CHECKING

from lakebt.instants import parse_instant
from lakebt.lake.committing.ledger import Release, ledger_rows, read_ledger
from lakebt.lake.keeping import branches, retention
from lakebt.lake.keeping.branch_requests import told_of
from lakebt.lake.keeping.rebase import adoption, rebasing
from lakebt.lake.publishing.release_request import answered
from lakebt.lake.serving.errors import ConflictError
from lakebt.lake.serving.refusals import refusals
from lakebt.lake.serving.release_writer import Told, sessions_of
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lakebt.lake.serving import requests
    from lakebt.lake.storage.catalog import Storage


_REMEMBERED = 256
"""Of how many requests the answers are known."""


class Branches:
    """Branches of one lake. One thread at a time may call it.

    Each method returns the answer, raises `RefusedError`, and answers as before if
    `key` is that of a request that was carried out.

    Parameters
    ----------
    storage
        The lake, embedded.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._done: OrderedDict[str, bytes] = OrderedDict()

    def make(self, name: str, asked: requests.NewBranch, *, key: str | None) -> bytes:
        """Make a branch; the answer is its first release."""

        def make() -> Release:
            there = branches.make(
                self._storage, name, at=asked.at, now=_clock(asked.now)
            )
            return read_ledger(there, there.tables()[LEDGER]).releases[0]

        return self._answer(key, lambda: self._row(make()))

    def rebase(self, name: str, asked: requests.Rebase, *, key: str | None) -> bytes:
        """Rebase a branch; the answer is the release that is made."""

        def rebase() -> Release:
            now = _clock(asked.now)
            transfer = rebasing(
                self._storage,
                name,
                at=asked.at,
                release=asked.release,
                accept=asked.accept,
                now=now,
                sessions=sessions_of(self._storage),
                comparison=functools.partial(Told, told=frozenset(asked.told)),
            )
            if isinstance(transfer, Release):
                return transfer
            return transfer.publish(now=now)

        return self._answer(key, lambda: self._row(rebase()))

    def adopt(self, name: str, asked: requests.Adoption, *, key: str | None) -> bytes:
        """Adopt a branch; the answer is the release of main that is made."""

        def adopt() -> Release:
            now = _clock(asked.now)
            transfer = adoption(
                self._storage,
                name,
                release=asked.release,
                as_of=asked.as_of,
                note=asked.note,
                labels=asked.labels,
                now=now,
                sessions=sessions_of(self._storage),
                comparison=functools.partial(Told, told=frozenset(asked.told)),
            )
            return transfer.publish(now=now)

        return self._answer(key, lambda: self._row(adopt()))

    def drop(self, name: str, asked: requests.BranchDrop, *, key: str | None) -> bytes:
        """Drop a branch; the answer is what went."""

        def drop() -> bytes:
            gone = retention.drop_branch(
                self._storage,
                name,
                because=asked.because,
                now=_clock(asked.now)(),
                dry_run=False,
                step=None,
            )
            return told_of(gone, self._storage.loaded()[LEDGER])

        return self._answer(key, drop)

    def _answer(self, key: str | None, do: Callable[[], bytes]) -> bytes:
        if key is not None and key in self._done:
            return self._done[key]
        with refusals(conflict=ConflictError):
            answer = do()
        if key is not None:
            self._done[key] = answer
            while len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
        return answer

    def _row(self, release: Release) -> bytes:
        table = self._storage.loaded()[LEDGER]
        return answered(ledger_rows([release], table), is_new=release.is_new)


def _clock(now: str) -> Callable[[], dt.datetime]:
    """Return a clock that always shows the client's instant."""
    instant = parse_instant(now, what="now")
    return lambda: instant
