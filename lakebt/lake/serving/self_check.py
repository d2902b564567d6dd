"""What is wrong with a server that is to be started: tokens, lake and clock."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, LakebtError, listed
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.keeping.findings import Finding
from lakebt.lake.serving import token_file
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.tables.schemas import LEDGER
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.serving.token_file import Grant


SOON = dt.timedelta(days=7)
"""How long before its end a token is told of."""

LEAST_BYTES = 2**30
"""Room on the disk of a lake that is not told of."""

MOST_SKEW = dt.timedelta(minutes=1)
"""How far apart the clocks of machines may be."""


def check_server(
    path: object, *, tokens: Path | None, is_read_only: bool, now: dt.datetime
) -> tuple[Finding, ...]:
    """Find what is wrong with a server that is to be started. Nothing is changed.

    Parameters
    ----------
    path
        The lake.
    tokens
        The file of them; None if there is one token, or none is wanted.
    is_read_only
        Whether the server refuses all changes.
    now
        What this machine's clock says.
    """
    findings = [] if tokens is None else [*_of_tokens(tokens, now, is_read_only)]
    return (*findings, *_of_lake(path, now, is_read_only))


def _of_tokens(file: Path, now: dt.datetime, is_read_only: bool) -> Iterator[Finding]:  # noqa: FBT001 - of this module
    try:
        grants = token_file.read(file, what="--tokens")
    except InvalidArgumentError as error:
        problem, _, cure = str(error).partition(": ")
        yield Finding(
            code="tokens",
            problem=f"nobody is let in: {problem}",
            cure=cure or "make it by lakebt token",
        )
        return
    living = [grant for grant in grants if not grant.has_expired(now)]
    make = f"lakebt token NAME --tokens {file}"
    if not living:
        problem = "nobody is let in: no token is in force"
        yield Finding(code="no_tokens", problem=problem, cure=make)
    elif not is_read_only and not any(grant.may("admin") for grant in living):
        problem = "no token in force may end releases, nor drop branches and tables"
        yield Finding(code="no_admin", problem=problem, cure=f"{make} --scope admin")
    over = [grant for grant in grants if grant.has_expired(now)]
    for some_grants, soon in ((over, False), (_ending(living, now), True)):
        for grant in some_grants:
            verb = "ends" if soon else "is over since"
            yield Finding(
                code="token_ends" if soon else "token_over",
                problem=f"the token of {grant.name} {verb} {grant.expires:%Y-%m-%d}",
                cure=f"lakebt token {grant.name} --tokens {file} --revoke, then make "
                f"another",
            )


def _ending(grants: list[Grant], now: dt.datetime) -> list[Grant]:
    return [g for g in grants if g.expires is not None and g.expires - now < SOON]


def _of_lake(path: object, now: dt.datetime, is_read_only: bool) -> Iterator[Finding]:  # noqa: FBT001 - of this module
    try:
        storage = open_path(path, create=False)
        ledger = read_ledger(storage, storage.tables()[LEDGER])
    except LakebtError as error:
        problem, _, cure = str(error).removesuffix(".").partition(". ")
        cure = cure or "lakebt doctor says what to do"
        yield Finding(code="lake", problem=problem, cure=cure)
        return
    root = Path(storage.address["path"])
    if not is_read_only:
        places = [root, *(file for file in (root / "catalog.db",) if file.exists())]
        shut = [place.name for place in places if not os.access(place, os.W_OK)]
        if shut:
            problem = f"{listed(shut)} of {storage.where} cannot be written by who runs"
            cure = "give the folder to that user, or serve it with --read-only"
            yield Finding(code="not_writable", problem=problem, cure=cure)
        if (free := shutil.disk_usage(root).free) < LEAST_BYTES:
            problem = f"the disk of {storage.where} has {free:,} bytes left"
            cure = located("lakebt retain ends what need not be kept", storage.address)
            yield Finding(code="disk_full", problem=problem, cure=cure)
    last = ledger.last
    if last is not None and last.committed_at > now + MOST_SKEW:
        problem = (
            f"this machine's clock says {now:%Y-%m-%d %H:%M}, and release "
            f"{last.name!r} was committed at {last.committed_at:%Y-%m-%d %H:%M}: "
            f"tokens expire by a wrong clock"
        )
        yield Finding(code="clock", problem=problem, cure="set the clocks by NTP")
