"""How often a catalog that is no database is asked: as often as it has to be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import BrokenReleaseError
from tests.behaviour.places import PLACES, Place, Servers
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, bars, changes, q1
from tests.servers.wire import Wire, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.lake

ADDRESS = {"rest": "uri", "glue": "glue.endpoint"}
"""By the kind of catalog, the property that says where it is."""

N_TABLES = 4
"""Of facts: the three that each lake has, and one that is declared."""

ALL = N_TABLES + 2
"""What it takes to load a lake: each of its tables, their names, and the ledger."""

UNMOVED = 1
"""The ledger once more, which says that nobody published while the rest was loaded."""


@pytest.fixture(params=ADDRESS)
def asked(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Place, Wire]]:
    """A lake of two releases, R1 and R2, and the wire to its catalog."""
    kind = request.param
    with contextlib.contextmanager(PLACES[kind])(Servers(request), tmp_path) as made:
        properties, keys = made["properties"], made.get("keys", {})
        with wire(properties[ADDRESS[kind]]) as laid:
            through = {**properties, ADDRESS[kind]: laid.address}
            for name, value in keys.items():
                monkeypatch.setenv(name, value)
            place = Place(folder=tmp_path, kind=kind, properties=through, keys=keys)
            place.configure(monkeypatch, **through)
            lake = place.open(create=True)
            declare(lake)
            lake.publish(
                {
                    "prices": bars(("2022-09-01",)),
                    "earnings": calendar(),
                    "etf_holdings": q1(),
                    "index_changes": changes(),
                },
                release="R1",
                as_of=AS_OF,
            )
            rows = {"prices": bars(("2022-09-02",))}
            lake.publish(rows, release="R2", as_of=AS_OF)
            yield place, laid


def counted(line: Wire, do: Callable[[], object]) -> int:
    line.requests.clear()
    do()
    return len(line.requests)


def test_what_reads_asks_for_no_more_than_it_needs(asked: tuple[Place, Wire]) -> None:
    place, line = asked
    lake = place.open()
    view = lake.at("R2")
    lake.branch("cleaned", at="R1")

    def n(do: Callable[[], object]) -> int:
        return counted(line, do)

    # The ledger says it all.
    assert n(lake.releases) == n(lambda: repr(lake)) == n(lake.branches) == 1
    # Which branches there are, and whether this one was dropped.
    assert n(lambda: lake.branch("cleaned")) <= 2
    # A release is checked in each of its tables, as it is now.
    assert n(lambda: lake.at("R1")) <= ALL
    assert n(lambda: lake.as_of(AS_OF)) <= ALL
    assert n(lake.tables) <= ALL
    assert n(lambda: lake.at("cleaned.R1")) <= 1 + ALL
    # Two releases are of the same tables.
    assert n(lambda: lake.diff("prices", "R1", "R2")) <= ALL
    assert n(lambda: lake.diff("prices", "R1", "cleaned.R1")) <= 1 + 2 * ALL
    # Beside the tables there are those of trials.
    assert n(lambda: lake.lineage("R2")) <= ALL + 1
    # What was opened is read from its files.
    assert n(lambda: view.panel("close")) == n(lambda: view.read("prices")) == 0


def test_what_writes_asks_for_no_more_than_it_needs(asked: tuple[Place, Wire]) -> None:
    place, line = asked
    lake = place.open()
    # Glue is asked before it is told, and once what a database is.
    per_commit, first = (1, 0) if place.kind == "rest" else (2, 1)
    rows = {"prices": bars(("2022-09-06",))}
    # Seen, and seen again at its turn; then what was changed is read back.
    looks = ALL + 2 * UNMOVED + ALL
    follow = N_TABLES + 1  # and the ledger, which then says that it is done

    def publish() -> None:
        lake.publish(rows, release="R3", as_of=AS_OF)

    def drop() -> None:
        lake.drop_branch("cleaned")

    most = first + looks + per_commit * (1 + 1 + follow)
    assert counted(line, publish) <= most
    assert counted(line, publish) <= ALL + UNMOVED  # it is there

    # As a publication, after all branches were asked what is left to do.
    most = 1 + ALL + UNMOVED + looks + per_commit * (N_TABLES + 1 + follow)
    assert counted(line, lambda: lake.branch("cleaned", at="R2")) <= most

    # Which branches there are, twice; each table and the ledger, looked at and changed.
    change = 1 + ALL + UNMOVED + 1 + per_commit
    most = 2 + ALL + UNMOVED + 1 + (N_TABLES + 1) * change + ALL + 2
    assert counted(line, drop) <= most


def test_each_release_of_a_diff_is_checked(asked: tuple[Place, Wire]) -> None:
    place, _ = asked
    lake = place.open()
    assert len(lake.diff("prices", "R1", "R2").added) == 2
    table = place.table("prices")
    head = table.metadata.refs["R2"].snapshot_id
    table.manage_snapshots().create_tag(head, "R1").commit()

    for before, after in (("R1", "R2"), ("R2", "R1")):
        with pytest.raises(BrokenReleaseError, match=f"moved to snapshot {head}"):
            lake.diff("prices", before, after)
