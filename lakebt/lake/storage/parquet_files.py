"""One Parquet file: its source and its metadata.

Of a small file on a disk Arrow's scan takes three times as long as its plain reader: it
plans, and wakes threads. A store is not asked for a file's size, which is known.
"""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from lakebt.lake.storage.fingerprint import digest_in
from lakebt.lake.storage.kept_files import data_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyiceberg.io.pyarrow import PyArrowFileIO
    from pyiceberg.manifest import DataFile


CHECKED = ds.ParquetFragmentScanOptions(page_checksum_verification=True)

_SMALL_BYTES = 2**18

_NOT_THERE = re.compile("NO_SUCH_KEY|RESOURCE_NOT_FOUND")
"""What a store says of a file that is read without asking for its size first."""


def is_small(file: DataFile) -> bool:
    """Whether a file is read as a whole, and has a name that tells what is in it."""
    is_short = file.file_size_in_bytes <= _SMALL_BYTES
    return is_short and digest_in(file.file_path) is not None


def opened(
    file: DataFile, io: PyArrowFileIO, coded: Iterable[str] = ()
) -> pq.ParquetFile | None:
    """Open a file that lies on a disk, or is kept; None if it is in a store.

    Parameters
    ----------
    file, io
    coded
        Text columns that are read as dictionaries.

    Raises
    ------
    FileNotFoundError
        If it is gone.
    """
    source: Any
    if (kept := data_of(file.file_path)) is not None:
        source = pa.BufferReader(kept)
    else:
        scheme, netloc, path = io.parse_location(file.file_path, io.properties)
        if scheme != "file":
            return None
        source = io.fs_by_scheme(scheme, netloc).open_input_file(path)
    return pq.ParquetFile(
        source, read_dictionary=list(coded), page_checksum_verification=True
    )


@contextlib.contextmanager
def whole_of(
    file: DataFile, io: PyArrowFileIO
) -> Iterator[tuple[pa.Schema, Callable[[], pa.Table]]]:
    """Give what a file says it holds, and what reads all of it.

    Raises
    ------
    FileNotFoundError
        If it is gone.
    """
    near = opened(file, io) if is_small(file) else None
    if near is not None:
        yield near.schema_arrow, functools.partial(near.read, use_threads=False)
        return
    layout = ds.ParquetFileFormat(default_fragment_scan_options=CHECKED)
    part = fragment(file, layout, io)
    with all_there([part]):
        yield schema_of(part), part.to_table


def fragment(file: DataFile, layout: ds.ParquetFileFormat, io: PyArrowFileIO) -> Any:
    """Return a file as part of what Arrow scans."""
    if (kept := data_of(file.file_path)) is not None:
        buffer: Any = pa.py_buffer(kept)
        return layout.make_fragment(buffer)
    scheme, netloc, path = io.parse_location(file.file_path, io.properties)
    return layout.make_fragment(
        path,
        filesystem=io.fs_by_scheme(scheme, netloc),
        file_size=file.file_size_in_bytes,  # so that a store is not asked for it
    )


@contextlib.contextmanager
def all_there(fragments: Iterable[Any]) -> Iterator[None]:
    """Say of files in a store which is gone; the store itself only says that one is.

    Raises
    ------
    FileNotFoundError
        If one is gone.
    OSError
        As it was, if none is.
    """
    try:
        yield
    except OSError as error:
        if _NOT_THERE.search(str(error)):
            for part in fragments:
                info = part.filesystem.get_file_info(part.path)
                if info.type is pafs.FileType.NotFound:
                    raise FileNotFoundError(part.path) from None
        raise


def schema_of(part: Any) -> pa.Schema:
    """Return what a file says it holds; reads its footer, which the fragment keeps."""
    schema: pa.Schema = part.physical_schema
    return schema
