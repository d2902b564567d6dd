"""What a publisher that the server is for may run into, as refusals of its request."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException

from lakebt.errors import (
    ConflictError,
    ForeignCommitError,
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    ReleaseEndedError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake.serving.errors import (
    AuditedError,
    BadRequestError,
    ExistsError,
    MovedError,
    RefusedError,
    UnavailableError,
)
from lakebt.lake.storage.failures import LostRaceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def refusals(*, conflict: type[RefusedError]) -> Iterator[None]:
    """Turn what publishing raises into refusals.

    Parameters
    ----------
    conflict
        What a conflict becomes: whether to come again is another matter where others
        came first, and where facts clash.

    Raises
    ------
    AuditedError
        If audits found what the publisher does not know yet.
    BadRequestError
        If it makes no sense.
    ExistsError
        If the name holds something else.
    MovedError
        If the lake is not what the publisher takes it for.
    RefusedError
        `conflict`, or what is one already.
    UnavailableError
        If the lake cannot be read or written.
    """
    try:
        yield
    except (InvalidArgumentError, ReleaseEndedError, UnknownNameError) as error:
        raise BadRequestError(str(error)) from None
    except ReleaseExistsError as error:
        raise ExistsError(str(error)) from None
    except ConflictError as error:
        raise conflict(str(error)) from None
    except (ForeignCommitError, LostRaceError, CommitFailedException) as error:
        raise MovedError(str(error)) from None
    except InvalidDataError as error:
        raise AuditedError(str(error)) from None
    except LakeError as error:
        raise UnavailableError(str(error)) from None
