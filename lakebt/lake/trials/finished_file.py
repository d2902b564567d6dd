"""Data files of trials that are made in one process, and committed by another.

The process that runs trials makes the file: it checks the rows and packs them, with
statistics in the footer. The process that records reads only the ids, and puts the file
into the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.schema import Schema

from lakebt.lake.storage.datafiles import content_of, place_file
from lakebt.lake.tables.trials import TRIALS_SPEC
from lakebt.lake.trials.index import Keys
from lakebt.lake.trials.normalisation import checked
from lakebt.lake.trials.table import find_or_make

if TYPE_CHECKING:
    import pandas as pd
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakebt.lake.storage.catalog import Storage


def layout(storage: Storage) -> str:
    """Return the columns of a lake's trials as text; the table is made if need be.

    Raises
    ------
    LakeError
        If it cannot be made, or something else wrote into it.
    """
    return find_or_make(storage).schema().model_dump_json()


def pack(rows: pd.DataFrame, laid_out: str) -> bytes:
    """Return the content of a data file with some trials, each of them once.

    Parameters
    ----------
    rows
        As `lakebt.Lake.record` takes them.
    laid_out
        As `layout` says.

    Raises
    ------
    InvalidArgumentError
        If a column is missing, or a value cannot be recorded.
    UnknownNameError
        If a column is none of the table's.
    """
    content, _ = content_of(_schema(laid_out), checked(rows), TRIALS_SPEC)
    return content.to_pybytes()


@lru_cache(maxsize=4)
def _schema(laid_out: str) -> Schema:
    return Schema.model_validate_json(laid_out)


@dataclass(frozen=True, eq=False)
class FinishedFile:
    """A data file of trials that is nowhere yet.

    Attributes
    ----------
    content
        As `pack` returns it.
    laid_out
        The columns it was packed for.
    """

    content: bytes
    laid_out: str

    def __len__(self) -> int:
        return len(self.keys.high)

    @cached_property
    def keys(self) -> Keys:
        """The ids that it holds."""
        return Keys.of(self._read(["trial_id", "digest"]))

    @cached_property
    def rows(self) -> pa.Table:
        """All that it holds."""
        return self._read(list(TRIALS_SPEC.names)).cast(TRIALS_SPEC.arrow)

    def _read(self, columns: list[str]) -> pa.Table:
        source: Any = pa.BufferReader(self.content)
        return pq.read_table(
            source, columns=columns, page_checksum_verification=True
        ).select(columns)

    def fits(self, table: Table) -> bool:
        """Whether the table has the columns that it was packed for."""
        return table.schema() == _schema(self.laid_out)

    def placed(self, table: Table) -> DataFile:
        """Write it where the table's files lie; it belongs to no snapshot yet."""
        return place_file(table, pa.py_buffer(self.content), TRIALS_SPEC)
