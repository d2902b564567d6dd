"""Proof that values are gone: every byte of a lake, raw and unpacked, is looked at.

It knows nothing of how the erasure was done, nor of what refers to what: files are read
because they are there.
"""

from __future__ import annotations

import base64
import bisect
import contextlib
import gzip
import lzma
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, quote_plus

import pyarrow as pa

from lakebt._messages import as_words, listed
from lakebt.lake.erasure.proof_content import BETWEEN, Region
from lakebt.lake.erasure.proof_packing import (
    AVRO,
    PANEL,
    PUFFIN,
    SQLITE,
    ZIP,
    avro_regions,
    head_of,
    packing,
    panel_head,
    puffin_regions,
    sqlite_rows,
    unpacked,
    zip_regions,
)
from lakebt.lake.erasure.proof_parquet import PARQUET, parquet_regions
from lakebt.lake.erasure.proof_texts import WHOLE, Sought, Told, spelt
from lakebt.lake.storage.failures import DamagedFileError
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakebt.lake.erasure.proof_content import Content

    Step = Callable[[int, int], None]


HIDDEN = "[erased]"
"""What stands for a value in a path that is told."""

_RAW = "raw bytes"
_BATCH = 4 * 2**20
_PACKED = re.compile(rb"H4sI[A-Za-z0-9+/]{16,}={0,2}")
"""A part of a page that is gzip, written in letters."""

_DAMAGE = (
    *(ValueError, LookupError, EOFError, OSError, NotImplementedError, OverflowError),
    *(
        DamagedFileError,
        pa.ArrowException,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ),
)
"""What reading a file raises that is not what it says it is."""


@dataclass(frozen=True, slots=True, order=True)
class Trace:
    """A value that was found.

    Attributes
    ----------
    path : str
        The file, below its place; the value itself is not in it.
    where : str
        Where in it, in words.
    value : int
        Which value, by its index: never its text.
    """

    path: str
    where: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What looking at every byte showed.

    Attributes
    ----------
    traces : tuple of Trace
        Sorted; empty if nothing was found.
    unread : tuple of (str, str)
        Files that could not be unpacked, and why: what they hold is not known, beyond
        their raw bytes.
    n_files, n_bytes : int
        What was looked at, packed.
    n_covered : int
        Places where a value was found within a longer text that stays.
    n_covering : int
        How many such texts there were.
    short : tuple of int
        Values so short that every file has them by chance: looked for as whole cells,
        bounds and texts.
    """

    traces: tuple[Trace, ...]
    unread: tuple[tuple[str, str], ...] = ()
    n_files: int = 0
    n_bytes: int = 0
    n_covered: int = 0
    n_covering: int = 0
    short: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found, and everything was looked at."""
        return not (self.traces or self.unread)

    @as_words
    def __str__(self) -> str:
        seen = f"{count(self.n_files, 'file')} with {self.n_bytes:,} bytes looked at"
        if self.ok:
            return f"{seen}: nothing found."
        traces = [f"{each.where} of {each.path}" for each in self.traces]
        unread = [f"{path} could not be read ({why})" for path, why in self.unread]
        return f"{seen}: {listed([*traces, *unread], between='; ')}."


def prove(
    contents: Iterable[Content],
    values: Sequence[str],
    *,
    kept: Iterable[str] = (),
    step: Step | None = None,
) -> Proof:
    """Look for values in every byte of some files, and in their names.

    Parameters
    ----------
    contents
        The files.
    values
        What must not be there.
    kept
        Texts that stay: a value within one of them, or that is one, is no trace.
    step
        Told after each file how many were looked at, and of how many.

    Returns
    -------
    Proof

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow.fs as pafs
    >>> from lakebt.lake.erasure.proof_content import files_in
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = pathlib.Path(folder, "note.txt").write_text("of ACMEX, not ACME")
    ...     files = list(files_in(pafs.LocalFileSystem(), folder))
    ...     print(prove(files, ["ACMEX"]))
    ...     print(prove(files, ["ACME"], kept=["of ACMEX, not ACME"]))
    1 file with 18 bytes looked at: raw bytes of note.txt.
    1 file with 18 bytes looked at: nothing found.
    """
    every = list(contents)
    sought, report = Sought(values, kept), Told()
    trace_set: set[_Found] = set()
    batches = {
        kind: _Batch(sought, report, trace_set, kind)
        for kind in ("noise", "plain", "cells")
    }
    unread: list[tuple[str, str]] = []
    for done, content in enumerate(every, start=1):
        try:
            for region in _regions(content, sought):
                batches[_kind(region)].add(content.path, region)
        except _DAMAGE as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            unread.append((hidden(content.path, values), hidden(why, values)))
        content.close()
        if step is not None:
            step(done, len(every))
    for batch in batches.values():
        batch.flush()
    trace_set = {each for each in trace_set if each[3] not in report.explained}
    unpacked_too = {
        (path, value) for path, where, value, _ in trace_set if where != _RAW
    }
    traces = {
        Trace(hidden(path, values), hidden(where, values), value)
        for path, where, value, _ in trace_set
        if where != _RAW or (path, value) not in unpacked_too
    }
    return Proof(
        traces=tuple(sorted(traces)),
        unread=tuple(unread),
        n_files=len(every),
        n_bytes=sum(content.size for content in every),
        n_covered=report.n_covered,
        n_covering=len(report.covering),
        short=tuple(sorted(sought.short.values())),
    )


def hidden(path: str, values: Iterable[str]) -> str:
    """Return a path without the values in it.

    Examples
    --------
    >>> hidden("data/symbol=ACME/1.parquet", ["ACME"])
    'data/symbol=[erased]/1.parquet'
    """
    for value in sorted(filter(None, values), key=len, reverse=True):
        if len(value) < WHOLE:
            path = re.sub(rf"(?<![^/=]){re.escape(value)}(?![^/])", HIDDEN, path)
        for form in (value, quote(value, safe=""), quote(value), quote_plus(value)):
            path = path.replace(form, HIDDEN) if len(value) >= WHOLE else path
    return path


# A path, where in it, which value, and the beginning of it that is all that was found.
_Found: TypeAlias = tuple[str, str, int, str]


class _Batch:
    """Regions that are looked at together: one by one takes a call for each page."""

    def __init__(
        self, sought: Sought, told: Told, found: set[_Found], kind: str
    ) -> None:
        self._sought, self._told, self._found = sought, told, found
        self._kind = kind
        self._parts: list[bytes] = []
        self._starts: list[int] = []
        self._regions: list[tuple[str, Region]] = []
        self._size = 0

    def add(self, path: str, region: Region) -> None:
        self._starts.append(self._size)
        self._regions.append((path, region))
        self._parts.append(region.data)
        self._size += len(region.data) + len(BETWEEN)
        if self._size > _BATCH:
            self.flush()

    def flush(self) -> None:
        data = BETWEEN.join(self._parts)
        for hit in self._sought.hits(data, self._told, kind=self._kind):
            number = bisect.bisect_right(self._starts, hit.place) - 1
            path, region = self._regions[number]
            place = hit.place - self._starts[number]
            end = len(region.data) if region.end is None else region.end
            if region.start <= place < end:
                self._found.add((path, region.where, hit.value, hit.cut))
        if self._kind == "cells" and self._sought.short:
            for path, region in self._regions:
                for cell in region.data.split(BETWEEN):
                    if (value := self._sought.whole(cell)) is not None:
                        self._found.add((path, region.where, value, ""))
        self._parts, self._starts, self._regions = [], [], []
        self._size = 0


def _kind(region: Region) -> str:
    return "noise" if region.is_noise else "cells" if region.is_cells else "plain"


def _regions(content: Content, sought: Sought) -> Iterator[Region]:
    """Give the names and the bytes of a file, in every spelling."""
    for region in (_name(content), *_raw(content, sought)):
        yield from _spellings(region)
    for region in _unpacked(content, sought):
        yield from _spellings(region)


def _name(content: Content) -> Region:
    parts = re.split("[/=]", content.path)
    return Region(
        where="name",
        data=BETWEEN.join(part.encode("utf-8", "surrogateescape") for part in parts),
        is_cells=True,
    )


def _raw(content: Content, sought: Sought) -> Iterator[Region]:
    is_noise = content.magic.startswith(_UNPACKED) or packing(content.magic) is not None
    yield from content.windows(_RAW, beside=sought.longest, is_noise=is_noise)


_UNPACKED = (PARQUET, AVRO, PUFFIN, ZIP, PANEL)
"""How files begin whose parts are looked at by themselves."""


def _unpacked(content: Content, sought: Sought) -> Iterator[Region]:
    """Give what is in a file beyond its bytes as they stand, by how it begins."""
    magic, beside, cells = content.magic, sought.longest, bool(sought.short)
    if magic.startswith(PARQUET):
        yield from parquet_regions(content, cells=cells)
    elif magic.startswith(AVRO):
        yield from avro_regions(content, cells=cells)
    elif magic.startswith(SQLITE):
        yield from sqlite_rows(content)
    elif magic.startswith(PUFFIN):
        yield from puffin_regions(content)
    elif magic.startswith(PANEL):
        yield panel_head(content)
    elif magic.startswith(ZIP):
        yield from zip_regions(content, beside=beside)
    elif (how := packing(magic)) is not None:
        yield head_of(content)
        yield from unpacked(content.stream(), how, beside=beside, where=f"{how} data")


def _spellings(region: Region) -> Iterator[Region]:
    """Give a region as it stands, and without the escapes and packing in it."""
    yield region
    if region.is_noise:
        return
    for how, data in spelt(region.data):
        yield replace(
            region, where=f"{region.where}, {how}", data=data, start=0, end=None
        )
    for packed in _PACKED.findall(region.data):
        with contextlib.suppress(*_DAMAGE):
            data = gzip.decompress(base64.b64decode(packed))
            inner = Region(where=f"{region.where}, packed", data=data)
            yield inner
            for how, plain in spelt(data):
                yield replace(inner, where=f"{inner.where}, {how}", data=plain)
