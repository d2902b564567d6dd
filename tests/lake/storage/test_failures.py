"""A release is trusted only while it is what the ledger says."""

from __future__ import annotations

import builtins
import contextlib
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyiceberg.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy import exc as sql_errors

from lakebt.errors import BrokenReleaseError, LakeError
from lakebt.lake import Lake
from lakebt.lake.storage import scan, table_loader
from lakebt.lake.storage.failures import DamagedFileError, parsing, translated
from tests.lake.frames import Q1_KNOWN, Q3_KNOWN, clock, q1, q3
from tests.lake.other_engines import spoiled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.table import Table


pytestmark = pytest.mark.lake


def kinds_in(module: object) -> list[type[Exception]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and not issubclass(value, ExceptionGroup)
    ]


STORAGE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, zlib.error, pa.ArrowException, sql_errors.SQLAlchemyError),
    *kinds_in(pyiceberg.exceptions),
)

EVERY_KIND = (
    *kinds_in(builtins),
    *kinds_in(pa.lib),
    *kinds_in(pyiceberg.exceptions),
    *(sql_errors.ArgumentError, sql_errors.NoSuchModuleError),
)


def make_two(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    lake.publish({"etf_holdings": q3()}, release="Q3", as_of=Q3_KNOWN)


ORIGINALS = {"table": make_two}


@pytest.fixture
def table(path: Path) -> Iterator[Table]:
    """The holdings as another program sees them, after two releases."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{path}/catalog.db")
    yield catalog.load_table("quant.etf_holdings")
    catalog.engine.dispose()


def snapshot(table: Table, tag: str) -> int:
    return table.metadata.refs[tag].snapshot_id


def test_a_tag_that_was_moved_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().create_tag(snapshot(table, "Q3"), "Q1").commit()

    match = r"'Q1' cannot be trusted: table etf_holdings: its tag was moved to snapshot"
    with pytest.raises(BrokenReleaseError, match=match):
        lake.at("Q1")
    assert len(lake.at("Q3").read("etf_holdings")) == 3


def test_a_tag_that_was_removed_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().remove_tag("Q1").commit()

    with pytest.raises(BrokenReleaseError, match="its tag is gone"):
        lake.at("Q1")
    with pytest.raises(BrokenReleaseError, match="its tag is gone"):
        lake.diff("etf_holdings", "Q1", "Q3")


def test_a_tag_that_was_turned_into_a_branch_is_found(lake: Lake, table: Table) -> None:
    table.manage_snapshots().create_branch(snapshot(table, "Q1"), "Q1").commit()

    with pytest.raises(BrokenReleaseError, match="its tag was replaced by a branch"):
        lake.at("Q1")


def test_a_snapshot_that_was_expired_is_found(lake: Lake, table: Table) -> None:
    gone = snapshot(table, "Q1")
    table.manage_snapshots().remove_tag("Q1").commit()
    table.maintenance.expire_snapshots().by_id(gone).commit()

    with pytest.raises(BrokenReleaseError, match=f"its snapshot {gone} is gone"):
        lake.at("Q1")


def test_a_table_that_was_dropped_is_found(lake: Lake, table: Table) -> None:
    table.catalog.drop_table("quant.etf_holdings")

    with pytest.raises(BrokenReleaseError, match="the table is gone"):
        lake.at("Q3")


def test_a_table_that_was_made_again_is_found(lake: Lake, table: Table) -> None:
    schema = table.schema()
    table.catalog.drop_table("quant.etf_holdings")
    table.catalog.create_table(
        "quant.etf_holdings", schema, location=f"{table.location()}_again"
    )

    with pytest.raises(BrokenReleaseError, match="was dropped and made again"):
        lake.as_of(Q3_KNOWN)


def test_a_file_that_is_gone_is_found_when_it_is_read(
    lake: Lake, table: Table, path: Path
) -> None:
    first = next(iter(table.scan().use_ref("Q1").plan_files())).file.file_path
    name = first.rsplit("/", maxsplit=1)[-1]
    (path / "warehouse/quant/etf_holdings/data" / name).unlink()

    view = lake.at("Q3")

    with pytest.raises(BrokenReleaseError, match=f"the file {name} is gone"):
        view.read("etf_holdings")


@given(
    kind=st.sampled_from(EVERY_KIND),
    text=st.sampled_from(["", "database is locked", "x"]),
)
def test_only_what_storage_raises_is_told_of_as_storage(
    kind: type[Exception], text: str
) -> None:
    """A mistake in lakebt is no damage of a lake: it passes as it is."""
    error = kind.__new__(kind)
    error.args = (text,)

    with pytest.raises(Exception) as caught, translated("lake X"):  # noqa: PT011
        raise error

    if issubclass(kind, STORAGE):
        assert isinstance(caught.value, LakeError)
        assert str(caught.value).startswith("lake X ")
    else:
        assert caught.value is error


@given(kind=st.sampled_from(EVERY_KIND))
def test_a_mistake_beside_a_parser_is_no_damaged_file(kind: type[Exception]) -> None:
    error = kind.__new__(kind)

    with pytest.raises(Exception) as caught, parsing():  # noqa: PT011
        raise error

    told = isinstance(caught.value, DamagedFileError)
    assert not (told and issubclass(kind, TypeError | AttributeError | NameError))
    assert told or caught.value is error


def test_a_mistake_in_lakebt_sends_nobody_to_a_backup(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)

    def mistaken(io: object) -> None:
        raise AssertionError(io)

    for module, name in ((table_loader, "read"), (scan, "read_directly")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, mistaken)
            with pytest.raises(TypeError, match=r"mistaken\(\) takes 1 positional"):
                Lake.open(path).at("Q1").read("etf_holdings")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["snap-*.avro", "*-m0.avro", "*.json"])
def test_a_file_with_bytes_of_another_is_damage_or_is_read(
    lake: Lake, path: Path, kind: str
) -> None:
    """Whatever a parser makes of wrong bytes, it is one line, or not noticed."""
    lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
    file = max((path / "warehouse/quant/etf_holdings").rglob(kind))

    for _ in spoiled(file, times=40):
        with contextlib.suppress(LakeError, BrokenReleaseError):
            Lake.open(path, create=False).at("Q1").read("etf_holdings")

    assert len(Lake.open(path).at("Q1").read("etf_holdings")) == len(q1())
