"""What a file of a lake is: its name says the digest of its content.

Whatever names a file so says what is in it: the catalog's pointer the metadata, that
the manifest list, that the manifests, and they the data. Of files that others named,
digests are listed in a file of their own, whose name a release keeps.
"""

from __future__ import annotations

import contextlib
import io as memory
import json
import os
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import xxhash
from pyiceberg.io import OutputFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.utils.concurrent import ExecutorFactory

from lakebt.lake.storage.durability import sync
from lakebt.lake.storage.failures import ChangedFileError, parsing
from lakebt.lake.storage.kept_files import CONTENTS
from lakebt.lake.tables.schemas import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.io import FileIO, InputFile
    from pyiceberg.table import Table


LISTED = ".digests.stats"
"""How the name of a file ends that lists the digests of others.

A store that is strict about what lies beside metadata takes no other ending.
"""

HOMES = f"{OURS}homes"
"""The property of a table that says where it lay before: lists of digests name that."""

NOTHING: Mapping[str, str] = {}

OPEN = "0" * 16
"""Where the digest is to come in the name of a file that is not written yet."""

_NAMED = re.compile(
    r"/(?:[0-9a-f]{16}-|snap-\d+-\d+-|files-)?([0-9a-f]{16})(?:-m\d+)?"
    r"\.(?:parquet|avro|digests\.stats)\Z"
)
_CHUNK_BYTES = 2**20
_ON_A_DISK = ("file:", "/")
_REMEMBERED = 2**17

_COMPARED: OrderedDict[str, tuple[int, ...]] = OrderedDict()
"""The files that were compared, each with what changes when it does."""


def digest_of(content: Any) -> str:
    """Return the digest of bytes."""
    return xxhash.xxh3_64_hexdigest(content)


def digest_in(path: str) -> str | None:
    """Return the digest in the name of a file; None if it has none."""
    match = _NAMED.search(path)
    return match.group(1) if match else None


def named(place: str, content: Any) -> str:
    """Return a place with the digest of what is to lie there instead of `OPEN`."""
    before, _, after = place.rpartition(OPEN)
    return f"{before}{digest_of(content)}{after}"


def check(path: str, content: Any, told: Mapping[str, str] = NOTHING) -> bool:
    """Compare the content of a file with its digest; False if that is unknown.

    Raises
    ------
    ChangedFileError
        If it is not what it was.
    """
    wanted = digest_in(path) or told.get(path)
    if wanted is None:
        return False
    if digest_of(content) != wanted:
        raise ChangedFileError(path)
    return True


def verify(io: FileIO, paths: Iterable[str], told: Mapping[str, str] = NOTHING) -> bool:
    """Compare files with their digests, each once for as long as it stays the same.

    Returns
    -------
    bool
        Whether the digest of every one is known.

    Raises
    ------
    ChangedFileError
        If one is not what it was.
    FileNotFoundError
        If one is gone.
    """
    known = [(path, digest_in(path) or told.get(path)) for path in paths]
    wanted = [(path, digest) for path, digest in known if digest is not None]
    if len(wanted) == 1:
        _compare(io, *wanted[0])
    elif wanted:
        list(ExecutorFactory.get_or_create().map(lambda w: _compare(io, *w), wanted))
    return len(wanted) == len(known)


def wrote(io: FileIO, path: str, content: bytes) -> None:
    """Note that a file was written just now: a store has what it says it has."""
    if _local(io, path) is None:
        _remember(path, ())
        CONTENTS.keep(path, content)


def read_once(file: InputFile, told: Mapping[str, str] = NOTHING) -> tuple[bytes, bool]:
    """Return the content of a small file, and whether its digest matches.

    Of a store, where its name tells its content, it is read once.

    Raises
    ------
    ChangedFileError
        If it is not what was written.
    FileNotFoundError
        If it is gone.
    """
    path = file.location
    if digest_in(path) is not None and (kept := CONTENTS.get(path)) is not None:
        return kept, True
    with file.open() as stream:
        content = stream.read()
    is_known = check(path, content, told)
    if digest_in(path) is not None and not path.startswith(_ON_A_DISK):
        CONTENTS.keep(path, content)
    return content, is_known


def digest_at(io: FileIO, path: str) -> str:
    """Return the digest of what a file holds now.

    Raises
    ------
    FileNotFoundError
        If it is gone.
    """
    local = _local(io, path)
    if local is not None:
        with open(local, "rb", buffering=0) as file:  # noqa: PTH123 - its descriptor
            return _digest(file)
    with io.new_input(path).open() as stream:
        return digest_of(stream.read())


def write_listed(table: Table, digests: Mapping[str, str]) -> str:
    """Write the digests of files that others named, and return what the file is called.

    Parameters
    ----------
    table
        Whose files they are.
    digests
        By path, as the metadata has it.
    """
    content = json.dumps(dict(sorted(digests.items())), indent=0).encode()
    name = f"files-{digest_of(content)}{LISTED}"
    place = listed_at(table, name)
    with table.io.new_output(place).create(overwrite=True) as stream:
        stream.write(content)
    sync(table.io, place)
    return name


def read_listed(table: Table, name: str) -> Mapping[str, str]:
    """Return the digests that a file lists, by path.

    Raises
    ------
    ChangedFileError
        If it is not what it was.
    FileNotFoundError
        If it is gone.
    """
    place = listed_at(table, name)
    with table.io.new_input(place).open() as stream:
        content = stream.read()
    if not check(place, content):
        raise ChangedFileError(place)
    with parsing():
        listed: dict[str, str] = json.loads(content)
    homes = homes_of(table.metadata.properties)
    return listed | _moved(listed, homes, table.metadata.location)


def homes_of(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a table lay before, the first place first."""
    with contextlib.suppress(ValueError):
        homes = json.loads(properties.get(HOMES, "[]"))
        if isinstance(homes, list) and all(isinstance(each, str) for each in homes):
            return tuple(homes)
    return ()


def with_home(homes: Iterable[str], left: str, reached: str) -> str:
    """Return the places that a table lay in, once it has left another one for a new."""
    distinct = dict.fromkeys([*homes, left])
    distinct.pop(reached, None)
    return json.dumps(list(distinct)) if distinct else ""


def _moved(listed: Mapping[str, str], homes: Iterable[str], now: str) -> dict[str, str]:
    """Return the digests of files by where they lie since their table was moved."""
    return {
        f"{now}{path.removeprefix(home)}": digest
        for home in homes
        for path, digest in listed.items()
        if path.startswith(f"{home}/")
    }


def listed_at(table: Table, name: str) -> str:
    """Return where a list of digests is.

    Raises
    ------
    ChangedFileError
        If nothing of that name is one.
    """
    if "/" in name or not name.endswith(LISTED):
        raise ChangedFileError(name)
    return table.location_provider().new_metadata_location(name)


class Addressed(OutputFile):
    """A file that is put together in memory, and then named by what is in it.

    Parameters
    ----------
    io
    place
        Where it is to lie, with `OPEN` in its name.
    written
        Gets its name before it is written: a file that is cut has to be deleted, too.
    """

    def __init__(self, io: FileIO, place: str, written: list[str]) -> None:
        super().__init__(place)
        self._io, self._written, self._size = io, written, 0

    def __len__(self) -> int:
        return self._size

    def exists(self) -> bool:
        """Return False: the name is unique."""
        return False

    def to_input_file(self) -> Any:
        """Return it, to be read."""
        return self._io.new_input(self.location)

    def create(self, overwrite: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's
        """Return what takes its content."""
        return _Held(self)

    def put(self, content: Any) -> None:
        """Write it."""
        self._location = named(self._location, content)
        self._size = len(content)
        self._written.append(self._location)
        with self._io.new_output(self._location).create(overwrite=True) as stream:
            stream.write(content)
        if _local(self._io, self._location) is None:
            CONTENTS.keep(self._location, content)


class _Held(memory.BytesIO):
    def __init__(self, file: Addressed) -> None:
        super().__init__()
        self._file: Addressed | None = file

    def close(self) -> None:
        file, self._file = self._file, None  # once: also if it cannot be written
        if file is not None:
            file.put(self.getvalue())
        super().close()


def _compare(io: FileIO, path: str, wanted: str) -> None:
    local = _local(io, path)
    if local is None:
        if path not in _COMPARED:  # a store checks what it keeps itself
            with io.new_input(path).open() as stream:
                content = stream.read()
            if digest_of(content) != wanted:
                raise ChangedFileError(path)
            _remember(path, ())
            if digest_in(path) is not None:
                CONTENTS.keep(path, content)
        return
    with open(local, "rb", buffering=0) as file:  # noqa: PTH123 - its descriptor
        now = _state(file.fileno())
        if _COMPARED.get(path) == now:
            return
        if _digest(file) != wanted:
            raise ChangedFileError(path)
        _remember(path, now)


def _remember(path: str, state: tuple[int, ...]) -> None:
    _COMPARED[path] = state
    while len(_COMPARED) > _REMEMBERED:
        _COMPARED.popitem(last=False)


def _state(file: int) -> tuple[int, ...]:
    """Return what changes when a file does."""
    status = os.fstat(file)
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


def _digest(file: Any) -> str:
    """Return the digest of an open file. It is not mapped: a bad sector is an error."""
    size = max(os.fstat(file.fileno()).st_size, 1)  # most are far smaller than a chunk
    state, buffer = xxhash.xxh3_64(), bytearray(min(size, _CHUNK_BYTES))
    view = memoryview(buffer)
    while count := file.readinto(buffer):
        state.update(view[:count])
    return state.hexdigest()


def is_local(io: FileIO, path: str) -> bool:
    """Whether a file lies on a local disk, where checks need no requests."""
    return _local(io, path) is not None


def _local(io: FileIO, path: str) -> str | None:
    scheme, _, place = PyArrowFileIO.parse_location(path, io.properties)
    return place if scheme == "file" else None
