"""Publishes what comes as one request, as an embedded publisher does.

Rows are audited here again, at the very state that they are added to. What is found
that the publisher was not told of is not published: it audits once more, and says so.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import CommitFailedException

from lakebt.errors import (
    ConflictError,
    ForeignCommitError,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake.committing.ledger import ledger_rows
from lakebt.lake.publishing.audits.comparison import Comparison
from lakebt.lake.publishing.audits.finding import MEANT
from lakebt.lake.publishing.publication import examine
from lakebt.lake.publishing.publish import publish
from lakebt.lake.publishing.release_request import answered, decoded
from lakebt.lake.serving.errors import (
    AuditedError,
    BadRequestError,
    BusyServerError,
    ExistsError,
    MovedError,
    UnavailableError,
)
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.tables.schemas import EXCHANGE, LEDGER
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


class Releases:
    """Publishes into one lake. One thread at a time may call it.

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

    def publish(self, body: bytes, *, key: str | None) -> bytes:
        """Publish, and return the release's row of the ledger.

        Parameters
        ----------
        body
            As `release_request.encoded` makes it.
        key
            The same if a request is repeated: then it made what it made before.

        Raises
        ------
        AuditedError
            If audits found what the publisher does not know yet.
        BadRequestError
            If it makes no sense.
        BusyServerError
            If programs beside the server kept coming first.
        ExistsError
            If the name holds something else.
        MovedError
            If the lake is not what the publisher takes it for.
        UnavailableError
            If the lake cannot be read or written.
        """
        try:
            asked = decoded(body)
            return self._published(asked, key)
        except (InvalidArgumentError, UnknownNameError) as error:
            raise BadRequestError(str(error)) from None
        except ReleaseExistsError as error:
            raise ExistsError(str(error)) from None
        except ConflictError as error:
            raise BusyServerError(str(error)) from None
        except (ForeignCommitError, LostRaceError, CommitFailedException) as error:
            raise MovedError(str(error)) from None
        except InvalidDataError as error:
            raise AuditedError(str(error)) from None
        except LakeError as error:
            raise UnavailableError(str(error)) from None

    def _published(self, asked: Asked, key: str | None) -> bytes:
        publication = self._examined(asked)
        check = _Told(publication, self._storage, self._sessions, told=asked.told)
        attempts = 0

        def now() -> dt.datetime:
            nonlocal attempts
            attempts += 1
            if attempts > 1:
                self._lost()
            return asked.now

        release = publish(publication, storage=self._storage, now=now, check=check)
        is_new = release.is_new or (key is not None and self._did(key, release))
        if key is not None and is_new:
            self._remember(key, release)
        table = self._storage.loaded()[LEDGER]
        return answered(ledger_rows([release], table), is_new=is_new)

    def _examined(self, asked: Asked) -> Publication:
        """Return the publication, checked as its publisher has checked it.

        Raises
        ------
        AuditedError
            If anything fails that does not look at the lake.
        MovedError
            If its tables are others than the publisher took them for.
        """
        self._storage.tables()
        arguments: dict[str, Any] = dict(asked.arguments)
        # A user's own audits were run where they are.
        arguments["warn_on"] = [n for n in arguments["warn_on"] if n in MEANT]
        publication = examine(
            asked.tables,
            **arguments,
            specs=self._storage.specs,
            now=asked.now,
            sessions=self._sessions,
        )
        publication.report.check()
        if publication.digest != asked.digest:
            msg = "the rows are not here what they were where they were prepared"
            raise MovedError(msg)
        return publication

    @property
    def _sessions(self) -> Exchange:
        properties = self._storage.loaded()[LEDGER].metadata.properties
        return Exchange(properties.get(EXCHANGE, "XNYS"))

    def _did(self, key: str, release: Release) -> bool:
        return self._done.get(key) == release.name

    def _remember(self, key: str, release: Release) -> None:
        self._done[key] = release.name
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)


class _Told:
    """Compares a publication with the lake; nothing may be found that was not told."""

    def __init__(
        self,
        publication: Publication,
        storage: Storage,
        sessions: Exchange,
        *,
        told: frozenset[str],
    ) -> None:
        self._compare = Comparison(publication, storage=storage, sessions=sessions)
        self._told = told

    def __call__(self, tables: Mapping[str, Table], ledger: Ledger) -> None:
        """Check it.

        Raises
        ------
        AuditedError
            If anything fails, or the publisher was not warned of it.
        """
        report = self._compare.report(tables, ledger)
        report.check()
        if news := [f for f in report.warnings if f.message not in self._told]:
            msg = f"{len(news)} warnings were not told yet, {news[0].audit} among them"
            raise AuditedError(msg)
