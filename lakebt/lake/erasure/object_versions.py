"""What a bucket keeps of files that were deleted: their versions.

Arrow does not ask for them. boto3 does, where it is installed; without it, or without
the right to ask, it is not known, and that is said.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakebt._messages import as_words
from lakebt.lake.storage.failures import is_failure
from lakebt.lake.tables.schemas import LEDGER
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table


_LISTED = 1000
"""Versions that are listed one by one."""

_SCHEMES = frozenset({"s3", "s3a", "s3n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersions:
    """Versions of objects that are not the last ones, under the tables of a lake.

    Attributes
    ----------
    is_known : bool
        Whether the bucket could be asked; if not, the rest says nothing.
    n_versions, n_bytes : int
        Those that hold bytes: marks of deletions are none.
    some : tuple of (str, str)
        Path and version of the first 1,000.
    """

    is_known: bool
    n_versions: int = 0
    n_bytes: int = 0
    some: tuple[tuple[str, str], ...] = ()

    @as_words
    def __str__(self) -> str:
        if not self.is_known:
            return (
                "Whether the bucket keeps older versions is not known: look with "
                "`aws s3api list-object-versions`, and delete them"
            )
        if not self.n_versions:
            return "The bucket keeps no older versions."
        versions = count(self.n_versions, "older version")
        return (
            f"The bucket keeps {versions} with {self.n_bytes:,} bytes, which the "
            f"certificate lists: delete them with `aws s3api delete-object "
            f"--version-id`, or by a rule of the bucket's lifecycle"
        )


def kept_versions(tables: Mapping[str, Table]) -> KeptVersions | None:
    """Ask what a bucket keeps of files of some tables; None of a lake on a disk.

    Parameters
    ----------
    tables
        Of the lake, the ledger among them: how the store is reached is as for that.
    """
    places = [urlsplit(table.location()) for table in tables.values()]
    places = [place for place in places if place.scheme in _SCHEMES]
    if not places:
        return None
    client = _client(tables[LEDGER].io.properties)
    if client is None:
        return KeptVersions(is_known=False)
    versions: dict[tuple[str, str], int] = {}
    try:
        with contextlib.closing(client):
            for place in places:
                pages = client.get_paginator("list_object_versions").paginate(
                    Bucket=place.netloc, Prefix=f"{place.path.strip('/')}/"
                )
                for page in pages:
                    for each in page.get("Versions", ()):
                        if not each["IsLatest"] and each["Size"]:
                            path = f"s3://{place.netloc}/{each['Key']}"
                            versions[path, each["VersionId"]] = each["Size"]
    except Exception as error:
        if not is_failure(error):
            raise
        return KeptVersions(is_known=False)
    return KeptVersions(
        is_known=True,
        n_versions=len(versions),
        n_bytes=sum(versions.values()),
        some=tuple(sorted(versions))[:_LISTED],
    )


def _client(properties: Mapping[str, Any]) -> Any:
    """Return a client of the store that has the tables; None without boto3."""
    try:
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - may be missing
    except ImportError:
        return None
    settings = {
        "endpoint_url": properties.get("s3.endpoint"),
        "region_name": properties.get("s3.region") or properties.get("client.region"),
        "aws_access_key_id": properties.get("s3.access-key-id"),
        "aws_secret_access_key": properties.get("s3.secret-access-key"),
        "aws_session_token": properties.get("s3.session-token"),
    }
    if not settings["region_name"]:
        named = map(os.environ.get, ("AWS_REGION", "AWS_DEFAULT_REGION"))
        settings["region_name"] = next(filter(None, named), "us-east-1")
    try:
        # Not the session of the process, which keeps the keys that it met first.
        session = boto3.Session()
        return session.client("s3", **{k: v for k, v in settings.items() if v})
    except Exception as error:
        if not is_failure(error):
            raise
        return None
