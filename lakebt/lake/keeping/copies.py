"""A lake copied to another place: whole or some releases, and again as a backup.

The files of one state of the ledger are copied, their metadata with other paths. What
says that there is a lake, the catalog, comes last: until then the place is no lake, or
the one it was before.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.committing.branches import with_branches
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.keeping.copy_files import Copy, Copying, GoneError
from lakebt.lake.keeping.copy_places import Place, copied_lake, place_of
from lakebt.lake.storage import directory
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.relocation import within
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step


_LOOKS = 20
"""How often to look again, if what is copied is deleted meanwhile."""


def export(
    storage: Storage,
    to: object,
    *,
    releases: Iterable[str] | None = None,
    trials: bool = True,
    again: bool = False,
    step: Step | None = None,
) -> Copy:
    """Copy a lake to a place.

    Parameters
    ----------
    storage
    to
        A folder that is not there, or empty; or ``s3://bucket/folder``.
    releases
        Those that are copied; all by default.
    trials
        Whether what was tried is copied too.
    again
        Whether an earlier copy of the same lake may be there, which is brought up to
        date.
    step

    Raises
    ------
    InvalidArgumentError
        If it cannot go there.
    LakeError
        If a file is damaged, or one cannot be read or written.
    UnknownNameError
        If there is no such release.
    """  # noqa: DOC501 - nobody sees the other
    target = place_of(to, storage.catalog.properties)
    wanted = _names(releases)
    with translated(target.where):
        if target.root is not None and target.root.is_file():
            msg = f"{target.where} is a file: name a folder that is not there yet"
            raise InvalidArgumentError(msg)
        there = target.files()
    _check_apart(storage, target)
    for looks_left in reversed(range(_LOOKS)):
        tables, ledger = read_state(storage)
        uuid = str(tables[LEDGER].metadata.table_uuid)
        every = with_branches(storage, ledger)
        _check_target(target, there, every, uuid, again=again)
        copying = Copying(storage, target, there, step)
        chosen = None if wanted is None else [ledger.get(name) for name in wanted]
        try:
            with translated(storage.where):
                return copying.run(tables, ledger, every, chosen, trials=trials)
        except GoneError as gone:
            if not looks_left:
                msg = f"{storage.where} {gone}"
                raise LakeError(msg) from None
            there = target.files()
    raise AssertionError  # the last look returns, or raises


def _names(releases: object) -> list[str] | None:
    """Return the names of releases, each once; None for all.

    Raises
    ------
    InvalidArgumentError
        If they are no list of names, or an empty one.
    """
    if releases is None:
        return None
    if isinstance(releases, str) or not isinstance(releases, Iterable):
        msg = f"releases must be a list of names, was {releases!r}: pass [{releases!r}]"
        raise InvalidArgumentError(msg)
    names = list(releases)
    for name in names:
        if not isinstance(name, str):
            msg = f"releases must be names of releases, one was {name!r}"
            raise InvalidArgumentError(msg)
    if not names:
        msg = "releases names none: leave it out for all, or name some"
        raise InvalidArgumentError(msg)
    return list(dict.fromkeys(names))


def _check_apart(storage: Storage, target: Place) -> None:
    """Check that a lake is not copied into itself, or around itself.

    Raises
    ------
    InvalidArgumentError
        If it is.
    """
    own = storage.address.get("path")
    if own is None or target.root is None:
        return
    here, there = f"file://{own}", target.url
    if there == here or within(there, here) is not None or within(here, there):
        msg = (
            f"{storage.where} cannot be copied to {target.root}: one would lie in the "
            f"other. Name a folder outside of it"
        )
        raise InvalidArgumentError(msg)


def _check_target(
    target: Place, there: Mapping[str, int], ledger: Ledger, uuid: str, *, again: bool
) -> None:
    """Check that nothing is in a place but an earlier copy of the lake.

    Raises
    ------
    InvalidArgumentError
        If something is.
    LakeError
        If the earlier copy has what the lake lacks, or is damaged.
    """
    if directory.UNFINISHED in there:
        begun = _begun(target)
        # Without a word it was cut as it was written, before anything else was.
        if begun != uuid and (begun is not None or len(there) > 1):
            msg = f"{target.where} is an unfinished copy of another lake: delete it"
            raise InvalidArgumentError(msg)
        return
    if not there:
        return
    if not again or directory.DATABASE not in there:
        msg = f"{target.where} is not empty: name a folder that is not there yet"
        raise InvalidArgumentError(msg)
    tables, earlier = _earlier(target)
    if str(tables[LEDGER].metadata.table_uuid) != uuid:
        msg = f"{target.where} is another lake: name a folder that is not there yet"
        raise InvalidArgumentError(msg)
    here = {release.name: release.digest for release in ledger.releases}
    for release in earlier.releases:
        if here.get(release.name) != release.digest:
            msg = (
                f"{target.where} has a release {release.name!r} that this lake lacks: "
                f"somebody published into it. Back up into another folder"
            )
            raise LakeError(msg)


def _earlier(target: Place) -> tuple[Mapping[str, Table], Ledger]:
    """Return the tables of an earlier copy, and the releases of all its branches.

    Raises
    ------
    LakeError
        If they cannot be read.
    """
    try:
        with copied_lake(target) as copied:
            tables, ledger = read_state(copied)
            return tables, with_branches(copied, ledger)
    except LakeError as error:  # whose cure is a backup
        problem = str(error).replace(". Restore it from a backup", "")
        msg = f"{problem}. Back up into another folder, and delete this one"
        raise LakeError(msg) from None


def _begun(target: Place) -> str | None:
    """Return which lake an unfinished copy is of; None if it does not say."""
    with translated(target.where), contextlib.suppress(ValueError, LookupError):
        return str(json.loads(target.read(directory.UNFINISHED))["lake"])
    return None


def bring(source: object, to: object, *, step: Step | None = None) -> Copy:
    """Copy a lake that was exported, or backed up, to a folder of its own.

    Raises
    ------
    InvalidArgumentError
        As `export`.
    LakeError
        As `export`; or if the source is no copy.
    """
    place = place_of(source, {})
    names = (directory.DATABASE, directory.UNFINISHED)
    with translated(place.where):
        is_none = place.root is not None and not any(
            (place.root / name).exists() for name in names
        )
    if is_none:
        msg = f"{place.where} is no copy of a lake: name what export or backup wrote"
        raise LakeError(msg)
    with copied_lake(place) as storage:
        return export(storage, to, step=step)
