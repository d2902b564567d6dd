"""Names that hold what is erased: they stay, for others know things by them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.table.refs import MAIN_BRANCH

from lakebt.lake.committing.branches import branches_in
from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.storage.branch_refs import IN_PUBLISHING
from lakebt.lake.tables.schemas import LEDGER
from lakebt.values.command_lines import lake_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.erasure.substitution import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptName:
    """A name that holds a value that is erased.

    Attributes
    ----------
    kind : str
        Of what: ``"release"``, ``"branch"``, ``"tag"``, ``"table"`` or ``"folder"``.
    name : str
        It, with the value in it.
    cure : str
        How to be rid of it.
    """

    kind: str
    name: str
    cure: str


def kept_names(
    tables: Mapping[str, Table],
    releases: Iterable[Release],
    words: Words,
    address: Mapping[str, str],
) -> tuple[KeptName, ...]:
    """Return the names of a lake that hold values.

    Parameters
    ----------
    tables
        All of the lake, as main has them.
    releases
        All of them, of branches and those that ended too.
    words
        The values, and the longer texts that may hold them.
    address
        Where the lake is, as `Lake.open` is told.
    """
    return tuple(
        each
        for each in _names(tables, list(releases), words, address)
        if words.stand_in(each.name)
    )


def _names(
    tables: Mapping[str, Table],
    releases: list[Release],
    words: Words,
    address: Mapping[str, str],
) -> Iterator[KeptName]:
    every = dict.fromkeys(release.name for release in releases)
    copied = _copied(releases, words, address)
    for name in every:
        yield KeptName(kind="release", name=name, cure=copied)
    branches = branches_in(tables[LEDGER])
    for name in branches:
        yield KeptName(kind="branch", name=name, cure=copied)
    own_names = {*every, *branches, MAIN_BRANCH}
    for table, there in tables.items():
        yield KeptName(
            kind="table",
            name=table,
            cure="publish what stays into a table of another name, in another lake",
        )
        for name, ref in there.metadata.refs.items():
            if name not in own_names and not name.startswith(IN_PUBLISHING):
                kind = ref.snapshot_ref_type.value
                cure = f"drop that {kind} of {table} with the engine that made it"
                yield KeptName(kind=kind, name=name, cure=cure)
    if (path := address.get("path")) is not None:
        cure = f"{_export(address)}, and delete this one, whose files say where it is"
        yield KeptName(kind="folder", name=path, cure=cure)


def _copied(
    releases: Iterable[Release], words: Words, address: Mapping[str, str]
) -> str:
    """Return how to go on without a release, or a branch, that results may name."""
    living = [each.name for each in releases if not each.is_ended]
    main = [n for n in living if branch_in(n) is None and not words.stand_in(n)]
    if not main:
        return "publish what stays into another lake, and delete this one"
    chosen = [word for name in main for word in ("--release", name)]
    if len(chosen) > _SPELT:
        chosen = ["--release", "NAME", "..."]
    return f"{_export(address, *chosen)}, and delete this one"


def _export(address: Mapping[str, str], *chosen: str) -> str:
    where = [word for pair in lake_options(address).items() for word in pair]
    command = " ".join(["lakebt export TO", shlex.join(where), *chosen])
    return f"make a lake of {'the other releases' if chosen else 'it'} ({command})"


_SPELT = 6
"""Words of a command that are spelt out."""
