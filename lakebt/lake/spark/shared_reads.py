"""Prices that Spark's executors read and cut, where they are too many for one process.

Each executor reads some of the data files, with the same code as elsewhere, and returns
the rows of the wanted symbols. So the driver holds only those rows. They are the same
rows, in the same order, as the driver would have read.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import LakeError
from lakebt.lake.reading.release_tables import Pinned
from lakebt.lake.reading.view import View
from lakebt.lake.storage.scan import count_files, scan
from lakebt.lake.tables.rows import integers
from lakebt.lake.tables.schemas import PRICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyiceberg.expressions import BooleanExpression
    from pyspark.sql import SparkSession

    from lakebt.lake.storage.predicates import Among

    Batches = Iterable[pa.RecordBatch]


SHARED_ROWS = 100_000_000
"""A release with more bars than these is read by all executors, not by the driver: one
process passes over some six million of them in a second."""

_SCHEMA = "number bigint, rows binary"


def with_executors(
    view: View, session: SparkSession, *, opened: Callable[[], View]
) -> View | None:
    """Return a view whose prices the executors read; None if those are not many.

    Parameters
    ----------
    view
    session
        Where they are.
    opened
        Opens the view in a process of theirs; has to be hashable, and to travel.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads here
    pin = pinned.release.pin(PRICES.name)
    if pin is None or pin.rows <= SHARED_ROWS:
        return None
    own = {field.name: getattr(pinned, field.name) for field in fields(Pinned)}
    shared = SharedPinned(**own, session=session, opened=opened)
    return View(shared, instant=view.instant)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is read of a price table.

    Attributes
    ----------
    columns, coded, where, among
        As `lakebt.lake.storage.scan.scan` takes them.
    """

    columns: tuple[str, ...]
    coded: tuple[str, ...] = ()
    where: BooleanExpression | None = None
    among: Among | None = None


@dataclass(frozen=True, kw_only=True)
class SharedPinned(Pinned):
    """A release whose prices are read by executors, a file at a time.

    Attributes
    ----------
    session
    opened : callable
        Opens a view of it in a process of theirs.
    """

    session: SparkSession
    opened: Callable[[], View]

    def scan(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        coded: tuple[str, ...] = (),
        where: BooleanExpression | None = None,
        among: Among | None = None,
    ) -> pa.Table:
        """Read columns of a table's snapshot: see `Pinned.scan`.

        Raises
        ------
        LakeError
            If Spark cannot read it.
        """
        if table != PRICES.name:
            return super().scan(table, columns, coded=coded, where=where, among=among)
        request = Asked(columns=columns, coded=coded, where=where, among=among)
        parts = self._read(request, _rows)
        schema = self.specs[table].arrow
        if not parts:  # no file is opened then
            return super().scan(table, columns, coded=coded, where=where, among=among)
        rows = pa.concat_tables(parts).unify_dictionaries()
        wanted = [
            rows.schema.field(n) if n in coded else schema.field(n) for n in columns
        ]
        return rows.cast(pa.schema(wanted))

    def first_known(self, table: str, name: str) -> dict[str, int]:
        """Return when each value of a column first was: see `Pinned.first_known`."""
        if table != PRICES.name:
            return super().first_known(table, name)

        def first() -> dict[str, int]:
            request = Asked(columns=(name, "known_at"))
            rows = pa.concat_tables(self._read(request, _first_known))
            least = _least(rows, name)
            names: list[Any] = least.column(name).to_pylist()
            return dict(zip(names, integers(least, "known_at").tolist(), strict=True))

        what = f"names in {name}"
        return self.kept(table, what, first, size=lambda names: 200 * len(names))

    def _read(
        self, asked: Asked, make: Callable[[Pinned, Asked, int], pa.Table]
    ) -> list[pa.Table]:
        """Return what is made of each file that may hold what is asked for.

        Raises
        ------
        LakeError
            If Spark cannot read it.
        """
        pin = self.release.pin(PRICES.name)
        assert pin is not None  # noqa: S101 - it has very many rows
        table = self.tables[PRICES.name]
        count = count_files(
            table,
            pin.snapshot_id,
            where=asked.where,
            among=asked.among,
            told=self.storage.told(table, pin.files),
        )
        if not count:
            return []
        read = functools.partial(_read, self.opened, asked, make)
        job = self.session.range(0, count, 1, count).mapInArrow(read, _SCHEMA)
        try:
            collected = job.toArrow()
        except Exception as error:  # noqa: BLE001 - whatever Java says, and pyspark
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            errors = [line for line in lines if "Error: " in line] or lines or [""]
            msg = (
                f"Spark could not read the prices of release {self.release.name!r}: "
                f"{errors[0]}"
            )
            raise LakeError(msg) from None
        parts = sorted(collected.to_pylist(), key=lambda part: part["number"])
        return [_unpacked(part["rows"]) for part in parts]


def _read(
    opened: Callable[[], View],
    asked: Asked,
    make: Callable[[Pinned, Asked, int], pa.Table],
    batches: Batches,
) -> Iterator[pa.RecordBatch]:
    """Hand back what is made of the files whose numbers come."""
    for batch in batches:
        numbers: Any = batch.column(0)
        for number in numbers.to_pylist():
            pinned = _view(opened)._pinned  # noqa: SLF001 - as above
            rows = _packed(make(pinned, asked, number))
            yield pa.RecordBatch.from_pydict({"number": [number], "rows": [rows]})


@functools.lru_cache(maxsize=2)
def _view(opened: Callable[[], View]) -> View:
    """Return the view that an executor's process has opened, opened once."""
    return opened()


def _rows(pinned: Pinned, asked: Asked, number: int) -> pa.Table:
    """Read one file of the prices of a release."""
    pin = pinned.release.pin(PRICES.name)
    assert pin is not None  # noqa: S101 - the driver has counted its files
    table = pinned.tables[PRICES.name]
    return scan(
        table,
        pin.snapshot_id,
        columns=asked.columns,
        coded=asked.coded,
        where=asked.where,
        among=asked.among,
        storage=pinned.storage,
        release=pinned.release.name,
        told=lambda: pinned.storage.told(table, pin.files),
        only=number,
    )


def _first_known(pinned: Pinned, asked: Asked, number: int) -> pa.Table:
    return _least(_rows(pinned, asked, number), asked.columns[0])


def _least(rows: pa.Table, name: str) -> pa.Table:
    """Return when each value that is there was first known."""
    there = rows.filter(rows.column(name).is_valid())
    least = there.group_by(name).aggregate([("known_at", "min")])
    return least.rename_columns([name, "known_at"]).select([name, "known_at"])


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    how = pa.ipc.IpcWriteOptions(compression="zstd", unify_dictionaries=True)
    with pa.ipc.new_file(sink, rows.schema, options=how) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def _unpacked(packed: bytes) -> pa.Table:
    with pa.ipc.open_file(pa.py_buffer(packed)) as stream:
        rows: pa.Table = stream.read_all()
    return rows
