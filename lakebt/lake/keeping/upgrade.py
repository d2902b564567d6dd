"""An older lake becomes one of this version's layout, in one commit.

Layout 1 is every lake from before layouts had a number: the ledger may lack columns,
releases the digests of their files, and the lake the name of its calendar. All of that
is read as it is. Layout 2 has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyiceberg.table.update import SetPropertiesUpdate

from lakebt._messages import as_words
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.pages import lacks_columns, stage_ledger
from lakebt.lake.keeping.maintenance import in_turn, staged
from lakebt.lake.keeping.old_releases import check_unchanged, n_lacking, with_digests
from lakebt.lake.storage.layout import layout_of
from lakebt.lake.storage.snapshots import head_of
from lakebt.lake.tables.schemas import (
    EXCHANGE,
    LAYOUT_VERSION,
    LEDGER,
    OF_THIS_LAYOUT,
    OURS,
)
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.stage import Staged
    from lakebt.lake.keeping.old_releases import Made
    from lakebt.lake.storage.catalog import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What an upgrade did, or would do.

    Attributes
    ----------
    before, after : int
        The layout of the lake.
    done : tuple of str
        In words; empty if it has this version's layout already.
    is_dry_run : bool
    """

    before: int
    after: int
    done: tuple[str, ...]
    is_dry_run: bool

    @as_words
    def __str__(self) -> str:
        if not self.done:
            return f"The lake has layout {self.after}: there was nothing to do."
        would = "would be" if self.is_dry_run else "is"
        first = f"The lake {would} upgraded from layout {self.before} to {self.after}:"
        return "\n".join([first, *(f"- {line}" for line in self.done)])


def upgrade(storage: Storage, *, exchange: str, dry_run: bool) -> Upgrade:
    """Give a lake the layout of this version.

    Parameters
    ----------
    storage
    exchange
        The calendar to keep, where the lake keeps none.
    dry_run
        Whether only to say what would happen.

    Raises
    ------
    ConflictError
        If other writers kept committing first.
    LakeError
        If it cannot be written, a file is gone or damaged, or a release holds other
        rows than were published.
    """
    tables = storage.tables()
    before = layout_of(tables[LEDGER].metadata.properties) or LAYOUT_VERSION
    done = _lacking(storage, tables, exchange)
    if done and not dry_run:
        if n_lacking(storage, tables):
            check_unchanged(storage)
        changes: Made = {}

        def stage(tables: Mapping[str, Table]) -> list[Staged]:
            is_done = not _lacking(storage, tables, exchange)
            return [] if is_done else [_stage(storage, tables, exchange, changes)]

        in_turn(storage, stage)
    return Upgrade(
        before=before, after=LAYOUT_VERSION, done=tuple(done), is_dry_run=dry_run
    )


def _lacking(storage: Storage, tables: Mapping[str, Table], exchange: str) -> list[str]:
    """Return in words what a lake lacks that this version's layout has."""
    ledger = tables[LEDGER]
    properties = ledger.metadata.properties
    if layout_of(properties) == LAYOUT_VERSION:
        return []
    steps = []
    if lacks_columns(ledger):
        steps.append("the ledger gets the columns that it lacks")
    if (lacking := n_lacking(storage, tables)) > 0:
        releases = count(lacking, "release")
        steps.append(f"the digests of the files of {releases} are kept")
    if EXCHANGE not in properties:
        steps.append(f"the lake keeps its calendar: {exchange}")
    return [*steps, f"the ledger says that its layout is {LAYOUT_VERSION}"]


def _stage(
    storage: Storage, tables: Mapping[str, Table], exchange: str, made: Made
) -> Staged:
    ledger = tables[LEDGER]
    updates = {EXCHANGE: exchange, **ledger.metadata.properties, **OF_THIS_LAYOUT}
    wanted = {*OF_THIS_LAYOUT, EXCHANGE}
    update = SetPropertiesUpdate(updates={k: updates[k] for k in sorted(wanted)})
    if not (lacks_columns(ledger) or n_lacking(storage, tables)):
        return staged(ledger, [update], head=head_of(ledger))
    releases, _ = with_digests(storage, tables, made)
    if not read_ledger(storage, ledger).releases:  # a page without a row is no page
        return staged(ledger, [update], head=head_of(ledger))
    summary = {f"{OURS}layout": str(LAYOUT_VERSION)}
    change = stage_ledger(ledger, releases, summary=summary)
    return replace(change, updates=(*change.updates, update))
