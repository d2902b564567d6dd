"""Which properties a table of the lake may have; all others are neither taken nor read.

What reads or writes a table obeys its properties, pyiceberg and other engines alike:
they say where files go, how columns are found, and which code is imported. One value
that makes no sense stops every publisher. So this is a list of what is allowed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lakebt.lake.tables.schemas import OURS, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Mapping


_NOTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""A name of one word, as comment or owner: no engine takes it for a setting."""

_LONGEST_NOTE = 1000

_FLAGS = ("true", "false")

_CODEC = "write.parquet.compression-codec"
"""Iceberg's own library gives it to each table that a server makes."""

_CODECS = ("zstd", "gzip", "snappy", "uncompressed")


def is_allowed(key: str, value: str) -> bool:
    """Whether a table of the lake may have a property.

    Examples
    --------
    >>> is_allowed("owner", "desk"), is_allowed("write.data.path", "/tmp")
    (True, False)
    """
    if key.startswith(OURS):
        return True
    if key == _CODEC:
        return value.lower() in _CODECS
    if (ours := PROPERTIES.get(key)) is None:
        return bool(_NOTE.fullmatch(key)) and len(value) <= _LONGEST_NOTE
    if ours in _FLAGS:
        return value.lower() in _FLAGS
    if ours.isdigit():
        return value.isascii() and value.isdigit() and len(value) <= len("999999")
    return value == ours


def divided(
    properties: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the properties that are allowed, and those that are not."""
    allowed = {k: v for k, v in properties.items() if is_allowed(k, v)}
    return allowed, {k: v for k, v in properties.items() if k not in allowed}
