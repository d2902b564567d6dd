"""The provenance of a result in words, and the command that makes it again."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from lakebt._version import __version__
from lakebt.values.command_lines import lake_options
from lakebt.values.text import count

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
    r"\b(?:simulat(?:e[ds]?|ions?|or)|fictitious|fictional|made[- ]up|invented|"
    r"fabricated|hypothetical|monte[- ]carlo|random[- ]walks?|"
    r"not (?:a )?real|no real|unreal|"
    r"synthetic(?!\s+(?:biolog|etf|fuel|fund|genom|replicat|rubber|swap))|"
    r"artificial(?!\s+(?:intelligence|grass|turf|heart))|"
    r"(?:dummy|fake|mock|toy|test|random|generated)[- =:]+"
    r"(?:bars?|data|facts|market|numbers|prices?|symbols?|tickers?|true|yes|1)\b)\b",
    re.IGNORECASE,
)
"""What a note or a label calls data that no market made."""

_DENIED = re.compile(
    r"\b(?:no|not|non|never|without|neither|nor|\w+n't|replaces?|instead of|than)"
    r"[\s-]+(?:(?:a|an|any|at|all|been|is|longer|the|was)\s+)*\Z",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\s*[=:]\s*(?:no|none|not|n|false|off|0)\b", re.IGNORECASE)


def is_made_up(text: str) -> bool:
    """Whether a note or a label calls data so that no market made it.

    Examples
    --------
    >>> is_made_up("simulated from seed 7"), is_made_up("simulated=no")
    (True, False)
    """
    return any(
        not _DENIED.search(text, 0, match.start())
        and not _DENIES.match(text, match.end())
        for match in _MADE.finditer(text)
    )


def view_banners(view: View, told: Sequence[str] = ()) -> list[str]:
    """Return the warnings about a view.

    Parameters
    ----------
    view
        What was read.
    told
        Note and labels of its release.

    Returns
    -------
    list of str
        That the data is simulated comes first, where a note or a label says so; then
        what was erased from it.
    """
    banners = [
        f"Simulated: no market made these numbers. Release {view.release} says: {text}."
        for text in told
        if is_made_up(text)
    ][:1]
    banners += [
        f"Redacted release {view.release}: {each}." for each in _redactions(view)
    ]
    if not view.past_cutoff:
        return banners
    banner = (
        f"As of {view.instant.isoformat()}, past the release's cutoff "
        f"{view.cutoff.isoformat()}: facts known since are not in it."
    )
    return [*banners, banner]


def _redactions(view: View) -> list[str]:
    """Return the erasures from a view's release in words."""
    return [
        f"{_lost(each['rows'])} on {each['erased_at'][:10]}: {each['because']} "
        f"(certificate {each['certificate']})"
        for each in view.provenance().get("redactions", ())
    ]


def _lost(rows: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count(n, 'row')} erased from {name}" for name, n in rows.items()
    )


def view_provenance(view: View) -> dict[str, str]:
    """Return the data that a view read, in words."""
    facts = view.provenance()
    erased = "; ".join(_redactions(view))
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
        **({"redacted": erased} if erased else {}),
    }


def versions() -> dict[str, str]:
    """Return the versions of the code and libraries that computed a result."""
    others = ", ".join(f"{name} {version(name)}" for name in _COMPUTED_BY)
    return {"versions": f"lakebt {__version__}, {others}"}
