"""The provenance of a result in words, and the command that makes it again."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from lakebt._version import __version__
from lakebt.values.command_lines import lake_options

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence


class View(Protocol):
    """The part of a `lakebt.View` that a report names."""

    @property
    def release(self) -> str: ...  # noqa: D102 - as there
    @property
    def instant(self) -> dt.datetime: ...  # noqa: D102
    @property
    def cutoff(self) -> dt.datetime: ...  # noqa: D102
    @property
    def past_cutoff(self) -> bool: ...  # noqa: D102
    def provenance(self) -> dict[str, Any]: ...  # noqa: D102


def shell(words: Mapping[str, str | list[str] | None], *, start: list[str]) -> str:
    """Return a command line; options without a value are left out.

    Examples
    --------
    >>> shell({"--release": "R1", "--hedge": None}, start=["lakebt", "study"])
    'lakebt study --release R1'
    """
    line = list(start)
    for option, value in words.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                line += [option, one]
    return shlex.join(line)


def view_options(view: View, address: Mapping[str, str]) -> dict[str, str | None]:
    """Return the options that open a view again, of a lake at `address`."""
    as_of = view.instant.isoformat() if view.instant != view.cutoff else None
    return {**lake_options(address), "--release": view.release, "--as-of": as_of}


_COMPUTED_BY = ("pyiceberg", "pandas", "numpy")


_MADE = re.compile(
    r"(?<!not )(?<!non-)\b"
    r"(simulat(ed|ion)|synthetic|artificial|fictitious|made[- ]up)\b"
    r"(?!=(no|false|0)\b)",
    re.IGNORECASE,
)
"""What a note or a label calls data that no market made."""


def view_banners(view: View, told: Sequence[str] = ()) -> list[str]:
    """Return what must be said of a view.

    Parameters
    ----------
    view
        What was read.
    told
        Note and labels of its release.

    Returns
    -------
    list of str
        That the data is simulated comes first, where a note or a label says so.
    """
    banners = [
        f"Simulated: no market made these numbers. Release {view.release} says: {text}."
        for text in told
        if _MADE.search(text)
    ][:1]
    if not view.past_cutoff:
        return banners
    banner = (
        f"As of {view.instant.isoformat()}, past the release's cutoff "
        f"{view.cutoff.isoformat()}: facts known since are not in it."
    )
    return [*banners, banner]


def view_provenance(view: View) -> dict[str, str]:
    """Return what a view read, in words."""
    facts = view.provenance()
    return {
        "release": view.release,
        "as of": view.instant.isoformat(),
        "cutoff": view.cutoff.isoformat(),
        "snapshots": ", ".join(
            f"{table} {snapshot}"
            for table, snapshot in facts["snapshots"].items()
            if snapshot is not None
        ),
        "price basis": ", ".join(facts["basis"]) or "no prices",
    }


def versions() -> dict[str, str]:
    """Return the versions of what computed a result."""
    others = ", ".join(f"{name} {version(name)}" for name in _COMPUTED_BY)
    return {"versions": f"lakebt {__version__}, {others}"}
