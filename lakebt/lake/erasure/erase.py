"""A subject leaves a lake: all its releases, branches, tags and files.

It works like moving a lake (`lakebt.lake.keeping.move`): new files are written beside
the old ones, one SQL transaction points all tables at them, and then the old files are
deleted. A note in the lake tells the next `open` what is left to do.
"""

from __future__ import annotations

import getpass
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.inputs.checks import is_text
from lakebt.lake.committing.branches import check_main
from lakebt.lake.erasure.late_proof import earlier, proved_late
from lakebt.lake.erasure.subject import Subject
from lakebt.lake.erasure.survey import Survey
from lakebt.lake.erasure.transaction import Transaction
from lakebt.lake.storage.erasure_note import settle
from lakebt.lake.storage.failures import translated
from lakebt.values.identifiers import composed

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pyiceberg.catalog.sql import SqlCatalog

    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.erasure_files import ErasureFiles
    from lakebt.lake.storage.reach import Step


_LOOKS = 8
"""How often to look again while others publish in between."""


def erase(
    storage: Storage,
    table: str,
    *,
    where: Mapping[str, Any] | None,
    reason: object,
    by: object,
    now: dt.datetime,
    zone: dt.tzinfo,
    dry_run: bool,
    step: Step | None,
) -> Erasure:
    """Erase the rows of a table that match: see `Lake.erase`.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, several tables of the lake cannot be changed at
        once, or nothing matches.
    LakeError
        If the lake cannot be read or written, or others publish too fast.
    UnknownNameError
        If there is no such table or column.
    """
    catalog, files = _checked(storage)
    who = _who(by)
    storage.tables()
    subject = Subject(storage.specs.of(table), where, zone)
    if not (is_text(reason) and reason.strip()):
        msg = f"reason must say why rows of {table} are erased, was {reason!r}"
        raise InvalidArgumentError(msg)
    if not dry_run:  # a caller who may erase is trusted for the tables' folders
        places = [table.location() for table in storage.loaded().values()]
        settle(catalog, files, places=places)
    for _ in range(_LOOKS):
        with translated(storage.where):
            survey = Survey(storage, subject, step)
            about = survey.about(id=secrets.token_hex(8), at=now, reason=reason, by=who)
            if dry_run:
                return replace(about, is_dry_run=True)
            if not survey.search.held:
                return _nothing(storage, files, subject, where or {}, step)
            done = Transaction(survey, catalog, files).run(about)
        if done is not None:
            return done
    msg = f"{storage.where} changes faster than it can be erased from. Try again"
    raise LakeError(msg)


def _checked(storage: Storage) -> tuple[SqlCatalog, ErasureFiles]:
    """Return the catalog of a lake that something can be erased from, and where to say.

    Raises
    ------
    InvalidArgumentError
        If its catalog changes one table after the other, or it was opened as something
        else.
    """
    check_main(storage)
    if storage.sql is None:
        msg = (
            f"{storage.where} changes one table after the other, and would be half "
            f"erased in between: erase where the lake itself lies (that of lakebt "
            f"serve), or lakebt export it to a folder, erase there, and register its "
            f"tables anew"
        )
        raise InvalidArgumentError(msg)
    if storage.spark is not None:
        msg = f"{storage.where} was opened with Spark: erase without"
        raise InvalidArgumentError(msg)
    return storage.sql, storage.erasures


def _who(by: object) -> str:
    """Return the name of the person who erases.

    Raises
    ------
    InvalidArgumentError
        If it is no name.
    """
    if by is None:
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # as in a container
            return "unknown"
    if not (is_text(by) and by.strip()):
        msg = f"by must say who erases, was {by!r}"
        raise InvalidArgumentError(msg)
    return by.strip()


def _nothing(
    storage: Storage,
    files: ErasureFiles,
    subject: Subject,
    where: Mapping[str, Any],
    step: Step | None,
) -> Erasure:
    """Prove an erasure that was killed before that; there is nothing else to do.

    Raises
    ------
    InvalidArgumentError
        If there is none that lacks a proof.
    """
    what = f"nothing of {subject.spec.name} matches {dict(where)!r}"
    if any(composed(text) != text for text in subject.texts):
        what += (
            ", whose accents are separate characters (a lake has them in Unicode's "
            "form NFC)"
        )
    certificate = earlier(files, subject)
    if certificate is None:
        name = subject.spec.name
        last = [each for each in files.certificates() if each["table"] == name][-1:]
        before = "".join(
            f". Rows of {name} were erased before, last at {each['at']} (certificate "
            f"{each['id']}), and nothing tells which"
            for each in last
        )
        msg = f"{what}, in no release, branch or file: check how it is written{before}"
        raise InvalidArgumentError(msg)
    done = proved_late(storage, files, subject, certificate, step)
    if done is None:
        msg = f"{what}: erased at {certificate['at']}, certificate {certificate['id']}"
        raise InvalidArgumentError(msg)
    return done
