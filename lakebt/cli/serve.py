"""`lakebt serve`: the lake as an Iceberg REST catalog."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import options
from lakebt.cli.doctor import end, tell
from lakebt.cli.lake_place import lake_path
from lakebt.cli.output import print_json, records
from lakebt.errors import InvalidArgumentError, LakeError, listed
from lakebt.inputs.places import local_path
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    from lakebt.lake.serving.gate import TokenFile
    from lakebt.lake.serving.tokens import Token


TOKEN_VARIABLE = "LAKEBT_TOKEN"  # noqa: S105 - its name

WHO = "Who may use it"

LOGS = ("text", "json", "off")


def serve(
    *,
    lake: options.LakePath = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", help="The port; 0 is any that is free.")
    ] = 8181,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=TOKEN_VARIABLE,
            help="A file that only you can read, with the token clients must know.",
            rich_help_panel=WHO,
        ),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead: a file that lakebt token keeps, of several tokens that may "
            "read, publish or do everything. It is read again when it changes.",
            rich_help_panel=WHO,
        ),
    ] = None,
    no_auth: Annotated[
        bool,
        typer.Option(
            "--no-auth",
            help="No token: every program on this machine may use it.",
            rich_help_panel=WHO,
        ),
    ] = False,
    access_log: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="A line on stderr for each request: text, json, or off. No token, "
            "query, header or body is in it.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "text",
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only", help="Nothing can be changed.", rich_help_panel=WHO
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Start nothing: say what is wrong with the tokens, the lake and the "
            "clock of the server that these options would start. Exits with 1 if "
            "anything is.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Serve a lake as an Iceberg REST catalog: to Spark, Trino, DuckDB, pyiceberg.

    Engines share its tables with lakebt. None can move or drop a release's tag,
    or take away what one needs. It is the extra serve of lakebt, and
    encryption is the work of a proxy before it.
    """
    _check_installed()
    _check_log(access_log)
    if check or as_json:
        if tokens is None:
            _token(token_file, None, host=host, no_auth=no_auth)
        _check(lake, tokens, read_only=read_only, as_json=as_json, is_asked=check)
        return
    token = _token(token_file, tokens, host=host, no_auth=no_auth)
    from lakebt.instants import system_clock
    from lakebt.lake.serving.app import make_app
    from lakebt.lake.serving.server import address, listen, run
    from lakebt.lake.storage.catalog import open_path

    storage = open_path(lake_path(lake), create=False)
    app = make_app(
        storage,
        token=token,
        read_only=read_only,
        clock=system_clock,
        log=_no_log if access_log == "off" else _log,
        in_json=access_log == "json",
    )
    listening = listen(host, port)
    where = address(listening)

    def ready() -> None:
        for line in _greeting(where, storage.where, token=token, read_only=read_only):
            typer.echo(line)
        sys.stdout.flush()

    run(app, listening, ready=ready)
    typer.echo("Ended; nothing was running any more.")


def _check(
    lake: Path | None,
    tokens: Path | None,
    *,
    read_only: bool,
    as_json: bool,
    is_asked: bool,
) -> None:
    """Say what is wrong with a server, and end as `lakebt doctor` does.

    Raises
    ------
    InvalidArgumentError
        If that was not asked for.
    """
    if not is_asked:
        msg = "--json goes with --check: give both or neither"
        raise InvalidArgumentError(msg)
    from lakebt.instants import system_clock
    from lakebt.lake.keeping.findings import Diagnosis
    from lakebt.lake.serving.self_check import check_server

    file = None
    if tokens is not None:
        cure = "name a file of this machine"
        file = local_path(tokens, what="--tokens", cure=cure)
    path = lake_path(lake)
    findings = check_server(
        path, tokens=file, is_read_only=read_only, now=system_clock()
    )
    diagnosis = Diagnosis(lake=Path(path).name, findings=findings, files_checked=False)
    if as_json:
        print_json(records(diagnosis.frame()))
    elif diagnosis.ok:
        typer.echo("The server can be started; lakebt doctor looks into the lake.")
    else:
        tell(diagnosis)
    end(diagnosis)


def _check_log(kind: str) -> None:
    """Check that there is such a log.

    Raises
    ------
    InvalidArgumentError
        If there is not.
    """
    if kind not in LOGS:
        msg = f"--access-log must be one of {listed(LOGS)}, was {kind!r}"
        raise InvalidArgumentError(msg)


def _check_installed() -> None:
    """Check that the packages are there of which the server is made.

    Raises
    ------
    LakeError
        If one is missing.
    """
    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            msg = f"{name} is not installed: {install_extra('serve')}"
            raise LakeError(msg)


def _token(
    file: Path | None, several: Path | None, *, host: str, no_auth: bool
) -> Token | TokenFile | None:
    """Return the token or tokens that were given, None if none is wanted.

    Raises
    ------
    InvalidArgumentError
        If there is none, or others can read it.
    """
    from lakebt.lake.serving.gate import TokenFile
    from lakebt.lake.serving.server import is_loopback
    from lakebt.lake.serving.token_file import check_private
    from lakebt.lake.serving.tokens import Token

    from_environment = os.environ.get(TOKEN_VARIABLE)
    given = file is not None or from_environment is not None
    chosen = {"--no-auth": no_auth, "--tokens": several is not None}
    chosen[f"a token by --token-file or {TOKEN_VARIABLE}"] = given
    if len(named := [each for each, is_given in chosen.items() if is_given]) > 1:
        msg = f"{named[0]}, and {named[1]}: give one"
        raise InvalidArgumentError(msg)
    if no_auth and not is_loopback(host):
        msg = f"--host {host} is reached from other machines: give it a token"
        raise InvalidArgumentError(msg)
    if no_auth:
        return None
    cure = "name a file of this machine"
    if several is not None:
        return TokenFile(local_path(several, what="--tokens", cure=cure), log=_log)
    if not given:
        msg = (
            f"who may use the lake at {host}? Give a token by --token-file FILE or "
            f"{TOKEN_VARIABLE}, several by --tokens FILE, or --no-auth on a machine "
            f"that is yours alone"
        )
        raise InvalidArgumentError(msg)
    if file is None:
        return Token(str(from_environment).strip())
    file = local_path(file, what="--token-file", cure=cure)
    check_private(file, what="--token-file")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        msg = f"--token-file {file} cannot be read: {why}"
        raise InvalidArgumentError(msg) from None
    return Token(text.strip())


def _greeting(
    where: str, lake: str, *, token: object, read_only: bool
) -> tuple[str, ...]:
    """Return the lines printed at the start: never the token."""
    python = f'load_catalog("lake", type="rest", uri="{where}"'
    spark = f"spark.sql.catalog.lake.type rest, spark.sql.catalog.lake.uri {where}"
    if token is not None:
        python += ", token=TOKEN"
        spark += ", spark.sql.catalog.lake.token TOKEN"
    return (
        f"Serving {lake} at {where}{' to read only' if read_only else ''}",
        f"  pyiceberg  {python})",
        f"  Spark      {spark}",
        "End it with Ctrl-C.",
    )


def _log(line: str) -> None:
    typer.echo(line, err=True)


def _no_log(_: str) -> None:
    """Write nothing."""
