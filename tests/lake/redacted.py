"""Releases that say that rows were erased from them, as an erasure marks them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from lakebt.lake import Redaction
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.committing.pages import stage_ledger
from lakebt.lake.keeping.maintenance import in_turn
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table import Table

    from lakebt.lake import Lake
    from lakebt.lake.committing.stage import Staged

ERASED = Redaction(
    erased_at=dt.datetime(2023, 5, 2, 9, 30, tzinfo=dt.UTC),
    because="a wish of the subject",
    certificate="E1",
    rows={"prices": 2},
)
SAID = "2 rows erased from prices on 2023-05-02: a wish of the subject (certificate E1)"


def redact(lake: Lake, release: str, *marks: Redaction) -> None:
    """Mark a release, whose rows stay: what is told of it is what a test looks at."""
    storage = lake._storage  # noqa: SLF001

    def stage(tables: Mapping[str, Table]) -> list[Staged]:
        ledger = read_ledger(storage, tables[LEDGER])
        releases = [
            replace(each, redactions=(*each.redactions, *(marks or (ERASED,))))
            if each.name == release
            else each
            for each in ledger.releases
        ]
        return [stage_ledger(tables[LEDGER], releases, summary={})]

    in_turn(storage, stage)
