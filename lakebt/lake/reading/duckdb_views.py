"""DuckDB views of the tables of releases and branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_list, check_text
from lakebt.lake.committing.branches import main_ledger
from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.reading.named_release import living_branches, named_release, pin_of
from lakebt.lake.tables.schemas import NAMESPACE
from lakebt.lake.tables.specs import fact_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt.lake.storage.catalog import Storage


SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {NAMESPACE};"
"""The statement before all others: a lake's namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckView:
    """A DuckDB view of a table in a release.

    Attributes
    ----------
    view : str
        As a server of the lake would call it: the table, an @, and what was asked for.
    table, release : str
    statement : str
        That makes the view in DuckDB.
    """

    view: str
    table: str
    release: str
    statement: str


def duck_views(storage: Storage, names: str | Iterable[str] | None) -> list[DuckView]:
    """Return the views of some releases and branches; of None those that `usual` says.

    Raises
    ------
    BrokenReleaseError
        If a release is not what the ledger says.
    InvalidArgumentError
        If nothing is named, or a branch that was dropped.
    ReleaseEndedError
        If a release ended.
    UnknownNameError
        If there is no such release or branch.
    """
    wanted = usual(storage) if names is None else _asked(names)
    return [view for name in wanted for view in _views_of(storage, name)]


def _asked(names: str | Iterable[str]) -> list[str]:
    """Return names that somebody gives, each once.

    Raises
    ------
    InvalidArgumentError
        If there is none, or one is no text.
    """
    if isinstance(names, str):
        return [names]
    check_list("names", names)
    wanted = list(names)
    for name in wanted:
        check_text("a name of names", name)
    if not wanted:
        msg = "names is empty: name a release or a branch, or leave it out"
        raise InvalidArgumentError(msg)
    return list(dict.fromkeys(wanted))


def _views_of(storage: Storage, name: str) -> Iterator[DuckView]:
    release, tables = named_release(storage, name)
    label = name if branch_in(release.name) == name else release.name
    for table in fact_tables(tables):
        pin = pin_of(release, table, tables)
        view = f"{table}@{label}"
        yield DuckView(
            view=view,
            table=table,
            release=release.name,
            statement=statement(
                view,
                location=tables[table].metadata_location,
                snapshot=None if pin is None else pin.snapshot_id,
            ),
        )


def usual(storage: Storage) -> list[str]:
    """Return what most people read: the newest release of main, and each branch."""
    if storage.branch is not None:
        return [storage.branch]
    newest = main_ledger(storage).newest
    return [*([] if newest is None else [newest.name]), *living_branches(storage)]


def statement(view: str, *, location: str, snapshot: int | None) -> str:
    """Return what makes a view of one snapshot of a table; of None an empty one.

    Examples
    --------
    >>> print(statement("a@R1", location="file:///it's/v1.metadata.json", snapshot=7))
    CREATE OR REPLACE VIEW quant."a@R1" AS SELECT * FROM
    iceberg_scan('file:///it''s/v1.metadata.json', snapshot_from_id = 7);
    """
    at = "" if snapshot is None else f", snapshot_from_id = {snapshot}"
    none = " LIMIT 0" if snapshot is None else ""
    name = view.replace('"', '""')
    file = location.replace("'", "''")
    return (
        f'CREATE OR REPLACE VIEW {NAMESPACE}."{name}" AS SELECT * FROM\n'
        f"iceberg_scan('{file}'{at}){none};"
    )
