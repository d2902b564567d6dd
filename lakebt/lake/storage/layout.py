"""How a lake is laid out: the ledger says a version, so that none is misread.

What is older is read as it is. What is newer is refused before anything of it is
believed; what newer versions keep for this is a ledger that is an Iceberg table, and
its two properties.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lakebt._version import __version__
from lakebt.errors import LakeError
from lakebt.lake.tables.schemas import LAYOUT, LAYOUT_NEEDS, LAYOUT_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping


_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_RELEASE = re.compile(r"[0-9]+(?:\.[0-9A-Za-z]+){0,5}")


def layout_of(properties: Mapping[str, str]) -> int | None:
    """Return the version of a layout in the ledger's properties; None without one."""
    text = properties.get(LAYOUT, "1")
    return int(text) if _NUMBER.fullmatch(text) else None


def unknown(properties: Mapping[str, str]) -> tuple[str, str] | None:
    """Say what is wrong with a layout, and the cure; None if it can be read."""
    layout = layout_of(properties)
    if layout is None:
        text = properties[LAYOUT]
        return (
            f"its layout is {text!r}, which no version of lakebt writes",
            "Restore the lake from a backup",
        )
    if layout <= LAYOUT_VERSION:
        return None
    needs = properties.get(LAYOUT_NEEDS, "")
    is_named = _RELEASE.fullmatch(needs)
    release = f"lakebt {needs}, or a newer one" if is_named else "what wrote it"
    reads = f"lakebt {__version__} reads those up to {LAYOUT_VERSION}"
    return f"it has layout {layout}, and {reads}", f"Install {release}"


def check_layout(properties: Mapping[str, str], *, where: str) -> None:
    """Check that this version of lakebt can read a lake.

    Raises
    ------
    LakeError
        If a newer one wrote it.
    """
    if (wrong := unknown(properties)) is not None:
        problem, cure = wrong
        msg = f"{where} cannot be read: {problem}. {cure}"
        raise LakeError(msg)
