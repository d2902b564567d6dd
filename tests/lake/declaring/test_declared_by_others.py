"""Declared tables under several users, and under other engines."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import IntegerType, NestedField, StringType

from lakebt.errors import (
    BrokenReleaseError,
    LakeError,
    TableExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from tests.conftest import ROOT
from tests.forked import python
from tests.lake.earnings import (
    COLUMNS,
    DECLARED,
    calendar,
    catalog_of,
    declare,
    table_of,
)
from tests.lake.frames import AS_OF, bars, changes, clock

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.lake


def test_a_lake_that_is_open_sees_what_another_process_declares(path: Path) -> None:
    mine, theirs = (Lake.open(path, clock=clock) for _ in range(2))

    declare(theirs)

    mine.publish({"earnings": calendar()}, release="R1", as_of=AS_OF)
    assert len(theirs.at("R1").read("earnings")) == 2


def at_once(
    path: Path, said: list[tuple[str, dict[str, Any]]]
) -> list[tuple[str, str]]:
    """Declare several things at the same moment; return what each was told."""
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [*python(), "-m", "tests.lake.declaring.declarer", str(path)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in said
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker, (name, declared) in zip(workers, said, strict=True):
            assert worker.stdin is not None
            worker.stdin.write(json.dumps([name, declared]) + "\n")
            worker.stdin.flush()
        answers = [worker.communicate(timeout=60)[0] for worker in workers]
    return sorted(tuple(json.loads(answer)) for answer in answers)


@pytest.mark.slow
def test_of_several_who_declare_at_once_all_get_their_columns(path: Path) -> None:
    Lake.open(path, clock=clock)
    said = [
        {**DECLARED, "columns": {**COLUMNS, f"column_{number}": "number?"}}
        for number in range(4)
    ]

    told = at_once(path, [("earnings", each) for each in said])

    assert told == [("", "")] * 4
    lake = Lake.open(path, clock=clock)
    columns: Any = lake.tables().set_index("name").loc["earnings", "columns"]
    assert {f"column_{number}" for number in range(4)} < set(columns)
    lake.publish({"earnings": calendar(column_2=2.0)}, release="R1", as_of=AS_OF)


@pytest.mark.slow
def test_of_two_who_declare_different_tables_at_once_one_wins(path: Path) -> None:
    Lake.open(path, clock=clock)
    other = {**DECLARED, "key": ["symbol"]}

    told = at_once(
        path, [("earnings", DECLARED), ("earnings", other), ("Earnings", DECLARED)]
    )

    assert [kind for kind, _ in told] == ["", "TableExistsError", "TableExistsError"]
    tables = Lake.open(path, clock=clock).tables()
    assert tables["declared"].sum() == 1


def damage(change: Callable[[Any], None]) -> Callable[[Lake], None]:
    def apply(lake: Lake) -> None:
        with table_of(lake).transaction() as transaction:
            change(transaction)

    return apply


def add_integers(lake: Lake) -> None:
    with table_of(lake).update_schema() as schema:
        schema.add_column("shares", IntegerType())


def drop(column: str) -> Callable[[Lake], None]:
    def apply(lake: Lake) -> None:
        with table_of(lake).update_schema(allow_incompatible_changes=True) as schema:
            schema.delete_column(column)

    return apply


def forget_all(lake: Lake) -> None:
    table = table_of(lake)
    ours = [name for name in table.properties if name.startswith("lakebt.")]
    with table.transaction() as transaction:
        transaction.remove_properties(*ours)


DAMAGES: dict[str, tuple[Callable[[Lake], None], str]] = {
    "key lost": (
        damage(lambda change: change.remove_properties("lakebt.key")),
        "its property lakebt.key is gone",
    ),
    "all lost": (forget_all, "its property lakebt.key is gone"),
    "key of no column": (
        damage(lambda change: change.set_properties({"lakebt.key": "symbol,quarter"})),
        "its property lakebt.key is 'symbol,quarter', and 'quarter' is no column",
    ),
    "key twice": (
        damage(lambda change: change.set_properties({"lakebt.key": "symbol,symbol"})),
        "and 'symbol' is there twice",
    ),
    "key of numbers": (
        damage(lambda change: change.set_properties({"lakebt.key": "eps_usd"})),
        "column eps_usd of its key holds a number now",
    ),
    "order of others": (
        damage(lambda change: change.set_properties({"lakebt.order": "symbol"})),
        "its property lakebt.order is 'symbol', not its key",
    ),
    "known_at of no column": (
        damage(lambda change: change.set_properties({"lakebt.known-at": "said"})),
        "its property lakebt.known-at names 'said'",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_declaration_is_an_error_once_it_is_used(
    published: Lake, path: Path, case: str
) -> None:
    apply, problem = DAMAGES[case]
    apply(published)

    for lake in (published, Lake.open(path, clock=clock)):
        view = lake.at("R1")
        assert len(view.read("prices")) == 6
        assert "earnings" not in set(lake.tables()["name"])
        for use in (
            lambda view=view: view.read("earnings"),
            lambda view=view: view.arrow("earnings"),
            lambda view=view: view.vintages("earnings", ("AAA", "2022Q3")),
            lambda lake=lake: lake.diff("earnings", "R0", "R1"),
            lambda lake=lake: declare(lake),
            lambda lake=lake: lake.publish(
                {"earnings": calendar()}, release="R9", as_of=AS_OF
            ),
        ):
            with pytest.raises(
                LakeError, match="table earnings cannot be used: "
            ) as failed:
                use()
            assert problem in str(failed.value)
            assert str(path) not in str(failed.value)


def test_other_tables_are_published_beside_a_damaged_one(published: Lake) -> None:
    forget_all(published)

    published.publish({"index_changes": changes()}, release="R2", as_of=AS_OF)

    view = published.at("R2")
    assert len(view.changes(index="SP500")) == 2
    before, after = (published.at(n).provenance()["snapshots"] for n in ("R1", "R2"))
    assert after["earnings"] == before["earnings"]


@pytest.mark.parametrize("alter", [add_integers, drop("confirmed"), drop("period")])
def test_a_release_keeps_its_columns_whatever_becomes_of_the_table(
    published: Lake, path: Path, alter: Callable[[Lake], None]
) -> None:
    before = published.at("R1").read("earnings")

    alter(published)

    if alter is add_integers:  # which no release had, and no fact can be
        with pytest.raises(LakeError, match="its column shares is int"):
            Lake.open(path, clock=clock).at("R1").read("earnings")
        return
    after = Lake.open(path, clock=clock).at("R1").read("earnings")
    pd.testing.assert_frame_equal(after, before)


def test_a_release_keeps_its_names_when_a_column_is_renamed(
    published: Lake, path: Path
) -> None:
    before = published.at("R1").read("earnings")
    with table_of(published).update_schema() as schema:
        schema.rename_column("eps_usd", "eps")

    view = Lake.open(path, clock=clock).at("R1")

    pd.testing.assert_frame_equal(view.read("earnings"), before)
    assert len(view.read("earnings", where={"eps_usd": 1.5, "symbol": "AAA"})) == 1


def test_a_filter_means_the_names_the_release_was_written_with(
    published: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lakebt.lake.reading.in_force.FEW_ROWS", 0
    )  # so that it is pushed down
    with table_of(published).update_schema() as schema:
        schema.rename_column("symbol", "ticker")
    with table_of(published).update_schema() as schema:
        schema.add_column("symbol", StringType())

    view = Lake.open(path, clock=clock).at("R1")

    assert list(view.read("earnings", where={"symbol": "AAA"})["symbol"]) == ["AAA"]
    assert len(view.vintages("earnings", ("BBB", "2022Q3"))) == 1


def test_a_lost_table_breaks_the_releases_that_have_it_and_no_other(
    published: Lake, path: Path
) -> None:
    Path(table_of(published).metadata_location.removeprefix("file://")).unlink()
    lake = Lake.open(path, clock=clock)

    assert len(lake.at("R0").read("prices")) == 6
    with pytest.raises(BrokenReleaseError, match="table earnings"):
        lake.at("R1")
    with pytest.raises(LakeError, match="earnings is gone"):
        lake.publish({"index_changes": changes()}, release="R2", as_of=AS_OF)


def test_a_table_that_is_somebody_elses_is_let_alone(lake: Lake, path: Path) -> None:
    schema = Schema(NestedField(1, "text", StringType(), required=False))
    theirs = catalog_of(lake).create_table(("quant", "notes"), schema=schema)

    assert "notes" not in set(lake.tables()["name"])
    with pytest.raises(TableExistsError, match=r"'notes' .* it is not lakebt's"):
        lake.declare("notes", **DECLARED)
    with pytest.raises(TableExistsError, match=r"'notes' .* 'Notes' differs from it"):
        lake.declare("Notes", **DECLARED)
    with pytest.raises(UnknownNameError, match="unknown table 'notes'"):
        lake.publish({"notes": calendar()}, release="R1", as_of=AS_OF)

    lake.publish({"prices": bars()}, release="notes_of", as_of=AS_OF)
    assert theirs.refresh().metadata.refs == {}
    Path(theirs.metadata_location.removeprefix("file://")).unlink()
    assert len(Lake.open(path, clock=clock).at("notes_of").read("prices")) == 6


def test_a_table_made_again_is_another_table(published: Lake) -> None:
    catalog_of(published).drop_table(("quant", "earnings"))
    declare(published)

    with pytest.raises(BrokenReleaseError, match="was dropped and made again"):
        published.at("R1")
