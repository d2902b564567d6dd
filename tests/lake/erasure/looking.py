"""Looks for texts in every byte of a lake, with grep and codecs and nothing of ours."""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def found(
    lake: Path, values: Iterable[str], to: Path, but: Iterable[str] = ()
) -> list[str]:
    """Return the files in which a text stands, raw or in what they unpack to.

    Parameters
    ----------
    lake
    values
    to
        A folder that is made for what is unpacked.
    but
        Longer texts that may stand there.
    """
    to.mkdir()
    longer = spellings(but)
    for file in lake.rglob("*"):
        if file.is_file():
            name = "~".join(file.relative_to(lake).parts)
            for number, part in enumerate([file.read_bytes(), *unpacked(file)]):
                for text in longer:
                    part = part.replace(text, b"~")  # noqa: PLW2901
                (to / f"{name}~{number}").write_bytes(part)
    names = to / "names"
    names.write_text("\n".join(str(file) for file in lake.rglob("*")))
    patterns = to.with_name(f"{to.name}-patterns")
    patterns.write_bytes(b"\n".join(sorted(spellings(values))) + b"\n")
    order = ["grep", "-r", "-a", "-l", "-F", "-f", str(patterns), str(to)]
    told = subprocess.run(order, check=False, capture_output=True)
    assert told.returncode in {0, 1}, told.stderr
    return sorted(told.stdout.decode().splitlines())


def spellings(values: Iterable[str]) -> set[bytes]:
    """A text in the codes that files have, and as JSON escapes it."""
    spelled = set()
    for value in values:
        spelled |= {value.encode(), value.encode("utf-16-le")}
        spelled.add(json.dumps(value)[1:-1].encode())
    return {each for each in spelled if b"\n" not in each and each.strip(b"\0")}


def unpacked(file: Path) -> Iterator[bytes]:
    """Give what a file holds, without compression."""
    if file.name.endswith(".gz.metadata.json"):
        yield gzip.decompress(file.read_bytes())
    elif file.suffix == ".avro":
        yield from blocks(file.read_bytes())
    elif file.suffix == ".parquet":
        yield from columns(file)


def blocks(content: bytes) -> Iterator[bytes]:
    """Give the blocks of an Avro file: what lies between two of its marks."""
    mark = content[-16:]
    for block in content.split(mark)[1:]:
        for start in range(2, 12):  # two numbers come first
            with suppress(zlib.error):
                yield zlib.decompressobj(-15).decompress(block[start:])


def columns(file: Path) -> Iterator[bytes]:
    """Give the values of a Parquet file, those of its dictionaries and footer too."""
    opened = pq.ParquetFile(file)
    footer = opened.metadata
    told: list[Any] = [footer.metadata, str(footer.schema)]
    told += [
        footer.row_group(group).column(place).to_dict()
        for group in range(footer.num_row_groups)
        for place in range(footer.num_columns)
    ]
    told.append(opened.read().to_pydict())
    names = [field.name for field in opened.schema_arrow if str(field.type) == "string"]
    coded = pq.ParquetFile(file, read_dictionary=names).read(columns=names)
    chunks: list[Any] = [chunk for each in coded.columns for chunk in each.chunks]
    told += [chunk.dictionary.to_pylist() for chunk in chunks]
    yield "\n".join(map(str, told)).encode()
