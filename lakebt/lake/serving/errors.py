"""Errors as clients of the Iceberg REST specification know them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from sqlalchemy.exc import IntegrityError, OperationalError

from lakebt.errors import LakebtError
from lakebt.lake.storage.failures import BusyError, LostRaceError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator


class RefusedError(Exception):
    """A request that is refused.

    Attributes
    ----------
    status : int
        Of HTTP.
    kind : str
        The name of the error in the specification.
    """

    status: ClassVar[int] = 400
    kind: ClassVar[str] = "BadRequestException"


class BadRequestError(RefusedError):
    """The request makes no sense."""


class UnauthorizedError(RefusedError):
    """The request lacks the token."""

    status, kind = 401, "NotAuthorizedException"


class ForbiddenError(RefusedError):
    """The request would harm a release, or the server is read-only."""

    status, kind = 403, "ForbiddenException"


class NoNamespaceError(RefusedError):
    """There is no such namespace."""

    status, kind = 404, "NoSuchNamespaceException"


class NoTableError(RefusedError):
    """There is no such table."""

    status, kind = 404, "NoSuchTableException"


class UnsupportedError(RefusedError):
    """The server does not support the request."""

    status, kind = 406, "UnsupportedOperationException"


class ExistsError(RefusedError):
    """The name is taken."""

    status, kind = 409, "AlreadyExistsException"


class NotEmptyError(RefusedError):
    """The namespace holds something."""

    status, kind = 409, "NamespaceNotEmptyException"


class ConflictError(RefusedError):
    """Another commit came first: load the table again and retry."""

    status, kind = 409, "CommitFailedException"


class MovedError(RefusedError):
    """The lake is not what a publisher took it for: it has to look itself."""

    status, kind = 412, "LakeMovedException"


class AuditedError(RefusedError):
    """Audits found what a publisher does not know yet. Nothing was changed."""

    status, kind = 422, "AuditException"


class TooSlowError(RefusedError):
    """The body does not arrive."""

    status = 408


class ContentTypeError(RefusedError):
    """The body is not what the server reads."""

    status = 415


class TooLargeError(RefusedError):
    """The body is larger than any sensible request."""

    status = 413


class UnavailableError(RefusedError):
    """The lake cannot be used now. Nothing was changed."""

    status, kind = 503, "ServiceUnavailableException"


class BusyServerError(UnavailableError):
    """Too many wait already: come again. Nothing was changed."""


RETRY_SECONDS = 1
"""When to come again, in the header ``Retry-After``."""


_TRANSLATED: tuple[tuple[type[Exception], type[RefusedError]], ...] = (
    (CommitFailedException, ConflictError),
    (NamespaceAlreadyExistsError, ExistsError),
    (NamespaceNotEmptyError, NotEmptyError),
    (NoSuchNamespaceError, NoNamespaceError),
    (NoSuchTableError, NoTableError),
    (TableAlreadyExistsError, ExistsError),
)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what pyiceberg, the lake and its database raise into refusals.

    Raises
    ------
    ConflictError
        If another commit came first.
    ExistsError
        If the name was taken meanwhile.
    OperationalError
        If the database fails in another way than by being locked.
    RefusedError
        As `_TRANSLATED` says.
    UnavailableError
        If the lake is locked, or cannot be read.
    """
    try:
        yield
    except tuple(known for known, _ in _TRANSLATED) as error:
        kind = next(kind for known, kind in _TRANSLATED if isinstance(error, known))
        raise kind(str(error)) from None
    except (BusyError, LakebtError) as error:
        raise UnavailableError(str(error) or f"the lake {locked()}") from None
    except LostRaceError as error:
        msg = f"another commit came first: {error}"
        raise ConflictError(msg) from None
    except IntegrityError:
        msg = "the name was taken meanwhile"
        raise ExistsError(msg) from None
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        msg = f"the lake {locked()}"
        raise UnavailableError(msg) from None
