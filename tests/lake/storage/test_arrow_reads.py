"""Files read with Arrow alone hold what pyiceberg reads there, or are left to it."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression
from pyiceberg.expressions.parser import parse
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate
from pyiceberg.transforms import YearTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    NestedField,
    StringType,
    TimestamptzType,
)

from lakebt.errors import BrokenReleaseError
from lakebt.lake.storage import arrow_reads, parquet_files
from lakebt.lake.storage import predicates as filters
from lakebt.lake.storage import scan as scanning
from lakebt.lake.storage.arrow_reads import read_directly, read_one_file
from lakebt.lake.storage.catalog import Storage, open_path
from lakebt.lake.storage.kept_files import Used, forget, trusted
from lakebt.lake.storage.predicates import Among, is_in
from lakebt.lake.storage.scan import scan
from lakebt.lake.storage.scan_plan import manifests_in, plan
from lakebt.lake.tables.arrow import INSTANT
from lakebt.lake.tables.schemas import LEDGER
from tests.lake.frames import AS_OF, bars
from tests.nightly import crossed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import FileScanTask, Table

    from lakebt.lake import Lake

pytestmark = pytest.mark.lake

SCHEMA = Schema(
    NestedField(1, "symbol", StringType(), required=True),
    NestedField(2, "session", DateType(), required=True),
    NestedField(3, "close", DoubleType()),
    NestedField(4, "known_at", TimestamptzType()),
    NestedField(5, "retracted", BooleanType()),
    NestedField(6, "note", StringType()),
)

COLUMNS: Any = [
    pa.field("symbol", pa.string(), nullable=False),
    pa.field("session", pa.date32(), nullable=False),
    ("close", pa.float64()),
    ("known_at", INSTANT),
    ("retracted", pa.bool_()),
    ("note", pa.string()),
]

ALL = tuple(field.name for field in SCHEMA.fields)


def rows(year: int, *symbols: str) -> pa.Table:
    """A row per symbol and day, with every kind of emptiness."""
    days = [dt.date(year, 9, day) for day in (1, 2, 6)]
    known = dt.datetime(year, 9, 7, tzinfo=dt.UTC)
    found = [
        {"symbol": symbol, "session": day, "close": float(place), "known_at": known}
        for place, (day, symbol) in enumerate((d, s) for d in days for s in symbols)
    ]
    found[0] |= {"close": None, "note": ""}
    found[1] |= {"close": float("nan"), "retracted": True, "note": "n"}
    found[2] |= {"known_at": None, "retracted": False, "note": "ä"}
    return pa.Table.from_pylist(found, schema=pa.schema(COLUMNS))


@contextlib.contextmanager
def catalog_in(folder: Path) -> Iterator[SqlCatalog]:
    uri = f"sqlite:///{folder}/c.db"
    found = SqlCatalog("t", uri=uri, warehouse=f"file://{folder}/warehouse")
    found.create_namespace("quant")
    yield found
    found.engine.dispose()


def filled(catalog: SqlCatalog, *, is_partitioned: bool = True) -> Table:
    """Four files in two years, of three commits."""
    by_year = PartitionSpec(
        PartitionField(
            source_id=2, field_id=1000, transform=YearTransform(), name="session_year"
        )
    )
    spec = by_year if is_partitioned else PartitionSpec()
    made = catalog.create_table("quant.t", SCHEMA, partition_spec=spec)
    made.append(pa.concat_tables([rows(2021, "B", "A"), rows(2022, "A", "C")]))
    made.append(rows(2022, "D"))
    made.append(rows(2021, "A"))
    return made


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    with catalog_in(tmp_path) as found:
        yield found


@pytest.fixture
def table(catalog: SqlCatalog) -> Table:
    """A table for one test, which may write it."""
    return filled(catalog)


@pytest.fixture(scope="module")
def shared_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """The same, for those that only read it."""
    with catalog_in(tmp_path_factory.mktemp("read")) as found:
        yield filled(found)


Theirs = Callable[[tuple[str, ...], BooleanExpression], list[str]]


@pytest.fixture(scope="module")
def told_once(shared_table: Table) -> Theirs:
    """`theirs` of the table that is only read, asked once for each question."""
    held: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def ask(columns: tuple[str, ...], where: BooleanExpression) -> list[str]:
        question = (columns, repr(where))
        if question not in held:
            held[question] = theirs(shared_table, columns, where)
        return held[question]

    return ask


def head(table: Table) -> int:
    snapshot = table.metadata.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def is_direct(
    table: Table,
    columns: tuple[str, ...] = ALL,
    where: BooleanExpression | None = None,
    snapshot_id: int | None = None,
) -> bool:
    chosen = table.scan(
        snapshot_id=snapshot_id or head(table),
        selected_fields=columns,
        row_filter=where or AlwaysTrue(),
    )
    return read_directly(chosen, ()) is not None


def read(
    table: Table,
    columns: tuple[str, ...] = ALL,
    *,
    coded: tuple[str, ...] = (),
    where: BooleanExpression | None = None,
    among: Among | None = None,
    snapshot_id: int | None = None,
) -> pa.Table:
    """Read as a view does."""
    return scan(
        table,
        snapshot_id or head(table),
        columns=columns,
        coded=coded,
        where=where,
        among=among,
        storage=Storage(table.catalog, name="t", where="lake t", address={}),
        release="R",
    )


def theirs(
    table: Table,
    columns: tuple[str, ...] = ALL,
    where: BooleanExpression | None = None,
    snapshot_id: int | None = None,
) -> list[str]:
    """The rows, in order, as pyiceberg reads them."""
    chosen = table.scan(
        snapshot_id=snapshot_id,
        selected_fields=columns,
        row_filter=where or AlwaysTrue(),
    )
    return told(chosen.to_arrow().select(columns))


def told(found: pa.Table) -> list[str]:
    return [repr(row) for row in found.to_pylist()]  # NaN is not equal to itself


FILTERS = {
    "everything": AlwaysTrue(),
    "one of": parse("symbol in ('A', 'D', 'x')"),
    "none": parse("symbol in ('x', 'y')"),
    "no file": parse("session = '1999-01-04'"),
    "days": parse("session > '2021-09-01' and session <= '2022-09-02'"),
    "numbers": parse("close > 1.0"),
    "no number": parse("close is null or close is nan"),
    "instant": parse("known_at <= '2021-12-31T00:00:00+00:00'"),
    "not": parse("not (note = 'n')"),
    "flag": parse("retracted = true"),
}


ASKED = {"all": ALL, "one": ("close",), "other order": ("note", "symbol")}
"""Columns."""

CODED = {"plain": (), "coded": ("symbol", "note")}
"""Which of them as dictionaries."""

SOME = {repr(v): v for v in [("A", "D"), ("B",), ("AA", "CC", "x"), ("x", "y")]}
"""Values of a column."""


@crossed({"coded": CODED, "columns": ASKED, "where": FILTERS})
def test_it_reads_what_pyiceberg_reads(
    shared_table: Table,
    told_once: Theirs,
    monkeypatch: pytest.MonkeyPatch,
    *,
    where: Any,
    columns: tuple[str, ...],
    coded: tuple[str, ...],
) -> None:
    coded = tuple(name for name in coded if name in columns)

    found = read(shared_table, columns, coded=coded, where=where)

    monkeypatch.setattr(arrow_reads, "is_small", lambda _: True)
    at_once = read(shared_table, columns, coded=coded, where=where)
    assert told(at_once) == told(found)
    assert at_once.schema.equals(found.schema)
    assert is_direct(shared_table, columns, where)
    assert told(found) == told_once(columns, where)
    kinds = {field.name: field.type for field in pa.schema(COLUMNS)}
    assert found.schema.names == list(columns)
    for field in found.schema:
        assert pa.types.is_dictionary(field.type) == (field.name in coded)
        kind = field.type.value_type if field.name in coded else field.type
        assert kind == kinds[field.name]


@crossed(
    {
        "coded": CODED,
        "columns": ASKED,
        "where": {name: FILTERS[name] for name in ("everything", "numbers", "no file")},
        "values": SOME,
        "few": {"0": 0, "200": 200},
        "by": {"arrow": "arrow", "pyiceberg": "pyiceberg"},
    }
)
def test_some_of_many_values_are_those_of_a_list(
    shared_table: Table,
    told_once: Theirs,
    monkeypatch: pytest.MonkeyPatch,
    *,
    few: int,
    by: str,
    values: tuple[str, ...],
    where: Any,
    columns: tuple[str, ...],
    coded: tuple[str, ...],
) -> None:
    monkeypatch.setattr(filters, "FEW", few)
    if by == "pyiceberg":
        monkeypatch.setattr(scanning, "read_directly", lambda *_, **__: None)
    coded = tuple(name for name in coded if name in columns)
    among = Among("symbol", values)

    found = read(shared_table, columns, coded=coded, where=where, among=among)

    monkeypatch.setattr(arrow_reads, "is_small", lambda _: True)
    at_once = read(shared_table, columns, coded=coded, where=where, among=among)
    assert told(at_once) == told(found)
    listed: Any = And(where, is_in("symbol", values))
    assert told(found) == told_once(columns, listed)
    assert found.schema.names == list(columns)


@crossed({"columns": ASKED, "where": FILTERS, "every": {"1": 1, "2": 2}})
def test_what_is_kept_for_who_publishes_is_what_pyiceberg_reads(
    shared_table: Table,
    told_once: Theirs,
    monkeypatch: pytest.MonkeyPatch,
    *,
    every: int,
    where: Any,
    columns: tuple[str, ...],
) -> None:
    small = sorted(plan_paths(shared_table))[::every]
    monkeypatch.setattr(arrow_reads, "is_small", lambda file: file.file_path in small)

    with trusted():
        found = [read(shared_table, columns, where=where) for _ in range(2)]

    for each in found:
        assert told(each) == told_once(columns, where)
        assert each.schema.equals(read(shared_table, columns, where=where).schema)


def plan_paths(table: Table) -> list[str]:
    return [task.file.file_path for task in table.scan().plan_files()]


def test_a_kept_file_of_another_layout_is_left_to_pyiceberg(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_reads, "is_small", lambda _: True)
    older = Schema(*SCHEMA.fields[:-1])
    table = catalog.create_table("quant.t", older)
    table.append(rows(2021, "B").drop_columns("note"))
    with table.update_schema() as change:
        change.add_column("note", StringType())
    table.append(rows(2022, "A"))

    with trusted():
        assert not is_direct(table)
        assert told(read(table)) == theirs(table)


def test_who_publishes_decodes_a_small_file_once_and_misses_one_that_is_gone(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_reads, "_KEPT", Used(2**20, largest=2**20))
    entries: Used[Any] = Used(100, largest=100)
    monkeypatch.setattr("lakebt.lake.storage.scan_plan._HELD", entries)
    decoded: list[str] = []
    opened = parquet_files.opened

    def counted(file: DataFile, *others: Any) -> Any:
        decoded.append(file.file_path)
        return opened(file, *others)

    for module in (arrow_reads, parquet_files):
        monkeypatch.setattr(module, "opened", counted)
    for day in (6, 7, 8):
        rows = bars(days=(f"2022-09-0{day}",))
        lake.publish({"prices": rows}, release=f"R{day}", as_of=AS_OF)
    files = [file for file in decoded if "/prices/data/" in file]
    assert len(files) == len(set(files)) == 2
    assert sum(entries.get(each) is not None for each in manifests_of(lake)) == 2
    decoded.clear()

    lake.at("R8").read("prices")  # who views reads them from where they lie
    assert len(decoded) == 3

    next((path / "warehouse/quant/prices/data").iterdir()).unlink()
    with pytest.raises(BrokenReleaseError, match="is gone"):
        lake.publish({"prices": bars(days=("2022-09-09",))}, release="R9", as_of=AS_OF)
    assert arrow_reads._LAYOUTS  # noqa: SLF001
    forget()
    gc.collect()
    assert not arrow_reads._LAYOUTS  # noqa: SLF001
    assert not any(map(entries.get, manifests_of(lake)))


def manifests_of(lake: Lake) -> list[str]:
    """The manifests of prices."""
    table = lake._storage.tables()["prices"]  # noqa: SLF001
    (snapshot,) = [s for s in table.snapshots() if s.snapshot_id == head(table)]
    found = manifests_in(table.io, snapshot.manifest_list)
    return [each.manifest_path for each in found]


def test_an_older_snapshot_is_read_as_it_was(shared_table: Table) -> None:
    sizes = []
    for snapshot in shared_table.metadata.snapshots:
        found = told(read(shared_table, snapshot_id=snapshot.snapshot_id))
        sizes.append(len(found))

        assert found == theirs(shared_table, snapshot_id=snapshot.snapshot_id)
    assert sizes == [12, 15, 18]


def test_rows_rewritten_without_some_are_read_directly(table: Table) -> None:
    table.delete("symbol = 'A'")

    assert is_direct(table)
    assert told(read(table)) == theirs(table)
    assert "A" not in read(table)["symbol"].to_pylist()


class _DeleteManifest(ManifestWriterV2):
    """A manifest of delete files, which pyiceberg reads but cannot write."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_in_place(table: Table, data: DataFile, positions: list[int]) -> None:
    """Delete rows of a file by their positions, as Spark's merge-on-read does."""
    fields: Any = [
        pa.field(
            "file_path",
            pa.string(),
            nullable=False,
            metadata={"PARQUET:field_id": "2147483546"},
        ),
        pa.field(
            "pos",
            pa.int64(),
            nullable=False,
            metadata={"PARQUET:field_id": "2147483545"},
        ),
    ]
    gone = pa.Table.from_pylist(
        [{"file_path": data.file_path, "pos": position} for position in positions],
        schema=pa.schema(fields),
    )
    place, number = f"{table.location()}/data", head(table) + 1
    path = f"{place}/deletes.parquet"
    pq.write_table(gone, path.removeprefix("file://"))
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=data.partition,
        record_count=len(positions),
        file_size_in_bytes=Path(path.removeprefix("file://")).stat().st_size,
    )
    deletes.spec_id = data.spec_id
    output = table.io.new_output(f"{place}/deletes.avro")
    writer = _DeleteManifest(table.spec(), table.schema(), output, number, "null")
    entry = ManifestEntry.from_args(
        status=ManifestEntryStatus.ADDED, snapshot_id=number, data_file=deletes
    )
    with writer:
        writer.add_entry(entry)
    before = table.metadata.current_snapshot()
    assert before is not None
    assert before.sequence_number is not None
    listed = f"{place}/list.avro"
    sequence = before.sequence_number + 1
    with write_manifest_list(
        2, table.io.new_output(listed), number, before.snapshot_id, sequence, "null"
    ) as target:
        target.add_manifests([*before.manifests(table.io), writer.to_manifest_file()])
    snapshot = Snapshot.model_validate(
        {
            "snapshot-id": number,
            "parent-snapshot-id": before.snapshot_id,
            "sequence-number": sequence,
            "timestamp-ms": before.timestamp_ms + 1,
            "manifest-list": listed,
            "summary": {"operation": "delete"},
            "schema-id": table.schema().schema_id,
        }
    )
    updates = (
        AddSnapshotUpdate(snapshot=snapshot),
        SetSnapshotRefUpdate.model_validate(
            {"ref-name": "main", "snapshot-id": number, "type": "branch"}
        ),
    )
    table.catalog.commit_table(table, (), updates)
    table.refresh()


@pytest.mark.parametrize("is_partitioned", [True, False], ids=["by year", "whole"])
@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "as written"])
def test_the_plan_is_the_one_pyiceberg_makes(
    catalog: SqlCatalog, *, is_deleted: bool, is_partitioned: bool
) -> None:
    table = filled(catalog, is_partitioned=is_partitioned)
    first = next(iter(table.scan().plan_files())).file
    if is_deleted:
        delete_in_place(table, first, [1])
    with table.update_schema() as change:
        change.add_column("eps_usd", DoubleType())
    table.append(rows(2023, "A"))
    table.delete("symbol = 'D'")

    def told(tasks: Iterable[FileScanTask]) -> list[tuple[Any, ...]]:
        return [
            (
                *(task.file.file_path, task.file.content, task.file.record_count),
                *(task.file.spec_id, repr(task.file.partition), repr(task.residual)),
                *(dict(task.file.lower_bounds), dict(task.file.upper_bounds)),
                {deletes.file_path for deletes in task.delete_files},
            )
            for task in tasks
        ]

    for name, where in FILTERS.items():
        chosen = table.scan(row_filter=where)
        assert told(plan(chosen)) == told(chosen.plan_files()), name


def test_rows_deleted_in_place_are_left_to_pyiceberg(table: Table) -> None:
    before, whole = head(table), read(table)
    first = next(iter(table.scan().plan_files())).file

    delete_in_place(table, first, [0, 2])

    found = read(table)
    assert not is_direct(table)
    assert len(found) == len(whole) - 2
    assert told(found) == theirs(table)
    coded = read(table, ("symbol",), coded=("symbol",), where=FILTERS["one of"])
    assert told(coded) == theirs(table, ("symbol",), FILTERS["one of"])
    assert told(read(table, snapshot_id=before)) == told(whole)


def test_a_column_added_later_is_null_in_what_is_older(table: Table) -> None:
    before, columns = head(table), (*ALL, "eps_usd", "maker")
    with table.update_schema() as change:
        change.add_column("eps_usd", DoubleType())
        change.add_column("maker", StringType())
    later = rows(2022, "E", "F").append_column("eps_usd", pa.array([1.5] * 6))
    later = later.append_column("maker", pa.array(["m"] * 6))
    table.append(later)

    new = read(table, columns, coded=("maker",))
    old = read(table, columns, coded=("maker",), snapshot_id=before)

    assert not is_direct(table, columns)
    assert is_direct(table)  # the columns that all files have
    assert told(new) == theirs(table, columns)
    assert new["eps_usd"].to_pylist().count(1.5) == 6
    assert told(old.select(ALL)) == theirs(table, snapshot_id=before)
    assert old["eps_usd"].null_count == old["maker"].null_count == len(old) > 0
    only = read(table, ("eps_usd",), snapshot_id=before)
    assert only["eps_usd"].to_pylist() == [None] * len(old)
    assert only.schema == new.select(["eps_usd"]).schema


def test_a_column_of_another_name_in_the_file_is_left_to_pyiceberg(
    table: Table,
) -> None:
    with table.update_schema() as change:
        change.rename_column("note", "remark")
    with table.update_schema() as change:
        change.add_column("note", StringType())
    columns = ("symbol", "remark", "note")
    table.append(rows(2022, "E", "F").rename_columns([*ALL[:-1], "remark"]))

    assert not is_direct(table, columns)
    assert told(read(table, columns)) == theirs(table, columns)
    assert read(table, columns)["note"].null_count == len(read(table, columns))
    assert is_direct(table, ("symbol", "close"))


def test_what_a_dropped_column_held_is_not_that_of_its_namesake(table: Table) -> None:
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("note")
    with table.update_schema() as change:
        change.add_column("note", StringType())
    table.append(rows(2022, "E", "F"))

    found = read(table, ("symbol", "note"))

    assert not is_direct(table, ("symbol", "note"))
    assert told(found) == theirs(table, ("symbol", "note"))
    assert found["note"].null_count == len(found) - 3  # of the last file only


def test_a_wider_type_than_in_the_file_is_left_to_pyiceberg(
    catalog: SqlCatalog,
) -> None:
    table = catalog.create_table("quant.f", Schema(NestedField(1, "x", FloatType())))
    table.append(pa.table({"x": pa.array([1.5, None], pa.float32())}))
    assert not is_direct(table, ("x",))
    with table.update_schema() as change:
        change.update_column("x", DoubleType())
    table.append(pa.table({"x": pa.array([0.1], pa.float64())}))

    assert not is_direct(table, ("x",))
    assert read(table, ("x",))["x"].to_pylist() == [0.1, 1.5, None]


def test_files_written_by_something_else_are_read_right(
    table: Table, tmp_path: Path
) -> None:
    """Without field ids, and with another type of text."""
    schema = pa.schema(COLUMNS)
    text: Any = pa.large_string()
    other = rows(2022, "X", "Y").cast(schema.set(5, pa.field("note", text)))
    path = tmp_path / "other.parquet"
    pq.write_table(other, path)
    table.add_files([f"file://{path}"])

    assert not is_direct(table)
    assert told(read(table)) == theirs(table)
    coded = read(table, ("note", "symbol"), coded=("symbol", "note"))
    assert told(coded) == theirs(table, ("note", "symbol"))
    assert pa.types.is_dictionary(coded.schema.field("note").type)


def test_reading_other_columns_gives_the_same_rows(table: Table) -> None:
    """Also when one of them is read directly and the other is not."""
    with table.update_schema() as change:
        change.add_column("eps_usd", DoubleType())
    table.append(rows(2022, "E", "F").append_column("eps_usd", pa.array([1.5] * 6)))

    together = read(table, ("symbol", "session", "eps_usd"))
    apart = [read(table, (name,)) for name in ("symbol", "session", "eps_usd")]

    assert [is_direct(table, (n,)) for n in ("symbol", "eps_usd")] == [True, False]
    for name, single in zip(together.column_names, apart, strict=True):
        assert single[name].to_pylist() == together[name].to_pylist()


def test_a_table_without_rows_gives_none(table: Table) -> None:
    table.delete(AlwaysTrue())

    found = read(table, ("symbol", "close"), coded=("symbol",))

    assert len(found) == 0
    assert pa.types.is_dictionary(found.schema.field("symbol").type)


@pytest.fixture
def single(catalog: SqlCatalog) -> Table:
    """A file of one commit."""
    made = catalog.create_table("quant.single", SCHEMA)
    made.append(rows(2022, "A", "B"))
    return made


def test_the_ledger_is_read_as_pyiceberg_reads_it(published: Lake, path: Path) -> None:
    published.publish(
        {"prices": bars(("2022-09-07",))},
        release="R2",
        as_of=AS_OF,
        note="n",
        labels={"kind": "daily", "ä": ""},
        retain_days=99_999,
    )
    ledger = open_path(path, create=False).tables()[LEDGER]

    found = read_one_file(ledger)

    assert found is not None
    assert told(found) == told(ledger.scan().to_arrow())
    assert [row["name"] for row in found.to_pylist()] == ["R0", "R1", "R2"]


def test_one_file_as_it_was_declared_is_read_whole(single: Table) -> None:
    found = read_one_file(single)

    assert found is not None
    assert told(found) == theirs(single)


def test_several_files_or_none_are_left_to_pyiceberg(single: Table) -> None:
    single.append(rows(2021, "C"))
    assert read_one_file(single) is None
    single.delete(AlwaysTrue())
    assert read_one_file(single) is None


def test_one_file_without_a_later_column_is_left_to_pyiceberg(single: Table) -> None:
    with single.update_schema() as change:
        change.add_column("eps_usd", DoubleType())

    assert read_one_file(single) is None


def test_one_file_some_rows_of_which_were_deleted_is_left_to_pyiceberg(
    single: Table,
) -> None:
    (task,) = single.scan().plan_files()
    delete_in_place(single, task.file, [0])

    assert read_one_file(single.refresh()) is None
    assert len(single.scan().to_arrow()) == 5


def test_one_file_without_numbers_is_left_to_pyiceberg(
    catalog: SqlCatalog, tmp_path: Path
) -> None:
    table = catalog.create_table("quant.other", SCHEMA)
    path = tmp_path / "other.parquet"
    pq.write_table(rows(2022, "X"), path)
    table.add_files([f"file://{path}"])

    assert read_one_file(table) is None


def test_one_file_that_is_gone_is_an_error(single: Table) -> None:
    (task,) = single.scan().plan_files()
    Path(task.file.file_path.removeprefix("file://")).unlink()

    with pytest.raises(FileNotFoundError, match="parquet"):
        read_one_file(single)
