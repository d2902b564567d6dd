"""Files that are packed, or have parts that are: Avro, puffin, SQLite, ZIP and gzip."""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import lzma
import sqlite3
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.avro.file import AvroFile
from pyiceberg.typedef import Record

from lakebt.lake.erasure.proof_content import BETWEEN, WINDOW, Region
from lakebt.lake.storage.failures import DamagedFileError, parsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.erasure.proof_content import Content


SQLITE, PUFFIN, PANEL, ZIP = b"SQLite format 3\0", b"PFA1", b"lakebtP\n", b"PK\x03\x04"
_STREAMS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\0": "xz",
}
_HEAD = 256
_PANEL_HEAD = 32


def packing(magic: bytes) -> str | None:
    """Return how a file is compressed as a whole, as its first bytes say."""
    return next((how for at, how in _STREAMS.items() if magic.startswith(at)), None)


def unpacked(stream: Any, how: str, *, beside: int, where: str) -> Iterator[Region]:
    """Give what a stream holds that is compressed.

    Raises
    ------
    DamagedFileError
        If it cannot be unpacked.
    """
    with parsing():
        source = (
            lzma.open(_reading(stream))  # noqa: SIM115 - read at once
            if how == "xz"
            else _stream(stream, how)
        )
        kept = b""
        while piece := source.read(WINDOW):
            data = kept + piece
            start = min(len(kept), beside)
            end = len(data) - beside
            yield Region(where=where, data=data, start=start, end=max(start, end))
            kept = data[-2 * beside :] if len(data) > 2 * beside else data
        yield Region(where=where, data=kept, start=0)


def _reading(stream: Any) -> io.BytesIO:
    return io.BytesIO(stream.read())


def zip_regions(content: Content, *, beside: int) -> Iterator[Region]:
    """Give what the members of a ZIP hold, and their names."""
    with parsing(), zipfile.ZipFile(_reading(content.stream())) as archive:
        names = "\n".join(archive.namelist())
        yield Region(where="name in a ZIP", data=names.encode())
        for name in archive.namelist():
            with archive.open(name) as member:
                kept = b""
                while piece := member.read(WINDOW):
                    data = kept + piece
                    yield Region(where="member of a ZIP", data=data)
                    kept = data[-2 * beside :]


def puffin_regions(content: Content) -> Iterator[Region]:
    """Give the blobs of a file of statistics, and what its footer says."""
    with parsing():
        tail = content.at(content.size - 12, 12)
        length, flags = int.from_bytes(tail[:4], "little"), tail[4]
        footer = content.at(content.size - 12 - length, length)
        if flags & 1:
            footer = _all_of(footer, "lz4")
        yield Region(where="footer of statistics", data=footer)
        for blob in json.loads(footer).get("blobs", ()):
            data = content.at(int(blob["offset"]), int(blob["length"]))
            if (how := blob.get("compression-codec")) is not None:
                data = _all_of(data, how)
            yield Region(where="blob of statistics", data=data)


def _all_of(data: bytes, how: str) -> bytes:
    read: bytes = _stream(pa.BufferReader(data), how).read()
    return read


def _stream(source: Any, how: Any) -> Any:
    return pa.CompressedInputStream(source, how)


def sqlite_rows(content: Content) -> Iterator[Region]:
    """Give the rows of a database: a long one is on several pages."""
    if content.local is None:
        return
    uri = f"{content.local.as_uri()}?mode=ro&immutable=1"
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(uri, uri=True)) as database,
    ):
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in database.execute(query).fetchall():
            named = str(table).replace('"', '""')
            for row in database.execute(f'SELECT * FROM "{named}"'):  # noqa: S608
                texts = [
                    each if isinstance(each, bytes) else str(each).encode()
                    for each in row
                    if isinstance(each, str | bytes)
                ]
                yield Region(
                    where="row of the database",
                    data=BETWEEN.join(texts),
                    is_cells=True,
                )


def panel_head(content: Content) -> Region:
    """Give what a panel that is kept says of itself."""
    length = int.from_bytes(content.at(24, 8), "little")
    head = content.at(0, min(_PANEL_HEAD + length, content.size, WINDOW))
    return Region(where="head of a panel", data=head)


def head_of(content: Content) -> Region:
    """Give the first bytes, where a packed file may have its name."""
    return Region(where="head", data=content.at(0, _HEAD))


# --- Avro -----------------------------------------------------------------------------

AVRO = b"Obj\x01"
_SYNC = 16


def avro_regions(content: Content, *, cells: bool) -> Iterator[Region]:
    """Give the head of an Avro file and its blocks, unpacked.

    Parameters
    ----------
    content
    cells
        Whether to give every text and bound by itself, too.

    Raises
    ------
    DamagedFileError
        If it is not whole.
    """
    with parsing():
        data = content.at(0, content.size)
        codec, place = "null", len(AVRO)
        while True:
            count, place = zigzag(data, place)
            if count == 0:
                break
            if count < 0:
                _, place = zigzag(data, place)
            for _ in range(abs(count)):
                key, place = _counted(data, place)
                value, place = _counted(data, place)
                if key == b"avro.codec":
                    codec = value.decode()
        place += _SYNC
        yield Region(where="head of Avro", data=data[:place])
        while place < len(data):
            _, place = zigzag(data, place)
            block, place = _counted(data, place)
            yield Region(where="block of Avro", data=_unpacked_block(block, codec))
            place += _SYNC
        if cells:
            with AvroFile[Record](content.input()) as records:
                texts = [text for record in records for text in _texts(record)]
            where = "bounds and texts of Avro"
            yield Region(where=where, data=BETWEEN.join(texts), is_cells=True)


def _texts(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.encode()
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Record):
        yield from _texts([value[at] for at in range(len(value))])


def _unpacked_block(block: bytes, codec: str) -> bytes:
    if codec == "null":
        return block
    if codec == "deflate":
        return zlib.decompress(block, -15)
    if codec == "snappy":
        return snappy(block[:-4])
    if codec == "bzip2":
        return bz2.decompress(block)
    if codec == "xz":
        return lzma.decompress(block)
    if codec == "zstandard":
        return _all_of(block, "zstd")
    msg = f"its codec {codec!r} is not known"
    raise DamagedFileError(msg)


def snappy(block: bytes) -> bytes:
    """Return what a block of Snappy holds, which says first how much that is."""
    size, _ = uleb(block, 0)
    return packed_page(block, "snappy", size)


def packed_page(block: bytes, codec: Any, size: int) -> bytes:
    """Return what a block of a codec of Arrow's holds."""
    return pa.decompress(block, decompressed_size=size, codec=codec, asbytes=True)


def uleb(data: bytes, place: int) -> tuple[int, int]:
    """Return a whole number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
        shift += 7


def zigzag(data: bytes, place: int) -> tuple[int, int]:
    """Return one that may be negative, and where it ends."""
    value, place = uleb(data, place)
    return (value >> 1) ^ -(value & 1), place


def _counted(data: bytes, place: int) -> tuple[bytes, int]:
    length, start = zigzag(data, place)
    if length < 0 or start + length > len(data):
        msg = "a text ends after its file"
        raise DamagedFileError(msg)
    return data[start : start + length], start + length
