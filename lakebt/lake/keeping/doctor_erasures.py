"""The part of `lake.doctor()` that checks erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.lake.keeping.findings import Finding
from lakebt.lake.storage.erasure_files import certificate_name
from lakebt.lake.storage.erasure_note import note_in
from lakebt.lake.storage.failures import translated
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.committing.ledger import Ledger
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.erasure_files import ErasureFiles
    from lakebt.lake.storage.erasure_note import Note


def check_erasures(storage: Storage, ledger: Ledger) -> list[Finding]:
    """Find erasures that are not finished, and certificates that are gone.

    Parameters
    ----------
    storage
    ledger
        The releases of main and of all branches.

    Raises
    ------
    LakeError
        If the place that has them cannot be read.
    """
    with translated(storage.where):
        return list(_found(storage.erasures, ledger))


def _found(files: ErasureFiles, ledger: Ledger) -> Iterator[Finding]:
    there = {certificate["id"] for certificate in files.certificates()}
    for name in files.notes():
        note = note_in(files, name)
        there |= set() if note is None else {note.id}  # it is written after that
        yield Finding(
            code="erasure_unfinished",
            table=LEDGER,
            problem=f"{name} cannot be read, which said which files an erasure leaves"
            if note is None
            else f"{name} says that an erasure is under way, or was killed and could "
            f"not be finished: files that hold what was erased may be left",
            cure=_cure(name, note),
        )
    lost: dict[str, list[str]] = {}
    for release in ledger.living:
        for mark in release.redactions:
            if mark.certificate not in there:
                lost.setdefault(mark.certificate, []).append(release.name)
    for erasure, names in lost.items():
        more = f", and {len(names) - 1:,} more" if len(names) > 1 else ""
        yield Finding(
            code="certificate_missing",
            table=LEDGER,
            release=names[0],
            problem=f"rows of it{more} were erased, and certificate {erasure} is gone",
            cure=f"copy {certificate_name(erasure)} from a backup of the lake",
        )


def _cure(name: str, note: Note | None) -> str:
    if note is None:
        return f"delete {name}, and then what lakebt doctor finds in a day"
    if note.n_beyond:
        return (
            "erase the same again: files of tables that lie outside of the lake's "
            "folder are left, and to open a lake deletes nothing there"
        )
    return "open the lake as a user who may write and delete all of its files"
