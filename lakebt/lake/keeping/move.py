"""A lake in another folder: the absolute paths of Iceberg's metadata are written anew.

What is new is written beside what is there, under names of its own. Then the folder
changes its name, and the catalog what it points at: see `lake.storage.move_note`.
Until the first of the two the lake is where it was, and from then on where it goes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import ICEBERG_TABLE_TYPE
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.committing.sql import turn
from lakebt.lake.storage import failures
from lakebt.lake.storage.catalog import lake_root
from lakebt.lake.storage.connections import TABLES, local_catalog
from lakebt.lake.storage.directory import DATABASE, check_directory
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.home import home_in
from lakebt.lake.storage.metadata import packed, read
from lakebt.lake.storage.move_note import NOTE, Pointer, carry_out, leave, point
from lakebt.lake.storage.relocation import Relocation, within
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table.metadata import TableMetadata

    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step


_LOOKS = 20
"""How often to look again while others publish in between."""

_COLUMNS = (
    *(TABLES.c.catalog_name, TABLES.c.table_namespace),
    *(TABLES.c.table_name, TABLES.c.metadata_location),
)


def move(storage: Storage, to: object, *, step: Step | None = None) -> Path:
    """Move an embedded lake to another folder of the same disk, and return that.

    Raises
    ------
    InvalidArgumentError
        If it is not embedded, or cannot go there.
    LakeError
        If it cannot be read or written, or others publish too fast.
    """
    if "path" not in storage.address:
        msg = (
            f"{storage.where} has no folder of its own to move: lakebt export copies it"
        )
        raise InvalidArgumentError(msg)
    root = Path(storage.address["path"])
    with translated(storage.where):
        target = _target(root, to)
    paths = Paths(folder=root, before=root, after=target)
    with _there(root), translated(storage.where), paths.undone():
        for _ in range(_LOOKS):
            paths.prepare(_rows(local_catalog(root, create=False)), step)
            if _renamed(root, target, paths):
                break
        else:
            msg = f"{storage.where} changes faster than it can be moved. Try again"
            raise LakeError(msg)
    catalog = local_catalog(target, create=False)
    with translated(f"lake {target}"):
        carry_out(catalog, target)
    paths.tidy(target)
    return target


def settle(path: object, home: object, *, step: Step | None = None) -> Path:
    """Make a lake that was moved or copied by hand one of the place it lies in.

    Parameters
    ----------
    path
        Where it lies.
    home
        Where it lay: what the error says that refuses it.

    Raises
    ------
    InvalidArgumentError
        If it is not from there.
    LakeError
        If it is no lake, or cannot be read or written.
    """
    root, home_root = lake_root(path), lake_root(home)
    where = f"lake {root}"
    with translated(where):
        check_directory(root, create=False, where=where)
        catalog = local_catalog(root, create=False)
        before = home_in(catalog)
        if before is None or before.is_relative_to(root.resolve()):
            msg = f"{where} lies where it was written: there is nothing to move"
            raise InvalidArgumentError(msg)
        if before != home_root.resolve():
            msg = f"{where} is not from {home_root}, its files are recorded in {before}"
            raise InvalidArgumentError(msg)
        paths = Paths(folder=root, before=before, after=root)
        with paths.undone(), turn(catalog) as connection:
            pointers = paths.prepare(rows := _rows(catalog), step)
            for row in set(rows) - paths.rows:
                if row.namespace == NAMESPACE:
                    msg = f"{where}: its table {row.table} is recorded elsewhere"
                    raise LakeError(msg)
            if not point(connection, pointers):
                msg = f"{where} was changed meanwhile. Try again"
                raise LakeError(msg)
        paths.tidy(root)
        with contextlib.suppress(OSError):
            (root / NOTE).unlink()
    return root


@contextlib.contextmanager
def _there(root: Path) -> Iterator[None]:
    """Say of a lake that somebody else moved meanwhile that it is not lost.

    Raises
    ------
    LakeError
        In the place of one about a file of it.
    """
    try:
        yield
    except LakeError:
        if root.exists():
            raise
        raise LakeError(_gone(root)) from None


def _gone(root: Path) -> str:
    return f"lake {root} is not there any more: open it where it was moved to"


def _target(root: Path, to: object) -> Path:
    """Return the folder that a lake is to be in.

    Raises
    ------
    InvalidArgumentError
        If it cannot be there.
    LakeError
        If the lake itself is gone.
    """
    target = lake_root(to)
    if not root.exists():
        raise LakeError(_gone(root))
    parent = target.parent
    if root.is_symlink():
        why = f"it is a link to {root.resolve()}: open the lake there, and move that"
    elif target.resolve() == root.resolve():
        why = "that is where it is"
    elif target.resolve().is_relative_to(root.resolve()):
        why = "that is a folder of its own"
    elif target.is_symlink() or target.is_file():
        why = "something is there"
    elif target.is_dir() and any(target.iterdir()):
        why = "something is in that folder"
    elif not parent.is_dir():
        why = f"there is no folder {parent}: make it first"
    elif parent.stat().st_dev != root.stat().st_dev or root.is_mount():
        why = (
            "that is another disk: lakebt export copies it there, and the lake that "
            "is left can be deleted once nobody uses it"
        )
    else:
        return target
    msg = f"lake {root} cannot be moved to {target}: {why}"
    raise InvalidArgumentError(msg)


@dataclass(frozen=True, slots=True)
class _Row:
    """A table's row in the catalog."""

    catalog: str
    namespace: str
    table: str
    location: str


def _rows(catalog: SqlCatalog) -> list[_Row]:
    """Return all tables of a database, those of others too; no views."""
    kind = TABLES.c.iceberg_type
    statement = sa.select(*_COLUMNS).where(TABLES.c.metadata_location.is_not(None))
    with catalog.engine.connect() as connection:
        there = {
            each["name"] for each in sa.inspect(connection).get_columns(TABLES.name)
        }
        if kind.name in there:
            statement = statement.where((kind == ICEBERG_TABLE_TYPE) | kind.is_(None))
        return [_Row(*row) for row in connection.execute(statement)]


def _renamed(root: Path, target: Path, paths: Paths) -> bool:
    """Rename the folder, if the lake has not changed since the move was prepared.

    The catalog is locked meanwhile. Programs that wait for the lock find that the
    folder is gone.

    Raises
    ------
    OSError
        If it cannot be renamed, or written.
    """
    database = sqlite3.connect(
        root / DATABASE, timeout=failures.LOCK_SECONDS, isolation_level=None
    )
    with contextlib.closing(database):
        database.execute("pragma journal_mode = delete")
        database.execute("begin exclusive")
        names = ", ".join(column.name for column in _COLUMNS)
        rows = database.execute(f"select {names} from {TABLES.name}").fetchall()  # noqa: S608 - of the library's
        now = {_Row(*row) for row in rows if row[3] is not None}
        if not paths.rows <= now or any(_is_new(row, paths) for row in now):
            return False
        os.sync()
        leave(root, target, paths.pointers)
        try:
            root.rename(target)
        except OSError:
            (root / NOTE).unlink()
            raise
        paths.is_done = True
        for folder in {root.parent, target.parent}:
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            os.fsync(descriptor)
            os.close(descriptor)
    return True


def _is_new(row: _Row, paths: Paths) -> bool:
    """Whether somebody wrote the table of a row since all were read."""
    return row not in paths.rows and within(row.location, paths.home) is not None


class Paths:
    """The tables of a lake with other paths, written into its folder.

    Parameters
    ----------
    folder
        Where it lies now.
    before
        Where its metadata says that it lies.
    after
        Where it is to lie.

    Attributes
    ----------
    rows : set of _Row
        The tables, as they were read last.
    pointers : list of Pointer
        Where the metadata of each is, and where it is to be.
    is_done : bool
        Whether what was written is needed.
    """

    def __init__(self, *, folder: Path, before: Path, after: Path) -> None:
        self._folder, self.home = folder, f"file://{before}"
        self._after = f"file://{after}"
        self._relocations: dict[str, Relocation] = {}
        self._versions: dict[str, tuple[str, list[str]]] = {}
        self._made: list[Path] = []
        self._needed: set[Path] = set()
        self.rows: set[_Row] = set()
        self.pointers: list[Pointer] = []
        self.is_done = False

    def prepare(self, rows: Sequence[_Row], step: Step | None) -> list[Pointer]:
        """Write what is to be read later, and return what is to point at it.

        Called again, only what changed is written.
        """
        self.rows, self.pointers = set(), []
        io = PyArrowFileIO({})
        problems: list[tuple[_Row, TableMetadata]] = []
        for row in rows:
            if within(row.location, self.home) is None:
                continue  # a table of others, which lies elsewhere
            try:
                problems.append((row, read(io, f"file://{self._place(row.location)}")))
            except Exception as error:
                if row.namespace == NAMESPACE or not failures.is_failure(error):
                    raise
        done, total = 0, sum(len(metadata.snapshots) for _, metadata in problems)

        def tell() -> None:
            nonlocal done
            done += 1
            if step is not None:
                step(done, total)

        for row, metadata in problems:
            self.rows.add(row)
            after = self._table(row, metadata, tell)
            self.pointers.append(
                Pointer(row.catalog, row.namespace, row.table, row.location, after)
            )
        return self.pointers

    def _table(
        self, row: _Row, metadata: TableMetadata, tell: Callable[[], None]
    ) -> str:
        uuid = str(metadata.table_uuid)
        if uuid not in self._relocations:
            self._relocations[uuid] = Relocation(
                read=lambda path: self._place(path).read_bytes(),
                put=self._put,
                anew=self._anew,
                location=self._anew(metadata.location),
                where=f"table {row.table}",
            )
        if self._versions.get(uuid, ("",))[0] != row.location:
            new = self._relocations[uuid].metadata(metadata, step=tell)
            version = MetastoreCatalog._parse_metadata_version(row.location)  # noqa: SLF001
            location, content = packed(new, max(version, 0) + 1)
            self._put(location, content)
            log = [entry.metadata_file for entry in metadata.metadata_log]
            self._versions[uuid] = row.location, [location, row.location, *log]
        return self._versions[uuid][1][0]

    def _place(self, path: str) -> Path:
        """Return the present place of a file, given its path in some metadata."""
        for root in (self.home, self._after):
            if (rest := within(path, root)) is not None:
                return Path(f"{self._folder}{rest}")
        return Path(PyArrowFileIO.parse_location(path, {})[2])

    def _anew(self, path: str) -> str:
        rest = within(path, self.home)
        return path if rest is None else f"{self._after}{rest}"

    def _put(self, path: str, content: bytes) -> None:
        place = self._place(path)
        self._needed.add(place)
        if not place.exists():
            self._made.append(place)
        elif place.read_bytes() == content:  # which others may be reading
            return
        place.write_bytes(content)

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Delete the new metadata, if the move fails."""
        try:
            yield
            self.is_done = True
        finally:
            if not self.is_done and not self._is_named():
                for place in self._made:
                    with contextlib.suppress(OSError):
                        place.unlink()

    def _is_named(self) -> bool:
        """Whether the catalog may refer to the new metadata."""
        after = {pointer.after for pointer in self.pointers}
        try:
            rows = _rows(local_catalog(self._folder, create=False))
        except Exception as error:
            if not failures.is_failure(error):
                raise
            return True  # the folder is gone: it has its new name
        return any(row.location in after for row in rows)

    def tidy(self, root: Path) -> None:
        """Delete the old metadata after the move."""
        old = {path for each in self._relocations.values() for path in each.replaced}
        old |= {path for _, (_, *files) in self._versions.values() for path in files}
        for path in old:
            rest = within(path, self.home)
            if rest is not None and self._place(path) not in self._needed:
                with contextlib.suppress(OSError):
                    Path(f"{root}{rest}").unlink()
