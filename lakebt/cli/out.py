"""``--out``: the rows that a command prints, as a file. Every such command has it."""

from __future__ import annotations

import contextlib
import functools
import inspect
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from lakebt.cli import options
from lakebt.cli.output import rows_go_to, terminal
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write the rows that --json prints to a new file instead, as rows.parquet "
        "or rows.csv. One that is there is not replaced.",
        rich_help_panel=options.OUTPUT,
    ),
]

_file: ContextVar[Path | None] = ContextVar("file")


def with_out(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that has the option, if it prints rows as JSON."""
    signature = inspect.signature(command, eval_str=True)
    if "as_json" not in signature.parameters or "out" in signature.parameters:
        return command  # prints no rows; or leaves a folder, as the demo does

    @functools.wraps(command)
    def run(*, out: Path | None = None, **arguments: Any) -> Any:
        if out is None:
            return command(**arguments)
        with _sent(out.expanduser(), are_printed=arguments["as_json"]):
            return command(**{**arguments, "as_json": True})

    option = inspect.Parameter(
        "out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Out
    )
    more = [*signature.parameters.values(), option]
    run.__dict__["__signature__"] = signature.replace(parameters=more)
    run.__annotations__ = {**command.__annotations__, "out": Out}
    return run


@contextlib.contextmanager
def _sent(path: Path, *, are_printed: bool) -> Iterator[None]:
    """Send the rows of a command to a file, in which they are as JSON has them."""
    from lakebt.lake.tables.row_files import check_file, write_records

    check_file(path, option="--out")

    def write(rows: list[Mapping[str, Any]]) -> None:
        write_records(rows, path)
        if not are_printed:
            tell(path, len(rows))

    token = _file.set(path)
    try:
        with rows_go_to(write, are_printed=are_printed):
            yield
    finally:
        _file.reset(token)


def file() -> Path | None:
    """Return the output file, for commands that write more than fits in memory."""
    return _file.get(None)


def tell(path: Path, n_rows: int) -> None:
    """Say what was written."""
    terminal().print(
        f"Wrote {count(n_rows, 'row')}: {path}", markup=False, soft_wrap=True
    )
