"""Parquet files page by page: heads, statistics and indexes, and every page unpacked.

The pages are found by the footer, and each is walked by its own head. What is not the
content of a page (heads, indexes, the footer, gaps) is looked at as it stands.
"""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakebt.lake.erasure.proof_content import BETWEEN, WINDOW, Region
from lakebt.lake.erasure.proof_packing import packed_page, uleb, zigzag
from lakebt.lake.storage.failures import DamagedFileError, parsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt.lake.erasure.proof_content import Content


PARQUET = b"PAR1"

_TEXTS = {"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}
_BY_CODE = {2, 8}
"""Encodings of data pages that hold places in a dictionary."""

_PREFIXED = {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"}
"""Encodings that do not have each text in one piece, and with its length before it."""

_CODECS = {
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "ZSTD": "zstd",
    "LZ4": "lz4_raw",
    "LZ4_RAW": "lz4_raw",
}
_HEAD = 64 * 2**10
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
"""Bytes of values of Thrift's types that have no length before them."""


def parquet_regions(content: Content, *, cells: bool) -> Iterator[Region]:
    """Give everything in a Parquet file, unpacked.

    Parameters
    ----------
    content
    cells
        Whether to give every column of text as the values of its cells, too.

    Raises
    ------
    DamagedFileError
        If a page cannot be read.
    """
    with parsing():
        file = pq.ParquetFile(content.stream())
        metadata = file.metadata
    spans: list[tuple[int, int]] = []
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk: Any = metadata.row_group(group).column(number)
            with parsing():
                yield from _chunk(content, chunk, spans)
            if chunk.physical_type in _TEXTS and (
                cells or _PREFIXED & set(chunk.encodings)
            ):
                yield _cells(file, group, chunk)
    kept, place = [], 0
    for start, end in sorted(spans):
        kept.append(content.at(place, start - place))
        place = max(place, end)
        if sum(map(len, kept)) > WINDOW:
            yield Region(where="heads and indexes", data=BETWEEN.join(kept))
            kept = []
    kept.append(content.at(place, content.size - place))
    yield Region(where="footer, heads and indexes", data=BETWEEN.join(kept))
    for key, value in (metadata.metadata or {}).items():
        with contextlib.suppress(ValueError):
            packed = base64.b64decode(value, validate=True)
            yield Region(where=f"metadata {key.decode(errors='replace')}", data=packed)


def _chunk(
    content: Content, chunk: Any, spans: list[tuple[int, int]]
) -> Iterator[Region]:
    """Give the pages of a column; `spans` gets where what they hold stands.

    Raises
    ------
    DamagedFileError
        If a page is not whole.
    """
    place = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        place = min(place, chunk.dictionary_page_offset)
    end = place + chunk.total_compressed_size
    is_text = chunk.physical_type in _TEXTS
    is_split = bool(_PREFIXED & set(chunk.encodings))
    name = chunk.path_in_schema
    while place < end:
        head, length = _page_head(content, place)
        start = place + length
        place = start + head[3]
        spans.append((start, place))
        block = content.at(start, head[3])
        if len(block) != head[3]:
            msg = f"a page of column {name} ends after its file"
            raise DamagedFileError(msg)
        page = _unpacked(block, head, chunk.compression)
        kind = head[1]
        what = "dictionary" if kind == _DICTIONARY else "page"
        data_head = head.get(5 if kind == _DATA else 8, {})
        by_code = kind != _DICTIONARY and (
            data_head.get(2 if kind == _DATA else 4) in _BY_CODE
        )
        yield Region(
            where=f"{what} of column {name}",
            data=page,
            is_noise=not is_text or by_code or is_split,
            is_cells=is_text,
        )


def _unpacked(block: bytes, head: Any, compression: str) -> bytes:
    if compression == "UNCOMPRESSED":
        return block
    if compression not in _CODECS:
        msg = f"its codec {compression} is not known"
        raise DamagedFileError(msg)
    size, before = head[2], 0
    if head[1] == _DATA_2:  # its levels are not compressed
        told = head[8]
        before = told.get(5, 0) + told.get(6, 0)
        if told.get(7) is False:
            return block
    if size == before or not block[before:]:
        return block[:before]
    codec = _CODECS[compression]
    if compression == "LZ4" and int.from_bytes(block[:4], "big") == size:
        return packed_page(block[8:], codec, size)  # with Hadoop's two numbers before
    return block[:before] + packed_page(block[before:], codec, size - before)


def _cells(file: Any, group: int, chunk: Any) -> Region:
    """Give the texts of a column of a row group, each once."""
    with parsing():
        name = chunk.path_in_schema
        column = file.read_row_group(group, columns=[name]).column(0)
    texts: list[bytes] = []
    for part in column.chunks:
        flat: Any = part
        while pa.types.is_nested(flat.type):
            is_struct = pa.types.is_struct(flat.type)
            flat = flat.flatten()[0] if is_struct else flat.flatten()
        texts += map(_bytes, pc.unique(flat).drop_null().to_pylist())
    stated = chunk.statistics
    if stated is not None and stated.has_min_max:
        texts += map(_bytes, (stated.min, stated.max))
    return Region(
        where=f"cells of column {name}", data=BETWEEN.join(texts), is_cells=True
    )


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _page_head(content: Content, place: int) -> tuple[dict[int, Any], int]:
    size = _HEAD
    while True:
        data = content.at(place, size)
        try:
            return _struct(data, 0)
        except IndexError:
            if len(data) < size:
                raise
            size *= 8


def _struct(data: bytes, place: int) -> tuple[dict[int, Any], int]:
    """Return a structure of Thrift's compact protocol by its fields, and its end."""
    fields: dict[int, Any] = {}
    number = 0
    while (byte := data[place]) != 0:
        place += 1
        if byte >> 4:
            number += byte >> 4
        else:
            number, place = zigzag(data, place)
        fields[number], place = _value(data, place, byte & 15)
    return fields, place + 1


def _value(data: bytes, place: int, kind: int) -> tuple[Any, int]:
    if kind in _FIXED:
        return kind == 1, place + _FIXED[kind]
    if kind in {4, 5, 6}:
        return zigzag(data, place)
    if kind == 8:
        length, place = uleb(data, place)
        if place + length > len(data):
            raise IndexError(length)
        return data[place : place + length], place + length
    if kind in {9, 10}:
        byte, place = data[place], place + 1
        length = byte >> 4
        if length == 15:
            length, place = uleb(data, place)
        items = []
        for _ in range(length):
            item, place = _value(data, place, byte & 15)
            items.append(item)
        return items, place
    if kind == 12:
        return _struct(data, place)
    msg = f"a page's head has a value of type {kind}"
    raise DamagedFileError(msg)
