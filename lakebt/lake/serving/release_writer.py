"""Publishes what comes as one request, as an embedded publisher does.

Rows are audited here again, at the very state that they are added to. What is found
that the publisher was not told of is not published: it audits once more, and says so.
What does not look at that state is done before the turn, while others write.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.errors import LakebtError
from lakebt.lake.committing.branches import placed_anew
from lakebt.lake.committing.ledger import ledger_rows
from lakebt.lake.publishing.audits.comparison import Comparison
from lakebt.lake.publishing.audits.finding import MEANT
from lakebt.lake.publishing.publication import examine
from lakebt.lake.publishing.publish import publish
from lakebt.lake.publishing.release_request import answered, decoded
from lakebt.lake.serving.errors import AuditedError, BusyServerError, MovedError
from lakebt.lake.serving.refusals import refusals
from lakebt.lake.tables.schemas import EXCHANGE, LEDGER
from lakebt.lake.tables.specs import Specs
from lakebt.sessions import Exchange

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.publishing.publication import Publication
    from lakebt.lake.publishing.release_request import Asked
    from lakebt.lake.storage.catalog import Storage


_REMEMBERED = 1024
"""Of how many requests it is known that they were carried out."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """The body of a request, read before its turn.

    Attributes
    ----------
    asked
        What it asks for.
    specs, sessions
        By what its rows were examined.
    examined
        The publication, if nothing is wrong with it; else it is examined in its turn,
        by the tables that there are then.
    """

    asked: Asked
    specs: Specs
    sessions: Exchange
    examined: Publication | None

    def publication(self, storage: Storage) -> Publication | None:
        """Return what was examined, if the tables are those of before the turn."""
        if self.examined is None:
            return None
        now = storage.specs
        is_same = sessions_of(storage).name == self.sessions.name and all(
            now.get(name) == self.specs[name] for name in self.examined.tables
        )
        return self.examined if is_same else None


class Releases:
    """Publishes into one lake. One thread at a time may publish.

    Parameters
    ----------
    storage
        The lake, embedded.
    lost
        Told of each race that an attempt lost.
    """

    def __init__(self, storage: Storage, *, lost: Callable[[], object]) -> None:
        self._storage, self._lost = storage, lost
        self._done: OrderedDict[str, str] = OrderedDict()

    def read(self, body: bytes) -> Read:
        """Read what is asked for, and check what of it needs no turn.

        Parameters
        ----------
        body
            As `release_request.encoded` makes it.

        Raises
        ------
        RefusedError
            If it is none.
        """
        with refusals(conflict=BusyServerError):
            request = decoded(body)
            tables = self._storage.loaded()
            specs, sessions = Specs(tables), sessions_of(self._storage)
        examined = None
        with contextlib.suppress(LakebtError, MovedError):
            examined = _examined(request, specs, sessions, request.arguments["release"])
        return Read(asked=request, specs=specs, sessions=sessions, examined=examined)

    def publish(self, read: Read, *, key: str | None) -> bytes:
        """Publish, and return the release's row of the ledger.

        Parameters
        ----------
        read
            What was asked for.
        key
            The same if a request is repeated: then it made what it made before.

        Raises
        ------
        RefusedError
            As `refusals` says; busy if programs beside the server kept coming first.
        """
        with refusals(conflict=BusyServerError):
            return self._published(read, key)

    def _published(self, read: Read, key: str | None) -> bytes:
        request = read.asked
        storage, name = placed_anew(self._storage, request.arguments["release"])
        storage.tables()
        sessions = sessions_of(self._storage)
        publication = read.publication(storage)
        if publication is None:
            publication = _examined(request, storage.specs, sessions_of(storage), name)
        check = Told(publication, storage=storage, sessions=sessions, told=request.told)
        attempts = 0

        def now() -> dt.datetime:
            nonlocal attempts
            attempts += 1
            if attempts > 1:
                self._lost()
            return request.now

        release = publish(publication, storage=storage, now=now, check=check)
        is_new = release.is_new or (key is not None and self._did(key, release))
        if key is not None and is_new:
            self._remember(key, release)
        table = self._storage.loaded()[LEDGER]
        return answered(ledger_rows([release], table), is_new=is_new)

    def _did(self, key: str, release: Release) -> bool:
        return self._done.get(key) == release.name

    def _remember(self, key: str, release: Release) -> None:
        self._done[key] = release.name
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)


_EXAMINING = threading.Lock()
"""One at a time, before a turn or in it: what audits are configured by is shared."""


def _examined(asked: Asked, specs: Specs, sessions: Exchange, name: str) -> Publication:
    """Return the publication, checked as its publisher has checked it.

    Raises
    ------
    AuditError
        If anything fails that does not look at the lake.
    MovedError
        If its tables are others than the publisher took them for.
    """
    arguments: dict[str, Any] = {**asked.arguments, "release": name}
    # A user's own audits were run where they are.
    arguments["warn_on"] = [n for n in arguments["warn_on"] if n in MEANT]
    with _EXAMINING:
        publication = examine(
            asked.tables, **arguments, specs=specs, now=asked.now, sessions=sessions
        )
    publication.report.check()
    if publication.digest != asked.digest:
        msg = "the rows are not here what they were where they were prepared"
        raise MovedError(msg)
    return publication


def sessions_of(storage: Storage) -> Exchange:
    """Return the exchange whose sessions count in a lake."""
    properties = storage.loaded()[LEDGER].metadata.properties
    return Exchange(properties.get(EXCHANGE, "XNYS"))


class Told(Comparison):
    """Compares a publication with the lake; nothing may be found that was not told.

    Parameters
    ----------
    publication, storage, sessions
        As for `Comparison`.
    told
        What the publisher was warned of.
    """

    def __init__(
        self,
        publication: Publication,
        *,
        storage: Storage,
        sessions: Exchange,
        told: frozenset[str],
    ) -> None:
        super().__init__(publication, storage=storage, sessions=sessions)
        self._known = told

    def __call__(self, tables: Mapping[str, Table], ledger: Ledger) -> None:
        """Check it.

        Raises
        ------
        AuditedError
            If the publisher was not warned of something.
        AuditError
            If anything fails.
        """
        report = self.report(tables, ledger)
        report.check()
        if news := [f for f in report.warnings if f.message not in self._known]:
            msg = f"{len(news)} warnings were not told yet, {news[0].audit} among them"
            raise AuditedError(msg)
