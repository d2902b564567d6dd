"""The article's published facts as two releases, which ``lakebt demo`` publishes.

The files are ``data/`` of the repository; its README says where each row is from. They
ship inside the package, so they are found from any directory.
"""

from __future__ import annotations

import importlib.resources
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import LakebtError
from lakebt.instants import parse_instant
from lakebt.sources.files import read_file

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    import pandas as pd


_FILES = {
    "Q1_2022": ("etf_holdings",),
    "Q3_2022": ("etf_holdings", "index_changes"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleRelease:
    """The tables and arguments of one release.

    Attributes
    ----------
    name
        Of the release; the article's tag.
    as_of
        Its cutoff, UTC: when the fund's report was accepted.
    tables
        Frames by table.
    """

    name: str
    as_of: dt.datetime
    tables: Mapping[str, pd.DataFrame]


def sample_releases() -> tuple[SampleRelease, ...]:
    """Return the article's two releases, in the order they became known.

    ``Q1_2022`` holds what the fund reported for March 2022 and later lacked;
    ``Q3_2022`` what it reported for September 2022 and lacked before, and the four
    index changes announced on 2022-09-02. Only these rows were published, so neither
    report is whole.

    Returns
    -------
    tuple of SampleRelease
        In the order in which they are published.

    Raises
    ------
    LakebtError
        If the files are neither in the package nor beside it.

    Examples
    --------
    >>> for release in sample_releases():
    ...     print(release.name, release.as_of, sorted(release.tables))
    Q1_2022 2022-05-27 17:54:03+00:00 ['etf_holdings']
    Q3_2022 2022-11-28 20:50:55+00:00 ['etf_holdings', 'index_changes']
    """
    folder = _folder()
    releases = []
    for name, tables in _FILES.items():
        frames = {table: _frame(folder, table, name) for table in tables}
        accepted = str(frames["etf_holdings"]["known_at"].max())
        as_of = parse_instant(accepted, what="known_at")
        releases.append(SampleRelease(name=name, as_of=as_of, tables=frames))
    return tuple(releases)


def _frame(folder: Traversable, table: str, release: str) -> pd.DataFrame:
    with ExitStack() as files:
        file = importlib.resources.as_file(folder / f"{table}_{release}.csv")
        return read_file(files.enter_context(file), table=table).frame


def _folder() -> Traversable:
    """Return where the files are: in an installed package, else in the checkout.

    Raises
    ------
    LakebtError
        If they are in neither place.
    """
    installed = importlib.resources.files("lakebt") / "_data"
    checkout = Path(__file__).parents[2] / "data"
    for folder in (installed, checkout):
        if (folder / "README.md").is_file():
            return folder
    msg = (
        f"the sample data is in neither {installed} nor {checkout}: "
        f"reinstall lakebt, or run from a complete checkout"
    )
    raise LakebtError(msg)
