"""What data files hold: compared with their digests, opened, or read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt.lake.storage.arrow_reads import validate
from lakebt.lake.storage.failures import is_failure, parsing
from lakebt.lake.storage.fingerprint import digest_at, digest_in, is_local

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.io import FileIO

    from lakebt.lake.storage.reach import File


@dataclass(frozen=True, slots=True)
class Reads:
    """How much of data files is read.

    Attributes
    ----------
    is_deep : bool
        Whether all of each, wherever it is. Else those on a disk whose digest is known
        are compared with it, and others opened: they say how many rows they hold.
    """

    is_deep: bool = False

    def bad(
        self, io: FileIO, files: Sequence[File], told: Mapping[str, str]
    ) -> dict[str, str]:
        """Return what is wrong with some data files, by path."""
        looked = ExecutorFactory.get_or_create().map(
            partial(self._problem, io, told), files
        )
        return {f.path: why for f, why in zip(files, looked, strict=True) if why}

    def _problem(self, io: FileIO, told: Mapping[str, str], file: File) -> str:
        wanted = digest_in(file.path) or told.get(file.path)
        try:
            if wanted is not None and (self.is_deep or is_local(io, file.path)):
                is_same = digest_at(io, file.path) == wanted
                return "" if is_same else "was changed since it was written"
            rows = _opened(io, file.path, whole=self.is_deep)
        except FileNotFoundError:
            return "is gone"
        except Exception as error:
            if not is_failure(error):
                raise
            return "is damaged"
        return (
            ""
            if rows == file.n_rows
            else f"holds {rows:,} rows instead of {file.n_rows:,}"
        )


def _opened(io: FileIO, path: str, *, whole: bool) -> int:
    """Return how many rows a data file has; all of it is read if asked for."""
    with parsing(), io.new_input(path).open() as stream:
        source: Any = stream
        opened = pq.ParquetFile(source, page_checksum_verification=True)
        if whole:
            validate(opened.read())
        return int(opened.metadata.num_rows)
