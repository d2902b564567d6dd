"""Rows as a file of their own, Parquet or CSV: complete, or not there."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from lakebt.errors import InvalidArgumentError
from lakebt.lake.tables.arrow import pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ENDINGS = (".parquet", ".csv")

_BATCH_ROWS = 65_536
"""Rows that are turned into text at a time."""

_ISO = "%Y-%m-%dT%H:%M:%SZ"


def check_file(path: Path, *, option: str) -> None:
    """Refuse a file that could not be written, before the work and not after it.

    Raises
    ------
    InvalidArgumentError
        If it is there already, its folder is not, or its ending says no format.
    """
    if path.suffix.lower() not in ENDINGS:
        msg = f"{option} {path} must end in {' or '.join(ENDINGS)}: it is the format"
        raise InvalidArgumentError(msg)
    if not path.parent.is_dir():
        msg = f"{option} {path}: the folder {path.parent} does not exist"
        raise InvalidArgumentError(msg)
    if os.path.lexists(path):
        msg = f"{option} {path} is there already: name another file, or remove it"
        raise InvalidArgumentError(msg)


def write_table(rows: pa.Table, path: Path) -> None:
    """Write rows aside, then rename: nobody sees half a file.

    CSV has instants in ISO 8601, in UTC, and nothing where a value is missing:
    ``lakebt publish`` reads it again.
    """
    with _beside(path) as part:
        if path.suffix.lower() == ".parquet":
            pyarrow.parquet.write_table(rows, part)
            return
        schema = pa.schema([(f.name, _in_text(f.type)) for f in rows.schema])
        with pyarrow.csv.CSVWriter(part, schema) as writer:
            for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
                writer.write_batch(_texts(batch, schema))


def write_records(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows of any columns; what is nested is written as JSON.

    Parameters
    ----------
    rows
        Of plain values: None, flags, numbers, texts, dates, instants, lists, mappings.
    path
        Where.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    write_table(pa.table(columns), path)


def _column(values: list[Any]) -> pa.Array[Any]:
    """Return values in the type they share; as texts if they share none."""
    plain = [
        json.dumps(value, ensure_ascii=False, default=_iso)
        if isinstance(value, dict | list | tuple)
        else str(value)
        if isinstance(value, str)
        else value
        for value in values
    ]
    try:
        array: pa.Array[Any] = pa.array(plain, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in plain], pa.string())
    if pa.types.is_timestamp(array.type) and array.type.tz is None:
        with contextlib.suppress(pa.ArrowInvalid):  # not every one is a day
            days: pa.Array[Any] = array.cast(pa.date32())
            return days
    return array


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _in_text(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _texts(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    texts: Callable[[Any], Any] = lambda column: pc.strftime(  # noqa: E731
        column.cast(pa.timestamp("us", "UTC")), format=_ISO
    )
    columns = [
        texts(column) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a file to write, which becomes `path` if all goes well.

    Raises
    ------
    InvalidArgumentError
        If it cannot be written there.
    """
    part = None
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part"
        )
        os.close(handle)
        part = Path(name)
        yield part
        part.replace(path)
        part = None
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise InvalidArgumentError(msg) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
