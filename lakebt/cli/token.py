"""`lakebt token`: tokens for a served lake, with scopes and an end."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import options
from lakebt.cli.output import print_json
from lakebt.errors import InvalidArgumentError, listed
from lakebt.inputs.places import local_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.lake.serving.token_file import Grant


DAYS = 90


def token(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Whose the token is. Without it all are listed."
        ),
    ] = None,
    tokens: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The file that lakebt serve --tokens reads. It has no token, only "
            "what each hashes to.",
        ),
    ],
    scope: Annotated[
        str,
        typer.Option(
            metavar="SCOPE",
            help="What it may do: read, publish (and read), or admin (everything).",
        ),
    ] = "read",
    days: Annotated[
        int, typer.Option(metavar="N", help="It expires after so many days; 0: never.")
    ] = DAYS,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take the token of that name out.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a token for a served lake, list those there are, or take one out.

    A new token is printed once, and kept nowhere. A server that runs takes the change
    at its next request.
    """
    from lakebt.lake.serving import token_file

    file = local_path(tokens, what="--tokens", cure="name a file of this machine")
    if name is None:
        _tell(token_file.read(file, what="--tokens"), as_json=as_json)
        return
    token_file.check_name(name)
    if revoke:
        with token_file.held(file):
            there = token_file.read(file, what="--tokens")
            _check_name(name, there, file=file, is_there=True)
            token_file.write(file, [grant for grant in there if grant.name != name])
        typer.echo(f"The token of {name} opens nothing any more.")
        return
    secret = secrets.token_urlsafe(32)
    grant = token_file.Grant(
        name=name,
        scope=_scope(scope),
        expires=_expires(days),
        digest=token_file.digest_of(secret),
    )
    with token_file.held(file):
        there = token_file.read(file, what="--tokens") if file.exists() else ()
        _check_name(name, there, file=file, is_there=False)
        token_file.write(file, [*there, grant])
    if as_json:
        print_json([{**_record(grant), "token": secret}])
        return
    typer.echo(secret)
    typer.echo(f"{_said(grant)}. It is shown this once.", err=True)


def _check_name(
    name: str, grants: Sequence[Grant], *, file: Path, is_there: bool
) -> None:
    """Check that a name is there, or that it is free.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    known = [grant.name for grant in grants]
    if is_there and name not in known:
        has = listed(known) if known else "none"
        msg = f"{file} has no token of {name}: it has {has}"
        raise InvalidArgumentError(msg)
    if not is_there and name in known:
        msg = f"{file} has a token of {name}: choose another name, or --revoke it first"
        raise InvalidArgumentError(msg)


def _scope(scope: str) -> str:
    """Return a scope.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    from lakebt.lake.serving.token_file import SCOPES

    if scope not in SCOPES:
        msg = f"--scope must be one of {listed(SCOPES)}, was {scope!r}"
        raise InvalidArgumentError(msg)
    return scope


def _expires(days: int) -> dt.datetime | None:
    """Return when a token that is made now expires.

    Raises
    ------
    InvalidArgumentError
        If that is no number of days.
    """
    from lakebt.instants import system_clock

    most = 36_500
    if not 0 <= days <= most:
        msg = f"--days must be between 0 and {most}, was {days}"
        raise InvalidArgumentError(msg)
    now = system_clock().replace(microsecond=0)
    return now + dt.timedelta(days=days) if days else None


def _record(grant: Grant) -> dict[str, str | None]:
    until = None if grant.expires is None else grant.expires.isoformat()
    return {"name": grant.name, "scope": grant.scope, "expires": until}


def _tell(grants: Sequence[Grant], *, as_json: bool) -> None:
    if as_json:
        print_json([_record(grant) for grant in grants])
        return
    from lakebt.instants import system_clock

    now = system_clock()
    for grant in grants:
        over = ", which is over" if grant.has_expired(now) else ""
        typer.echo(f"{_said(grant)}{over}")


def _said(grant: Grant) -> str:
    until = "for ever" if grant.expires is None else f"until {grant.expires:%Y-%m-%d}"
    return f"{grant.name} may {grant.scope} {until}"
