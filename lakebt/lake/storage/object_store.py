"""Tables in an object store: what pyiceberg's own configuration leaves open.

Everything that is configured holds, and credentials come from where pyiceberg and the
AWS libraries find them: nothing here reads, keeps or passes on one. What is added is
only what was not said: how long to wait, and for a store of one's own a region, which
pyiceberg would ask Amazon for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.io import PY_IO_IMPL, S3_CONNECT_TIMEOUT, S3_REQUEST_TIMEOUT
from pyiceberg.io.pyarrow import PyArrowFileIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyarrow.fs import FileSystem


CONNECT_SECONDS = 5
"""How long a store, or a catalog behind a network, has to accept a connection."""

REQUEST_SECONDS = 5
"""How long a store may say nothing. Arrow asks three times."""

_SCHEMES = ("s3:", "s3a:", "s3n:")
_ANY_REGION = "us-east-1"
"""A store of one's own has none, but a request is signed for one."""


def defaults(
    configured: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the properties that a catalog with tables in a store lacks.

    Parameters
    ----------
    configured
        A catalog's properties, as pyiceberg found them.
    environment
        The variables of the process.

    Returns
    -------
    dict of str to str
        Empty if nothing says that its tables lie in a store that speaks S3.
    """
    if not _is_store(configured):
        return {}
    wanted = {
        PY_IO_IMPL: f"{__name__}.{ObjectStoreIO.__name__}",
        S3_CONNECT_TIMEOUT: str(CONNECT_SECONDS),
        S3_REQUEST_TIMEOUT: str(REQUEST_SECONDS),
    }
    own = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    is_own = "s3.endpoint" in configured or any(map(environment.get, own))
    if is_own and "client.region" not in configured:
        named = map(environment.get, ("AWS_REGION", "AWS_DEFAULT_REGION"))
        wanted["s3.region"] = next(filter(None, named), _ANY_REGION)
    return {name: value for name, value in wanted.items() if name not in configured}


def _is_store(configured: Mapping[str, Any]) -> bool:
    warehouse = str(configured.get("warehouse", ""))
    return (
        warehouse.startswith(_SCHEMES)
        or str(configured.get("type", "")).lower() == "glue"
        or any(name.startswith("s3.") for name in configured)
    )


class ObjectStoreIO(PyArrowFileIO):
    """pyiceberg's own, but a small file is sent in one request instead of three.

    Arrow begins a multipart upload before it knows the size. A multipart upload costs
    three round trips, and an interrupted one leaves invisible parts that are billed.
    """

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:
        filesystem = super()._initialize_s3_fs(netloc)
        if self.properties.get("s3.retry-strategy-impl"):
            return filesystem  # it is not among what Arrow says of itself
        reduced: Any = filesystem.__reduce__()  # how it is pickled
        again, (options,) = reduced
        same: FileSystem = again({**options, "allow_delayed_open": True})
        return same
